//! Who asks: API keys, what each may use up, and the cache scope that follows from the key.
//!
//! The gate authenticates every request before any route is looked for; only public paths answer without a key. A key itself is
//! nowhere kept: only its SHA-256.

mod keys;
mod rate;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderValue, Method, header};
use sha2::{Digest, Sha256};

use keys::{Key, KeyDigest, digest_of};
pub use keys::{KeyError, KeyFileFormat, KeyLimits, Keys};

use crate::error::{ApiError, ErrorKind};

/// Whether callers with different keys share cached prefixes. Who shares can tell by the time of an answer what others asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CacheScoping {
    /// Each key has its own.
    #[default]
    Key,
    /// All share.
    All,
}

/// Who asks: an extension of every request that passed the gate.
///
/// As long as a clone lives the request counts towards its key's concurrency; the gate holds one until the response's body ends.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Requests share cached prefixes within one (`engine::CacheScope`).
    pub scope: u128,
    /// What is kept for a caller is for requests with the same number: one for each key, and 0 where no keys are asked for.
    pub owner: u128,
    /// Models are shared out between callers with different numbers first (`engine::TenantId`): the key's, or the connection's.
    pub tenant: u128,
    /// The key's name, or the first figures of its digest; None where no keys are asked for.
    pub key_id: Option<Arc<str>>,
    permit: Option<Arc<Permit>>,
}

impl Caller {
    /// Counts tokens, of the prompt and written, towards the key's tokens per minute.
    pub fn record_tokens(&self, n_tokens: u64) {
        if let Some(permit) = &self.permit {
            permit.key.use_tokens(n_tokens, Instant::now());
        }
    }

    /// Where its tokens are counted, even when its request has ended; it holds no place.
    pub(crate) fn account(&self) -> Account {
        Account(self.permit.as_ref().map(|permit| Arc::clone(&permit.key)))
    }

    /// How many sequences it may have in flight.
    pub(crate) fn sequences_max(&self) -> usize {
        let limit = self.permit.as_ref().and_then(|permit| permit.key.sequences_max());
        limit.map_or(usize::MAX, |n| n as usize)
    }

    /// Places for so many sequences under its key, until they are dropped.
    pub(crate) fn enter_sequences(&self, n: usize) -> Result<SequencePermit, ApiError> {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        let key = self.permit.as_ref().map(|permit| Arc::clone(&permit.key));
        if let Some(key) = &key {
            key.enter_sequences(n).map_err(KeyRefusal::into_error)?;
        }
        Ok(SequencePermit { key, n })
    }
}

/// Counts tokens, of prompts and written, towards a key's tokens per minute.
#[derive(Clone, Default)]
pub(crate) struct Account(Option<Arc<Key>>);

impl Account {
    pub(crate) fn record_tokens(&self, n_tokens: usize) {
        if let Some(key) = &self.0 {
            key.use_tokens(n_tokens as u64, Instant::now());
        }
    }
}

/// Sequences in flight under a key.
pub(crate) struct SequencePermit {
    key: Option<Arc<Key>>,
    n: u32,
}

impl Drop for SequencePermit {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            key.leave_sequences(self.n);
        }
    }
}

/// A request in flight under a key.
#[derive(Debug)]
struct Permit {
    key: Arc<Key>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.key.leave();
    }
}

/// Whether a path answers without a key: exactly these, as they are written, and only to look at. Below `/page/` are the files that the
/// page is made of, the same for everybody, as are the API's description and the page that shows it.
pub(crate) fn is_public(method: &Method, path: &str) -> bool {
    let is_page_file = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'-')
    };
    (method == Method::GET || method == Method::HEAD)
        && (matches!(path, "/health" | "/v1/health" | "/health/live" | "/openapi.json" | "/docs")
            || path.strip_prefix("/page/").is_some_and(is_page_file))
}

/// The caller of a request with these headers, admitted under the limits of its key.
pub(crate) fn admit(headers: &HeaderMap, keys: &Keys, scoping: CacheScoping) -> Result<Caller, ApiError> {
    if keys.is_empty() {
        return Ok(Caller { scope: 0, owner: 0, tenant: 0, key_id: None, permit: None });
    }
    let key = authenticate(headers, keys)?;
    key.enter(Instant::now()).map_err(KeyRefusal::into_error)?;
    let owner = scope_of(&key.digest);
    let scope = match scoping {
        CacheScoping::All => 0,
        CacheScoping::Key => owner,
    };
    let key_id = Some(Arc::clone(&key.id));
    Ok(Caller { scope, owner, tenant: owner, key_id, permit: Some(Arc::new(Permit { key })) })
}

/// The key that one of the headers carries.
fn authenticate(headers: &HeaderMap, keys: &Keys) -> Result<Arc<Key>, ApiError> {
    let bearers = headers.get_all(header::AUTHORIZATION).iter().filter_map(|v| v.as_bytes().strip_prefix(b"Bearer "));
    let named = ["x-api-key", "api-key"].into_iter().flat_map(|name| headers.get_all(name)).map(HeaderValue::as_bytes);
    // A client may send several; a few are looked at, so that headers full of keys are no faster way to guess.
    let mut given = bearers.chain(named).take(3).peekable();
    let message = if given.peek().is_some() {
        "the API key is not one of this server's"
    } else {
        "an API key is needed: Authorization: Bearer KEY, or x-api-key: KEY"
    };
    let unauthorized = || ApiError::new(ErrorKind::Unauthorized, message).with_code("invalid_api_key");
    given.find_map(|key| keys.find(&digest_of(key))).ok_or_else(unauthorized)
}

/// A number that stands for the key within this process, and from which nobody can tell the key.
fn scope_of(digest: &KeyDigest) -> u128 {
    static SALT: OnceLock<[u8; 32]> = OnceLock::new();
    let mut hash = Sha256::new();
    hash.update(SALT.get_or_init(random_bytes));
    hash.update(digest);
    let number = hash.finalize().first_chunk().map_or(1, |bytes| u128::from_be_bytes(*bytes));
    // 0 is the scope that all share.
    number.max(1)
}

/// From the system.
fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    let provider = tokio_rustls::rustls::crypto::ring::default_provider();
    assert!(provider.secure_random.fill(&mut bytes).is_ok(), "the system gives no random bytes");
    bytes
}

/// Why a key's request has to wait.
struct KeyRefusal {
    message: String,
    retry_after: Duration,
}

impl KeyRefusal {
    fn into_error(self) -> ApiError {
        ApiError::new(ErrorKind::RateLimited, self.message)
            .with_code("rate_limit_exceeded")
            .with_retry_after(self.retry_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::parse("test", "[[keys]]\nname = \"a\"\nkey = \"key-of-a\"\nconcurrent_requests = 1\n[[keys]]\nname = \"b\"\nkey = \"key-of-b\"\n", KeyFileFormat::Toml).unwrap()
    }

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    fn check(name: &'static str, value: &str, expected: Option<&str>) {
        let caller = admit(&headers(name, value), &keys(), CacheScoping::Key);
        match (caller, expected) {
            (Ok(caller), Some(id)) => assert_eq!(caller.key_id.as_deref(), Some(id)),
            (Err(error), None) => assert_eq!(error.kind, ErrorKind::Unauthorized),
            (other, _) => panic!("{name}: {value}: {other:?}"),
        }
    }

    #[test]
    fn only_the_whole_key_opens() {
        check("authorization", "Bearer key-of-a", Some("a"));
        check("x-api-key", "key-of-b", Some("b"));
        check("api-key", "key-of-b", Some("b"));
        for value in [
            "key-of-a",
            "Bearer key-of-",
            "Bearer key-of-aa",
            "Bearer  key-of-a",
            "bearer key-of-a",
            "Bearer ",
            "Basic key-of-a",
        ] {
            check("authorization", value, None);
        }
        check("x-api-key", "KEY-OF-A", None);
        check("cookie", "key-of-a", None);
    }

    #[test]
    fn a_key_has_one_scope_and_only_it() {
        let scope = |key: &str, scoping| admit(&headers("x-api-key", key), &keys(), scoping).unwrap().scope;
        assert_eq!(scope("key-of-a", CacheScoping::Key), scope("key-of-a", CacheScoping::Key));
        assert_ne!(scope("key-of-a", CacheScoping::Key), scope("key-of-b", CacheScoping::Key));
        assert_ne!(scope("key-of-a", CacheScoping::Key), 0);
        assert_eq!(scope("key-of-a", CacheScoping::All), 0);
    }

    #[test]
    fn the_permit_ends_with_the_last_clone() {
        let keys = keys();
        let ask = || admit(&headers("x-api-key", "key-of-a"), &keys, CacheScoping::Key);
        let first = ask().unwrap();
        let clone = first.clone();
        drop(first);
        let refused = ask().unwrap_err();
        assert_eq!((refused.kind, refused.retry_after.is_some()), (ErrorKind::RateLimited, true));
        drop(clone);
        assert!(ask().is_ok());
    }

    #[test]
    fn public_are_health_and_what_is_the_same_for_everybody() {
        assert!(is_public(&Method::GET, "/health") && is_public(&Method::HEAD, "/health/live"));
        for path in
            ["/", "/health/", "//health", "/./health", "/HEALTH", "/%68ealth", "/health;x", "/health/x", "/metrics"]
        {
            assert!(!is_public(&Method::GET, path), "{path}");
        }
        assert!(!is_public(&Method::POST, "/health"));
        assert!(is_public(&Method::GET, "/page/app.js"));
        for path in
            ["/page/", "/page/..", "/page/../v1/models", "/page/%2e%2e/metrics", "/page/a/b", "/pagex", "//page/app.js"]
        {
            assert!(!is_public(&Method::GET, path), "{path}");
        }
    }
}
