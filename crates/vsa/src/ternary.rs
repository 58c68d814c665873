//! [`Ternary`]: a trit a position.

use crate::{Bipolar, Code, Dim, Error, code::sealed::Sealed, planes::Planes};
use kernels::bits::{Bits, Element, LINE_WORDS, Line};
use std::fmt;

/// A vector of 1, 0 and -1, two bits each: its sign, and whether it is not zero.
///
/// It serves where zero means something: in sums that were cut off at a threshold, sparse vectors, weights. As a key it
/// erases what its zeros meet.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ternary(Planes);

const SIGN: usize = 0;
const NONZERO: usize = 1;

impl Ternary {
    /// Zero in every position.
    pub fn zero(dim: Dim) -> Self {
        Self(Planes::zeroed(dim, Element::Ternary))
    }

    /// The vector of two planes, signs and what is not zero; refused is a sign where there is none.
    pub fn from_planes(dim: Dim, sign: &[u64], nonzero: &[u64]) -> Result<Self, Error> {
        let mut planes = Planes::zeroed(dim, Element::Ternary);
        planes.fill(Element::Ternary, SIGN, sign)?;
        planes.fill(Element::Ternary, NONZERO, nonzero)?;
        Self::checked(planes)
    }

    /// The vector of lines that were those of one ([`Code::lines`]).
    pub fn from_lines(dim: Dim, lines: Vec<Line>) -> Result<Self, Error> {
        Self::checked(Planes::from_lines(dim, Element::Ternary, lines)?)
    }

    fn checked(planes: Planes) -> Result<Self, Error> {
        for (word, (sign, nonzero)) in
            planes.words(Element::Ternary, SIGN).zip(planes.words(Element::Ternary, NONZERO)).enumerate()
        {
            if sign & !nonzero != 0 {
                return Err(Error::SignOfZero { word, bit: (sign & !nonzero).trailing_zeros() });
            }
        }
        Ok(Self(planes))
    }

    /// The vector with the given values, each 1, 0 or -1, in the order of positions.
    pub fn from_values(dim: Dim, values: &[i8]) -> Result<Self, Error> {
        if values.len() != dim.to_usize() {
            return Err(Error::Values { dim: dim.to_u32(), got: values.len() });
        }
        let (mut sign, mut nonzero) = (vec![0; dim.n_words()], vec![0; dim.n_words()]);
        for (index, &value) in values.iter().enumerate() {
            if !(-1..=1).contains(&value) {
                let value = value.into();
                return Err(Error::Value { index, value, element: "ternary", allowed: "1, 0 and -1" });
            }
            let (word, bit) = dim.place(index);
            sign[word] |= u64::from(value < 0) << bit;
            nonzero[word] |= u64::from(value != 0) << bit;
        }
        Self::from_planes(dim, &sign, &nonzero)
    }

    /// Words of the signs, as [`Dim`] says which position is where.
    pub fn sign_words(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.0.words(Element::Ternary, SIGN)
    }

    /// Words of what is not zero, as [`Dim`] says which position is where.
    pub fn nonzero_words(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.0.words(Element::Ternary, NONZERO)
    }

    /// The product with a vector of either kind.
    pub(crate) fn dot_code<C: Code>(&self, other: &C) -> Result<i32, Error> {
        self.dim().check(other.dim())?;
        Ok(match C::element() {
            Element::Ternary => Bits::current().dot(Element::Ternary, self.lines(), other.lines()),
            Element::Bipolar => {
                // Positions where signs differ count for -2 of what all of them would.
                let differ = |[sign, nonzero]: &[Line; 2], theirs: &Line| -> u32 {
                    let words = (0..LINE_WORDS).map(|w| (sign.0[w] ^ theirs.0[w]) & nonzero.0[w]);
                    words.map(u64::count_ones).sum()
                };
                let pairs = self.lines().as_chunks::<2>().0.iter().zip(other.lines());
                let differing: u32 = pairs.map(|(ours, theirs)| differ(ours, theirs)).sum();
                self.nonzero().cast_signed() - 2 * differing.cast_signed()
            }
        })
    }

    /// The vector whose words of signs and of nonzero positions come from `words`, called with their numbers in order;
    /// bits behind the end, and signs of zeros, are left out.
    pub(crate) fn from_fn(dim: Dim, mut words: impl FnMut(usize) -> (u64, u64)) -> Self {
        let mut planes = Planes::zeroed(dim, Element::Ternary);
        for w in 0..dim.n_words() {
            let (sign, nonzero) = words(w);
            planes.set_word(Element::Ternary, SIGN, w, sign & nonzero);
            planes.set_word(Element::Ternary, NONZERO, w, nonzero);
        }
        Self(planes)
    }
}

impl From<&Bipolar> for Ternary {
    fn from(v: &Bipolar) -> Self {
        let words: Vec<u64> = v.words().collect();
        Self::from_fn(v.dim(), |w| (words[w], u64::MAX))
    }
}

impl Sealed for Ternary {
    const ELEMENT: Element = Element::Ternary;

    fn planes(&self) -> &Planes {
        &self.0
    }

    fn planes_mut(&mut self) -> &mut Planes {
        &mut self.0
    }
}

impl Code for Ternary {
    fn ones(dim: Dim) -> Self {
        Self::from_fn(dim, |_| (0, u64::MAX))
    }

    fn at(&self, index: usize) -> Option<i8> {
        let (word, bit) = (index < self.dim().to_usize()).then(|| self.dim().place(index))?;
        let bit = |plane: usize| (self.0.word(Element::Ternary, plane, word) >> bit & 1) as i8;
        Some(bit(NONZERO) - 2 * bit(SIGN))
    }

    fn dot(&self, other: &Self) -> Result<i32, Error> {
        self.dim().check(other.dim())?;
        Ok(Bits::current().dot(Element::Ternary, self.lines(), other.lines()))
    }

    fn nonzero(&self) -> u32 {
        Bits::current().dot(Element::Ternary, self.lines(), self.lines()).cast_unsigned()
    }

    fn negated(&self) -> Self {
        let mut out = self.clone();
        for [sign, nonzero] in out.0.lines.as_chunks_mut::<2>().0 {
            sign.0 = std::array::from_fn::<_, LINE_WORDS, _>(|w| sign.0[w] ^ nonzero.0[w]);
        }
        out
    }
}

impl fmt::Debug for Ternary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.sign_words().zip(self.nonzero_words()).take(2).collect();
        write!(f, "Ternary({}, {words:016x?}…)", self.dim().to_u32())
    }
}
