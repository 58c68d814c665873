//! The vocabulary head when only its largest products are wanted: a coarse copy of the matrix says which rows may be
//! among them, and only those are computed, by the kernel that would compute all. What comes out is the same to the bit
//! ([`kernels::CoarseMatrix`] has the bound).

use kernels::{CoarseMatrix, CoarseScratch, Kernels};

use crate::{
    linear::{Input, Linear},
    spec::ModelSpec,
};

/// Whether a step that wants only the best tokens may skip most rows of the vocabulary head.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum HeadShortcut {
    /// The shortcut is never used: every product is computed.
    Off,
    /// The shortcut is used where it saves time: for heads too large for a cache, after a few such steps, and only if a
    /// trial says so and as long as few rows are computed.
    #[default]
    Auto,
    /// The shortcut is always used, from the first such step.
    On,
}

/// Counts of what the shortcut has done so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct HeadStats {
    /// Number of steps that used the shortcut.
    pub n_steps: u64,
    /// Number of rows of the head computed exactly in those steps, added up.
    pub n_rows: u64,
    /// Number of bytes of the coarse copy, as far as it is made.
    pub coarse_bytes: u64,
}

/// Smallest head (in bytes of weights) that [`HeadShortcut::Auto`] copies: a smaller one comes out of the cache.
const AUTO_BYTES_MIN: usize = 16 << 20;

/// Number of steps that want only the best tokens before `Auto` begins to copy.
const AUTO_STEPS_MIN: u32 = 8;

/// Number of steps in which a first part of the copy is tried before the rest of it is made.
const TRIAL_STEPS: u32 = 16;

/// Number of steps in which the copy is made, so that none of them takes much longer.
const FILL_STEPS: usize = 48;

/// Number of steps without the shortcut after it did not pay; doubled each time.
const PAUSE_STEPS: u32 = 64;

/// Cost of reading a chosen row, as a multiple of its share of the whole matrix.
const CHOSEN_COST: f32 = 1.5;

/// The coarse copy of the vocabulary head, and when to use it.
pub(crate) struct Shortcut {
    mode: HeadShortcut,
    coarse: CoarseMatrix,
    scratch: CoarseScratch,
    n_seen: u32,
    n_tried: u32,
    /// Number of bytes of the copy for each byte of the head.
    coarse_cost: f32,
    /// Part of the rows that was computed, averaged over the last steps.
    chosen: f32,
    /// Number of steps left without the shortcut, and of the next pause.
    pause: u32,
    pause_next: u32,
    stats: HeadStats,
}

impl Shortcut {
    /// Makes the shortcut; `None` where it is not wanted or the head does not allow it.
    pub(crate) fn new(mode: HeadShortcut, head: &Linear, spec: &ModelSpec) -> Option<Self> {
        let w = head.matrix();
        // What is done with a product later must keep their order.
        let is_plain = head.bias.is_none() && head.scale.is_none();
        let sees_input = head.rotation.is_none() && head.input_norm.is_none() && head.adapters.is_empty();
        let keeps_order = is_plain && sees_input && spec.logit_scale > 0.0;
        let is_small = mode == HeadShortcut::Auto && w.bytes.len() < AUTO_BYTES_MIN;
        if mode == HeadShortcut::Off || is_small || !keeps_order {
            return None;
        }
        let coarse_cost = CoarseMatrix::bytes(w.rows, w.cols)? as f32 / w.bytes.len() as f32;
        if mode == HeadShortcut::Auto && coarse_cost > 0.75 {
            return None;
        }
        Some(Self {
            mode,
            coarse: CoarseMatrix::new(&w)?,
            scratch: CoarseScratch::new(w.rows, w.cols),
            n_seen: 0,
            n_tried: 0,
            coarse_cost,
            chosen: 0.0,
            pause: 0,
            pause_next: PAUSE_STEPS,
            stats: HeadStats::default(),
        })
    }

    pub(crate) fn stats(&self) -> HeadStats {
        self.stats
    }

    /// Fills `out` `[V]` with the products of the only row of `input` that are among the `n_best` largest after scale
    /// and cap, minus infinity elsewhere; `false` if the caller has to compute all of them.
    pub(crate) fn apply(
        &mut self,
        kernels: &Kernels,
        spec: &ModelSpec,
        head: &Linear,
        input: &mut Input,
        n_best: usize,
        out: &mut [f32],
    ) -> bool {
        let Some(rows) = input.single() else { return false };
        if !self.is_ready(kernels, head) {
            return false;
        }
        let floor = |product| floor(kernels, spec, product);
        let best = kernels.coarse_best(&self.coarse, head.matrix(), rows, n_best, floor, &mut self.scratch);
        let Some((chosen, products)) = best else { return false };
        finish(kernels, spec, products);
        out.fill(f32::NEG_INFINITY);
        for (&row, &logit) in chosen.iter().zip(products.iter()) {
            out[row as usize] = logit;
        }
        // Which others were computed as well depends on the estimates: they go, so that the row is the same whoever
        // made it.
        let last = n_best.clamp(1, products.len()) - 1;
        let (_, least, _) = products.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
        let least = *least;
        for &row in chosen {
            let logit = &mut out[row as usize];
            *logit = if *logit < least { f32::NEG_INFINITY } else { *logit };
        }
        let n = chosen.len();
        self.stats.n_steps += 1;
        self.stats.n_rows += n as u64;
        self.chosen += (n as f32 / head.rows() as f32 - self.chosen) / 8.0;
        if self.mode == HeadShortcut::Auto {
            self.rest_unless_it_pays();
        }
        true
    }

    /// Learns from a step that computed all `products` whether the shortcut would have paid; called before [`finish`].
    pub(crate) fn observe(
        &mut self,
        kernels: &Kernels,
        head: &Linear,
        input: &mut Input,
        n_best: usize,
        products: &[f32],
    ) {
        let (n_filled, is_trial) = (self.coarse.n_filled(), self.n_tried < TRIAL_STEPS);
        let Some(rows) = input.single().filter(|_| is_trial && n_filled > 0) else { return };
        let left = kernels.coarse_left(&self.coarse, head.matrix(), rows, n_best, products, &mut self.scratch);
        self.n_tried += 1;
        self.chosen += (left as f32 / n_filled as f32 - self.chosen) / self.n_tried as f32;
        if self.n_tried == TRIAL_STEPS {
            self.rest_unless_it_pays();
        }
    }

    fn rest_unless_it_pays(&mut self) {
        if self.coarse_cost + CHOSEN_COST * self.chosen > 0.95 {
            self.pause = self.pause_next;
            self.pause_next = self.pause_next.saturating_mul(2);
            (self.n_tried, self.chosen) = (0, 0.0);
        }
    }

    /// Copies a part of the head, if it is time; returns whether all of it is there and the shortcut is to be used.
    fn is_ready(&mut self, kernels: &Kernels, head: &Linear) -> bool {
        self.n_seen = self.n_seen.saturating_add(1);
        if self.mode == HeadShortcut::On {
            kernels.coarse_fill(&mut self.coarse, head.matrix(), head.rows());
        } else if self.n_seen <= AUTO_STEPS_MIN || self.pause > 0 {
            self.pause = self.pause.saturating_sub(1);
            return false;
        } else if self.coarse.n_filled() == 0 || (self.n_tried == TRIAL_STEPS && !self.coarse.is_full()) {
            kernels.coarse_fill(&mut self.coarse, head.matrix(), head.rows().div_ceil(FILL_STEPS));
        }
        let bytes = CoarseMatrix::bytes(self.coarse.n_filled(), head.cols()).unwrap_or(usize::MAX);
        self.stats.coarse_bytes = bytes as u64;
        self.coarse.is_full() && (self.mode == HeadShortcut::On || self.n_tried == TRIAL_STEPS)
    }
}

/// Applies scale and cap to products, in place.
pub(crate) fn finish(kernels: &Kernels, spec: &ModelSpec, products: &mut [f32]) {
    if spec.logit_scale != 1.0 {
        products.iter_mut().for_each(|x| *x *= spec.logit_scale);
    }
    if let Some(cap) = spec.logit_soft_cap {
        kernels.soft_cap(products, cap);
    }
}

/// Returns a product at or below `product` such that every lower one is also lower after scale and cap: these round, so
/// that different products may become one logit, and the cap is flat far out.
fn floor(kernels: &Kernels, spec: &ModelSpec, product: f32) -> f32 {
    if spec.logit_scale == 1.0 && spec.logit_soft_cap.is_none() {
        return product;
    }
    let finished = |x: f32| {
        let mut x = [x];
        finish(kernels, spec, &mut x);
        x[0]
    };
    let logit = finished(product);
    // The cap is computed to within 1e-6 of itself, a scale to within far less of the logit.
    let enough = logit - 4e-6 * spec.logit_soft_cap.unwrap_or(0.0).max(logit.abs());
    let mut step = product.abs().max(1e-20) * 1e-6;
    loop {
        let lower = product - step;
        // NaN or minus infinity: nothing is lower.
        if finished(lower).is_nan() || finished(lower) <= enough || !lower.is_finite() {
            return lower;
        }
        step *= 2.0;
    }
}
