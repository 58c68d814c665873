//! Scores of a tile to weights: one step of the online softmax of many queries.

#![allow(unsafe_code, reason = "calls functions compiled for the level that `Level` proves")]

use super::{Partial, Seen, tile::Row};
use crate::{
    AttentionShape, PAGE_LEN,
    isa::{Level, multiversion},
    math::{cap_all, exp, exp_all, fma, fold},
};

/// Scores to weights, in place, and the decay of what was accumulated before; moves maxima and sums of `state` on.
pub(super) fn weigh_all(
    level: Level,
    shape: &AttentionShape,
    seen: &[Seen],
    scores: &mut [Row],
    decay: &mut [f32],
    state: &mut Partial,
) {
    match level.isa() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a `Level` exists only for an instruction set that this CPU has.
        crate::Isa::Avx512 | crate::Isa::Avx512Vbmi | crate::Isa::Avx512Popcnt if shape.soft_cap.is_none() => unsafe {
            avx512::weigh_all(shape.scale, seen, scores, decay, state);
        },
        _ => plain(level, shape, seen, scores, decay, state),
    }
}

multiversion! {
    /// What every version computes, bit for bit.
    fn plain(shape: &AttentionShape, seen: &[Seen], scores: &mut [Row], decay: &mut [f32], state: &mut Partial) {
        for (i, &seen) in seen.iter().enumerate() {
            if !seen.is_empty() {
                let weights = weigh(shape, scores[i], seen, &mut state.max[i], &mut state.sum[i]);
                scores[i] = weights.of;
                decay[i] = weights.decay;
            }
        }
    }
}

/// What a tile does to the running softmax of one query.
struct Weights {
    /// `e^(score - max)` of each position, 0 where masked.
    of: Row,
    /// Factor of everything accumulated before.
    decay: f32,
}

/// Scores of a tile to weights; moves `max` and `sum` on.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn weigh(shape: &AttentionShape, mut scores: Row, seen: Seen, max: &mut f32, sum: &mut f32) -> Weights {
    for s in &mut scores {
        *s *= shape.scale;
    }
    if let Some(cap) = shape.soft_cap {
        cap_all(&mut scores, cap);
    }
    if !seen.is_whole() {
        // Positions as wide as scores, so that a vector of the one masks a vector of the other.
        let (sinks, start, end) = (seen.sinks as u32, seen.start as u32, seen.end as u32);
        for (p, s) in (0u32..).zip(&mut scores) {
            let is_seen = p < sinks || (p >= start && p < end);
            *s = if is_seen { *s } else { f32::NEG_INFINITY };
        }
    }
    let mut tile_max = scores;
    let mut n = PAGE_LEN;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            tile_max[i] = if tile_max[i + n] > tile_max[i] { tile_max[i + n] } else { tile_max[i] };
        }
    }
    let new_max = if tile_max[0] > *max { tile_max[0] } else { *max };
    let decay = exp(*max - new_max);
    exp_all(&mut scores, new_max);
    *max = new_max;
    *sum = fma(*sum, decay, fold(scores));
    Weights { of: scores, decay }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use super::{Partial, Row, Seen};
    use crate::simd::{
        avx2,
        avx512::{exp_not_positive, load_f32, store_f32},
    };
    #[allow(clippy::wildcard_imports, reason = "intrinsics")]
    use std::arch::x86_64::*;

    /// Queries whose decays are one vector.
    const QUERIES: usize = 16;

    /// See [`super::plain`], without soft caps.
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    pub(super) fn weigh_all(
        scale: f32,
        seen: &[Seen],
        scores: &mut [Row],
        decay: &mut [f32],
        Partial { max, sum, .. }: &mut Partial,
    ) {
        let queries = seen.chunks(QUERIES).zip(scores.chunks_mut(QUERIES)).zip(decay.chunks_mut(QUERIES));
        for ((queries, max), sum) in queries.zip(max.chunks_mut(QUERIES)).zip(sum.chunks_mut(QUERIES)) {
            let ((seen, scores), decay) = queries;
            // Where nothing is seen: a decay of one, and nothing to add.
            let (mut steps, mut of_tile, mut sums) = ([0.0; QUERIES], [0.0; QUERIES], [0.0; QUERIES]);
            let states = max.iter_mut().zip(&mut steps).zip(&mut of_tile);
            for ((&seen, scores), ((max, step), sum)) in seen.iter().zip(scores).zip(states) {
                if !seen.is_empty() {
                    (*step, *sum) = weigh(scale, seen, scores, max);
                }
            }
            let decays = exp_not_positive(load_f32(&steps));
            store_f32(&mut steps, decays);
            decay.copy_from_slice(&steps[..decay.len()]);
            sums[..sum.len()].copy_from_slice(sum);
            let moved = _mm512_fmadd_ps(load_f32(&sums), decays, load_f32(&of_tile));
            store_f32(&mut sums, moved);
            sum.copy_from_slice(&sums[..sum.len()]);
        }
    }

    /// Weights of one query; moves `max` on, and returns how far it fell behind the new one, and the sum of the
    /// weights.
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    #[inline]
    fn weigh(scale: f32, seen: Seen, scores: &mut Row, max: &mut f32) -> (f32, f32) {
        let ([first, second], _) = scores.as_chunks_mut::<16>() else { return (0.0, 0.0) };
        let scale = _mm512_set1_ps(scale);
        let (mut a, mut b) = (_mm512_mul_ps(load_f32(first), scale), _mm512_mul_ps(load_f32(second), scale));
        if !seen.is_whole() {
            let below = |n: usize| (1u64 << n) - 1;
            let mask = below(seen.sinks) | (below(seen.end) & !below(seen.start));
            let nothing = _mm512_set1_ps(f32::NEG_INFINITY);
            a = _mm512_mask_mov_ps(nothing, mask as u16, a);
            b = _mm512_mask_mov_ps(nothing, (mask >> 16) as u16, b);
        }
        // The upper half stands first: where it is NaN, the other counts.
        let both = _mm512_max_ps(b, a);
        let half = _mm256_max_ps(_mm512_extractf32x8_ps::<1>(both), _mm512_castps512_ps256(both));
        let quarter = _mm_max_ps(_mm256_extractf128_ps::<1>(half), _mm256_castps256_ps128(half));
        let pair = _mm_max_ps(_mm_movehl_ps(quarter, quarter), quarter);
        let one = _mm_max_ss(_mm_movehdup_ps(pair), pair);
        let new_max = _mm_max_ss(one, _mm_set_ss(*max));
        let step = *max - _mm_cvtss_f32(new_max);
        *max = _mm_cvtss_f32(new_max);
        let new_max = _mm512_broadcastss_ps(new_max);
        (a, b) = (exp_not_positive(_mm512_sub_ps(a, new_max)), exp_not_positive(_mm512_sub_ps(b, new_max)));
        store_f32(first, a);
        store_f32(second, b);
        let both = _mm512_add_ps(a, b);
        (step, avx2::fold(_mm256_add_ps(_mm512_castps512_ps256(both), _mm512_extractf32x8_ps::<1>(both))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    #[cfg(not(target_family = "wasm"))]
    use proptest::prelude::*;
    #[cfg(not(target_family = "wasm"))]
    use testkit::Rng;
    use testkit::assert_same_f32;

    type Weigh = fn(Level, &AttentionShape, &[Seen], &mut [Row], &mut [f32], &mut Partial);

    /// Weighs on every level: scores, decays, maxima and sums have to be those of plain code.
    fn check(scale: f32, seen: &[Seen], scores: &[Row], max: &[f32], sum: &[f32]) {
        let shape = AttentionShape { n_heads: 1, scale, soft_cap: None, window: None, ahead: 0, sinks: 0 };
        let run = |weigh: Weigh, isa| {
            let level = Level::detect(isa).expect("available");
            let mut state = Partial { max: max.to_vec(), sum: sum.to_vec(), acc: Vec::new() };
            let (mut weights, mut decay) = (scores.to_vec(), vec![1.0; seen.len()]);
            weigh(level, &shape, seen, &mut weights, &mut decay, &mut state);
            let all = [weights.concat(), decay, state.max, state.sum].concat();
            // Which of two NaN an instruction gives is not said.
            all.into_iter().map(|x| if x.is_nan() { f32::NAN } else { x }).collect::<Vec<_>>()
        };
        let expected = run(plain, Isa::Scalar);
        for isa in Isa::available() {
            assert_same_f32(isa.name(), &run(weigh_all, isa), &expected);
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest! {
        /// Whole tiles and masks of every kind, some of it NaN or infinite, any number of queries.
        #[test]
        fn every_level_has_the_same_bits(seed: u64, n in 1..40usize, spread in 0..4, is_odd: bool) {
            let mut rng = Rng::new(seed);
            let mut seen = Vec::new();
            for _ in 0..n {
                let mut bounds = [0; 3].map(|_: i32| (rng.bits() % 33) as usize);
                bounds.sort_unstable();
                let whole = Seen { sinks: 0, start: 0, end: PAGE_LEN };
                let masked = Seen { sinks: bounds[0], start: bounds[1], end: bounds[2] };
                seen.push(if rng.bits().is_multiple_of(2) { whole } else { masked });
            }
            let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 3e38, -3e38];
            let mut value = |factor: f32| match rng.bits() % 23 {
                i if is_odd && i < 6 => odd[i as usize],
                _ => rng.normals(1)[0] * factor,
            };
            let factor = [0.01, 1.0, 30.0, 1000.0][spread as usize];
            let scores: Vec<Row> = (0..n).map(|_| [0.0; PAGE_LEN].map(|_: f32| value(factor))).collect();
            let max: Vec<f32> = (0..n).map(|i| if i % 3 == 0 { f32::NEG_INFINITY } else { value(factor) }).collect();
            let sum: Vec<f32> = (0..n).map(|i| i as f32).collect();
            check(0.3, &seen, &scores, &max, &sum);
        }
    }

    #[test]
    fn exponentials_are_the_same_over_their_whole_range() {
        let whole = Seen { sinks: 0, start: 0, end: PAGE_LEN };
        let specials = [0.0, -0.0, f32::NEG_INFINITY, -87.3, -87.30001, -88.0, -1e-40, -1e30];
        let x: Vec<f32> = specials.into_iter().chain((0..3_999_992).map(|i| i as f32 * -2.3e-5)).collect();
        let scores = x.as_chunks::<PAGE_LEN>().0;
        check(1.0, &vec![whole; scores.len()], scores, &vec![0.0; scores.len()], &vec![1.0; scores.len()]);
    }
}
