//! Levels under one scale that is stored as it is.

use super::search::{Levels, polish_half, put_half, to_half};
use crate::{iq4, microscaling};

const fn range<const N: usize>(low: i8) -> [i8; N] {
    let mut levels = [0; N];
    let mut i = 0;
    while i < N {
        levels[i] = (low as i16 + i as i16) as i8;
        i += 1;
    }
    levels
}

static FOUR_BITS: [i8; 16] = range(-8);
static FIVE_BITS: [i8; 32] = range(-16);
static EIGHT_BITS: [i8; 255] = range(-127);
static TERNARY: [i8; 3] = range(-1);
static TWO_BITS: [i8; 4] = range(-1);
static SIGNS: [i8; 2] = [-1, 1];
/// E2M1 doubled, ascending, and the code of each.
static E2M1: [i8; 15] = [-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12];
static E2M1_CODES: [u8; 15] = [15, 14, 13, 12, 11, 10, 9, 0, 1, 2, 3, 4, 5, 6, 7];

/// Best f16 scale and the index of each value's level.
fn fit_half(levels: &[i8], x: &[f32], w: &[f32]) -> (f32, Vec<usize>) {
    let levels = Levels(levels);
    let scale = polish_half(levels.fit(x, w, to_half), |s| levels.error(x, w, s));
    (scale, levels.indices(x, scale))
}

/// 32 codes of 4 bits: `i` low, `i + 16` high.
pub(super) fn nibbles(codes: &[usize], out: &mut [u8]) {
    for (i, byte) in out.iter_mut().enumerate().take(16) {
        *byte = (codes[i] & 15 | (codes[i + 16] & 15) << 4) as u8;
    }
}

/// 32 codes of 5 bits: high bits first, then nibbles.
pub(super) fn five_bits(codes: &[usize], out: &mut [u8]) {
    let high = codes.iter().enumerate().fold(0u32, |bits, (i, code)| bits | ((code >> 4 & 1) as u32) << i);
    out[..4].copy_from_slice(&high.to_le_bytes());
    nibbles(codes, &mut out[4..]);
}

/// 256 codes of 2 bits in planes of 32 bytes.
pub(super) fn planes(codes: &[usize], out: &mut [u8]) {
    out[..64].fill(0);
    for (i, code) in codes.iter().enumerate() {
        out[32 * (i / 128) + i % 32] |= ((code & 3) << (2 * (i % 128 / 32))) as u8;
    }
}

pub(super) fn q4_0(x: &[f32], w: &[f32], out: &mut [u8]) {
    let (scale, codes) = fit_half(&FOUR_BITS, x, w);
    put_half(out, 0, scale);
    nibbles(&codes, &mut out[2..]);
}

pub(super) fn q5_0(x: &[f32], w: &[f32], out: &mut [u8]) {
    let (scale, codes) = fit_half(&FIVE_BITS, x, w);
    put_half(out, 0, scale);
    five_bits(&codes, &mut out[2..]);
}

pub(super) fn q8_0(x: &[f32], w: &[f32], out: &mut [u8]) {
    let (scale, codes) = fit_half(&EIGHT_BITS, x, w);
    put_half(out, 0, scale);
    for (byte, code) in out[2..].iter_mut().zip(codes) {
        *byte = EIGHT_BITS[code] as u8;
    }
}

pub(super) fn iq4_nl(x: &[f32], w: &[f32], out: &mut [u8]) {
    let (scale, codes) = fit_half(&iq4::VALUES, x, w);
    put_half(out, 0, scale);
    nibbles(&codes, &mut out[2..]);
}

pub(super) fn q1_0(x: &[f32], w: &[f32], out: &mut [u8]) {
    let (scale, codes) = fit_half(&SIGNS, x, w);
    put_half(out, 0, scale);
    out[2..].fill(0);
    codes.iter().enumerate().for_each(|(i, code)| out[2 + i / 8] |= (*code as u8) << (i % 8));
}

pub(super) fn q2_0(x: &[f32], w: &[f32], out: &mut [u8]) {
    let (scale, codes) = fit_half(&TWO_BITS, x, w);
    put_half(out, 0, scale);
    out[2..].fill(0);
    codes.iter().enumerate().for_each(|(i, code)| out[2 + i / 4] |= (*code as u8) << (2 * (i % 4)));
}

pub(super) fn tq2_0(x: &[f32], w: &[f32], out: &mut [u8]) {
    let (scale, codes) = fit_half(&TERNARY, x, w);
    planes(&codes, out);
    put_half(out, 64, scale);
}

pub(super) fn tq1_0(x: &[f32], w: &[f32], out: &mut [u8]) {
    let (scale, codes) = fit_half(&TERNARY, x, w);
    // A byte is the fraction of 256 whose base-3 digits are the codes, rounded up so that truncation finds them.
    let pack = |digits: &[usize]| {
        let number = digits.iter().fold(0, |n, d| 3 * n + d) * 3usize.pow(5 - digits.len() as u32);
        (number * 256).div_ceil(243) as u8
    };
    for i in 0..32 {
        out[i] = pack(&[0, 1, 2, 3, 4].map(|d| codes[32 * d + i]));
    }
    for i in 0..16 {
        out[32 + i] = pack(&[0, 1, 2, 3, 4].map(|d| codes[160 + 16 * d + i]));
    }
    for i in 0..4 {
        out[48 + i] = pack(&[0, 1, 2, 3].map(|d| codes[240 + 4 * d + i]));
    }
    put_half(out, 52, scale);
}

/// The byte whose scale gives the least error.
fn best_byte(x: &[f32], w: &[f32], bytes: impl Iterator<Item = u8>, scale: impl Fn(u8) -> f32) -> u8 {
    let error = |byte: &u8| Levels(&E2M1).error(x, w, scale(*byte));
    bytes.map(|b| (error(&b), b)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |(_, b)| b)
}

fn e2m1_codes(x: &[f32], scale: f32) -> Vec<usize> {
    Levels(&E2M1).indices(x, scale).iter().map(|i| usize::from(E2M1_CODES[*i])).collect()
}

pub(super) fn mxfp4(x: &[f32], w: &[f32], out: &mut [u8]) {
    let largest = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    // The exponent that puts the largest value at 6, and its neighbours.
    let middle = if largest > 0.0 { (largest.log2().floor() as i32 + 125).clamp(0, 254) } else { 0 };
    let bytes = (middle - 2..=middle + 2).filter_map(|e| u8::try_from(e).ok());
    out[0] = best_byte(x, w, bytes, microscaling::half_e8m0);
    nibbles(&e2m1_codes(x, microscaling::half_e8m0(out[0])), &mut out[1..]);
}

pub(super) fn nvfp4(x: &[f32], w: &[f32], out: &mut [u8]) {
    for (group, (x, w)) in x.chunks_exact(16).zip(w.chunks_exact(16)).enumerate() {
        let byte = best_byte(x, w, 0..0x7f, microscaling::half_ue4m3);
        out[group] = byte;
        let codes = e2m1_codes(x, microscaling::half_ue4m3(byte));
        for i in 0..8 {
            out[4 + 8 * group + i] = (codes[i] | codes[i + 8] << 4) as u8;
        }
    }
}
