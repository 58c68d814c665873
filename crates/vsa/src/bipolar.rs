//! [`Bipolar`]: a sign a position.

use crate::{Code, Dim, Error, code::sealed::Sealed, planes::Planes};
use kernels::bits::{Bits, Element, Line};
use std::fmt;

/// A vector of 1 and -1, one bit each: set is -1.
///
/// Binding with it loses nothing, so names and keys are such vectors.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Bipolar(Planes);

const SIGN: usize = 0;

impl Bipolar {
    /// The vector whose words of signs are `words`.
    pub fn from_words(dim: Dim, words: &[u64]) -> Result<Self, Error> {
        let mut planes = Planes::zeroed(dim, Element::Bipolar);
        planes.fill(Element::Bipolar, SIGN, words)?;
        Ok(Self(planes))
    }

    /// The vector of lines that were those of one ([`Code::lines`]).
    pub fn from_lines(dim: Dim, lines: Vec<Line>) -> Result<Self, Error> {
        Planes::from_lines(dim, Element::Bipolar, lines).map(Self)
    }

    /// The vector with the given values, each 1 or -1, in the order of positions.
    pub fn from_values(dim: Dim, values: &[i8]) -> Result<Self, Error> {
        if values.len() != dim.to_usize() {
            return Err(Error::Values { dim: dim.to_u32(), got: values.len() });
        }
        let mut words = vec![0; dim.n_words()];
        for (index, &value) in values.iter().enumerate() {
            let (word, bit) = dim.place(index);
            words[word] |= match value {
                1 => 0,
                -1 => 1 << bit,
                _ => {
                    let value = value.into();
                    return Err(Error::Value { index, value, element: "bipolar", allowed: "1 and -1" });
                }
            };
        }
        Self::from_words(dim, &words)
    }

    /// Words of signs, as [`Dim`] says which position is where.
    pub fn words(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.0.words(Element::Bipolar, SIGN)
    }

    /// The vector whose words of signs come from `word`, called with their numbers in order; bits behind the end are
    /// left out.
    pub(crate) fn from_fn(dim: Dim, mut word: impl FnMut(usize) -> u64) -> Self {
        let mut planes = Planes::zeroed(dim, Element::Bipolar);
        for w in 0..dim.n_words() {
            planes.set_word(Element::Bipolar, SIGN, w, word(w));
        }
        Self(planes)
    }
}

impl Sealed for Bipolar {
    const ELEMENT: Element = Element::Bipolar;

    fn planes(&self) -> &Planes {
        &self.0
    }

    fn planes_mut(&mut self) -> &mut Planes {
        &mut self.0
    }
}

impl Code for Bipolar {
    fn ones(dim: Dim) -> Self {
        Self(Planes::zeroed(dim, Element::Bipolar))
    }

    fn at(&self, index: usize) -> Option<i8> {
        let (word, bit) = (index < self.dim().to_usize()).then(|| self.dim().place(index))?;
        Some(1 - 2 * (self.0.word(Element::Bipolar, SIGN, word) >> bit & 1) as i8)
    }

    fn dot(&self, other: &Self) -> Result<i32, Error> {
        self.dim().check(other.dim())?;
        // Bits behind the end agree.
        Ok(Bits::current().dot(Element::Bipolar, self.lines(), other.lines()) - self.dim().padding())
    }

    fn nonzero(&self) -> u32 {
        self.dim().to_u32()
    }

    fn negated(&self) -> Self {
        Self::from_fn(self.dim(), |w| !self.0.word(Element::Bipolar, SIGN, w))
    }
}

impl fmt::Debug for Bipolar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bipolar({}, {:016x?}…)", self.dim().to_u32(), self.words().take(2).collect::<Vec<_>>())
    }
}
