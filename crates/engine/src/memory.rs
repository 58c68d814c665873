//! [`Memory`]: where full pages go when they leave the arena, and how they come back: ordinary memory of bounded size,
//! then disk.
//!
//! A page is named by all tokens up to its end ([`ChainKey`](crate::core::ChainKey)); equal tokens have equal keys and
//! values, so a page that comes back is what computing it again would give.

use std::time::Duration;

use model::{Forward, PageId, StateId};

use crate::{
    Clock, EngineOptions,
    core::{PageKey, PageMemory},
};
use disk::Disk;
pub use disk::{DiskCache, DiskError};
use swap::Swap;

#[cfg(not(target_family = "wasm"))]
mod disk;
#[cfg(target_family = "wasm")]
#[path = "memory/no_disk.rs"]
mod disk;
mod swap;

/// Longest time in which a step reads pages from disk, which all streams wait for: what is not there then is computed.
const READ_STEP_MAX: Duration = Duration::from_secs(1);

/// Share of a new measurement in the running mean.
const WEIGHT: f64 = 0.2;

/// The places of pages beyond the arena.
pub(crate) struct Memory {
    swap: Swap,
    disk: Option<Disk>,
    /// Microseconds to copy a page out of the arena or into it, as far as they are known.
    copy_us: Option<f64>,
    /// Whether a page was not saved because the disk is slower than what is saved.
    is_behind: bool,
}

impl Memory {
    /// Opens the places that the options ask for. Pages of another model are never found, because `DiskCache` names the
    /// model.
    pub(crate) fn new(options: &EngineOptions, page_bytes: usize) -> Result<Self, DiskError> {
        let disk = options.disk_cache.as_ref().map(|cache| Disk::open(cache, page_bytes)).transpose()?;
        Ok(Self { swap: Swap::new(options.swap_bytes_max), disk, copy_us: None, is_behind: false })
    }

    /// Returns the places together with the arena of `model`.
    pub(crate) fn of<'a>(&'a mut self, model: &'a mut dyn Forward, clock: &'a Clock) -> Arena<'a> {
        Arena { model, memory: self, clock, why: Saving::Leaving, read: Duration::ZERO }
    }

    /// Whether a page was let go since the last question because the disk was behind.
    pub(crate) fn was_behind(&mut self) -> bool {
        std::mem::take(&mut self.is_behind)
    }

    /// Whether pages outlive the process.
    pub(crate) fn is_lasting(&self) -> bool {
        self.disk.is_some()
    }

    /// Waits until everything that was saved is on disk.
    pub(crate) fn finish(&mut self) {
        self.disk.iter_mut().for_each(Disk::finish);
    }
}

/// The arena, and the places of pages beyond it.
pub(crate) struct Arena<'a> {
    model: &'a mut dyn Forward,
    memory: &'a mut Memory,
    clock: &'a Clock,
    why: Saving,
    /// Time that reading from disk has taken.
    read: Duration,
}

/// A reason to save pages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Saving {
    /// Pages leave the arena.
    Leaving,
    /// Nobody computes, and the process may end at any time; a request that comes should not wait.
    Idle,
    /// The process ends: pages may wait for the disk.
    Closing,
}

impl Arena<'_> {
    /// Saves pages that stay where they are and are to outlive the process, without making anybody wait.
    pub(crate) fn idle(self) -> Self {
        Self { why: Saving::Idle, ..self }
    }

    /// Saves pages that are to outlive the process, and waits for the disk where it is slower than what is saved.
    pub(crate) fn closing(self) -> Self {
        Self { why: Saving::Closing, ..self }
    }

    fn measured(&mut self, start: Duration) {
        let us = (self.clock)().saturating_sub(start).as_micros() as f64;
        let mean = &mut self.memory.copy_us;
        // A pause of the whole process says nothing about copying.
        *mean = Some(mean.map_or(us, |old| old + WEIGHT * (us.min(4.0 * old + 10.0) - old)));
    }

    /// Whether copying a page out and back takes less than computing it again, as far as that is known.
    fn is_worth(&self, recompute_us: f64) -> bool {
        self.memory.copy_us.is_none_or(|copy_us| 2.0 * copy_us < recompute_us)
    }
}

impl PageMemory for Arena<'_> {
    fn copy_state(&mut self, from: StateId, to: StateId) {
        self.model.copy_state(from, to);
    }

    fn copy(&mut self, from: PageId, to: PageId) {
        self.model.copy_page(from, to);
    }

    fn save(&mut self, page: PageId, key: PageKey<'_>, recompute_us: f64) {
        let is_patient = self.why == Saving::Closing;
        let wants_swap = self.why == Saving::Leaving
            && self.is_worth(recompute_us)
            && self.memory.swap.wants(key.chain, self.model.page_bytes());
        let unsaved = self.memory.disk.as_ref().filter(|disk| !disk.is_saved(key.chain));
        let wants_disk = unsaved.is_some_and(|disk| is_patient || disk.has_room());
        self.memory.is_behind |= unsaved.is_some() && !wants_disk;
        if !wants_swap && !wants_disk {
            return;
        }
        let start = (self.clock)();
        let mut bytes = vec![0; self.model.page_bytes()].into_boxed_slice();
        self.model.read_page(page, &mut bytes);
        self.measured(start);
        if wants_disk && let Some(disk) = &mut self.memory.disk {
            disk.save(key, &bytes, is_patient);
        }
        if wants_swap {
            self.memory.swap.put(key, bytes);
        }
    }

    fn has(&self, key: PageKey<'_>) -> bool {
        let on_disk = || self.memory.disk.as_ref().is_some_and(|disk| disk.has(key.chain));
        self.memory.swap.has(key.chain) || (self.read < READ_STEP_MAX && on_disk())
    }

    fn load(&mut self, key: PageKey<'_>, page: PageId) -> bool {
        let start = (self.clock)();
        if let Some(bytes) = self.memory.swap.take(key) {
            self.model.write_page(page, &bytes);
            self.measured(start);
            return true;
        }
        let loaded = self.memory.disk.as_mut().and_then(|disk| disk.load(key));
        self.read += (self.clock)().saturating_sub(start);
        match loaded {
            Some(bytes) => {
                self.model.write_page(page, &bytes);
                true
            }
            None => false,
        }
    }
}
