//! Register loads and stores: each takes an array of exactly the register's length, so they are plain casts of values, without pointers.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod half;
mod prefetch;

pub(crate) use prefetch::{prefetch, prefetch_ahead};
