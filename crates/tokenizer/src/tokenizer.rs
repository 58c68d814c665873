//! Text to ids and back.

use crate::{
    bpe::Bpe,
    detokenizer::Detokenizer,
    error::Error,
    greedy::Greedy,
    load,
    matcher::{Fragment, Matcher},
    merge::Scratch,
    pipeline::{Pipeline, Prefix},
    special::SpecialTokens,
    spm::{SPACE, Spm},
    vocabulary::{TokenKind, Vocabulary, byte_of_piece},
    wpm::Wpm,
};
use gguf::{Metadata, TokenId};
use std::borrow::Cow;

/// The treatment of text that spells a control token (`<|im_start|>`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlTokens {
    /// The text becomes that token, as rendered chat templates want it.
    Parse,
    /// The text stays plain text, as what users type must.
    AsText,
}

/// The algorithm of a tokenizer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Byte-pair encoding with ranked merges.
    Bpe,
    /// SentencePiece's BPE with scored pieces.
    Spm,
    /// WordPiece, as BERT has it.
    Wpm,
    /// The longest token from left to right, as RWKV has it.
    Greedy,
}

/// A token of a vocabulary: its id, its piece as the file spells it, and its kind, which says what it is for.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token<'a> {
    pub id: TokenId,
    pub piece: &'a str,
    pub kind: TokenKind,
}

pub(crate) enum Model {
    Bpe(Bpe),
    Spm(Spm),
    Wpm(Wpm),
    Greedy(Greedy),
}

/// A tokenizer; immutable, shared between threads.
///
/// ```
/// # use tokenizer::{ControlTokens, Tokenizer};
/// # fn show(metadata: &gguf::Metadata) -> Result<(), tokenizer::Error> {
/// let tokenizer = Tokenizer::from_gguf(metadata)?;
/// let mut ids = Vec::new();
/// tokenizer.encode("Once upon a time", ControlTokens::AsText, true, &mut ids);
/// assert_eq!(tokenizer.decode(&ids, false), b"Once upon a time");
/// # Ok(()) }
/// ```
pub struct Tokenizer {
    pub(crate) vocabulary: Vocabulary,
    pub(crate) model: Model,
    pub(crate) special: SpecialTokens,
    /// Ids of the tokens that end a completion, sorted.
    pub(crate) end_of_generation: Vec<u32>,
    /// Ids of the tokens that a model is never to say, sorted.
    pub(crate) suppressed: Vec<u32>,
    pub(crate) warnings: Vec<String>,
    /// Token that goes before a text with `add_special`; the one after it follows.
    pub(crate) first: Option<TokenId>,
    pub(crate) last: Option<TokenId>,
    pub(crate) prefix: Prefix,
    /// Steps that the file states beyond GGUF's own keys.
    pub(crate) pipeline: Option<Pipeline>,
    /// Matcher of all added tokens.
    pub(crate) named: Matcher,
    /// Matcher of the added tokens that are text: user-defined ones.
    pub(crate) spelled: Matcher,
}

impl Tokenizer {
    /// Reads a tokenizer from the `tokenizer.*` keys of a GGUF file.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self, Error> {
        load::from_gguf(metadata)
    }

    /// Appends the ids of `text`; `add_special` adds BOS/EOS as the model asks.
    ///
    /// `out` may hold what stands before: where it has more than the beginning token, the text is no beginning, which
    /// some tokenizers tell apart.
    ///
    /// Text that the vocabulary cannot say becomes its unknown token; a byte-level vocabulary that lacks a byte has
    /// none and leaves the byte out, as the models were trained.
    pub fn encode(&self, text: &str, control: ControlTokens, add_special: bool, out: &mut Vec<TokenId>) {
        if add_special {
            out.extend(self.first);
        }
        let mut scratch = Scratch::default();
        if let Some(pipeline) = &self.pipeline {
            let at_start = out.is_empty() || self.first.is_some_and(|first| *out == [first]);
            pipeline.split(text, control, at_start, &mut |fragment| match fragment {
                Fragment::Token(id) => out.push(TokenId(id)),
                Fragment::Text(word) => self.encode_word(pipeline, word, &mut scratch, out),
            });
            if add_special {
                out.extend(self.last);
            }
            return;
        }
        let matcher = match control {
            ControlTokens::Parse => &self.named,
            ControlTokens::AsText => &self.spelled,
        };
        let mut after_added = true;
        matcher.split(text, |fragment| match fragment {
            Fragment::Token(id) => {
                out.push(TokenId(id));
                after_added = true;
            }
            Fragment::Text(text) => {
                match &self.model {
                    Model::Bpe(bpe) => bpe.encode(&self.vocabulary, text, &mut scratch, out),
                    Model::Spm(spm) => {
                        let prefix = self.prefix == Prefix::Always && after_added;
                        spm.encode(&self.vocabulary, text, prefix, &mut scratch, out);
                    }
                    Model::Wpm(wpm) => wpm.encode(text, out),
                    Model::Greedy(greedy) => greedy.encode(text, out),
                }
                after_added = false;
            }
        });
        if add_special {
            out.extend(self.last);
        }
    }

    /// Cuts a text that was encoded with what the model wants around it to `n_max` ids, of which the last stays the
    /// token that ends it, if there is one.
    pub fn truncate(&self, ids: &mut Vec<TokenId>, n_max: usize) {
        if ids.len() > n_max {
            ids.truncate(n_max);
            if let (Some(last), Some(end)) = (ids.last_mut(), self.last) {
                *last = end;
            }
        }
    }

    /// Encodes a word of a pipeline, or all text between added tokens where it does not cut words.
    fn encode_word(&self, pipeline: &Pipeline, word: &str, scratch: &mut Scratch, out: &mut Vec<TokenId>) {
        match &self.model {
            Model::Bpe(bpe) if pipeline.has_cuts() || bpe.escapes_space() => {
                bpe.encode_piece(&self.vocabulary, word, pipeline.ignores_merges(), scratch, out);
            }
            Model::Bpe(bpe) => bpe.encode(&self.vocabulary, word, scratch, out),
            Model::Spm(spm) => spm.encode(&self.vocabulary, &word.replace('▁', " "), false, scratch, out),
            Model::Wpm(wpm) => wpm.encode(word, out),
            Model::Greedy(greedy) => greedy.encode(word, out),
        }
    }

    /// Decodes `ids`, a whole sequence, into exact bytes (invalid UTF-8 where the ids spell it). `with_control` spells
    /// control tokens out. The inverse of [`Self::encode`]: a space that it put in front is taken away again.
    ///
    /// Ids outside the vocabulary have no text.
    pub fn decode(&self, ids: &[TokenId], with_control: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(ids.len() * 4);
        let mut detokenizer = Detokenizer::from_start(self).with_control(with_control);
        for &id in ids {
            detokenizer.push_bytes(id, &mut out);
        }
        out
    }

    /// Returns the algorithm of the tokenizer.
    pub fn kind(&self) -> Kind {
        match &self.model {
            Model::Bpe(_) => Kind::Bpe,
            Model::Spm(_) => Kind::Spm,
            Model::Wpm(_) => Kind::Wpm,
            Model::Greedy(_) => Kind::Greedy,
        }
    }

    /// Number of tokens.
    pub fn n_vocab(&self) -> usize {
        self.vocabulary.len()
    }

    /// Returns the token's piece as the vocabulary spells it; `None` if out of range.
    pub fn piece(&self, id: TokenId) -> Option<&str> {
        self.vocabulary.piece(id.0)
    }

    /// Returns the token that the vocabulary spells `piece`.
    pub fn id_of(&self, piece: &str) -> Option<TokenId> {
        self.vocabulary.find_piece(piece).map(TokenId)
    }

    /// Returns what the token is for; `None` if out of range.
    pub fn token_kind(&self, id: TokenId) -> Option<TokenKind> {
        self.vocabulary.kind(id.0)
    }

    /// Returns all tokens, by id.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = Token<'_>> {
        (0..self.n_vocab()).map(|id| Token {
            id: TokenId(id as u32),
            piece: self.vocabulary.piece(id as u32).unwrap_or_default(),
            kind: self.vocabulary.kind(id as u32).unwrap_or(TokenKind::Unused),
        })
    }

    /// Returns the bytes that the token adds to a text; control tokens spell themselves. Empty if out of range.
    pub fn token_bytes(&self, id: TokenId) -> Cow<'_, [u8]> {
        let piece = self.vocabulary.pieces.at(id.0 as usize);
        let escapes_space = match &self.model {
            Model::Bpe(bpe) => bpe.escapes_space(),
            Model::Spm(_) | Model::Wpm(_) => true,
            Model::Greedy(_) => false,
        };
        match self.vocabulary.kind(id.0) {
            Some(TokenKind::Normal | TokenKind::Unused) if escapes_space => unescape_space(piece),
            Some(TokenKind::Normal | TokenKind::Unused) => Cow::Borrowed(self.vocabulary.key(id.0)),
            Some(TokenKind::Byte) => byte_of_piece(piece).map_or(Cow::Borrowed(piece), |byte| Cow::Owned(vec![byte])),
            Some(TokenKind::Control | TokenKind::Unknown | TokenKind::UserDefined) => Cow::Borrowed(piece),
            None => Cow::Borrowed(&[]),
        }
    }

    /// Returns lines about special tokens that the file states and cannot mean: ids outside the vocabulary, which are
    /// read as absent.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns all tokens with a job.
    pub fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// Returns the token that begins a sequence.
    pub fn bos(&self) -> Option<TokenId> {
        self.special.bos
    }

    /// Returns the token that ends a sequence.
    pub fn eos(&self) -> Option<TokenId> {
        self.special.eos
    }

    /// Returns the token that `add_special` puts in front of a text, if any.
    pub fn added_first(&self) -> Option<TokenId> {
        self.first
    }

    /// Returns the token that `add_special` puts after a text, if any.
    pub fn added_last(&self) -> Option<TokenId> {
        self.last
    }

    /// Whether a text gets a space in front before it is encoded.
    pub fn adds_space_prefix(&self) -> bool {
        self.prefix != Prefix::Never
    }

    /// Whether text behind `id` gets a space in front as well. `at_start` says that `id` is the first token, or that
    /// only the beginning token stands before it.
    pub(crate) fn has_prefix_after(&self, id: TokenId, is_added: bool, at_start: bool) -> bool {
        match self.prefix {
            Prefix::Never => false,
            Prefix::First => at_start && self.first == Some(id),
            Prefix::Always => is_added,
            Prefix::Prepended => is_added && !self.pipeline.as_ref().is_some_and(|p| p.is_normalized(id.0)),
        }
    }

    /// Whether this token ends a completion (EOS, EOT, EOM and their like).
    pub fn is_end_of_generation(&self, id: TokenId) -> bool {
        self.end_of_generation.binary_search(&id.0).is_ok()
    }

    /// Returns all tokens that end a completion, sorted.
    pub fn end_of_generation(&self) -> impl ExactSizeIterator<Item = TokenId> + '_ {
        self.end_of_generation.iter().map(|&id| TokenId(id))
    }

    /// Returns the tokens that a model is never to say, however likely it finds them, sorted.
    pub fn suppressed(&self) -> impl ExactSizeIterator<Item = TokenId> + '_ {
        self.suppressed.iter().map(|&id| TokenId(id))
    }

    /// Whether the token is a control token, which has no text of its own in output.
    pub fn is_control(&self, id: TokenId) -> bool {
        self.vocabulary.kind(id.0).is_some_and(TokenKind::is_silent)
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokenizer")
            .field("kind", &self.kind())
            .field("n_vocab", &self.n_vocab())
            .finish_non_exhaustive()
    }
}

/// Turns `▁` back into space.
fn unescape_space(piece: &[u8]) -> Cow<'_, [u8]> {
    if !piece.windows(SPACE.len()).any(|window| window == SPACE) {
        return Cow::Borrowed(piece);
    }
    let mut out = Vec::with_capacity(piece.len());
    let mut rest = piece;
    while let Some((&first, after)) = rest.split_first() {
        if let Some(after_space) = rest.strip_prefix(SPACE) {
            out.push(b' ');
            rest = after_space;
        } else {
            out.push(first);
            rest = after;
        }
    }
    Cow::Owned(out)
}
