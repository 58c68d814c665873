//! Which name `tokenizer.ggml.pre` has for what `tokenizer.json` does to text before its merges.
//!
//! The steps are compared with those of the model families, expression by expression and letter by letter, since a near
//! miss changes ids silently; what is none of them has no name, and is kept step by step (`pipeline.rs`). Names:
//! `tokenizer`'s table, which is llama.cpp's.

use serde_json::Value;

use super::json::{TokenizerJson, flag, kind, steps};

/// A step that cuts text into pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut<'a> {
    /// An expression whose matches and gaps are pieces.
    Split(&'a str),
    /// Every number character becomes a piece.
    SingleDigits,
    /// Runs of number characters become pieces.
    Digits,
    /// Runs of punctuation become pieces.
    Punctuation,
    /// Nothing is cut: the step only spells bytes.
    Nothing,
}

pub(super) const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
pub(super) const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK3: &str =
    r"[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Expression of DeepSeek V3 as its own files spell it, with line ends as they are.
const DEEPSEEK3_SPELLED: &str = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

/// Table of steps, whether a word that is a token skips the merges (`ignore_merges`), and the name of both.
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
    (
        &[Cut::Split(r"\p{N}{1,3}"), Cut::Split("[一-龥぀-ゟ゠-ヿ]+"), Cut::Split(DEEPSEEK3_SPELLED)],
        false,
        "deepseek-v3",
    ),
    (&[Cut::Punctuation, Cut::Split(GPT2), Cut::Digits, Cut::Split("[0-9][0-9][0-9]")], false, "falcon"),
];

/// Whether the file works on bytes (GPT-2 and its heirs).
pub(super) fn is_byte_level(json: &TokenizerJson) -> bool {
    steps(json.pre_tokenizer.as_ref(), "pretokenizers").iter().any(|step| kind(step) == "ByteLevel")
}

/// Returns `tokenizer.ggml.pre` of a byte-level file, if there is a name for it.
pub(super) fn name(json: &TokenizerJson) -> Option<&'static str> {
    let steps = steps(json.pre_tokenizer.as_ref(), "pretokenizers");
    let mut cuts = steps.iter().map(|step| cut(step)).collect::<Option<Vec<_>>>()?;
    // Steps behind the alphabet would see bytes as letters.
    cuts.pop_if(|cut| *cut == Cut::Nothing);
    let ignore = json.model.ignore_merges;
    let known = NAMES.iter().find(|(steps, ignore_merges, _)| *steps == cuts.as_slice() && *ignore_merges == ignore);
    known.map(|(.., name)| *name)
}

/// Expressions that match every text from end to end, so that there are no gaps to be removed.
const COVERING: &[&str] = &[GPT2, LLAMA3, QWEN2, QWEN35, TEKKEN, GPT4O];

/// Returns what a step cuts; `None` where it is not known.
fn cut(step: &Value) -> Option<Cut<'_>> {
    match kind(step) {
        // A space in front of every text has no key for byte-level vocabularies.
        "ByteLevel" if flag(step, "add_prefix_space", true) => None,
        "ByteLevel" if flag(step, "use_regex", true) => Some(Cut::Split(GPT2)),
        "ByteLevel" => Some(Cut::Nothing),
        "Digits" if flag(step, "individual_digits", false) => Some(Cut::SingleDigits),
        "Digits" => Some(Cut::Digits),
        "Punctuation" if step.get("behavior")? == "Contiguous" => Some(Cut::Punctuation),
        "Split" => {
            let expression = step.get("pattern")?.get("Regex")?.as_str()?;
            let is_isolated = match step.get("behavior")?.as_str()? {
                "Isolated" => true,
                // Gaps removed, as files made from tiktoken's have it.
                "Removed" => flag(step, "invert", false) && COVERING.contains(&expression),
                _ => false,
            };
            is_isolated.then_some(Cut::Split(expression))
        }
        _ => None,
    }
}
