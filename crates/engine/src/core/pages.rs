//! [`PagePool`]: which pages of the KV arena are free.

use model::PageId;

/// Free pages, lowest id first.
pub(crate) struct PagePool {
    free: Vec<PageId>,
    n_pages: usize,
}

impl PagePool {
    /// All of `n_pages` are free.
    pub(crate) fn new(n_pages: usize) -> Self {
        let n = u32::try_from(n_pages).unwrap_or(u32::MAX);
        Self { free: (0..n).rev().map(PageId).collect(), n_pages: n as usize }
    }

    /// Takes one; `None` if all are in use.
    pub(crate) fn allocate(&mut self) -> Option<PageId> {
        self.free.pop()
    }

    /// Gives pages back.
    pub(crate) fn release(&mut self, pages: impl IntoIterator<Item = PageId>) {
        self.free.extend(pages);
        assert!(self.free.len() <= self.n_pages, "{} free pages of {}", self.free.len(), self.n_pages);
    }

    /// Free pages.
    pub(crate) fn n_free(&self) -> usize {
        self.free.len()
    }

    /// Free or not.
    pub(crate) fn n_pages(&self) -> usize {
        self.n_pages
    }
}
