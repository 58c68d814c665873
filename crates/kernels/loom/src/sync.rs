//! What the pool takes from `crates/kernels/src/pool/sync.rs`, made of loom's types.

pub(super) use loom::{
    hint::spin_loop,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread::{Builder, JoinHandle, Thread, current, park, yield_now},
};

use loom::cell::UnsafeCell;

/// None: a thread that spins shows loom nothing but longer runs.
pub(super) const SPINS: usize = 0;
pub(super) const YIELDS: usize = 1;

/// A value that several threads see; loom reports who reads it while another writes.
pub(super) struct Cell<T>(UnsafeCell<T>);

impl<T: Copy> Cell<T> {
    pub(super) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// # Safety
    /// Nobody writes meanwhile.
    pub(super) unsafe fn get(&self) -> T {
        self.0.with(|value| unsafe { *value })
    }

    /// # Safety
    /// Nobody reads or writes meanwhile.
    pub(super) unsafe fn set(&self, value: T) {
        self.0.with_mut(|to| unsafe { *to = value });
    }
}
