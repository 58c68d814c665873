//! Which core a compute thread runs on.
//!
//! Compute threads sleep between bursts, and a scheduler that packs such threads (to save power, or to leave other
//! guests of the machine a core) puts two of them on one core: decoding then runs at half speed for seconds. So where a
//! pool has as many threads as the process has cores, each gets its own.

use std::cell::Cell;

/// The cores of this process, if they are as many as `n_threads`, and more than one.
#[cfg(target_os = "linux")]
pub(super) fn cores(n_threads: usize) -> Option<Vec<usize>> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let allowed = sched_getaffinity(None).ok()?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    (n_threads > 1 && cores.len() == n_threads).then_some(cores)
}

/// Elsewhere threads stay where the system puts them.
#[cfg(not(target_os = "linux"))]
pub(super) fn cores(_n_threads: usize) -> Option<Vec<usize>> {
    None
}

thread_local! {
    static PINNED_TO: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Keeps the calling thread on `core` from now on. A system that refuses loses speed, no more.
pub(super) fn pin(core: usize) {
    if PINNED_TO.get() == Some(core) {
        return;
    }
    PINNED_TO.set(Some(core));
    #[cfg(target_os = "linux")]
    {
        let mut set = rustix::thread::CpuSet::new();
        set.set(core);
        let _ = rustix::thread::sched_setaffinity(None, &set);
    }
}
