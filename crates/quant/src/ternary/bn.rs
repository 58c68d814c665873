//! IQ1_BN and IQ2_BN (ik_llama.cpp): 64 weights a block; each row begins with its scale.

use super::{Packed, ScaleType, fraction, pack_pairs, unpack_pairs};
use crate::block::Block;

/// 64 weights, 16 bytes: weight `16 p + i` in byte `i`, bits `2 p`. Rows begin with an f32 scale.
pub(crate) struct Iq2Bn;

/// 64 weights, 13 bytes. Of weights `16 g ..`, digit `j` of byte `3 g + k` is weight `5 k + j`, and digit `g` of byte
/// 12 is the last; the first digit is the least. Rows begin with an f16 scale.
pub(crate) struct Iq1Bn;

impl Block for Iq2Bn {
    type Bytes = [u8; 16];
    type Codes = [i8; 64];
    type Groups = [f32; 4];

    fn expand(bytes: &[u8; 16], codes: &mut [i8; 64], scales: &mut [f32; 4], _mins: &mut [f32; 4]) {
        *scales = [1.0; 4];
        unpack_pairs(bytes, codes);
    }
}

impl Packed for Iq2Bn {
    const SCALE: Option<(usize, ScaleType)> = None;
    const CODE_MAX: i8 = 2;

    fn pack(codes: &[i8; 64], bytes: &mut [u8; 16]) {
        pack_pairs(codes, bytes);
    }
}

/// The five digits of each byte, the least first, less one.
static DIGITS: [[i8; 5]; 256] = {
    let mut table = [[0; 5]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut j = 0;
        while j < 5 {
            let fraction = (byte * [81, 27, 9, 3, 1][j]) % 256;
            table[byte][j] = ((fraction * 3) >> 8) as i8 - 1;
            j += 1;
        }
        byte += 1;
    }
    table
};

/// The byte of some codes, the first being the least digit.
fn byte(codes: impl DoubleEndedIterator<Item = i8>) -> u8 {
    fraction(codes.rev().fold(0, |number, code| 3 * number + (code + 1) as u16))
}

impl Block for Iq1Bn {
    type Bytes = [u8; 13];
    type Codes = [i8; 64];
    type Groups = [f32; 4];

    fn expand(bytes: &[u8; 13], codes: &mut [i8; 64], scales: &mut [f32; 4], _mins: &mut [f32; 4]) {
        *scales = [1.0; 4];
        let last = DIGITS[usize::from(bytes[12])];
        let groups = bytes.as_chunks::<3>().0.iter().zip(codes.as_chunks_mut::<16>().0);
        for ((bytes, codes), last) in groups.zip(last) {
            for (codes, byte) in codes.as_chunks_mut::<5>().0.iter_mut().zip(bytes) {
                *codes = DIGITS[usize::from(*byte)];
            }
            codes[15] = last;
        }
    }
}

impl Packed for Iq1Bn {
    const SCALE: Option<(usize, ScaleType)> = None;

    fn pack(codes: &[i8; 64], bytes: &mut [u8; 13]) {
        let groups = codes.as_chunks::<16>().0;
        for (g, group) in groups.iter().enumerate() {
            for (k, five) in group.as_chunks::<5>().0.iter().enumerate() {
                bytes[3 * g + k] = byte(five.iter().copied());
            }
        }
        bytes[12] = byte(groups.iter().map(|group| group[15]));
    }
}
