//! Q4_1: 32 weights, 20 bytes: f16 scale `d`, f16 offset `m`; nibbles as in Q4_0. `w = d · q + m`.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::affine::half_affine,
    q4_0::pack_nibbles,
};

/// See the module.
pub(crate) struct Q4_1;

impl Block for Q4_1 {
    type Bytes = [u8; 20];
    type Codes = [i8; 32];
    type Groups = [f32; 2];
    const HAS_MINS: bool = true;

    const ENCODE: Option<Encode<[u8; 20]>> = Some(|x, w, bytes| {
        let mut codes = [0; 32];
        let (d, m) = half_affine::<15>(x, w, &mut codes);
        set_half(bytes, 0, d);
        set_half(bytes, 2, m);
        pack_nibbles(&codes.map(|code| code as u8), &mut bytes[4..]);
    });

    fn expand(bytes: &[u8; 20], codes: &mut [i8; 32], scales: &mut [f32; 2], mins: &mut [f32; 2]) {
        *scales = [half(bytes, 0); 2];
        *mins = [half(bytes, 2); 2];
        for i in 0..16 {
            codes[i] = (bytes[4 + i] & 15) as i8;
            codes[i + 16] = (bytes[4 + i] >> 4) as i8;
        }
    }
}
