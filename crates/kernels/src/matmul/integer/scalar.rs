//! The specification of the integer kernels, in plain Rust.

use super::{ExpandedGroup, expand, token};
use std::ops::Range;

use crate::{
    activation::{ActivationGroup, BLOCK, GROUP_BLOCKS},
    math::fold,
    matmul::MatmulArgs,
};

/// Any block format.
pub(in crate::matmul) fn run(args: &mut MatmulArgs<'_, '_>) {
    let (n_rows, n_tokens) = (args.out.cols.len(), args.out.rows.len());
    run_some(args, 0..n_rows, 0..n_tokens);
}

/// Some rows of the call, and some tokens.
pub(in crate::matmul) fn run_some(args: &mut MatmulArgs<'_, '_>, rows: Range<usize>, tokens: Range<usize>) {
    let unit = args.w.format.unit_len();
    for i in rows {
        let m = args.out.cols.start + i;
        let w = expand(&args.w, m..m + 1, &mut args.scratch.expanded);
        for t in tokens.clone() {
            let x = token(args.groups, args.w.cols, args.out.rows.start + t);
            args.out.row(t)[i] = dot(w, x, unit);
        }
    }
}

/// One output: a row of weights times a row of activations.
fn dot(w: &[ExpandedGroup], x: &[ActivationGroup], unit: usize) -> f32 {
    let mut lanes = [0.0f32; GROUP_BLOCKS];
    for (w, x) in w.iter().zip(x) {
        for (b, lane) in lanes.iter_mut().enumerate() {
            for u in 0..BLOCK / unit {
                let columns = b * BLOCK + u * unit..b * BLOCK + (u + 1) * unit;
                let products = w.codes[columns.clone()].iter().zip(&x.codes[columns]);
                let sum: i32 = products.map(|(&w, &x)| i32::from(w) * i32::from(x)).sum();
                let x_sum = if unit == BLOCK { x.sums[b] } else { x.half_sums[u][b] };
                *lane = (sum as f32).mul_add(w.scales[u][b] * x.scales[b], *lane);
                *lane = w.mins[u][b].mul_add(x.scales[b] * x_sum as f32, *lane);
            }
        }
    }
    fold(lanes)
}
