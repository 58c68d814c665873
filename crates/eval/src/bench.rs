//! Speed of prompt processing and generation, measured as llama-bench does: `ppN` is one prompt of N tokens from an empty cache, `tgN` is
//! N tokens generated one by one from an empty cache. One run of each is not counted.

use std::{ops::ControlFlow, time::Instant};

use model::{Forward, TokenId};
use serde::Serialize;

use crate::{Error, session::Session};

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Test {
    /// A prompt of so many tokens.
    Prompt(usize),
    /// So many generated tokens.
    Generation(usize),
}

impl Test {
    /// llama-bench's name of the row.
    pub fn name(self) -> String {
        match self {
            Self::Prompt(n) => format!("pp{n}"),
            Self::Generation(n) => format!("tg{n}"),
        }
    }

    fn n_tokens(self) -> usize {
        match self {
            Self::Prompt(n) | Self::Generation(n) => n,
        }
    }
}

/// One row of the table.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Row {
    /// `pp512`, `tg128`
    pub test: String,
    /// Mean of the samples.
    pub tokens_per_second: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Tokens per second of each repetition.
    pub samples: Vec<f64>,
    /// Tokens of a repetition.
    pub n_tokens: usize,
    /// Compute threads.
    pub n_threads: usize,
}

/// Runs `test` once uncounted and `n_repetitions` times counted; `progress` is called after each.
pub fn measure(
    model: &mut (dyn Forward + Send),
    test: Test,
    n_repetitions: usize,
    n_threads: usize,
    progress: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Row, Error> {
    let n_tokens = test.n_tokens();
    let mut session = Session::new(model);
    session.check("a test", n_tokens)?;
    for (parameter, value) in [("tokens", n_tokens), ("repetitions", n_repetitions)] {
        if value == 0 {
            return Err(Error::Parameter { parameter, value, expected: "at least 1" });
        }
    }
    // Which tokens is no matter of speed; different ones, so that no row of the embedding is favoured.
    let n_vocab = session.n_vocab() as u32;
    let tokens: Vec<TokenId> = (0..n_tokens as u32).map(|i| TokenId(i.wrapping_mul(2_654_435_761) % n_vocab)).collect();
    let mut samples = Vec::with_capacity(n_repetitions);
    for repetition in 0..=n_repetitions {
        session.clear();
        let start = Instant::now();
        match test {
            Test::Prompt(_) => session.prefill(&tokens),
            Test::Generation(_) => {
                let mut token = tokens.first().copied().unwrap_or(TokenId(0));
                for _ in 0..n_tokens {
                    token = session.decode(token);
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        if repetition > 0 {
            samples.push(n_tokens as f64 / seconds);
        }
        if progress().is_break() {
            return Err(Error::Cancelled);
        }
    }
    let mean = samples.iter().sum::<f64>() / samples.len() as f64;
    let squares: f64 = samples.iter().map(|s| (s - mean).powi(2)).sum();
    let deviation = if samples.len() > 1 { (squares / (samples.len() - 1) as f64).sqrt() } else { 0.0 };
    Ok(Row { test: test.name(), tokens_per_second: mean, deviation, samples, n_tokens, n_threads })
}
