//! Levels under a scale for each group, itself an integer under one f16.

use super::{
    plain::planes,
    search::{Levels, put_half, to_half},
};
use crate::iq4;

/// `w = d · s · level`.
struct Nested {
    d: f32,
    scales: Vec<i8>,
    indices: Vec<usize>,
}

/// Groups of `len`; scales within `low..=high`.
fn nested(x: &[f32], w: &[f32], len: usize, levels: Levels<'_>, (low, high): (i8, i8)) -> Nested {
    let groups: Vec<(&[f32], &[f32])> = x.chunks_exact(len).zip(w.chunks_exact(len)).collect();
    let fitted: Vec<f32> = groups.iter().map(|(x, w)| levels.fit(x, w, |s| s)).collect();
    let largest = fitted.iter().copied().fold(0.0, |m: f32, v| if v.abs() > m.abs() { v } else { m });
    let mut best: Option<(f64, Nested)> = None;
    for bound in [f32::from(low), f32::from(high)] {
        for shrink in [1.0, 0.99, 1.01, 0.98, 1.02, 0.96, 1.04, 0.93, 1.07] {
            let d = to_half(largest / bound * shrink);
            let mut candidate = Nested { d, scales: Vec::new(), indices: Vec::new() };
            let mut total = 0.0;
            for ((x, w), scale) in groups.iter().zip(&fitted) {
                let middle = if d == 0.0 { 0.0 } else { (scale / d).round() };
                let middle = if middle.is_finite() { middle.clamp(f32::from(low), f32::from(high)) as i8 } else { 0 };
                let near = middle.saturating_sub(2).max(low)..=middle.saturating_add(2).min(high);
                // The other sign may do better where levels are not symmetric.
                let mirrored = middle.saturating_neg().saturating_sub(1).max(low)
                    ..=middle.saturating_neg().saturating_add(1).min(high);
                let errors = near.chain(mirrored).map(|s| (levels.error(x, w, d * f32::from(s)), s));
                let (error, s) = errors.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 0));
                total += error;
                candidate.scales.push(s);
                candidate.indices.extend(levels.indices(x, d * f32::from(s)));
            }
            if best.as_ref().is_none_or(|(error, _)| total < *error) {
                best = Some((total, candidate));
            }
        }
    }
    best.map_or(Nested { d: 0.0, scales: vec![0; groups.len()], indices: vec![0; x.len()] }, |b| b.1)
}

static THREE_BITS: [i8; 8] = [-4, -3, -2, -1, 0, 1, 2, 3];
static SIX_BITS: [i8; 64] = {
    let mut levels = [0; 64];
    let mut i = 0;
    while i < 64 {
        levels[i] = i as i8 - 32;
        i += 1;
    }
    levels
};

pub(super) fn q3_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let block = nested(x, w, 16, Levels(&THREE_BITS), (-32, 31));
    out.fill(0);
    for (i, index) in block.indices.iter().enumerate() {
        // The high bit says that 4 is not subtracted.
        out[i % 32] |= ((index >> 2) << (i / 32)) as u8;
    }
    planes(&block.indices, &mut out[32..96]);
    for (i, scale) in block.scales.iter().enumerate() {
        let bits = (scale + 32) as u8;
        out[96 + i % 8] |= (bits & 15) << (4 * (i / 8));
        out[104 + i % 4] |= (bits >> 4) << (2 * (i / 4));
    }
    put_half(out, 108, block.d);
}

pub(super) fn q6_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let block = nested(x, w, 16, Levels(&SIX_BITS), (-128, 127));
    out.fill(0);
    for (i, index) in block.indices.iter().enumerate() {
        let (half, plane, at) = (i / 128, i % 128 / 32, i % 32);
        out[64 * half + at + 32 * (plane % 2)] |= ((index & 15) << (4 * (plane / 2))) as u8;
        out[128 + 32 * half + at] |= ((index >> 4) << (2 * plane)) as u8;
    }
    for (byte, scale) in out[192..208].iter_mut().zip(&block.scales) {
        *byte = *scale as u8;
    }
    put_half(out, 208, block.d);
}

pub(super) fn iq4_xs(x: &[f32], w: &[f32], out: &mut [u8]) {
    let block = nested(x, w, 32, Levels(&iq4::VALUES), (-32, 31));
    out.fill(0);
    put_half(out, 0, block.d);
    let mut high = 0u16;
    for (j, scale) in block.scales.iter().enumerate() {
        let bits = (scale + 32) as u8;
        out[4 + j / 2] |= (bits & 15) << (4 * (j % 2));
        high |= u16::from(bits >> 4) << (2 * j);
    }
    out[2..4].copy_from_slice(&high.to_le_bytes());
    for (indices, out) in block.indices.chunks_exact(32).zip(out[8..].chunks_exact_mut(16)) {
        super::plain::nibbles(indices, out);
    }
}
