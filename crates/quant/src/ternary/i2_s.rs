//! I2_S (bitnet.cpp): two bits a weight, one f32 scale behind the tensor, no scale in the blocks.
//!
//! Three orders of the codes are in use under one type id and one size, and no metadata of bitnet.cpp tells them apart.
//! A code `q` is weight `q − 1`; 3 is never written, and every kernel of bitnet.cpp and ik_llama.cpp takes it for +2,
//! as we do.

use super::{Packed, ScaleType, pack_pairs, unpack_pairs};
use crate::{Format, block::Block};

/// 128 weights in 32 bytes: weight `32 p + i` in byte `i`, bits `6 − 2 p`. What published files hold, on every
/// architecture.
pub(crate) struct I2S;

/// 64 weights in 16 bytes: weight `16 p + i` in byte `i`, bits `6 − 2 p`. What bitnet.cpp writes on ARM since November
/// 2025.
pub(crate) struct I2SArm;

/// Planes in the opposite order: the first is highest.
fn unpack<const N: usize>(bytes: &[u8; N], codes: &mut [i8]) {
    unpack_pairs(&bytes.map(reverse_pairs), codes);
}

fn pack<const N: usize>(codes: &[i8], bytes: &mut [u8; N]) {
    pack_pairs(codes, bytes);
    *bytes = bytes.map(reverse_pairs);
}

/// `dcba` → `abcd`, two bits each.
fn reverse_pairs(byte: u8) -> u8 {
    let halves = byte.rotate_left(4);
    (halves & 0x33) << 2 | (halves >> 2) & 0x33
}

/// Rows of `cols` weights, which bitnet.cpp interleaves by four in builds without `ACT_PARALLEL`, one behind the other
/// as `format` (an I2_S) has them.
///
/// Byte `g · cols + c` of `bytes` holds column `c` of rows `4 g` to `4 g + 3`, the first in bits 6 and 7. Bytes behind
/// the last whole group are left out.
///
/// # Panics
/// If rows of `cols` weights are no whole blocks of `format`.
pub fn deinterleave(format: Format, cols: usize, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut codes = vec![0; cols];
    for group in bytes.chunks_exact(cols.max(1)) {
        for shift in [6, 4, 2, 0] {
            codes.iter_mut().zip(group).for_each(|(code, byte)| *code = (byte >> shift & 3) as i8 - 1);
            format.pack_row(&codes, &[], &mut out);
        }
    }
    out
}

impl Block for I2S {
    type Bytes = [u8; 32];
    type Codes = [i8; 128];
    type Groups = [f32; 8];

    fn expand(bytes: &[u8; 32], codes: &mut [i8; 128], scales: &mut [f32; 8], _mins: &mut [f32; 8]) {
        *scales = [1.0; 8];
        unpack(bytes, codes);
    }
}

impl Packed for I2S {
    const SCALE: Option<(usize, ScaleType)> = None;
    const CODE_MAX: i8 = 2;

    fn pack(codes: &[i8; 128], bytes: &mut [u8; 32]) {
        pack(codes, bytes);
    }
}

impl Block for I2SArm {
    type Bytes = [u8; 16];
    type Codes = [i8; 64];
    type Groups = [f32; 4];

    fn expand(bytes: &[u8; 16], codes: &mut [i8; 64], scales: &mut [f32; 4], _mins: &mut [f32; 4]) {
        *scales = [1.0; 4];
        unpack(bytes, codes);
    }
}

impl Packed for I2SArm {
    const SCALE: Option<(usize, ScaleType)> = None;
    const CODE_MAX: i8 = 2;

    fn pack(codes: &[i8; 64], bytes: &mut [u8; 16]) {
        pack(codes, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_weight_is_in_the_highest_bits() {
        let mut codes = [0; 128];
        (codes[0], codes[33], codes[66], codes[127]) = (1, -1, 1, 1);
        let mut bytes = [0; 32];
        I2S::pack(&codes, &mut bytes);
        // 0 is code 1 (0b01) in each of the four places.
        assert_eq!(
            (bytes[0], bytes[1], bytes[2], bytes[31]),
            (0b10_01_01_01, 0b01_00_01_01, 0b01_01_10_01, 0b01_01_01_10)
        );
        let mut arm = [0; 16];
        I2SArm::pack(&codes[..64].try_into().unwrap(), &mut arm);
        assert_eq!((arm[0], arm[1]), (0b10_01_01_01, 0b01_01_00_01));
    }
}
