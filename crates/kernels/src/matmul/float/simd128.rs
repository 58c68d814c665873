//! F32, F16 and BF16 on wasm32: the sixteen lanes are doubles that hold singles ([`simd128::step`]).

use super::LANES;
use crate::{
    math::fold,
    matmul::{MatmulArgs, integer::token_tiles},
    simd::simd128::{self, Eight, Extent, Floats, fma, load_floats, pair, splat, step, store_floats, unwiden, widen},
};
use quant::Format;

/// Tokens that share what is widened of a row.
const TOKENS: usize = 2;

/// Multiplies any number of tokens: each row is decoded once.
pub(in crate::matmul) fn run(args: &mut MatmulArgs<'_, '_>) {
    let k = args.w.cols;
    let first = args.out.rows.start;
    let mut extent_of_x = Extent::new();
    extent_of_x.see_all(&args.x[first * k..args.out.rows.end * k]);
    let mut row = std::mem::take(&mut args.scratch.decoded);
    row.resize(k.max(row.len()), 0.0);
    for (i, m) in args.out.cols.clone().enumerate() {
        let row = &mut row[..k];
        decode(args.w.format, args.w.row(m), row);
        let mut extent = Extent::new();
        extent.see_all(row);
        let are_normal = extent.are_normal(extent_of_x, Extent::new());
        for tokens in token_tiles(args.out.rows.len(), TOKENS) {
            let x = |t: usize| &args.x[(first + t) * k..][..k];
            if tokens.len() == TOKENS {
                let [a, b] = dots(row, [x(tokens.start), x(tokens.start + 1)], are_normal);
                args.out.row(tokens.start)[i] = a;
                args.out.row(tokens.start + 1)[i] = b;
            } else {
                let [a] = dots(row, [x(tokens.start)], are_normal);
                args.out.row(tokens.start)[i] = a;
            }
        }
    }
    args.scratch.decoded = row;
}

fn decode(format: Format, bytes: &[u8], row: &mut [f32]) {
    if format != Format::F16 {
        format.decode(bytes, row);
        return;
    }
    let ((halves, halves_left), (to, to_left)) = (bytes.as_chunks::<16>(), row.as_chunks_mut());
    for (to, halves) in to.iter_mut().zip(halves) {
        *to = simd128::from_halves(bytemuck::must_cast(*halves));
    }
    format.decode(halves_left, to_left);
}

/// Two vectors from each half of 16 columns, zeros past the end of `x`.
#[inline]
fn lanes(x: &[f32]) -> [[Floats; 2]; 2] {
    let mut full = [0.0; LANES];
    let x = x.first_chunk().unwrap_or_else(|| {
        full[..x.len()].copy_from_slice(x);
        &full
    });
    let [a, b, c, d] = bytemuck::must_cast_ref::<_, [[f32; 4]; 4]>(x).each_ref().map(load_floats);
    [[a, b], [c, d]]
}

/// Products of a row with `T` tokens.
#[inline]
fn dots<const T: usize>(row: &[f32], x: [&[f32]; T], are_normal: bool) -> [f32; T] {
    let sums: [[[Floats; 2]; 2]; T] = if are_normal {
        let mut acc: [[Eight; 2]; T] = [[[pair(0.0); 4]; 2]; T];
        for c in (0..row.len()).step_by(LANES) {
            let w = lanes(&row[c..]).map(widen);
            for (acc, x) in acc.iter_mut().zip(x) {
                let x = lanes(&x[c..]).map(widen);
                *acc = [step(w[0], x[0], acc[0]), step(w[1], x[1], acc[1])];
            }
        }
        acc.map(|acc| acc.map(unwiden))
    } else {
        let mut acc = [[[splat(0.0); 2]; 2]; T];
        for c in (0..row.len()).step_by(LANES) {
            let w = lanes(&row[c..]);
            for (acc, x) in acc.iter_mut().zip(x) {
                let x = lanes(&x[c..]);
                *acc = std::array::from_fn(|h| std::array::from_fn(|i| fma(w[h][i], x[h][i], acc[h][i])));
            }
        }
        acc
    };
    sums.map(|sums| {
        let mut lanes = [0.0; LANES];
        let vectors = lanes.as_chunks_mut::<4>().0.iter_mut().zip(sums.as_flattened());
        vectors.for_each(|(to, v)| store_floats(to, *v));
        fold(lanes)
    })
}
