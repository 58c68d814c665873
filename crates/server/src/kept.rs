//! [`KeptResponses`]: the last answers of `/v1/responses`, in memory, so that later requests can go on from them.
//!
//! Each API key has a shelf of its own, which no other key can reach. Answers that were not used for long go when their
//! number, their bytes or their age is over the limit, from the shelf that takes most, so that nobody loses what is
//! kept because of another who keeps more. An answer names the one before it; both are used together, so the later one
//! goes first.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::body::Bytes;

use crate::limits;

/// Bytes that an answer takes beside its texts: its places in the maps.
const ENTRY_BYTES: usize = 512;
/// Bytes that an item takes beside its name.
const ITEM_BYTES: usize = 128;

/// An answer, and what it was an answer to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KeptResponse {
    pub(crate) id: String,
    /// The answer that it goes on from.
    pub(crate) previous: Option<String>,
    /// The items of its own input, as JSON.
    pub(crate) input: Bytes,
    /// The answer, as JSON.
    pub(crate) response: Bytes,
    /// The ids of the items of its output.
    pub(crate) item_ids: Vec<String>,
}

impl KeptResponse {
    fn bytes(&self) -> usize {
        let names = self.id.len() + self.previous.as_ref().map_or(0, String::len);
        let items: usize = self.item_ids.iter().map(|id| 2 * id.len() + ITEM_BYTES).sum();
        self.input.len() + self.response.len() + 2 * names + items + ENTRY_BYTES
    }
}

/// Limits of how much is kept.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_field_names, reason = "limits are named …_max")]
pub(crate) struct Bounds {
    pub(crate) n_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) age_max: Duration,
}

/// All answers that are kept, by their owners.
#[derive(Debug)]
pub(crate) struct KeptResponses {
    bounds: Bounds,
    inner: Mutex<Inner>,
}

#[derive(Default, Debug)]
struct Inner {
    shelves: HashMap<u128, Shelf>,
    n: usize,
    bytes: usize,
    /// Number of uses so far, by which the order of last uses is known.
    clock: u64,
}

/// The answers of one owner.
#[derive(Default, Debug)]
struct Shelf {
    entries: HashMap<String, Entry>,
    /// The id of the answer that an item is of, by the id of the item.
    items: HashMap<String, String>,
    /// Ids of answers by their last use, the longest ago first.
    by_use: BTreeMap<u64, String>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    kept: Arc<KeptResponse>,
    used: u64,
    used_at: Instant,
}

impl Shelf {
    fn remove(&mut self, id: &str) -> Option<Arc<KeptResponse>> {
        let Entry { kept, used, .. } = self.entries.remove(id)?;
        self.by_use.remove(&used);
        for item in &kept.item_ids {
            self.items.remove(item);
        }
        self.bytes -= kept.bytes();
        Some(kept)
    }

    fn touch(&mut self, id: &str, used: u64, now: Instant) -> Option<Arc<KeptResponse>> {
        let entry = self.entries.get_mut(id)?;
        self.by_use.remove(&entry.used);
        self.by_use.insert(used, id.to_owned());
        (entry.used, entry.used_at) = (used, now);
        Some(Arc::clone(&entry.kept))
    }

    fn oldest(&self) -> Option<(&str, Instant)> {
        let (_, id) = self.by_use.first_key_value()?;
        Some((id, self.entries.get(id)?.used_at))
    }
}

impl Inner {
    fn remove(&mut self, owner: u128, id: &str) -> bool {
        let Some(shelf) = self.shelves.get_mut(&owner) else { return false };
        let Some(kept) = shelf.remove(id) else { return false };
        self.n -= 1;
        self.bytes -= kept.bytes();
        if shelf.entries.is_empty() {
            self.shelves.remove(&owner);
        }
        true
    }

    /// Drops answers that are too old.
    fn expire(&mut self, age_max: Duration, now: Instant) {
        let is_old = |at: Instant| now.saturating_duration_since(at) > age_max;
        loop {
            let old = self.shelves.iter().find_map(|(owner, shelf)| {
                let (id, used_at) = shelf.oldest()?;
                is_old(used_at).then(|| (*owner, id.to_owned()))
            });
            let Some((owner, id)) = old else { return };
            self.remove(owner, &id);
        }
    }

    /// Drops the longest unused answer of the owner that has most; says whether there was one.
    fn evict(&mut self) -> bool {
        let largest = self.shelves.iter().max_by_key(|(owner, shelf)| (shelf.bytes, **owner));
        let victim = largest.and_then(|(owner, shelf)| Some((*owner, shelf.oldest()?.0.to_owned())));
        victim.is_some_and(|(owner, id)| self.remove(owner, &id))
    }

    fn touch(&mut self, owner: u128, id: &str, now: Instant) -> Option<Arc<KeptResponse>> {
        self.clock += 1;
        self.shelves.get_mut(&owner)?.touch(id, self.clock, now)
    }
}

impl KeptResponses {
    /// A place to keep answers, empty yet; with a limit of 0 it stays so.
    pub(crate) fn new(n_max: usize, bytes_max: usize) -> Self {
        let bounds = Bounds { n_max, bytes_max, age_max: limits::RESPONSES_AGE_MAX };
        Self { bounds, inner: Mutex::default() }
    }

    /// Whether anything is kept at all.
    pub(crate) fn is_on(&self) -> bool {
        self.bounds.n_max > 0 && self.bounds.bytes_max > 0
    }

    /// The limits, for messages.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Keeps an answer; says whether it is small enough to be.
    pub(crate) fn put(&self, owner: u128, kept: KeptResponse, now: Instant) -> bool {
        let bytes = kept.bytes();
        if !self.is_on() || bytes > self.bounds.bytes_max {
            return false;
        }
        let mut inner = self.inner();
        inner.expire(self.bounds.age_max, now);
        inner.remove(owner, &kept.id);
        while inner.n + 1 > self.bounds.n_max || inner.bytes + bytes > self.bounds.bytes_max {
            if !inner.evict() {
                return false;
            }
        }
        inner.clock += 1;
        let used = inner.clock;
        inner.n += 1;
        inner.bytes += bytes;
        let shelf = inner.shelves.entry(owner).or_default();
        shelf.bytes += bytes;
        shelf.items.extend(kept.item_ids.iter().map(|item| (item.clone(), kept.id.clone())));
        shelf.by_use.insert(used, kept.id.clone());
        let mut next = kept.previous.clone();
        shelf.entries.insert(kept.id.clone(), Entry { kept: Arc::new(kept), used, used_at: now });
        // What it goes on from must not go before it.
        while let Some(earlier) = next.take().and_then(|id| inner.touch(owner, &id, now)) {
            next.clone_from(&earlier.previous);
        }
        true
    }

    /// The answer of that id.
    pub(crate) fn get(&self, owner: u128, id: &str, now: Instant) -> Option<Arc<KeptResponse>> {
        let mut inner = self.inner();
        inner.expire(self.bounds.age_max, now);
        inner.touch(owner, id, now)
    }

    /// The answer of that id and all that it goes on from, the first one first; the id of the one that is gone.
    pub(crate) fn chain(&self, owner: u128, id: &str, now: Instant) -> Result<Vec<Arc<KeptResponse>>, String> {
        let mut inner = self.inner();
        inner.expire(self.bounds.age_max, now);
        let mut chain = Vec::new();
        let mut next = Some(id.to_owned());
        while let Some(id) = next.take() {
            let kept = inner.touch(owner, &id, now).ok_or(id)?;
            next.clone_from(&kept.previous);
            chain.push(kept);
        }
        chain.reverse();
        Ok(chain)
    }

    /// The answer that has an item of that id.
    pub(crate) fn with_item(&self, owner: u128, item: &str, now: Instant) -> Option<Arc<KeptResponse>> {
        let mut inner = self.inner();
        inner.expire(self.bounds.age_max, now);
        let id = inner.shelves.get(&owner)?.items.get(item)?.clone();
        inner.touch(owner, &id, now)
    }

    /// Forgets an answer; says whether it was there.
    pub(crate) fn remove(&self, owner: u128, id: &str) -> bool {
        self.inner().remove(owner, id)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u128 = 1;
    const B: u128 = 2;

    fn response(id: &str, previous: Option<&str>, n_bytes: usize) -> KeptResponse {
        KeptResponse {
            id: id.to_owned(),
            previous: previous.map(str::to_owned),
            input: Bytes::from(vec![b'x'; n_bytes]),
            response: Bytes::from_static(b"{}"),
            item_ids: vec![format!("item-of-{id}")],
        }
    }

    /// What of `ids` is there, by nothing that counts as a use.
    fn there(kept: &KeptResponses, owner: u128, ids: &[&str]) -> Vec<bool> {
        let inner = kept.inner();
        ids.iter().map(|id| inner.shelves.get(&owner).is_some_and(|s| s.entries.contains_key(*id))).collect()
    }

    /// The sums are those of what is there.
    fn check(kept: &KeptResponses) {
        let inner = kept.inner();
        let all = || inner.shelves.values();
        let bytes = |s: &Shelf| s.entries.values().map(|e| e.kept.bytes()).sum::<usize>();
        assert_eq!(inner.n, all().map(|s| s.entries.len()).sum::<usize>());
        assert_eq!(inner.bytes, all().map(bytes).sum::<usize>());
        assert!(inner.n <= kept.bounds.n_max && inner.bytes <= kept.bounds.bytes_max);
        for shelf in all() {
            assert!(!shelf.entries.is_empty());
            assert_eq!((shelf.bytes, shelf.by_use.len()), (bytes(shelf), shelf.entries.len()));
            assert_eq!(shelf.items.len(), shelf.entries.values().map(|e| e.kept.item_ids.len()).sum::<usize>());
        }
    }

    #[test]
    fn a_key_reaches_only_its_own() {
        let (kept, now) = (KeptResponses::new(9, 1 << 20), Instant::now());
        assert!(kept.put(A, response("r", None, 10), now));
        assert_eq!(kept.get(A, "r", now).unwrap().id, "r");
        assert_eq!(kept.with_item(A, "item-of-r", now).unwrap().id, "r");
        assert!(kept.get(B, "r", now).is_none() && kept.with_item(B, "item-of-r", now).is_none());
        assert_eq!(kept.chain(B, "r", now).unwrap_err(), "r");
        assert!(!kept.remove(B, "r") && kept.remove(A, "r") && !kept.remove(A, "r"));
        assert!(kept.get(A, "r", now).is_none() && kept.with_item(A, "item-of-r", now).is_none());
        check(&kept);
    }

    #[test]
    fn the_longest_unused_goes_and_an_answer_before_what_it_goes_on_from() {
        let (kept, now) = (KeptResponses::new(3, 1 << 20), Instant::now());
        kept.put(A, response("1", None, 1), now);
        kept.put(A, response("other", None, 1), now);
        kept.put(A, response("2", Some("1"), 1), now);
        let ids: Vec<String> = kept.chain(A, "2", now).unwrap().iter().map(|r| r.id.clone()).collect();
        assert_eq!(ids, ["1", "2"]);
        kept.put(A, response("new", None, 1), now);
        assert_eq!(there(&kept, A, &["1", "2", "other", "new"]), [true, true, false, true]);
        kept.put(A, response("newer", None, 1), now);
        assert_eq!(there(&kept, A, &["1", "2", "new", "newer"]), [true, false, true, true]);
        kept.remove(A, "1");
        kept.put(A, response("3", Some("1"), 1), now);
        assert_eq!(kept.chain(A, "3", now).unwrap_err(), "1");
        check(&kept);
    }

    #[test]
    fn number_bytes_and_age_are_bounded() {
        let now = Instant::now();
        let kept = KeptResponses::new(100, 50_000);
        assert!(!kept.put(A, response("huge", None, 50_000), now), "never fits");
        for i in 0..50 {
            assert!(kept.put(A, response(&format!("a{i}"), None, 3_000), now));
            check(&kept);
        }
        // Who keeps little loses nothing to who keeps much.
        assert!(kept.put(B, response("b", None, 3_000), now));
        for i in 0..50 {
            assert!(kept.put(A, response(&format!("c{i}"), None, 3_000), now));
        }
        check(&kept);
        assert_eq!(there(&kept, B, &["b"]), [true]);
        let later = now + limits::RESPONSES_AGE_MAX;
        assert!(kept.get(B, "b", later).is_some(), "which is a use");
        let much_later = later + Duration::from_secs(1);
        assert!(kept.get(A, "c49", much_later).is_none());
        assert!(kept.get(B, "b", much_later).is_some());
        check(&kept);
        let off = KeptResponses::new(0, 50_000);
        assert!(!off.is_on() && !off.put(A, response("r", None, 1), now));
    }
}
