//! WordPiece of BERT and its heirs: `tokenizer.ggml.model` `bert`.

use std::path::Path;

use gguf::{Metadata, Value};
use serde_json::Value as Json;

use super::{
    json::{TokenizerJson, flag, kind, steps, unknown},
    special::by_name,
    vocabulary::Vocabulary,
};
use crate::{
    Error,
    hf::{config::Config, fields::Fields},
};

/// Jobs of tokens: their name in the files, and GGUF's key.
const JOBS: &[(&str, &str)] = &[
    ("cls_token", "tokenizer.ggml.cls_token_id"),
    ("cls_token", "tokenizer.ggml.bos_token_id"),
    ("sep_token", "tokenizer.ggml.seperator_token_id"),
    ("unk_token", "tokenizer.ggml.unknown_token_id"),
    ("pad_token", "tokenizer.ggml.padding_token_id"),
    ("mask_token", "tokenizer.ggml.mask_token_id"),
];

/// Sets the tokenizer's keys.
pub(super) fn write(
    folder: &Path,
    file: &Path,
    json: &TokenizerJson,
    config: &Config,
    metadata: &mut Metadata,
) -> Result<(), Error> {
    let mut vocabulary = Vocabulary::new(file, json, config.n_vocab, true)?;
    let named =
        [Fields::read(&folder.join("tokenizer_config.json"))?, Fields::read(&folder.join("special_tokens_map.json"))?];
    for &(job, key) in JOBS {
        for fields in named.iter().flatten() {
            if let Some(id) = by_name(fields, job, &vocabulary)? {
                metadata.set(key, Value::U32(id));
                break;
            }
        }
    }
    normalizer(file, json, metadata)?;
    let cuts = steps(json.pre_tokenizer.as_ref(), "pretokenizers");
    if !matches!(cuts.as_slice(), [step] if kind(step) == "BertPreTokenizer") {
        return Err(unknown(file, "pre_tokenizer", &cuts, "expected BertPreTokenizer"));
    }
    around(file, json, &vocabulary, metadata)?;
    metadata.set("tokenizer.ggml.model", Value::String("bert".to_owned()));
    metadata.set("tokenizer.ggml.pre", Value::String("default".to_owned()));
    vocabulary.spell_pieces();
    vocabulary.write(metadata);
    Ok(())
}

/// Sets what is done to letters, where it is not what readers do by default.
fn normalizer(file: &Path, json: &TokenizerJson, metadata: &mut Metadata) -> Result<(), Error> {
    let normalizers = steps(json.normalizer.as_ref(), "normalizers");
    let [step] = normalizers.as_slice() else {
        return Err(unknown(file, "normalizer", &normalizers, "expected BertNormalizer"));
    };
    if kind(step) != "BertNormalizer" || !flag(step, "clean_text", true) || !flag(step, "handle_chinese_chars", true) {
        let why = "expected BertNormalizer with clean_text and handle_chinese_chars";
        return Err(unknown(file, "normalizer", &normalizers, why));
    }
    let lowercase = flag(step, "lowercase", true);
    let strips = flag(step, "strip_accents", lowercase);
    for (key, is_set) in [("lowercase", lowercase), ("strip_accents", strips)] {
        if !is_set {
            metadata.set(format!("tokenizer.ggml.normalizer.{key}"), Value::Bool(false));
        }
    }
    // Readers do to accents what they do to case.
    if strips && !lowercase {
        metadata.set("tokenizer.ggml.normalizer.strip_accents", Value::Bool(true));
    }
    Ok(())
}

/// Checks that a text gets `[CLS]` before and `[SEP]` behind it.
fn around(file: &Path, json: &TokenizerJson, vocabulary: &Vocabulary, metadata: &mut Metadata) -> Result<(), Error> {
    let processors = steps(json.post_processor.as_ref(), "processors");
    let id = |key: &str| metadata.u64(key).ok().flatten().and_then(|id| vocabulary.text(id as u32)).map(str::to_owned);
    let (first, last) = (id("tokenizer.ggml.cls_token_id"), id("tokenizer.ggml.seperator_token_id"));
    let expected = [first, None, last];
    let refuse = || unknown(file, "post_processor", &processors, "expected [CLS] before the text and [SEP] behind it");
    let [step] = processors.as_slice() else { return Err(refuse()) };
    let token = |value: Option<&Json>| value.and_then(Json::as_str).map(str::to_owned);
    let parts: Vec<Option<String>> = match kind(step) {
        "BertProcessing" => {
            let name = |key: &str| token(step.get(key).and_then(|pair| pair.get(0)));
            vec![name("cls"), None, name("sep")]
        }
        "TemplateProcessing" => {
            let single = step.get("single").and_then(Json::as_array).ok_or_else(refuse)?;
            single.iter().map(|part| token(part.get("SpecialToken").and_then(|part| part.get("id")))).collect()
        }
        _ => return Err(refuse()),
    };
    let is_whole = expected.iter().step_by(2).all(Option::is_some);
    if !is_whole || parts != expected {
        return Err(refuse());
    }
    for key in ["add_bos_token", "add_sep_token"] {
        metadata.set(format!("tokenizer.ggml.{key}"), Value::Bool(true));
    }
    Ok(())
}
