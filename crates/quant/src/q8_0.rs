//! Q8_0: 32 weights, 34 bytes: f16 scale `d`, then 32 signed bytes. `w = d · q`.
//!
//! Encoders write −127..=127; a byte of −128 is read as such.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{book::Integers, scale::half_scale},
};

/// See the module.
pub(crate) struct Q8_0;

impl Block for Q8_0 {
    type Bytes = [u8; 34];
    type Codes = [i8; 32];
    type Groups = [f32; 2];

    const ENCODE: Option<Encode<[u8; 34]>> = Some(|x, w, bytes| {
        let mut codes = [0; 32];
        set_half(bytes, 0, half_scale::<Integers<-127, 127>>(x, w, &mut codes));
        bytes[2..].copy_from_slice(&codes.map(|code| code as u8));
    });

    fn expand(bytes: &[u8; 34], codes: &mut [i8; 32], scales: &mut [f32; 2], _mins: &mut [f32; 2]) {
        *scales = [half(bytes, 0); 2];
        for (code, &byte) in codes.iter_mut().zip(&bytes[2..]) {
            *code = byte as i8;
        }
    }
}
