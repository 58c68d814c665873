//! IQ2_XXS, IQ2_XS and IQ2_S: eight weights are one entry of a code book, with a sign for each.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{
        grid::{Costs, Grid},
        octets::{self, OCTET, Octets},
    },
    grids,
};

/// 256 weights, 66 bytes: f16 scale; per 32 weights four entry bytes and a word of four 7-bit signs and a 4-bit scale.
pub(crate) struct Iq2Xxs;

/// 256 weights, 74 bytes: f16 scale; 32 words of a 9-bit entry and a 7-bit sign; 16 4-bit scales.
pub(crate) struct Iq2Xs;

/// 256 weights, 82 bytes: f16 scale; 32 entry bytes, 32 sign bytes; 8 bytes with two high bits per entry; 16 4-bit
/// scales.
pub(crate) struct Iq2S;

/// A 7-bit sign index → 8 signs: the eighth makes their number even.
pub(crate) fn even_signs(index: u32) -> u8 {
    let seven = (index & 127) as u8;
    seven | ((seven.count_ones() & 1) as u8) << 7
}

/// Eight weights: entry `entry` of `grid`, negated where `signs` has a bit. The tables make it a few loads: with shifts
/// and a branch a weight it took six times as long.
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

static XXS: Grid = Grid::new(&grids::IQ2_XXS);
static XS: Grid = Grid::new(&grids::IQ2_XS);
static S: Grid = Grid::new(&grids::IQ2_S);

/// What eight weights become.
#[derive(Clone, Copy, Default)]
pub(crate) struct Signed {
    entry: u16,
    signs: u8,
}

/// The best entry of `grid` and signs; of signs whose number must be even, one may have to turn.
fn choose(grid: &Grid, is_even: bool, x: &[f32; OCTET], w: &[f32; OCTET], a: f32, known: Signed) -> Signed {
    let levels = grids::IQ2_LEVELS.map(|level| a * f32::from(level));
    let costs = Costs::of_eight(&std::array::from_fn(|i| levels.map(|level| error(x[i].abs() - level, w[i]))));
    let signs = signs_of(x);
    if !is_even || signs.count_ones().is_multiple_of(2) {
        let (entry, _) = grid.cheapest(&costs, known.entry, 0.0, |_| 0.0);
        return Signed { entry, signs };
    }
    let turns: [[f32; 3]; OCTET] = std::array::from_fn(|i| levels.map(|level| turning(x[i], w[i], level)));
    // The lowest level is the cheapest to turn.
    let least = turns.iter().map(|turns| turns[0]).fold(f32::INFINITY, f32::min);
    let turn = |entry: u16, i: usize| turns[i][usize::from(entry >> (2 * i) & 3) % 3];
    let cheapest_turn = |entry: u16| (0..OCTET).map(|i| turn(entry, i)).fold(f32::INFINITY, f32::min);
    let (entry, _) = grid.cheapest(&costs, known.entry, least, cheapest_turn);
    let cheapest = (0..OCTET).min_by(|&i, &j| turn(grid.entry(entry), i).total_cmp(&turn(grid.entry(entry), j)));
    Signed { entry, signs: signs ^ 1 << cheapest.unwrap_or(0) }
}

/// A bit for each negative weight.
pub(crate) fn signs_of(x: &[f32; OCTET]) -> u8 {
    x.iter().enumerate().fold(0, |signs, (i, x)| signs | u8::from(*x < 0.0) << i)
}

pub(crate) fn error(rest: f32, w: f32) -> f32 {
    w * rest * rest
}

/// What it adds to the error of weight `x` that its level gets the wrong sign: `w (|x| + level)² − w (|x| − level)²`.
pub(crate) fn turning(x: f32, w: f32, level: f32) -> f32 {
    4.0 * w * x.abs() * level
}

/// Writes the 4-bit scales of groups, two in a byte.
pub(crate) fn pack_scales(steps: &[u8], bytes: &mut [u8]) {
    for (pair, byte) in steps.as_chunks::<2>().0.iter().zip(bytes) {
        *byte = pair[0] | pair[1] << 4;
    }
}

/// Four 7-bit signs, and a 4-bit scale above them.
pub(crate) fn signs_and_scale(signs: [u8; 4], s: u8) -> [u8; 4] {
    let word = signs.iter().rev().fold(u32::from(s), |word, signs| word << 7 | u32::from(signs & 127));
    word.to_le_bytes()
}

/// An eighth of `d`, as of all formats of this family.
const UNIT: f32 = 0.125;

macro_rules! octets {
    ($format:ty, $grid:ident, $entries:ident, $is_even:literal) => {
        impl Octets for $format {
            const TOP: f32 = 43.0;
            const UNIT: f32 = UNIT;
            const STEPS: u8 = 15;
            type Choice = Signed;

            fn choose(x: &[f32; OCTET], w: &[f32; OCTET], a: f32, _kind: u8, known: Signed) -> Signed {
                choose(&$grid, $is_even, x, w, a, known)
            }

            fn codes(Signed { entry, signs }: Signed) -> [i8; OCTET] {
                let mut codes = [0; OCTET];
                eight(&grids::$entries, entry.into(), signs, &mut codes);
                codes
            }
        }
    };
}

octets!(Iq2Xxs, XXS, IQ2_XXS, true);
octets!(Iq2Xs, XS, IQ2_XS, true);
octets!(Iq2S, S, IQ2_S, false);

fn scale(d: f32, bits: u8) -> f32 {
    d * (0.5 + f32::from(bits)) * 0.25
}

impl Block for Iq2Xxs {
    type Bytes = [u8; 66];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 66]>> = Some(|x, w, bytes| {
        let fitted = octets::fit::<Self, 8>(x, w);
        set_half(bytes, 0, fitted.d);
        let groups = fitted.choices.as_chunks::<4>().0.iter().zip(fitted.steps);
        for (b, (choices, s)) in bytes[2..].as_chunks_mut::<8>().0.iter_mut().zip(groups) {
            b[..4].copy_from_slice(&choices.map(|choice| choice.entry as u8));
            b[4..].copy_from_slice(&signs_and_scale(choices.map(|choice| choice.signs), s));
        }
    });

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

    const ENCODE: Option<Encode<[u8; 74]>> = Some(|x, w, bytes| {
        let fitted = octets::fit::<Self, 16>(x, w);
        set_half(bytes, 0, fitted.d);
        for (b, choice) in bytes[2..66].as_chunks_mut::<2>().0.iter_mut().zip(&fitted.choices) {
            *b = (choice.entry | u16::from(choice.signs & 127) << 9).to_le_bytes();
        }
        pack_scales(&fitted.steps, &mut bytes[66..]);
    });

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

    const ENCODE: Option<Encode<[u8; 82]>> = Some(|x, w, bytes| {
        let fitted = octets::fit::<Self, 16>(x, w);
        bytes.fill(0);
        set_half(bytes, 0, fitted.d);
        for (i, choice) in fitted.choices.iter().enumerate() {
            let [low, high] = choice.entry.to_le_bytes();
            (bytes[2 + i], bytes[34 + i]) = (low, choice.signs);
            bytes[66 + i / 4] |= high << (2 * (i % 4));
        }
        pack_scales(&fitted.steps, &mut bytes[74..]);
    });

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
