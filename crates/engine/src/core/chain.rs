//! [`ChainKey`]: the name of a prefix, for pages that leave the arena.

use model::TokenId;

use crate::CacheScope;

/// A key of a prefix: the owner of the scope ([`CacheScope::owner`]), then BLAKE3 of the scope and all tokens up to the
/// end of a page. Two prefixes share a key only if they are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct ChainKey(pub(crate) [u8; 32]);

/// A page, named by what it holds and what lies before it: a full one, unless it is the last of a sequence whose state
/// is saved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PageKey<'a> {
    /// Key of everything up to the end of the page.
    pub(crate) chain: ChainKey,
    /// Tokens of the page itself, compared when it comes back.
    pub(crate) tokens: &'a [TokenId],
}

impl ChainKey {
    /// Returns the key of the empty prefix of a scope.
    pub(crate) fn root(scope: CacheScope) -> Self {
        Self::of(scope.owner(), &blake3::hash(&scope.0.to_le_bytes()))
    }

    /// Returns the key of the prefix that `self` names, followed by `tokens`.
    pub(crate) fn then(self, tokens: &[TokenId]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        tokens.iter().for_each(|token| {
            hasher.update(&token.0.to_le_bytes());
        });
        Self::of(self.owner(), &hasher.finalize())
    }

    /// Returns the key of the state that a sequence has after the prefix.
    pub(crate) fn of_state(self) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        // Of no tokens, whose bytes are a multiple of four.
        hasher.update(b"state");
        Self::of(self.owner(), &hasher.finalize())
    }

    /// Returns the owner of the prefix.
    pub(crate) fn owner(self) -> u64 {
        self.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    fn of(owner: u64, hash: &blake3::Hash) -> Self {
        let mut bytes = *hash.as_bytes();
        for (byte, of_owner) in bytes.iter_mut().zip(owner.to_be_bytes()) {
            *byte = of_owner;
        }
        Self(bytes)
    }
}
