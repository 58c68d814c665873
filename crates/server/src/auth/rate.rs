//! What a key has used up: a bucket that fills by the minute, and a count of requests in flight.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use super::KeyRefusal;

/// The time after which a caller shall try again whose key has too much in flight: nobody knows when a request ends, so
/// a second.
const RETRY_CONCURRENCY: Duration = Duration::from_secs(1);

/// A token bucket, which holds a minute's worth when full and fills evenly. It may go below zero, because what a
/// request costs is known when it ends.
#[derive(Debug)]
pub(super) struct PerMinute {
    limit: u32,
    left: f64,
    at: Instant,
}

impl PerMinute {
    /// A full bucket.
    pub(super) fn new(limit: u32, now: Instant) -> Self {
        Self { limit, left: f64::from(limit), at: now }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    fn fill(&mut self, now: Instant) {
        let limit = f64::from(self.limit);
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + seconds * limit / 60.0).min(limit);
        self.at = self.at.max(now);
    }

    /// The time until one can be taken; zero if it can be now.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        self.fill(now);
        // Rounding must not make a client wait that comes exactly when it was told to.
        let missing = 1.0 - 1e-6 - self.left;
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(missing * 60.0 / f64::from(self.limit)).unwrap_or(Duration::MAX)
    }

    /// Takes `n`, whether they are there or not.
    pub(super) fn take(&mut self, n: u64, now: Instant) {
        self.fill(now);
        self.left -= n as f64;
    }
}

/// The waits of a bucket that is asked at some times after it was made, and taken from each time.
pub(crate) fn waits(limit: u32, steps: &[(Duration, u64)]) -> Vec<Duration> {
    let start = Instant::now();
    let mut bucket = PerMinute::new(limit, start);
    let step = |&(at, n): &(Duration, u64)| {
        let wait = bucket.wait(start + at);
        bucket.take(n, start + at);
        wait
    };
    steps.iter().map(step).collect()
}

/// The number of requests, or sequences, in flight under a key, and its limit.
#[derive(Debug)]
pub(super) struct Concurrency {
    limit: Option<u32>,
    running: AtomicU32,
}

impl Concurrency {
    pub(super) fn new(limit: Option<u32>) -> Self {
        Self { limit, running: AtomicU32::new(0) }
    }

    /// Counts one more, if there is room.
    pub(super) fn enter(&self) -> Result<(), KeyRefusal> {
        let limit = self.limit.unwrap_or(u32::MAX);
        let enter = |n: u32| (n < limit).then(|| n + 1);
        self.running.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enter).map(|_| ()).map_err(|n| KeyRefusal {
            message: format!("the key has {n} requests in flight, its limit"),
            retry_after: RETRY_CONCURRENCY,
        })
    }

    /// Counts one less.
    pub(super) fn leave(&self) {
        self.leave_with(1);
    }

    /// Counts `n_more` sequences, if there is room for all of them.
    pub(super) fn enter_with(&self, n_more: u32) -> Result<(), KeyRefusal> {
        let limit = self.limit.unwrap_or(u32::MAX);
        let enter = |n: u32| n.checked_add(n_more).filter(|sum| *sum <= limit);
        self.running.fetch_update(Ordering::SeqCst, Ordering::SeqCst, enter).map(|_| ()).map_err(|n| KeyRefusal {
            message: format!(
                "the key has {n} sequences in flight and asks for {n_more} more, each choice of each prompt one: its limit is {limit}"
            ),
            retry_after: RETRY_CONCURRENCY,
        })
    }

    /// Most that may be in flight; `None` if there is no limit.
    pub(super) fn limit(&self) -> Option<u32> {
        self.limit
    }

    /// Counts `n` less.
    pub(super) fn leave_with(&self, n: u32) {
        self.running.fetch_sub(n, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_s_worth_at_once_then_evenly() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut rate = PerMinute::new(60, start);
        for _ in 0..60 {
            assert_eq!(rate.wait(start), Duration::ZERO);
            rate.take(1, start);
        }
        let wait = rate.wait(start);
        assert!(wait > Duration::from_millis(999) && wait <= Duration::from_secs(1), "{wait:?}");
        assert!(!rate.wait(at(900)).is_zero());
        assert!(rate.wait(at(1000)).is_zero());
        // An hour idle fills it and no more.
        assert!(rate.wait(at(3_600_000)).is_zero());
        rate.take(60, at(3_600_000));
        assert!(!rate.wait(at(3_600_000)).is_zero());
    }

    #[test]
    fn a_debt_is_waited_for_and_time_does_not_go_back() {
        let start = Instant::now();
        let mut rate = PerMinute::new(600, start);
        rate.take(1800, start + Duration::from_secs(1));
        let wait = rate.wait(start + Duration::from_secs(1)).as_secs_f64();
        assert!((120.0..120.2).contains(&wait), "{wait}");
        assert!((rate.wait(start).as_secs_f64() - wait).abs() < 1e-6);
    }
}
