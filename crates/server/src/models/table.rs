//! Which models are loaded, who uses them, and which one goes first. Knows no thread and no clock.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use tokio::sync::watch;

use super::{KeepAlive, LoadedModel};
use crate::error::ApiError;

/// The result of a load; `None` while it runs.
pub(super) type LoadEnd = Option<Result<(), ApiError>>;

/// A model on its way or in memory.
pub(super) enum Slot {
    /// A model that is being loaded.
    Loading {
        /// The receiver that hears when the load is over.
        end: watch::Receiver<LoadEnd>,
        /// Bytes that the model is expected to take.
        bytes: u64,
    },
    /// A model in memory.
    Loaded(Loaded),
}

/// A model in memory.
pub(super) struct Loaded {
    /// The model itself.
    pub(super) model: Arc<LoadedModel>,
    /// Bytes that the model takes.
    pub(super) bytes: u64,
    /// Number of requests that use the model.
    pub(super) n_leases: usize,
    /// When the last request ended or began.
    pub(super) last_used: Instant,
    /// When the model goes if nobody asks for it; never if `None`.
    pub(super) expires: Option<Instant>,
    /// Whether the model never goes.
    pub(super) is_pinned: bool,
}

impl Loaded {
    fn is_idle(&self) -> bool {
        self.n_leases == 0 && !self.is_pinned
    }
}

/// The models that are loaded or being loaded, by their ids.
#[derive(Default)]
pub(super) struct Table {
    slots: BTreeMap<String, Slot>,
}

impl Table {
    pub(super) fn get(&self, id: &str) -> Option<&Slot> {
        self.slots.get(id)
    }

    pub(super) fn put(&mut self, id: &str, slot: Slot) {
        self.slots.insert(id.to_owned(), slot);
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Slot> {
        self.slots.remove(id)
    }

    /// Bytes of all models, those on their way included.
    pub(super) fn bytes(&self) -> u64 {
        self.slots
            .values()
            .map(|slot| match slot {
                Slot::Loading { bytes, .. } => *bytes,
                Slot::Loaded(loaded) => loaded.bytes,
            })
            .fold(0, u64::saturating_add)
    }

    /// Takes out idle models, the longest unused first, until the rest and `wanted` more fit `bytes_max`. `Err`:
    /// nothing was taken, because what is in use takes too much.
    pub(super) fn make_room(&mut self, wanted: u64, bytes_max: u64) -> Result<Vec<Arc<LoadedModel>>, u64> {
        let mut bytes = self.bytes().saturating_add(wanted);
        let mut idle: Vec<(Instant, &String, u64)> = Vec::new();
        for (id, slot) in &self.slots {
            if let Slot::Loaded(loaded) = slot
                && loaded.is_idle()
            {
                idle.push((loaded.last_used, id, loaded.bytes));
            }
        }
        idle.sort_unstable();
        let mut victims = Vec::new();
        for (_, id, size) in idle {
            if bytes <= bytes_max {
                break;
            }
            bytes -= size;
            victims.push(id.clone());
        }
        if bytes > bytes_max {
            return Err(bytes - wanted);
        }
        Ok(victims.iter().filter_map(|id| self.take_out(id)).collect())
    }

    /// Takes out the idle models whose time is over.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Arc<LoadedModel>> {
        let is_over =
            |slot: &Slot| matches!(slot, Slot::Loaded(l) if l.is_idle() && l.expires.is_some_and(|t| t <= now));
        let ids: Vec<String> = self.slots.iter().filter(|(_, slot)| is_over(slot)).map(|(id, _)| id.clone()).collect();
        ids.iter().filter_map(|id| self.take_out(id)).collect()
    }

    /// When the next idle model's time is over.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let expiry = |slot: &Slot| match slot {
            Slot::Loaded(loaded) if loaded.is_idle() => loaded.expires,
            _ => None,
        };
        self.slots.values().filter_map(expiry).min()
    }

    /// Counts one more request that uses the model, and gives the model if it is loaded.
    pub(super) fn lease(&mut self, id: &str, now: Instant) -> Option<Arc<LoadedModel>> {
        let Some(Slot::Loaded(loaded)) = self.slots.get_mut(id) else { return None };
        loaded.n_leases += 1;
        loaded.last_used = now;
        Some(Arc::clone(&loaded.model))
    }

    /// Counts the end of a request that used the model.
    pub(super) fn release(&mut self, id: &str, keep_alive: KeepAlive, now: Instant) {
        if let Some(Slot::Loaded(loaded)) = self.slots.get_mut(id) {
            loaded.n_leases = loaded.n_leases.saturating_sub(1);
            loaded.last_used = now;
            loaded.expires = keep_alive.expiry(now);
        }
    }

    /// Takes out all models.
    pub(super) fn drain(&mut self) -> Vec<Arc<LoadedModel>> {
        let ids: Vec<String> = self.slots.keys().cloned().collect();
        ids.iter().filter_map(|id| self.take_out(id)).collect()
    }

    /// Takes out a model that is loaded.
    pub(super) fn take_out(&mut self, id: &str) -> Option<Arc<LoadedModel>> {
        match self.slots.remove(id) {
            Some(Slot::Loaded(loaded)) => Some(loaded.model),
            _ => None,
        }
    }
}
