//! What [`super::workers`] takes from the standard library. `crates/kernels/loom` compiles that file with loom's types
//! in their place, and tries every order.
#![allow(unsafe_code, reason = "a cell whose user says when it may be read and written")]

pub(super) use std::{
    hint::spin_loop,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence},
    },
    thread::{Builder, JoinHandle, Thread, current, park, yield_now},
};

use std::cell::UnsafeCell;

/// Polls before a waiting thread yields its core: some ten microseconds, as long as the gaps between the regions of a
/// decode step.
pub(super) const SPINS: usize = 1000;
/// Yields after that, before it sleeps.
pub(super) const YIELDS: usize = 32;

/// A value that several threads see.
pub(super) struct Cell<T>(UnsafeCell<T>);

impl<T: Copy> Cell<T> {
    pub(super) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// # Safety
    /// Nobody writes meanwhile.
    pub(super) unsafe fn get(&self) -> T {
        // SAFETY: by contract.
        unsafe { *self.0.get() }
    }

    /// # Safety
    /// Nobody reads or writes meanwhile.
    pub(super) unsafe fn set(&self, value: T) {
        // SAFETY: by contract.
        unsafe { *self.0.get() = value }
    }
}
