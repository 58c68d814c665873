//! Whether a model is of use on this machine, in one line: does it fit, and how fast does it write, by a trial of some
//! seconds.

use std::ops::ControlFlow;

use eval::{
    bench::{self, Phase, Test},
    machine::Limits,
};
use gguf::Container;
use kernels::Kernels;
use model::{LoadOptions, Model};
use serde::Serialize;

use crate::{
    commands::{
        context_plan::default_context,
        model_args::{STEP_ROWS_MAX, check_generates},
    },
    failure::Failure,
    terminal::{self, bytes_text},
};

/// Seconds that a repetition of the trial would take if nothing were lost.
const REPETITION_SECONDS: f64 = 0.25;

/// Seconds that computing what stands before the tokens of the second half would take if nothing were lost.
const BEFORE_SECONDS: f64 = 0.5;

/// Tokens of a repetition at most, and before them.
const N_TOKENS_MAX: f64 = 64.0;
const N_BEFORE_MAX: f64 = 2048.0;

/// Counted repetitions of each half.
const N_REPETITIONS: usize = 3;

/// Tokens a second below which a model writes slower than people read English (some 240 words a minute, of 1.3 tokens
/// each), and twice that.
const READING: f64 = 5.0;
const FLUENT: f64 = 10.0;

/// What came of looking at a model.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// More memory is needed than is available.
    DoesNotFit,
    /// The model fits and was tried.
    Tried(Trial),
}

/// Speeds that were measured now.
#[derive(Serialize)]
pub(super) struct Trial {
    /// Tokens a second of the slowest repetition.
    pub(super) slowest: f64,
    /// Tokens a second of the fastest repetition.
    pub(super) fastest: f64,
    /// Mean of those at the beginning of a context.
    pub(super) at_beginning: f64,
    /// Mean of those behind `n_before` tokens.
    pub(super) behind: f64,
    pub(super) n_before: usize,
}

/// Whether a model is of use here: memory that is needed and available, and how fast it went.
#[derive(Serialize)]
pub(super) struct Verdict {
    /// Weights, cache and buffers of one conversation of `context_len` tokens.
    pub(super) memory_bytes: u64,
    pub(super) available_bytes: Option<u64>,
    pub(super) context_len: usize,
    pub(super) outcome: Outcome,
}

impl Verdict {
    /// Tries the model if it fits.
    pub(super) fn reach(
        container: &Container,
        kernels: Kernels,
        n_threads: usize,
        at_most: &Limits,
        available_bytes: Option<u64>,
    ) -> Result<Self, Failure> {
        check_generates(container)?;
        let context_len = default_context(container)?;
        let options =
            LoadOptions { context_len_max: Some(context_len), step_rows_max: STEP_ROWS_MAX, ..LoadOptions::DEFAULT };
        let plan = model::memory_plan_with(container, &options)?;
        let beside = [plan.copy_bytes, plan.packed_bytes, plan.kv_bytes, plan.state_bytes, plan.scratch_bytes];
        let memory_bytes = beside.into_iter().fold(plan.weight_bytes, u64::saturating_add);
        let outcome = if available_bytes.is_some_and(|available| memory_bytes > available) {
            Outcome::DoesNotFit
        } else {
            let mut model = Model::load(container, kernels, &options)?;
            Outcome::Tried(trial(&mut model, context_len, n_threads, at_most)?)
        };
        Ok(Self { memory_bytes, available_bytes, context_len, outcome })
    }

    /// The one line of it, about `model`.
    pub(super) fn line(&self, model: &str) -> String {
        let trial = match &self.outcome {
            Outcome::DoesNotFit => {
                let (needed, available) = (self.memory_bytes, self.available_bytes.unwrap_or(0));
                let [needed, available] = [needed, available].map(bytes_text);
                return format!("{model} does not fit: it needs {needed} of memory, and {available} are available");
            }
            Outcome::Tried(trial) => trial,
        };
        let how = match trial.slowest {
            FLUENT.. => "runs well here",
            READING.. => "runs here about as fast as people read",
            _ => "runs here, slower than people read",
        };
        format!("{model} {how}: {}", range(trial.slowest, trial.fastest))
    }
}

/// Two speeds, to as many figures as another run would confirm.
fn range(slowest: f64, fastest: f64) -> String {
    let rounded = |speed: f64| match speed {
        100.0.. => format!("{:.0}", (speed / 10.0).round() * 10.0),
        10.0.. => format!("{speed:.0}"),
        _ => format!("{speed:.1}"),
    };
    let (low, high) = (rounded(slowest), rounded(fastest));
    if low == high { format!("about {high} tokens/s") } else { format!("{low} to {high} tokens/s") }
}

/// Generation at the beginning of a context, and behind as much as can be computed in the time.
fn trial(model: &mut Model, context_len: usize, n_threads: usize, at_most: &Limits) -> Result<Trial, Failure> {
    let tokens_in = |speed: f64, seconds: f64, n_max: f64| (speed * seconds).clamp(1.0, n_max) as usize;
    let decode = at_most.decode_tokens_per_second;
    let n_tokens = tokens_in(decode, REPETITION_SECONDS, N_TOKENS_MAX).min((context_len / 4).max(1));
    let prefill = at_most.prefill_tokens_per_second.unwrap_or(decode);
    let n_before = tokens_in(prefill, BEFORE_SECONDS, N_BEFORE_MAX).min(context_len / 2);
    let mut measure = |depth: usize| {
        let test = Test { phase: Phase::Generation, n_tokens, depth, n_sequences: 1 };
        bench::measure(model, test, N_REPETITIONS, n_threads, &mut || {
            if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    };
    let (beginning, behind) = (measure(0)?, measure(n_before)?);
    let samples = || beginning.samples.iter().chain(&behind.samples).copied();
    Ok(Trial {
        slowest: samples().fold(f64::INFINITY, f64::min),
        fastest: samples().fold(0.0, f64::max),
        at_beginning: beginning.tokens_per_second,
        behind: behind.tokens_per_second,
        n_before,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(slowest: f64, fastest: f64) -> String {
        let trial = Trial { slowest, fastest, at_beginning: fastest, behind: slowest, n_before: 9 };
        let outcome = Outcome::Tried(trial);
        Verdict { memory_bytes: 1, available_bytes: None, context_len: 9, outcome }.line("m")
    }

    #[test]
    fn a_verdict_is_a_word_and_a_range() {
        assert_eq!(line(203.9, 281.0), "m runs well here: 200 to 280 tokens/s");
        assert_eq!(line(14.2, 14.4), "m runs well here: about 14 tokens/s");
        assert_eq!(line(5.04, 11.0), "m runs here about as fast as people read: 5.0 to 11 tokens/s");
        assert_eq!(line(0.32, 0.4), "m runs here, slower than people read: 0.3 to 0.4 tokens/s");
        let outcome = Outcome::DoesNotFit;
        let verdict =
            Verdict { memory_bytes: 4_200_000_000, available_bytes: Some(31_000_000), context_len: 9, outcome };
        assert_eq!(verdict.line("m"), "m does not fit: it needs 4.20 GB of memory, and 31.0 MB are available");
    }
}
