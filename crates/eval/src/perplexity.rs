//! Perplexity of a text over windows: `exp(mean of −ln p)` of all scored tokens; its error is the standard error of
//! that mean, times perplexity. How the text is cut, and what is scored, is in `windows.rs`.

use std::ops::ControlFlow;

use model::{Forward, TokenId};
use serde::Serialize;

pub use crate::windows::Options;
use crate::{
    Error,
    mean::Mean,
    softmax,
    windows::{self, Seen},
};

/// Perplexity of a model on a text: `exp(mean of −ln p)` with its standard error, over `n_scored` tokens of `n_chunks`
/// windows of `window_len` tokens; `running` has the perplexity of all windows so far, after each.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Perplexity {
    pub perplexity: f64,
    pub error: f64,
    pub n_scored: usize,
    pub n_chunks: usize,
    pub window_len: usize,
    pub running: Vec<f64>,
}

/// Measures the perplexity of `model` on `tokens`; `progress` is told windows done and perplexity so far.
pub fn measure(
    model: &mut (dyn Forward + Send),
    tokens: &[TokenId],
    options: &Options,
    progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
) -> Result<Perplexity, Error> {
    let mut surprise = Mean::default();
    let mut running = Vec::new();
    let n_chunks = windows::score(model, tokens, options, &mut |seen| {
        match seen {
            Seen::Row(logits, next) => surprise.add(-softmax::log_probability(logits, next)),
            Seen::Windows(n_done) => {
                let so_far = surprise.mean().exp();
                running.push(so_far);
                if progress(n_done, so_far).is_break() {
                    return Err(Error::Cancelled);
                }
            }
        }
        Ok(())
    })?;
    let perplexity = surprise.mean().exp();
    let (error, n_scored) = (perplexity * surprise.error(), surprise.n());
    Ok(Perplexity { perplexity, error, n_scored, n_chunks, window_len: options.window_len, running })
}
