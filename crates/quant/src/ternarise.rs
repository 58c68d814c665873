//! Ternarisation: a slice of numbers as codes −1, 0, 1 under one scale.
//!
//! Every mode keeps the signs of the elements whose magnitude exceeds a threshold; they differ in the threshold and in
//! the scale that stands for what is kept. Sums are in f64 and in the order of the slice, so the result is the same on
//! every machine.

/// How threshold and scale are found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// What `BitNet` is trained with: scale `mean |x|`, at least 1e-5; code `round(x · (1 / scale))`, ties to even,
    /// clamped to ±1. So the threshold is half the scale. Source: Ma et al. 2024 (arXiv 2402.17764) equations 1 to 3;
    /// the reciprocal as in the authors' training code.
    AbsMean,
    /// Scale `max |x|`, threshold half of it: the largest element stays, all below half of it vanish.
    Max,
    /// Threshold `0.5 · rms(x)`, scale the mean magnitude of what is kept.
    Rms,
    /// The threshold and scale of the least `Σ (x − scale · code)²` that there is.
    LeastSquares,
}

impl Mode {
    /// All four modes.
    pub const ALL: [Self; 4] = [Self::AbsMean, Self::Max, Self::Rms, Self::LeastSquares];

    /// Name of the mode: `absmean`, `max`, `rms`, `lsq`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AbsMean => "absmean",
            Self::Max => "max",
            Self::Rms => "rms",
            Self::LeastSquares => "lsq",
        }
    }

    /// Name of two-bit codes that were found so, as a type of values in memory: `t2-lsq`.
    pub fn t2_name(self) -> &'static str {
        match self {
            Self::AbsMean => "t2-absmean",
            Self::Max => "t2-max",
            Self::Rms => "t2-rms",
            Self::LeastSquares => "t2-lsq",
        }
    }

    /// The mode called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// Fills `codes` `[x.len()]` and returns the scale, which is never negative: `x[i] ≈ scale · codes[i]`.
///
/// `sorted` is room that [`Mode::LeastSquares`] works in: with a capacity of `x.len()` nothing is allocated. If an
/// element is NaN or infinite, so that no ternary row says what it is, the scale is NaN and all codes are 0.
///
/// ```
/// use quant::ternarise::{Mode, ternarise};
/// let mut codes = [0; 4];
/// let scale = ternarise(Mode::LeastSquares, &[2.0, -0.1, -4.0, 3.0], &mut codes, &mut Vec::new());
/// assert_eq!((codes, scale), ([1, 0, -1, 1], 3.0));
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn ternarise(mode: Mode, x: &[f32], codes: &mut [i8], sorted: &mut Vec<f32>) -> f32 {
    assert_eq!(x.len(), codes.len(), "codes of {} elements", x.len());
    if x.iter().any(|x| !x.is_finite()) {
        codes.fill(0);
        return f32::NAN;
    }
    match mode {
        Mode::AbsMean => absmean(x, codes),
        Mode::Max => {
            let max = x.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            keep(x, codes, |magnitude| magnitude > 0.5 * max);
            max
        }
        Mode::Rms => {
            let squares: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            let threshold = 0.5 * (squares / x.len().max(1) as f64).sqrt();
            keep(x, codes, |magnitude| f64::from(magnitude) > threshold)
        }
        Mode::LeastSquares => least_squares(x, codes, sorted),
    }
}

fn absmean(x: &[f32], codes: &mut [i8]) -> f32 {
    let sum: f64 = x.iter().map(|x| f64::from(x.abs())).sum();
    let scale = ((sum / x.len().max(1) as f64) as f32).max(1e-5);
    let inverse = 1.0 / scale;
    for (code, x) in codes.iter_mut().zip(x) {
        *code = (x * inverse).round_ties_even().clamp(-1.0, 1.0) as i8;
    }
    scale
}

/// Signs of the elements whose magnitude `is_kept`, zeros elsewhere; returns the mean magnitude of those kept, 0 if
/// there are none.
fn keep(x: &[f32], codes: &mut [i8], is_kept: impl Fn(f32) -> bool) -> f32 {
    let (mut sum, mut n) = (0.0, 0u32);
    for (code, &x) in codes.iter_mut().zip(x) {
        let kept = is_kept(x.abs()) && x != 0.0;
        *code = if kept { x.signum() as i8 } else { 0 };
        if kept {
            sum += f64::from(x.abs());
            n += 1;
        }
    }
    (sum / f64::from(n.max(1))) as f32
}

/// Keeping the `k` largest magnitudes with sum `S` at their mean saves `S² / k` of the error of all zeros, so one walk
/// through the sorted magnitudes finds the best `k`. That expression has no maximum among equals, so a threshold
/// separates what is kept.
fn least_squares(x: &[f32], codes: &mut [i8], sorted: &mut Vec<f32>) -> f32 {
    sorted.clear();
    sorted.extend(x.iter().map(|x| x.abs()));
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut sum, mut k) = (0.0, 0.0);
    // (saved, smallest magnitude kept)
    let mut best = (0.0f64, f32::INFINITY);
    for &magnitude in sorted.iter() {
        sum += f64::from(magnitude);
        k += 1.0;
        let saved = sum * sum / k;
        if saved > best.0 {
            best = (saved, magnitude);
        }
    }
    keep(x, codes, |magnitude| magnitude >= best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Codes, scale and squared error.
    fn run(mode: Mode, x: &[f32]) -> (Vec<i8>, f32, f64) {
        let mut codes = vec![9; x.len()];
        let scale = ternarise(mode, x, &mut codes, &mut Vec::new());
        assert!(codes.iter().all(|code| (-1..=1).contains(code)), "{mode:?}: {codes:?}");
        let rest = |(x, code): (&f32, &i8)| (f64::from(*x) - f64::from(scale) * f64::from(*code)).powi(2);
        let error = x.iter().zip(&codes).map(rest).sum();
        (codes, scale, error)
    }

    /// The error of the best of all `3^n` code rows with its best scale.
    fn exhaustive(x: &[f32]) -> f64 {
        let energy: f64 = x.iter().map(|&x| f64::from(x).powi(2)).sum();
        let mut saved = 0.0f64;
        for row in 0..3usize.pow(x.len() as u32) {
            let (mut xq, mut qq, mut digits) = (0.0, 0.0, row);
            for &x in x {
                let code = (digits % 3) as f64 - 1.0;
                digits /= 3;
                xq += f64::from(x) * code;
                qq += code * code;
            }
            saved = saved.max(if qq > 0.0 { xq * xq / qq } else { 0.0 });
        }
        energy - saved
    }

    #[test]
    fn each_mode_follows_its_definition() {
        let x = [0.5, -1.0, 0.24, 0.0, -0.26, 1.0];
        // Mean magnitude 0.5: a quarter is the threshold.
        assert_eq!(run(Mode::AbsMean, &x), (vec![1, -1, 0, 0, -1, 1], 0.5, run(Mode::AbsMean, &x).2));
        // Half the largest rounds to even, which is zero.
        assert_eq!(run(Mode::Max, &x).0, [0, -1, 0, 0, 0, 1]);
        assert_eq!(run(Mode::Max, &x).1, 1.0);
        // rms 0.6288, threshold 0.3144; (0.5 + 1 + 1) / 3
        assert_eq!(run(Mode::Rms, &x).0, [1, -1, 0, 0, 0, 1]);
        assert_eq!(run(Mode::Rms, &x).1, (2.5f64 / 3.0) as f32);
        assert_eq!(run(Mode::LeastSquares, &x).0, [1, -1, 0, 0, 0, 1]);
        for mode in Mode::ALL {
            assert_eq!(Mode::from_name(mode.name()), Some(mode));
        }
    }

    /// The smallest element that is kept and the largest that is not lie within a few hundredths of the threshold.
    #[test]
    fn thresholds_lie_where_they_should() {
        // Mean magnitude 1.
        assert_eq!(run(Mode::AbsMean, &[1.52, 1.48, 0.51, 0.49]).0, [1, 1, 1, 0]);
        assert_eq!(run(Mode::Max, &[2.0, 1.02, -0.98]).0, [1, 1, 0]);
        // Mean square 4, and a little less.
        assert_eq!(run(Mode::Rms, &[2.645, -2.645, 1.03, 0.97]).0, [1, -1, 1, 0]);
    }

    #[test]
    fn nothing_and_zeros_and_broken_numbers_have_an_answer() {
        for mode in Mode::ALL {
            let least = if mode == Mode::AbsMean { 1e-5 } else { 0.0 };
            assert_eq!(run(mode, &[]).1, least);
            assert_eq!(run(mode, &[0.0, -0.0]), (vec![0, 0], least, 0.0), "{mode:?}");
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let (codes, scale, _) = run(mode, &[1.0, bad]);
                assert!(codes == [0, 0] && scale.is_nan(), "{mode:?}: {scale} for {bad}");
            }
            let (codes, scale, _) = run(mode, &[f32::MAX, -f32::MAX]);
            assert_eq!((codes, scale), (vec![1, -1], f32::MAX), "{mode:?}");
        }
    }

    proptest! {
        #[test]
        fn least_squares_is_the_best_of_all(x in prop::collection::vec(-4.0f32..4.0, 1..8)) {
            let (found, best) = (run(Mode::LeastSquares, &x).2, exhaustive(&x));
            prop_assert!(found <= best + 1e-6, "error {found}, but {best} is possible for {x:?}");
        }

        #[test]
        fn least_squares_is_never_worse_than_another_mode(seed: u64, n in 1usize..400, exponent in -30i32..30) {
            let scale = 10f32.powi(exponent);
            let x: Vec<f32> = testkit::Rng::new(seed).normals(n).into_iter().map(|x| x * scale).collect();
            let best = run(Mode::LeastSquares, &x).2;
            for mode in Mode::ALL {
                let error = run(mode, &x).2;
                prop_assert!(best <= error * (1.0 + 1e-6), "{mode:?} has error {error:e}, least squares {best:e}");
            }
        }

        #[test]
        fn ternary_numbers_stay(codes in prop::collection::vec(-1i8..=1, 1..300), exponent in -20i32..20) {
            let scale = 2f32.powi(exponent);
            let x: Vec<f32> = codes.iter().map(|&code| f32::from(code) * scale).collect();
            let kept = if codes.iter().any(|&code| code != 0) { scale } else { 0.0 };
            for mode in [Mode::Max, Mode::Rms, Mode::LeastSquares] {
                prop_assert_eq!(run(mode, &x), (codes.clone(), kept, 0.0));
            }
        }
    }
}
