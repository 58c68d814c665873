//! One sequence that uses the whole KV arena: what every measurement runs on.

use model::{Forward, Logits, LogitsWanted, PAGE_LEN, PageId, Step, StepSpan, TokenId};

use crate::Error;

/// A model and the position its sequence has reached.
pub(crate) struct Session<'a> {
    model: &'a mut (dyn Forward + Send),
    pages: Vec<PageId>,
    position: usize,
    logits: Logits,
}

impl<'a> Session<'a> {
    /// An empty sequence.
    pub(crate) fn new(model: &'a mut (dyn Forward + Send)) -> Self {
        let pages = (0..model.n_pages() as u32).map(PageId).collect();
        Self { model, pages, position: 0, logits: Logits::default() }
    }

    /// Tokens that fit.
    pub(crate) fn context_len_max(&self) -> usize {
        self.model.context_len_max().min(self.pages.len() * PAGE_LEN)
    }

    /// Vocabulary.
    pub(crate) fn n_vocab(&self) -> usize {
        self.model.n_vocab()
    }

    /// Refuses what does not fit.
    pub(crate) fn check(&self, what: &'static str, n: usize) -> Result<(), Error> {
        let context_len_max = self.context_len_max();
        if n > context_len_max { Err(Error::Context { what, n, context_len_max }) } else { Ok(()) }
    }

    /// Starts over.
    pub(crate) fn clear(&mut self) {
        self.position = 0;
    }

    /// Computes `tokens` in steps; `on_row` sees position and logits of every row from position `wanted_from` on.
    pub(crate) fn compute(
        &mut self,
        tokens: &[TokenId],
        wanted_from: usize,
        on_row: &mut dyn FnMut(usize, &[f32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for chunk in tokens.chunks(self.model.step_rows_max()) {
            let end = self.position + chunk.len();
            // Rows before the first that is wanted are a span without logits.
            let n_silent = wanted_from.saturating_sub(self.position).min(chunk.len());
            for (tokens, logits) in [(&chunk[..n_silent], LogitsWanted::None), (&chunk[n_silent..], LogitsWanted::All)]
            {
                if tokens.is_empty() {
                    continue;
                }
                let span = StepSpan { tokens, position_first: self.position, pages: &self.pages, logits };
                self.model.forward(&Step { spans: &[span] }, &mut self.logits);
                for row in 0..self.logits.n_rows() {
                    let (position, logits) = (self.position + row, self.logits.row(row));
                    if let Some(bad) = logits.iter().find(|x| !x.is_finite()) {
                        return Err(Error::NonFiniteLogits { position, value: bad.to_string() });
                    }
                    on_row(position, logits)?;
                }
                self.position += tokens.len();
            }
            debug_assert_eq!(self.position, end);
        }
        Ok(())
    }

    /// Computes one token and gives its logits' best one: a decode step.
    pub(crate) fn decode(&mut self, token: TokenId) -> TokenId {
        let span = StepSpan {
            tokens: &[token],
            position_first: self.position,
            pages: &self.pages,
            logits: LogitsWanted::Last,
        };
        self.model.forward(&Step { spans: &[span] }, &mut self.logits);
        self.position += 1;
        let best = (0..).zip(self.logits.row(0)).reduce(|best, next| if next.1 > best.1 { next } else { best });
        TokenId(best.map_or(0, |(id, _)| id))
    }
}
