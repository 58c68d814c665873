//! [`StepBudget`]: how many prompt tokens a step may take beside the sequences that decode.
//!
//! A step costs a fixed part (weights are read and unpacked once) and a part for each row; both are learnt from the
//! steps themselves, as the line through (rows, time) that fits the last ones best. Without a bound of the user's,
//! prompts get [`PROMPT_SHARE`] times the time of decoding in a step, or more where that many more requests wait for
//! their first token than for their next. Where nobody decodes a step is bounded, too, so that whoever comes next does
//! not wait for the end of a long prompt. A user's bound is aimed at, as far as a prompt loses little by it, or holds
//! ([`StepBound`]).
//!
//! Where several tenants decode, those that have more sequences than others together at most double the time of a step
//! ([`StepBudget::level`]), and so do the prompts of those that have had more than others ([`StepBudget::spare_rows`]).

use crate::StepBound;

/// Weight that an observation keeps after the next one.
const MEMORY: f64 = 0.97;
/// Least number of prompt rows of a step, whatever they cost: a prompt is never starved by those that decode, and fewer
/// are not worth the weights that are read for them.
pub(crate) const PROMPT_ROWS_MIN: usize = 16;
/// Rows of the first step under a bound that holds. Each may have twice as many as the one before: code that is not
/// compiled well yet, as in a page just loaded, takes many times as long, and is soon forgotten that way.
const HELD_ROWS_FIRST: usize = 4;
/// Microseconds of a step before anything is measured; those of a row follow.
const FIXED_US_FIRST: f64 = 5000.0;
const ROW_US_FIRST: f64 = 500.0;
/// Time for prompts in a step, as a multiple of what its decoding takes: a prompt of 4,000 tokens then takes 1.45 times
/// as long as on an idle machine, and 8 streams get a token each 82 ms meanwhile (SmolLM2 on two cores,
/// docs/receipts/serve.json; with 1 it took 1.75 times as long).
const PROMPT_SHARE: f64 = 5.0;
/// Shortest bound of a step that is chosen, in microseconds: chunks of a few tokens waste the weights they read.
const AUTO_US_MIN: f64 = 20_000.0;
/// Longest bound of a step that is chosen, in microseconds, if prompts can be cut: more requests than one may decode
/// meanwhile.
const AUTO_US_MAX: f64 = 200_000.0;
/// Largest part by which a long prompt may take longer because steps are short, where nobody decodes: by the user's
/// bound, and without one.
const ALONE_LOSS_MAX: f64 = 0.1;
const AUTO_ALONE_LOSS_MAX: f64 = 0.03;

/// A budget of rows that learns what they cost from the steps themselves.
#[derive(Clone, Debug)]
pub(crate) struct StepBudget {
    bound: StepBound,
    rows_max: usize,
    /// Rows of a step that keeps a bound that holds, by what the last one took.
    held_rows: usize,
    line: Line,
    /// Time in microseconds that prompts of tenants that are ahead of others have not used yet.
    spare_us: f64,
}

/// The numbers of decoding sequences of tenants in a step, where several tenants have some.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Level {
    /// Number that every tenant has.
    pub(crate) least: usize,
    /// Number that no tenant exceeds.
    pub(crate) most: usize,
}

/// Weighted moments of (rows, microseconds), and the line that fits them.
#[derive(Clone, Debug)]
struct Line {
    weight: f64,
    rows: f64,
    us: f64,
    rows_rows: f64,
    rows_us: f64,
    fixed_us: f64,
    row_us: f64,
}

impl StepBudget {
    /// Makes the budget of a model that takes `rows_max` rows a step.
    pub(crate) fn new(rows_max: usize, bound: StepBound) -> Self {
        let line = Line {
            weight: 0.0,
            rows: 0.0,
            us: 0.0,
            rows_rows: 0.0,
            rows_us: 0.0,
            fixed_us: FIXED_US_FIRST,
            row_us: ROW_US_FIRST,
        };
        Self { bound, rows_max, held_rows: HELD_ROWS_FIRST, line, spare_us: 0.0 }
    }

    /// Number of prompt rows for a step in which `n_decoding` rows decode and `n_prompts` prompts are not computed yet.
    pub(crate) fn prompt_rows(&self, n_decoding: usize, n_prompts: usize) -> usize {
        let room = self.rows_max.saturating_sub(n_decoding);
        if n_decoding == 0 {
            return room.min(self.alone_rows());
        }
        let decode_us = self.line.us(n_decoding);
        let share = (n_prompts as f64 / n_decoding as f64).max(PROMPT_SHARE);
        let auto_us = (decode_us * (1.0 + share)).clamp(AUTO_US_MIN, AUTO_US_MAX.max(2.0 * decode_us));
        let step_us = match self.bound {
            StepBound::Chosen => auto_us,
            StepBound::Aimed(ms) => ms * 1000.0,
            StepBound::Held(_) => return room.min(self.held_rows.saturating_sub(n_decoding).max(1)),
        };
        let rows = (step_us - decode_us) / self.line.row_us;
        // A float is cast to the nearest in range.
        room.min((rows as usize).max(PROMPT_ROWS_MIN))
    }

    /// Number of rows of a step of prompts alone.
    fn alone_rows(&self) -> usize {
        let Line { fixed_us, row_us, .. } = self.line;
        let (step_us, loss_max) = match self.bound {
            StepBound::Chosen => (AUTO_US_MAX, AUTO_ALONE_LOSS_MAX),
            StepBound::Aimed(ms) => (ms * 1000.0, ALONE_LOSS_MAX),
            StepBound::Held(_) => return self.held_rows,
        };
        // A row costs `row_us + fixed_us / n` in steps of `n` rows.
        let n_least = fixed_us / (loss_max * row_us + (1.0 + loss_max) * fixed_us / self.rows_max as f64);
        (((step_us - fixed_us) / row_us).max(n_least).ceil() as usize).max(PROMPT_ROWS_MIN)
    }

    /// Returns how many decoding sequences each tenant may have in a step, where they have `n_decoding`: so many that a
    /// step takes at most twice as long as if all had as few as the most modest. Tenants without any do not count.
    pub(crate) fn level(&self, n_decoding: impl Iterator<Item = usize>) -> Level {
        let mut wanted: Vec<usize> = n_decoding.filter(|n| *n > 0).collect();
        wanted.sort_unstable();
        let least = match wanted.as_slice() {
            [least, _, ..] => *least,
            _ => return Level { least: usize::MAX, most: usize::MAX },
        };
        let n_modest = least * wanted.len();
        let n_spare = self.line.us(n_modest) / self.line.row_us;
        let mut n_left = n_modest + n_spare as usize;
        for (i, n) in wanted.iter().enumerate() {
            let share = n_left / (wanted.len() - i);
            if *n > share {
                return Level { least, most: share };
            }
            n_left -= n;
        }
        Level { least, most: usize::MAX }
    }

    /// Returns the prompt rows for tenants that are ahead of others, in a step of `n_modest` rows and `n_excess` for
    /// tenants that have more sequences than others: together they take as long as the rest. What is too little for a
    /// step is kept for the next.
    pub(crate) fn spare_rows(&mut self, n_modest: usize, n_excess: usize) -> usize {
        let modest_us = self.line.us(n_modest);
        let chunk_us = PROMPT_ROWS_MIN as f64 * self.line.row_us;
        let spare_us = self.spare_us + modest_us - n_excess as f64 * self.line.row_us;
        self.spare_us = spare_us.clamp(0.0, modest_us.max(2.0 * chunk_us));
        if self.spare_us < chunk_us { 0 } else { (self.spare_us / self.line.row_us) as usize }
    }

    /// Notes that `n_rows` were planned for tenants that are ahead of others.
    pub(crate) fn spend(&mut self, n_rows: usize) {
        self.spare_us = (self.spare_us - n_rows as f64 * self.line.row_us).max(0.0);
    }

    /// Notes a step of `n_rows` that took `us`.
    pub(crate) fn measured(&mut self, n_rows: usize, us: f64) {
        self.line.learn(n_rows as f64, us);
        if let StepBound::Held(ms) = self.bound {
            // A float is cast to the nearest in range.
            let rows = (n_rows as f64 * ms * 1000.0 / us.max(1.0)) as usize;
            // A small step that kept the bound says nothing against larger ones.
            let kept = self.held_rows.max(rows.min(2 * n_rows));
            let held_rows = if us <= ms * 1000.0 { kept } else { self.held_rows.min(rows) };
            self.held_rows = held_rows.min(self.rows_max).max(1);
        }
    }

    /// Returns the microseconds that recomputing `n_tokens` would take, in a step with others.
    pub(crate) fn prompt_us(&self, n_tokens: usize) -> f64 {
        n_tokens as f64 * self.line.row_us
    }
}

impl Line {
    fn us(&self, n_rows: usize) -> f64 {
        self.fixed_us + self.row_us * n_rows as f64
    }

    fn learn(&mut self, rows: f64, us: f64) {
        for (moment, new) in [
            (&mut self.weight, 1.0),
            (&mut self.rows, rows),
            (&mut self.us, us),
            (&mut self.rows_rows, rows * rows),
            (&mut self.rows_us, rows * us),
        ] {
            *moment = *moment * MEMORY + new;
        }
        let (mean_rows, mean_us) = (self.rows / self.weight, self.us / self.weight);
        let variance = self.rows_rows / self.weight - mean_rows * mean_rows;
        let covariance = self.rows_us / self.weight - mean_rows * mean_us;
        // Where all steps were about as large, they say nothing about what a row costs.
        if variance > 4.0 && covariance > 0.0 {
            self.row_us = (covariance / variance).min(mean_us / mean_rows);
        }
        self.row_us = self.row_us.min(mean_us / mean_rows);
        self.fixed_us = (mean_us - self.row_us * mean_rows).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the budget of a machine on which a step takes 10 ms and half a millisecond for each row.
    fn trained(bound: StepBound) -> StepBudget {
        StepBudget { bound, ..trained_on(10_000.0, 500.0) }
    }

    fn trained_on(fixed_us: f64, row_us: f64) -> StepBudget {
        let mut budget = StepBudget::new(512, StepBound::Chosen);
        for i in 0..200 {
            let n_rows = 1 + i * 7 % 100;
            budget.measured(n_rows, fixed_us + row_us * n_rows as f64);
        }
        budget
    }

    #[test]
    fn prompt_rows_fill_the_time_that_decoding_leaves() {
        let budget = trained(StepBound::Aimed(50.0));
        assert!((71..=72).contains(&budget.prompt_rows(8, 1)), "36 ms at half a millisecond a row");
        assert_eq!(budget.prompt_rows(500, 1), 12, "no more than the step holds");
        assert!((budget.prompt_us(1000) - 500_000.0).abs() < 1000.0);
        let slow = trained(StepBound::Aimed(5.0));
        assert_eq!(slow.prompt_rows(8, 1), PROMPT_ROWS_MIN, "a prompt is never starved");
    }

    /// Steps under a bound that holds, where the first ones take `cold` times as long: their rows and microseconds.
    fn held(ms: f64, rows_max: usize, cold: f64, us: impl Fn(usize) -> f64) -> Vec<(usize, f64)> {
        let mut budget = StepBudget::new(rows_max, StepBound::Held(ms));
        let mut step = |i: usize| {
            let n_rows = budget.prompt_rows(0, 1);
            let us = us(n_rows) * if i < 3 { cold } else { 1.0 };
            budget.measured(n_rows, us);
            (n_rows, us)
        };
        (0..60).map(&mut step).collect()
    }

    #[test]
    fn a_bound_that_holds_is_kept_whatever_a_prompt_loses() {
        // 33 ms and 16.5 for each row: what a page took for a model of 135 million weights.
        let us = |n_rows: usize| 33_000.0 + 16_500.0 * n_rows as f64;
        for (ms, rows) in [(40.0, 1), (100.0, 4), (200.0, 10), (400.0, 22), (1e5, 64)] {
            let steps = held(ms, 64, 1.0, us);
            for (n_rows, us) in &steps[8..] {
                assert!(*n_rows == 1 || *us <= 1.1 * ms * 1000.0, "{ms} ms: {steps:?}");
            }
            let n_rows = steps[8..].iter().map(|step| step.0).sum::<usize>() as f64 / (steps.len() - 8) as f64;
            assert!((n_rows - f64::from(rows)).abs() <= 0.2 * f64::from(rows) + 1.0, "{ms} ms: {n_rows}, {steps:?}");
        }
    }

    #[test]
    fn slow_first_steps_are_forgotten_at_once() {
        let steps = held(200.0, 64, 20.0, |n_rows| 33_000.0 + 16_500.0 * n_rows as f64);
        assert!(steps[10..].iter().all(|step| step.0 >= 7), "{steps:?}");
    }

    #[test]
    fn whoever_decodes_counts_towards_a_bound_that_holds() {
        let mut budget = StepBudget::new(64, StepBound::Held(100.0));
        for _ in 0..5 {
            budget.measured(10, 100_000.0);
        }
        assert_eq!((budget.prompt_rows(0, 1), budget.prompt_rows(4, 1), budget.prompt_rows(20, 1)), (10, 6, 1));
        // An answer, a row a step, leaves what the next prompt may have.
        (0..100).for_each(|_| budget.measured(1, 30_000.0));
        assert_eq!(budget.prompt_rows(0, 1), 10);
    }

    #[test]
    fn a_prompt_alone_leaves_room_for_newcomers_and_loses_little() {
        let us_of_row = |n_rows: f64| 500.0 + 10_000.0 / n_rows;
        for (bound, us_max, loss_max) in [
            (StepBound::Chosen, 200_000.0, 0.03),
            (StepBound::Aimed(200.0), 200_000.0, 0.1),
            (StepBound::Aimed(150.0), 150_000.0, 0.1),
            // As short as the loss allows.
            (StepBound::Aimed(1.0), 90_000.0, 0.1),
        ] {
            let n_rows = trained(bound).prompt_rows(0, 1) as f64;
            let us = 10_000.0 + 500.0 * n_rows;
            assert!(us <= us_max + 1000.0, "{bound:?}: {n_rows} rows");
            assert!(us_of_row(n_rows) <= (1.0 + loss_max) * us_of_row(512.0) * 1.001, "{bound:?}: {n_rows} rows");
        }
    }

    #[test]
    fn whoever_has_more_sequences_at_most_doubles_the_step() {
        let budget = trained(StepBound::Chosen);
        let level = |wanted: &[usize]| budget.level(wanted.iter().copied());
        let none = Level { least: usize::MAX, most: usize::MAX };
        assert_eq!((level(&[]), level(&[64]), level(&[0, 64])), (none, none, none), "nobody else decodes");
        assert_eq!(level(&[1; 64]), Level { least: 1, most: usize::MAX });
        // Eight rows take 14 ms: so much for 28 more.
        let flood = level(&[1, 1, 1, 1, 1, 1, 1, 57]);
        assert!(flood.least == 1 && (28..=29).contains(&flood.most), "{flood:?}");
        let two = level(&[57, 1, 1, 57]);
        assert!((12..=13).contains(&two.most), "{two:?}");
        assert_eq!(level(&[8, 8, 9]), Level { least: 8, most: usize::MAX });
    }

    #[test]
    fn what_is_spare_is_saved_up_to_a_chunk() {
        let mut budget = trained_on(1000.0, 500.0);
        // A row and the fixed part take 1.5 ms, three rows of prompts; 16 make a chunk.
        let rows: Vec<usize> = (0..60)
            .map(|_| {
                let n_rows = budget.spare_rows(1, 0).min(16);
                budget.spend(n_rows);
                n_rows
            })
            .collect();
        let n: usize = rows.iter().sum();
        assert!((144..=180).contains(&n) && rows.iter().all(|n| [0, 16].contains(n)), "{rows:?}");
        assert_eq!(budget.spare_rows(1, 100), 0, "all of it is decoded");
    }

    #[test]
    fn by_itself_a_step_takes_six_times_what_decoding_takes_or_more_where_more_wait() {
        let budget = trained(StepBound::Chosen);
        let check = |n_decoding, n_prompts, expected: usize, why| {
            let rows = budget.prompt_rows(n_decoding, n_prompts);
            assert!((expected - 1..=expected + 1).contains(&rows), "{why}: {rows} rows");
        };
        check(20, 1, 200, "five times 20 ms");
        check(8, 56, 196, "seven times 14 ms");
        check(1, 1000, 379, "but not more than 200 ms in all");
        let quick = trained_on(1000.0, 100.0);
        let rows = quick.prompt_rows(1, 1);
        assert!((188..=190).contains(&rows), "a step of 20 ms: {rows} rows");
    }

    #[test]
    fn steps_of_one_size_leave_the_price_of_a_row_as_it_was() {
        let mut budget = trained(StepBound::Chosen);
        for _ in 0..1000 {
            budget.measured(16, 18_000.0);
        }
        assert!((budget.line.row_us - 500.0).abs() < 5.0, "{:?}", budget.line);
        assert!((budget.line.us(16) - 18_000.0).abs() < 100.0);
    }
}
