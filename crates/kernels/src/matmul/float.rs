//! Float weights × f32 activations.
//!
//! Lane `j` of 16 adds the products of columns `j`, `j + 16`, … by fused multiply-add in order; the lanes fold as
//! [`crate::math::fold`] does.

pub(super) mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(super) mod simd128;
#[cfg(target_arch = "x86_64")]
pub(super) mod x86;

/// Lanes of a dot product.
const LANES: usize = 16;
