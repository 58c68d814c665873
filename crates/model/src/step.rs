//! The seam to the engine: a [`Step`] goes in, [`Logits`] come out.

use gguf::TokenId;
use kernels::PageId;

use crate::linear::is_finite;

/// Which rows of a span want logits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogitsWanted {
    /// None (a prompt chunk that is not the last).
    None,
    /// The last row.
    Last,
    /// The last row, of which only the so many largest are of interest: the others may be minus infinity, and then
    /// [`Logits::is_complete`] says so. All equals of the least of them are there too.
    Best(usize),
    /// All rows (perplexity).
    All,
}

/// The tokens of one sequence that a step computes.
#[derive(Clone, Copy, Debug)]
pub struct StepSpan<'a> {
    /// Tokens at positions `position_first..`.
    pub tokens: &'a [TokenId],
    /// How many positions of this sequence are already cached.
    pub position_first: usize,
    /// Page table, long enough for `position_first + tokens.len()` positions.
    pub pages: &'a [PageId],
    /// Rows to give logits for.
    pub logits: LogitsWanted,
}

/// One forward pass over the packed tokens of many sequences.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Spans of different sequences.
    pub spans: &'a [StepSpan<'a>],
}

/// Logits `[n_rows, n_vocab]` in the order of the spans; reused between steps.
#[derive(Clone, Default, Debug)]
pub struct Logits {
    n_vocab: usize,
    values: Vec<f32>,
    is_partial: bool,
}

impl Logits {
    /// Makes room for `n_rows` rows and returns them all, for the model to fill.
    pub fn resize(&mut self, n_rows: usize, n_vocab: usize) -> &mut [f32] {
        self.n_vocab = n_vocab;
        self.is_partial = false;
        self.values.resize(n_rows * n_vocab, 0.0);
        &mut self.values
    }
    /// Says that what is minus infinity was not computed ([`LogitsWanted::Best`]).
    pub fn set_partial(&mut self) {
        self.is_partial = true;
    }

    /// Whether every logit was computed. Where not, those that were are finite.
    pub fn is_complete(&self) -> bool {
        !self.is_partial
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.n_vocab).unwrap_or(0)
    }
    /// Row `i` `[n_vocab]`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.n_vocab..][..self.n_vocab]
    }

    /// The first row, token and value that is NaN or an infinity: the model has broken weights, and its caller should say so and stop.
    pub fn first_non_finite(&self) -> Option<(usize, TokenId, f32)> {
        if self.is_partial || is_finite(&self.values) {
            return None;
        }
        let at = self.values.iter().position(|x| !x.is_finite())?;
        Some((at / self.n_vocab, TokenId((at % self.n_vocab) as u32), self.values[at]))
    }
}

/// A model with its KV arena.
pub trait Forward {
    /// Vocabulary size (width of a row of logits).
    fn n_vocab(&self) -> usize;
    /// Longest sequence, in tokens.
    fn context_len_max(&self) -> usize;
    /// Pages in the KV arena.
    fn n_pages(&self) -> usize;
    /// Most rows in one step.
    fn step_rows_max(&self) -> usize;
    /// Computes the step.
    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits);
}
