//! The specification of the float kernels, in plain Rust.

use super::LANES;
use crate::{math::fold, matmul::MatmulArgs};

/// F32, F16 and BF16.
pub(in crate::matmul) fn run(args: &mut MatmulArgs<'_, '_>) {
    let k = args.w.cols;
    let row = &mut args.scratch.decoded;
    row.resize(k, 0.0);
    for (i, m) in args.out.cols.clone().enumerate() {
        args.w.format.decode(args.w.row(m), row);
        for t in 0..args.out.rows.len() {
            let x = &args.x[(args.out.rows.start + t) * k..][..k];
            let mut lanes = [0.0f32; LANES];
            for (w, x) in row.chunks(LANES).zip(x.chunks(LANES)) {
                for ((lane, &w), &x) in lanes.iter_mut().zip(w).zip(x) {
                    *lane = w.mul_add(x, *lane);
                }
            }
            args.out.row(t)[i] = fold(lanes);
        }
    }
}
