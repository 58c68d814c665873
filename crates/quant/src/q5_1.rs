//! Q5_1: 32 weights, 24 bytes: f16 scale `d`, f16 offset `m`, high bits and nibbles as in Q5_0. `w = d · q + m`.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::affine::half_affine,
    q5_0::{pack, unpack},
};

/// See the module.
pub(crate) struct Q5_1;

impl Block for Q5_1 {
    type Bytes = [u8; 24];
    type Codes = [i8; 32];
    type Groups = [f32; 2];
    const HAS_MINS: bool = true;

    const ENCODE: Option<Encode<[u8; 24]>> = Some(|x, w, bytes| {
        let mut codes = [0; 32];
        let (d, m) = half_affine::<31>(x, w, &mut codes);
        set_half(bytes, 0, d);
        set_half(bytes, 2, m);
        pack(&codes.map(|code| code as u8), &mut bytes[4..]);
    });

    fn expand(bytes: &[u8; 24], codes: &mut [i8; 32], scales: &mut [f32; 2], mins: &mut [f32; 2]) {
        *scales = [half(bytes, 0); 2];
        *mins = [half(bytes, 2); 2];
        unpack(&bytes[4..], codes);
    }
}
