//! Blocks and pages that were read lately, decoded, up to a number of bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use crate::dictionary::page::Page;
use crate::order::Row;

const SHARDS: usize = 16;

/// What a table's block becomes when it is read.
#[derive(Debug, Clone)]
pub(crate) enum Decoded {
    Rows(Arc<Vec<Row>>),
    Page(Arc<Page>),
}

impl Decoded {
    fn n_bytes(&self) -> usize {
        match self {
            Self::Rows(rows) => size_of_val(rows.as_slice()) + 64,
            Self::Page(page) => page.n_bytes() + 64,
        }
    }
}

/// Decoded blocks by (table, number). Those that were not asked for since the hand passed them last go first.
#[derive(Debug)]
pub(crate) struct Cache {
    shards: [Mutex<Shard>; SHARDS],
    shard_bytes_max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    entries: HashMap<(u8, u64), Entry>,
    hand: VecDeque<(u8, u64)>,
    n_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    decoded: Decoded,
    was_used: bool,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { shards: Default::default(), shard_bytes_max: bytes_max / SHARDS }
    }

    fn shard(&self, (table, block): (u8, u64)) -> &Mutex<Shard> {
        &self.shards[(block.wrapping_mul(7) as usize).wrapping_add(usize::from(table)) % SHARDS]
    }

    pub(crate) fn get(&self, key: (u8, u64)) -> Option<Decoded> {
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entries.get_mut(&key)?;
        entry.was_used = true;
        Some(entry.decoded.clone())
    }

    pub(crate) fn put(&self, key: (u8, u64), decoded: Decoded) {
        let mut shard = self.shard(key).lock().unwrap_or_else(PoisonError::into_inner);
        let Shard { entries, hand, n_bytes } = &mut *shard;
        if entries.contains_key(&key) || decoded.n_bytes() > self.shard_bytes_max {
            return;
        }
        *n_bytes += decoded.n_bytes();
        entries.insert(key, Entry { decoded, was_used: false });
        hand.push_back(key);
        while *n_bytes > self.shard_bytes_max {
            let Some(oldest) = hand.pop_front() else { return };
            match entries.get_mut(&oldest) {
                Some(entry) if entry.was_used => {
                    entry.was_used = false;
                    hand.push_back(oldest);
                }
                Some(entry) => {
                    *n_bytes -= entry.decoded.n_bytes();
                    entries.remove(&oldest);
                }
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::TermId;

    #[test]
    fn a_cache_keeps_to_its_bytes_and_what_is_asked_for() {
        let rows = |n: usize| Decoded::Rows(Arc::new(vec![[TermId::DEFAULT_GRAPH; 4]; n]));
        let cache = Cache::new(SHARDS * 4 * (32 * 100 + 64));
        for block in 0..1000 {
            cache.put((0, block * SHARDS as u64), rows(100));
            cache.get((0, 0));
        }
        let n_kept = (0..1000).filter(|block| cache.get((0, block * SHARDS as u64)).is_some()).count();
        assert!(cache.get((0, 0)).is_some() && n_kept == 4, "{n_kept} kept");
        cache.put((1, 0), rows(1000));
        assert!(cache.get((1, 0)).is_none());
    }
}
