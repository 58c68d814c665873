//! Integer scales and offsets under two half-precision ones: `w ≈ d · s · q − dmin · m`, an `s` and an `m` per group.

use super::{
    affine::{self, Sums, Totals, measure},
    halves_near,
};
use half::f16;

/// Rounds of least squares on `d` and `dmin`, each with new `s`, `m` and `q`.
const N_ROUNDS: usize = 4;

/// First guesses: which parts of the integers' range stay unused above the largest scale and the largest offset.
const CUTS: [(f32, f32); 5] = [(0.0, 0.0), (0.03, 0.0), (0.07, 0.03), (0.0, 0.06), (0.15, 0.0)];

/// How far from the ideal the integers may lie: while searching, and once at the end.
const REACH: u8 = 1;
const REACH_LAST: u8 = 2;

/// What a block of 256 weights becomes: a scale `s` and an offset `m` for each of its `G` groups.
pub(crate) struct NestedAffine<const G: usize> {
    /// Half-precision scale of the scales.
    pub(crate) d: f32,
    /// Half-precision scale of the offsets.
    pub(crate) d_min: f32,
    /// Integer scale of each group.
    pub(crate) scales: [u8; G],
    /// Integer offset of each group.
    pub(crate) mins: [u8; G],
    /// Code of each weight.
    pub(crate) codes: [i8; 256],
}

/// Scales, offsets and codes of 256 weights `x` with importance `w`: `0..=HI` are the codes, `0..=S` the integers that
/// a group's scale and offset may be.
pub(crate) fn fit<const G: usize, const HI: i8, const S: u8>(x: &[f32], w: &[f32]) -> NestedAffine<G> {
    let n = 256 / G;
    let mut targets = [(0.0, 0.0); G];
    for (target, (x, w)) in targets.iter_mut().zip(x.chunks_exact(n).zip(w.chunks_exact(n))) {
        let (d, m) = affine::fit::<HI>(x, w, 0.0);
        *target = (d, -m);
    }
    let d_max = targets.iter().fold(0.0, |max: f32, t| max.max(t.0));
    let m_max = targets.iter().fold(0.0, |max: f32, t| max.max(t.1));
    let best = Trial { error: f32::INFINITY, d: 0.0, d_min: 0.0, scales: [0; G], mins: [0; G], next: (0.0, 0.0) };
    let mut search = Search::<G, HI, S> { x, w, targets, best };
    if d_max > 0.0 || m_max > 0.0 {
        search.run(d_max, m_max);
    }
    let best = search.best;
    let mut codes = [0; 256];
    for (i, (x, codes)) in x.chunks_exact(n).zip(codes.chunks_exact_mut(n)).enumerate() {
        let (d, m) = (best.d * f32::from(best.scales[i]), -(best.d_min * f32::from(best.mins[i])));
        affine::assign::<HI>(x, d, m, codes);
    }
    NestedAffine { d: best.d, d_min: best.d_min, scales: best.scales, mins: best.mins, codes }
}

struct Trial<const G: usize> {
    error: f32,
    d: f32,
    d_min: f32,
    scales: [u8; G],
    mins: [u8; G],
    /// Least-squares `d` and `dmin` for these integers and codes.
    next: (f32, f32),
}

struct Search<'a, const G: usize, const HI: i8, const S: u8> {
    x: &'a [f32],
    w: &'a [f32],
    /// Scale and offset that each group should come near.
    targets: [(f32, f32); G],
    best: Trial<G>,
}

impl<const G: usize, const HI: i8, const S: u8> Search<'_, G, HI, S> {
    fn run(&mut self, d_max: f32, m_max: f32) {
        let top = f32::from(S);
        for (cut_d, cut_m) in CUTS {
            let (d, d_min) = (d_max / (top * (1.0 - cut_d)), m_max / (top * (1.0 - cut_m)));
            // Subnormal numbers are so coarse that the neighbours differ much.
            let is_coarse = d.min(d_min) < f16::MIN_POSITIVE.to_f32();
            self.near(d, d_min, if is_coarse { 2 } else { 1 }, REACH);
        }
        for _ in 0..N_ROUNDS {
            let (d, d_min) = self.best.next;
            self.aim_at_best();
            if !(d.is_finite() && d_min.is_finite() && self.near(d, d_min, 1, REACH)) {
                break;
            }
        }
        self.aim_at_best();
        self.near(self.best.d, self.best.d_min, 3, 0);
        self.near(self.best.d, self.best.d_min, 1, REACH_LAST);
    }

    /// The targets become what the best trial made of them.
    fn aim_at_best(&mut self) {
        for (target, (s, m)) in self.targets.iter_mut().zip(self.best.scales.iter().zip(&self.best.mins)) {
            *target = (self.best.d * f32::from(*s), self.best.d_min * f32::from(*m));
        }
    }

    /// Tries the `n` half-precision numbers nearest to `d` and to `dmin`; true if one is better than all before.
    fn near(&mut self, d: f32, d_min: f32, n: usize, reach: u8) -> bool {
        let before = self.best.error;
        for d in halves_near(d).take(n) {
            for d_min in halves_near(d_min).take(n) {
                let trial = self.attempt(d, d_min, reach);
                if trial.error < self.best.error {
                    self.best = trial;
                }
            }
        }
        self.best.error < before
    }

    /// The best integers under `d` and `dmin` that lie within `reach` of the targets.
    fn attempt(&self, d: f32, d_min: f32, reach: u8) -> Trial<G> {
        let mut trial = Trial { error: 0.0, d, d_min, scales: [0; G], mins: [0; G], next: (0.0, 0.0) };
        let mut normal = Normal::default();
        let n = 256 / G;
        for (i, (x, w)) in self.x.chunks_exact(n).zip(self.w.chunks_exact(n)).enumerate() {
            let near = |target: f32, unit: f32| {
                let centre = (target / unit).round().clamp(0.0, f32::from(S)) as u8;
                centre.saturating_sub(reach)..=centre.saturating_add(reach).min(S)
            };
            let mut best = (Sums { error: f32::INFINITY, ..Sums::default() }, 0, 0);
            for s in near(self.targets[i].0, d) {
                for m in near(self.targets[i].1, d_min) {
                    let sums = measure::<HI>(x, w, d * f32::from(s), -(d_min * f32::from(m)));
                    if sums.error < best.0.error {
                        best = (sums, s, m);
                    }
                }
            }
            let (sums, s, m) = best;
            trial.error += sums.error;
            (trial.scales[i], trial.mins[i]) = (s, m);
            normal.add(&sums, Totals::of(x, w), f32::from(s), f32::from(m));
        }
        trial.next = normal.solve((d, d_min));
        trial
    }
}

/// Normal equations of `Σ w (x − d · s q − dmin · (−m))²`.
#[derive(Default)]
struct Normal {
    aa: f32,
    ab: f32,
    bb: f32,
    ax: f32,
    bx: f32,
}

impl Normal {
    fn add(&mut self, sums: &Sums, totals: Totals, s: f32, m: f32) {
        self.aa += s * s * sums.qq;
        self.ab -= s * m * sums.q;
        self.bb += m * m * totals.w;
        self.ax += s * sums.xq;
        self.bx -= m * totals.x;
    }

    /// `d` and `dmin`; one that nothing depends on stays as it is.
    fn solve(&self, now: (f32, f32)) -> (f32, f32) {
        let determinant = self.aa * self.bb - self.ab * self.ab;
        if determinant > 1e-6 * self.aa * self.bb {
            (
                (self.ax * self.bb - self.bx * self.ab) / determinant,
                (self.aa * self.bx - self.ab * self.ax) / determinant,
            )
        } else if self.aa > 0.0 {
            ((self.ax - self.ab * now.1) / self.aa, now.1)
        } else {
            now
        }
    }
}
