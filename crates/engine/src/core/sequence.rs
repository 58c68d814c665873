//! [`Sequence`]: one line of tokens, the pages that hold their keys and values.

use model::{PAGE_LEN, PageId, TokenId};

use super::PagePool;

/// Tokens whose keys and values are in the pages, in order.
#[derive(Default)]
pub(crate) struct Sequence {
    tokens: Vec<TokenId>,
    pages: Vec<PageId>,
}

impl Sequence {
    /// Tokens computed so far.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The page table.
    pub(crate) fn pages(&self) -> &[PageId] {
        &self.pages
    }

    /// Keeps the longest common prefix with `prompt`, but leaves at least one token to compute; says how long it is.
    pub(crate) fn reuse(&mut self, prompt: &[TokenId], pool: &mut PagePool) -> usize {
        let common = self.tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        self.truncate(common.min(prompt.len().saturating_sub(1)), pool);
        self.len()
    }

    /// Forgets everything from position `len` on.
    pub(crate) fn truncate(&mut self, len: usize, pool: &mut PagePool) {
        self.tokens.truncate(len);
        let n_pages = self.tokens.len().div_ceil(PAGE_LEN);
        pool.release(self.pages.drain(n_pages..));
    }

    /// Makes room for `n` more tokens; `false` (and nothing changed) if the pool has too few pages.
    pub(crate) fn reserve(&mut self, n: usize, pool: &mut PagePool) -> bool {
        let n_before = self.pages.len();
        while self.pages.len() * PAGE_LEN < self.tokens.len() + n {
            let Some(page) = pool.allocate() else {
                pool.release(self.pages.drain(n_before..));
                return false;
            };
            self.pages.push(page);
        }
        true
    }

    /// Notes tokens that were computed into reserved room.
    pub(crate) fn extend(&mut self, tokens: &[TokenId]) {
        self.tokens.extend_from_slice(tokens);
        assert!(
            self.tokens.len() <= self.pages.len() * PAGE_LEN,
            "{} tokens in {} pages",
            self.tokens.len(),
            self.pages.len()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<u32>) -> Vec<TokenId> {
        range.map(TokenId).collect()
    }

    #[test]
    fn pages_come_and_go_with_tokens() {
        let mut pool = PagePool::new(3);
        let mut sequence = Sequence::default();
        assert!(sequence.reserve(PAGE_LEN + 1, &mut pool));
        sequence.extend(&ids(0..PAGE_LEN as u32 + 1));
        assert_eq!((sequence.pages().len(), pool.n_free()), (2, 1));
        assert!(!sequence.reserve(2 * PAGE_LEN, &mut pool), "more than the arena has");
        assert_eq!((sequence.pages().len(), pool.n_free()), (2, 1), "a refusal changes nothing");
        assert_eq!(sequence.reuse(&ids(0..10), &mut pool), 9, "one token is left to compute");
        assert_eq!((sequence.pages().len(), pool.n_free()), (1, 2));
        assert_eq!(sequence.reuse(&ids(1..10), &mut pool), 0);
        assert_eq!(pool.n_free(), 3);
    }
}
