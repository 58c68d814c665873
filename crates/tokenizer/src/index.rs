//! From a byte string to its number: an open-addressing hash table over [`Strings`].
//!
//! Deterministic (no random seed: this crate reads no OS randomness), at most half full. The strings stay in their
//! arena.

use crate::strings::Strings;

/// Multiplier of multiplicative hashing: `2^64 / φ`, odd.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const EMPTY: u32 = u32::MAX;

/// A slot of the table: 32 bits of the hash beside the number, so that most misses touch no string.
#[derive(Clone, Copy)]
struct Slot {
    tag: u32,
    number: u32,
}

pub(crate) struct Index {
    slots: Box<[Slot]>,
}

impl Index {
    pub(crate) fn with_capacity(n: usize) -> Self {
        let n_slots = (n.max(1) * 2).next_power_of_two();
        Self { slots: vec![Slot { tag: 0, number: EMPTY }; n_slots].into_boxed_slice() }
    }

    /// Enters string `number` of `strings`; the error is the number of an equal string that is there already.
    pub(crate) fn insert(&mut self, strings: &Strings, number: u32) -> Result<(), u32> {
        let key = strings.at(number as usize);
        let hash = hash_bytes(key);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.number == EMPTY {
                self.slots[at] = Slot { tag: (hash >> 32) as u32, number };
                return Ok(());
            }
            if slot.tag == (hash >> 32) as u32 && strings.at(slot.number as usize) == key {
                return Err(slot.number);
            }
            at = (at + 1) & mask;
        }
    }

    /// Returns the number of `key`.
    #[inline]
    pub(crate) fn find(&self, strings: &Strings, key: &[u8]) -> Option<u32> {
        let hash = hash_bytes(key);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.number == EMPTY {
                return None;
            }
            if slot.tag == (hash >> 32) as u32 && strings.at(slot.number as usize) == key {
                return Some(slot.number);
            }
            at = (at + 1) & mask;
        }
    }
}

/// Folds both halves of the product of `a` and `b`: every input bit reaches every output bit.
#[inline]
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline]
fn hash_bytes(bytes: &[u8]) -> u64 {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let mut hash = SPREAD ^ bytes.len() as u64;
    for chunk in chunks {
        hash = mix(hash ^ u64::from_le_bytes(*chunk), SPREAD);
    }
    let mut last = 0_u64;
    for &byte in rest {
        last = last << 8 | u64::from(byte);
    }
    mix(hash ^ last, SPREAD.rotate_left(32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_entered_and_nothing_else() {
        let mut strings = Strings::default();
        let words: Vec<String> = (0..5000_u64).map(|i| format!("{:x}", i * i * 79)).collect();
        for word in &words {
            strings.push(word.as_bytes());
        }
        let mut index = Index::with_capacity(strings.len());
        for number in 0..5000 {
            assert_eq!(index.insert(&strings, number), Ok(()));
        }
        for (i, word) in words.iter().enumerate() {
            assert_eq!(index.find(&strings, word.as_bytes()), Some(i as u32));
            assert_eq!(index.find(&strings, format!("{word}!").as_bytes()), None);
        }
        assert_eq!(index.find(&strings, b""), None);
        strings.push(words[17].as_bytes());
        assert_eq!(index.insert(&strings, 5000), Err(17));
    }
}
