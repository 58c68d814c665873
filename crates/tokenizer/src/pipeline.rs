//! What a `tokenizer.json` says and GGUF has no key for: normalizers, cuts that no `tokenizer.ggml.pre` names, and the
//! flags of added tokens.
//!
//! Files that `convert` makes keep those sections under [`KEY`], spelled as in the `tokenizer.json`; then ids are those
//! of the `tokenizers` package (0.23), where they differ from llama.cpp's reading of GGUF's own keys as well. A file
//! without the key is read as llama.cpp reads it.
//!
//! A text is searched for added tokens as it was typed, what lies between is normalized, searched for those that are
//! looked for in normalized text, and cut into words.

mod cut;
mod expression;
mod normalizer;

use std::borrow::Cow;

use gguf::Metadata;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::Error,
    limits::{PIPELINE_BYTES_MAX, PIPELINE_STEPS_MAX},
    matcher::{Added, Blanks, Fragment, Matcher},
    tokenizer::ControlTokens,
    vocabulary::{TokenKind, Vocabulary},
};
use cut::Cut;
use normalizer::Normalizer;

/// Metadata key of the pipeline, one of ours; its value is a JSON object (`docs/tokenizer-key.md`).
pub const KEY: &str = "trinity.tokenizer.pipeline";

/// The sections of the value of [`KEY`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    #[serde(default)]
    normalizer: Vec<Value>,
    /// Steps of the pre-tokenizer; `None` where `tokenizer.ggml.pre` names it.
    #[serde(default)]
    pre_tokenizer: Option<Vec<Value>>,
    /// Whether a word that is a token stays that token, whatever the merges make of it. Stands beside `pre_tokenizer`
    /// alone: a name in `tokenizer.ggml.pre` implies it.
    #[serde(default)]
    ignore_merges: bool,
    #[serde(default)]
    added_tokens: Vec<Flags>,
}

/// An added token that is not found as GGUF's readers find it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flags {
    id: u32,
    /// Text that is searched for, where that is not the token's piece.
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    normalized: bool,
}

/// The places where the encoder puts a space that is not in the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Prefix {
    /// No space is put anywhere.
    Never,
    /// A space is put in front of a text.
    First,
    /// A space is put in front of a text, and of what follows an added token.
    Always,
    /// A space is put in front of a text, and of what follows an added token, unless that is looked for in normalized
    /// text.
    Prepended,
}

/// Matchers of added tokens: those looked for in text as it was typed, and those looked for in normalized text.
struct Matchers {
    raw: Matcher,
    normalized: Matcher,
}

pub(crate) struct Pipeline {
    normalizers: Vec<Normalizer>,
    /// Cuts into words; `None` where the algorithm has its own.
    cuts: Option<Vec<Cut>>,
    ignore_merges: bool,
    named: Matchers,
    spelled: Matchers,
    /// Ids of the added tokens that are looked for in normalized text, sorted.
    normalized: Vec<u32>,
}

/// The steps of all sections, without a vocabulary.
struct Steps {
    normalizers: Vec<Normalizer>,
    cuts: Option<Vec<Cut>>,
    ignore_merges: bool,
    flags: Vec<Flags>,
}

/// Checks a value of `trinity.tokenizer.pipeline`; the error says what in it cannot be followed: the section, the step,
/// and why.
pub fn check_pipeline(json: &str) -> Result<(), String> {
    parse(json).map(drop)
}

fn parse(json: &str) -> Result<Steps, String> {
    if json.len() > PIPELINE_BYTES_MAX {
        return Err(format!("{} bytes, more than the limit of {PIPELINE_BYTES_MAX}", json.len()));
    }
    let sections: Sections = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let normalizers = steps("normalizer", &sections.normalizer, Normalizer::new)?;
    let cuts = sections.pre_tokenizer.map(|list| steps("pre_tokenizer", &list, Cut::new)).transpose()?;
    Ok(Steps { normalizers, cuts, ignore_merges: sections.ignore_merges, flags: sections.added_tokens })
}

fn steps<T>(section: &str, list: &[Value], read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    if list.len() > PIPELINE_STEPS_MAX {
        return Err(format!("{section}: {} steps, more than the limit of {PIPELINE_STEPS_MAX}", list.len()));
    }
    list.iter()
        .map(|step| read(step).map_err(|why| format!("{section}: {}: {why}", crate::error::excerpt_of(step))))
        .collect()
}

impl Pipeline {
    /// Reads the pipeline from the key of the file, if it has it.
    pub(crate) fn from_gguf(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Option<Self>, Error> {
        let Some(json) = metadata.str(KEY)? else { return Ok(None) };
        let refuse = |what: String| Error::Pipeline { what };
        let Steps { normalizers, cuts, ignore_merges, flags } = parse(json).map_err(refuse)?;
        let mut added: Vec<Option<&Flags>> = vec![None; vocabulary.len()];
        for token in &flags {
            let Some(slot) = added.get_mut(token.id as usize) else {
                let what = format!("added_tokens: token {}, but the vocabulary has {}", token.id, vocabulary.len());
                return Err(refuse(what));
            };
            *slot = Some(token);
        }
        let normalize = |text: &str| normalize(&normalizers, text, false).0.into_owned();
        let matcher = |with_silent: bool, of_normalized: bool| {
            let order = vocabulary.kinds.iter().zip(&added).zip(0_u32..);
            let tokens: Vec<(String, Added)> = order
                .filter(|((kind, flags), _)| match kind {
                    TokenKind::UserDefined => true,
                    TokenKind::Control | TokenKind::Unknown => with_silent,
                    // Made by merging as well.
                    TokenKind::Normal | TokenKind::Unused | TokenKind::Byte => flags.is_some(),
                })
                .filter_map(|((_, flags), id)| {
                    let content = flags.and_then(|f| f.content.as_deref()).or_else(|| vocabulary.piece(id))?;
                    let is_normalized = flags.is_some_and(|f| f.normalized);
                    let content = if is_normalized { normalize(content) } else { content.to_owned() };
                    let flag = |of: fn(&Flags) -> bool| flags.is_some_and(of);
                    let token = Added {
                        id,
                        lstrip: flag(|f| f.lstrip),
                        rstrip: flag(|f| f.rstrip),
                        single_word: flag(|f| f.single_word),
                    };
                    (is_normalized == of_normalized).then_some((content, token))
                })
                .collect();
            Matcher::new(tokens.iter().map(|(text, token)| (text.as_bytes(), *token)), Blanks::Unicode)
        };
        let matchers =
            |with_silent| Matchers { raw: matcher(with_silent, false), normalized: matcher(with_silent, true) };
        let mut normalized: Vec<u32> = flags.iter().filter(|f| f.normalized).map(|f| f.id).collect();
        normalized.sort_unstable();
        Ok(Some(Self { named: matchers(true), spelled: matchers(false), normalizers, cuts, ignore_merges, normalized }))
    }

    /// Cuts `text` into added tokens and words. `at_start` says that nothing stands before it.
    pub(crate) fn split(&self, text: &str, control: ControlTokens, at_start: bool, emit: &mut dyn FnMut(Fragment<'_>)) {
        let matchers = match control {
            ControlTokens::Parse => &self.named,
            ControlTokens::AsText => &self.spelled,
        };
        // Only the first fragment can begin where the text does.
        let mut is_first = at_start;
        matchers.raw.split(text, |fragment| {
            let at_origin = std::mem::take(&mut is_first);
            let Fragment::Text(typed) = fragment else { return emit(fragment) };
            let (text, mut at_origin) = normalize(&self.normalizers, typed, at_origin);
            matchers.normalized.split(&text, |fragment| {
                let at_origin = std::mem::take(&mut at_origin);
                match (fragment, &self.cuts) {
                    (Fragment::Text(text), Some(cuts)) => {
                        cut::split(cuts, text, at_origin, &mut |word| emit(Fragment::Text(word)));
                    }
                    (fragment, _) => emit(fragment),
                }
            });
        });
    }

    pub(crate) fn prefix(&self) -> Prefix {
        let mut found = self.cuts.iter().flatten().map(Cut::prefix).filter(|prefix| *prefix != Prefix::Never);
        if let Some(prefix) = found.next() {
            return prefix;
        }
        let is_prepended = self.normalizers.iter().any(Normalizer::prepends_space);
        if is_prepended { Prefix::Prepended } else { Prefix::Never }
    }

    /// Whether the added token is looked for in normalized text.
    pub(crate) fn is_normalized(&self, id: u32) -> bool {
        self.normalized.binary_search(&id).is_ok()
    }

    pub(crate) fn ignores_merges(&self) -> bool {
        self.ignore_merges
    }

    /// Whether the pipeline says how text is cut into words.
    pub(crate) fn has_cuts(&self) -> bool {
        self.cuts.is_some()
    }
}

/// Normalizes a text. The second value says whether it still begins with what the whole text began with: what is taken
/// away from the front moves the rest.
fn normalize<'t>(normalizers: &[Normalizer], text: &'t str, mut at_origin: bool) -> (Cow<'t, str>, bool) {
    let mut text = Cow::Borrowed(text);
    for normalizer in normalizers {
        if text.is_empty() {
            break;
        }
        let (changed, keeps_origin) = normalizer.apply(&text);
        at_origin = keeps_origin.apply(at_origin);
        if let Some(changed) = changed {
            text = Cow::Owned(changed);
        }
    }
    (text, at_origin)
}

#[cfg(test)]
mod tests;
