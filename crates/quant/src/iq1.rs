//! IQ1_S and IQ1_M: eight weights are one entry of a ternary code book, shifted up or down by an eighth.
//!
//! `w = dl · (g ± 1/8)` with `g` in −1, 0, 1: codes are `8 g ± 1`, scales `dl / 8`, both exact.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{
        grid::{Costs, Grid},
        octets::{self, OCTET, Octets},
    },
    grids,
    iq2::error,
};
use half::f16;

/// 256 weights, 50 bytes: f16 scale; 32 entry bytes; per 32 weights a word of four 3-bit high parts, a 3-bit scale, the
/// shift's sign.
pub(crate) struct Iq1S;

/// 256 weights, 56 bytes: 32 entry bytes; 16 bytes with a 3-bit high part and a shift's sign for two entries; four
/// words of four 3-bit scales, whose top nibbles are the f16 scale.
pub(crate) struct Iq1M;

fn eight(entry: usize, is_down: bool, codes: &mut [i8]) {
    let packed = grids::IQ1_S[entry % grids::IQ1_S.len()];
    for (i, code) in codes.iter_mut().enumerate() {
        let level = grids::IQ1_S_LEVELS[usize::from(packed >> (2 * i) & 3) % 3];
        *code = shifted(level, is_down);
    }
}

static GRID: Grid = Grid::new(&grids::IQ1_S);

/// What eight weights become.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shifted {
    entry: u16,
    is_down: bool,
}

/// The best entry under one shift, and its error.
fn choose(x: &[f32; OCTET], w: &[f32; OCTET], a: f32, is_down: bool, known: Shifted) -> (Shifted, f32) {
    let levels = grids::IQ1_S_LEVELS.map(|level| a * f32::from(shifted(level, is_down)));
    let costs = Costs::of_eight(&std::array::from_fn(|i| levels.map(|level| error(x[i] - level, w[i]))));
    let (entry, error) = GRID.cheapest(&costs, known.entry, 0.0, |_| 0.0);
    (Shifted { entry, is_down }, error)
}

fn shifted(level: i8, is_down: bool) -> i8 {
    8 * level + if is_down { -1 } else { 1 }
}

fn codes(choice: Shifted) -> [i8; OCTET] {
    let mut codes = [0; OCTET];
    eight(choice.entry.into(), choice.is_down, &mut codes);
    codes
}

impl Octets for Iq1S {
    const TOP: f32 = 9.0;
    const UNIT: f32 = 0.125;
    const STEPS: u8 = 7;
    /// A group is shifted up or down.
    const N_KINDS: u8 = 2;
    type Choice = Shifted;

    fn choose(x: &[f32; OCTET], w: &[f32; OCTET], a: f32, kind: u8, known: Shifted) -> Shifted {
        choose(x, w, a, kind == 1, known).0
    }

    fn codes(choice: Shifted) -> [i8; OCTET] {
        codes(choice)
    }
}

impl Octets for Iq1M {
    const TOP: f32 = 9.0;
    const UNIT: f32 = 0.125;
    const STEPS: u8 = 7;
    type Choice = Shifted;

    fn choose(x: &[f32; OCTET], w: &[f32; OCTET], a: f32, _kind: u8, known: Shifted) -> Shifted {
        let [up, down] = [false, true].map(|is_down| choose(x, w, a, is_down, known));
        if down.1 < up.1 { down.0 } else { up.0 }
    }

    fn codes(choice: Shifted) -> [i8; OCTET] {
        codes(choice)
    }
}

impl Block for Iq1S {
    type Bytes = [u8; 50];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 50]>> = Some(|x, w, bytes| {
        let fitted = octets::fit::<Self, 8>(x, w);
        set_half(bytes, 0, fitted.d);
        for (j, choices) in fitted.choices.as_chunks::<4>().0.iter().enumerate() {
            let mut word = u16::from(fitted.steps[j]) << 12 | u16::from(fitted.kinds[j]) << 15;
            for (i, choice) in choices.iter().enumerate() {
                bytes[2 + 4 * j + i] = choice.entry as u8;
                word |= (choice.entry >> 8) << (3 * i);
            }
            bytes[34 + 2 * j..][..2].copy_from_slice(&word.to_le_bytes());
        }
    });

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

    const ENCODE: Option<Encode<[u8; 56]>> = Some(|x, w, bytes| {
        let fitted = octets::fit::<Self, 16>(x, w);
        bytes.fill(0);
        for (i, choice) in fitted.choices.iter().enumerate() {
            let [low, high] = choice.entry.to_le_bytes();
            bytes[i] = low;
            bytes[32 + i / 2] |= (high | u8::from(choice.is_down) << 3) << (4 * (i % 2));
        }
        let d = f16::from_f32(fitted.d).to_bits();
        for (i, steps) in fitted.steps.as_chunks::<4>().0.iter().enumerate() {
            let scales = steps.iter().rev().fold(0, |word, s| word << 3 | u16::from(*s));
            bytes[48 + 2 * i..][..2].copy_from_slice(&(scales | (d >> (4 * i) & 15) << 12).to_le_bytes());
        }
    });

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
