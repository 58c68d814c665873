//! [`Rotation`]: what an activation goes through before it meets weights that were stored rotated.

use kernels::Kernels;

/// A rotation of activations: signs, then a Walsh-Hadamard transform of blocks: `x → H (s · x)`. Weights stored as
/// `W H s` then give `W x`, as both are orthogonal and symmetric.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Rotation {
    /// Number of elements of a block, a power of two that divides the width.
    pub(crate) block: usize,
    /// Signs `[K]`, each 1 or −1; all 1 if `None`.
    pub(crate) signs: Option<Vec<f32>>,
}

impl Rotation {
    /// Rotates rows `x` `[T, K]` in place.
    pub(crate) fn apply(&self, kernels: &Kernels, x: &mut [f32]) {
        self.sign(x);
        kernels.hadamard(self.block, x);
    }

    /// Undoes [`apply`](Self::apply) in place.
    pub(crate) fn undo(&self, kernels: &Kernels, x: &mut [f32]) {
        kernels.hadamard(self.block, x);
        self.sign(x);
    }

    fn sign(&self, x: &mut [f32]) {
        if let Some(signs) = &self.signs {
            for row in x.chunks_exact_mut(signs.len()) {
                row.iter_mut().zip(signs).for_each(|(x, sign)| *x *= sign);
            }
        }
    }
}
