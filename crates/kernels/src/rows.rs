//! Activation rows: what matrices are multiplied with.

use crate::{
    activation::{self, ActivationGroup, GROUP},
    handle::PARALLEL_ELEMENTS,
    isa::Level,
    pool::Pool,
};
use bytemuck::Zeroable;

/// Activation rows `[T, K]` made ready for [`Kernels::matmul`](crate::Kernels::matmul): the f32 rows, and, once some format needs it, their
/// int8 blocks. Reused between steps: `set_rows` allocates nothing after the largest step was seen.
#[derive(Default)]
pub struct Rows {
    /// Width (K).
    k: usize,
    /// `[T, K]`
    x: Vec<f32>,
    /// `[T, ceil(K / 256)]`, those of `x` if `is_quantised`.
    groups: Vec<ActivationGroup>,
    is_quantised: bool,
}

impl Rows {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of rows (T).
    pub fn n_rows(&self) -> usize {
        self.x.len().checked_div(self.k).unwrap_or(0)
    }

    /// Width (K).
    pub fn k(&self) -> usize {
        self.k
    }

    /// The rows as they were set, `[T, K]`.
    pub fn values(&self) -> &[f32] {
        &self.x
    }

    pub(crate) fn set(&mut self, x: &[f32], k: usize) {
        assert!(k > 0 && x.len().is_multiple_of(k), "{} activations are no whole rows of {k}", x.len());
        self.k = k;
        self.x.clear();
        self.x.extend_from_slice(x);
        self.is_quantised = false;
    }

    /// Makes [`groups`](Self::groups) those of the rows.
    pub(crate) fn quantise(&mut self, level: Level, pool: &Pool) {
        if self.is_quantised {
            return;
        }
        let (k, n_groups) = (self.k, self.k.div_ceil(GROUP));
        self.groups.resize(self.n_rows() * n_groups, ActivationGroup::zeroed());
        let x = &self.x;
        if x.len() < PARALLEL_ELEMENTS {
            activation::quantise(level, x, k, &mut self.groups);
        } else {
            pool.for_rows(&mut self.groups, n_groups, 1, |first, groups, _| {
                activation::quantise(level, &x[first * k..][..groups.len() / n_groups * k], k, groups);
            });
        }
        self.is_quantised = true;
    }

    /// int8 activations `[T, ceil(K / 256)]`; stale before [`quantise`](Self::quantise).
    pub(crate) fn groups(&self) -> &[ActivationGroup] {
        &self.groups
    }
}
