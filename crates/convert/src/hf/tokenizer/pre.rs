//! Which name `tokenizer.ggml.pre` has for what `tokenizer.json` does to text before its merges.
//!
//! The steps are compared with those of the model families, expression by expression and letter by letter; what is none of them is
//! refused with its text, since a near miss changes ids silently. Names: `tokenizer`'s table, which is llama.cpp's.

use std::path::Path;

use serde_json::Value;

use super::json::{TokenizerJson, flag, kind, steps, unknown};
use crate::Error;

/// One step that cuts text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut<'a> {
    /// An expression; matches and gaps are pieces.
    Split(&'a str),
    /// Every number character for itself.
    SingleDigits,
    /// Runs of number characters.
    Digits,
    /// Runs of punctuation.
    Punctuation,
    /// The alphabet of bytes alone.
    Nothing,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK3: &str =
    r"[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Steps, whether a word that is a token skips the merges (`ignore_merges`), name.
const NAMES: &[(&[Cut<'_>], bool, &str)] = &[
    (&[Cut::Split(GPT2)], false, "gpt-2"),
    (&[Cut::SingleDigits, Cut::Split(GPT2)], false, "smollm"),
    (&[Cut::Split(LLAMA3)], true, "llama-bpe"),
    (&[Cut::Split(LLAMA3)], false, "dbrx"),
    (&[Cut::Split(r"\p{N}{1,3}"), Cut::Split(LLAMA3)], true, "minicpm5"),
    (&[Cut::Split(QWEN2)], false, "qwen2"),
    (&[Cut::Split(QWEN35)], false, "qwen35"),
    (&[Cut::Split(TEKKEN)], true, "tekken"),
    (&[Cut::Split(GPT4O)], false, "gpt-4o"),
    (&[Cut::Split(r"\p{N}{1,3}"), Cut::Split("[一-龥぀-ゟ゠-ヿ]+"), Cut::Split(DEEPSEEK3)], false, "deepseek-v3"),
    (&[Cut::Punctuation, Cut::Split(GPT2), Cut::Digits, Cut::Split("[0-9][0-9][0-9]")], false, "falcon"),
];

/// Does the file work on bytes (GPT-2 and its heirs)?
pub(super) fn is_byte_level(json: &TokenizerJson) -> bool {
    steps(json.pre_tokenizer.as_ref(), "pretokenizers").iter().any(|step| kind(step) == "ByteLevel")
}

/// `tokenizer.ggml.pre` of a byte-level file.
pub(super) fn name(file: &Path, json: &TokenizerJson) -> Result<&'static str, Error> {
    let normalizers = steps(json.normalizer.as_ref(), "normalizers");
    // NFC is what Qwen's files ask for and GGUF cannot say: it changes text that is not composed, as no keyboard writes it.
    if let Some(other) = normalizers.iter().find(|step| kind(step) != "NFC") {
        return Err(unknown(file, "normalizer", &[other], "GGUF cannot say it"));
    }
    let steps = steps(json.pre_tokenizer.as_ref(), "pretokenizers");
    let cuts = steps.iter().map(|step| cut(step)).collect::<Option<Vec<_>>>();
    let mut cuts = cuts.ok_or_else(|| unknown(file, "pre_tokenizer", &steps, "none of the known ones"))?;
    cuts.retain(|cut| *cut != Cut::Nothing);
    let ignore = json.model.ignore_merges;
    let known = NAMES.iter().find(|(steps, ignore_merges, _)| *steps == cuts.as_slice() && *ignore_merges == ignore);
    known.map(|(.., name)| *name).ok_or_else(|| {
        let why = format!("none of the known ones (with model.ignore_merges {ignore})");
        unknown(file, "pre_tokenizer", &steps, &why)
    })
}

/// What a step cuts; `None` where it is not known.
fn cut(step: &Value) -> Option<Cut<'_>> {
    match kind(step) {
        // A space in front of every text has no key for byte-level vocabularies.
        "ByteLevel" if flag(step, "add_prefix_space", true) => None,
        "ByteLevel" if flag(step, "use_regex", true) => Some(Cut::Split(GPT2)),
        "ByteLevel" => Some(Cut::Nothing),
        "Digits" if flag(step, "individual_digits", false) => Some(Cut::SingleDigits),
        "Digits" => Some(Cut::Digits),
        "Punctuation" if step.get("behavior")? == "Contiguous" => Some(Cut::Punctuation),
        "Split" if step.get("behavior")? == "Isolated" && !flag(step, "invert", false) => {
            step.get("pattern")?.get("Regex")?.as_str().map(Cut::Split)
        }
        _ => None,
    }
}
