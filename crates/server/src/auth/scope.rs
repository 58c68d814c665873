//! [`ScopeSalt`]: what turns the digest of a key into the number that its cached prefixes go by.
//!
//! The upper half of a scope names the key, so that whoever keeps prefixes beyond the process can tell whose they are;
//! the lower half may be another one for each `cache_salt` of its requests.

use std::{fmt, sync::OnceLock};

use sha2::{Digest, Sha256};

use super::keys::KeyDigest;

/// Length of a [`ScopeSalt`], in bytes.
pub const SCOPE_SALT_BYTES: usize = 32;

/// A secret of this server, by which keys become scopes. With the same salt a key has the same scope in the next
/// process, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ScopeSalt([u8; SCOPE_SALT_BYTES]);

impl ScopeSalt {
    /// A salt that was kept.
    pub const fn new(bytes: [u8; SCOPE_SALT_BYTES]) -> Self {
        Self(bytes)
    }

    /// Bytes for a new salt, from the system.
    pub fn random_bytes() -> [u8; SCOPE_SALT_BYTES] {
        let mut bytes = [0; SCOPE_SALT_BYTES];
        let provider = tokio_rustls::rustls::crypto::ring::default_provider();
        assert!(provider.secure_random.fill(&mut bytes).is_ok(), "the system gives no random bytes");
        bytes
    }

    /// The scope of a key: a number that stands for the key, and from which nobody can tell the key.
    pub(super) fn scope_of(&self, digest: &KeyDigest) -> u128 {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(digest);
        let number = hash.finalize().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        // An upper half of 0 is that of the scopes which belong to no key.
        number | u128::from(number >> 64 == 0) << 64
    }
}

impl Default for ScopeSalt {
    /// The salt of this process, which no other has.
    fn default() -> Self {
        static SALT: OnceLock<ScopeSalt> = OnceLock::new();
        *SALT.get_or_init(|| Self(Self::random_bytes()))
    }
}

impl fmt::Debug for ScopeSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScopeSalt(…)")
    }
}
