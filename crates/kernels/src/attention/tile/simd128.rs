//! Both products on wasm32: sums are pairs of doubles that hold singles ([`Watch`]), of eight positions or elements and
//! up to three queries at a time; where the watch is not sure, these are computed once more by the exact steps.

use super::{PAGE_LEN, Row};
use crate::simd::simd128::{
    Floats, Least, Pair, Watch, fma, load_floats, mul, narrow, pair, splat, store_floats, widen_high, widen_low,
};
use std::ops::Range;

/// Numbers of a piece.
const PIECE: usize = 8;

/// Queries that share what is loaded of keys and values.
const QUERIES: usize = 3;

/// A piece as pairs.
type Sums = [Pair; PIECE / 2];

#[inline]
fn widen(piece: &[f32; PIECE]) -> Sums {
    let [a, b] = bytemuck::must_cast_ref::<_, [[f32; 4]; 2]>(piece).each_ref().map(load_floats);
    [widen_low(a), widen_high(a), widen_low(b), widen_high(b)]
}

#[inline]
fn store(to: &mut [f32; PIECE], sums: Sums) {
    let [a, b] = bytemuck::must_cast_mut::<_, [[f32; 4]; 2]>(to);
    store_floats(a, narrow([sums[0], sums[1]]));
    store_floats(b, narrow([sums[2], sums[3]]));
}

/// `values[0] · factors[0] + values[1] · factors[1] + …`, from `sums` on, for `N` chains: `terms` has a piece that all
/// share and the factor of each.
#[inline]
fn chain<'a, const N: usize>(
    sums: &mut [[f32; PIECE]; N],
    may_watch: bool,
    terms: impl Iterator<Item = (&'a [f32; PIECE], [f32; N])> + Clone,
) {
    if may_watch {
        let mut watch = Watch::new();
        let mut acc = sums.each_ref().map(widen);
        for (piece, factors) in terms.clone() {
            let piece = widen(piece);
            for (acc, factor) in acc.iter_mut().zip(factors) {
                let factor = pair(factor);
                for (acc, x) in acc.iter_mut().zip(piece) {
                    *acc = watch.fma(factor, x, *acc);
                }
            }
        }
        if watch.is_sure() {
            sums.iter_mut().zip(acc).for_each(|(to, acc)| store(to, acc));
            return;
        }
    }
    exact(sums, terms);
}

#[cold]
#[inline(never)]
fn exact<'a, const N: usize>(sums: &mut [[f32; PIECE]; N], terms: impl Iterator<Item = (&'a [f32; PIECE], [f32; N])>) {
    let load = |piece: &[f32; PIECE]| bytemuck::must_cast_ref::<_, [[f32; 4]; 2]>(piece).each_ref().map(load_floats);
    let mut acc: [[Floats; 2]; N] = sums.each_ref().map(load);
    for (piece, factors) in terms {
        let piece = load(piece);
        for (acc, factor) in acc.iter_mut().zip(factors) {
            *acc = [fma(splat(factor), piece[0], acc[0]), fma(splat(factor), piece[1], acc[1])];
        }
    }
    for (to, acc) in sums.iter_mut().zip(acc) {
        let [a, b] = bytemuck::must_cast_mut::<_, [[f32; 4]; 2]>(to);
        store_floats(a, acc[0]);
        store_floats(b, acc[1]);
    }
}

pub(super) fn scores(keys: &[Row], queries: &[f32], out: &mut [Row]) {
    let mut least = Least::new();
    least.see_all(keys.as_flattened());
    let dim = keys.len();
    let mut first = 0;
    while first < out.len() {
        let n = QUERIES.min(out.len() - first);
        let (queries, out) = (&queries[first * dim..][..n * dim], &mut out[first..first + n]);
        match n {
            1 => some_scores::<1>(keys, least, queries, out),
            2 => some_scores::<2>(keys, least, queries, out),
            _ => some_scores::<QUERIES>(keys, least, queries, out),
        }
        first += n;
    }
}

#[inline]
fn some_scores<const N: usize>(keys: &[Row], least_key: Least, queries: &[f32], out: &mut [Row]) {
    let dim = keys.len();
    let mut least = Least::new();
    least.see_all(queries);
    let may_watch = least.may_watch(least_key, Least::new());
    let mut q: [&[f32]; N] = [&[]; N];
    for (i, q) in q.iter_mut().enumerate() {
        *q = &queries[i * dim..][..dim];
    }
    for piece in 0..PAGE_LEN / PIECE {
        let mut sums = [[0.0; PIECE]; N];
        let terms = keys.iter().enumerate().map(|(d, keys)| (&keys.as_chunks().0[piece], q.map(|q| q[d])));
        chain(&mut sums, may_watch, terms);
        for (out, sums) in out.iter_mut().zip(sums) {
            out.as_chunks_mut::<PIECE>().0[piece] = sums;
        }
    }
}

pub(super) fn accumulate(weights: &[Row], decay: &[f32], values: &[f32], positions: Range<usize>, acc: &mut [f32]) {
    let dim = values.len() / PAGE_LEN;
    let mut least = Least::new();
    least.see_all(&values[positions.start * dim..positions.end * dim]);
    let mut first = 0;
    while first < weights.len() {
        let n = QUERIES.min(weights.len() - first);
        let (weights, decay) = (&weights[first..first + n], &decay[first..first + n]);
        let acc = &mut acc[first * dim..][..n * dim];
        match n {
            1 => some_outputs::<1>(weights, decay, (values, least), positions.clone(), acc),
            2 => some_outputs::<2>(weights, decay, (values, least), positions.clone(), acc),
            _ => some_outputs::<QUERIES>(weights, decay, (values, least), positions.clone(), acc),
        }
        first += n;
    }
}

#[inline]
fn some_outputs<const N: usize>(
    weights: &[Row],
    decay: &[f32],
    (values, least_value): (&[f32], Least),
    positions: Range<usize>,
    acc: &mut [f32],
) {
    let dim = values.len() / PAGE_LEN;
    let (mut least, mut least_sum) = (Least::new(), Least::new());
    weights.iter().for_each(|weights| least.see_all(&weights[positions.clone()]));
    for (acc, decay) in acc.chunks_exact_mut(dim).zip(decay) {
        let (fours, rest) = acc.as_chunks_mut();
        for four in fours {
            let sum = mul(load_floats(four), splat(*decay));
            least_sum.see(sum);
            store_floats(four, sum);
        }
        rest.iter_mut().for_each(|a| *a *= decay);
        least_sum.see_all(rest);
    }
    let may_watch = least.may_watch(least_value, least_sum);
    for c in (0..dim).step_by(PIECE) {
        let len = PIECE.min(dim - c);
        let mut sums = [[0.0; PIECE]; N];
        for (i, sums) in sums.iter_mut().enumerate() {
            sums[..len].copy_from_slice(&acc[i * dim + c..][..len]);
        }
        if len == PIECE {
            let piece = |p: usize| values[p * dim + c..].first_chunk().unwrap_or(&[0.0; PIECE]);
            let factors = |p: usize| std::array::from_fn(|i| weights[i][p]);
            chain(&mut sums, may_watch, positions.clone().map(|p| (piece(p), factors(p))));
        } else {
            // Head widths that are no multiple of 8 end here.
            for p in positions.clone() {
                let mut piece = [0.0; PIECE];
                piece[..len].copy_from_slice(&values[p * dim + c..][..len]);
                exact(&mut sums, std::iter::once((&piece, std::array::from_fn(|i| weights[i][p]))));
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            acc[i * dim + c..][..len].copy_from_slice(&sums[..len]);
        }
    }
}
