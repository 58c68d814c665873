//! [`Swap`]: pages and states in ordinary memory, the one unused longest goes first.

use std::collections::{BTreeMap, HashMap};

use model::TokenId;

use crate::core::{ChainKey, PageKey};

struct Entry {
    tokens: Box<[TokenId]>,
    bytes: Box<[u8]>,
    tick: u64,
}

/// Pages and states in ordinary memory, up to a number of bytes.
pub(crate) struct Swap {
    bytes_max: u64,
    n_bytes: u64,
    entries: HashMap<ChainKey, Entry>,
    oldest: BTreeMap<u64, ChainKey>,
    tick: u64,
}

impl Swap {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, n_bytes: 0, entries: HashMap::new(), oldest: BTreeMap::new(), tick: 0 }
    }

    /// Whether anything is ever kept here.
    pub(crate) fn is_on(&self) -> bool {
        self.bytes_max > 0
    }

    /// Whether a page of `n_bytes` would be taken.
    pub(crate) fn wants(&self, chain: ChainKey, n_bytes: usize) -> bool {
        n_bytes as u64 <= self.bytes_max && !self.has(chain)
    }

    pub(crate) fn has(&self, chain: ChainKey) -> bool {
        self.entries.contains_key(&chain)
    }

    /// Keeps a page, giving up the oldest as it must.
    pub(crate) fn put(&mut self, key: PageKey<'_>, bytes: Box<[u8]>) {
        self.tick += 1;
        self.n_bytes += bytes.len() as u64;
        self.oldest.insert(self.tick, key.chain);
        self.entries.insert(key.chain, Entry { tokens: key.tokens.into(), bytes, tick: self.tick });
        while self.n_bytes > self.bytes_max
            && let Some((_, chain)) = self.oldest.pop_first()
        {
            self.n_bytes -= self.entries.remove(&chain).map_or(0, |entry| entry.bytes.len() as u64);
        }
    }

    /// Returns a copy of what stays here, and was used last now.
    pub(crate) fn copy(&mut self, key: PageKey<'_>) -> Option<Box<[u8]>> {
        let bytes = self.take(key)?;
        self.put(key, bytes.clone());
        Some(bytes)
    }

    /// Returns a page, which is no longer kept here.
    pub(crate) fn take(&mut self, key: PageKey<'_>) -> Option<Box<[u8]>> {
        let entry = self.entries.remove(&key.chain)?;
        self.oldest.remove(&entry.tick);
        self.n_bytes -= entry.bytes.len() as u64;
        (*entry.tokens == *key.tokens).then_some(entry.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CacheScope;

    #[test]
    fn the_oldest_page_goes_when_the_memory_is_full() {
        let mut swap = Swap::new(250);
        let tokens = [TokenId(1), TokenId(2)];
        let keys: Vec<ChainKey> = (0..3).map(|i| ChainKey::root(CacheScope(i))).collect();
        let key = |chain| PageKey { chain, tokens: &tokens };
        assert!(!swap.wants(keys[0], 251));
        for (i, chain) in keys.iter().enumerate() {
            assert!(swap.wants(*chain, 100));
            swap.put(key(*chain), vec![i as u8; 100].into());
        }
        assert!(!swap.has(keys[0]) && swap.has(keys[1]));
        assert_eq!(swap.take(PageKey { chain: keys[1], tokens: &tokens[..1] }), None, "other tokens under this name");
        assert_eq!(swap.take(key(keys[2])), Some(vec![2; 100].into()));
        assert_eq!((swap.n_bytes, swap.take(key(keys[2]))), (0, None));
    }

    #[test]
    fn what_is_copied_stays_and_is_the_last_to_go() {
        let mut swap = Swap::new(250);
        let key = |i| PageKey { chain: ChainKey::root(CacheScope(i)), tokens: &[TokenId(1)] };
        swap.put(key(0), vec![0; 100].into());
        swap.put(key(1), vec![1; 100].into());
        assert_eq!(swap.copy(key(0)), Some(vec![0; 100].into()));
        swap.put(key(2), vec![2; 100].into());
        assert_eq!((swap.has(key(0).chain), swap.has(key(1).chain), swap.n_bytes), (true, false, 200));
        assert_eq!(swap.copy(key(1)), None);
    }
}
