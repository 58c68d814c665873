//! Looking on: what each weight matrix is multiplied with, for importance matrices.

/// Input of one matrix in a step.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MatmulInput<'a> {
    /// Name of the tensor in the file; once for each input, where a tensor holds several matrices over the same one.
    pub tensor: &'a str,
    /// Which matrix of a stack: the expert, or 0.
    pub matrix: usize,
    /// Matrices of the stack, or 1.
    pub n_matrices: usize,
    /// Activations `[T, K]`, as they are before any quantisation; of an expert those of its own tokens.
    pub x: &'a [f32],
    /// K
    pub n_cols: usize,
}

/// Sees inputs just before they are multiplied.
pub type Observer = Box<dyn FnMut(&MatmulInput<'_>) + Send>;
