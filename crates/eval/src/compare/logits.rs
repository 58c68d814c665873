//! Logits of two models on the same tokens, row by row: neither's are ever in memory whole.

use std::ops::ControlFlow;

use model::{Forward, TokenId, best_token};
use serde::Serialize;

use super::Options;
use crate::{Error, mean::Mean, session::Session};

/// Largest number of bytes of the first model's logits that are kept until the second has computed its own.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Distance of the logits of two models, over all positions of all windows.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct LogitsComparison {
    /// Whether every logit is the same, bit for bit.
    pub is_identical: bool,
    /// Normalised mean square error `Σ (a − b)² / Σ a²`, with `a` of the first model.
    pub nmse: f64,
    /// Largest difference of two logits.
    pub max_abs_error: f64,
    /// Part of the positions with the same most probable token.
    pub top1_agreement: f64,
    /// Standard error of `top1_agreement`.
    pub top1_error: f64,
    /// Number of positions compared.
    pub n_rows: usize,
}

#[derive(Default)]
struct Tally {
    squared_error: f64,
    energy: f64,
    max: f64,
    differs: bool,
    agreement: Mean,
}

impl Tally {
    fn add(&mut self, a: &[f32], b: &[f32]) {
        for (&a, &b) in a.iter().zip(b) {
            let error = f64::from(a) - f64::from(b);
            self.differs |= a.to_bits() != b.to_bits();
            self.max = self.max.max(error.abs());
            self.squared_error += error * error;
            self.energy += f64::from(a) * f64::from(a);
        }
        self.agreement.add(f64::from(u8::from(best_token(a) == best_token(b))));
    }
}

/// Runs both models over the windows of `tokens` and compares their logits; `progress` is told windows done.
pub fn logits(
    first: &mut (dyn Forward + Send),
    second: &mut (dyn Forward + Send),
    tokens: &[TokenId],
    options: &Options,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<LogitsComparison, Error> {
    let (n_vocab, got) = (first.n_vocab(), second.n_vocab());
    if n_vocab != got {
        let (of, expected, got) = ("the first model".to_owned(), n_vocab.to_string(), got.to_string());
        return Err(Error::Mismatch { what: "vocabulary", of, expected, got });
    }
    let n_windows = options.n_windows(tokens.len())?;
    let (mut first, mut second) = (Session::new(first), Session::new(second));
    for session in [&first, &second] {
        session.check("a window", options.window_len)?;
        session.check_ids(tokens)?;
    }
    let rows_at_once = (KEPT_BYTES_MAX / (4 * n_vocab.max(1))).clamp(1, options.window_len);
    let mut kept: Vec<f32> = Vec::with_capacity(rows_at_once * n_vocab);
    let mut tally = Tally::default();
    for i in 0..n_windows {
        first.clear();
        second.clear();
        for piece in options.window(tokens, i).chunks(rows_at_once) {
            kept.clear();
            first.compute(piece, 0, &mut |_, logits| {
                kept.extend_from_slice(logits);
                Ok(())
            })?;
            let mut rows = kept.chunks_exact(n_vocab);
            second.compute(piece, 0, &mut |_, logits| {
                tally.add(rows.next().unwrap_or_default(), logits);
                Ok(())
            })?;
        }
        if progress(i + 1).is_break() {
            return Err(Error::Cancelled);
        }
    }
    Ok(LogitsComparison {
        is_identical: !tally.differs,
        nmse: if tally.squared_error == 0.0 { 0.0 } else { tally.squared_error / tally.energy },
        max_abs_error: tally.max,
        top1_agreement: tally.agreement.mean(),
        top1_error: tally.agreement.error(),
        n_rows: tally.agreement.n(),
    })
}
