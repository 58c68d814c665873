//! Both products on wasm32: sums are doubles that hold singles ([`crate::simd::simd128::step`]), of eight positions or
//! elements and up to two queries at a time.

use super::{PAGE_LEN, Row};
use crate::simd::simd128::{Extent, Floats, fma, load_floats, mul, pair, splat, step, store_floats, unwiden, widen};
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
fn chain<'a, const N: usize>(
    chains: &mut [[f32; PIECE]; N],
    are_normal: bool,
    n: usize,
    term: impl Fn(usize) -> (&'a [f32; PIECE], [f32; N]),
) {
    if !are_normal {
        any_chain(chains, n, term);
        return;
    }
    let mut acc = chains.each_ref().map(|sums| widen(load(sums)));
    for i in 0..n {
        let (piece, factors) = term(i);
        let piece = widen(load(piece));
        for (acc, factor) in acc.iter_mut().zip(factors) {
            *acc = step([pair(factor); 4], piece, *acc);
        }
    }
    chains.iter_mut().zip(acc).for_each(|(to, acc)| store(to, unwiden(acc)));
}

/// [`chain`], whatever the numbers.
#[cold]
#[inline(never)]
fn any_chain<'a, const N: usize>(
    chains: &mut [[f32; PIECE]; N],
    n: usize,
    term: impl Fn(usize) -> (&'a [f32; PIECE], [f32; N]),
) {
    let mut acc = chains.each_ref().map(load);
    for i in 0..n {
        let (piece, factors) = term(i);
        let piece = load(piece);
        for (acc, factor) in acc.iter_mut().zip(factors) {
            *acc = [fma(splat(factor), piece[0], acc[0]), fma(splat(factor), piece[1], acc[1])];
        }
    }
    chains.iter_mut().zip(acc).for_each(|(to, acc)| store(to, acc));
}

pub(super) fn scores(keys: &[Row], queries: &[f32], out: &mut [Row]) {
    let mut extent = Extent::new();
    extent.see_all(keys.as_flattened());
    let dim = keys.len();
    let mut first = 0;
    while first < out.len() {
        let n = QUERIES.min(out.len() - first);
        let (queries, out) = (&queries[first * dim..][..n * dim], &mut out[first..first + n]);
        match n {
            1 => some_scores::<1>(keys, extent, queries, out),
            _ => some_scores::<QUERIES>(keys, extent, queries, out),
        }
        first += n;
    }
}

#[inline]
fn some_scores<const N: usize>(keys: &[Row], extent_of_keys: Extent, queries: &[f32], out: &mut [Row]) {
    let dim = keys.len();
    let mut extent = Extent::new();
    extent.see_all(queries);
    let are_normal = extent.are_normal(extent_of_keys, Extent::new());
    let mut q: [&[f32]; N] = [&[]; N];
    for (i, q) in q.iter_mut().enumerate() {
        *q = &queries[i * dim..][..dim];
    }
    for piece in 0..PAGE_LEN / PIECE {
        let mut sums = [[0.0; PIECE]; N];
        chain(&mut sums, are_normal, dim, |d| (&keys[d].as_chunks().0[piece], q.map(|q| q[d])));
        for (out, sums) in out.iter_mut().zip(sums) {
            out.as_chunks_mut::<PIECE>().0[piece] = sums;
        }
    }
}

pub(super) fn accumulate(weights: &[Row], decay: &[f32], values: &[f32], positions: Range<usize>, acc: &mut [f32]) {
    let dim = values.len() / PAGE_LEN;
    let mut extent = Extent::new();
    extent.see_all(&values[positions.start * dim..positions.end * dim]);
    let mut first = 0;
    while first < weights.len() {
        let n = QUERIES.min(weights.len() - first);
        let (weights, decay) = (&weights[first..first + n], &decay[first..first + n]);
        let acc = &mut acc[first * dim..][..n * dim];
        match n {
            1 => some_outputs::<1>(weights, decay, (values, extent), positions.clone(), acc),
            _ => some_outputs::<QUERIES>(weights, decay, (values, extent), positions.clone(), acc),
        }
        first += n;
    }
}

#[inline]
fn some_outputs<const N: usize>(
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
    let are_normal = extent.are_normal(extent_of_values, extent_of_sums);
    for c in (0..dim).step_by(PIECE) {
        let len = PIECE.min(dim - c);
        let mut sums = [[0.0; PIECE]; N];
        for (i, sums) in sums.iter_mut().enumerate() {
            sums[..len].copy_from_slice(&acc[i * dim + c..][..len]);
        }
        if len == PIECE {
            let piece = |p: usize| values[p * dim + c..].first_chunk().unwrap_or(&[0.0; PIECE]);
            let factors = |p: usize| std::array::from_fn(|i| weights[i][p]);
            chain(&mut sums, are_normal, positions.len(), |i| {
                (piece(positions.start + i), factors(positions.start + i))
            });
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
