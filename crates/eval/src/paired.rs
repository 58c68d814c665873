//! Generation speed of two models that take turns, so that what else the machine does meets both alike.

use std::{ops::ControlFlow, time::Instant};

use model::{Forward, TokenId};
use serde::Serialize;

use crate::{
    Error,
    bench::{Sequences, Test},
};

/// A model with a filled context, ready to generate from there as often as wanted.
pub struct Runner<'a> {
    sequences: Sequences<'a>,
    /// Tokens that fill the context.
    before: Vec<TokenId>,
    tokens: Vec<TokenId>,
}

impl<'a> Runner<'a> {
    /// Fills the first `depth` positions; each turn generates `n_tokens` (at least 1) after them.
    pub fn new(model: &'a mut (dyn Forward + Send), depth: usize, n_tokens: usize) -> Result<Self, Error> {
        if n_tokens == 0 {
            return Err(Error::Parameter { parameter: "tokens", value: 0, expected: "at least 1" });
        }
        let mut sequences = Sequences::new(model, Test { depth, ..Test::generation(n_tokens) })?;
        let mut before = sequences.tokens(depth + n_tokens);
        let tokens = before.split_off(depth);
        sequences.prefill(&before);
        Ok(Self { sequences, before, tokens })
    }

    /// Generates once; returns the tokens per second.
    fn turn(&mut self) -> f64 {
        self.sequences.go_back(&self.before);
        let start = Instant::now();
        self.sequences.generate(&self.tokens);
        self.tokens.len() as f64 / start.elapsed().as_secs_f64()
    }
}

/// Speeds of two models that took turns: tokens per second of `base` and of `other` in each round, the median over the
/// rounds of `other / base`, and the lowest and the highest of these ratios.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Paired {
    pub base: Vec<f64>,
    pub other: Vec<f64>,
    pub ratio: f64,
    pub ratio_min: f64,
    pub ratio_max: f64,
}

/// Measures `n_rounds` after one that does not count; in each both have a turn, and who begins alternates. `progress`
/// is called after each.
pub fn measure(
    base: &mut Runner<'_>,
    other: &mut Runner<'_>,
    n_rounds: usize,
    progress: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Paired, Error> {
    if n_rounds == 0 {
        return Err(Error::Parameter { parameter: "rounds", value: 0, expected: "at least 1" });
    }
    let mut speeds = Vec::with_capacity(n_rounds);
    for round in 0..=n_rounds {
        let pair = if round % 2 == 0 {
            let base = base.turn();
            (base, other.turn())
        } else {
            let other = other.turn();
            (base.turn(), other)
        };
        if round > 0 {
            speeds.push(pair);
        }
        if progress().is_break() {
            return Err(Error::Cancelled);
        }
    }
    Ok(Paired::new(&speeds))
}

impl Paired {
    /// Summarises the speeds (base, other) of at least one round.
    fn new(speeds: &[(f64, f64)]) -> Self {
        let mut ratios: Vec<f64> = speeds.iter().map(|(base, other)| other / base).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |i: usize| ratios.get(i).copied().unwrap_or(f64::NAN);
        let last = ratios.len().saturating_sub(1);
        Self {
            base: speeds.iter().map(|pair| pair.0).collect(),
            other: speeds.iter().map(|pair| pair.1).collect(),
            ratio: f64::midpoint(at(last / 2), at(last.div_ceil(2))),
            ratio_min: at(0),
            ratio_max: at(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Paired;

    #[test]
    fn the_ratio_is_the_median_of_the_rounds() {
        // A disturbance that lasts a round slows both.
        let paired = Paired::new(&[(10.0, 8.0), (1.0, 0.9), (10.0, 7.0)]);
        assert_eq!((paired.ratio, paired.ratio_min, paired.ratio_max), (0.8, 0.7, 0.9));
        assert_eq!(Paired::new(&[(8.0, 4.0), (8.0, 6.0)]).ratio, 0.625);
    }
}
