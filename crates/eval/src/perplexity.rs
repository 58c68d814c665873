//! Perplexity of a text, windowed as llama.cpp's tool does, so that the numbers can be compared.
//!
//! The text is tokenised whole and cut into windows that do not overlap. Each window is computed from an empty cache; its first token is
//! replaced by the model's beginning token if it has one; the tokens of the second half are scored, each by the logits of the position
//! before it. Perplexity is `exp(mean of −ln p)` over all scored tokens; its error is the standard error of that mean, times perplexity.

use std::ops::ControlFlow;

use model::{Forward, TokenId};
use serde::Serialize;

use crate::{Error, session::Session};

/// Shortest window: two tokens of context, one scored.
const WINDOW_LEN_MIN: usize = 4;

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Tokens of a window, at least 4.
    pub window_len: usize,
    /// Most windows; all that the text fills if `None`.
    pub n_chunks: Option<usize>,
    /// Put in place of each window's first token.
    pub first: Option<TokenId>,
}

/// The result.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Perplexity {
    /// `exp(mean of −ln p)`
    pub perplexity: f64,
    /// Its standard error.
    pub error: f64,
    /// Tokens scored.
    pub n_scored: usize,
    /// Windows computed.
    pub n_chunks: usize,
    /// Tokens of a window.
    pub window_len: usize,
    /// After each window, over all so far.
    pub running: Vec<f64>,
}

/// Measures; `progress` is told windows done and perplexity so far.
pub fn measure(
    model: &mut (dyn Forward + Send),
    tokens: &[TokenId],
    options: &Options,
    progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
) -> Result<Perplexity, Error> {
    let window_len = options.window_len;
    if window_len < WINDOW_LEN_MIN {
        return Err(Error::Parameter { parameter: "window length", value: window_len, expected: "at least 4" });
    }
    let mut session = Session::new(model);
    session.check("a window", window_len)?;
    let n_available = tokens.len() / window_len;
    let n_chunks = options.n_chunks.unwrap_or(n_available.max(1));
    if n_chunks == 0 || n_chunks > n_available {
        return Err(Error::TextTooShort { n_tokens: tokens.len(), n_chunks: n_chunks.max(1), window_len });
    }
    session.check_ids(tokens)?;
    let (mut n_scored, mut sum, mut sum_of_squares) = (0, 0.0, 0.0);
    let mut running = Vec::with_capacity(n_chunks);
    let mut window = Vec::with_capacity(window_len);
    for (i, text) in tokens.chunks_exact(window_len).take(n_chunks).enumerate() {
        window.clear();
        window.extend_from_slice(text);
        if let (Some(first), Some(slot)) = (options.first, window.first_mut()) {
            *slot = first;
        }
        session.clear();
        // The last token predicts nothing that is in the window.
        session.compute(&window[..window_len - 1], window_len / 2, &mut |position, logits| {
            if let Some(next) = text.get(position + 1) {
                let surprise = -log_probability(logits, *next);
                n_scored += 1;
                sum += surprise;
                sum_of_squares += surprise * surprise;
            }
            Ok(())
        })?;
        let perplexity = (sum / n_scored as f64).exp();
        running.push(perplexity);
        if progress(i + 1, perplexity).is_break() {
            return Err(Error::Cancelled);
        }
    }
    let mean = sum / n_scored as f64;
    let variance = (sum_of_squares / n_scored as f64 - mean * mean).max(0.0);
    let error = mean.exp() * (variance / (n_scored.max(2) - 1) as f64).sqrt();
    Ok(Perplexity { perplexity: mean.exp(), error, n_scored, n_chunks, window_len, running })
}

/// ln p of `token` under softmax.
fn log_probability(logits: &[f32], token: TokenId) -> f64 {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|x| f64::from((x - max).exp())).sum();
    logits.get(token.0 as usize).map_or(f64::NEG_INFINITY, |x| f64::from(x - max) - sum.ln())
}
