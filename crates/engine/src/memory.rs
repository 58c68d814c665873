//! [`Memory`]: where pages go when they leave the arena, and how they come back.

use model::{Forward, PageId};

use crate::core::{PageKey, PageMemory};

/// Places beyond the arena.
pub(crate) struct Memory {}

impl Memory {
    /// None.
    pub(crate) fn new() -> Self {
        Self {}
    }

    /// With the arena of `model`.
    pub(crate) fn of<'a>(&'a mut self, model: &'a mut dyn Forward) -> Arena<'a> {
        Arena { model, _memory: self }
    }
}

/// The arena and the places beyond it.
pub(crate) struct Arena<'a> {
    model: &'a mut dyn Forward,
    _memory: &'a mut Memory,
}

impl PageMemory for Arena<'_> {
    fn copy(&mut self, from: PageId, to: PageId) {
        self.model.copy_page(from, to);
    }

    fn save(&mut self, _page: PageId, _key: PageKey<'_>, _recompute_us: f64) {}

    fn has(&self, _key: PageKey<'_>) -> bool {
        false
    }

    fn load(&mut self, _key: PageKey<'_>, _page: PageId) -> bool {
        false
    }
}
