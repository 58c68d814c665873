//! Activation rows: what matrices are multiplied with.

/// Activation rows `[T, K]` made ready for [`Kernels::matmul`](crate::Kernels::matmul): the f32 rows, and, once some format needs it, their
/// int8 blocks. Reused between steps: `set_rows` allocates nothing after the largest step was seen.
#[derive(Default)]
pub struct Rows {
    /// Width (K).
    k: usize,
    /// `[T, K]`
    x: Vec<f32>,
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
    }
}
