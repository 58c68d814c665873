//! Both products on wasm32: sums are doubles that hold singles ([`crate::simd::simd128::step`]), or singles with
//! relaxed SIMD, of eight positions or elements and up to two queries at a time.

use super::{PAGE_LEN, Row};
use crate::simd::simd128::{Any, Extent, Floats, Steps, load_floats, mul, splat, store_floats};
use std::ops::Range;

/// Numbers of a piece.
const PIECE: usize = 8;

/// Queries that share what is loaded of keys and values.
const QUERIES: usize = 2;

#[inline]
fn load(piece: &[f32; PIECE]) -> [Floats; 2] {
    bytemuck::must_cast_ref::<_, [[f32; 4]; 2]>(piece).each_ref().map(load_floats)
}

#[inline]
fn store(to: &mut [f32; PIECE], v: [Floats; 2]) {
    bytemuck::must_cast_mut::<_, [[f32; 4]; 2]>(to).iter_mut().zip(v).for_each(|(to, v)| store_floats(to, v));
}

/// `sums + term(0) + term(1) + …` up to `n` terms, for `N` chains: a term is a piece that all share times the factor of
/// each.
#[inline]
fn chain<'a, S: Steps, const N: usize>(
    chains: &mut [[f32; PIECE]; N],
    n: usize,
    term: impl Fn(usize) -> (&'a [f32; PIECE], [f32; N]),
) {
    let mut acc = [S::splat(0.0); N];
    acc.iter_mut().zip(&*chains).for_each(|(acc, sums)| *acc = S::widen(load(sums)));
    for i in 0..n {
        let (piece, factors) = term(i);
        let piece = S::widen(load(piece));
        for (acc, factor) in acc.iter_mut().zip(factors) {
            *acc = S::fma(S::splat(factor), piece, *acc);
        }
    }
    for (to, acc) in chains.iter_mut().zip(acc) {
        store(to, S::floats(acc));
    }
}

/// [`chain`], whatever the numbers.
#[cold]
#[inline(never)]
fn any_chain<'a, const N: usize>(
    chains: &mut [[f32; PIECE]; N],
    n: usize,
    term: impl Fn(usize) -> (&'a [f32; PIECE], [f32; N]),
) {
    chain::<Any, N>(chains, n, term);
}

pub(super) fn scores<S: Steps>(keys: &[Row], queries: &[f32], out: &mut [Row]) {
    let mut extent = Extent::new();
    extent.see_all(keys.as_flattened());
    let dim = keys.len();
    let mut first = 0;
    while first < out.len() {
        let n = QUERIES.min(out.len() - first);
        let (queries, out) = (&queries[first * dim..][..n * dim], &mut out[first..first + n]);
        match n {
            1 => some_scores::<S, 1>(keys, extent, queries, out),
            _ => some_scores::<S, QUERIES>(keys, extent, queries, out),
        }
        first += n;
    }
}

#[inline]
fn some_scores<S: Steps, const N: usize>(keys: &[Row], extent_of_keys: Extent, queries: &[f32], out: &mut [Row]) {
    let dim = keys.len();
    let mut extent = Extent::new();
    extent.see_all(queries);
    let are_right = S::ARE_EXACT || extent.are_normal(extent_of_keys, Extent::new());
    let mut q: [&[f32]; N] = [&[]; N];
    for (i, q) in q.iter_mut().enumerate() {
        *q = &queries[i * dim..][..dim];
    }
    for piece in 0..PAGE_LEN / PIECE {
        let mut sums = [[0.0; PIECE]; N];
        let term = |d: usize| (&keys[d].as_chunks().0[piece], q.map(|q| q[d]));
        if are_right {
            chain::<S, N>(&mut sums, dim, term);
        } else {
            any_chain(&mut sums, dim, term);
        }
        for (out, sums) in out.iter_mut().zip(sums) {
            out.as_chunks_mut::<PIECE>().0[piece] = sums;
        }
    }
}

pub(super) fn accumulate<S: Steps>(
    weights: &[Row],
    decay: &[f32],
    values: &[f32],
    positions: Range<usize>,
    acc: &mut [f32],
) {
    let dim = values.len() / PAGE_LEN;
    let mut extent = Extent::new();
    extent.see_all(&values[positions.start * dim..positions.end * dim]);
    let mut first = 0;
    while first < weights.len() {
        let n = QUERIES.min(weights.len() - first);
        let (weights, decay) = (&weights[first..first + n], &decay[first..first + n]);
        let acc = &mut acc[first * dim..][..n * dim];
        match n {
            1 => some_outputs::<S, 1>(weights, decay, (values, extent), positions.clone(), acc),
            _ => some_outputs::<S, QUERIES>(weights, decay, (values, extent), positions.clone(), acc),
        }
        first += n;
    }
}

#[inline]
fn some_outputs<S: Steps, const N: usize>(
    weights: &[Row],
    decay: &[f32],
    (values, extent_of_values): (&[f32], Extent),
    positions: Range<usize>,
    acc: &mut [f32],
) {
    let dim = values.len() / PAGE_LEN;
    let (mut extent, mut extent_of_sums) = (Extent::new(), Extent::new());
    weights.iter().for_each(|weights| extent.see_all(&weights[positions.clone()]));
    for (acc, decay) in acc.chunks_exact_mut(dim).zip(decay) {
        let (fours, rest) = acc.as_chunks_mut();
        for four in fours {
            let sum = mul(load_floats(four), splat(*decay));
            extent_of_sums.see(sum);
            store_floats(four, sum);
        }
        rest.iter_mut().for_each(|a| *a *= decay);
        extent_of_sums.see_all(rest);
    }
    let are_right = S::ARE_EXACT || extent.are_normal(extent_of_values, extent_of_sums);
    for c in (0..dim).step_by(PIECE) {
        let len = PIECE.min(dim - c);
        let mut sums = [[0.0; PIECE]; N];
        for (i, sums) in sums.iter_mut().enumerate() {
            sums[..len].copy_from_slice(&acc[i * dim + c..][..len]);
        }
        if len == PIECE {
            let piece = |p: usize| values[p * dim + c..].first_chunk().unwrap_or(&[0.0; PIECE]);
            let factors = |p: usize| std::array::from_fn(|i| weights[i][p]);
            let term = |i: usize| (piece(positions.start + i), factors(positions.start + i));
            if are_right {
                chain::<S, N>(&mut sums, positions.len(), term);
            } else {
                any_chain(&mut sums, positions.len(), term);
            }
        } else {
            // Head widths that are no multiple of 8 end here.
            for p in positions.clone() {
                let mut piece = [0.0; PIECE];
                piece[..len].copy_from_slice(&values[p * dim + c..][..len]);
                any_chain(&mut sums, 1, |_| (&piece, std::array::from_fn(|i| weights[i][p])));
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            acc[i * dim + c..][..len].copy_from_slice(&sums[..len]);
        }
    }
}
