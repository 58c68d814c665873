//! Tokens of the last seconds.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Number of seconds that are looked back.
const SECONDS: usize = 10;

/// Counts of the last seconds, in a ring with a place for each.
#[derive(Debug)]
pub(super) struct Window(Mutex<Ring>);

#[derive(Debug)]
struct Ring {
    start: Instant,
    /// The last second that was counted, from `start`.
    second: u64,
    counts: [u64; SECONDS],
}

impl Default for Window {
    fn default() -> Self {
        Self(Mutex::new(Ring { start: Instant::now(), second: 0, counts: [0; SECONDS] }))
    }
}

impl Ring {
    /// Empties the seconds that passed without a count.
    fn advance(&mut self, now: Instant) {
        let second = now.saturating_duration_since(self.start).as_secs();
        let passed = second.saturating_sub(self.second).min(SECONDS as u64);
        for step in 1..=passed {
            let at = ((self.second + step) % SECONDS as u64) as usize;
            self.counts[at] = 0;
        }
        // After a long pause every second was emptied, whichever ring index they had.
        self.second = self.second.max(second);
    }
}

impl Window {
    /// Adds `n` to the present second.
    pub(super) fn add(&self, n: u64, now: Instant) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.advance(now);
        let at = (ring.second % SECONDS as u64) as usize;
        ring.counts[at] += n;
    }

    /// The mean of the last seconds; of fewer where fewer have passed.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.advance(now);
        let age = now.saturating_duration_since(ring.start).as_secs_f64();
        let covered = (age - age.floor() + (SECONDS - 1) as f64).min(age).max(1.0);
        ring.counts.iter().sum::<u64>() as f64 / covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn old_tokens_are_forgotten() {
        let window = Window::default();
        let start = window.0.lock().unwrap().start;
        let at = |ms| start + Duration::from_millis(ms);
        for second in 0..20 {
            window.add(50, at(second * 1000 + 100));
            window.add(50, at(second * 1000 + 600));
        }
        let rate = window.per_second(at(19_999));
        assert!((95.0..=105.0).contains(&rate), "{rate}");
        assert_eq!(window.per_second(at(60_000)), 0.0);
        window.add(30, at(61_000));
        assert!((window.per_second(at(63_000)) - 30.0 / 9.0).abs() < 1e-9);
    }

    #[test]
    fn a_young_server_is_not_averaged_over_time_it_did_not_have() {
        let window = Window::default();
        let start = window.0.lock().unwrap().start;
        window.add(100, start);
        assert_eq!(window.per_second(start + Duration::from_secs(2)), 50.0);
    }
}
