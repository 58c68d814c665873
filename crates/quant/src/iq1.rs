//! IQ1_S and IQ1_M: eight weights are one entry of a ternary code book, shifted up or down by an eighth.
//!
//! `w = dl · (g ± 1/8)` with `g` in −1, 0, 1: codes are `8 g ± 1`, scales `dl / 8`, both exact.

use crate::{
    block::{Block, half},
    grids,
};
use half::f16;

/// 256 weights, 50 bytes: f16 scale; 32 entry bytes; per 32 weights a word of four 3-bit high parts, a 3-bit scale, the shift's sign.
pub(crate) struct Iq1S;

/// 256 weights, 56 bytes: 32 entry bytes; 16 bytes with a 3-bit high part and a shift's sign for two entries; four words of four
/// 3-bit scales, whose top nibbles are the f16 scale.
pub(crate) struct Iq1M;

fn eight(entry: usize, is_down: bool, codes: &mut [i8]) {
    let packed = grids::IQ1_S[entry % grids::IQ1_S.len()];
    for (i, code) in codes.iter_mut().enumerate() {
        let level = grids::IQ1_S_LEVELS[usize::from(packed >> (2 * i) & 3) % 3];
        *code = 8 * level + if is_down { -1 } else { 1 };
    }
}

impl Block for Iq1S {
    type Bytes = [u8; 50];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    fn expand(bytes: &[u8; 50], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let d = half(bytes, 0);
        for (j, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let word = u16::from_le_bytes([bytes[34 + 2 * j], bytes[35 + 2 * j]]);
            scales[2 * j..2 * j + 2].fill(d * f32::from(2 * (word >> 12 & 7) + 1) * 0.125);
            for (i, codes) in codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                let entry = usize::from(bytes[2 + 4 * j + i]) | usize::from(word >> (3 * i) & 7) << 8;
                eight(entry, word >> 15 == 1, codes);
            }
        }
    }
}

impl Block for Iq1M {
    type Bytes = [u8; 56];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    fn expand(bytes: &[u8; 56], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let word = |i: usize| u16::from_le_bytes([bytes[48 + 2 * i], bytes[49 + 2 * i]]);
        let bits = word(0) >> 12 | word(1) >> 12 << 4 | word(2) >> 12 << 8 | word(3) >> 12 << 12;
        let d = f16::from_bits(bits).to_f32();
        for (i, scale) in scales.iter_mut().enumerate() {
            *scale = d * f32::from(2 * (word(i / 4) >> (3 * (i % 4)) & 7) + 1) * 0.125;
        }
        for (i, codes) in codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let high = bytes[32 + i / 2] >> (4 * (i % 2)) & 15;
            eight(usize::from(bytes[i]) | usize::from(high & 7) << 8, high >> 3 == 1, codes);
        }
    }
}
