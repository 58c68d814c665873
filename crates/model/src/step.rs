//! The seam to the engine: a [`Step`] goes in, [`Logits`] come out.

use gguf::TokenId;
use kernels::PageId;

use crate::{AttentionWindow, linear::is_finite};

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
    /// All rows (perplexity, verification of drafts).
    All,
    /// No logits: the hidden state of every row after the last norm ([`Logits::hidden_row`]).
    Hidden,
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
    /// Early exit: only so many layers, the first ones, then the last norm and the head; all if `None`. Keys and values of the layers
    /// left out are not written, so the same positions have to be computed again before a whole pass reads them.
    pub n_layers: Option<usize>,
}

impl<'a> Step<'a> {
    /// A whole pass over `spans`.
    pub fn new(spans: &'a [StepSpan<'a>]) -> Self {
        Self { spans, n_layers: None }
    }
}

/// Logits `[n_rows, n_vocab]` of the rows that want them, and hidden states `[n_hidden_rows, width]` of the others that want those, each in
/// the order of the spans; reused between steps.
#[derive(Clone, Default, Debug)]
pub struct Logits {
    n_vocab: usize,
    values: Vec<f32>,
    is_partial: bool,
    width: usize,
    hidden: Vec<f32>,
}

impl Logits {
    /// Makes room for `n_rows` rows and returns them all, for the model to fill.
    pub fn resize(&mut self, n_rows: usize, n_vocab: usize) -> &mut [f32] {
        self.n_vocab = n_vocab;
        self.is_partial = false;
        self.values.resize(n_rows * n_vocab, 0.0);
        &mut self.values
    }

    /// Makes room for `n_rows` hidden states and returns them all, for the model to fill.
    pub fn resize_hidden(&mut self, n_rows: usize, width: usize) -> &mut [f32] {
        self.width = width;
        self.hidden.resize(n_rows * width, 0.0);
        &mut self.hidden
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

    /// Number of hidden states.
    pub fn n_hidden_rows(&self) -> usize {
        self.hidden.len().checked_div(self.width).unwrap_or(0)
    }

    /// Hidden state `i` `[width]`.
    pub fn hidden_row(&self, i: usize) -> &[f32] {
        &self.hidden[i * self.width..][..self.width]
    }

    /// The first hidden state, element and value that is NaN or an infinity, as [`Logits::first_non_finite`] says it of logits.
    pub fn first_non_finite_hidden(&self) -> Option<(usize, usize, f32)> {
        if is_finite(&self.hidden) {
            return None;
        }
        let at = self.hidden.iter().position(|x| !x.is_finite())?;
        Some((at / self.width, at % self.width, self.hidden[at]))
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
    /// Transformer layers ([`Step::n_layers`]).
    fn n_layers(&self) -> usize;
    /// Elements of a hidden state ([`LogitsWanted::Hidden`]).
    fn width(&self) -> usize;
    /// Bytes of a page: keys and values of [`PAGE_LEN`](kernels::PAGE_LEN) positions in all layers, layer after layer.
    fn page_bytes(&self) -> usize;
    /// Makes page `to` hold what `from` holds.
    fn copy_page(&mut self, from: PageId, to: PageId);
    /// The bytes of `page` into `out` `[page_bytes]`. They mean something only to a model of the same file, loaded with the same cache types.
    fn read_page(&self, page: PageId, out: &mut [u8]);
    /// Gives `page` the `bytes` `[page_bytes]` that [`Forward::read_page`] gave.
    fn write_page(&mut self, page: PageId, bytes: &[u8]);
    /// How much of a sequence its rows see; `None` if all of it.
    fn attention_window(&self) -> Option<AttentionWindow>;
    /// Computes the step.
    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits);
}
