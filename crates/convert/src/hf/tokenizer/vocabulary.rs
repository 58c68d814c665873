//! The tokens of `tokenizer.json` by id, with the kinds that GGUF knows.
//!
//! Kinds as llama.cpp's `convert_hf_to_gguf.py` gives them, so that both programs treat a file alike.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use gguf::{Array, Metadata, Value};

use super::json::TokenizerJson;
use crate::{Error, json};

/// The kind of a token: `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// The tokens of a model by id.
pub(super) struct Vocabulary {
    pub(super) tokens: Vec<String>,
    pub(super) kinds: Vec<Kind>,
    /// Ids of every spelling in the file.
    ids: HashMap<String, u32>,
    added: HashSet<String>,
}

impl Vocabulary {
    /// Orders the tokens by id, for `n_vocab` rows of the embedding. Ids without a token become unused ones; added
    /// tokens beyond have no row and are left out. An added token that the model's own vocabulary spells as well has
    /// the id of that, whatever the list says, as in `tokenizers`.
    pub(super) fn new(file: &Path, json: &TokenizerJson, n_vocab: usize, is_byte_level: bool) -> Result<Self, Error> {
        let refuse = |what: String| Err(json::invalid(file, what));
        let mut slots: Vec<Option<(String, Kind)>> = vec![None; n_vocab];
        for (text, id) in &json.model.vocab.0 {
            let Some(slot) = slots.get_mut(*id as usize) else {
                return refuse(format!("model.vocab: id {id} of {text:?}, but vocab_size in config.json is {n_vocab}"));
            };
            if let Some((other, _)) = slot {
                return refuse(format!("model.vocab: id {id} of both {other:?} and {text:?}"));
            }
            let is_byte = !is_byte_level && is_byte_token(text);
            let is_unknown = !is_byte_level && json.model.unk_token.as_ref() == Some(text);
            let kind = if is_byte {
                Kind::Byte
            } else if is_unknown {
                Kind::Unknown
            } else {
                Kind::Normal
            };
            *slot = Some((text.clone(), kind));
        }
        let mut ids: HashMap<String, u32> = json.model.vocab.0.iter().cloned().collect();
        for token in &json.added_tokens {
            let own = ids.get(&token.content).copied();
            let id = own.unwrap_or(token.id);
            let Some(slot) = slots.get_mut(id as usize) else { continue };
            // A run of spaces is typed as spaces, in which no `▁` is found: merging makes it.
            if own.is_some() && !is_byte_level && !token.special && token.content.chars().all(|c| c == '▁') {
                continue;
            }
            ids.insert(token.content.clone(), id);
            let kind = match slot {
                Some((text, _)) if *text != token.content => {
                    return refuse(format!("added_tokens: id {id} of both {text:?} and {:?}", token.content));
                }
                Some((_, Kind::Unknown)) => Kind::Unknown,
                _ if token.special || looks_special(&token.content) => Kind::Control,
                _ => Kind::UserDefined,
            };
            // Readers look for it in the text as it was typed.
            let spaced = kind == Kind::UserDefined && !is_byte_level;
            let text = if spaced { token.content.replace('▁', " ") } else { token.content.clone() };
            *slot = Some((text, kind));
        }
        let added = json.added_tokens.iter().map(|token| token.content.clone()).collect();
        let padded = slots.into_iter().enumerate();
        let (tokens, kinds) =
            padded.map(|(id, slot)| slot.unwrap_or_else(|| (format!("[PAD{id}]"), Kind::Unused))).unzip();
        Ok(Self { tokens, kinds, ids, added })
    }

    /// Returns the id of the token spelled `text`.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// Returns the spelling of `id`, unless it is padding.
    pub(super) fn text(&self, id: u32) -> Option<&str> {
        let (text, kind) = (self.tokens.get(id as usize)?, self.kinds.get(id as usize)?);
        (*kind != Kind::Unused).then_some(text)
    }

    /// Returns the tokens that are made by merging, or are single characters.
    pub(super) fn plain(&self) -> impl Iterator<Item = (usize, &str)> {
        let all = self.tokens.iter().zip(&self.kinds).enumerate();
        all.filter(|(_, (_, kind))| **kind == Kind::Normal).map(|(id, (text, _))| (id, text.as_str()))
    }

    /// Returns the id of an added token, and whether GGUF's readers search text for that very spelling.
    pub(super) fn added(&self, content: &str) -> Option<(u32, bool)> {
        let id = self.find(content)?;
        let is_searched = matches!(self.kinds.get(id as usize)?, Kind::Control | Kind::Unknown | Kind::UserDefined);
        Some((id, is_searched && self.tokens.get(id as usize)? == content))
    }

    /// Whether a token is spelled `piece`.
    pub(super) fn writes(&self, piece: &str) -> bool {
        self.find(piece).and_then(|id| self.tokens.get(id as usize)).is_some_and(|written| written == piece)
    }

    /// Spells tokens as WordPiece has them in GGUF: those that begin a word with `▁` in front, others without `##`.
    pub(super) fn spell_pieces(&mut self) {
        for (token, kind) in self.tokens.iter_mut().zip(&self.kinds) {
            if *kind == Kind::Normal {
                *token = token.strip_prefix("##").map_or_else(|| format!("▁{token}"), str::to_owned);
            }
        }
    }

    pub(super) fn is_added(&self, text: &str) -> bool {
        self.added.contains(text)
    }

    pub(super) fn write(self, metadata: &mut Metadata) {
        let kinds = self.kinds.iter().map(|&kind| kind as i32).collect();
        metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(self.tokens)));
        metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds)));
    }
}

/// Whether `text` is a byte's token, such as `<0x0A>`.
fn is_byte_token(text: &str) -> bool {
    let digits = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    digits.is_some_and(|d| d.len() == 2 && d.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)))
}

/// Whether an added token looks like one that files forget to call special.
fn looks_special(text: &str) -> bool {
    let within = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    matches!(text, "<pad>" | "<mask>" | "<2mass>" | "[@BOS@]")
        || within("<|", "|>")
        || within("<｜", "｜>")
        || within("<unused", ">")
}
