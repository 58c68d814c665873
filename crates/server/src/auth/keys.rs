//! Key files: one key a line, or TOML or JSON with limits per key.
//!
//! Errors name the line and never what stands on it.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    KeyRefusal, Rights, ScopeSalt,
    rate::{Concurrency, PerMinute},
};
use crate::limits::{KEY_BYTES_MAX, KEY_FILE_BYTES_MAX, KEYS_MAX, PROMPTS_MAX};

/// The SHA-256 of a key.
pub(super) type KeyDigest = [u8; 32];

/// The digest of a key as a client sends it.
pub(super) fn digest_of(key: &[u8]) -> KeyDigest {
    Sha256::digest(key).into()
}

/// Limits of what a key may use up; `None` where there is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyLimits {
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, of prompts and written. The request that goes over ends; the next waits.
    pub tokens_per_minute: Option<u32>,
    /// Requests in flight at once.
    pub concurrent_requests: Option<u32>,
    /// Sequences in flight at once, each choice of each prompt one. `None`: as many as the key's requests may have
    /// prompts, if requests are limited.
    pub concurrent_sequences: Option<u32>,
}

/// Why keys cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read as a whole.
    #[error("{file}: {message}")]
    File {
        /// Name of the file.
        file: String,
        /// What is wrong.
        message: String,
    },
    /// One key of the file is wrong.
    #[error("{file}: key {number}: {message}")]
    Key {
        /// File, or flag, that the key came from.
        file: String,
        /// Number of the key in it, from 1.
        number: usize,
        /// What is wrong.
        message: String,
    },
}

/// How a key file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFileFormat {
    /// One key a line; empty lines and lines that begin with `#` are skipped.
    Lines,
    /// `[[keys]]` with `key`, and perhaps `name`, limits (`requests_per_minute`, `tokens_per_minute`,
    /// `concurrent_requests`, `concurrent_sequences`) and rights (`priority_max`, `metrics`, `kg_write`, `admin`).
    Toml,
    /// `{"keys": [{"key": …}]}` with the same fields.
    Json,
}

impl KeyFileFormat {
    /// The format that the ending of a file's name says.
    pub fn of(name: &str) -> Self {
        match name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).as_deref() {
            Some("toml") => Self::Toml,
            Some("json") => Self::Json,
            _ => Self::Lines,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    keys: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    key: String,
    name: Option<String>,
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u32>,
    concurrent_requests: Option<u32>,
    concurrent_sequences: Option<u32>,
    priority_max: Option<i32>,
    #[serde(default)]
    metrics: bool,
    #[serde(default)]
    kg_write: bool,
    #[serde(default)]
    admin: bool,
}

impl KeyEntry {
    /// The rights of the key. None goes before others, unless the key says so or is the operator's.
    fn rights(&self) -> Rights {
        Rights {
            is_operator: self.admin,
            reads_figures: self.admin || self.metrics,
            writes_facts: self.admin || self.kg_write,
            priority_max: self.priority_max.unwrap_or(if self.admin { Rights::OPERATOR.priority_max } else { 0 }),
        }
    }
}

/// A key: its digest, its limits and what of them is used up.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) id: Arc<str>,
    pub(super) digest: KeyDigest,
    pub(super) rights: Rights,
    limits: KeyLimits,
    requests: Option<Mutex<PerMinute>>,
    tokens: Option<Mutex<PerMinute>>,
    running: Concurrency,
    sequences: Concurrency,
}

impl Key {
    /// Takes the place of a request, or says when to come back.
    pub(super) fn enter(&self, now: Instant) -> Result<(), KeyRefusal> {
        if let Some(tokens) = &self.tokens {
            let wait = lock(tokens).wait(now);
            if !wait.is_zero() {
                let message = format!("the key's {} tokens a minute are used up", lock(tokens).limit());
                return Err(KeyRefusal { message, retry_after: wait });
            }
        }
        self.running.enter()?;
        if let Some(requests) = &self.requests {
            let mut requests = lock(requests);
            let wait = requests.wait(now);
            if !wait.is_zero() {
                let message = format!("the key's {} requests a minute are used up", requests.limit());
                self.running.leave();
                return Err(KeyRefusal { message, retry_after: wait });
            }
            requests.take(1, now);
        }
        Ok(())
    }

    /// Gives back the place of a request.
    pub(super) fn leave(&self) {
        self.running.leave();
    }

    /// Takes the places of `n` sequences, or says when to come back.
    pub(super) fn enter_sequences(&self, n: u32) -> Result<(), KeyRefusal> {
        self.sequences.enter_with(n)
    }

    /// Most sequences in flight at once; `None` if there is no limit.
    pub(super) fn sequences_max(&self) -> Option<u32> {
        self.sequences.limit()
    }

    /// Gives back the places of `n` sequences.
    pub(super) fn leave_sequences(&self, n: u32) {
        self.sequences.leave_with(n);
    }

    /// Counts tokens towards the tokens per minute.
    pub(super) fn use_tokens(&self, n_tokens: u64, now: Instant) {
        if let Some(tokens) = &self.tokens {
            lock(tokens).take(n_tokens, now);
        }
    }
}

fn lock(rate: &Mutex<PerMinute>) -> std::sync::MutexGuard<'_, PerMinute> {
    // A rate is numbers: whole even if a holder panicked.
    rate.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All keys that open this server. Cheap to clone.
#[derive(Clone, Default, Debug)]
pub struct Keys(Arc<Vec<Arc<Key>>>);

impl Keys {
    /// Reads the text of a key file; `file` stands in errors.
    pub fn parse(file: &str, text: &str, format: KeyFileFormat) -> Result<Self, KeyError> {
        let mut keys = Self::default();
        keys.add_file(file, text, format)?;
        Ok(keys)
    }

    /// Adds the keys of a key file's text; `file` stands in errors.
    pub fn add_file(&mut self, file: &str, text: &str, format: KeyFileFormat) -> Result<(), KeyError> {
        let error = |message: String| KeyError::File { file: file.to_owned(), message };
        if text.len() > KEY_FILE_BYTES_MAX {
            return Err(error(format!("{} bytes, the limit is {KEY_FILE_BYTES_MAX}", text.len())));
        }
        let entries = match format {
            KeyFileFormat::Lines => lines(text),
            // The readers' own messages quote the text, and the text is keys.
            KeyFileFormat::Toml => toml::from_str::<KeyFile>(text).map(|f| f.keys).map_err(|e| {
                let line = e.span().map_or(0, |s| text.bytes().take(s.start).filter(|b| *b == b'\n').count() + 1);
                error(format!("line {line}: not TOML with [[keys]] of known fields"))
            })?,
            KeyFileFormat::Json => serde_json::from_str::<KeyFile>(text).map(|f| f.keys).map_err(|e| {
                error(format!("line {} column {}: not JSON with \"keys\" of known fields", e.line(), e.column()))
            })?,
        };
        if entries.is_empty() {
            return Err(error("no key in it".to_owned()));
        }
        for (index, entry) in entries.into_iter().enumerate() {
            self.add(file, index + 1, &entry)?;
        }
        Ok(())
    }

    /// Adds a key without limits; `origin` (a flag's name) stands in errors.
    pub fn add_key(&mut self, origin: &str, key: &str) -> Result<(), KeyError> {
        self.add(origin, 1, &plain(key))
    }

    /// Adds the operator's key, without limits and with all rights; `origin` (a flag's name) stands in errors.
    pub fn add_admin_key(&mut self, origin: &str, key: &str) -> Result<(), KeyError> {
        self.add(origin, 1, &KeyEntry { admin: true, ..plain(key) })
    }

    /// These keys, of which those that `old` has in the same words go on with what they have used up and have running.
    #[must_use]
    pub fn going_on_from(&self, old: &Self) -> Self {
        let is_same = |a: &Key, b: &Key| (a.digest, &a.id, a.rights, a.limits) == (b.digest, &b.id, b.rights, b.limits);
        let by_digest: HashMap<KeyDigest, &Arc<Key>> = old.0.iter().map(|key| (key.digest, key)).collect();
        let go_on = |key: &Arc<Key>| match by_digest.get(&key.digest) {
            Some(known) if is_same(known, key) => Arc::clone(known),
            _ => Arc::clone(key),
        };
        Self(Arc::new(self.0.iter().map(go_on).collect()))
    }

    /// The upper halves of the keys' cache scopes.
    pub fn cache_owners(&self, salt: &ScopeSalt) -> Vec<u64> {
        self.0.iter().map(|key| (salt.scope_of(&key.digest) >> 64) as u64).collect()
    }

    fn add(&mut self, file: &str, number: usize, entry: &KeyEntry) -> Result<(), KeyError> {
        let error = |message: String| Err(KeyError::Key { file: file.to_owned(), number, message });
        let n_sequences_max = sequences_max(entry);
        let digest = match read_key(&entry.key) {
            Ok(digest) => digest,
            Err(message) => return error(message),
        };
        if self.0.len() == KEYS_MAX {
            return error(format!("the limit is {KEYS_MAX} keys"));
        }
        let id: Arc<str> = match &entry.name {
            Some(name) if is_name(name) => name.as_str().into(),
            Some(name) => return error(format!("name {name:?}: 1 to 64 of A-Z a-z 0-9 . _ : -")),
            None => digest
                .iter()
                .take(4)
                .fold("key-".to_owned(), |mut text, byte| {
                    let _ = write!(text, "{byte:02x}");
                    text
                })
                .into(),
        };
        for (name, limit) in [
            ("requests_per_minute", entry.requests_per_minute),
            ("tokens_per_minute", entry.tokens_per_minute),
            ("concurrent_requests", entry.concurrent_requests),
            ("concurrent_sequences", entry.concurrent_sequences),
        ] {
            if limit == Some(0) {
                return error(format!("{name}: 0 would lock it out"));
            }
        }
        if self.0.iter().any(|key| key.digest == digest) {
            return error("there twice".to_owned());
        }
        if self.0.iter().any(|key| key.id == id) {
            return error(format!("name {id:?}: there twice"));
        }
        if let Some(priority) = entry.priority_max.filter(|p| *p < 0) {
            return error(format!("priority_max: {priority}, expected 0 or more"));
        }
        let now = Instant::now();
        let per_minute = |limit: Option<u32>| limit.map(|n| Mutex::new(PerMinute::new(n, now)));
        Arc::make_mut(&mut self.0).push(Arc::new(Key {
            id,
            digest,
            rights: entry.rights(),
            limits: KeyLimits {
                requests_per_minute: entry.requests_per_minute,
                tokens_per_minute: entry.tokens_per_minute,
                concurrent_requests: entry.concurrent_requests,
                concurrent_sequences: entry.concurrent_sequences,
            },
            requests: per_minute(entry.requests_per_minute),
            tokens: per_minute(entry.tokens_per_minute),
            running: Concurrency::new(entry.concurrent_requests),
            sequences: Concurrency::new(n_sequences_max),
        }));
        Ok(())
    }

    /// Whether there is no key, so that none is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The key with this digest. Finding it takes the same time whichever it is, and if there is none.
    pub(super) fn find(&self, digest: &KeyDigest) -> Option<Arc<Key>> {
        let mut found = None;
        for key in self.0.iter() {
            let difference = key.digest.iter().zip(digest).fold(0, |sum, (a, b)| sum | (a ^ b));
            if std::hint::black_box(difference) == 0 {
                found = Some(key);
            }
        }
        found.map(Arc::clone)
    }
}

/// Most sequences that a key may have in flight: what it says, else what its limit of requests comes to.
fn sequences_max(entry: &KeyEntry) -> Option<u32> {
    let of_requests = |n: u32| n.saturating_mul(u32::try_from(PROMPTS_MAX).unwrap_or(u32::MAX));
    entry.concurrent_sequences.or(entry.concurrent_requests.map(of_requests))
}

fn lines(text: &str) -> Vec<KeyEntry> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(plain).collect()
}

fn plain(key: &str) -> KeyEntry {
    KeyEntry {
        key: key.to_owned(),
        name: None,
        requests_per_minute: None,
        tokens_per_minute: None,
        concurrent_requests: None,
        concurrent_sequences: None,
        priority_max: None,
        metrics: false,
        kg_write: false,
        admin: false,
    }
}

/// The digest of a key, or the one that `sha256:HEX` says.
fn read_key(key: &str) -> Result<KeyDigest, String> {
    if let Some(hex) = key.strip_prefix("sha256:") {
        return read_hex(hex).ok_or_else(|| "sha256: needs 64 hexadecimal figures".to_owned());
    }
    match key.len() {
        0 => Err("empty".to_owned()),
        n if n > KEY_BYTES_MAX => Err(format!("{n} bytes, the limit is {KEY_BYTES_MAX}")),
        _ if !key.bytes().all(|b| b.is_ascii_graphic()) => {
            Err("holds a space, a control character or something beyond ASCII, which no header carries".to_owned())
        }
        _ => Ok(digest_of(key.as_bytes())),
    }
}

fn read_hex(hex: &str) -> Option<KeyDigest> {
    let mut digest = KeyDigest::default();
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        let figure = |b: u8| char::from(b).to_digit(16);
        *byte = u8::try_from(figure(pair[0])? * 16 + figure(pair[1])?).ok()?;
    }
    Some(digest)
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, format: KeyFileFormat, says: &str) {
        let error = Keys::parse("keys.txt", text, format).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn three_ways_to_write_the_same() {
        let hash = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"; // of "secret"
        let toml = format!("[[keys]]\nkey = \"{hash}\"\nname = \"ann\"\nrequests_per_minute = 3\n");
        let json = format!("{{\"keys\": [{{\"key\": \"{hash}\"}}]}}");
        let lines = format!("# one\n\n  secret  \nsha256:{}\n", "0".repeat(64));
        for (text, format, name, n) in [
            (toml, KeyFileFormat::Toml, "ann", 1),
            (json, KeyFileFormat::Json, "key-2bb80d53", 1),
            (lines, KeyFileFormat::Lines, "key-2bb80d53", 2),
        ] {
            let keys = Keys::parse("k", &text, format).unwrap();
            assert_eq!(keys.len(), n);
            assert_eq!(&*keys.find(&digest_of(b"secret")).unwrap().id, name);
            assert!(keys.find(&digest_of(b"secre")).is_none());
            assert!(!format!("{keys:?}").contains("secret"));
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_keys_are_not() {
        check("", KeyFileFormat::Lines, "no key in it");
        check("a\nsecret\nsecret", KeyFileFormat::Lines, "key 3: there twice");
        check("my secret", KeyFileFormat::Lines, "key 1: holds a space");
        check("sha256:secret", KeyFileFormat::Lines, "64 hexadecimal");
        check(&format!("secret{}", "x".repeat(600)), KeyFileFormat::Lines, "606 bytes, the limit is 512");
        check("\n[[keys]]\nkey = \"secret\"\nrate = 3\n", KeyFileFormat::Toml, "line 4");
        check("[[keys]]\nkey = \"secret\"\nrequests_per_minute = 0\n", KeyFileFormat::Toml, "requests_per_minute: 0");
        check("[[keys]]\nkey = \"secret\"\npriority_max = -1\n", KeyFileFormat::Toml, "priority_max: -1, expected 0");
        check("[[keys]]\nkey = \"secret\"\nname = \"a b\"\n", KeyFileFormat::Toml, "name \"a b\"");
        check("{\"keys\": [\"secret\"]}", KeyFileFormat::Json, "line 1");
        check("{\"keys\": []}", KeyFileFormat::Json, "no key");
    }

    #[test]
    fn rights_are_said_and_nobody_has_any_unasked() {
        let rights = |text: &str| {
            let text = format!("[[keys]]\nkey = \"secret\"\n{text}");
            let keys = Keys::parse("k", &text, KeyFileFormat::Toml).unwrap();
            keys.find(&digest_of(b"secret")).unwrap().rights
        };
        assert_eq!(rights(""), Rights { priority_max: 0, ..Rights::default() });
        assert_eq!(rights("priority_max = 7"), Rights { priority_max: 7, ..Rights::default() });
        assert_eq!(rights("metrics = true"), Rights::FIGURES);
        assert_eq!(rights("kg_write = true"), Rights { writes_facts: true, ..Rights::default() });
        assert_eq!(rights("admin = true"), Rights::OPERATOR);
        assert_eq!(rights("admin = true\npriority_max = 0").priority_max, 0);
        let mut keys = Keys::default();
        keys.add_key("--api-key", "plain").unwrap();
        keys.add_admin_key("--admin-key", "secret").unwrap();
        let of = |key: &[u8]| keys.find(&digest_of(key)).unwrap().rights;
        assert_eq!((of(b"plain"), of(b"secret")), (Rights::default(), Rights::OPERATOR));
    }

    #[test]
    fn the_key_file_of_the_documents_is_one() {
        let document = include_str!("../../../../docs/operating.md");
        let (_, text) = document.split_once("```toml\n").unwrap();
        let keys = Keys::parse("k", text.split_once("```").unwrap().0, KeyFileFormat::Toml).unwrap();
        let rights = |key: &str| keys.find(&digest_of(key.as_bytes())).unwrap().rights;
        let expected = [("ann", Rights::default()), ("prometheus", Rights::FIGURES), ("operator", Rights::OPERATOR)];
        for (name, expected) in expected {
            assert_eq!(rights(&format!("key-of-{name}")), expected, "{name}");
        }
        assert_eq!(rights("key-of-on-call").priority_max, 100);
    }

    #[test]
    fn keys_that_are_read_again_go_on_with_what_is_used_up() {
        let parse = |limit: u32| {
            let text = format!("[[keys]]\nkey = \"secret\"\nrequests_per_minute = {limit}\n");
            Keys::parse("k", &text, KeyFileFormat::Toml).unwrap()
        };
        let enter = |keys: &Keys| keys.find(&digest_of(b"secret")).unwrap().enter(Instant::now()).is_ok();
        let old = parse(1);
        assert!(enter(&old) && !enter(&old));
        assert!(!enter(&parse(1).going_on_from(&old)), "the minute is still used up");
        assert!(enter(&parse(2).going_on_from(&old)), "another limit begins anew");
    }

    #[test]
    fn a_key_is_found_by_every_bit_of_its_digest() {
        let digest = digest_of(b"secret");
        for bit in 0..8 * digest.len() {
            let mut other = digest;
            other[bit / 8] ^= 1 << (bit % 8);
            let hex = other.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            let keys = Keys::parse("k", &format!("sha256:{hex}"), KeyFileFormat::Lines).unwrap();
            assert!(keys.find(&digest).is_none(), "bit {bit} differs");
            assert!(keys.find(&other).is_some());
        }
    }

    #[test]
    fn the_ending_says_the_format() {
        assert_eq!(KeyFileFormat::of("/etc/keys.TOML"), KeyFileFormat::Toml);
        assert_eq!(KeyFileFormat::of("keys.json"), KeyFileFormat::Json);
        assert_eq!(KeyFileFormat::of("keys"), KeyFileFormat::Lines);
    }
}
