//! Prefetching, the one intrinsic that takes a pointer.

use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

/// Asks for the cache line of the first of `bytes` to be brought into the second-level cache.
#[inline]
#[allow(unsafe_code, reason = "a prefetch takes a pointer")]
pub(crate) fn prefetch(bytes: &[u8]) {
    // SAFETY: a prefetch reads nothing and faults never, wherever it points; SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(bytes.as_ptr().cast()) }
}
