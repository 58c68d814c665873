//! [`Memory`]: where full pages and states go when they leave their arenas, and how they come back: ordinary memory of
//! bounded size, then disk.
//!
//! A page, and the state after it, are named by all tokens up to its end ([`ChainKey`](crate::core::ChainKey)); equal
//! tokens have equal keys, values and states, so what comes back is what computing it again would give.

use std::time::Duration;

use model::{Forward, PageId, StateId};

use crate::{
    Clock, EngineOptions,
    core::{ChainKey, PageKey, PageMemory},
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
    /// Microseconds to copy a byte out of an arena or into it, as far as they are known.
    copy_us: Option<f64>,
    /// Whether something was not saved because the disk is slower than what is saved.
    is_behind: bool,
}

impl Memory {
    /// Opens the places that the options ask for. Pages of another model are never found, because `DiskCache` names the
    /// model.
    pub(crate) fn new(options: &EngineOptions) -> Result<Self, DiskError> {
        let disk = options.disk_cache.as_ref().map(Disk::open).transpose()?;
        Ok(Self { swap: Swap::new(options.swap_bytes_max), disk, copy_us: None, is_behind: false })
    }

    /// Returns the places together with the arena of `model`.
    pub(crate) fn of<'a>(&'a mut self, model: &'a mut dyn Forward, clock: &'a Clock) -> Arena<'a> {
        Arena { model, memory: self, clock, why: Saving::Leaving, read: Duration::ZERO }
    }

    /// Whether a page or a state was let go since the last question because the disk was behind.
    pub(crate) fn was_behind(&mut self) -> bool {
        std::mem::take(&mut self.is_behind)
    }

    /// Whether there is any place beyond the arenas.
    fn is_some(&self) -> bool {
        self.disk.is_some() || self.swap.is_on()
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

    fn measured(&mut self, start: Duration, n_bytes: usize) {
        let n_bytes = n_bytes as f64;
        let us = (self.clock)().saturating_sub(start).as_micros() as f64 / n_bytes;
        let mean = &mut self.memory.copy_us;
        // A pause of the whole process says nothing about copying.
        *mean = Some(mean.map_or(us, |old| old + WEIGHT * (us.min(4.0 * old + 10.0 / n_bytes) - old)));
    }

    /// Whether copying so many bytes out and back takes less than computing them again, as far as that is known.
    fn is_worth(&self, n_bytes: usize, recompute_us: f64) -> bool {
        self.memory.copy_us.is_none_or(|copy_us| 2.0 * copy_us * (n_bytes as f64) < recompute_us)
    }

    /// Saves `n_bytes` that `read` gives; `may_last` says that they are of use to another process.
    fn put(
        &mut self,
        key: PageKey<'_>,
        n_bytes: usize,
        recompute_us: f64,
        may_last: bool,
        read: impl FnOnce(&dyn Forward, &mut [u8]),
    ) {
        let is_patient = self.why == Saving::Closing;
        let wants_swap = self.why == Saving::Leaving
            && self.is_worth(n_bytes, recompute_us)
            && self.memory.swap.wants(key.chain, n_bytes);
        let unsaved = self.memory.disk.as_ref().filter(|disk| may_last && !disk.is_saved(key.chain));
        let wants_disk = unsaved.is_some_and(|disk| is_patient || disk.has_room());
        self.memory.is_behind |= unsaved.is_some() && !wants_disk;
        if n_bytes == 0 || !wants_swap && !wants_disk {
            return;
        }
        let start = (self.clock)();
        let mut bytes = vec![0; n_bytes].into_boxed_slice();
        read(self.model, &mut bytes);
        self.measured(start, n_bytes);
        if wants_disk && let Some(disk) = &mut self.memory.disk {
            disk.save(key, &bytes, is_patient);
        }
        if wants_swap {
            self.memory.swap.put(key, bytes);
        }
    }

    /// Whether what is named `chain` was saved, and may still be had.
    fn may_have(&self, chain: ChainKey) -> bool {
        let on_disk = || self.memory.disk.as_ref().is_some_and(|disk| disk.has(chain));
        self.memory.swap.has(chain) || (self.read < READ_STEP_MAX && on_disk())
    }

    /// Reads `n_bytes` from disk.
    fn read_disk(&mut self, key: PageKey<'_>, n_bytes: usize) -> Option<Box<[u8]>> {
        let start = (self.clock)();
        let loaded = self.memory.disk.as_mut().and_then(|disk| disk.load(key, n_bytes));
        self.read += (self.clock)().saturating_sub(start);
        loaded
    }
}

/// Returns the name of the state at the end of `key`.
fn state_of(key: PageKey<'_>) -> PageKey<'_> {
    PageKey { chain: key.chain.of_state(), ..key }
}

impl PageMemory for Arena<'_> {
    fn copy_state(&mut self, from: StateId, to: StateId) {
        self.model.copy_state(from, to);
    }

    fn copy(&mut self, from: PageId, to: PageId) {
        self.model.copy_page(from, to);
    }

    fn save(&mut self, page: PageId, key: PageKey<'_>, recompute_us: f64) {
        let n_bytes = self.model.page_bytes();
        self.put(key, n_bytes, recompute_us, true, |model, out| model.read_page(page, out));
    }

    fn has(&self, key: PageKey<'_>) -> bool {
        // Pages that hold nothing are everywhere.
        if self.model.page_bytes() == 0 { self.memory.is_some() } else { self.may_have(key.chain) }
    }

    fn load(&mut self, key: PageKey<'_>, page: PageId) -> bool {
        let n_bytes = self.model.page_bytes();
        if n_bytes == 0 {
            return true;
        }
        let start = (self.clock)();
        if let Some(bytes) = self.memory.swap.take(key) {
            self.model.write_page(page, &bytes);
            self.measured(start, n_bytes);
            return true;
        }
        let loaded = self.read_disk(key, n_bytes);
        loaded.iter().for_each(|bytes| self.model.write_page(page, bytes));
        loaded.is_some()
    }

    fn save_state(&mut self, state: StateId, rest: Option<PageId>, key: PageKey<'_>, recompute_us: f64) {
        let (n_state, n_page) = (self.model.saved_state_bytes(), self.model.page_bytes());
        if n_state == 0 {
            return;
        }
        let n_bytes = n_state + rest.map_or(0, |_| n_page);
        // What begins in the middle of a page is of use to the sequence that did alone.
        self.put(state_of(key), n_bytes, recompute_us, rest.is_none(), |model, out| {
            let (of_state, of_page) = out.split_at_mut(n_state);
            model.read_state(state, of_state);
            rest.iter().for_each(|page| model.read_page(*page, of_page));
        });
    }

    fn has_state(&self, key: PageKey<'_>) -> bool {
        self.memory.is_some() && self.model.saved_state_bytes() > 0 && self.may_have(state_of(key).chain)
    }

    fn load_state(&mut self, key: PageKey<'_>, state: StateId, rest: Option<PageId>) -> bool {
        let (key, start, n_state) = (state_of(key), (self.clock)(), self.model.saved_state_bytes());
        // Others that begin so may want it, too, and the next who saves it finds it there.
        let swapped = match rest {
            Some(_) => self.memory.swap.take(key),
            None => self.memory.swap.copy(key),
        };
        let is_swapped = swapped.is_some();
        let loaded = swapped.or_else(|| if rest.is_none() { self.read_disk(key, n_state) } else { None });
        let Some((of_state, of_page)) = loaded.as_deref().and_then(|bytes| bytes.split_at_checked(n_state)) else {
            return false;
        };
        self.model.write_state(state, of_state);
        rest.iter().for_each(|page| self.model.write_page(*page, of_page));
        if is_swapped {
            self.measured(start, of_state.len() + of_page.len());
        }
        true
    }
}
