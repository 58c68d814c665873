//! Activation rows: what matrices are multiplied with.

use crate::{
    activation::{self, ActivationGroup, GROUP},
    elementwise,
    handle::PARALLEL_ELEMENTS,
    isa::Level,
    matmul::PlaneCodes,
    pool::Pool,
    row_codes::{self, ActivationRule, RowGroup},
};
use bytemuck::Zeroable;
use quant::Format;

/// Activation rows `[T, K]` made ready for [`Kernels::matmul`](crate::Kernels::matmul): the f32 rows, and, once some
/// format needs it, their int8 blocks. Reused between steps: nothing is allocated after the largest step was seen, and
/// no buffer gets shorter, which would have it zeroed when it grows again.
#[derive(Default)]
pub struct Rows {
    /// Number of rows (T).
    n_tokens: usize,
    /// Width of a row (K).
    k: usize,
    /// `[T, K]`, and what is left of larger ones.
    x: Vec<f32>,
    /// `[T, ceil(K / 256)]`, those of `x` if `is_quantised`, and what is left of larger ones.
    groups: Vec<ActivationGroup>,
    is_quantised: bool,
    rule: ActivationRule,
    /// int8 rows of `x` by `rule`, if `has_row_codes`.
    row_codes: Vec<RowGroup>,
    /// int8 rows in the order of formats' planes.
    planes: PlaneCodes,
    has_row_codes: bool,
    /// Which rows hold NaN or an infinity, as found last.
    broken: Vec<bool>,
}

impl Rows {
    /// A buffer without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// A buffer without rows, for rows that are quantised by `rule`.
    pub fn with_rule(rule: ActivationRule) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Number of rows (T).
    pub fn n_rows(&self) -> usize {
        self.n_tokens
    }

    /// Width of a row (K).
    pub fn k(&self) -> usize {
        self.k
    }

    /// The rows as they were set, `[T, K]`.
    pub fn values(&self) -> &[f32] {
        &self.x[..self.n_tokens * self.k]
    }

    /// Makes this `n_rows` rows of `k` and returns them, `[T, K]`, for the caller to fill; they hold anything.
    pub fn room(&mut self, n_rows: usize, k: usize) -> &mut [f32] {
        let len = n_rows * k;
        if self.x.len() < len {
            self.x.resize(len, 0.0);
        }
        (self.n_tokens, self.k) = (n_rows, k);
        self.is_quantised = false;
        self.has_row_codes = false;
        self.planes.clear();
        &mut self.x[..len]
    }

    pub(crate) fn set(&mut self, x: &[f32], k: usize) {
        assert!(k > 0 && x.len().is_multiple_of(k), "{} activations are no whole rows of {k}", x.len());
        self.room(x.len() / k, k).copy_from_slice(x);
    }

    /// Which rows hold NaN or an infinity.
    pub(crate) fn broken(&mut self, level: Level, pool: &Pool) -> &[bool] {
        let k = self.k;
        self.broken.resize(self.n_tokens, false);
        let x = &self.x[..self.n_tokens * k];
        if x.len() < PARALLEL_ELEMENTS {
            elementwise::are_broken(level, x, k, &mut self.broken);
        } else {
            pool.for_rows(&mut self.broken, 1, PARALLEL_ELEMENTS.div_ceil(k), |first, broken, _| {
                elementwise::are_broken(level, &x[first * k..][..broken.len() * k], k, broken);
            });
        }
        &self.broken
    }

    /// Makes [`groups`](Self::groups) those of the rows.
    pub(crate) fn quantise(&mut self, level: Level, pool: &Pool) {
        if self.is_quantised {
            return;
        }
        let (k, n_groups) = (self.k, self.k.div_ceil(GROUP));
        let len = self.n_tokens * n_groups;
        if self.groups.len() < len {
            self.groups.resize(len, ActivationGroup::zeroed());
        }
        let (x, groups) = (&self.x[..self.n_tokens * k], &mut self.groups[..len]);
        if x.len() < PARALLEL_ELEMENTS {
            activation::quantise(level, x, k, groups);
        } else {
            pool.for_rows(groups, n_groups, 1, |first, groups, _| {
                activation::quantise(level, &x[first * k..][..groups.len() / n_groups * k], k, groups);
            });
        }
        self.is_quantised = true;
    }

    /// Makes [`row_codes`](Self::row_codes) those of the rows, and [`planes`](Self::planes) too if `for_planes` names a
    /// format.
    pub(crate) fn quantise_rows(&mut self, level: Level, pool: &Pool, for_planes: Option<Format>) {
        if !self.has_row_codes {
            let (x, k, n_groups) = (&self.x[..self.n_tokens * self.k], self.k, self.k.div_ceil(GROUP));
            let rule = self.rule;
            self.row_codes.resize(self.n_tokens * n_groups, RowGroup::zeroed());
            if x.len() < PARALLEL_ELEMENTS {
                row_codes::quantise(level, x, k, rule, &mut self.row_codes);
            } else {
                pool.for_rows(&mut self.row_codes, n_groups, 1, |first, groups, _| {
                    row_codes::quantise(level, &x[first * k..][..groups.len() / n_groups * k], k, rule, groups);
                });
            }
            self.has_row_codes = true;
        }
        if let Some(format) = for_planes {
            self.planes.arrange(&self.row_codes, self.k, format);
        }
    }

    /// int8 activation rows; stale before [`quantise_rows`](Self::quantise_rows).
    pub(crate) fn row_codes(&self) -> &[RowGroup] {
        &self.row_codes
    }

    /// int8 activation rows in the order of the planes of `format`; stale before
    /// [`quantise_rows`](Self::quantise_rows).
    pub(crate) fn planes(&self, format: Format) -> &[i8] {
        self.planes.codes(format)
    }

    /// int8 activations `[T, ceil(K / 256)]`; empty before [`quantise`](Self::quantise).
    pub(crate) fn groups(&self) -> &[ActivationGroup] {
        &self.groups[..if self.is_quantised { self.n_tokens * self.k.div_ceil(GROUP) } else { 0 }]
    }
}
