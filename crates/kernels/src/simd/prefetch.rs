//! Prefetching, the one intrinsic that takes a pointer.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

/// Asks for the cache line of the first of `bytes` to be brought into the second-level cache; where there is no way to
/// ask, nothing.
#[inline]
#[allow(unsafe_code, reason = "a prefetch takes a pointer")]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing and faults never, wherever it points; SSE is part of x86-64.
    unsafe {
        _mm_prefetch::<_MM_HINT_T1>(bytes.as_ptr().cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// How far ahead of its reader a stream of weights is fetched. The hardware does not look past the end of a 4 KiB page:
/// at 8 KiB, one core reads ternary rows from memory 1.2 times as fast (measured at 1, 2, 4, 8 and 16 KiB:
/// docs/lab-notes.md).
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 8192;

/// Asks for what lies [`AHEAD`] of `bytes`, as much as they are; that may lie beyond the stream.
#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(unsafe_code, reason = "a prefetch takes a pointer")]
pub(crate) fn prefetch_ahead<const N: usize>(bytes: &[u8; N]) {
    for line in (0..N).step_by(64) {
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(bytes.as_ptr().wrapping_add(AHEAD + line).cast()) }
    }
}

/// Does nothing, where there is no way to ask.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(crate) fn prefetch_ahead<const N: usize>(_: &[u8; N]) {}
