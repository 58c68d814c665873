//! Register loads and stores: each takes an array of exactly the register's length, so they are plain casts of values, without pointers.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;

/// Asks for the cache line of the first of `bytes` to be brought into the second-level cache.
#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code, reason = "a prefetch takes a pointer")]
pub(crate) fn prefetch(bytes: &[u8]) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a prefetch reads nothing and faults never, wherever it points; SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(bytes.as_ptr().cast()) }
}
