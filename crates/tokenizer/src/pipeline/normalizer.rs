//! Steps that change text before it is cut. Their names and fields are those of `tokenizer.json`.

use serde::Deserialize;
use serde_json::Value;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::expression::{Expression, Pattern};

#[derive(Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
enum Step {
    #[serde(rename = "NFC")]
    Nfc {},
    #[serde(rename = "NFD")]
    Nfd {},
    #[serde(rename = "NFKC")]
    Nfkc {},
    #[serde(rename = "NFKD")]
    Nfkd {},
    Lowercase {},
    StripAccents {},
    Strip {
        strip_left: bool,
        strip_right: bool,
    },
    Prepend {
        prepend: String,
    },
    Replace {
        pattern: Pattern,
        content: String,
    },
}

pub(super) enum Normalizer {
    Form(Form),
    /// Lower case letter by letter: a final sigma is no other one.
    Lowercase,
    StripAccents,
    Strip {
        left: bool,
        right: bool,
    },
    Prepend(String),
    Replace(Expression, String),
}

/// The normal forms of Unicode.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

/// The effect of a step on the place where a text begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// The first character is, or comes of, the one that was first.
    Kept,
    /// The character that was first is gone.
    Lost,
    /// Something was put in front, which counts as the beginning.
    New,
}

impl Origin {
    pub(super) fn apply(self, at_origin: bool) -> bool {
        match self {
            Self::Kept => at_origin,
            Self::Lost => false,
            Self::New => true,
        }
    }
}

impl Normalizer {
    pub(super) fn new(step: &Value) -> Result<Self, String> {
        let step = Step::deserialize(step).map_err(|e| e.to_string())?;
        Ok(match step {
            Step::Nfc {} => Self::Form(Form::Nfc),
            Step::Nfd {} => Self::Form(Form::Nfd),
            Step::Nfkc {} => Self::Form(Form::Nfkc),
            Step::Nfkd {} => Self::Form(Form::Nfkd),
            Step::Lowercase {} => Self::Lowercase,
            Step::StripAccents {} => Self::StripAccents,
            Step::Strip { strip_left, strip_right } => Self::Strip { left: strip_left, right: strip_right },
            Step::Prepend { prepend } => Self::Prepend(prepend),
            Step::Replace { pattern, content } => Self::Replace(Expression::new(&pattern)?, content),
        })
    }

    /// Returns the changed text, if it changed.
    pub(super) fn apply(&self, text: &str) -> (Option<String>, Origin) {
        match self {
            Self::Form(form) => (form.apply(text), Origin::Kept),
            Self::Lowercase => (Some(text.chars().flat_map(char::to_lowercase).collect()), Origin::Kept),
            Self::StripAccents => {
                let is_accent = |c: char| !c.is_ascii() && c.general_category_group() == GeneralCategoryGroup::Mark;
                let loses = text.starts_with(is_accent);
                (
                    Some(text.chars().filter(|c| !is_accent(*c)).collect()),
                    if loses { Origin::Lost } else { Origin::Kept },
                )
            }
            Self::Strip { left, right } => {
                let stripped = if *left { text.trim_start() } else { text };
                let origin = if stripped.len() < text.len() { Origin::Lost } else { Origin::Kept };
                let stripped = if *right { stripped.trim_end() } else { stripped };
                (Some(stripped.to_owned()), origin)
            }
            Self::Prepend(prefix) if prefix.is_empty() => (None, Origin::Kept),
            Self::Prepend(prefix) => (Some(format!("{prefix}{text}")), Origin::New),
            Self::Replace(expression, content) => {
                let (mut out, mut end, mut origin) = (String::with_capacity(text.len()), 0, Origin::Kept);
                expression.find_all(text, &mut |range| {
                    if range.start == 0 {
                        origin = if content.is_empty() { Origin::Lost } else { Origin::New };
                    }
                    out.push_str(text.get(end..range.start).unwrap_or_default());
                    out.push_str(content);
                    end = range.end;
                });
                if end == 0 {
                    return (None, Origin::Kept);
                }
                out.push_str(text.get(end..).unwrap_or_default());
                (Some(out), origin)
            }
        }
    }

    /// Whether the step puts a space in front of text, spelled either way.
    pub(super) fn prepends_space(&self) -> bool {
        matches!(self, Self::Prepend(prefix) if prefix == " " || prefix == "▁")
    }
}

impl Form {
    /// Returns the normal form of a text that is not in it. Most text is already, which is cheap to see.
    fn apply(self, text: &str) -> Option<String> {
        let done = match self {
            Self::Nfc => is_nfc_quick(text.chars()) == IsNormalized::Yes,
            Self::Nfkc => is_nfkc_quick(text.chars()) == IsNormalized::Yes,
            Self::Nfd | Self::Nfkd => text.is_ascii(),
        };
        if done {
            return None;
        }
        Some(match self {
            Self::Nfc => text.nfc().collect(),
            Self::Nfd => text.nfd().collect(),
            Self::Nfkc => text.nfkc().collect(),
            Self::Nfkd => text.nfkd().collect(),
        })
    }
}
