//! Codes `0..=max` under a scale and an offset.

use super::{
    plain::{five_bits, nibbles, planes},
    search::{put_half, slack, to_half},
};

/// `x ≈ scale · q + offset`.
#[derive(Clone, Copy)]
struct Line {
    scale: f32,
    offset: f32,
}

impl Line {
    fn codes(self, x: &[f32], max: f32) -> impl Iterator<Item = f32> {
        let inverse = if self.scale == 0.0 { 0.0 } else { 1.0 / self.scale };
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        x.iter().map(move |x| ((x - self.offset) * inverse).round_ties_even().clamp(0.0, max))
    }

    fn error(self, x: &[f32], w: &[f32], max: f32) -> f64 {
        let codes = self.codes(x, max);
        x.iter()
            .zip(w)
            .zip(codes)
            .map(|((x, w), q)| f64::from(*w) * f64::from(x - (self.scale * q + self.offset)).powi(2))
            .sum()
    }

    /// Least squares for the codes that this line gives; `None` if they are all equal.
    fn refit(self, x: &[f32], w: &[f32], max: f32) -> Option<Self> {
        let (mut sw, mut sq, mut sqq, mut sx, mut sxq) = (0.0f64, 0.0f64, 0.0f64, 0.0f64, 0.0f64);
        for ((x, w), q) in x.iter().zip(w).zip(self.codes(x, max)) {
            let (x, w, q) = (f64::from(*x), f64::from(*w), f64::from(q));
            sw += w;
            sq += w * q;
            sqq += w * q * q;
            sx += w * x;
            sxq += w * x * q;
        }
        let determinant = sw * sqq - sq * sq;
        if determinant <= 0.0 {
            return None;
        }
        let scale = (sw * sxq - sx * sq) / determinant;
        Some(Self { scale: scale as f32, offset: ((sx - scale * sq) / sw) as f32 })
    }
}

/// The best line among those that `stored` can keep.
fn fit(x: &[f32], w: &[f32], max: f32, stored: impl Fn(Line) -> Line) -> Line {
    let low = x.iter().copied().fold(f32::INFINITY, f32::min);
    let high = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut best = (f64::INFINITY, Line { scale: 0.0, offset: 0.0 });
    let slack = slack(x, w);
    let mut consider = |line: Line| {
        let line = stored(line);
        let error = line.error(x, w, max);
        if error + slack < best.0 {
            best = (error, line);
        }
    };
    consider(Line { scale: 0.0, offset: low });
    consider(Line { scale: high / max, offset: 0.0 });
    for clipped_low in 0i8..8 {
        for clipped_high in (0i8..8).chain(-6..0) {
            // Values at the ends may be clipped by up to a level and a half, or the top level left unused.
            let width = (high - low) / max;
            let (from, to) = (low + 0.2 * width * f32::from(clipped_low), high - 0.2 * width * f32::from(clipped_high));
            let mut line = Line { scale: (to - from) / max, offset: from };
            consider(line);
            for _ in 0..2 {
                let Some(refitted) = line.refit(x, w, max) else { break };
                line = refitted;
                consider(line);
            }
        }
    }
    best.1
}

fn plain(x: &[f32], w: &[f32], max: f32, out: &mut [u8]) -> Vec<usize> {
    let line = fit(x, w, max, |l| Line { scale: to_half(l.scale), offset: to_half(l.offset) });
    put_half(out, 0, line.scale);
    put_half(out, 2, line.offset);
    line.codes(x, max).map(|q| q as usize).collect()
}

pub(super) fn q4_1(x: &[f32], w: &[f32], out: &mut [u8]) {
    let codes = plain(x, w, 15.0, out);
    nibbles(&codes, &mut out[4..]);
}

pub(super) fn q5_1(x: &[f32], w: &[f32], out: &mut [u8]) {
    let codes = plain(x, w, 31.0, out);
    five_bits(&codes, &mut out[4..]);
}

/// A super-block: `w = d·s·q − dmin·m`, with `s` and `m` of a few bits for each group.
struct Nested {
    d: f32,
    d_min: f32,
    scales: Vec<u8>,
    mins: Vec<u8>,
    codes: Vec<usize>,
}

/// Groups of `len`, codes up to `max`, `s` and `m` up to `scale_max`.
fn nested(x: &[f32], w: &[f32], len: usize, max: f32, scale_max: u8) -> Nested {
    let groups: Vec<(&[f32], &[f32])> = x.chunks_exact(len).zip(w.chunks_exact(len)).collect();
    // Offsets are subtracted, so they cannot be above zero, and scales cannot be below.
    let allowed = |l: Line| Line { scale: l.scale.max(0.0), offset: l.offset.min(0.0) };
    let lines: Vec<Line> = groups.iter().map(|(x, w)| fit(x, w, max, allowed)).collect();
    let bound = f32::from(scale_max);
    let largest = |f: &dyn Fn(&Line) -> f32| lines.iter().map(f).fold(0.0, f32::max);
    let (scale_largest, min_largest) = (largest(&|l| l.scale), largest(&|l| -l.offset));
    // Groups of like values have several good lines; the one that is stored most exactly is worth a try for all.
    let widest = lines.iter().copied().reduce(|a, b| if b.scale > a.scale { b } else { a });
    let mut best: Option<(f64, Nested)> = None;
    for (shrink_scale, shrink_min) in
        [(1.0, 1.0), (0.97, 1.0), (1.0, 0.97), (1.03, 1.0), (1.0, 1.03), (0.97, 0.97), (1.03, 1.03)]
    {
        let (d, d_min) = (to_half(scale_largest / bound * shrink_scale), to_half(min_largest / bound * shrink_min));
        let mut candidate = Nested { d, d_min, scales: Vec::new(), mins: Vec::new(), codes: Vec::new() };
        let mut total = 0.0;
        for ((x, w), line) in groups.iter().zip(&lines) {
            let pairs = [Some(*line), widest]
                .into_iter()
                .flatten()
                .map(|line| best_pair(x, w, max, line, &candidate, scale_max));
            let (error, s, m) = pairs.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::INFINITY, 0, 0));
            total += error;
            candidate.scales.push(s);
            candidate.mins.push(m);
            let line = Line { scale: d * f32::from(s), offset: -(d_min * f32::from(m)) };
            candidate.codes.extend(line.codes(x, max).map(|q| q as usize));
        }
        if best.as_ref().is_none_or(|(error, _)| total < *error) {
            best = Some((total, candidate));
        }
    }
    best.map_or(
        Nested {
            d: 0.0,
            d_min: 0.0,
            scales: vec![0; groups.len()],
            mins: vec![0; groups.len()],
            codes: vec![0; x.len()],
        },
        |b| b.1,
    )
}

/// The stored scale and offset near `line` with the least error.
fn best_pair(x: &[f32], w: &[f32], max: f32, line: Line, nested: &Nested, scale_max: u8) -> (f64, u8, u8) {
    let near = |value: f32, unit: f32| {
        let middle = if unit > 0.0 { (value / unit).round().clamp(0.0, f32::from(scale_max)) as u8 } else { 0 };
        middle.saturating_sub(2)..=middle.saturating_add(2).min(scale_max)
    };
    let mut best = (f64::INFINITY, 0, 0);
    for s in near(line.scale, nested.d) {
        for m in near(-line.offset, nested.d_min) {
            let line = Line { scale: nested.d * f32::from(s), offset: -(nested.d_min * f32::from(m)) };
            let error = line.error(x, w, max);
            if error < best.0 {
                best = (error, s, m);
            }
        }
    }
    best
}

pub(super) fn q2_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let block = nested(x, w, 16, 3.0, 15);
    for (byte, (scale, min)) in out.iter_mut().zip(block.scales.iter().zip(&block.mins)) {
        *byte = scale | min << 4;
    }
    planes(&block.codes, &mut out[16..80]);
    put_half(out, 80, block.d);
    put_half(out, 82, block.d_min);
}

/// The first 16 bytes of Q4_K and Q5_K.
fn k_header(block: &Nested, out: &mut [u8]) {
    put_half(out, 0, block.d);
    put_half(out, 2, block.d_min);
    let packed = &mut out[4..16];
    packed.fill(0);
    for j in 0..8 {
        let (s, m) = (block.scales[j], block.mins[j]);
        if j < 4 {
            packed[j] |= s;
            packed[j + 4] |= m;
        } else {
            packed[j + 4] = s & 15 | (m & 15) << 4;
            packed[j - 4] |= s >> 4 << 6;
            packed[j] |= m >> 4 << 6;
        }
    }
}

/// 256 nibbles, 64 in 32 bytes.
fn k_nibbles(codes: &[usize], out: &mut [u8]) {
    for (codes, out) in codes.chunks_exact(64).zip(out.chunks_exact_mut(32)) {
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = (codes[i] & 15 | (codes[i + 32] & 15) << 4) as u8;
        }
    }
}

pub(super) fn q4_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let block = nested(x, w, 32, 15.0, 63);
    k_header(&block, out);
    k_nibbles(&block.codes, &mut out[16..]);
}

pub(super) fn q5_k(x: &[f32], w: &[f32], out: &mut [u8]) {
    let block = nested(x, w, 32, 31.0, 63);
    k_header(&block, out);
    out[16..48].fill(0);
    for (i, code) in block.codes.iter().enumerate() {
        out[16 + i % 32] |= ((code >> 4 & 1) << (i / 32)) as u8;
    }
    k_nibbles(&block.codes, &mut out[48..]);
}
