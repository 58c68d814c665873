//! The seam to the engine: a [`Step`] goes in, [`Logits`] come out.

use gguf::TokenId;
use kernels::PageId;

use crate::{AttentionWindow, StateId, linear::is_finite};

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
    /// No logits: the score that a pair of texts has, the whole of the span ([`Logits::score`],
    /// [`Forward::has_scores`]).
    Score,
}

/// The tokens of one sequence that a step computes.
#[derive(Clone, Copy, Debug)]
pub struct StepSpan<'a> {
    /// Tokens at positions `position_first..`.
    pub tokens: &'a [TokenId],
    /// Number of positions of this sequence that are already cached.
    pub position_first: usize,
    /// Page table, long enough for `position_first + tokens.len()` positions.
    pub pages: &'a [PageId],
    /// Rows to give logits for.
    pub logits: LogitsWanted,
    /// State of the sequence in models that have states ([`Forward::n_states`]): the one with which it began at
    /// position 0, and which no other has used since. Such a sequence is computed from position to position, without
    /// going back.
    pub state: StateId,
    /// How strongly each adapter of the model ([`Forward::n_adapters`]) is added to the rows; `None` for what the model
    /// was given them with. All of a sequence is computed with the same.
    pub adapters: Option<&'a [f32]>,
}

impl<'a> StepSpan<'a> {
    /// Makes a span that wants the logits of its last row, of a sequence with the first state.
    pub fn new(tokens: &'a [TokenId], position_first: usize, pages: &'a [PageId]) -> Self {
        Self { tokens, position_first, pages, logits: LogitsWanted::Last, state: StateId(0), adapters: None }
    }

    /// Sets which rows are wanted.
    #[must_use]
    pub fn wanting(self, logits: LogitsWanted) -> Self {
        Self { logits, ..self }
    }

    /// Sets which state the sequence has.
    #[must_use]
    pub fn with_state(self, state: StateId) -> Self {
        Self { state, ..self }
    }

    /// Sets how strongly each adapter is added.
    #[must_use]
    pub fn with_adapters(self, adapters: Option<&'a [f32]>) -> Self {
        Self { adapters, ..self }
    }
}

/// One forward pass over the packed tokens of many sequences.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Spans of different sequences.
    pub spans: &'a [StepSpan<'a>],
    /// Early exit: only so many layers, the first ones, then the last norm and the head; all if `None`. Keys and values
    /// of the layers left out are not written, so the same positions have to be computed again before a whole pass
    /// reads them. Models with states have no early exit.
    pub n_layers: Option<usize>,
}

impl<'a> Step<'a> {
    /// A whole pass over `spans`.
    pub fn new(spans: &'a [StepSpan<'a>]) -> Self {
        Self { spans, n_layers: None }
    }
}

/// Logits `[n_rows, n_vocab]` of the rows that want them, hidden states `[n_hidden_rows, width]` of the others that
/// want those, and the scores of spans that want one, each in the order of the spans; reused between steps.
#[derive(Clone, Default, Debug)]
pub struct Logits {
    n_vocab: usize,
    values: Vec<f32>,
    is_partial: bool,
    width: usize,
    hidden: Vec<f32>,
    scores: Vec<f32>,
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

    /// Makes room for `n` scores and returns them all, for the model to fill.
    pub fn resize_scores(&mut self, n: usize) -> &mut [f32] {
        self.scores.resize(n, 0.0);
        &mut self.scores
    }

    /// Score of the `i`-th span that wants one.
    pub fn score(&self, i: usize) -> f32 {
        self.scores[i]
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

    /// The first hidden state, element and value that is NaN or an infinity, as [`Logits::first_non_finite`] says it of
    /// logits.
    pub fn first_non_finite_hidden(&self) -> Option<(usize, usize, f32)> {
        if is_finite(&self.hidden) {
            return None;
        }
        let at = self.hidden.iter().position(|x| !x.is_finite())?;
        Some((at / self.width, at % self.width, self.hidden[at]))
    }

    /// The first row, token and value that is NaN or an infinity: the model has broken weights, and its caller should
    /// say so and stop.
    pub fn first_non_finite(&self) -> Option<(usize, TokenId, f32)> {
        if self.is_partial || is_finite(&self.values) {
            return None;
        }
        let at = self.values.iter().position(|x| !x.is_finite())?;
        Some((at / self.n_vocab, TokenId((at % self.n_vocab) as u32), self.values[at]))
    }
}

/// The token of the first of the largest `logits` `[V]`; `None` if there is none above minus infinity. NaN counts for
/// nothing.
pub fn best_token(logits: &[f32]) -> Option<TokenId> {
    const CHUNK: usize = 512;
    let (mut first, mut largest) = (0, f32::NEG_INFINITY);
    // Only where a chunk's largest passes all before, which is seldom, does its place matter.
    for (i, chunk) in logits.chunks(CHUNK).enumerate() {
        let of_chunk = max(chunk);
        if of_chunk > largest {
            (first, largest) = (i * CHUNK, of_chunk);
        }
    }
    let place = logits[first..].iter().position(|logit| *logit == largest && largest > f32::NEG_INFINITY)?;
    Some(TokenId((first + place) as u32))
}

/// The largest; in lanes, which become vectors.
fn max(logits: &[f32]) -> f32 {
    const LANES: usize = 16;
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = logits.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, logit) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *logit);
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |max, logit| larger(max, *logit))
}

/// An arena of pages whose bytes can be moved.
pub trait PageArena {
    /// Bytes of a page; of keys and values: those of [`PAGE_LEN`](kernels::PAGE_LEN) positions in all layers with
    /// attention, layer after layer.
    fn page_bytes(&self) -> usize;
    /// Makes page `to` hold what `from` holds.
    fn copy_page(&mut self, from: PageId, to: PageId);
    /// The bytes of `page` into `out` `[page_bytes]`. They mean something only to a model of the same file, loaded with
    /// the same cache types.
    fn read_page(&self, page: PageId, out: &mut [u8]);
    /// Gives `page` the `bytes` `[page_bytes]` that [`PageArena::read_page`] gave.
    fn write_page(&mut self, page: PageId, bytes: &[u8]);
}

/// A model with its KV arena.
pub trait Forward: PageArena {
    /// Vocabulary size (width of a row of logits).
    fn n_vocab(&self) -> usize;
    /// Longest sequence, in tokens.
    fn context_len_max(&self) -> usize;
    /// Pages in the KV arena.
    fn n_pages(&self) -> usize;
    /// Number of states ([`StepSpan::state`]): so many sequences can be under way. 0 if sequences have none, because
    /// pages hold all that is carried on.
    fn n_states(&self) -> usize;
    /// Makes the state `to` what `from` is: whoever has it goes on from the position that `from` has reached.
    fn copy_state(&mut self, from: StateId, to: StateId);
    /// Number of bytes of a state as [`Forward::read_state`] gives it; 0 if states stay in their arena.
    fn saved_state_bytes(&self) -> usize {
        0
    }
    /// Writes a state, and the position that it has reached, to `out` `[saved_state_bytes]`. The bytes mean something
    /// only to a model of the same file.
    fn read_state(&self, state: StateId, out: &mut [u8]) {
        unreachable!("{state:?} has no {} bytes to be read", out.len());
    }
    /// Gives a state the `bytes` `[saved_state_bytes]` that [`Forward::read_state`] gave: whoever has it goes on from
    /// the position that is among them.
    fn write_state(&mut self, state: StateId, bytes: &[u8]) {
        unreachable!("{state:?} cannot be given {} bytes", bytes.len());
    }
    /// Number of adapters ([`StepSpan::adapters`]).
    fn n_adapters(&self) -> usize {
        0
    }
    /// Most rows in one step.
    fn step_rows_max(&self) -> usize;
    /// Transformer layers ([`Step::n_layers`]).
    fn n_layers(&self) -> usize;
    /// Elements of a hidden state ([`LogitsWanted::Hidden`]).
    fn width(&self) -> usize;
    /// Whether rows see what comes after them: then a span is a whole text, from position 0 to its end, and wants
    /// hidden states or a score.
    fn is_encoder(&self) -> bool {
        false
    }
    /// Whether pairs of texts have scores ([`LogitsWanted::Score`]).
    fn has_scores(&self) -> bool {
        false
    }
    /// How much of a sequence its rows see; `None` if all of it.
    fn attention_window(&self) -> Option<AttentionWindow>;
    /// Computes the step.
    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits);
}

/// Most bytes of logits that a step should ask for: all rows of a step of 512 would be 0.5 GB with a vocabulary of
/// 262,144.
const LOGITS_BYTES_MAX: usize = 64 << 20;

/// Most rows of which a step should want logits, so that the memory for them stays small.
pub fn logits_rows_max(model: &dyn Forward) -> usize {
    (LOGITS_BYTES_MAX / (size_of::<f32>() * model.n_vocab().max(1))).clamp(1, model.step_rows_max().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_token_is_the_first_of_the_largest() {
        let mut rng = testkit::Rng::new(3);
        for n in [0, 1, 15, 16, 17, 511, 512, 513, 1300, 5000] {
            for n_values in [1, 3, 1000] {
                let odd = [f32::NAN, f32::NEG_INFINITY, 0.0, -0.0];
                let mut logit = || match rng.bits() % 29 {
                    i @ 0..4 => odd[i as usize],
                    _ => (rng.bits() % n_values) as f32 - 2.0,
                };
                let logits: Vec<f32> = (0..n).map(|_| logit()).collect();
                let mut best = None;
                let mut largest = f32::NEG_INFINITY;
                for (id, &logit) in (0..).zip(&logits) {
                    if logit > largest {
                        (best, largest) = (Some(TokenId(id)), logit);
                    }
                }
                assert_eq!(best_token(&logits), best, "{n} logits of {n_values} values");
            }
        }
        assert_eq!(best_token(&[f32::NEG_INFINITY, f32::NAN]), None);
    }
}
