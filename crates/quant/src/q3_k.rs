//! Q3_K: 256 weights, 110 bytes: 32 bytes whose bit `p` of byte `i` is the high bit of weight `32 p + i`; 64 bytes of
//! 2-bit planes as in Q2_K; 12 bytes of 6-bit scales, one per group of 16; f16 `d`. `w = d · (s − 32) · (q − 4)`, the 4
//! only where the high bit is 0.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{book::Integers, nested, sweep},
    q2_k::{pack_planes, planes},
};

/// See the module.
pub(crate) struct Q3K;

impl Block for Q3K {
    type Bytes = [u8; 110];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 110]>> = Some(|x, w, bytes| {
        let block = nested::fit::<Integers<-4, 3>, 16, -32, 31>(x, w, sweep::fit::<-4, 3>, 32);
        bytes.fill(0);
        for (i, scale) in block.scales.iter().enumerate() {
            let bits = (scale + 32) as u8;
            bytes[96 + i % 8] |= (bits & 15) << (4 * (i / 8));
            bytes[104 + i % 4] |= (bits >> 4) << (2 * (i / 4));
        }
        let numbers = block.codes.map(|code| (code + 4) as u8);
        pack_planes(&numbers, &mut bytes[32..96]);
        for (i, number) in numbers.iter().enumerate() {
            bytes[i % 32] |= (number >> 2) << (i / 32);
        }
        set_half(bytes, 108, block.d);
    });

    fn expand(bytes: &[u8; 110], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let d = half(bytes, 108);
        let packed = &bytes[96..108];
        for (i, scale) in scales.iter_mut().enumerate() {
            let low = packed[i % 8] >> (4 * (i / 8)) & 15;
            let high = packed[8 + i % 4] >> (2 * (i / 4)) & 3;
            *scale = d * f32::from((low | high << 4) as i8 - 32);
        }
        planes(&bytes[32..96], codes);
        for (bit, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            for (code, byte) in codes.iter_mut().zip(&bytes[..32]) {
                *code -= 4 - ((byte >> bit & 1) << 2) as i8;
            }
        }
    }
}
