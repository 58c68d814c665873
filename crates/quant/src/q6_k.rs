//! Q6_K: 256 weights, 210 bytes: 128 bytes of nibbles, 64 bytes of 2-bit highs, 16 signed byte scales, f16 `d`. 128 weights share 64 bytes
//! of nibbles and 32 of highs: weight `32 p + i` has its nibble in byte `i + 32 (p mod 2)`, bits `4 (p div 2)`, and its high
//! bits in byte `i`, bits `2 p`. `w = d · s · (q − 32)`.

use crate::block::{Block, half};

/// See the module.
pub(crate) struct Q6K;

impl Block for Q6K {
    type Bytes = [u8; 210];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

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
