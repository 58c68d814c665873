//! Q6_K: 256 weights, 210 bytes: 128 bytes of nibbles, 64 bytes of 2-bit highs, 16 signed byte scales, f16 `d`. 128
//! weights share 64 bytes of nibbles and 32 of highs: weight `32 p + i` has its nibble in byte `i + 32 (p mod 2)`, bits
//! `4 (p div 2)`, and its high bits in byte `i`, bits `2 p`. `w = d · s · (q − 32)`.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{book::Integers, nested, scale},
};

/// See the module.
pub(crate) struct Q6K;

impl Block for Q6K {
    type Bytes = [u8; 210];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 210]>> = Some(|x, w, bytes| {
        let block = nested::fit::<Integers<-32, 31>, 16, -128, 127>(x, w, scale::fit::<Integers<-32, 31>>, 3);
        let numbers = block.codes.map(|code| (code + 32) as u8);
        for (half, numbers) in numbers.as_chunks::<128>().0.iter().enumerate() {
            for i in 0..32 {
                let at = |plane: usize| numbers[32 * plane + i];
                bytes[64 * half + i] = at(0) & 15 | at(2) << 4;
                bytes[64 * half + 32 + i] = at(1) & 15 | at(3) << 4;
                bytes[128 + 32 * half + i] = at(0) >> 4 | at(1) >> 4 << 2 | at(2) >> 4 << 4 | at(3) >> 4 << 6;
            }
        }
        bytes[192..208].copy_from_slice(&block.scales.map(|s| s as u8));
        set_half(bytes, 208, block.d);
    });

    fn expand(bytes: &[u8; 210], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let d = half(bytes, 208);
        for (scale, &byte) in scales.iter_mut().zip(&bytes[192..208]) {
            *scale = d * f32::from(byte as i8);
        }
        let (low, high) = (bytes[..128].as_chunks::<64>().0, bytes[128..192].as_chunks::<32>().0);
        for ((low, high), codes) in low.iter().zip(high).zip(codes.as_chunks_mut::<128>().0) {
            for i in 0..32 {
                codes[i] = (low[i] & 15 | (high[i] & 3) << 4) as i8 - 32;
                codes[i + 32] = (low[i + 32] & 15 | (high[i] >> 2 & 3) << 4) as i8 - 32;
                codes[i + 64] = (low[i] >> 4 | (high[i] >> 4 & 3) << 4) as i8 - 32;
                codes[i + 96] = (low[i + 32] >> 4 | (high[i] >> 6) << 4) as i8 - 32;
            }
        }
    }
}
