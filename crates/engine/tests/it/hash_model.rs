//! A model whose next token is a hash of all tokens read back through the page table: whatever is wrong with pages,
//! positions or prefixes changes what it says. With states it hashes all tokens in these, too: so does whatever is
//! wrong with a state.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use model::{
    AttentionWindow, Forward, Logits, LogitsWanted, PAGE_LEN, PageArena, PageId, StateId, Step, StepSpan, TokenId,
};

/// Number of layers: a pass through fewer is a draft.
pub(crate) const N_LAYERS: usize = 2;
/// Number of adapters.
pub(crate) const N_ADAPTERS: usize = 2;
/// Number of elements of a hidden state.
pub(crate) const WIDTH: usize = 4;

/// Mark of a position where nothing was written.
const EMPTY: u32 = u32::MAX;
/// Mark of what a draft wrote: a whole pass must not read it.
const DRAFT: u32 = 1 << 31;

/// A model that keeps each token where its keys and values would be.
pub(crate) struct HashModel {
    pages: Vec<[u32; PAGE_LEN]>,
    n_vocab: usize,
    step_rows_max: usize,
    /// Number of positions after which logits and hidden states are NaN.
    nan_from: usize,
    /// Window that a row sees, and the length to which a sequence may grow then.
    window: Option<(AttentionWindow, usize)>,
    /// Hash of the tokens that went into each state, if there are any.
    states: Vec<u64>,
    /// Whether rows see the whole of their text.
    is_encoder: bool,
    /// Time that steps and rows took, in microseconds.
    busy_us: Arc<AtomicU64>,
    step_us: u64,
    row_us: u64,
}

impl HashModel {
    pub(crate) fn new(n_pages: usize, n_vocab: usize, step_rows_max: usize) -> Self {
        Self {
            pages: vec![[EMPTY; PAGE_LEN]; n_pages],
            n_vocab,
            step_rows_max,
            nan_from: usize::MAX,
            window: None,
            states: Vec::new(),
            is_encoder: false,
            busy_us: Arc::default(),
            step_us: 0,
            row_us: 1,
        }
    }

    /// Returns a clock whose time passes only where rows are computed.
    pub(crate) fn clock(&self) -> Box<engine::Clock> {
        let busy_us = Arc::clone(&self.busy_us);
        Box::new(move || Duration::from_micros(busy_us.load(Ordering::Relaxed)))
    }

    /// Makes a step take `step_us`, and `row_us` for each of its rows; by default it is a microsecond a row.
    pub(crate) fn with_cost(self, step_us: u64, row_us: u64) -> Self {
        Self { step_us, row_us, ..self }
    }

    /// Breaks the model after `nan_from` positions.
    pub(crate) fn with_nan_from(self, nan_from: usize) -> Self {
        Self { nan_from, ..self }
    }

    /// Makes the model see only the window; sequences may have `context_len_max` tokens, whatever the pages hold.
    pub(crate) fn with_window(self, window: AttentionWindow, context_len_max: usize) -> Self {
        Self { window: Some((window, context_len_max)), ..self }
    }

    /// Gives the model so many states.
    pub(crate) fn with_states(self, n_states: usize) -> Self {
        Self { states: vec![0; n_states], ..self }
    }

    /// Lets each row see the whole of its text.
    pub(crate) fn with_whole_texts(self) -> Self {
        Self { is_encoder: true, ..self }
    }

    /// Feeds a span to its state; returns the hash after each token. Nothing is checked: what is wrong is in the hash.
    fn fold(&mut self, span: &StepSpan<'_>) -> Vec<u64> {
        if self.states.is_empty() {
            return Vec::new();
        }
        let state = &mut self.states[span.state.0 as usize];
        if span.position_first == 0 {
            *state = EMPTY_HASH;
        }
        let adapted = adapted(span);
        let fold = |token: &TokenId| {
            *state = fold(*state, TokenId(token.0 | adapted));
            *state
        };
        span.tokens.iter().map(fold).collect()
    }

    /// Hashes what the row at `position` sees; in a whole pass nothing that a draft wrote.
    fn hash(&self, pages: &[PageId], position: usize, is_draft: bool) -> u64 {
        let seen = position + 1;
        let (sinks, first) = match self.window {
            Some((window, _)) => (window.sinks.min(seen), seen.saturating_sub(window.len).max(window.sinks.min(seen))),
            None => (0, 0),
        };
        let read = (0..sinks).chain(first..seen).map(|p| {
            let cell = self.pages[pages[p / PAGE_LEN].0 as usize][p % PAGE_LEN];
            assert_ne!(cell, EMPTY, "position {p} was not written");
            assert!(is_draft || cell & DRAFT == 0, "position {p} was computed by the first layers only");
            TokenId(cell & !DRAFT)
        });
        hash(read)
    }
}

/// Returns what the adapters of a span add to each of its cells.
fn adapted(span: &StepSpan<'_>) -> u32 {
    let Some(scales) = span.adapters else { return 0 };
    assert_eq!(scales.len(), N_ADAPTERS);
    let bits = scales.iter().fold(1u32, |bits, scale| bits.wrapping_mul(31) ^ (scale.to_bits() >> 19));
    (bits & 0x3fff) << 16
}

/// Hash of no tokens.
const EMPTY_HASH: u64 = 0xcbf2_9ce4_8422_2325;

fn fold(hash: u64, token: TokenId) -> u64 {
    (hash ^ u64::from(token.0)).wrapping_mul(0x0100_0000_01b3)
}

fn hash(tokens: impl IntoIterator<Item = TokenId>) -> u64 {
    tokens.into_iter().fold(EMPTY_HASH, fold)
}

fn token_of(hash: u64, n_vocab: usize) -> TokenId {
    TokenId(((hash >> 32) % n_vocab as u64) as u32)
}

/// Returns the token that follows `tokens`.
pub(crate) fn next(tokens: impl IntoIterator<Item = TokenId>, n_vocab: usize) -> TokenId {
    token_of(hash(tokens), n_vocab)
}

/// Returns the hidden state of the last of `tokens`.
pub(crate) fn hidden(tokens: impl IntoIterator<Item = TokenId>) -> [f32; WIDTH] {
    hidden_of(hash(tokens))
}

/// Returns the hidden state of the row at `position` of a text that it sees whole.
pub(crate) fn hidden_in_text(text: &[TokenId], position: usize) -> [f32; WIDTH] {
    hidden_of(fold(hash(text.iter().copied()), TokenId(position as u32)))
}

/// Returns the score of a text.
pub(crate) fn score(text: &[TokenId]) -> f32 {
    hidden_in_text(text, text.len())[0]
}

fn hidden_of(hash: u64) -> [f32; WIDTH] {
    std::array::from_fn(|i| f32::from((hash >> (16 * i)) as u16) / 65536.0 - 0.5)
}

impl PageArena for HashModel {
    fn page_bytes(&self) -> usize {
        PAGE_LEN * size_of::<u32>()
    }

    fn copy_page(&mut self, from: PageId, to: PageId) {
        self.pages[to.0 as usize] = self.pages[from.0 as usize];
    }

    fn read_page(&self, page: PageId, out: &mut [u8]) {
        assert_eq!(out.len(), self.page_bytes());
        for (out, cell) in out.chunks_exact_mut(4).zip(&self.pages[page.0 as usize]) {
            out.copy_from_slice(&cell.to_le_bytes());
        }
    }

    fn write_page(&mut self, page: PageId, bytes: &[u8]) {
        assert_eq!(bytes.len(), self.page_bytes());
        for (cell, bytes) in self.pages[page.0 as usize].iter_mut().zip(bytes.as_chunks::<4>().0) {
            *cell = u32::from_le_bytes(*bytes);
        }
    }
}

impl Forward for HashModel {
    fn n_vocab(&self) -> usize {
        self.n_vocab
    }

    fn context_len_max(&self) -> usize {
        self.window.map_or(self.pages.len() * PAGE_LEN, |(_, context_len_max)| context_len_max)
    }

    fn n_pages(&self) -> usize {
        self.pages.len()
    }

    fn n_states(&self) -> usize {
        self.states.len()
    }

    fn copy_state(&mut self, from: StateId, to: StateId) {
        self.states[to.0 as usize] = self.states[from.0 as usize];
    }

    fn saved_state_bytes(&self) -> usize {
        if self.states.is_empty() { 0 } else { size_of::<u64>() }
    }

    fn read_state(&self, state: StateId, out: &mut [u8]) {
        out.copy_from_slice(&self.states[state.0 as usize].to_le_bytes());
    }

    fn write_state(&mut self, state: StateId, bytes: &[u8]) {
        self.states[state.0 as usize] = u64::from_le_bytes(bytes.try_into().unwrap());
    }

    fn step_rows_max(&self) -> usize {
        self.step_rows_max
    }

    fn n_layers(&self) -> usize {
        N_LAYERS
    }

    fn n_adapters(&self) -> usize {
        N_ADAPTERS
    }

    fn width(&self) -> usize {
        WIDTH
    }

    fn is_encoder(&self) -> bool {
        self.is_encoder
    }

    fn has_scores(&self) -> bool {
        self.is_encoder
    }

    fn attention_window(&self) -> Option<AttentionWindow> {
        self.window.map(|(window, _)| window)
    }

    /// Computes a step; a draft errs where the hash is a multiple of four.
    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits) {
        let n_vocab = self.n_vocab;
        let n_layers = step.n_layers.unwrap_or(N_LAYERS);
        assert!((1..=N_LAYERS).contains(&n_layers), "{n_layers} layers");
        let is_draft = n_layers < N_LAYERS;
        let n_rows: usize = step.spans.iter().map(|s| s.tokens.len()).sum();
        assert!(n_rows <= self.step_rows_max, "{n_rows} rows in a step of at most {}", self.step_rows_max);
        self.busy_us.fetch_add(self.step_us + self.row_us * n_rows as u64, Ordering::Relaxed);
        let (mut next_rows, mut hidden_rows, mut scores) = (Vec::new(), Vec::new(), Vec::new());
        for span in step.spans {
            let n = span.position_first + span.tokens.len();
            assert!(n <= self.context_len_max(), "{n} tokens in a context of {}", self.context_len_max());
            for (position, token) in (span.position_first..).zip(span.tokens) {
                assert!((token.0 as usize) < n_vocab, "token {} of a vocabulary of {n_vocab}", token.0);
                self.pages[span.pages[position / PAGE_LEN].0 as usize][position % PAGE_LEN] =
                    token.0 | adapted(span) | if is_draft { DRAFT } else { 0 };
            }
            let in_state = self.fold(span);
            let wanted = match span.logits {
                LogitsWanted::None | LogitsWanted::Score => n..n,
                LogitsWanted::Last | LogitsWanted::Best(_) => n.saturating_sub(1).max(span.position_first)..n,
                LogitsWanted::All | LogitsWanted::Hidden => span.position_first..n,
            };
            if self.is_encoder {
                assert_eq!(span.position_first, 0, "a part of a text");
            }
            if span.logits == LogitsWanted::Score {
                scores.push(hidden_of(fold(self.hash(span.pages, n - 1, false), TokenId(n as u32)))[0]);
            }
            for position in wanted {
                let mut hash = self.hash(span.pages, if self.is_encoder { n - 1 } else { position }, is_draft);
                if self.is_encoder {
                    hash = fold(hash, TokenId(position as u32));
                }
                // Pages and state say the same, or the row is something else.
                let of_state = in_state.get(position - span.position_first).copied().unwrap_or(hash);
                let hash = hash.wrapping_add(of_state.wrapping_sub(hash).wrapping_mul(3));
                let hash = if is_draft && hash.is_multiple_of(4) { hash.wrapping_add(1 << 32) } else { hash };
                if span.logits == LogitsWanted::Hidden {
                    let is_broken = position + 1 >= self.nan_from;
                    hidden_rows.extend(if is_broken { [f32::NAN; WIDTH] } else { hidden_of(hash) });
                } else {
                    next_rows.push((token_of(hash, n_vocab), position + 1 >= self.nan_from));
                }
            }
        }
        logits.resize_hidden(hidden_rows.len() / WIDTH, WIDTH).copy_from_slice(&hidden_rows);
        logits.resize_scores(scores.len()).copy_from_slice(&scores);
        let rows = logits.resize(next_rows.len(), n_vocab);
        rows.fill(0.0);
        for (row, (token, is_broken)) in rows.chunks_exact_mut(n_vocab).zip(next_rows) {
            row[token.0 as usize] = if is_broken { f32::NAN } else { 10.0 };
        }
    }
}
