use super::*;
use crate::{Isa, isa::Level};
use quant::Format;
use testkit::Rng;

/// Weights, inputs and what makes them hard for the bound.
fn cases(rng: &mut Rng, rows: usize, cols: usize) -> Vec<(&'static str, Vec<f32>, Vec<f32>)> {
    let w = rng.normals(rows * cols);
    let x = rng.normals(cols);
    let mut cases = vec![("normal", w.clone(), x.clone())];
    let scale = |w: &[f32], f: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
        w.iter().enumerate().map(|(i, w)| w * f(i / cols, i % cols)).collect()
    };
    cases.push(("heavy tails", w.iter().map(|w| w * w * w).collect(), x.clone()));
    cases.push((
        "an outlier in x",
        w.clone(),
        x.iter().enumerate().map(|(i, x)| x * if i == 7 { 300.0 } else { 1.0 }).collect(),
    ));
    cases.push(("rows of all sizes", scale(&w, &|m, _| (m as f32 * 0.05 - 10.0).exp2()), x.clone()));
    cases.push(("columns of all sizes", scale(&w, &|_, k| (k as f32 * 0.02 - 10.0).exp2()), x.clone()));
    // What the coarse code drops is all that tells rows apart: equal but for one small weight, with the input aligned
    // to it.
    cases.push(("nearly equal rows", (0..rows * cols).map(|i| w[i % cols] + 1e-3 * w[i]).collect(), x.clone()));
    cases.push(("equal rows", (0..rows * cols).map(|i| w[i % cols]).collect(), x.clone()));
    // The input is the rounding error itself: the estimate is as wrong as it can be.
    let mut codes = vec![0; cols.div_ceil(SPAN) * SPAN_BYTES];
    let mut norms = RowNorms::default();
    encode(Level::detect(Isa::Scalar).expect("available"), &w[5 * cols..6 * cols], &mut codes, &mut norms);
    let decoded = |k: usize| {
        let span = &codes[k / SPAN * SPAN_BYTES..][..SPAN_BYTES];
        let k = k % SPAN;
        let low = if k < LOW_BYTES { span[k] & 15 } else { span[k - LOW_BYTES] >> 4 };
        let high = span[LOW_BYTES + k % HIGH_BYTES] >> (2 * (k / HIGH_BYTES)) & 3;
        f32::from(low | high << 4) - 32.0
    };
    let error: Vec<f32> = (0..cols).map(|k| w[5 * cols + k] - decoded(k) * norms.step).collect();
    cases.push(("x along a rounding error", w.clone(), error.clone()));
    cases.push(("x against a rounding error", w.clone(), error.iter().map(|e| -e).collect()));
    cases.push(("zeros", vec![0.0; rows * cols], x.clone()));
    cases.push(("a zero input", w.clone(), vec![0.0; cols]));
    cases.push(("tiny", w.iter().map(|w| w * 1e-20).collect(), x.iter().map(|x| x * 1e-20).collect()));
    cases
}

/// The bytes of `w` in `format`.
fn encoded(format: Format, w: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; format.row_bytes(w.len()).expect("whole blocks")];
    format.encode(w, None, &mut bytes).expect("finite");
    bytes
}

/// Products of all rows, and what the shortcut gives: rows and products.
fn both(kernels: &Kernels, w: Matrix<'_>, x: &[f32], n_best: usize) -> (Vec<f32>, Option<Vec<(u32, f32)>>) {
    let mut rows = Rows::new();
    kernels.set_rows(&mut rows, x, x.len());
    let mut all = vec![0.0; w.rows];
    kernels.matmul(w, &mut rows, &mut all);
    let mut coarse = CoarseMatrix::new(&w).expect("a format with a bound");
    while !coarse.is_full() {
        kernels.coarse_fill(&mut coarse, w, 37);
    }
    let mut scratch = CoarseScratch::new(w.rows, w.cols);
    let best = kernels.coarse_best(&coarse, w, &mut rows, n_best, |v| v, &mut scratch);
    let best = best.map(|(rows, products)| rows.iter().copied().zip(products.iter().copied()).collect());
    (all, best)
}

#[test]
fn the_largest_products_are_found_and_equal_those_of_the_matmul() {
    let mut rng = Rng::new(31);
    for (rows, cols) in [(150, 96), (203, 256), (90, 640)] {
        for (what, w, x) in cases(&mut rng, rows, cols) {
            for format in [Format::Q8_0, Format::F16, Format::Q4_0] {
                let bytes = encoded(format, &w);
                let w = Matrix::new(format, rows, cols, &bytes);
                for isa in Isa::available() {
                    let kernels = Kernels::new(Some(isa), 2).expect("available");
                    for n_best in [1, 7, rows] {
                        let (all, best) = both(&kernels, w, &x, n_best);
                        let best = best.expect("finite");
                        let mut order = all.clone();
                        order.sort_unstable_by(|a, b| b.total_cmp(a));
                        let bar = order[n_best - 1];
                        let at = || format!("{what}, {format:?}, {}, {n_best} best of {rows}", isa.name());
                        for (m, v) in all.iter().enumerate().filter(|(_, v)| **v >= bar) {
                            let found = best.iter().find(|b| b.0 as usize == m);
                            assert_eq!(found.map(|b| b.1.to_bits()), Some(v.to_bits()), "{}: row {m}", at());
                        }
                        assert!(best.iter().all(|b| b.1.to_bits() == all[b.0 as usize].to_bits()), "{}", at());
                    }
                }
            }
        }
    }
}

#[test]
fn no_estimate_is_farther_off_than_its_margin_and_the_margin_is_of_use() {
    let mut rng = Rng::new(32);
    let (rows, cols) = (400, 640);
    for (what, w, x) in cases(&mut rng, rows, cols) {
        let bytes = encoded(Format::Q8_0, &w);
        let w = Matrix::new(Format::Q8_0, rows, cols, &bytes);
        for isa in Isa::available() {
            let kernels = Kernels::new(Some(isa), 1).expect("available");
            let mut input = Rows::new();
            kernels.set_rows(&mut input, &x, cols);
            let mut all = vec![0.0; rows];
            kernels.matmul(w, &mut input, &mut all);
            let mut coarse = CoarseMatrix::new(&w).expect("a format with a bound");
            kernels.coarse_fill(&mut coarse, w, rows);
            let mut x = CoarseInput::default();
            x.set(input.values(), Some(input.groups()));
            let mut estimates = vec![Estimate::default(); rows];
            dot::estimate(kernels.level, &coarse.codes, &coarse.norms, &x, &mut estimates);
            for (estimate, exact) in estimates.iter().zip(&all) {
                let margin = estimate.upper - estimate.value;
                assert!(
                    (estimate.value - exact).abs() <= margin,
                    "{what}, {}: {exact} estimated as {} ± {margin}",
                    isa.name(),
                    estimate.value
                );
            }
        }
    }
    // A row that stands out is told from the rest without computing these.
    let (w, x) = (rng.normals(rows * cols), rng.normals(cols));
    let w: Vec<f32> = w.iter().enumerate().map(|(i, w)| if i / cols == 9 { x[i % cols] } else { *w }).collect();
    let bytes = encoded(Format::Q8_0, &w);
    let kernels = Kernels::new(None, 1).expect("the best level");
    let (_, best) = both(&kernels, Matrix::new(Format::Q8_0, rows, cols, &bytes), &x, 1);
    assert_eq!(best.map(|b| b.iter().map(|b| b.0).collect::<Vec<_>>()), Some(vec![9]));
}

#[test]
fn broken_weights_and_inputs_are_left_to_the_caller() {
    let mut rng = Rng::new(33);
    let (rows, cols) = (64, 128);
    let kernels = Kernels::new(None, 2).expect("the best level");
    let (w, x) = (rng.normals(rows * cols), rng.normals(cols));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        // The float formats hold anything; an int8 block gets it through its scale.
        let mut broken = w.clone();
        broken[40 * cols + 3] = bad;
        let bytes: Vec<u8> = broken.iter().flat_map(|w| w.to_le_bytes()).collect();
        assert_eq!(both(&kernels, Matrix::new(Format::F32, rows, cols, &bytes), &x, 1).1, None, "{bad} in F32");
        let mut bytes = encoded(Format::Q8_0, &w);
        let scale = half::f16::from_f32(bad).to_le_bytes();
        let block = 40 * Format::Q8_0.row_bytes(cols).expect("whole blocks");
        bytes[block..block + 2].copy_from_slice(&scale);
        assert_eq!(both(&kernels, Matrix::new(Format::Q8_0, rows, cols, &bytes), &x, 1).1, None, "{bad} in Q8_0");
    }
    // Where products overflow, nothing is claimed of them.
    let large: Vec<u8> = w.iter().flat_map(|w| (w * 1e25).to_le_bytes()).collect();
    let x: Vec<f32> = x.iter().map(|x| x * 1e10).collect();
    let (all, best) = both(&kernels, Matrix::new(Format::F32, rows, cols, &large), &x, 1);
    assert_eq!(best.map(|b| b.len()), all.iter().all(|v| v.is_finite()).then_some(rows));
}

#[test]
fn formats_without_a_bound_have_no_copy() {
    for format in [Format::Q4_K, Format::Q4_1, Format::TQ2_0] {
        let bytes = vec![0; format.row_bytes(256).expect("whole blocks")];
        assert!(CoarseMatrix::new(&Matrix::new(format, 1, 256, &bytes)).is_none(), "{format:?}");
    }
}
