//! Register loads and stores: each takes an array of exactly the register's length, so they are plain casts of values,
//! without pointers.
//!
//! `narrow` is the 128-bit set of the architecture, if it has one that every function may use.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod half;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon_dotprod;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon_i8mm;
mod prefetch;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) mod relaxed;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) mod simd128;

#[cfg(target_arch = "aarch64")]
pub(crate) use neon as narrow;
pub(crate) use prefetch::{prefetch, prefetch_ahead};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) use simd128 as narrow;
