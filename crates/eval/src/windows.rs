//! Windows of a text, cut and scored as llama.cpp's tool does, so that the numbers can be compared.
//!
//! The text is tokenised whole and cut into windows that do not overlap. Each window is computed from an empty cache;
//! its first token is replaced by the model's beginning token if it has one; the tokens of the second half are scored,
//! each by the logits of the position before it.

use std::ops::Range;

use model::{Forward, TokenId};

use crate::{Error, session::Session};

/// Shortest window: two tokens of context, one scored.
const WINDOW_LEN_MIN: usize = 4;

/// Rules by which a text is cut: windows of `window_len` (at least 4) tokens, at most `n_chunks` of them (`None`: all
/// that the text fills), with `first` in place of each window's first token.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    pub window_len: usize,
    pub n_chunks: Option<usize>,
    pub first: Option<TokenId>,
}

impl Options {
    /// Number of windows that `n_tokens` fill, and that the options allow. At least one, or the text is too short.
    pub fn n_windows(&self, n_tokens: usize) -> Result<usize, Error> {
        let window_len = self.window_len;
        if window_len < WINDOW_LEN_MIN {
            return Err(Error::Parameter { parameter: "window length", value: window_len, expected: "at least 4" });
        }
        let n_available = n_tokens / window_len;
        let n_chunks = self.n_chunks.unwrap_or(n_available.max(1));
        if n_chunks == 0 || n_chunks > n_available {
            return Err(Error::TextTooShort { n_tokens, n_chunks: n_chunks.max(1), window_len });
        }
        Ok(n_chunks)
    }

    /// Returns the tokens of window `i` as the model gets them.
    pub(crate) fn window(&self, tokens: &[TokenId], i: usize) -> Vec<TokenId> {
        let mut window = tokens.chunks(self.window_len.max(1)).nth(i).unwrap_or_default().to_vec();
        if let (Some(first), Some(slot)) = (self.first, window.first_mut()) {
            *slot = first;
        }
        window
    }

    /// Range of the positions of a window whose logits are scored.
    pub(crate) fn scored(&self) -> Range<usize> {
        // The last token predicts nothing that is in the window.
        self.window_len / 2..self.window_len.saturating_sub(1)
    }
}

/// An event of a run over windows.
pub(crate) enum Seen<'a> {
    /// Logits `[V]` of a scored position and the token that follows it in the text.
    Row(&'a [f32], TokenId),
    /// This many windows are done.
    Windows(usize),
}

/// Computes every window and shows its scored rows to a callback; returns the number of windows.
pub(crate) fn score(
    model: &mut (dyn Forward + Send),
    tokens: &[TokenId],
    options: &Options,
    see: &mut dyn FnMut(Seen<'_>) -> Result<(), Error>,
) -> Result<usize, Error> {
    let window_len = options.window_len;
    let n_windows = options.n_windows(tokens.len())?;
    let mut session = Session::new(model);
    session.check("a window", window_len)?;
    session.check_ids(tokens)?;
    let scored = options.scored();
    for (i, text) in tokens.chunks_exact(window_len).take(n_windows).enumerate() {
        let window = options.window(tokens, i);
        session.clear();
        session.compute(&window[..scored.end], scored.start, &mut |position, logits| match text.get(position + 1) {
            Some(next) => see(Seen::Row(logits, *next)),
            None => Ok(()),
        })?;
        see(Seen::Windows(i + 1))?;
    }
    Ok(n_windows)
}
