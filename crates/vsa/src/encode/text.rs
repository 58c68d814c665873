//! Text as the bundle of its n-grams of bytes.

use crate::{Bipolar, Bundler, Code, Error, Space};

/// Encodes text by its n-grams: texts that share many of them are alike.
///
/// The n-gram of bytes `a b … z` is ρⁿ⁻¹(a) ⊗ ρⁿ⁻²(b) ⊗ … ⊗ z, ρ being a rotation by one position. The next one is made
/// of the last by taking `a` out (±1 are their own inverses), one rotation and one product, so time is that of the
/// bytes alone, whatever n is.
#[derive(Clone, Debug)]
pub struct Text {
    /// `[256]`: the vectors of bytes.
    letters: Vec<Bipolar>,
    /// `[256]`: the same, rotated as the first of an n-gram is.
    first: Vec<Bipolar>,
    n: usize,
}

impl Text {
    /// The encoder for n-grams of `n` bytes, at least one, with the vectors that `space` has for bytes; refused where
    /// its dimensions do not rotate.
    pub fn new(space: &Space, n: u32) -> Result<Self, Error> {
        let n = n.max(1);
        let letters: Vec<Bipolar> = (0..=u8::MAX).map(|byte| space.item(&[byte])).collect();
        let first = letters.iter().map(|v| v.rotate(i64::from(n) - 1)).collect::<Result<_, _>>()?;
        Ok(Self { letters, first, n: n as usize })
    }

    /// Adds all n-grams of `text`, of which there are none if it is shorter than one.
    pub fn add_to(&self, bundler: &mut Bundler, text: &[u8]) -> Result<(), Error> {
        let Some((head, rest)) = text.split_at_checked(self.n) else { return Ok(()) };
        let mut gram = Bipolar::ones(self.letters[0].dim());
        let mut turned = gram.clone();
        for byte in head {
            gram.rotate_into(1, &mut turned)?;
            turned.bind_into(self.letter(*byte), &mut gram)?;
        }
        bundler.add(&gram)?;
        for (byte, gone) in rest.iter().zip(text) {
            gram.bind_into(&self.first[usize::from(*gone)], &mut turned)?;
            turned.rotate_into(1, &mut gram)?;
            gram.bind_into(self.letter(*byte), &mut turned)?;
            std::mem::swap(&mut gram, &mut turned);
            bundler.add(&gram)?;
        }
        Ok(())
    }

    fn letter(&self, byte: u8) -> &Bipolar {
        &self.letters[usize::from(byte)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dim, Seed, Sums};

    fn space() -> Space {
        Space::new(Dim::new(2_048).expect("in range"), Seed(3))
    }

    fn encoded(n: u32, text: &str) -> Sums {
        let mut bundler = Bundler::new(space().dim());
        Text::new(&space(), n).expect("rotates").add_to(&mut bundler, text.as_bytes()).expect("room");
        bundler.sums()
    }

    #[test]
    fn rolling_gives_what_the_definition_gives() {
        let text = b"a rolling stone, bytes \xff\x00 too";
        for n in [1, 2, 3, 5, 29] {
            let mut plain = Bundler::new(space().dim());
            for gram in text.windows(n) {
                let mut v = Bipolar::ones(space().dim());
                for (i, byte) in gram.iter().enumerate() {
                    let turned = space().item(&[*byte]).rotate((n - 1 - i) as i64).expect("rotates");
                    v = v.bind(&turned).expect("same dimensions");
                }
                plain.add(&v).expect("room");
            }
            let mut rolled = Bundler::new(space().dim());
            Text::new(&space(), n as u32).expect("rotates").add_to(&mut rolled, text).expect("room");
            assert_eq!(rolled.sums(), plain.sums(), "{n}-grams");
        }
    }

    #[test]
    fn texts_of_the_same_words_are_alike() {
        let near = encoded(3, "the quick brown fox jumps over the lazy dog");
        let also = encoded(3, "over the lazy dog the quick brown fox jumps").sign(crate::Ties::Even);
        let far = encoded(3, "Zwölf Boxkämpfer jagen Viktor quer").sign(crate::Ties::Even);
        let (alike, unlike) = (near.cosine(&also).expect("same"), near.cosine(&far).expect("same"));
        assert!(alike > 0.5 && unlike.abs() < 0.15, "{alike} {unlike}");
    }

    #[test]
    fn a_text_shorter_than_an_n_gram_adds_nothing() {
        assert_eq!(encoded(4, "abc").added(), 0);
        assert_eq!(encoded(3, "abc").added(), 1);
        let odd = Space::new(Dim::new(100).expect("in range"), Seed(1));
        assert!(matches!(Text::new(&odd, 3), Err(Error::Rotate { dim: 100, .. })));
    }
}
