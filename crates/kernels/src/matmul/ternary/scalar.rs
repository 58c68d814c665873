//! The specification of the ternary kernels, in plain Rust.

use crate::{
    activation::GROUP,
    matmul::{MatmulArgs, integer::expand},
};

/// Any ternary format.
pub(in crate::matmul) fn run(args: &mut MatmulArgs<'_, '_>) {
    let groups = args.w.cols.div_ceil(GROUP);
    for (i, m) in args.out.cols.clone().enumerate() {
        let w = expand(&args.w, m..m + 1, &mut args.scratch.expanded);
        for r in 0..args.out.rows.len() {
            let t = args.out.rows.start + r;
            let x = &args.row_codes[t * groups..][..groups];
            let mut sum = 0i32;
            for (w, x) in w.iter().zip(x) {
                let products = w.codes.iter().zip(&x.codes).map(|(&w, &x)| i32::from(w) * i32::from(x));
                sum += products.sum::<i32>() << x.shift;
            }
            args.out.row(r)[i] = sum as f32 * (args.w.row_scales[m] * x[0].scale);
        }
    }
}
