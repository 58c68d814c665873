//! Q4_0: 32 weights, 18 bytes: f16 scale `d`; byte `i` holds weight `i` in bits 0–3 and `i + 16` in bits 4–7.
//! `w = d · (q − 8)`.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{book::Integers, scale::half_scale},
};

/// See the module.
pub(crate) struct Q4_0;

impl Block for Q4_0 {
    type Bytes = [u8; 18];
    type Codes = [i8; 32];
    type Groups = [f32; 2];

    const ENCODE: Option<Encode<[u8; 18]>> = Some(|x, w, bytes| {
        let mut codes = [0; 32];
        set_half(bytes, 0, half_scale::<Integers<-8, 7>>(x, w, &mut codes));
        pack_nibbles(&codes.map(|code| (code + 8) as u8), &mut bytes[2..]);
    });

    fn expand(bytes: &[u8; 18], codes: &mut [i8; 32], scales: &mut [f32; 2], _mins: &mut [f32; 2]) {
        *scales = [half(bytes, 0); 2];
        for i in 0..16 {
            codes[i] = (bytes[2 + i] & 15) as i8 - 8;
            codes[i + 16] = (bytes[2 + i] >> 4) as i8 - 8;
        }
    }
}

/// 32 numbers of 4 bits → 16 bytes; higher bits are dropped.
pub(crate) fn pack_nibbles(numbers: &[u8; 32], bytes: &mut [u8]) {
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = numbers[i] & 15 | numbers[i + 16] << 4;
    }
}
