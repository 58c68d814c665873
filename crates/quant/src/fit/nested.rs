//! Integer scales under one half-precision scale: `w ≈ d · s · q`, an `s` per group.

use super::{
    book::Book,
    halves_near,
    scale::{self, Sums, measure, peak},
};
use std::marker::PhantomData;

/// Rounds of least squares on `d`, each with new `s` and `q`.
const N_ROUNDS: usize = 4;

/// How far from the ideal the integers may lie while searching.
const REACH: i8 = 1;

/// What a block of 256 weights becomes: a scale `s` for each of its `G` groups.
pub(crate) struct Nested<const G: usize> {
    /// Scale of the block, in half precision.
    pub(crate) d: f32,
    /// Integer scale of each group.
    pub(crate) scales: [i8; G],
    /// Code of each weight.
    pub(crate) codes: [i8; 256],
}

/// Scales and codes of 256 weights `x` with importance `w`; `ideal` fits one group alone, `LO..=HI` are the integers
/// that a group's scale may be, in the end within `reach_last` of the ideal: far ones help where several pairs of scale
/// and code suit a group.
pub(crate) fn fit<B: Book, const G: usize, const LO: i8, const HI: i8>(
    x: &[f32],
    w: &[f32],
    ideal: impl Fn(&[f32], &[f32]) -> f32,
    reach_last: i8,
) -> Nested<G> {
    let n = 256 / G;
    let best = Trial { error: f32::INFINITY, d: 0.0, scales: [0; G], next: 0.0 };
    let mut search = Search::<B, G, LO, HI> { x, w, ideals: [0.0; G], best, book: PhantomData };
    if peak(x) != 0.0 {
        // The largest weight of each group as the furthest code: exact for weights of one magnitude.
        search.aim(|x, _| peak(x) / B::FURTHEST);
        search.descend(f32::from(LO));
        search.aim(ideal);
        let (low, high) = (f32::from(LO), f32::from(HI));
        for anchor in [low, high, low * 0.97, high * 0.97, low * 0.9, high * 0.9, high * 0.8] {
            search.descend(anchor);
        }
        search.attempt(search.best.d, reach_last);
        search.attempt(search.best.next, reach_last);
    }
    let best = search.best;
    let mut nested = Nested { d: best.d, scales: best.scales, codes: [0; 256] };
    for ((x, codes), &s) in x.chunks_exact(n).zip(nested.codes.chunks_exact_mut(n)).zip(&nested.scales) {
        scale::assign::<B>(x, nested.d * f32::from(s), codes);
    }
    nested
}

struct Trial<const G: usize> {
    error: f32,
    d: f32,
    scales: [i8; G],
    /// Least-squares scale for these integer scales and codes.
    next: f32,
}

struct Search<'a, B: Book, const G: usize, const LO: i8, const HI: i8> {
    x: &'a [f32],
    w: &'a [f32],
    /// Scale that each group should come near.
    ideals: [f32; G],
    best: Trial<G>,
    book: PhantomData<B>,
}

impl<B: Book, const G: usize, const LO: i8, const HI: i8> Search<'_, B, G, LO, HI> {
    fn aim(&mut self, ideal: impl Fn(&[f32], &[f32]) -> f32) {
        let n = 256 / G;
        for (i, (x, w)) in self.x.chunks_exact(n).zip(self.w.chunks_exact(n)).enumerate() {
            self.ideals[i] = ideal(x, w);
        }
    }

    /// From the `d` that makes `anchor` of the largest ideal scale, by least squares as long as it helps.
    fn descend(&mut self, anchor: f32) {
        let mut d = peak(&self.ideals) / anchor;
        for round in 0..N_ROUNDS {
            let before = self.best.error;
            // More neighbours once it has settled: they matter where the scale is subnormal.
            for half in halves_near(d).take(if round == 0 { 2 } else { 5 }) {
                self.attempt(half, REACH);
            }
            if self.best.error == before {
                break;
            }
            d = self.best.next;
        }
    }

    /// The best integer scales under the half-precision number nearest to `d`, each within `reach` of the ideal.
    fn attempt(&mut self, d: f32, reach: i8) {
        let Some(d) = halves_near(d).next() else { return };
        let mut trial = Trial { error: 0.0, d, scales: [0; G], next: 0.0 };
        let (mut xq, mut qq) = (0.0, 0.0);
        let n = 256 / G;
        for (i, (x, w)) in self.x.chunks_exact(n).zip(self.w.chunks_exact(n)).enumerate() {
            let centre = (self.ideals[i] / d).round().clamp(f32::from(LO), f32::from(HI)) as i8;
            let mut best = (Sums { error: f32::INFINITY, ..Sums::default() }, 0);
            for s in centre.saturating_sub(reach).max(LO)..=centre.saturating_add(reach).min(HI) {
                let sums = measure::<B>(x, w, d * f32::from(s));
                if sums.error < best.0.error {
                    best = (sums, s);
                }
            }
            let (sums, s) = best;
            trial.error += sums.error;
            trial.scales[i] = s;
            xq += sums.xq * f32::from(s);
            qq += sums.qq * f32::from(s) * f32::from(s);
        }
        trial.next = xq / qq;
        if trial.error < self.best.error {
            self.best = trial;
        }
    }
}
