//! Looking on: what each weight matrix is multiplied with, for importance matrices.

/// The input of one matrix in a step.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MatmulInput<'a> {
    /// Name of the tensor in the file; once for each input, where a tensor holds several matrices over the same one.
    pub tensor: &'a str,
    /// Index of the matrix in a stack: the expert, or 0.
    pub matrix: usize,
    /// Number of matrices of the stack, or 1.
    pub n_matrices: usize,
    /// Activations `[T, K]`, as they are before any quantisation; of an expert those of its own tokens.
    pub x: &'a [f32],
    /// Number of columns K.
    pub n_cols: usize,
}

/// A callback that sees inputs just before they are multiplied.
pub type Observer = Box<dyn FnMut(&MatmulInput<'_>) + Send>;
