//! Ternary formats: codes −1, 0, 1 (and 2, where two bits can say it) under scales that lie in the blocks, before the
//! rows or behind the tensor.
//!
//! [`Packed`] says how codes become bytes again, beside [`Block`], which says the opposite. What a container keeps
//! outside of its blocks is told by [`OuterScale`]; [`StoredMatrix`](crate::StoredMatrix) and
//! [`TernaryEncoder`](crate::TernaryEncoder) put both together.

pub(crate) mod bn;
pub(crate) mod i2_s;
pub(crate) mod prism;
pub(crate) mod tq;
pub mod tri;

use crate::block::Block;
use half::f16;

/// Type of a scale in a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ScaleType {
    /// An IEEE half.
    F16,
    /// A 32-bit float.
    F32,
}

impl ScaleType {
    /// Bytes of a scale.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }

    /// Name of the type in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::F32 => "f32",
        }
    }

    /// The scale at the start of `bytes`.
    pub(crate) fn read(self, bytes: &[u8]) -> f32 {
        match self {
            Self::F16 => f16::from_le_bytes([bytes[0], bytes[1]]).to_f32(),
            Self::F32 => f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        }
    }

    /// What is left of `scale` when it is stored.
    pub fn stored(self, scale: f32) -> f32 {
        match self {
            Self::F16 => f16::from_f32(scale).to_f32(),
            Self::F32 => scale,
        }
    }

    /// Appends `scale` to `out`.
    pub(crate) fn write(self, scale: f32, out: &mut Vec<u8>) {
        match self {
            Self::F16 => out.extend_from_slice(&f16::from_f32(scale).to_le_bytes()),
            Self::F32 => out.extend_from_slice(&scale.to_le_bytes()),
        }
    }
}

/// Where the scales lie that are not in the blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OuterScale {
    /// No scale lies outside: blocks have their own.
    None,
    /// One at the start of each row.
    RowHeader(ScaleType),
    /// One for the tensor, behind its rows, at the next multiple of 32 bytes; `tail` bytes in all.
    Tensor {
        /// Type of the scale.
        scale: ScaleType,
        /// Bytes from there to the end of the tensor.
        tail: usize,
    },
    /// One for each row, behind all rows, at the next multiple of 32 bytes.
    RowTail(ScaleType),
}

/// A [`Block`] of ternary codes.
pub(crate) trait Packed: Block {
    /// Where and as what the scale lies in a block; `None` if it lies elsewhere and [`Block::expand`] gives 1.
    const SCALE: Option<(usize, ScaleType)>;
    /// The largest code.
    const CODE_MAX: i8 = 1;

    /// Writes codes from −1 to [`CODE_MAX`](Self::CODE_MAX), and nothing where the scale lies.
    fn pack(codes: &Self::Codes, bytes: &mut Self::Bytes);
}

/// `codes[p · n + i]` = digit `p` of byte `i` of `n`, less one. A byte is a fraction of 256: multiplied by 3, its carry
/// is the next digit.
pub(crate) fn unpack_digits(bytes: &[u8], codes: &mut [i8]) {
    for (codes, power) in codes.chunks_mut(bytes.len().max(1)).zip([1, 3, 9, 27, 81]) {
        for (code, byte) in codes.iter_mut().zip(bytes) {
            *code = ((u16::from(byte.wrapping_mul(power)) * 3) >> 8) as i8 - 1;
        }
    }
}

/// Packs what [`unpack_digits`] unpacks: fractions rounded up, so that carries never fall short. Digits without a code
/// are 0.
pub(crate) fn pack_digits(codes: &[i8], bytes: &mut [u8]) {
    let n = bytes.len();
    for (i, byte) in bytes.iter_mut().enumerate() {
        let digit = |power: usize| codes.get(power * n + i).map_or(0, |code| (code + 1) as u16);
        let number = (0..5).fold(0, |number, power| 3 * number + digit(power));
        *byte = fraction(number);
    }
}

/// Five base-3 digits as a fraction of 256, rounded up.
pub(crate) fn fraction(number: u16) -> u8 {
    (u32::from(number) * 256).div_ceil(243) as u8
}

/// `codes[p · n + i]` = bits `2 p` of byte `i` of `n`, less one.
pub(crate) fn unpack_pairs(bytes: &[u8], codes: &mut [i8]) {
    for (plane, codes) in codes.chunks_mut(bytes.len().max(1)).enumerate().take(4) {
        for (code, byte) in codes.iter_mut().zip(bytes) {
            *code = (byte >> (2 * plane) & 3) as i8 - 1;
        }
    }
}

/// Packs what [`unpack_pairs`] unpacks; bits without a code are 0.
pub(crate) fn pack_pairs(codes: &[i8], bytes: &mut [u8]) {
    bytes.fill(0);
    // Plane by plane, so that the compiler makes vectors of bytes of it.
    for (codes, shift) in codes.chunks(bytes.len().max(1)).zip([0, 2, 4, 6]) {
        for (byte, code) in bytes.iter_mut().zip(codes) {
            *byte |= ((code + 1) as u8 & 3) << shift;
        }
    }
}

/// Weight `j` = bits `2 (j mod 4)` of byte `j / 4`, less one.
pub(crate) fn unpack_in_order(bytes: &[u8], codes: &mut [i8]) {
    for (codes, &byte) in codes.as_chunks_mut::<4>().0.iter_mut().zip(bytes) {
        // Two bits to the bottom of each byte of a word, at once.
        let byte = u32::from(byte);
        let pairs = (byte | byte << 6 | byte << 12 | byte << 18) & 0x0303_0303;
        *codes = pairs.to_le_bytes().map(|pair| pair as i8 - 1);
    }
}

/// Packs what [`unpack_in_order`] unpacks.
pub(crate) fn pack_in_order(codes: &[i8], bytes: &mut [u8]) {
    for (codes, byte) in codes.as_chunks::<4>().0.iter().zip(bytes) {
        *byte = codes.iter().rev().fold(0, |byte, &code| byte << 2 | (code + 1) as u8 & 3);
    }
}
