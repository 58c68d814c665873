//! A model whose next token is a hash of all tokens read back through the page table: whatever is wrong with pages, positions or
//! prefixes changes what it says.

use model::{Forward, Logits, LogitsWanted, PAGE_LEN, Step, TokenId};

/// Keeps each token where its keys and values would be.
pub(crate) struct HashModel {
    pages: Vec<[Option<TokenId>; PAGE_LEN]>,
    n_vocab: usize,
    step_rows_max: usize,
    /// Logits are NaN after this many positions.
    nan_from: usize,
}

impl HashModel {
    pub(crate) fn new(n_pages: usize, n_vocab: usize, step_rows_max: usize) -> Self {
        Self { pages: vec![[None; PAGE_LEN]; n_pages], n_vocab, step_rows_max, nan_from: usize::MAX }
    }

    /// Broken after `nan_from` positions.
    pub(crate) fn with_nan_from(self, nan_from: usize) -> Self {
        Self { nan_from, ..self }
    }
}

/// The token that follows `tokens`.
pub(crate) fn next(tokens: impl IntoIterator<Item = TokenId>, n_vocab: usize) -> TokenId {
    let hash =
        tokens.into_iter().fold(0xcbf2_9ce4_8422_2325u64, |h, t| (h ^ u64::from(t.0)).wrapping_mul(0x0100_0000_01b3));
    TokenId(((hash >> 32) % n_vocab as u64) as u32)
}

/// One row, or none.
fn is_wanted(logits: LogitsWanted) -> bool {
    matches!(logits, LogitsWanted::Last | LogitsWanted::Best(_))
}

impl Forward for HashModel {
    fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    fn context_len_max(&self) -> usize {
        self.pages.len() * PAGE_LEN
    }

    fn n_pages(&self) -> usize {
        self.pages.len()
    }

    fn step_rows_max(&self) -> usize {
        self.step_rows_max
    }

    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits) {
        let n_vocab = self.n_vocab;
        let n_wanted = step.spans.iter().filter(|s| is_wanted(s.logits)).count();
        let rows = logits.resize(n_wanted, n_vocab);
        rows.fill(0.0);
        let mut wanted = rows.chunks_exact_mut(n_vocab);
        for span in step.spans {
            assert!(span.tokens.len() <= self.step_rows_max);
            for (position, token) in (span.position_first..).zip(span.tokens) {
                self.pages[span.pages[position / PAGE_LEN].0 as usize][position % PAGE_LEN] = Some(*token);
            }
            if is_wanted(span.logits) {
                let n = span.position_first + span.tokens.len();
                let read = (0..n).map(|p| {
                    self.pages[span.pages[p / PAGE_LEN].0 as usize][p % PAGE_LEN].expect("a token was written here")
                });
                let next = next(read, n_vocab).0 as usize;
                wanted.next().expect("as many as wanted")[next] = if n < self.nan_from { 10.0 } else { f32::NAN };
            }
        }
    }
}
