//! [`Dim`]: how many positions a vector has, and where each of them lies.

use crate::Error;
use kernels::bits::{LINE_BITS, LINE_WORDS, Turn};

/// The fewest dimensions of a vector.
pub const DIM_MIN: u32 = 64;

/// The most dimensions of a vector.
pub const DIM_MAX: u32 = 1 << 20;

/// Number of dimensions, 64 to 2²⁰.
///
/// Where it is a multiple of 64, position `i` is bit `i / W` of word `i % W`, `W` being the number of words: a shift of
/// all positions then moves whole words. Any other vector has position `i` in bit `i % 64` of word `i / 64`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Dim(u32);

impl Dim {
    /// A number of dimensions that vectors may have.
    pub fn new(dim: u32) -> Result<Self, Error> {
        if (DIM_MIN..=DIM_MAX).contains(&dim) { Ok(Self(dim)) } else { Err(Error::Dim { dim: dim.into() }) }
    }

    /// The number itself.
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// The number, as lengths are counted.
    pub const fn to_usize(self) -> usize {
        self.0 as usize
    }

    /// Words of a plane.
    pub const fn n_words(self) -> usize {
        self.to_usize().div_ceil(64)
    }

    /// Lines of a plane, 512 bits each.
    pub const fn n_lines(self) -> usize {
        self.to_usize().div_ceil(LINE_BITS)
    }

    /// Positions of a plane's lines that are behind the end.
    pub(crate) const fn padding(self) -> i32 {
        (self.n_lines() * LINE_BITS - self.to_usize()) as i32
    }

    /// Do vectors of so many dimensions rotate?
    pub const fn rotates(self) -> bool {
        self.0.is_multiple_of(64)
    }

    /// Word and bit of position `i`.
    pub(crate) const fn place(self, i: usize) -> (usize, u32) {
        let n_words = self.n_words();
        if self.rotates() { (i % n_words, (i / n_words) as u32) } else { (i / 64, (i % 64) as u32) }
    }

    /// Bits of word `word` that are positions; none where the word is behind the end.
    pub(crate) const fn mask(self, word: usize) -> u64 {
        match self.to_usize().saturating_sub(word * 64) {
            0 => 0,
            left @ 1..64 => (1 << left) - 1,
            _ => u64::MAX,
        }
    }

    /// How planes turn when position `i` goes to `i + by`.
    pub(crate) fn turn(self, by: i64) -> Result<Turn, Error> {
        if !self.rotates() {
            // Both neighbours are in range, as its ends are multiples themselves.
            let below = self.0 / 64 * 64;
            return Err(Error::Rotate { dim: self.0, below, above: below + 64 });
        }
        let n_words = self.n_words();
        let by = by.rem_euclid(i64::from(self.0)) as usize;
        Ok(Turn { n_words, words: by % n_words, bits: (by / n_words) as u32 })
    }

    /// Refuses what has other dimensions.
    pub(crate) fn check(self, other: Self) -> Result<(), Error> {
        if self == other { Ok(()) } else { Err(Error::DimsDiffer { left: self.0, right: other.0 }) }
    }
}

const _: () = assert!(LINE_WORDS * 64 == LINE_BITS, "a line is made of its words");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dims_out_of_range_are_refused_with_their_value() {
        for dim in [0, 1, 63, DIM_MAX + 1, u32::MAX] {
            assert_eq!(Dim::new(dim), Err(Error::Dim { dim: dim.into() }));
        }
        assert_eq!(Dim::new(DIM_MIN).map(Dim::to_u32), Ok(64));
        assert_eq!(Dim::new(DIM_MAX).map(Dim::n_lines), Ok(2048));
    }

    #[test]
    fn every_position_has_a_place_of_its_own_that_the_mask_has() {
        for dim in [64, 65, 127, 128, 511, 512, 513, 704, 10_000, 10_240] {
            let dim = Dim::new(dim).expect("in range");
            let mut seen = vec![0u64; dim.n_words()];
            for i in 0..dim.to_usize() {
                let (word, bit) = dim.place(i);
                assert_eq!(seen[word] >> bit & 1, 0, "position {i} of {dim:?}");
                seen[word] |= 1 << bit;
            }
            assert_eq!(seen, (0..dim.n_words()).map(|w| dim.mask(w)).collect::<Vec<_>>());
            assert_eq!(dim.mask(dim.n_words()), 0);
        }
    }

    #[test]
    fn a_dim_that_does_not_rotate_names_its_neighbours() {
        let refused = Dim::new(10_000).expect("in range").turn(1).expect_err("no multiple of 64");
        assert_eq!(refused, Error::Rotate { dim: 10_000, below: 9_984, above: 10_048 });
    }
}
