//! One sequence that uses the whole KV arena: what every measurement runs on.

use model::{Forward, Logits, LogitsWanted, PAGE_LEN, PageId, Step, StepSpan, TokenId};

use crate::Error;

/// A callback that sees a position and its logits `[V]`.
type OnRow<'a> = &'a mut dyn FnMut(usize, &[f32]) -> Result<(), Error>;

/// A model and the position that its one sequence has reached.
pub(crate) struct Session<'a> {
    model: &'a mut (dyn Forward + Send),
    pages: Vec<PageId>,
    position: usize,
    /// Tokens before `position`, which models with states need to go back.
    tokens: Vec<TokenId>,
    logits: Logits,
}

impl<'a> Session<'a> {
    /// Starts an empty sequence on `model`.
    pub(crate) fn new(model: &'a mut (dyn Forward + Send)) -> Self {
        let pages = (0..model.n_pages() as u32).map(PageId).collect();
        Self { model, pages, position: 0, tokens: Vec::new(), logits: Logits::default() }
    }

    /// Number of tokens that fit into the KV arena.
    pub(crate) fn context_len_max(&self) -> usize {
        self.model.context_len_max().min(self.pages.len() * PAGE_LEN)
    }

    /// Size of the vocabulary.
    pub(crate) fn n_vocab(&self) -> usize {
        self.model.n_vocab()
    }

    /// Refuses `n` tokens of `what` that do not fit.
    pub(crate) fn check(&self, what: &'static str, n: usize) -> Result<(), Error> {
        let context_len_max = self.context_len_max();
        if n > context_len_max { Err(Error::Context { what, n, context_len_max }) } else { Ok(()) }
    }

    /// Empties the sequence.
    pub(crate) fn clear(&mut self) {
        self.position = 0;
        self.tokens.clear();
    }

    /// Goes back to `position`, which was reached before; what is cached up to there stays. A state cannot go back: it
    /// is computed again.
    pub(crate) fn rewind(&mut self, position: usize) {
        if position >= self.position {
            return;
        }
        self.position = position;
        self.tokens.truncate(position);
        if self.model.n_states() > 0 {
            self.position = 0;
            let tokens = std::mem::take(&mut self.tokens);
            tokens.chunks(self.model.step_rows_max()).for_each(|chunk| self.step(chunk, LogitsWanted::None));
        }
    }

    /// Refuses ids that no row of the embedding belongs to.
    pub(crate) fn check_ids(&self, tokens: &[TokenId]) -> Result<(), Error> {
        let n_vocab = self.n_vocab();
        match tokens.iter().enumerate().find(|(_, token)| token.0 as usize >= n_vocab) {
            Some((index, token)) => Err(Error::UnknownToken { index, id: token.0, n_vocab }),
            None => Ok(()),
        }
    }

    /// Computes `tokens` in steps; `on_row` sees position and logits of every row from position `wanted_from` on. Holds
    /// few rows of logits at once ([`model::logits_rows_max`]).
    pub(crate) fn compute(&mut self, tokens: &[TokenId], wanted_from: usize, on_row: OnRow<'_>) -> Result<(), Error> {
        let (silent, wanted) = tokens.split_at(wanted_from.saturating_sub(self.position).min(tokens.len()));
        let step_rows_max = self.model.step_rows_max();
        silent.chunks(step_rows_max).for_each(|chunk| self.step(chunk, LogitsWanted::None));
        let rows_max = model::logits_rows_max(self.model);
        for chunk in wanted.chunks(rows_max) {
            let first = self.position;
            self.step(chunk, LogitsWanted::All);
            for row in 0..self.logits.n_rows() {
                let (position, logits) = (first + row, self.logits.row(row));
                if let Some(bad) = logits.iter().find(|x| !x.is_finite()) {
                    return Err(Error::NonFiniteLogits { position, value: bad.to_string() });
                }
                on_row(position, logits)?;
            }
        }
        Ok(())
    }

    fn step(&mut self, tokens: &[TokenId], logits: LogitsWanted) {
        let span = StepSpan::new(tokens, self.position, &self.pages).wanting(logits);
        self.model.forward(&Step::new(&[span]), &mut self.logits);
        self.position += tokens.len();
        self.tokens.extend_from_slice(tokens);
    }
}
