//! Code books over eight weights at a time, under odd multiples of one half-precision scale:
//! `w ≈ d · UNIT · (2 s + 1) · q`, an `s` per group.
//!
//! For a given scale a book finds its best codes exactly. With fixed codes the error is a parabola of the scale, so a
//! few scales, tried once on each group, tell by the lower envelope of their parabolas what any other would do; `d` is
//! chosen by that, and only the best few are tried for true.

use half::f16;

use super::halves_near;

/// Weights that a choice is made for.
pub(crate) const OCTET: usize = 8;

/// Scales tried on each group, relative to the weighted root mean square of its weights over the largest code: as far
/// as any scale is sensible.
const SPREADS: [f32; 12] = [0.26, 0.30, 0.34, 0.38, 0.42, 0.46, 0.50, 0.55, 0.60, 0.66, 0.73, 0.82];

/// More that are, by least squares from the best.
const N_REFITS: usize = 3;

/// Scales of a block looked at by the envelopes, each this much larger than the last; the first lets the largest group
/// be cut.
const N_GLANCES: usize = 56;
const GLANCE_STEP: f32 = 1.0125;
const GLANCE_FIRST: f32 = 0.88;

/// Those of them that are tried.
const N_TRIALS: usize = 3;

/// Rounds of least squares on `d` for each.
const N_ROUNDS: usize = 2;

/// A book of codes for eight weights.
pub(crate) trait Octets {
    /// The largest code.
    const TOP: f32;
    /// What the scale of a group is an odd multiple of, over `d`: a power of two.
    const UNIT: f32;
    /// The largest `s`.
    const STEPS: u8;
    /// Codes may come in two kinds of which a group uses one.
    const N_KINDS: u8 = 1;

    /// Which codes of the book are chosen for an octet.
    type Choice: Copy + Default;

    /// The codes of `kind` with the least `Σ w (x − a q)²`; `known` is a guess.
    fn choose(x: &[f32; OCTET], w: &[f32; OCTET], a: f32, kind: u8, known: Self::Choice) -> Self::Choice;

    /// The codes of a choice.
    fn codes(choice: Self::Choice) -> [i8; OCTET];
}

/// What a block of 256 weights becomes.
pub(crate) struct Fitted<Choice, const G: usize> {
    /// Scale of the block, in half precision.
    pub(crate) d: f32,
    /// `s` of each group.
    pub(crate) steps: [u8; G],
    /// Kind of each group.
    pub(crate) kinds: [u8; G],
    /// Codes of each octet.
    pub(crate) choices: [Choice; 256 / OCTET],
}

/// A group of some codes: its error under scale `a` is `xx − 2 a xq + a² qq`.
#[derive(Clone, Copy, Default)]
struct Parabola {
    xq: f32,
    qq: f32,
}

impl Parabola {
    /// The error under `a`, without what no code changes.
    fn at(self, a: f32) -> f32 {
        a * (a * self.qq - 2.0 * self.xq)
    }

    /// The best scale.
    fn bottom(self) -> f32 {
        self.xq / self.qq
    }
}

/// What is known of a group.
struct Group<'a, B: Octets> {
    x: &'a [[f32; OCTET]],
    w: &'a [[f32; OCTET]],
    /// The last choices, a guess for the next.
    known: [[B::Choice; 4]; 2],
    parabolas: [Parabola; SPREADS.len() + N_REFITS + 1],
    n_parabolas: usize,
    /// The scale of the least error yet.
    ideal: f32,
}

/// Codes of a group under one scale.
struct Tried<Choice> {
    kind: u8,
    choices: [Choice; 4],
    parabola: Parabola,
}

impl<B: Octets> Group<'_, B> {
    /// The best codes under `a`.
    fn attempt(&mut self, a: f32) -> Tried<B::Choice> {
        let mut best: Option<Tried<B::Choice>> = None;
        for kind in 0..B::N_KINDS {
            let known = &mut self.known[usize::from(kind)];
            let mut parabola = Parabola::default();
            for ((x, w), known) in self.x.iter().zip(self.w).zip(known.iter_mut()) {
                *known = B::choose(x, w, a, kind, *known);
                let codes = B::codes(*known);
                for i in 0..OCTET {
                    let q = f32::from(codes[i]);
                    parabola.xq += w[i] * x[i] * q;
                    parabola.qq += w[i] * q * q;
                }
            }
            if best.as_ref().is_none_or(|best| parabola.at(a) < best.parabola.at(a)) {
                best = Some(Tried { kind, choices: *known, parabola });
            }
        }
        // There is a kind.
        best.unwrap_or(Tried { kind: 0, choices: self.known[0], parabola: Parabola::default() })
    }

    /// Fills the parabolas.
    fn explore(&mut self) {
        let (mut xx, mut ww, mut peak) = (0.0, 0.0, 0.0f32);
        for (x, w) in self.x.as_flattened().iter().zip(self.w.as_flattened()) {
            xx += w * x * x;
            ww += w;
            peak = peak.max(x.abs());
        }
        let root = (xx / ww).sqrt();
        if root.is_nan() || root <= 0.0 {
            return;
        }
        let mut least = 0.0;
        // The last: weights of one magnitude, exactly.
        let scales = SPREADS.map(|spread| root / (spread * B::TOP));
        for a in scales.into_iter().chain([peak / B::TOP]) {
            self.add(a, &mut least);
        }
        for _ in 0..N_REFITS {
            self.add(self.ideal, &mut least);
        }
    }

    /// Tries `a`; moves the ideal if that was better than `least`.
    fn add(&mut self, a: f32, least: &mut f32) {
        if a <= 0.0 || !a.is_finite() {
            return;
        }
        let parabola = self.attempt(a).parabola;
        let bottom = parabola.bottom();
        if bottom > 0.0 && bottom.is_finite() {
            self.parabolas[self.n_parabolas] = parabola;
            self.n_parabolas += 1;
            let error = parabola.at(bottom);
            if error < *least {
                (*least, self.ideal) = (error, bottom);
            }
        }
    }

    /// The least error under `a` of any codes yet seen; of weights that are all zero nothing.
    fn envelope(&self, a: f32) -> f32 {
        if self.n_parabolas == 0 {
            return 0.0;
        }
        self.parabolas[..self.n_parabolas].iter().map(|p| p.at(a)).fold(f32::INFINITY, f32::min)
    }

    /// The `s` nearest to the ideal under `unit`, and its neighbours.
    fn steps<const REACH: u8>(&self, unit: f32) -> std::ops::RangeInclusive<u8> {
        let centre = (0.5 * (self.ideal / unit - 1.0)).round().clamp(0.0, f32::from(B::STEPS)) as u8;
        centre.saturating_sub(REACH)..=centre.saturating_add(REACH).min(B::STEPS)
    }
}

/// `unit · (2 s + 1)`
fn scale(unit: f32, s: u8) -> f32 {
    unit * f32::from(2 * s + 1)
}

/// Scales and codes of 256 weights `x` with importance `w`, in `G` groups.
pub(crate) fn fit<B: Octets, const G: usize>(x: &[f32], w: &[f32]) -> Fitted<B::Choice, G> {
    let (x, w) = (x.as_chunks::<OCTET>().0, w.as_chunks::<OCTET>().0);
    let n = x.len() / G;
    let mut groups: Vec<Group<'_, B>> =
        x.chunks_exact(n).zip(w.chunks_exact(n)).map(|(x, w)| Group::new(x, w)).collect();
    groups.iter_mut().for_each(Group::explore);
    let largest = groups.iter().map(|g| g.ideal).fold(0.0, f32::max);
    let nothing = Fitted { d: 0.0, steps: [0; G], kinds: [0; G], choices: [B::Choice::default(); 256 / OCTET] };
    let mut best = (0.0, nothing);
    for d in glances::<B>(&groups, largest) {
        let mut d = Some(d);
        for _ in 0..=N_ROUNDS {
            let Some(now) = d else { break };
            let (error, fitted, next) = attempt::<B, G, 1>(&mut groups, now);
            let is_better = error < best.0;
            if is_better {
                best = (error, fitted);
            }
            d = halves_near(next).next().filter(|next| *next != now && *next > 0.0 && is_better);
        }
    }
    if best.1.d > 0.0 {
        let (error, fitted, next) = attempt::<B, G, 2>(&mut groups, best.1.d);
        if error < best.0 {
            best = (error, fitted);
        }
        // Which half-precision number is best for these codes is known.
        if let Some(d) = halves_near(next).next().filter(|d| *d > 0.0) {
            let (error, fitted, _) = attempt::<B, G, 1>(&mut groups, d);
            if error < best.0 {
                best = (error, fitted);
            }
        }
    }
    best.1
}

impl<'a, B: Octets> Group<'a, B> {
    fn new(x: &'a [[f32; OCTET]], w: &'a [[f32; OCTET]]) -> Self {
        Self {
            x,
            w,
            known: [[B::Choice::default(); 4]; 2],
            parabolas: [Parabola::default(); SPREADS.len() + N_REFITS + 1],
            n_parabolas: 0,
            ideal: 0.0,
        }
    }
}

/// The scales of a block that the envelopes find best.
fn glances<B: Octets>(groups: &[Group<'_, B>], largest: f32) -> Vec<f32> {
    let mut found: Vec<(f32, f32)> = Vec::with_capacity(N_GLANCES + 5);
    let mut look = |d: f32| {
        if d > 0.0 && found.iter().all(|(_, seen)| *seen != d) {
            let unit = d * B::UNIT;
            let least = |group: &Group<'_, B>| {
                group.steps::<1>(unit).map(|s| group.envelope(scale(unit, s))).fold(f32::INFINITY, f32::min)
            };
            found.push((groups.iter().map(least).sum(), d));
        }
    };
    let mut d = GLANCE_FIRST * largest / scale(B::UNIT, B::STEPS);
    for _ in 0..N_GLANCES {
        // Where half-precision numbers are far apart, those around.
        if f16::from_f32(d).to_bits() < 64 {
            halves_near(d).for_each(&mut look);
        } else {
            halves_near(d).take(1).for_each(&mut look);
        }
        d *= GLANCE_STEP;
    }
    // All groups as one code: weights of a few magnitudes.
    halves_near(largest / B::UNIT).take(2).for_each(&mut look);
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.into_iter().take(N_TRIALS).map(|(_, d)| d).collect()
}

/// The best `s` within `REACH` and codes of each group under `d`: error, all of it, and the least-squares `d` of that.
fn attempt<B: Octets, const G: usize, const REACH: u8>(
    groups: &mut [Group<'_, B>],
    d: f32,
) -> (f32, Fitted<B::Choice, G>, f32) {
    let mut fitted = Fitted { d, steps: [0; G], kinds: [0; G], choices: [B::Choice::default(); 256 / OCTET] };
    let (unit, n) = (d * B::UNIT, 256 / OCTET / G);
    let (mut error, mut sums) = (0.0, Parabola::default());
    for (i, group) in groups.iter_mut().enumerate() {
        let mut best: Option<(f32, u8, Tried<B::Choice>)> = None;
        for s in group.steps::<REACH>(unit) {
            let tried = group.attempt(scale(unit, s));
            let error = tried.parabola.at(scale(unit, s));
            if best.as_ref().is_none_or(|best| error < best.0) {
                best = Some((error, s, tried));
            }
        }
        let Some((least, s, tried)) = best else { continue };
        error += least;
        let multiple = scale(1.0, s);
        sums.xq += tried.parabola.xq * multiple;
        sums.qq += tried.parabola.qq * multiple * multiple;
        (fitted.steps[i], fitted.kinds[i]) = (s, tried.kind);
        fitted.choices[i * n..][..n].copy_from_slice(&tried.choices[..n]);
    }
    (error, fitted, sums.bottom() / B::UNIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        iq1::{Iq1M, Iq1S},
        iq2::{Iq2S, Iq2Xs, Iq2Xxs},
        iq3::{Iq3S, Iq3Xxs},
    };

    /// Rows of weights as models have them, and how much their columns matter: as unevenly as activations do.
    fn blocks() -> Vec<(Vec<f32>, Vec<f32>)> {
        let mut rng = testkit::Rng::new(2026);
        let block = |_| {
            let weight = |v: f32| v * 0.02 * if v.abs() > 2.5 { 2.0 } else { 1.0 };
            let x = rng.normals(256).into_iter().map(weight).collect();
            (x, rng.normals(256).into_iter().map(|v| (1.2 * v).exp()).collect())
        };
        (0..24).map(block).collect()
    }

    /// `Σ w (x − decoded)² / Σ w x²` of what `encode` makes of the blocks.
    fn relative_error<B: Octets, const G: usize>(encode: impl Fn(&[f32], &[f32]) -> Fitted<B::Choice, G>) -> f64 {
        let (mut error, mut all) = (0.0, 0.0);
        for (x, w) in blocks() {
            let fitted = encode(&x, &w);
            for (i, (x, w)) in x.as_chunks::<OCTET>().0.iter().zip(w.as_chunks::<OCTET>().0).enumerate() {
                let a = scale(fitted.d * B::UNIT, fitted.steps[i / (256 / OCTET / G)]);
                let codes = B::codes(fitted.choices[i]);
                for j in 0..OCTET {
                    error += f64::from(w[j]) * f64::from(x[j] - a * f32::from(codes[j])).powi(2);
                    all += f64::from(w[j]) * f64::from(x[j]).powi(2);
                }
            }
        }
        error / all
    }

    /// The largest weight of a group as the largest code, then the nearest entry of the book, whatever matters.
    fn naive<B: Octets, const G: usize>(x: &[f32]) -> Fitted<B::Choice, G> {
        let peak = |x: &[[f32; OCTET]]| x.as_flattened().iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        let (x, n) = (x.as_chunks::<OCTET>().0, 256 / OCTET / G);
        let d = f16::from_f32(peak(x) / (B::TOP * scale(B::UNIT, B::STEPS))).to_f32();
        let mut fitted = Fitted { d, steps: [0; G], kinds: [0; G], choices: [B::Choice::default(); 256 / OCTET] };
        for (i, group) in x.chunks_exact(n).enumerate() {
            let ideal = peak(group) / B::TOP;
            let s = (0.5 * (ideal / (d * B::UNIT) - 1.0)).round().clamp(0.0, f32::from(B::STEPS)) as u8;
            fitted.steps[i] = s;
            for (x, choice) in group.iter().zip(&mut fitted.choices[i * n..]) {
                *choice = B::choose(x, &[1.0; OCTET], scale(d * B::UNIT, s), 0, B::Choice::default());
            }
        }
        fitted
    }

    /// The search stays below `bound`, which [`naive`] does not; what it comes to, if not so.
    fn check<B: Octets, const G: usize>(name: &str, bound: f64) -> Option<String> {
        let (found, naive) = (relative_error::<B, G>(fit::<B, G>), relative_error::<B, G>(|x, _| naive::<B, G>(x)));
        let is_so = found < bound && bound < naive;
        (!is_so).then(|| format!("{name}: relative error {found:.5}, bound {bound}, naive {naive:.5}"))
    }

    #[test]
    fn the_search_is_better_than_the_nearest_entry_under_the_largest_weight() {
        let failed = [
            check::<Iq1S, 8>("iq1_s", 0.190),
            check::<Iq1M, 16>("iq1_m", 0.128),
            check::<Iq2Xxs, 8>("iq2_xxs", 0.0797),
            check::<Iq2Xs, 16>("iq2_xs", 0.0548),
            check::<Iq2S, 16>("iq2_s", 0.0475),
            check::<Iq3Xxs, 8>("iq3_xxs", 0.0202),
            check::<Iq3S, 8>("iq3_s", 0.0141),
        ];
        let failed: Vec<String> = failed.into_iter().flatten().collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }
}
