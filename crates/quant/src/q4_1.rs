//! Q4_1: 32 weights, 20 bytes: f16 scale `d`, f16 offset `m`; nibbles as in Q4_0. `w = d · q + m`.

use crate::block::{Block, half};

/// See the module.
pub(crate) struct Q4_1;

impl Block for Q4_1 {
    type Bytes = [u8; 20];
    type Codes = [i8; 32];
    type Groups = [f32; 2];
    const HAS_MINS: bool = true;

    fn expand(bytes: &[u8; 20], codes: &mut [i8; 32], scales: &mut [f32; 2], mins: &mut [f32; 2]) {
        *scales = [half(bytes, 0); 2];
        *mins = [half(bytes, 2); 2];
        for i in 0..16 {
            codes[i] = (bytes[4 + i] & 15) as i8;
            codes[i + 16] = (bytes[4 + i] >> 4) as i8;
        }
    }
}
