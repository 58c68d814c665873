//! IQ3_XXS and IQ3_S: four weights are one entry of a code book, with a sign for each.

use crate::{
    block::{Block, Encode, half, set_half},
    fit::{
        grid::{Costs, Grid},
        octets::{self, OCTET, Octets},
    },
    grids,
    iq2::{error, even_signs, pack_scales, signs_and_scale, signs_of, turning},
};

/// 256 weights, 98 bytes: f16 scale; 64 entry bytes; per 32 weights a word of four 7-bit signs and a 4-bit scale.
pub(crate) struct Iq3Xxs;

/// 256 weights, 110 bytes: f16 scale; 64 entry bytes; 8 bytes with one high bit per entry; 32 sign bytes; 8 4-bit
/// scales.
pub(crate) struct Iq3S;

fn four<const N: usize>(grid: &[u16; N], levels: &[i8; 8], entry: usize, signs: u8, codes: &mut [i8]) {
    let packed = grid[entry % N];
    for (i, code) in codes.iter_mut().enumerate() {
        let level = levels[usize::from(packed >> (4 * i) & 7)];
        *code = if signs >> i & 1 == 1 { -level } else { level };
    }
}

static XXS: Grid = Grid::new(&grids::IQ3_XXS);
static S: Grid = Grid::new(&grids::IQ3_S);

/// What eight weights become.
#[derive(Clone, Copy, Default)]
pub(crate) struct Signed {
    entries: [u16; 2],
    signs: u8,
}

/// The best entry for four weights, and the best if one of their signs is wrong: with their errors, and which.
struct Half {
    plain: (u16, f32),
    turned: (u16, f32, usize),
}

impl Half {
    fn of(grid: &Grid, levels: &[f32; 8], x: &[f32], w: &[f32], known: u16, may_turn: bool) -> Self {
        let costs = Costs::of_four(&std::array::from_fn(|i| levels.map(|level| error(x[i].abs() - level, w[i]))));
        let plain = grid.cheapest(&costs, known, 0.0, |_| 0.0);
        if !may_turn {
            return Self { plain, turned: (0, f32::INFINITY, 0) };
        }
        let turns: [[f32; 8]; 4] = std::array::from_fn(|i| levels.map(|level| turning(x[i], w[i], level)));
        // The lowest level is the cheapest to turn.
        let least = turns.iter().map(|turns| turns[0]).fold(f32::INFINITY, f32::min);
        let turn = |entry: u16, i: usize| turns[i][usize::from(entry >> (4 * i) & 7)];
        let cheapest_turn = |entry: u16| (0..4).map(|i| turn(entry, i)).fold(f32::INFINITY, f32::min);
        let (entry, cost) = grid.cheapest(&costs, plain.0, least, cheapest_turn);
        let cheapest = (0..4).min_by(|&i, &j| turn(grid.entry(entry), i).total_cmp(&turn(grid.entry(entry), j)));
        Self { plain, turned: (entry, cost, cheapest.unwrap_or(0)) }
    }
}

/// The best entries of `grid` and signs; of signs whose number must be even, one may have to turn.
fn choose(grid: &Grid, levels: &[f32; 8], is_even: bool, x: &[f32; OCTET], w: &[f32; OCTET], known: Signed) -> Signed {
    let signs = signs_of(x);
    let is_odd = is_even && !signs.count_ones().is_multiple_of(2);
    let half = |i: usize| Half::of(grid, levels, &x[4 * i..][..4], &w[4 * i..][..4], known.entries[i], is_odd);
    let (first, second) = (half(0), half(1));
    if !is_odd {
        Signed { entries: [first.plain.0, second.plain.0], signs }
    } else if first.turned.1 + second.plain.1 <= first.plain.1 + second.turned.1 {
        Signed { entries: [first.turned.0, second.plain.0], signs: signs ^ 1 << first.turned.2 }
    } else {
        Signed { entries: [first.plain.0, second.turned.0], signs: signs ^ 1 << (4 + second.turned.2) }
    }
}

macro_rules! octets {
    ($format:ty, $grid:ident, $entries:ident, $levels:ident, $unit:literal, $is_even:literal) => {
        impl Octets for $format {
            const TOP: f32 = grids::$levels[7] as f32;
            const UNIT: f32 = $unit;
            const STEPS: u8 = 15;
            type Choice = Signed;

            fn choose(x: &[f32; OCTET], w: &[f32; OCTET], a: f32, _kind: u8, known: Signed) -> Signed {
                choose(&$grid, &grids::$levels.map(|level| a * f32::from(level)), $is_even, x, w, known)
            }

            fn codes(Signed { entries, signs }: Signed) -> [i8; OCTET] {
                let mut codes = [0; OCTET];
                for (i, codes) in codes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                    four(&grids::$entries, &grids::$levels, entries[i].into(), signs >> (4 * i), codes);
                }
                codes
            }
        }
    };
}

octets!(Iq3Xxs, XXS, IQ3_XXS, IQ3_XXS_LEVELS, 0.25, true);
octets!(Iq3S, S, IQ3_S, IQ3_S_LEVELS, 1.0, false);

impl Block for Iq3Xxs {
    type Bytes = [u8; 98];
    type Codes = [i8; 256];
    type Groups = [f32; 16];

    const ENCODE: Option<Encode<[u8; 98]>> = Some(|x, w, bytes| {
        let fitted = octets::fit::<Self, 8>(x, w);
        set_half(bytes, 0, fitted.d);
        let (entries, words) = bytes[2..].split_at_mut(64);
        for (b, choice) in entries.as_chunks_mut::<2>().0.iter_mut().zip(&fitted.choices) {
            *b = choice.entries.map(|entry| entry as u8);
        }
        let groups = fitted.choices.as_chunks::<4>().0.iter().zip(fitted.steps);
        for (b, (choices, s)) in words.as_chunks_mut::<4>().0.iter_mut().zip(groups) {
            *b = signs_and_scale(choices.map(|choice| choice.signs), s);
        }
    });

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

    const ENCODE: Option<Encode<[u8; 110]>> = Some(|x, w, bytes| {
        let fitted = octets::fit::<Self, 8>(x, w);
        bytes.fill(0);
        set_half(bytes, 0, fitted.d);
        for (i, choice) in fitted.choices.iter().enumerate() {
            for (j, entry) in choice.entries.into_iter().enumerate() {
                let [low, high] = entry.to_le_bytes();
                bytes[2 + 2 * i + j] = low;
                bytes[66 + i / 4] |= high << (2 * (i % 4) + j);
            }
            bytes[74 + i] = choice.signs;
        }
        pack_scales(&fitted.steps, &mut bytes[106..]);
    });

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
