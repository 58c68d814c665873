//! The Walsh-Hadamard transform of heads: a rotation that is its own inverse and spreads an outlier over all elements,
//! so that codes of few bits lose less. Inner products stay, as with every rotation.
//!
//! Sources: Sylvester 1867 for the matrix; Ashkboos et al. 2024 (arXiv 2404.00456) for rotating what a KV cache holds.

use crate::isa::multiversion;

multiversion! {
    /// Transforms each head of `dim` elements in place, in blocks of the largest power of two that divides `dim`; `x`
    /// `[_, dim]`. The matrix is normalised: twice is once forth and back.
    pub(crate) fn rotate(dim: usize, x: &mut [f32]) {
        transform_blocks(1 << dim.max(1).trailing_zeros(), x);
    }
}

multiversion! {
    /// Transforms each block of `block` elements, a power of two, in place.
    pub(crate) fn transform(block: usize, x: &mut [f32]) {
        transform_blocks(block, x);
    }
}

/// The transform itself, compiled inside each instruction set's version.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn transform_blocks(block: usize, x: &mut [f32]) {
    let scale = 1.0 / (block as f32).sqrt();
    for x in x.chunks_exact_mut(block) {
        let mut half = 1;
        while half < block {
            for pair in x.chunks_exact_mut(2 * half) {
                let (low, high) = pair.split_at_mut(half);
                for (low, high) in low.iter_mut().zip(high) {
                    (*low, *high) = (*low + *high, *low - *high);
                }
            }
            half *= 2;
        }
        x.iter_mut().for_each(|x| *x *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Isa, Level};
    use testkit::{Rng, assert_same_f32, nmse};

    #[test]
    fn it_is_its_own_inverse_and_keeps_products_on_every_level() {
        for dim in [1, 8, 64, 80, 96, 128, 7] {
            let (a, b) = (Rng::new(1).normals(3 * dim), Rng::new(2).normals(3 * dim));
            let mut first: Option<Vec<f32>> = None;
            for level in Isa::available().filter_map(Level::detect) {
                let (mut ra, mut rb) = (a.clone(), b.clone());
                rotate(level, dim, &mut ra);
                rotate(level, dim, &mut rb);
                assert_same_f32(&format!("{dim} on {:?}", level.isa()), &ra, first.get_or_insert_with(|| ra.clone()));
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
                assert!((dot(&a, &b) - dot(&ra, &rb)).abs() < 1e-4, "{dim}: {} became {}", dot(&a, &b), dot(&ra, &rb));
                rotate(level, dim, &mut ra);
                assert!(nmse(&ra, &a) < 1e-12, "{dim}: twice is not once forth and back");
            }
        }
    }

    #[test]
    fn an_outlier_is_spread_over_its_block() {
        let mut x = [0.0; 96];
        x[37] = 8.0;
        rotate(Level::detect(Isa::Scalar).expect("always"), 96, &mut x);
        let spread = x.iter().filter(|x| (x.abs() - 8.0 / 32f32.sqrt()).abs() < 1e-6).count();
        assert_eq!((spread, x.iter().filter(|x| **x == 0.0).count()), (32, 64));
    }
}
