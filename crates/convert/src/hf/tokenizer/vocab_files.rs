//! `vocab.json` with `merges.txt`, as byte-level tokenizers were kept before `tokenizer.json`.
//!
//! What is done to text stands in none of the files: the class that `tokenizer_config.json` names knows it.

use std::path::Path;

use serde_json::json;

use super::{
    json::{AddedToken, Merge, Model, TokenizerJson},
    pre,
};
use crate::{
    Error,
    hf::fields::Fields,
    json::{self, Entries, invalid},
};

const VOCAB: &str = "vocab.json";
const MERGES: &str = "merges.txt";

/// A class of tokenizers, and what it does to text.
struct Class {
    name: &'static str,
    normalizer: Option<&'static str>,
    expression: &'static str,
}

const CLASSES: &[Class] = &[
    Class { name: "GPT2Tokenizer", normalizer: None, expression: pre::GPT2 },
    Class { name: "Qwen2Tokenizer", normalizer: Some("NFC"), expression: pre::QWEN2 },
];

/// Token that is special in both classes unless the configuration names others, though no file says so.
const END_OF_TEXT: &str = "<|endoftext|>";

/// Reads the folder's tokenizer, if it has both files.
pub(super) fn read(folder: &Path) -> Result<Option<TokenizerJson>, Error> {
    let (vocab, merges) = (folder.join(VOCAB), folder.join(MERGES));
    let Some(vocab) = json::read::<Entries<u32>>(&vocab)? else { return Ok(None) };
    let Some(bytes) = json::read_bytes(&merges)? else { return Ok(None) };
    let config = Fields::read(&folder.join("tokenizer_config.json"))?;
    let class = class(config.as_ref(), folder)?;
    let add_prefix_space = config.as_ref().map(|c| c.flag("add_prefix_space")).transpose()?.flatten().unwrap_or(false);
    let text = std::str::from_utf8(&bytes).map_err(|e| invalid(&merges, e.to_string()))?;
    let added = (vocab.0.iter().filter(|(token, _)| token == END_OF_TEXT))
        .map(|(token, id)| AddedToken::plain(*id, token, true))
        .collect();
    let split = json!({"type": "Split", "pattern": {"Regex": class.expression}, "behavior": "Isolated"});
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": add_prefix_space, "use_regex": false});
    // A space in front comes before the cuts.
    let cuts = if add_prefix_space { [bytes, split] } else { [split, bytes] };
    Ok(Some(TokenizerJson {
        added_tokens: added,
        normalizer: class.normalizer.map(|kind| json!({"type": kind})),
        pre_tokenizer: Some(json!({"type": "Sequence", "pretokenizers": cuts})),
        post_processor: None,
        model: Model { vocab, merges: lines(&merges, text)?, ..Model::default() },
    }))
}

fn class(config: Option<&Fields>, folder: &Path) -> Result<&'static Class, Error> {
    let stated = config.map(|c| c.text("tokenizer_class")).transpose()?.flatten();
    let name = stated.unwrap_or("GPT2Tokenizer");
    let known = CLASSES.iter().find(|class| name.strip_suffix("Fast").unwrap_or(name) == class.name);
    known.ok_or_else(|| {
        let names: Vec<&str> = CLASSES.iter().map(|class| class.name).collect();
        let what = format!(
            "{VOCAB} and {MERGES} without tokenizer.json: tokenizer_class {name:?}, expected {}",
            names.join(" or ")
        );
        invalid(folder, what)
    })
}

/// Parses `merges.txt`: a line is a merge; the first may be a comment.
fn lines(file: &Path, text: &str) -> Result<Vec<Merge>, Error> {
    let is_comment = |i: usize, line: &str| line.is_empty() || (i == 0 && line.starts_with("#version"));
    let lines = text.lines().enumerate().filter(|(i, line)| !is_comment(*i, line));
    lines
        .map(|(i, line)| {
            let wrong = || invalid(file, format!("line {}: {line:?}, expected two tokens and a space between", i + 1));
            Merge::of_line(line).ok_or_else(wrong)
        })
        .collect()
}
