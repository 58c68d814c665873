//! IQ3_XXS and IQ3_S: four weights are one entry of a code book, with a sign for each.

use crate::{
    block::{Block, half},
    grids,
    iq2::even_signs,
};

/// 256 weights, 98 bytes: f16 scale; 64 entry bytes; per 32 weights a word of four 7-bit signs and a 4-bit scale.
pub(crate) struct Iq3Xxs;

/// 256 weights, 110 bytes: f16 scale; 64 entry bytes; 8 bytes with one high bit per entry; 32 sign bytes; 8 4-bit scales.
pub(crate) struct Iq3S;

fn four<const N: usize>(grid: &[u16; N], levels: &[i8; 8], entry: usize, signs: u8, codes: &mut [i8]) {
    let packed = grid[entry % N];
    for (i, code) in codes.iter_mut().enumerate() {
        let level = levels[usize::from(packed >> (4 * i) & 7)];
        *code = if signs >> i & 1 == 1 { -level } else { level };
    }
}

impl Block for Iq3Xxs {
    type Bytes = [u8; 98];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    fn expand(bytes: &[u8; 98], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let d = half(bytes, 0);
        let (entries, words) = (&bytes[2..66], bytes[66..].as_chunks::<4>().0);
        for (j, (b, codes)) in words.iter().zip(codes.as_chunks_mut::<32>().0).enumerate() {
            let word = u32::from_le_bytes(*b);
            scales[2 * j..2 * j + 2].fill(d * (0.5 + (word >> 28) as f32) * 0.5);
            for (i, codes) in codes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let signs = even_signs(word >> (7 * (i / 2))) >> (4 * (i % 2));
                four(&grids::IQ3_XXS, &grids::IQ3_XXS_LEVELS, entries[8 * j + i].into(), signs, codes);
            }
        }
    }
}

impl Block for Iq3S {
    type Bytes = [u8; 110];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    fn expand(bytes: &[u8; 110], codes: &mut [i8; 256], scales: &mut [f32; 16], _mins: &mut [f32; 16]) {
        let d = half(bytes, 0);
        for (i, scale) in scales.iter_mut().enumerate() {
            let bits = bytes[106 + i / 4] >> (4 * (i / 2 % 2)) & 15;
            *scale = d * f32::from(1 + 2 * bits);
        }
        for (i, codes) in codes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let high = bytes[66 + i / 8] >> (i % 8) & 1;
            let entry = usize::from(bytes[2 + i]) | usize::from(high) << 8;
            four(&grids::IQ3_S, &grids::IQ3_S_LEVELS, entry, bytes[74 + i / 2] >> (4 * (i % 2)), codes);
        }
    }
}
