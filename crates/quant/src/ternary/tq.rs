//! TQ1_0 and TQ2_0: weights in −1, 0, 1 under one scale per 256.

use super::{Packed, ScaleType, pack_digits, unpack_digits};
use crate::{
    block::{Block, Encode, half, set_half},
    fit::{book::Integers, scale, sweep},
    q2_k::pack_planes,
};

/// 256 weights, 54 bytes: 48 bytes of five base-3 digits, 4 bytes of four, f16 scale. A byte is a fraction of 256:
/// multiplied by 3, its carry is the next digit. Weight `32 d + i` of the first 160 is digit `d` of byte `i`,
/// `160 + 16 d + i` of the next 80 digit `d` of byte `32 + i`, `240 + 4 d + i` digit `d` of byte `48 + i`.
pub(crate) struct Tq1_0;

/// 256 weights, 66 bytes: 64 bytes of 2-bit planes as in Q2_K, f16 scale. `w = d · (q − 1)`.
pub(crate) struct Tq2_0;

/// The best scale, which is not negative, and its codes −1, 0, 1.
fn ternarise(x: &[f32], w: &[f32]) -> (f32, [i8; 256]) {
    let d = scale::round_to_half::<Integers<-1, 1>>(x, w, sweep::fit::<-1, 1>(x, w));
    let mut codes = [0; 256];
    scale::assign::<Integers<-1, 1>>(x, d, &mut codes);
    if d < 0.0 {
        codes.iter_mut().for_each(|code| *code = -*code);
    }
    (d.abs(), codes)
}

impl Block for Tq1_0 {
    type Bytes = [u8; 54];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 54]>> = Some(|x, w, bytes| {
        let (d, codes) = ternarise(x, w);
        Self::pack(&codes, bytes);
        set_half(bytes, 52, d);
    });

    fn expand(bytes: &[u8; 54], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        *scales = [half(bytes, 52); 16];
        unpack_digits(&bytes[..32], &mut codes[..160]);
        unpack_digits(&bytes[32..48], &mut codes[160..240]);
        unpack_digits(&bytes[48..52], &mut codes[240..]);
    }
}

impl Packed for Tq1_0 {
    const SCALE: Option<(usize, ScaleType)> = Some((52, ScaleType::F16));

    fn pack(codes: &[i8; 256], bytes: &mut [u8; 54]) {
        pack_digits(&codes[..160], &mut bytes[..32]);
        pack_digits(&codes[160..240], &mut bytes[32..48]);
        pack_digits(&codes[240..], &mut bytes[48..52]);
    }
}

impl Block for Tq2_0 {
    type Bytes = [u8; 66];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 66]>> = Some(|x, w, bytes| {
        let (d, codes) = ternarise(x, w);
        Self::pack(&codes, bytes);
        set_half(bytes, 64, d);
    });

    fn expand(bytes: &[u8; 66], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        *scales = [half(bytes, 64); 16];
        crate::q2_k::planes(&bytes[..64], codes);
        codes.iter_mut().for_each(|code| *code -= 1);
    }
}

impl Packed for Tq2_0 {
    const SCALE: Option<(usize, ScaleType)> = Some((64, ScaleType::F16));
    const CODE_MAX: i8 = 2;

    fn pack(codes: &[i8; 256], bytes: &mut [u8; 66]) {
        pack_planes(&codes.map(|code| (code + 1) as u8), &mut bytes[..64]);
    }
}
