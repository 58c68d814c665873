//! Operations without a matrix: gates, sums, softmax, soft caps, root-mean-square norm.
//!
//! Each is one plain function compiled for every instruction set; sums run in [`LANES`] fixed lanes.

use crate::{
    Gate,
    isa::multiversion,
    math::{LANES, cap_all, exp, exp_all, fma, fold, gelu_tanh_times, silu_times},
};

/// Largest gate, and magnitude of what it gates, of [`Gate::ClampedSwiglu`].
const SWIGLU_LIMIT: f32 = 7.0;
/// Factor within the sigmoid of [`Gate::ClampedSwiglu`].
const SWIGLU_STEEPNESS: f32 = 1.702;

/// `x · Φ(x)`. Source of the error function, to 1.5e-7: Abramowitz and Stegun 1964, 7.1.26.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn gelu_erf(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / fma(0.327_591_1, z, 1.0);
    let p = fma(t, fma(t, fma(t, fma(t, 1.061_405_4, -1.453_152), 1.421_413_7), -0.284_496_74), 0.254_829_6);
    let erf = 1.0 - p * t * exp(-z * z);
    0.5 * x * (1.0 + erf.copysign(x))
}

/// `out[i] = activation(gate[i]) · up[i]`
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn gated(activation: Gate, gate: &[f32], up: &[f32], out: &mut [f32]) {
    match activation {
        Gate::Silu => silu_times(gate, up, out),
        Gate::GeluTanh => gelu_tanh_times(gate, up, out),
        Gate::GeluErf => out.iter_mut().zip(gate).zip(up).for_each(|((out, &g), &u)| *out = gelu_erf(g) * u),
        Gate::Relu2 => out.iter_mut().zip(gate).zip(up).for_each(|((out, &g), &u)| {
            let positive = if g > 0.0 { g } else { g * 0.0 };
            *out = positive * positive * u;
        }),
        Gate::ClampedSwiglu => out.iter_mut().zip(gate).zip(up).for_each(|((out, &g), &u)| {
            let g = if g > SWIGLU_LIMIT { SWIGLU_LIMIT } else { g };
            let u = if u > SWIGLU_LIMIT { SWIGLU_LIMIT } else { u };
            let u = if u < -SWIGLU_LIMIT { -SWIGLU_LIMIT } else { u };
            *out = g / (1.0 + exp(-SWIGLU_STEEPNESS * g)) * (u + 1.0);
        }),
    }
}

multiversion! {
    /// `out[i] = activation(gate[i]) · up[i]`
    pub(crate) fn gate(activation: Gate, gate: &[f32], up: &[f32], out: &mut [f32]) {
        gated(activation, gate, up, out);
    }
}

multiversion! {
    /// `out[i] = activation(x[i])`: a gate on ones, which are exact factors.
    pub(crate) fn activate(activation: Gate, x: &[f32], out: &mut [f32]) {
        const ONES: [f32; 256] = [1.0; 256];
        for (x, out) in x.chunks(ONES.len()).zip(out.chunks_mut(ONES.len())) {
            gated(activation, x, &ONES[..x.len()], out);
        }
    }
}

multiversion! {
    /// Says of each row of `k` elements if it holds NaN or an infinity: no early exit, a few vector instructions.
    pub(crate) fn are_broken(x: &[f32], k: usize, broken: &mut [bool]) {
        const MAGNITUDE: u32 = 0x7fff_ffff;
        for (row, broken) in x.chunks_exact(k).zip(broken) {
            *broken = row.iter().fold(0, |max, v| (v.to_bits() & MAGNITUDE).max(max)) >= f32::INFINITY.to_bits();
        }
    }
}

multiversion! {
    /// `x[i] += factor · y[i]`
    pub(crate) fn add_scaled(x: &mut [f32], factor: f32, y: &[f32]) {
        // A product by one is exact, so that its sum is rounded once anyway.
        if factor == 1.0 {
            x.iter_mut().zip(y).for_each(|(x, &y)| *x += y);
        } else {
            x.iter_mut().zip(y).for_each(|(x, &y)| *x = fma(factor, y, *x));
        }
    }
}

multiversion! {
    /// `x[i] *= y[i]`
    pub(crate) fn multiply(x: &mut [f32], y: &[f32]) {
        x.iter_mut().zip(y).for_each(|(x, &y)| *x *= y);
    }
}

multiversion! {
    /// `x[i] = cap · tanh(x[i] / cap)`
    pub(crate) fn soft_cap(x: &mut [f32], cap: f32) {
        cap_all(x, cap);
    }
}

multiversion! {
    /// Softmax of every row of `n` elements.
    pub(crate) fn softmax(x: &mut [f32], n: usize) {
        for row in x.chunks_exact_mut(n) {
            let mut max = f32::NEG_INFINITY;
            for &v in &*row {
                max = if v > max { v } else { max };
            }
            // A row of nothing but minus infinity becomes zeros, not NaN.
            let max = if max == f32::NEG_INFINITY { 0.0 } else { max };
            exp_all(row, max);
            let sum = lane_sum(row, |v| v);
            let scale = if sum > 0.0 { 1.0 / sum } else { 0.0 };
            for v in row.iter_mut() {
                *v *= scale;
            }
        }
    }
}

multiversion! {
    /// `x[i] = σ(x[i])`
    pub(crate) fn sigmoid(x: &mut [f32]) {
        x.iter_mut().for_each(|x| *x = 1.0 / (1.0 + exp(-*x)));
    }
}

multiversion! {
    /// `out[r] *= σ(x[r] · weight)`, `weight` `[D]`.
    pub(crate) fn times_sigmoid_of(x: &[f32], weight: &[f32], out: &mut [f32]) {
        let n = weight.len();
        for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            let mut lanes = [0.0f32; LANES];
            for (x, weight) in x.chunks(LANES).zip(weight.chunks(LANES)) {
                lanes.iter_mut().zip(x).zip(weight).for_each(|((lane, x), w)| *lane += x * w);
            }
            let factor = 1.0 / (1.0 + exp(-fold(lanes)));
            out.iter_mut().for_each(|out| *out *= factor);
        }
    }
}

multiversion! {
    /// `out[r] = x[r] / rms(x[r]) · weight`, `weight` `[D]`.
    pub(crate) fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
        let n = weight.len();
        for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            rms_norm_one(x, weight, epsilon, out);
        }
    }
}

multiversion! {
    /// `out[r, g] = x[r, g] / rms(x[r, g]) · weight[g]`, groups of `n` elements, `weight` `[D]`.
    pub(crate) fn rms_norm_of_groups(x: &[f32], weight: &[f32], n: usize, epsilon: f32, out: &mut [f32]) {
        let groups = x.chunks_exact(n).zip(out.chunks_exact_mut(n));
        for ((x, out), weight) in groups.zip(weight.chunks_exact(n).cycle()) {
            rms_norm_one(x, weight, epsilon, out);
        }
    }
}

/// `out = x / rms(x) · weight`, all `[D]`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn rms_norm_one(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let mean = lane_sum(x, |v| v * v) / x.len() as f32;
    let scale = 1.0 / (mean + epsilon).sqrt();
    for ((out, &x), &w) in out.iter_mut().zip(x).zip(weight) {
        *out = x * scale * w;
    }
}

multiversion! {
    /// `out[r] = (x[r] - mean(x[r])) / deviation(x[r]) · weight + bias`, `weight` and `bias` `[D]`.
    pub(crate) fn layer_norm(x: &[f32], weight: &[f32], bias: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
        let n = weight.len();
        for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            let mean = lane_sum(x, |v| v) / n as f32;
            let variance = lane_sum(x, |v| (v - mean) * (v - mean)) / n as f32;
            let scale = 1.0 / (variance + epsilon).sqrt();
            for ((out, &x), &w) in out.iter_mut().zip(x).zip(weight) {
                *out = (x - mean) * scale * w;
            }
            if let Some(bias) = bias {
                out.iter_mut().zip(bias).for_each(|(out, &b)| *out += b);
            }
        }
    }
}

/// `Σ f(x[i])` with lane `i mod LANES` in order, lanes folded.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn lane_sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane += f(v);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane += f(v);
    }
    fold(lanes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Level};
    use testkit::{Rng, assert_same_f32};

    /// Runs `operation` on every level: all must equal the scalar one bit for bit; returns that one's output.
    fn check(what: &str, input: &[f32], operation: impl Fn(Level, &mut [f32])) -> Vec<f32> {
        let run = |isa| {
            let mut x = input.to_vec();
            operation(Level::detect(isa).expect("listed as available"), &mut x);
            x
        };
        let scalar = run(Isa::Scalar);
        for isa in Isa::available() {
            assert_same_f32(&format!("{what} on {}", isa.name()), &run(isa), &scalar);
        }
        scalar
    }

    #[test]
    fn levels_agree_and_formulas_hold() {
        let mut rng = Rng::new(7);
        for n in [1, 2, 15, 16, 17, 64, 100, 577] {
            let x: Vec<f32> = rng.normals(3 * n).iter().map(|v| v * 5.0).collect();
            let y = rng.normals(3 * n);
            for activation in [Gate::Silu, Gate::GeluTanh, Gate::GeluErf, Gate::Relu2, Gate::ClampedSwiglu] {
                check("gate", &x, |level, out| gate(level, activation, &x, &y, out));
            }
            for activation in [Gate::Silu, Gate::GeluTanh, Gate::GeluErf, Gate::Relu2] {
                let got = check("activate", &x, |level, out| activate(level, activation, &x, out));
                let ones = vec![1.0; x.len()];
                assert_eq!(got, check("gate", &x, |level, out| gate(level, activation, &x, &ones, out)));
            }
            let probabilities = check("sigmoid", &x, sigmoid);
            assert!(probabilities.iter().zip(&x).all(|(p, x)| (p - 1.0 / (1.0 + (-x).exp())).abs() < 1e-6));
            let y_first = y.clone();
            let gated = check("times_sigmoid_of", &x, |level, x| times_sigmoid_of(level, &y, &y[..n], x));
            for ((gated, x), y) in gated.chunks(n).zip(x.chunks(n)).zip(y.chunks(n)) {
                let score: f64 = y.iter().zip(&y_first[..n]).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum();
                let factor = 1.0 / (1.0 + (-score).exp());
                assert!(gated.iter().zip(x).all(|(g, x)| (f64::from(*g) - f64::from(*x) * factor).abs() < 1e-4));
            }
            let sum = check("add_scaled", &x, |level, x| add_scaled(level, x, 1.0, &y));
            assert!(sum.iter().zip(&x).zip(&y).all(|((s, x), y)| *s == x + y));
            let product = check("multiply", &x, |level, x| multiply(level, x, &y));
            assert!(product.iter().zip(&x).zip(&y).all(|((p, x), y)| *p == x * y));
            let capped = check("soft_cap", &x, |level, x| soft_cap(level, x, 3.0));
            assert!(capped.iter().all(|v| v.abs() <= 3.0));
            let p = check("softmax", &x, |level, x| softmax(level, x, n));
            assert!(p.chunks(n).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
            let normed = check("rms_norm", &x, |level, out| rms_norm(level, &x, &y[..n], 1e-5, out));
            let one_group = check("rms_norm", &x, |level, out| rms_norm_of_groups(level, &x, &y[..n], n, 1e-5, out));
            assert_same_f32("one group", &one_group, &normed);
            let groups = check("rms_norm", &x, |level, out| rms_norm_of_groups(level, &x, &y, n, 1e-5, out));
            for (i, (group, x)) in groups.chunks(n).zip(x.chunks(n)).enumerate() {
                let alone = check("rms_norm", x, |level, out| rms_norm(level, x, &y[i * n..][..n], 1e-5, out));
                assert_same_f32("a group", group, &alone);
            }
            for (row, x) in normed.chunks(n).zip(x.chunks(n)) {
                let rms = (x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / n as f64 + 1e-5).sqrt();
                for ((got, &x), &w) in row.iter().zip(x).zip(&y) {
                    let exact = f64::from(x) / rms * f64::from(w);
                    assert!((f64::from(*got) - exact).abs() < 1e-5 * exact.abs().max(1.0), "{got} {exact}");
                }
            }
        }
    }

    #[test]
    fn layer_norm_is_its_formula() {
        let mut rng = Rng::new(8);
        for n in [1, 3, 16, 17, 100, 577] {
            let x: Vec<f32> = rng.normals(3 * n).iter().map(|v| v * 5.0 + 2.0).collect();
            let (weight, bias) = (rng.normals(n), rng.normals(n));
            for bias in [None, Some(&bias[..])] {
                let got = check("layer_norm", &x, |level, out| layer_norm(level, &x, &weight, bias, 1e-5, out));
                for (row, x) in got.chunks(n).zip(x.chunks(n)) {
                    let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n as f64;
                    let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n as f64;
                    for (i, got) in row.iter().enumerate() {
                        let normed = (f64::from(x[i]) - mean) / (variance + 1e-5).sqrt();
                        let exact = normed * f64::from(weight[i]) + bias.map_or(0.0, |bias| f64::from(bias[i]));
                        assert!((f64::from(*got) - exact).abs() < 1e-5 * exact.abs().max(1.0), "{n}: {got} {exact}");
                    }
                }
            }
        }
    }

    /// Expected values by the series of Φ, in f64.
    #[test]
    fn the_exact_gelu_is_its_formula() {
        let x: Vec<f32> = (-120..=120).map(|i| i as f32 * 0.05).collect();
        let got = check("activate", &x, |level, out| activate(level, Gate::GeluErf, &x, out));
        for (got, &x) in got.iter().zip(&x) {
            let x = f64::from(x);
            let (mut term, mut sum) = (x, x);
            for n in 1..200 {
                term *= x * x / f64::from(2 * n + 1);
                sum += term;
            }
            let exact = x * (0.5 + sum * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt());
            assert!((f64::from(*got) - exact).abs() < 4e-7 * x.abs().max(1.0), "{x}: {got}, expected {exact}");
        }
        let broken =
            check("activate", &[f32::NAN; 2], |level, out| activate(level, Gate::GeluErf, &[f32::NAN; 2], out));
        assert!(broken.iter().all(|x| x.is_nan()), "{broken:?}");
    }

    #[test]
    fn the_clamped_gate_is_its_formula() {
        let x: Vec<f32> = (-40..40).map(|i| i as f32 * 0.5).collect();
        let y: Vec<f32> = x.iter().rev().copied().collect();
        let got = check("gate", &x, |level, out| gate(level, Gate::ClampedSwiglu, &x, &y, out));
        for ((got, &x), &y) in got.iter().zip(&x).zip(&y) {
            let (g, u) = (f64::from(x).min(7.0), f64::from(y).clamp(-7.0, 7.0));
            let exact = g / (1.0 + (-1.702 * g).exp()) * (u + 1.0);
            assert!((f64::from(*got) - exact).abs() < 1e-6 * exact.abs().max(1.0), "{x} {y}: {got}, expected {exact}");
        }
        let broken = check("gate", &[f32::NAN; 2], |level, out| {
            gate(level, Gate::ClampedSwiglu, &[f32::NAN, 1.0], &[1.0, f32::NAN], out);
        });
        assert!(broken.iter().all(|x| x.is_nan()), "{broken:?}");
    }

    #[test]
    fn each_place_of_each_row_is_looked_at() {
        for level in Isa::available().filter_map(Level::detect) {
            for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for i in 0..37 {
                    let mut x = [f32::MAX; 3 * 37];
                    x[0] = f32::MIN;
                    x[37 + i] = bad;
                    let mut broken = [true; 3];
                    are_broken(level, &x, 37, &mut broken);
                    assert_eq!(broken, [false, true, false], "{bad} at {i} on {}", level.isa().name());
                }
            }
        }
    }

    #[test]
    fn a_row_of_minus_infinity_becomes_zeros() {
        let mut x = [f32::NEG_INFINITY; 5];
        softmax(Level::detect(Isa::Scalar).expect("always"), &mut x, 5);
        assert_eq!(x, [0.0; 5]);
    }
}
