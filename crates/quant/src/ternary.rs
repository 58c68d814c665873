//! TQ1_0 and TQ2_0: weights in −1, 0, 1 under one scale per 256.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{book::Integers, scale, sweep},
    q2_k::pack_planes,
};

/// 256 weights, 54 bytes: 48 bytes of five base-3 digits, 4 bytes of four, f16 scale. A byte is a fraction of 256: multiplied by
/// 3, its carry is the next digit. Weight `32 d + i` of the first 160 is digit `d` of byte `i`, `160 + 16 d + i` of the next 80
/// digit `d` of byte `32 + i`, `240 + 4 d + i` digit `d` of byte `48 + i`.
pub(crate) struct Tq1_0;

/// 256 weights, 66 bytes: 64 bytes of 2-bit planes as in Q2_K, f16 scale. `w = d · (q − 1)`.
pub(crate) struct Tq2_0;

fn digits<const N: usize>(bytes: &[u8], codes: &mut [i8]) {
    for (digit, codes) in codes.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        for (code, byte) in codes.iter_mut().zip(bytes) {
            let fraction = byte.wrapping_mul([1, 3, 9, 27, 81][digit]);
            *code = ((u16::from(fraction) * 3) >> 8) as i8 - 1;
        }
    }
}

/// [`digits`] backwards: `n` bytes whose digits are codes plus one, as fractions of 256 rounded up, so that carries never fall short.
fn pack_digits(codes: &[i8], bytes: &mut [u8]) {
    let n = bytes.len();
    for (i, byte) in bytes.iter_mut().enumerate() {
        let digits = |power: usize| codes.get(power * n + i).map_or(0, |code| (code + 1) as u16);
        let number = (0..5).fold(0, |number, power| 3 * number + digits(power));
        *byte = (number * 256).div_ceil(243) as u8;
    }
}

/// The best scale and its codes −1, 0, 1.
fn ternarise(x: &[f32], w: &[f32]) -> (f32, [i8; 256]) {
    let d = scale::round_to_half::<Integers<-1, 1>>(x, w, sweep::fit::<-1, 1>(x, w));
    let mut codes = [0; 256];
    scale::assign::<Integers<-1, 1>>(x, d, &mut codes);
    (d, codes)
}

impl Block for Tq1_0 {
    type Bytes = [u8; 54];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 54]>> = Some(|x, w, bytes| {
        let (d, codes) = ternarise(x, w);
        pack_digits(&codes[..160], &mut bytes[..32]);
        pack_digits(&codes[160..240], &mut bytes[32..48]);
        pack_digits(&codes[240..], &mut bytes[48..52]);
        set_half(bytes, 52, d);
    });

    fn expand(bytes: &[u8; 54], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        *scales = [half(bytes, 52); 16];
        digits::<32>(&bytes[..32], &mut codes[..160]);
        digits::<16>(&bytes[32..48], &mut codes[160..240]);
        digits::<4>(&bytes[48..52], &mut codes[240..]);
    }
}

impl Block for Tq2_0 {
    type Bytes = [u8; 66];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 66]>> = Some(|x, w, bytes| {
        let (d, codes) = ternarise(x, w);
        pack_planes(&codes.map(|code| (code + 1) as u8), &mut bytes[..64]);
        set_half(bytes, 64, d);
    });

    fn expand(bytes: &[u8; 66], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        *scales = [half(bytes, 64); 16];
        crate::q2_k::planes(&bytes[..64], codes);
        codes.iter_mut().for_each(|code| *code -= 1);
    }
}
