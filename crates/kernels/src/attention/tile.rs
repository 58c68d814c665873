//! One tile of keys and values for many queries: the two products that take attention's time.
//!
//! A score is one chain of fused multiply-adds over the elements of a head, an output element one over positions, so
//! vectors of any width give the same bits.

#![allow(unsafe_code, reason = "calls functions compiled for the level that `Level` proves")]

use crate::{PAGE_LEN, isa::Level};

/// Calls the version of the level.
macro_rules! dispatch {
    ($level:ident, $function:ident($($arg:ident),*)) => {
        match $level.isa() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Level` exists only for an instruction set that this CPU has.
            crate::Isa::Avx512 | crate::Isa::Avx512Vbmi | crate::Isa::Avx512Popcnt => unsafe {
                avx512::$function($($arg),*)
            },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            crate::Isa::Avx2 | crate::Isa::AvxVnni => unsafe { avx2::$function($($arg),*) },
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            crate::Isa::Simd128 => simd128::$function::<crate::simd::simd128::Normal>($($arg),*),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            crate::Isa::RelaxedSimd => simd128::$function::<crate::simd::relaxed::Fused>($($arg),*),
            _ => scalar::$function($($arg),*),
        }
    };
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

/// Scores of one query over the positions of a tile; later their weights.
pub(super) type Row = [f32; PAGE_LEN];

/// `scores[i] = q[i] · k`: `keys` `[Dk]` rows of positions, `queries` `[N, Dk]`.
pub(super) fn scores(level: Level, keys: &[Row], queries: &[f32], out: &mut [Row]) {
    assert_eq!(queries.len(), keys.len() * out.len(), "queries of {} elements", keys.len());
    dispatch!(level, scores(keys, queries, out));
}

/// `acc[i] = acc[i] · decay[i] + Σ_p weights[i, p] · v[p]` over `positions`: `values` `[P, Dv]`, `acc` `[N, Dv]`.
pub(super) fn accumulate(
    level: Level,
    weights: &[Row],
    decay: &[f32],
    values: &[f32],
    positions: std::ops::Range<usize>,
    acc: &mut [f32],
) {
    assert!(positions.end <= PAGE_LEN && weights.len() == decay.len(), "{positions:?} of a tile");
    assert_eq!(acc.len() * PAGE_LEN, values.len() * weights.len(), "accumulators of {} queries", weights.len());
    dispatch!(level, accumulate(weights, decay, values, positions, acc));
}

mod scalar {
    use super::{PAGE_LEN, Row};
    use std::ops::Range;

    pub(super) fn scores(keys: &[Row], queries: &[f32], out: &mut [Row]) {
        for (q, scores) in queries.chunks_exact(keys.len()).zip(out) {
            *scores = [0.0; PAGE_LEN];
            for (&q, keys) in q.iter().zip(keys) {
                for (score, &k) in scores.iter_mut().zip(keys) {
                    *score = q.mul_add(k, *score);
                }
            }
        }
    }

    pub(super) fn accumulate(weights: &[Row], decay: &[f32], values: &[f32], positions: Range<usize>, acc: &mut [f32]) {
        let dim = values.len() / PAGE_LEN;
        for ((weights, &decay), acc) in weights.iter().zip(decay).zip(acc.chunks_exact_mut(dim)) {
            for a in acc.iter_mut() {
                *a *= decay;
            }
            for p in positions.clone() {
                for (a, &v) in acc.iter_mut().zip(&values[p * dim..][..dim]) {
                    *a = weights[p].mul_add(v, *a);
                }
            }
        }
    }
}

/// The functions for one vector type; `$n` queries share the registers.
#[cfg(target_arch = "x86_64")]
macro_rules! level {
    (
        $level:ident, $features:literal, $vector:ty, $width:literal, $n:literal,
        $zero:ident, $splat:ident, $mul:ident, $fma:ident, $load:path, $store:path
    ) => {
        mod $level {
            use super::{PAGE_LEN, Row};
            #[allow(clippy::wildcard_imports, reason = "intrinsics")]
            use std::arch::x86_64::*;
            use std::ops::Range;

            const WIDTH: usize = $width;
            /// Vectors of a row of positions, and of a piece of a value.
            const VECTORS: usize = PAGE_LEN / WIDTH;

            #[target_feature(enable = $features)]
            pub(super) fn scores(keys: &[Row], queries: &[f32], out: &mut [Row]) {
                let dim = keys.len();
                let mut chunks = out.chunks_exact_mut($n);
                let mut queries_left = queries;
                for out in &mut chunks {
                    let (q, rest) = queries_left.split_at($n * dim);
                    some_scores::<$n>(keys, q, out);
                    queries_left = rest;
                }
                let mut out = chunks.into_remainder();
                if out.len() >= 3 {
                    let (q, rest) = queries_left.split_at(3 * dim);
                    let (three, left) = out.split_at_mut(3);
                    some_scores::<3>(keys, q, three);
                    (queries_left, out) = (rest, left);
                }
                for (q, out) in queries_left.chunks_exact(dim.max(1)).zip(out.chunks_exact_mut(1)) {
                    some_scores::<1>(keys, q, out);
                }
            }

            #[target_feature(enable = $features)]
            #[inline]
            fn some_scores<const N: usize>(keys: &[Row], queries: &[f32], out: &mut [Row]) {
                let dim = keys.len();
                let mut q: [&[f32]; N] = [&[]; N];
                for (i, q) in q.iter_mut().enumerate() {
                    *q = &queries[i * dim..][..dim];
                }
                let mut acc = [[$zero(); VECTORS]; N];
                for (d, keys) in keys.iter().enumerate() {
                    let mut k = [$zero(); VECTORS];
                    for (k, from) in k.iter_mut().zip(keys.as_chunks::<WIDTH>().0) {
                        *k = $load(from);
                    }
                    for i in 0..N {
                        let q = $splat(q[i][d]);
                        for v in 0..VECTORS {
                            acc[i][v] = $fma(q, k[v], acc[i][v]);
                        }
                    }
                }
                for (out, acc) in out.iter_mut().zip(acc) {
                    for (out, acc) in out.as_chunks_mut::<WIDTH>().0.iter_mut().zip(acc) {
                        $store(out, acc);
                    }
                }
            }

            #[target_feature(enable = $features)]
            pub(super) fn accumulate(
                weights: &[Row],
                decay: &[f32],
                values: &[f32],
                positions: Range<usize>,
                acc: &mut [f32],
            ) {
                let dim = values.len() / PAGE_LEN;
                let mut first = 0;
                while first < weights.len() {
                    let n = [$n, 3, 1].into_iter().find(|n| *n <= weights.len() - first).unwrap_or(1);
                    let (weights, decay) = (&weights[first..][..n], &decay[first..][..n]);
                    let acc = &mut acc[first * dim..][..n * dim];
                    match n {
                        1 => some_outputs::<1>(weights, decay, values, positions.clone(), acc),
                        3 => some_outputs::<3>(weights, decay, values, positions.clone(), acc),
                        _ => some_outputs::<$n>(weights, decay, values, positions.clone(), acc),
                    }
                    first += n;
                }
            }

            #[target_feature(enable = $features)]
            #[inline]
            fn some_outputs<const N: usize>(
                weights: &[Row],
                decay: &[f32],
                values: &[f32],
                positions: Range<usize>,
                acc: &mut [f32],
            ) {
                let dim = values.len() / PAGE_LEN;
                let whole = dim / PAGE_LEN * PAGE_LEN;
                for c in (0..whole).step_by(PAGE_LEN) {
                    let mut sum = [[$zero(); VECTORS]; N];
                    for (i, sum) in sum.iter_mut().enumerate() {
                        let before = acc[i * dim + c..][..PAGE_LEN].as_chunks::<WIDTH>().0;
                        for (sum, before) in sum.iter_mut().zip(before) {
                            *sum = $mul($load(before), $splat(decay[i]));
                        }
                    }
                    for p in positions.clone() {
                        let from = values[p * dim + c..][..PAGE_LEN].as_chunks::<WIDTH>().0;
                        let mut v = [$zero(); VECTORS];
                        for (v, from) in v.iter_mut().zip(from) {
                            *v = $load(from);
                        }
                        for i in 0..N {
                            let w = $splat(weights[i][p]);
                            for j in 0..VECTORS {
                                sum[i][j] = $fma(w, v[j], sum[i][j]);
                            }
                        }
                    }
                    for (i, sum) in sum.into_iter().enumerate() {
                        let to = acc[i * dim + c..][..PAGE_LEN].as_chunks_mut::<WIDTH>().0;
                        for (to, sum) in to.iter_mut().zip(sum) {
                            $store(to, sum);
                        }
                    }
                }
                if whole == dim {
                    return;
                }
                // Head widths that are no multiple of 32 end here.
                for i in 0..N {
                    let acc = &mut acc[i * dim + whole..(i + 1) * dim];
                    for a in acc.iter_mut() {
                        *a *= decay[i];
                    }
                    for p in positions.clone() {
                        for (a, &v) in acc.iter_mut().zip(&values[p * dim + whole..(p + 1) * dim]) {
                            *a = weights[i][p].mul_add(v, *a);
                        }
                    }
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
level! {
    avx2, "avx2,fma,f16c", __m256, 8, 3, _mm256_setzero_ps, _mm256_set1_ps, _mm256_mul_ps, _mm256_fmadd_ps,
    crate::simd::avx2::load_f32, crate::simd::avx2::store_f32
}

#[cfg(target_arch = "x86_64")]
level! {
    avx512, "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni", __m512, 16, 6, _mm512_setzero_ps, _mm512_set1_ps,
    _mm512_mul_ps, _mm512_fmadd_ps, crate::simd::avx512::load_f32, crate::simd::avx512::store_f32
}
