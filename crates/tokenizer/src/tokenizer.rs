//! Text to ids and back.

use crate::{
    bpe::Bpe,
    detokenizer::Detokenizer,
    error::Error,
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

/// How text that spells a control token (`<|im_start|>`) is encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlTokens {
    /// As that token: for rendered chat templates.
    Parse,
    /// As plain text: for what users type.
    AsText,
}

/// The algorithm of a tokenizer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Byte-pair encoding with ranked merges.
    Bpe,
    /// SentencePiece's BPE with scored pieces.
    Spm,
    /// WordPiece.
    Wpm,
}

/// One token of a vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token<'a> {
    /// Its id.
    pub id: TokenId,
    /// As the file spells it.
    pub piece: &'a str,
    /// What it is for.
    pub kind: TokenKind,
}

pub(crate) enum Model {
    Bpe(Bpe),
    Spm(Spm),
    Wpm(Wpm),
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
    /// Sorted.
    pub(crate) end_of_generation: Vec<u32>,
    pub(crate) warnings: Vec<String>,
    /// What goes before and after a text with `add_special`.
    pub(crate) first: Option<TokenId>,
    pub(crate) last: Option<TokenId>,
    pub(crate) prefix: Prefix,
    /// What the file says beyond GGUF's own keys.
    pub(crate) pipeline: Option<Pipeline>,
    /// Finds all added tokens.
    pub(crate) named: Matcher,
    /// Finds those that are text: user-defined ones.
    pub(crate) spelled: Matcher,
}

impl Tokenizer {
    /// From the `tokenizer.*` keys of a GGUF file.
    pub fn from_gguf(metadata: &Metadata) -> Result<Self, Error> {
        load::from_gguf(metadata)
    }

    /// Appends the ids of `text`; `add_special` adds BOS/EOS as the model asks.
    ///
    /// `out` may hold what stands before: where it has more than the beginning token, the text is no beginning, which some tokenizers tell apart.
    ///
    /// Text that the vocabulary cannot say becomes its unknown token; a byte-level vocabulary that lacks a byte has none
    /// and leaves the byte out, as the models were trained.
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
                    Model::Wpm(wpm) => wpm.encode(&self.vocabulary, text, out),
                }
                after_added = false;
            }
        });
        if add_special {
            out.extend(self.last);
        }
    }

    /// A word of a pipeline, or all text between added tokens where it says nothing of words.
    fn encode_word(&self, pipeline: &Pipeline, word: &str, scratch: &mut Scratch, out: &mut Vec<TokenId>) {
        match &self.model {
            Model::Bpe(bpe) if pipeline.has_cuts() || bpe.escapes_space() => {
                bpe.encode_piece(&self.vocabulary, word, pipeline.ignores_merges(), scratch, out);
            }
            Model::Bpe(bpe) => bpe.encode(&self.vocabulary, word, scratch, out),
            Model::Spm(spm) => spm.encode(&self.vocabulary, &word.replace('▁', " "), false, scratch, out),
            Model::Wpm(wpm) => wpm.encode(&self.vocabulary, word, out),
        }
    }

    /// All text of `ids`, a whole sequence: exact bytes (invalid UTF-8 where the ids spell it). `with_control` spells
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

    /// The algorithm.
    pub fn kind(&self) -> Kind {
        match &self.model {
            Model::Bpe(_) => Kind::Bpe,
            Model::Spm(_) => Kind::Spm,
            Model::Wpm(_) => Kind::Wpm,
        }
    }

    /// Number of tokens.
    pub fn n_vocab(&self) -> usize {
        self.vocabulary.len()
    }

    /// The token's piece as the vocabulary spells it; `None` if out of range.
    pub fn piece(&self, id: TokenId) -> Option<&str> {
        self.vocabulary.piece(id.0)
    }

    /// The token that the vocabulary spells `piece`.
    pub fn id_of(&self, piece: &str) -> Option<TokenId> {
        self.vocabulary.find_piece(piece).map(TokenId)
    }

    /// What the token is for; `None` if out of range.
    pub fn token_kind(&self, id: TokenId) -> Option<TokenKind> {
        self.vocabulary.kind(id.0)
    }

    /// All tokens, by id.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = Token<'_>> {
        (0..self.n_vocab()).map(|id| Token {
            id: TokenId(id as u32),
            piece: self.vocabulary.piece(id as u32).unwrap_or_default(),
            kind: self.vocabulary.kind(id as u32).unwrap_or(TokenKind::Unused),
        })
    }

    /// The bytes that the token adds to a text; control tokens spell themselves. Empty if out of range.
    pub fn token_bytes(&self, id: TokenId) -> Cow<'_, [u8]> {
        let piece = self.vocabulary.pieces.at(id.0 as usize);
        let escapes_space = match &self.model {
            Model::Bpe(bpe) => bpe.escapes_space(),
            Model::Spm(_) | Model::Wpm(_) => true,
        };
        match self.vocabulary.kind(id.0) {
            Some(TokenKind::Normal | TokenKind::Unused) if escapes_space => unescape_space(piece),
            Some(TokenKind::Normal | TokenKind::Unused) => Cow::Borrowed(self.vocabulary.key(id.0)),
            Some(TokenKind::Byte) => byte_of_piece(piece).map_or(Cow::Borrowed(piece), |byte| Cow::Owned(vec![byte])),
            Some(TokenKind::Control | TokenKind::Unknown | TokenKind::UserDefined) => Cow::Borrowed(piece),
            None => Cow::Borrowed(&[]),
        }
    }

    /// What the file says of special tokens and cannot mean, a line each: ids outside the vocabulary, which are read as absent.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// All tokens with a job.
    pub fn special(&self) -> &SpecialTokens {
        &self.special
    }

    /// Beginning of sequence.
    pub fn bos(&self) -> Option<TokenId> {
        self.special.bos
    }

    /// End of sequence.
    pub fn eos(&self) -> Option<TokenId> {
        self.special.eos
    }

    /// The token that `add_special` puts in front of a text, if any.
    pub fn added_first(&self) -> Option<TokenId> {
        self.first
    }

    /// The token that `add_special` puts after a text, if any.
    pub fn added_last(&self) -> Option<TokenId> {
        self.last
    }

    /// Does a text get a space in front before it is encoded?
    pub fn adds_space_prefix(&self) -> bool {
        self.prefix != Prefix::Never
    }

    /// Does text behind `id` get one as well? `at_start`: `id` is the first, or only the beginning token stands before.
    pub(crate) fn has_prefix_after(&self, id: TokenId, is_added: bool, at_start: bool) -> bool {
        match self.prefix {
            Prefix::Never => false,
            Prefix::First => at_start && self.first == Some(id),
            Prefix::Always => is_added,
            Prefix::Prepended => is_added && !self.pipeline.as_ref().is_some_and(|p| p.is_normalized(id.0)),
        }
    }

    /// Does this token end a completion (EOS, EOT, EOM and their like)?
    pub fn is_end_of_generation(&self, id: TokenId) -> bool {
        self.end_of_generation.binary_search(&id.0).is_ok()
    }

    /// All tokens that end a completion, sorted.
    pub fn end_of_generation(&self) -> impl ExactSizeIterator<Item = TokenId> + '_ {
        self.end_of_generation.iter().map(|&id| TokenId(id))
    }

    /// Is it a control token, which has no text of its own in output?
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

/// `▁` back to space.
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
