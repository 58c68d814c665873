//! Who asks: API keys, what each may do and use up, and the cache scope that follows from the key.
//!
//! The gate authenticates every request before any route is looked for; only public paths answer without a key. A key
//! itself is nowhere kept: only its SHA-256.

mod keys;
mod rate;
mod rights;
mod scope;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderValue, Method, header};

use keys::{Key, digest_of};
pub use keys::{KeyError, KeyFileFormat, KeyLimits, Keys};
pub(crate) use rate::waits;
pub use rights::Rights;
pub use scope::{SCOPE_SALT_BYTES, ScopeSalt};

use crate::{
    app::ServerOptions,
    error::{ApiError, ErrorKind},
    tally::Tally,
    web_files,
};

/// Whether callers with different keys share cached prefixes. Who shares can tell by the time of an answer what others
/// asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CacheScoping {
    /// Each key has cached prefixes of its own.
    #[default]
    Key,
    /// All callers share cached prefixes.
    All,
}

/// Who asks: an extension of every request that passed the gate.
///
/// As long as a clone lives the request counts towards its key's concurrency; the gate holds one until the response's
/// body ends.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The scope within which the caller's requests share cached prefixes (`engine::CacheScope`).
    pub scope: u128,
    /// The owner of what is kept for the caller, which only requests with the same number reach: one for each key, and
    /// 0 where no keys are asked for.
    pub owner: u128,
    /// The tenant, a number of the key or of the connection: models are shared out between tenants first
    /// (`engine::TenantId`).
    pub tenant: u128,
    /// The key's name, or the first figures of its digest; None where no keys are asked for.
    pub key_id: Option<Arc<str>>,
    /// What the caller may do beyond asking a model.
    pub rights: Rights,
    /// What the request has cost so far.
    pub(crate) tally: Arc<Tally>,
    permit: Option<Arc<Permit>>,
}

impl Caller {
    /// Counts tokens, of prompts and generated ones, towards the key's tokens per minute.
    pub fn record_tokens(&self, n_tokens: u64) {
        if let Some(permit) = &self.permit {
            permit.key.use_tokens(n_tokens, Instant::now());
        }
    }

    /// The account that the caller's tokens are counted in, even when the request has ended; it holds no place.
    pub(crate) fn account(&self) -> Account {
        Account(self.permit.as_ref().map(|permit| Arc::clone(&permit.key)))
    }

    /// Most sequences that the caller may have in flight.
    pub(crate) fn sequences_max(&self) -> usize {
        let limit = self.permit.as_ref().and_then(|permit| permit.key.sequences_max());
        limit.map_or(usize::MAX, |n| n as usize)
    }

    /// Takes places for `n` sequences under the caller's key, until the permit is dropped.
    pub(crate) fn enter_sequences(&self, n: usize) -> Result<SequencePermit, ApiError> {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        let key = self.permit.as_ref().map(|permit| Arc::clone(&permit.key));
        if let Some(key) = &key {
            key.enter_sequences(n).map_err(KeyRefusal::into_error)?;
        }
        Ok(SequencePermit { key, n })
    }
}

/// Counts tokens, of prompts and generated ones, towards a key's tokens per minute.
#[derive(Clone, Default)]
pub(crate) struct Account(Option<Arc<Key>>);

impl Account {
    pub(crate) fn record_tokens(&self, n_tokens: usize) {
        if let Some(key) = &self.0 {
            key.use_tokens(n_tokens as u64, Instant::now());
        }
    }
}

/// The places of sequences in flight under a key.
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

/// The place of a request in flight under a key.
#[derive(Debug)]
struct Permit {
    key: Arc<Key>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.key.leave();
    }
}

/// Whether a path answers without a key: exactly these, as they are written, and only to look at. Below `/page/` are
/// the files that the page is made of, the same for everybody, as are those below `/web/`, the API's description and
/// the page that shows it.
pub(crate) fn is_public(method: &Method, path: &str) -> bool {
    let is_page_file = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'.' || b == b'-')
    };
    (method == Method::GET || method == Method::HEAD)
        && (matches!(path, "/health" | "/v1/health" | "/health/live" | "/openapi.json" | "/docs")
            || path.strip_prefix("/page/").is_some_and(is_page_file)
            || path == "/web"
            || path.strip_prefix("/web/").is_some_and(|name| name.is_empty() || web_files::is_name(name)))
}

/// Headers that a proxy adds: with one of them a request comes from somewhere else, whatever machine the connection
/// comes from.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// Whether a request comes from this machine: its connection does (`is_loopback`), and no header says that a proxy
/// passed it on.
pub(crate) fn is_local(headers: &HeaderMap, is_loopback: bool) -> bool {
    is_loopback && FORWARDED.iter().all(|name| !headers.contains_key(*name))
}

/// The caller of a request with these headers, admitted under the limits of its key. `is_local`: it comes from this
/// machine; `path` is what it asks for.
pub(crate) fn admit(
    headers: &HeaderMap,
    path: &str,
    is_local: bool,
    keys: &Keys,
    options: &ServerOptions,
) -> Result<Caller, ApiError> {
    let nobody =
        |rights| Caller { scope: 0, owner: 0, tenant: 0, key_id: None, rights, tally: Arc::default(), permit: None };
    if keys.is_empty() {
        return Ok(nobody(Rights::without_keys(is_local || options.open_admin)));
    }
    if options.open_metrics && is_local && path == "/metrics" && given_keys(headers).next().is_none() {
        return Ok(nobody(Rights::FIGURES));
    }
    let key = authenticate(headers, keys)?;
    key.enter(Instant::now()).map_err(KeyRefusal::into_error)?;
    let owner = options.scope_salt.scope_of(&key.digest);
    let scope = match options.cache_scoping {
        CacheScoping::All => 0,
        CacheScoping::Key => owner,
    };
    let (key_id, rights) = (Some(Arc::clone(&key.id)), key.rights);
    let permit = Some(Arc::new(Permit { key }));
    Ok(Caller { scope, owner, tenant: owner, key_id, rights, tally: Arc::default(), permit })
}

/// What a client sends as its key. It may send several; a few are looked at, so that headers full of keys are no faster
/// way to guess.
fn given_keys(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let bearers = headers.get_all(header::AUTHORIZATION).iter().filter_map(|v| v.as_bytes().strip_prefix(b"Bearer "));
    let named = ["x-api-key", "api-key"].into_iter().flat_map(|name| headers.get_all(name)).map(HeaderValue::as_bytes);
    bearers.chain(named).take(3)
}

/// The key that one of the headers carries.
fn authenticate(headers: &HeaderMap, keys: &Keys) -> Result<Arc<Key>, ApiError> {
    let mut given = given_keys(headers).peekable();
    let message = if given.peek().is_some() {
        "the API key is not one of this server's"
    } else {
        "an API key is needed: Authorization: Bearer KEY, or x-api-key: KEY"
    };
    let unauthorized = || ApiError::new(ErrorKind::Unauthorized, message).with_code("invalid_api_key");
    given.find_map(|key| keys.find(&digest_of(key))).ok_or_else(unauthorized)
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

    fn ask(headers: &HeaderMap, keys: &Keys, options: &ServerOptions) -> Result<Caller, ApiError> {
        admit(headers, "/v1/models", true, keys, options)
    }

    fn check(name: &'static str, value: &str, expected: Option<&str>) {
        let caller = ask(&headers(name, value), &keys(), &ServerOptions::default());
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
    fn only_the_first_three_keys_of_a_request_are_tried() {
        let asks = |given: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.append(header::HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            ask(&headers, &keys(), &ServerOptions::default()).is_ok()
        };
        let (wrong, right) = (("x-api-key", "wrong"), ("x-api-key", "key-of-b"));
        assert!(asks(&[right, wrong, wrong, wrong]) && asks(&[wrong, wrong, right]));
        assert!(!asks(&[wrong, wrong, wrong, right]));
        let bearer = ("authorization", "Bearer wrong");
        assert!(asks(&[bearer, wrong, ("api-key", "key-of-b")]));
        assert!(!asks(&[bearer, bearer, wrong, right]) && !asks(&[bearer, wrong, wrong, ("api-key", "key-of-b")]));
    }

    #[test]
    fn a_key_has_one_scope_and_only_it() {
        let scope = |key: &str, cache_scoping| {
            let options = ServerOptions { cache_scoping, ..ServerOptions::default() };
            ask(&headers("x-api-key", key), &keys(), &options).unwrap().scope
        };
        assert_eq!(scope("key-of-a", CacheScoping::Key), scope("key-of-a", CacheScoping::Key));
        assert_ne!(scope("key-of-a", CacheScoping::Key), scope("key-of-b", CacheScoping::Key));
        assert_ne!(scope("key-of-a", CacheScoping::Key), 0);
        assert_eq!(scope("key-of-a", CacheScoping::All), 0);
    }

    #[test]
    fn a_salt_that_is_kept_gives_the_same_scope_and_its_upper_half_names_the_key() {
        let scope = |salt: u8, key: &str| {
            let scope_salt = ScopeSalt::new([salt; SCOPE_SALT_BYTES]);
            let options = ServerOptions { scope_salt, ..ServerOptions::default() };
            ask(&headers("x-api-key", key), &keys(), &options).unwrap().scope
        };
        assert_eq!(scope(1, "key-of-a"), scope(1, "key-of-a"));
        assert_ne!(scope(1, "key-of-a"), scope(2, "key-of-a"));
        let owners = keys().cache_owners(&ScopeSalt::new([1; SCOPE_SALT_BYTES]));
        let uppers = ["key-of-a", "key-of-b"].map(|key| (scope(1, key) >> 64) as u64);
        assert_eq!(owners, uppers);
    }

    #[test]
    fn who_is_on_this_machine_is_its_operator_only_where_there_are_no_keys() {
        let plain = HeaderMap::new();
        let options = ServerOptions::default();
        let rights = |is_local, options: &ServerOptions| {
            admit(&plain, "/metrics", is_local, &Keys::default(), options).unwrap().rights
        };
        assert_eq!(rights(true, &options), Rights::OPERATOR);
        assert!(!rights(false, &options).is_operator && rights(false, &options).reads_figures);
        assert!(rights(false, &ServerOptions { open_admin: true, ..ServerOptions::default() }).is_operator);
        assert!(is_local(&plain, true) && !is_local(&plain, false));
        for name in FORWARDED {
            assert!(!is_local(&headers(name, "192.0.2.1"), true), "{name}");
        }
        // A scraper is let in by --open-metrics alone, for the metrics alone, from this machine alone, and not with a
        // wrong key.
        let open = ServerOptions { open_metrics: true, ..ServerOptions::default() };
        let scrape = |headers: &HeaderMap, path: &str, is_local, options: &ServerOptions| {
            admit(headers, path, is_local, &keys(), options).map(|caller| caller.rights)
        };
        assert_eq!(scrape(&plain, "/metrics", true, &open).unwrap(), Rights::FIGURES);
        assert!(scrape(&plain, "/metrics", true, &options).is_err());
        assert!(scrape(&plain, "/metrics", false, &open).is_err());
        assert!(scrape(&plain, "/slots", true, &open).is_err());
        assert!(scrape(&headers("x-api-key", "wrong"), "/metrics", true, &open).is_err());
        assert_eq!(scrape(&headers("x-api-key", "key-of-b"), "/metrics", true, &open).unwrap(), Rights::default());
    }

    #[test]
    fn the_permit_ends_with_the_last_clone() {
        let keys = keys();
        let ask = || ask(&headers("x-api-key", "key-of-a"), &keys, &ServerOptions::default());
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
        for path in ["/page/app.js", "/web", "/web/", "/web/trinity.wasm"] {
            assert!(is_public(&Method::GET, path), "{path}");
        }
        for path in [
            "/page/",
            "/page/..",
            "/page/../v1/models",
            "/page/%2e%2e/metrics",
            "/page/a/b",
            "/pagex",
            "//page/app.js",
            "/web/..",
            "/web/a/b",
            "/web/%2e%2e/metrics",
            "/webx",
        ] {
            assert!(!is_public(&Method::GET, path), "{path}");
        }
    }
}
