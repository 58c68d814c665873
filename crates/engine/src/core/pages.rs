//! [`PagePool`]: which pages of the KV arena are free.

use model::PageId;

/// The free pages of the KV arena, lowest id first.
pub(crate) struct PagePool {
    free: Vec<PageId>,
    n_pages: usize,
}

impl PagePool {
    /// Makes a pool of `n_pages`, all of them free.
    pub(crate) fn new(n_pages: usize) -> Self {
        let n = u32::try_from(n_pages).unwrap_or(u32::MAX);
        Self { free: (0..n).rev().map(PageId).collect(), n_pages: n as usize }
    }

    /// Takes a page; `None` if all are in use.
    pub(crate) fn allocate(&mut self) -> Option<PageId> {
        self.free.pop()
    }

    /// Gives pages back to the pool.
    pub(crate) fn release(&mut self, pages: impl IntoIterator<Item = PageId>) {
        self.free.extend(pages);
        assert!(self.free.len() <= self.n_pages, "{} free pages of {}", self.free.len(), self.n_pages);
    }

    /// Number of free pages.
    pub(crate) fn n_free(&self) -> usize {
        self.free.len()
    }

    /// Number of pages, free or not.
    pub(crate) fn n_pages(&self) -> usize {
        self.n_pages
    }
}
