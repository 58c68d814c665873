//! [`StepBudget`]: how many prompt tokens a step may take beside the sequences that decode.

/// Share of a new measurement in the running estimates.
const WEIGHT: f64 = 0.2;
/// Prompt rows of a step, whatever they cost: a prompt is never starved by those that decode.
const PROMPT_ROWS_MIN: usize = 16;
/// Before anything is measured: microseconds of a step without prompt rows, and of a prompt row.
const DECODE_US_FIRST: f64 = 10_000.0;
const PROMPT_ROW_US_FIRST: f64 = 1000.0;
/// Without a bound of the user's, a step with prompt rows may take this many times what decoding takes by itself.
const AUTO_FACTOR: f64 = 2.0;
/// But no step is made shorter than this, in microseconds: chunks of a few tokens waste the weights they read.
const AUTO_US_MIN: f64 = 20_000.0;

/// Learns what rows cost from the steps themselves.
#[derive(Clone, Debug)]
pub(crate) struct StepBudget {
    /// Bound of the user's.
    step_us_max: Option<f64>,
    rows_max: usize,
    /// Of a step with this many decoding rows and no others, microseconds; the index is the logarithm of the rows.
    decode_us: [Option<f64>; 16],
    prompt_row_us: Option<f64>,
}

impl StepBudget {
    /// For a model that takes `rows_max` rows a step; steps take at most `step_us_max` where that can be.
    pub(crate) fn new(rows_max: usize, step_us_max: Option<f64>) -> Self {
        Self { step_us_max, rows_max, decode_us: [None; 16], prompt_row_us: None }
    }

    /// Prompt rows for a step in which `n_decoding` rows decode.
    pub(crate) fn prompt_rows(&self, n_decoding: usize) -> usize {
        let room = self.rows_max.saturating_sub(n_decoding);
        if n_decoding == 0 {
            // Nobody waits for a token but those whose prompts these are.
            return room;
        }
        let decode_us = self.decode_us(n_decoding);
        let step_us = self.step_us_max.unwrap_or((AUTO_FACTOR * decode_us).max(AUTO_US_MIN));
        let rows = (step_us - decode_us) / self.prompt_row_us.unwrap_or(PROMPT_ROW_US_FIRST);
        // A float is cast to the nearest in range.
        room.min((rows as usize).max(PROMPT_ROWS_MIN))
    }

    /// Notes a step that took `us`.
    pub(crate) fn measured(&mut self, n_decoding: usize, n_prompt: usize, us: f64) {
        let learn = |old: &mut Option<f64>, new: f64| *old = Some(old.map_or(new, |old| old + WEIGHT * (new - old)));
        if n_prompt == 0 {
            if let Some(old) = self.decode_us.get_mut(Self::index(n_decoding)) {
                learn(old, us);
            }
        } else {
            let decode_us = if n_decoding == 0 { 0.0 } else { self.decode_us(n_decoding).min(us / 2.0) };
            learn(&mut self.prompt_row_us, (us - decode_us) / n_prompt as f64);
        }
    }

    /// What recomputing so many tokens would take.
    pub(crate) fn prompt_us(&self, n_tokens: usize) -> f64 {
        n_tokens as f64 * self.prompt_row_us.unwrap_or(PROMPT_ROW_US_FIRST)
    }

    fn index(n_decoding: usize) -> usize {
        n_decoding.max(1).ilog2() as usize
    }

    /// Of the nearest number of rows that was measured.
    fn decode_us(&self, n_decoding: usize) -> f64 {
        let index = Self::index(n_decoding).min(self.decode_us.len() - 1);
        let (below, above) = self.decode_us.split_at(index);
        let known = above.iter().chain(below.iter().rev()).flatten().next();
        known.copied().unwrap_or(DECODE_US_FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompt_rows_fill_the_time_that_decoding_leaves() {
        let mut budget = StepBudget::new(512, Some(50_000.0));
        assert_eq!(budget.prompt_rows(0), 512, "nobody decodes");
        for _ in 0..100 {
            budget.measured(8, 0, 10_000.0);
            budget.measured(8, 100, 60_000.0);
        }
        assert_eq!(budget.prompt_rows(8), 80, "40 ms at 0.5 ms a row");
        assert_eq!(budget.prompt_rows(500), 12, "no more than the step holds");
        budget.measured(0, 512, 512.0 * 500.0);
        assert!((budget.prompt_us(1000) - 500_000.0).abs() < 1.0);
    }

    #[test]
    fn by_itself_a_step_takes_twice_what_decoding_takes() {
        let mut budget = StepBudget::new(512, None);
        for _ in 0..100 {
            budget.measured(8, 0, 30_000.0);
            budget.measured(8, 60, 60_000.0);
        }
        assert_eq!(budget.prompt_rows(8), 60);
        for _ in 0..100 {
            budget.measured(8, 0, 1_000_000.0);
        }
        let mut slow = StepBudget::new(512, Some(50_000.0));
        slow.measured(8, 0, 80_000.0);
        assert_eq!(slow.prompt_rows(8), PROMPT_ROWS_MIN, "a prompt is never starved");
    }
}
