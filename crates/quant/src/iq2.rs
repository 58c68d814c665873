//! IQ2_XXS, IQ2_XS and IQ2_S: eight weights are one entry of a code book, with a sign for each.

use crate::{
    block::{Block, half},
    grids,
};

/// 256 weights, 66 bytes: f16 scale; per 32 weights four entry bytes and a word of four 7-bit signs and a 4-bit scale.
pub(crate) struct Iq2Xxs;

/// 256 weights, 74 bytes: f16 scale; 32 words of a 9-bit entry and a 7-bit sign; 16 4-bit scales.
pub(crate) struct Iq2Xs;

/// 256 weights, 82 bytes: f16 scale; 32 entry bytes, 32 sign bytes; 8 bytes with two high bits per entry; 16 4-bit scales.
pub(crate) struct Iq2S;

/// A 7-bit sign index → 8 signs: the eighth makes their number even.
pub(crate) fn even_signs(index: u32) -> u8 {
    let seven = (index & 127) as u8;
    seven | ((seven.count_ones() & 1) as u8) << 7
}

/// Eight weights: entry `entry` of `grid`, negated where `signs` has a bit. The tables make it a few loads: with shifts and a branch a
/// weight it took six times as long.
fn eight<const N: usize>(grid: &[u16; N], entry: usize, signs: u8, codes: &mut [i8; 8]) {
    let [low, high] = grid[entry % N].to_le_bytes().map(|byte| QUADS[usize::from(byte)]);
    let masks = &SIGN_MASKS[usize::from(signs)];
    for i in 0..4 {
        codes[i] = (low[i] ^ masks[i]) - masks[i];
        codes[i + 4] = (high[i] ^ masks[i + 4]) - masks[i + 4];
    }
}

/// A byte of an entry → its four levels, the same three in all of these formats.
static QUADS: [[i8; 4]; 256] = {
    let mut quads = [[0; 4]; 256];
    let mut i = 0;
    while i < 4 * 256 {
        let (byte, place) = (i / 4, i % 4);
        quads[byte][place] = grids::IQ2_LEVELS[(byte >> (2 * place) & 3) % 3];
        i += 1;
    }
    quads
};

/// A byte of signs → −1 where it has a bit, 0 elsewhere.
static SIGN_MASKS: [[i8; 8]; 256] = {
    let mut masks = [[0; 8]; 256];
    let mut i = 0;
    while i < 8 * 256 {
        let (byte, place) = (i / 8, i % 8);
        masks[byte][place] = -((byte >> place & 1) as i8);
        i += 1;
    }
    masks
};

fn scale(d: f32, bits: u8) -> f32 {
    d * (0.5 + f32::from(bits)) * 0.25
}

impl Block for Iq2Xxs {
    type Bytes = [u8; 66];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    fn expand(bytes: &[u8; 66], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let d = half(bytes, 0);
        for (j, (b, codes)) in bytes[2..].as_chunks::<8>().0.iter().zip(codes.as_chunks_mut::<32>().0).enumerate() {
            let word = u32::from_le_bytes([b[4], b[5], b[6], b[7]]);
            scales[2 * j..2 * j + 2].fill(scale(d, (word >> 28) as u8));
            for (i, codes) in codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                eight(&grids::IQ2_XXS, b[i].into(), even_signs(word >> (7 * i)), codes);
            }
        }
    }
}

impl Block for Iq2Xs {
    type Bytes = [u8; 74];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    fn expand(bytes: &[u8; 74], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let d = half(bytes, 0);
        for (i, value) in scales.iter_mut().enumerate() {
            *value = scale(d, bytes[66 + i / 2] >> (4 * (i % 2)) & 15);
        }
        for (b, codes) in bytes[2..66].as_chunks::<2>().0.iter().zip(codes.as_chunks_mut::<8>().0) {
            let word = u16::from_le_bytes(*b);
            eight(&grids::IQ2_XS, usize::from(word & 511), even_signs(u32::from(word >> 9)), codes);
        }
    }
}

impl Block for Iq2S {
    type Bytes = [u8; 82];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    fn expand(bytes: &[u8; 82], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let d = half(bytes, 0);
        for (i, value) in scales.iter_mut().enumerate() {
            *value = scale(d, bytes[74 + i / 2] >> (4 * (i % 2)) & 15);
        }
        for (i, codes) in codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let high = bytes[66 + i / 4] >> (2 * (i % 4)) & 3;
            let entry = usize::from(bytes[2 + i]) | usize::from(high) << 8;
            eight(&grids::IQ2_S, entry, bytes[34 + i], codes);
        }
    }
}
