//! How many drafts are worth their rows: [`Pace`] for a sequence, [`Payoff`] for the engine.

use super::N_DRAFTS_MAX;

/// Number of drafts of a sequence that has shown nothing yet.
const N_FIRST: usize = 4;
/// Number of steps without drafts after a sequence's drafts failed, doubled each time.
const REST_FIRST: usize = 4;
const REST_MAX: usize = 256;

/// A pace that follows a sequence's own luck: more drafts when all were right, fewer when not, none for a while when
/// none was.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    n: usize,
    rest: usize,
    n_resting: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { n: N_FIRST, rest: REST_FIRST, n_resting: 0 }
    }
}

impl Pace {
    /// Returns the number of drafts for the next step.
    pub(crate) fn next(&mut self) -> usize {
        if self.n_resting > 0 {
            self.n_resting -= 1;
            return 0;
        }
        self.n
    }

    /// Notes how many of the last drafts were right.
    pub(crate) fn learn(&mut self, n_drafted: usize, n_accepted: usize) {
        if n_drafted == 0 {
            return;
        }
        if n_accepted == n_drafted {
            self.n = (self.n * 2).min(N_DRAFTS_MAX);
            self.rest = REST_FIRST;
        } else if n_accepted > 0 {
            self.n = (n_accepted + 1).min(N_DRAFTS_MAX);
            self.rest = REST_FIRST;
        } else if self.n > 1 {
            self.n /= 2;
        } else {
            self.n_resting = self.rest;
            self.rest = (self.rest * 2).min(REST_MAX);
            self.n = 2;
        }
    }
}

/// Share of a new measurement in the running means.
const WEIGHT: f64 = 0.1;
/// Number of steps looked at before a verdict, and without drafts after it was no.
const N_TRIAL: u32 = 16;
const N_OFF_FIRST: u32 = 64;
const N_OFF_MAX: u32 = 4096;
/// Interval of steps that go without drafts, so that there is something to compare with.
const PLAIN_EVERY: u32 = 16;

/// A comparison of the time per token with drafts and without, which turns drafting off for a while where it loses.
#[derive(Clone, Debug)]
pub(crate) struct Payoff {
    /// Microseconds for a token of a sequence with drafts; those without follow.
    with_us: Option<f64>,
    without_us: Option<f64>,
    n_tried: u32,
    n_steps: u32,
    n_off: u32,
    off: u32,
}

impl Default for Payoff {
    fn default() -> Self {
        Self { with_us: None, without_us: None, n_tried: 0, n_steps: 0, n_off: 0, off: N_OFF_FIRST }
    }
}

impl Payoff {
    /// Whether the next step shall have drafts.
    pub(crate) fn is_on(&mut self) -> bool {
        if self.n_off > 0 {
            self.n_off -= 1;
            return false;
        }
        self.n_steps = self.n_steps.wrapping_add(1);
        !self.n_steps.is_multiple_of(PLAIN_EVERY)
    }

    /// Learns from a step without prompts, in which `n_sequences` went on by `n_tokens`.
    pub(crate) fn learn(&mut self, has_drafts: bool, n_sequences: usize, n_tokens: usize, us: f64) {
        if n_tokens == 0 || n_sequences == 0 {
            return;
        }
        let per_token = us * n_sequences as f64 / n_tokens as f64;
        let mean = if has_drafts { &mut self.with_us } else { &mut self.without_us };
        *mean = Some(mean.map_or(per_token, |old| old + WEIGHT * (per_token - old)));
        if !has_drafts {
            return;
        }
        self.n_tried += 1;
        if self.n_tried < N_TRIAL {
            return;
        }
        match (self.with_us, self.without_us) {
            (Some(with), Some(without)) if with > without => {
                self.n_off = self.off;
                self.off = (self.off * 2).min(N_OFF_MAX);
                self.n_tried = 0;
                self.with_us = None;
            }
            (Some(_), Some(_)) => self.off = N_OFF_FIRST,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lucky_sequence_drafts_more_and_an_unlucky_one_rests() {
        let mut pace = Pace::default();
        for expected in [4, 8, 16, 16] {
            assert_eq!(pace.next(), expected);
            pace.learn(expected, expected);
        }
        pace.learn(16, 3);
        assert_eq!(pace.next(), 4);
        let mut n_drafted = 0;
        for _ in 0..1000 {
            let n = pace.next();
            n_drafted += n;
            pace.learn(n, 0);
        }
        assert!(n_drafted < 60, "{n_drafted} useless drafts in 1000 steps");
    }

    #[test]
    fn drafting_that_does_not_pay_is_turned_off_and_tried_again() {
        let steps = |with_us: f64, n_tokens: usize| {
            let mut payoff = Payoff::default();
            (0..10_000)
                .filter(|_| {
                    let is_on = payoff.is_on();
                    let (tokens, us) = if is_on { (n_tokens, with_us) } else { (1, 10.0) };
                    payoff.learn(is_on, 1, tokens, us);
                    is_on
                })
                .count()
        };
        assert!(steps(15.0, 3) > 9000, "three tokens for the time of one and a half");
        let n = steps(15.0, 1);
        assert!((20..200).contains(&n), "one token for the time of one and a half: {n} steps with drafts");
    }
}
