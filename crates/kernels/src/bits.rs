//! Vectors of signs and of trits as planes of bits: binding, products, counting sums, scans.
//!
//! A vector is a run of [`Line`]s of 512 bits. [`Element::Bipolar`] has one plane, whose set bits are -1; of
//! [`Element::Ternary`] every other line is the plane of signs, and the one behind it the plane of what is not zero, of
//! which the signs are a part. Bits behind a vector's end are zero, so no loop masks.
//!
//! Every operation is a row of [`BITS_KERNELS`] for each level that has one; all rows of an operation give the same
//! bits, which is why [`Bits::use_level`] may be called at any time.

use crate::{Error, Isa};
use std::sync::{
    LazyLock,
    atomic::{AtomicUsize, Ordering},
};

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_popcnt;
#[cfg(target_arch = "aarch64")]
mod neon;
mod room;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
mod table;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod wide;

pub use room::reserve;
pub use table::{BITS_KERNELS, Bits, BitsKernel, BitsOp};

/// Bits of a [`Line`].
pub const LINE_BITS: usize = 512;

/// Words of a [`Line`].
pub const LINE_WORDS: usize = 8;

/// Vectors that [`Bits::csa_add`] adds at once.
pub const ADD_MANY: usize = 8;

/// Planes of a [`Counter`].
const PLANES: usize = 7;

/// The most that a [`Counter`] counts to: what it says of vectors of signs fits a signed byte.
pub const COUNT_MAX: u32 = (1 << PLANES) - 1;

/// 512 bits of a plane: word `w` holds bits `64 w` to `64 w + 63`, the lowest first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct Line(pub [u64; LINE_WORDS]);

impl Line {
    /// Has what lies ahead in a stream of lines be fetched meanwhile.
    #[inline]
    fn prefetch_ahead(&self) {
        crate::simd::prefetch_ahead::<{ LINE_WORDS * 8 }>(bytemuck::must_cast_ref(&self.0));
    }
}

/// Counts of set bits, one of seven bits for each position of a line: line `k` holds those worth `2ᵏ`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Counter([Line; PLANES]);

/// Sums of the positions of a line of each plane, in the order of words and bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct SumLine(pub [i32; LINE_BITS]);

/// What a position of a vector holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Element {
    /// 1 or -1.
    Bipolar,
    /// 1, 0 or -1.
    Ternary,
}

impl Element {
    /// Both kinds of elements.
    pub const ALL: [Self; 2] = [Self::Bipolar, Self::Ternary];

    /// Planes of a vector, whose lines take turns.
    pub const fn n_planes(self) -> usize {
        match self {
            Self::Bipolar => 1,
            Self::Ternary => 2,
        }
    }

    /// Name of the kind, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bipolar => "bipolar",
            Self::Ternary => "ternary",
        }
    }
}

/// A cyclic shift of a plane of `n_words` words: word `w` goes to `w + words`, turned left by `bits`, and by one bit
/// more if it passes the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Words of the plane.
    pub n_words: usize,
    /// Places by which words move, below `n_words`.
    pub words: usize,
    /// Bits by which they turn, 0..=63.
    pub bits: u32,
}

/// Kernels of every level that this CPU has, lowest first.
static LEVELS: LazyLock<Box<[Bits]>> = LazyLock::new(|| Isa::available().filter_map(Bits::of_level).collect());

/// Place in [`LEVELS`] of the level in use; what is past its end stands for the last.
static IN_USE: AtomicUsize = AtomicUsize::new(usize::MAX);

impl Bits {
    /// Kernels of the level in use: the best of this CPU, unless [`Self::use_level`] has chosen another.
    pub fn current() -> &'static Self {
        let levels = &**LEVELS;
        let i = IN_USE.load(Ordering::Relaxed);
        &levels[i.min(levels.len() - 1)]
    }

    /// Kernels of one level, which this CPU must have.
    pub fn new(isa: Isa) -> Result<&'static Self, Error> {
        LEVELS.iter().find(|bits| bits.isa() == isa).ok_or(Error::MissingIsa(isa))
    }

    /// Has [`Self::current`] give the kernels of `isa` from now on. No result depends on it.
    pub fn use_level(isa: Isa) -> Result<(), Error> {
        let i = LEVELS.iter().position(|bits| bits.isa() == isa).ok_or(Error::MissingIsa(isa))?;
        IN_USE.store(i, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
