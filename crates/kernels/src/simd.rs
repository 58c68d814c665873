//! Register loads and stores, the only pointer accesses of the kernels: each takes an array or a slice chunk of exactly its length.
#![allow(unsafe_code, reason = "vector loads and stores take pointers")]

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
