//! F32, F16 and BF16 on wasm32: the sixteen lanes are doubles that hold singles ([`simd128::step`]), or singles with
//! relaxed SIMD.

use super::LANES;
use crate::{
    math::fold,
    matmul::{MatmulArgs, integer::token_tiles},
    simd::simd128::{self, Any, Extent, Floats, Steps, load_floats, store_floats},
};
use quant::Format;

/// Tokens that share what is widened of a row.
const TOKENS: usize = 2;

/// Multiplies any number of tokens: each row is decoded once.
pub(in crate::matmul) fn run<S: Steps>(args: &mut MatmulArgs<'_, '_>) {
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
        let are_right = S::ARE_EXACT || extent.are_normal(extent_of_x, Extent::new());
        for tokens in token_tiles(args.out.rows.len(), TOKENS) {
            let x = |t: usize| &args.x[(first + t) * k..][..k];
            if tokens.len() == TOKENS {
                let x = [x(tokens.start), x(tokens.start + 1)];
                let [a, b] = if are_right { dots::<S, _>(row, x) } else { any_dots(row, x) };
                args.out.row(tokens.start)[i] = a;
                args.out.row(tokens.start + 1)[i] = b;
            } else {
                let x = [x(tokens.start)];
                let [a] = if are_right { dots::<S, _>(row, x) } else { any_dots(row, x) };
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

/// [`dots`], whatever the numbers.
#[cold]
#[inline(never)]
fn any_dots<const T: usize>(row: &[f32], x: [&[f32]; T]) -> [f32; T] {
    dots::<Any, T>(row, x)
}

/// Products of a row with `T` tokens.
#[inline]
fn dots<S: Steps, const T: usize>(row: &[f32], x: [&[f32]; T]) -> [f32; T] {
    let mut acc = [[S::splat(0.0); 2]; T];
    for c in (0..row.len()).step_by(LANES) {
        let [w0, w1] = lanes(&row[c..]);
        let w = [S::widen(w0), S::widen(w1)];
        for (acc, x) in acc.iter_mut().zip(x) {
            let [x0, x1] = lanes(&x[c..]);
            *acc = [S::fma(w[0], S::widen(x0), acc[0]), S::fma(w[1], S::widen(x1), acc[1])];
        }
    }
    let mut out = [0.0; T];
    for (out, acc) in out.iter_mut().zip(acc) {
        let mut lanes = [0.0; LANES];
        let sums = [S::floats(acc[0]), S::floats(acc[1])];
        let vectors = lanes.as_chunks_mut::<4>().0.iter_mut().zip(sums.as_flattened());
        vectors.for_each(|(to, v)| store_floats(to, *v));
        *out = fold(lanes);
    }
    out
}
