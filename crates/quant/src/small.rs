//! Q1_0 and Q2_0: one or two bits a weight under one scale.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{
        book::{Integers, Signs},
        scale, sweep,
    },
    ternary::{Packed, ScaleType, pack_in_order, unpack_in_order},
};

/// 128 weights, 18 bytes: f16 scale; bit `i` of the rest is the sign of weight `i` (1 is plus). `w = ±d`.
pub(crate) struct Q1_0;

/// 64 weights, 18 bytes: f16 scale; weight `i` lies in byte `i / 4`, bits `2 (i mod 4)`. `w = d · (q − 1)`.
pub(crate) struct Q2_0;

impl Block for Q1_0 {
    type Bytes = [u8; 18];
    type Codes = [i8; 128];
    type Groups = [f32; 8];

    const ENCODE: Option<Encode<[u8; 18]>> = Some(|x, w, bytes| {
        let mut codes = [0; 128];
        set_half(bytes, 0, scale::half_scale::<Signs>(x, w, &mut codes));
        for (codes, byte) in codes.as_chunks::<8>().0.iter().zip(&mut bytes[2..]) {
            *byte = codes.iter().rev().fold(0, |byte, &code| byte << 1 | u8::from(code > 0));
        }
    });

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

    const ENCODE: Option<Encode<[u8; 18]>> = Some(|x, w, bytes| {
        let d = scale::round_to_half::<Integers<-1, 2>>(x, w, sweep::fit::<-1, 2>(x, w));
        let mut codes = [0; 64];
        scale::assign::<Integers<-1, 2>>(x, d, &mut codes);
        set_half(bytes, 0, d);
        Self::pack(&codes, bytes);
    });

    fn expand(bytes: &[u8; 18], codes: &mut [i8; 64], scales: &mut [f32; 4], _mins: &mut [f32; 4]) {
        *scales = [half(bytes, 0); 4];
        unpack_in_order(&bytes[2..], codes);
    }
}

impl Packed for Q2_0 {
    const SCALE: Option<(usize, ScaleType)> = Some((0, ScaleType::F16));
    const CODE_MAX: i8 = 2;

    fn pack(codes: &[i8; 64], bytes: &mut [u8; 18]) {
        pack_in_order(codes, &mut bytes[2..]);
    }
}
