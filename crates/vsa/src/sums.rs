//! [`Sums`]: what vectors add up to, and how it becomes a vector again.

use crate::{
    Bipolar, Code, Dim, Error, Seed, Ternary,
    bundler::{flat, flat_mut},
    space::Stream,
};
use bytemuck::Zeroable;
use kernels::bits::{Element, SumLine};
use std::fmt;

/// What becomes of sums that are zero where a sign is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ties {
    /// Signs drawn from this key: the same ones for the same key and dimensions.
    Keyed(u64),
    /// 1 in even positions and -1 in odd ones.
    Even,
}

/// Exact sums of vectors, one for each position.
#[derive(Clone)]
pub struct Sums {
    dim: Dim,
    added: i64,
    /// `[lines]`; what they hold behind the end means nothing.
    lines: Vec<SumLine>,
}

impl Sums {
    pub(crate) fn of(dim: Dim, added: i64, lines: Vec<SumLine>) -> Self {
        Self { dim, added, lines }
    }

    /// Sums that are zero, and their values.
    fn with(dim: Dim, added: i64, fill: impl FnOnce(&mut [i32])) -> Self {
        let mut lines = vec![SumLine::zeroed(); dim.n_lines()];
        fill(&mut flat_mut(&mut lines)[..dim.to_usize()]);
        Self { dim, added, lines }
    }

    /// Sums that were those of `added` vectors, in the order of [`Self::values`].
    pub fn from_values(dim: Dim, added: i64, values: &[i32]) -> Result<Self, Error> {
        if values.len() != dim.to_usize() {
            return Err(Error::Values { dim: dim.to_u32(), got: values.len() });
        }
        if let Some(index) = values.iter().position(|&sum| sum == i32::MIN) {
            let value = i32::MIN.into();
            return Err(Error::Value { index, value, element: "sums of", allowed: "-(2³¹ - 1) to 2³¹ - 1" });
        }
        Ok(Self::with(dim, added, |to| to.copy_from_slice(values)))
    }

    /// Number of dimensions.
    pub fn dim(&self) -> Dim {
        self.dim
    }

    /// Vectors added less vectors removed.
    pub fn added(&self) -> i64 {
        self.added
    }

    /// All sums in the order of words and bits: that of bit `b` of word `w` stands at `64 w + b` ([`Dim`] says which
    /// position that is).
    pub fn values(&self) -> &[i32] {
        &flat(&self.lines)[..self.dim.to_usize()]
    }

    /// The sum of position `index`, if there is one.
    pub fn at(&self, index: usize) -> Option<i32> {
        let (word, bit) = (index < self.dim.to_usize()).then(|| self.dim.place(index))?;
        self.values().get(word * 64 + bit as usize).copied()
    }

    /// Vectors of trits whose sum, vector `i` counted 2ⁱ times, is these sums: their binary digits, with their signs.
    pub fn digits(&self) -> Vec<Ternary> {
        let largest = self.values().iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0);
        let digit = |i: u32| {
            Ternary::from_fn(self.dim, |w| {
                let sums = &self.values()[w * 64..(w * 64 + 64).min(self.values().len())];
                (bits(sums, |sum| sum < 0), bits(sums, |sum| sum.unsigned_abs() >> i & 1 == 1))
            })
        };
        (0..u32::BITS - largest.leading_zeros()).map(digit).collect()
    }

    /// The signs of all sums; `ties` decides where one is zero.
    pub fn sign(&self, ties: Ties) -> Bipolar {
        let mut ties = TieWords::new(self.dim, ties);
        let words = self.values().chunks(64).map(|sums| {
            let negative = bits(sums, |sum| sum < 0);
            negative | bits(sums, |sum| sum == 0) & ties.next_word()
        });
        let words: Vec<u64> = words.collect();
        Bipolar::from_fn(self.dim, |w| words[w])
    }

    /// The signs of sums above `threshold` or below its negative, zero elsewhere.
    pub fn threshold(&self, threshold: u32) -> Ternary {
        Ternary::from_fn(self.dim, |w| {
            let sums = &self.values()[w * 64..(w * 64 + 64).min(self.values().len())];
            (bits(sums, |sum| sum < 0), bits(sums, |sum| sum.unsigned_abs() > threshold))
        })
    }

    /// The threshold whose vector has the largest cosine with the sums (the smallest of several): about 0.612 standard
    /// deviations where many independent vectors were added.
    pub fn best_threshold(&self) -> u32 {
        let mut sizes: Vec<u32> = self.values().iter().map(|sum| sum.unsigned_abs()).filter(|size| *size > 0).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        // With the n largest kept, the cosine is their sum over √n and the length of all.
        let (mut kept, mut best, mut threshold) = (0u64, 0.0, 0);
        for (i, size) in sizes.iter().enumerate() {
            kept += u64::from(*size);
            let next = sizes.get(i + 1).copied().unwrap_or(0);
            let quality = kept as f64 * kept as f64 / (i + 1) as f64;
            if next < *size && quality >= best {
                (best, threshold) = (quality, next);
            }
        }
        threshold
    }

    /// Sum of the products of all positions with those of `v`.
    pub fn dot<C: Code>(&self, v: &C) -> Result<i64, Error> {
        self.dim.check(v.dim())?;
        let products = self.values().chunks(64).zip(words(v));
        Ok(products
            .map(|(sums, (sign, nonzero))| {
                let value = |bit: usize| i64::from((nonzero >> bit & 1) as i8 - 2 * (sign >> bit & 1) as i8);
                sums.iter().enumerate().map(|(bit, sum)| value(bit) * i64::from(*sum)).sum::<i64>()
            })
            .sum())
    }

    /// The product with `v` over both lengths, -1 to 1; 0 where one of them is zero everywhere.
    pub fn cosine<C: Code>(&self, v: &C) -> Result<f32, Error> {
        let dot = self.dot(v)?;
        let squares = self.norm_squared() as f64 * f64::from(v.nonzero());
        Ok(if dot == 0 { 0.0 } else { (dot as f64 / squares.sqrt()) as f32 })
    }

    /// Sum of the squares of all sums.
    pub fn norm_squared(&self) -> u128 {
        self.values().iter().map(|sum| u128::from(sum.unsigned_abs()).pow(2)).sum()
    }

    /// The products of all positions with those of `key`: what the sums would be if each vector had been bound to it.
    pub fn bind<C: Code>(&self, key: &C) -> Result<Self, Error> {
        self.dim.check(key.dim())?;
        Ok(Self::with(self.dim, self.added, |out| {
            let sums = self.values().chunks(64).zip(words(key));
            for (out, (sums, (sign, nonzero))) in out.chunks_mut(64).zip(sums) {
                let value = |bit: usize| (nonzero >> bit & 1) as i32 - 2 * (sign >> bit & 1) as i32;
                out.iter_mut().zip(sums).enumerate().for_each(|(bit, (out, sum))| *out = value(bit) * sum);
            }
        }))
    }

    /// The sums whose position `i + by` is position `i` of these: what they would be if each vector had been rotated.
    pub fn rotate(&self, by: i64) -> Result<Self, Error> {
        let turn = self.dim.turn(by)?;
        Ok(Self::with(self.dim, self.added, |out| {
            for (word, sums) in self.values().chunks_exact(64).enumerate() {
                let (to, bits) = match word + turn.words {
                    to if to < turn.n_words => (to, turn.bits),
                    to => (to - turn.n_words, turn.bits + 1),
                };
                let to = &mut out[to * 64..to * 64 + 64];
                to.copy_from_slice(sums);
                to.rotate_right(bits as usize % 64);
            }
        }))
    }
}

impl PartialEq for Sums {
    fn eq(&self, other: &Self) -> bool {
        (self.dim, self.added, self.values()) == (other.dim, other.added, other.values())
    }
}

impl Eq for Sums {}

impl fmt::Debug for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = &self.values()[..8];
        write!(f, "Sums({}, {} added, {first:?}…)", self.dim.to_u32(), self.added)
    }
}

/// One bit for each of up to 64 sums.
fn bits(sums: &[i32], is: impl Fn(i32) -> bool) -> u64 {
    sums.iter().enumerate().fold(0, |word, (bit, sum)| word | u64::from(is(*sum)) << bit)
}

/// The values of `v` in the order of [`Sums::values`].
pub(crate) fn values_in_order<C: Code>(v: &C) -> impl Iterator<Item = i8> + '_ {
    words(v)
        .flat_map(|(sign, nonzero)| (0..64).map(move |bit| (nonzero >> bit & 1) as i8 - 2 * (sign >> bit & 1) as i8))
}

/// Signs and nonzero positions of `v`, word by word.
fn words<C: Code>(v: &C) -> impl Iterator<Item = (u64, u64)> + '_ {
    let (planes, element) = (v.planes(), C::element());
    (0..v.dim().n_words()).map(move |w| {
        let nonzero = match element {
            Element::Bipolar => v.dim().mask(w),
            Element::Ternary => planes.word(element, 1, w),
        };
        (planes.word(element, 0, w), nonzero)
    })
}

/// The signs of ties, word by word.
enum TieWords {
    Drawn(Stream),
    Even { dim: Dim, word: usize },
}

impl TieWords {
    fn new(dim: Dim, ties: Ties) -> Self {
        match ties {
            Ties::Keyed(key) => Self::Drawn(Stream::new(Seed(key), "ties", dim, b"")),
            Ties::Even => Self::Even { dim, word: 0 },
        }
    }

    fn next_word(&mut self) -> u64 {
        /// Every other bit, those with odd numbers.
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        match self {
            Self::Drawn(stream) => stream.word(),
            Self::Even { dim, word } => {
                let w = *word;
                *word += 1;
                // Position of bit b: 64 w + b, or n b + w with n words.
                match (dim.rotates(), dim.n_words() % 2 == 0, w % 2 == 0) {
                    (false, ..) | (true, false, true) => ODD,
                    (true, false, false) => !ODD,
                    (true, true, true) => 0,
                    (true, true, false) => u64::MAX,
                }
            }
        }
    }
}
