//! What `specs/keep_alive.vibee` and `specs/rate_limiter.vibee` judge and no other crate may call. For
//! `tests/runner.rs` and nobody else.

use std::time::Duration;

use serde_json::Value;

use crate::{auth, models::KeepAlive, ollama};

/// What a `keep_alive` of Ollama's API says; `None` where it is refused.
pub fn keep_alive(value: Value) -> Option<KeepAlive> {
    ollama::keep_alive_of(value)
}

/// The waits of a key's bucket of `limit` a minute, which is asked at times after it was made and taken from each time.
pub fn waits(limit: u32, steps: &[(Duration, u64)]) -> Vec<Duration> {
    auth::waits(limit, steps)
}
