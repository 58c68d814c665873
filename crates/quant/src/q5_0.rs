//! Q5_0: 32 weights, 22 bytes: f16 scale `d`; 4 bytes whose bit `i` is bit 4 of weight `i`; nibbles as in Q4_0.
//! `w = d · (q − 16)`.

use crate::block::{Block, half};

/// See the module.
pub(crate) struct Q5_0;

impl Block for Q5_0 {
    type Bytes = [u8; 22];
    type Codes = [i8; 32];
    type Groups = [f32; 2];

    fn expand(bytes: &[u8; 22], codes: &mut [i8; 32], scales: &mut [f32; 2], _mins: &mut [f32; 2]) {
        *scales = [half(bytes, 0); 2];
        unpack(&bytes[2..], codes);
        codes.iter_mut().for_each(|code| *code -= 16);
    }
}

/// 4 bytes of high bits and 16 of nibbles → 32 numbers of 5 bits.
pub(crate) fn unpack(bytes: &[u8], codes: &mut [i8; 32]) {
    let high = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    for i in 0..16 {
        codes[i] = (bytes[4 + i] & 15 | ((high >> i & 1) as u8) << 4) as i8;
        codes[i + 16] = (bytes[4 + i] >> 4 | ((high >> (i + 16) & 1) as u8) << 4) as i8;
    }
}
