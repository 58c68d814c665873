//! KL divergence of a model from saved base logits, on windows as perplexity cuts them.
//!
//! [`Base`] holds the log-probabilities of the base model for every scored position, in memory or in a file;
//! [`measure`] runs another model (or the same one with other options) over the same tokens and compares row by row.

mod base;
mod file;
mod row;

use std::ops::ControlFlow;

use model::{Forward, TokenId, best_token};
use serde::Serialize;

pub use crate::windows::Options;
pub use base::{Base, Origin};

use crate::{
    Error,
    mean::Mean,
    softmax,
    windows::{self, Seen},
};

/// The difference of a model from its base. Errors are standard errors over the scored tokens.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct KlResult {
    /// Mean of `Σ p (ln p − ln q)`, in nats: `p` of the base, `q` of the model.
    pub mean: f64,
    /// Standard error of `mean`.
    pub error: f64,
    /// Median of the divergences of all positions, in nats.
    pub median: f64,
    /// Divergence that 90 % of the positions stay below.
    pub percentile_90: f64,
    /// Divergence that 99 % of the positions stay below.
    pub percentile_99: f64,
    /// The largest divergence.
    pub max: f64,
    /// Part of the positions where both find the same token most probable.
    pub top1_agreement: f64,
    /// Standard error of `top1_agreement`.
    pub top1_error: f64,
    /// Perplexity of the model.
    pub perplexity: f64,
    /// Perplexity of the base.
    pub base_perplexity: f64,
    /// Mean of `ln p − ln q` of the tokens of the text: the logarithm of the ratio of both perplexities.
    pub ln_ratio: f64,
    /// Standard error of `ln_ratio`.
    pub ln_ratio_error: f64,
    /// Number of positions compared.
    pub n_scored: usize,
    /// Number of windows computed.
    pub n_chunks: usize,
    /// Number of tokens of a window.
    pub window_len: usize,
}

/// Sums over the positions compared so far.
#[derive(Default)]
struct Tally {
    divergence: Mean,
    agreement: Mean,
    surprise: Mean,
    base_surprise: Mean,
    ln_ratio: Mean,
    /// Divergences, one a position.
    divergences: Vec<f64>,
}

impl Tally {
    fn add(&mut self, base: row::Row<'_>, logits: &[f32], next: TokenId) {
        let divergence = base.divergence(logits);
        let log_q = softmax::log_probability(logits, next);
        self.divergence.add(divergence);
        self.divergences.push(divergence);
        self.agreement.add(f64::from(u8::from(Some(base.top) == best_token(logits))));
        self.surprise.add(-log_q);
        self.base_surprise.add(-base.next);
        self.ln_ratio.add(base.next - log_q);
    }

    fn result(mut self, n_chunks: usize, window_len: usize) -> KlResult {
        self.divergences.sort_by(f64::total_cmp);
        let last = self.divergences.len().saturating_sub(1);
        let at = |part: f64| self.divergences.get((part * last as f64).round() as usize).copied().unwrap_or(f64::NAN);
        KlResult {
            mean: self.divergence.mean(),
            error: self.divergence.error(),
            median: at(0.5),
            percentile_90: at(0.9),
            percentile_99: at(0.99),
            max: at(1.0),
            top1_agreement: self.agreement.mean(),
            top1_error: self.agreement.error(),
            perplexity: self.surprise.mean().exp(),
            base_perplexity: self.base_surprise.mean().exp(),
            ln_ratio: self.ln_ratio.mean(),
            ln_ratio_error: self.ln_ratio.error(),
            n_scored: self.divergence.n(),
            n_chunks,
            window_len,
        }
    }
}

/// Runs `model` over `tokens`, which must be those of `base`, and compares. `progress` is told windows done and the
/// mean so far.
pub fn measure(
    model: &mut (dyn Forward + Send),
    tokens: &[TokenId],
    base: &Base,
    progress: &mut dyn FnMut(usize, f64) -> ControlFlow<()>,
) -> Result<KlResult, Error> {
    base.check_vocabulary(model.n_vocab())?;
    base.check_tokens(tokens)?;
    let mut rows = base.rows()?;
    let mut tally = Tally::default();
    let n_chunks = windows::score(model, base.tokens(), base.options(), &mut |seen| {
        match seen {
            Seen::Row(logits, next) => tally.add(rows.next()?, logits, next),
            Seen::Windows(n_done) => {
                if progress(n_done, tally.divergence.mean()).is_break() {
                    return Err(Error::Cancelled);
                }
            }
        }
        Ok(())
    })?;
    Ok(tally.result(n_chunks, base.options().window_len))
}
