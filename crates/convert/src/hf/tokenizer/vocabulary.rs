//! The tokens of `tokenizer.json` by id, with the kinds that GGUF knows.
//!
//! Kinds as llama.cpp's `convert_hf_to_gguf.py` gives them, so that both programs treat a file alike.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use gguf::{Array, Metadata, Value};

use super::json::{AddedToken, TokenizerJson};
use crate::{Error, json};

/// `tokenizer.ggml.token_type`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// Tokens by id.
pub(super) struct Vocabulary {
    pub(super) tokens: Vec<String>,
    pub(super) kinds: Vec<Kind>,
    /// Of every spelling in the file.
    ids: HashMap<String, u32>,
    added: HashSet<String>,
}

impl Vocabulary {
    /// `n_vocab` rows of the embedding; ids without a token become unused ones, added tokens beyond have no row and are left out.
    ///
    /// `may_strip`: the tokenizer knows that this model's added tokens take the white space behind them.
    pub(super) fn new(
        file: &Path,
        json: &TokenizerJson,
        n_vocab: usize,
        is_byte_level: bool,
        may_strip: bool,
    ) -> Result<Self, Error> {
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
        for token in &json.added_tokens {
            check(file, token, may_strip)?;
            let Some(slot) = slots.get_mut(token.id as usize) else { continue };
            let kind = match slot {
                Some((text, _)) if *text != token.content => {
                    return refuse(format!("added_tokens: id {} of both {text:?} and {:?}", token.id, token.content));
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
        let mut ids: HashMap<String, u32> = json.model.vocab.0.iter().cloned().collect();
        ids.extend(json.added_tokens.iter().filter(|t| (t.id as usize) < n_vocab).map(|t| (t.content.clone(), t.id)));
        let added = json.added_tokens.iter().map(|token| token.content.clone()).collect();
        let padded = slots.into_iter().enumerate();
        let (tokens, kinds) =
            padded.map(|(id, slot)| slot.unwrap_or_else(|| (format!("[PAD{id}]"), Kind::Unused))).unzip();
        Ok(Self { tokens, kinds, ids, added })
    }

    /// The id of the token spelled so.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    /// The spelling of `id`, unless it is padding.
    pub(super) fn text(&self, id: u32) -> Option<&str> {
        let (text, kind) = (self.tokens.get(id as usize)?, self.kinds.get(id as usize)?);
        (*kind != Kind::Unused).then_some(text)
    }

    /// Tokens that are made by merging, or single characters.
    pub(super) fn plain(&self) -> impl Iterator<Item = (usize, &str)> {
        let all = self.tokens.iter().zip(&self.kinds).enumerate();
        all.filter(|(_, (_, kind))| **kind == Kind::Normal).map(|(id, (text, _))| (id, text.as_str()))
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

/// Refuses what GGUF cannot say of an added token.
fn check(file: &Path, token: &AddedToken, may_strip: bool) -> Result<(), Error> {
    let flags = [("single_word", token.single_word), ("lstrip", token.lstrip), ("rstrip", token.rstrip && !may_strip)];
    match flags.iter().find(|(_, is_set)| *is_set) {
        Some((flag, _)) => {
            Err(json::invalid(file, format!("added_tokens: {:?} has {flag}, which GGUF cannot say", token.content)))
        }
        None => Ok(()),
    }
}

/// `<0x0A>`
fn is_byte_token(text: &str) -> bool {
    let digits = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    digits.is_some_and(|d| d.len() == 2 && d.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)))
}

/// Added tokens that files forget to call special.
fn looks_special(text: &str) -> bool {
    let within = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    matches!(text, "<pad>" | "<mask>" | "<2mass>" | "[@BOS@]")
        || within("<|", "|>")
        || within("<｜", "｜>")
        || within("<unused", ">")
}
