//! What hypervectors can hold, in closed form: expected similarities, accuracy of recall, chance.
//!
//! The forms treat a dot product as normal, which holds from some hundred dimensions on; scores are given in standard
//! deviations of a random item's. Tests hold measurements to them, and `trinity vsa capacity` prints both. After
//! Frady, Kleyko and Sommer, "A theory of sequence indexing and working memory in recurrent neural networks" (2018).

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, TAU};

use crate::{DIM_MAX, Dim};

/// How a bundle is kept once its members are added, which decides how much of its signal survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Integer sums: everything.
    Sums,
    /// Trits, zero where the sum is below [`Kept::THRESHOLD`] standard deviations, the best threshold there is.
    Trits,
    /// Signs alone are kept.
    Signs,
}

impl Kept {
    /// Every way to keep a bundle, the most faithful first.
    pub const ALL: [Self; 3] = [Self::Sums, Self::Trits, Self::Signs];
    /// The best threshold for trits, in standard deviations of the sums.
    pub const THRESHOLD: f64 = 0.612;

    /// The share of the signal's energy that is left: the squared correlation of a normal sum with what is kept of it.
    pub fn energy(self) -> f64 {
        match self {
            Self::Sums => 1.0,
            // E[|x|; |x| > t]² / P(|x| > t) for a standard normal x.
            Self::Trits => {
                let t = Self::THRESHOLD;
                (2.0 * density(t)).powi(2) / (2.0 * below(-t))
            }
            Self::Signs => FRAC_2_PI,
        }
    }
}

/// The cosine of a bipolar vector with its copy after each element was flipped with probability `flipped`.
pub fn cosine_after_flips(flipped: f64) -> f64 {
    1.0 - 2.0 * flipped
}

/// The cosine of a vector of uniform trits with its copy after each trit became another one with probability `changed`.
pub fn cosine_after_changes(changed: f64) -> f64 {
    1.0 - 1.5 * changed
}

/// Where the right item's score lies, in standard deviations of a random item's score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Its mean: the signal-to-noise ratio, d′ of detection theory.
    pub mean: f64,
    /// Its own standard deviation.
    pub deviation: f64,
}

impl Score {
    /// The score of a bipolar item whose elements were flipped with probability `flipped`.
    pub fn after_flips(dim: Dim, flipped: f64) -> Self {
        let cosine = cosine_after_flips(flipped);
        Self { mean: cosine * root(dim), deviation: (1.0 - cosine * cosine).max(0.0).sqrt() }
    }

    /// The score of an item of uniform trits that were changed to others with probability `changed`.
    pub fn after_changes(dim: Dim, changed: f64) -> Self {
        let cosine = cosine_after_changes(changed);
        // A product of two trits is not zero with probability ⅔(1 − p/2) if they belong together, and 4/9 if not.
        let variance = 1.5 * (1.0 - changed / 2.0) - cosine * cosine;
        Self { mean: cosine * root(dim), deviation: variance.max(0.0).sqrt() }
    }

    /// The score of one of `members` bipolar pairs bound and bundled, unbound by its key. At least one member.
    pub fn in_bundle(dim: Dim, members: u64, kept: Kept) -> Self {
        let members = members.max(1) as f64;
        let share = if members > 1.0 { kept.energy() / members } else { 1.0 };
        Self { mean: (share * f64::from(dim.to_u32())).sqrt(), deviation: (1.0 - share).max(0.0).sqrt() }
    }

    /// The probability that the right item scores highest of `items`: ∫ φ(x)·Φ(mean + deviation·x)^(items − 1) dx.
    pub fn recall(self, items: u64) -> f64 {
        if items <= 1 {
            return 1.0;
        }
        // Simpson's rule over ±9 deviations: beyond lies less than 10⁻¹⁸.
        let (steps, end) = (3_000, 9.0);
        let width = 2.0 * end / f64::from(steps);
        let sum: f64 = (0..=steps)
            .map(|step| {
                let x = -end + width * f64::from(step);
                let weight = if step == 0 || step == steps { 1.0 } else { f64::from(2 + 2 * (step % 2)) };
                weight * density(x) * all_below(self.mean + self.deviation * x, items - 1)
            })
            .sum();
        (sum * width / 3.0).clamp(0.0, 1.0)
    }
}

/// The probability that the best of `items` random items scores `deviations` or more: how little a score may mean.
pub fn p_chance(deviations: f64, items: u64) -> f64 {
    // 1 − Φ^n without the rounding to 1 that a small tail would suffer.
    -f64::exp_m1(items as f64 * f64::ln_1p(-below(-deviations)))
}

/// The least dimension (a multiple of 64) at which one of `members` pairs of a bundle is found among `items` with
/// probability `accuracy`, or none up to the largest [`Dim`].
pub fn dims_for(items: u64, members: u64, accuracy: f64, kept: Kept) -> Option<Dim> {
    let enough = |words: u32| {
        Dim::new(words * 64).ok().is_some_and(|dim| Score::in_bundle(dim, members, kept).recall(items) >= accuracy)
    };
    let (mut less, mut most) = (0, DIM_MAX / 64);
    if !enough(most) {
        return None;
    }
    while most - less > 1 {
        let middle = u32::midpoint(less, most);
        if enough(middle) { most = middle } else { less = middle }
    }
    Dim::new(most * 64).ok()
}

/// How far the dot product of two integer sketches may be from the overlap it estimates, for sketches of these norms:
/// one standard error, √(2/D)·‖a‖·‖b‖ (Alon, Matias and Szegedy, 1996).
pub fn sums_error(dim: Dim, norm_a: f64, norm_b: f64) -> f64 {
    (2.0 / f64::from(dim.to_u32())).sqrt() * norm_a * norm_b
}

/// How far the angle between two sign sketches may be from the true one, in radians: one standard error, π/(2√D)
/// (Charikar, 2002).
pub fn signs_error(dim: Dim) -> f64 {
    std::f64::consts::FRAC_PI_2 / root(dim)
}

/// The shares of successes of `trials` that `probability` agrees with at 99.9 %: those whose interval of Clopper and
/// Pearson (1934) holds it. By the exact binomial distribution, a share below them, and one above, has a probability of
/// at most 0.05 %.
pub fn interval(probability: f64, trials: u64) -> (f64, f64) {
    let trials = trials.max(1);
    let least = least_successes(probability, trials);
    let most = trials - least_successes(1.0 - probability, trials);
    (least as f64 / trials as f64, most as f64 / trials as f64)
}

/// The least number of successes such that at most so many come with a probability of more than 0.05 %.
fn least_successes(probability: f64, trials: u64) -> u64 {
    const TAIL: f64 = 0.000_5;
    let (n, p) = (trials as f64, probability);
    if p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return trials;
    }
    // Below lies less than 10⁻¹³ by Bernstein's inequality.
    let start = (n * p - 8.0 * (n * p * (1.0 - p)).sqrt() - 24.0).max(0.0) as u64;
    let choices = libm::lgamma(n + 1.0) - libm::lgamma(start as f64 + 1.0) - libm::lgamma(n - start as f64 + 1.0);
    let mut term = (choices + start as f64 * p.ln() + (n - start as f64) * f64::ln_1p(-p)).exp();
    let (mut successes, mut sum) = (start, term);
    while sum <= TAIL && successes < trials {
        term *= (n - successes as f64) / (successes as f64 + 1.0) * (p / (1.0 - p));
        successes += 1;
        sum += term;
    }
    successes
}

/// How an item memory rules rows out by their first dimensions alone.
///
/// A row whose cosine with the query is s has a product of s·√(m·n) with it, m and n being their nonzero positions.
/// Where positions are exchangeable, as those of vectors drawn at random are, the first d of D are a sample without
/// replacement, and by Hoeffding's inequality their product is below d/D of the whole, less √(2·d·ln(1/miss)), with a
/// probability of at most `miss`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Screen {
    /// The dimensions that are looked at.
    pub dims: u32,
    /// What is taken off the expected product: √(2·d·ln(1/miss)).
    pub margin: f64,
    /// The share of random rows that is kept all the same, expected.
    pub kept: f64,
}

impl Screen {
    /// The screen over the first `dims` dimensions, for vectors of so many nonzero positions.
    pub fn new(dim: Dim, dims: u32, nonzero: [u32; 2], cosine_min: f64, miss_max: f64) -> Self {
        let total = f64::from(dim.to_u32());
        let margin = (2.0 * f64::from(dims) * -miss_max.clamp(f64::MIN_POSITIVE, 1.0).ln()).sqrt();
        let share = f64::from(dims) / total;
        let lengths = (f64::from(nonzero[0]) * f64::from(nonzero[1])).sqrt();
        let bar = cosine_min * lengths * share - margin;
        let deviation = lengths * (share / total).sqrt();
        let kept = if bar <= 0.0 { 1.0 } else { below(-bar / deviation) };
        Self { dims, margin, kept }
    }

    /// The screen that reads least, of those over one of `prefixes` dimensions; none if no screen rules rows out.
    pub fn best(dim: Dim, prefixes: &[u32], nonzero: [u32; 2], cosine_min: f64, miss_max: f64) -> Option<Self> {
        prefixes
            .iter()
            .filter(|&&dims| dims > 0 && dims < dim.to_u32())
            .map(|&dims| Self::new(dim, dims, nonzero, cosine_min, miss_max))
            .filter(|screen| screen.kept < 1.0)
            .min_by(|a, b| a.share_read(dim).total_cmp(&b.share_read(dim)))
    }

    /// The share of all bytes that is read, expected.
    pub fn share_read(&self, dim: Dim) -> f64 {
        let first = f64::from(self.dims) / f64::from(dim.to_u32());
        first + self.kept * (1.0 - first)
    }
}

fn root(dim: Dim) -> f64 {
    f64::from(dim.to_u32()).sqrt()
}

/// The density of the standard normal distribution.
fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / TAU.sqrt()
}

/// The probability that a standard normal variable is below `x`.
fn below(x: f64) -> f64 {
    libm::erfc(-x * FRAC_1_SQRT_2) / 2.0
}

/// The probability that `n` standard normal variables are all below `x`.
fn all_below(x: f64, n: u64) -> f64 {
    (n as f64 * f64::ln_1p(-below(-x))).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dim(dims: u32) -> Dim {
        Dim::new(dims).expect("a dimension")
    }

    /// The predictions of the design's table, made with the simpler form whose deviation is 1, lie near ours.
    #[test]
    fn the_forms_give_the_published_table() {
        let rows = [
            (1_024, 50, [0.887, 0.785, 0.638]),
            (4_096, 100, [0.998, 0.991, 0.960]),
            (4_096, 400, [0.486, 0.368, 0.259]),
        ];
        for (dims, members, expected) in rows {
            for (kept, expected) in Kept::ALL.into_iter().zip(expected) {
                let found = Score::in_bundle(dim(dims), members, kept).recall(1_000);
                assert!((found - expected).abs() < 0.012, "{dims} {members} {kept:?}: {found} beside {expected}");
            }
        }
        assert!((Kept::Trits.energy() - 0.8098).abs() < 2e-4);
    }

    #[test]
    fn recall_is_one_alone_and_chance_without_signal() {
        let lost = Score { mean: 0.0, deviation: 1.0 };
        assert_eq!(lost.recall(1), 1.0);
        assert!((lost.recall(1_000) - 0.001).abs() < 1e-9);
        assert!(Score::after_flips(dim(10_240), 0.3).recall(100_000) > 0.999_999);
        assert!((Score::after_flips(dim(4_096), 0.5).recall(10) - 0.1).abs() < 1e-9);
    }

    #[test]
    fn chance_is_small_where_a_score_means_something() {
        assert!((p_chance(0.0, 1) - 0.5).abs() < 1e-12);
        assert!((p_chance(3.0, 1_000) - 0.7411).abs() < 1e-3);
        let rare = p_chance(12.0, 100_000);
        assert!(rare > 0.0 && rare < 1e-26, "{rare}");
    }

    #[test]
    fn dims_for_is_the_least_that_is_enough() {
        let found = dims_for(1_000, 50, 0.99, Kept::Sums).expect("possible");
        assert!(Score::in_bundle(found, 50, Kept::Sums).recall(1_000) >= 0.99);
        assert!(Score::in_bundle(dim(found.to_u32() - 64), 50, Kept::Sums).recall(1_000) < 0.99);
        assert_eq!(dims_for(1_000_000, 1 << 20, 0.999, Kept::Signs), None);
        assert_eq!(dims_for(1, 1, 0.5, Kept::Signs).map(Dim::to_u32), Some(64));
    }

    #[test]
    fn a_screen_reads_little_where_likeness_is_clear_and_is_none_where_it_is_not() {
        let (dim, prefixes) = (dim(10_240), [512, 2_048, 4_096]);
        let all = [10_240; 2];
        let screen = Screen::best(dim, &prefixes, all, 0.8, 1e-12).expect("a screen");
        assert!(screen.dims == 512 && screen.share_read(dim) < 0.06, "{screen:?}");
        let screen = Screen::best(dim, &prefixes, all, 0.4, 1e-12).expect("a screen");
        assert!(screen.share_read(dim) < 0.25, "{screen:?}");
        // Hoeffding's bound for a sum of that many products.
        assert!((-screen.margin.powi(2) / (2.0 * f64::from(screen.dims))).exp() <= 1.000_001e-12);
        assert_eq!(Screen::best(dim, &[512], all, 0.05, 1e-12), None);
    }

    #[test]
    fn the_interval_holds_the_probability_and_narrows() {
        for p in [0.0, 0.001, 0.3, 0.5, 0.97, 1.0] {
            let (low, high) = interval(p, 1_000);
            let (closer_low, closer_high) = interval(p, 100_000);
            assert!(low <= p && p <= high && low <= closer_low && closer_high <= high);
            assert!(high - low < 0.106, "{p}: {low} to {high}");
        }
        assert_eq!([interval(0.0, 9), interval(1.0, 9)], [(0.0, 0.0), (1.0, 1.0)]);
    }

    /// The tails by whole numbers of Pascal's triangle.
    #[test]
    fn the_interval_leaves_out_no_more_than_a_thousandth_and_no_less_than_it_must() {
        for (p, n) in [(0.5, 10), (0.3, 40), (0.02, 60), (0.9, 60)] {
            let mut choices = vec![0.0; n + 1];
            choices[0] = 1.0;
            for _ in 0..n {
                for i in (1..=n).rev() {
                    choices[i] += choices[i - 1];
                }
            }
            let chance = |k: usize| choices[k] * f64::powi(p, k as i32) * f64::powi(1.0 - p, (n - k) as i32);
            let (low, high) = interval(p, n as u64);
            let [low, high] = [low, high].map(|share| (share * n as f64).round() as usize);
            let (below, above) = ((0..low).map(chance).sum::<f64>(), (high + 1..=n).map(chance).sum::<f64>());
            assert!(below <= 0.000_5 && above <= 0.000_5, "{p} of {n}: {below} below {low}, {above} above {high}");
            assert!(below + chance(low) > 0.000_5 && above + chance(high) > 0.000_5, "{p} of {n}: {low} to {high}");
        }
    }
}
