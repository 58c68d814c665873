//! Q1_0 and Q2_0: one or two bits a weight under one scale.

use crate::block::{Block, half};

/// 128 weights, 18 bytes: f16 scale; bit `i` of the rest is the sign of weight `i` (1 is plus). `w = ±d`.
pub(crate) struct Q1_0;

/// 64 weights, 18 bytes: f16 scale; weight `i` lies in byte `i / 4`, bits `2 (i mod 4)`. `w = d · (q − 1)`.
pub(crate) struct Q2_0;

impl Block for Q1_0 {
    type Bytes = [u8; 18];
    type Codes = [i8; 128];
    type Groups = [f32; 8];

    fn expand(bytes: &[u8; 18], codes: &mut [i8; 128], scales: &mut [f32; 8], _mins: &mut [f32; 8]) {
        *scales = [half(bytes, 0); 8];
        for (codes, byte) in codes.as_chunks_mut::<8>().0.iter_mut().zip(&bytes[2..]) {
            for (i, code) in codes.iter_mut().enumerate() {
                *code = 2 * (byte >> i & 1) as i8 - 1;
            }
        }
    }
}

impl Block for Q2_0 {
    type Bytes = [u8; 18];
    type Codes = [i8; 64];
    type Groups = [f32; 4];

    fn expand(bytes: &[u8; 18], codes: &mut [i8; 64], scales: &mut [f32; 4], _mins: &mut [f32; 4]) {
        *scales = [half(bytes, 0); 4];
        for (codes, byte) in codes.as_chunks_mut::<4>().0.iter_mut().zip(&bytes[2..]) {
            for (i, code) in codes.iter_mut().enumerate() {
                *code = (byte >> (2 * i) & 3) as i8 - 1;
            }
        }
    }
}
