//! [`Tally`]: what one request has cost so far, for its line in the log, whichever way it ends.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Counts of one request: the engine's thread adds, the gate reads when the answer has been sent or its client has
/// left.
#[derive(Debug)]
pub(crate) struct Tally {
    started: Instant,
    model: OnceLock<String>,
    n_prompt: AtomicUsize,
    n_cached: AtomicUsize,
    n_completion: AtomicUsize,
    /// Microseconds from the start to the first token; 0 before it.
    first_us: AtomicU64,
    /// Microseconds from the start to the last token.
    last_us: AtomicU64,
}

/// What a [`Tally`] says of a request that asked a model.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) model: &'a str,
    /// Tokens of all prompts.
    pub(crate) n_prompt: usize,
    /// Tokens of the prompts that were cached.
    pub(crate) n_cached: usize,
    /// Tokens that were generated, of all choices.
    pub(crate) n_completion: usize,
    /// Time from the arrival of the request to its first token.
    pub(crate) to_first: Option<Duration>,
    /// Tokens a second of all choices together, from the first on; `None` where there is one token alone.
    pub(crate) tokens_per_second: Option<f64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            model: OnceLock::new(),
            n_prompt: AtomicUsize::new(0),
            n_cached: AtomicUsize::new(0),
            n_completion: AtomicUsize::new(0),
            first_us: AtomicU64::new(0),
            last_us: AtomicU64::new(0),
        }
    }
}

impl Tally {
    /// Counts one more prompt, for `model`.
    pub(crate) fn prompt(&self, model: &str, n_tokens: usize) {
        self.model.get_or_init(|| model.to_owned());
        self.n_prompt.fetch_add(n_tokens, Ordering::Relaxed);
    }

    /// Counts `n_tokens` of a prompt that were cached.
    pub(crate) fn cached(&self, n_tokens: usize) {
        self.n_cached.fetch_add(n_tokens, Ordering::Relaxed);
    }

    /// Counts a generated token.
    pub(crate) fn token(&self) {
        self.token_at(self.started.elapsed());
    }

    fn token_at(&self, elapsed: Duration) {
        let us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
        // Failing, it is not the first.
        let _ = self.first_us.compare_exchange(0, us, Ordering::Relaxed, Ordering::Relaxed);
        self.last_us.fetch_max(us, Ordering::Relaxed);
        self.n_completion.fetch_add(1, Ordering::Relaxed);
    }

    /// What there is to tell of the request; `None` if it asked no model.
    pub(crate) fn told(&self) -> Option<Told<'_>> {
        let [first, last] = [&self.first_us, &self.last_us].map(|us| us.load(Ordering::Relaxed));
        let n_completion = self.n_completion.load(Ordering::Relaxed);
        let seconds = last.saturating_sub(first) as f64 / 1e6;
        Some(Told {
            model: self.model.get()?,
            n_prompt: self.n_prompt.load(Ordering::Relaxed),
            n_cached: self.n_cached.load(Ordering::Relaxed),
            n_completion,
            to_first: (first > 0).then(|| Duration::from_micros(first)),
            tokens_per_second: (n_completion > 1 && seconds > 0.0).then(|| (n_completion - 1) as f64 / seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_the_rate_runs_from_the_first_token_on() {
        let tally = Tally::default();
        assert_eq!(tally.told(), None);
        tally.prompt("a", 7);
        tally.cached(3);
        let told = tally.told().unwrap();
        assert_eq!((told.model, told.n_prompt, told.n_cached, told.n_completion), ("a", 7, 3, 0));
        assert_eq!((told.to_first, told.tokens_per_second), (None, None));
        tally.token_at(Duration::from_millis(500));
        assert_eq!(tally.told().unwrap().tokens_per_second, None);
        tally.token_at(Duration::from_millis(750));
        tally.token_at(Duration::from_secs(1));
        let told = tally.told().unwrap();
        assert_eq!((told.to_first, told.tokens_per_second), (Some(Duration::from_millis(500)), Some(4.0)));
    }
}
