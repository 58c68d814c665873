//! Names for things that are answered: random where they must not repeat, hashed where equal requests shall get equal
//! ones.

use std::hash::{BuildHasher, RandomState};

/// A random number: a hash under keys that are new every time.
pub fn random_u64() -> u64 {
    RandomState::new().hash_one(0u8)
}

/// A random id: `prefix` and 32 hexadecimal digits.
pub fn random_id(prefix: &str) -> String {
    format!("{prefix}{:016x}{:016x}", random_u64(), random_u64())
}

/// FNV-1a over `bytes`, mixed so that all bits depend on all of them.
pub(crate) fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_differ_and_hashes_repeat() {
        assert_ne!(random_id("a-"), random_id("a-"));
        assert_eq!(random_id("a-").len(), 34);
        assert_eq!(hash(1..4), hash(1..4));
        assert_ne!(hash(1..4), hash(1..5));
    }
}
