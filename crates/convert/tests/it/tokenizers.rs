//! `tokenizer.json` files made from real vocabularies give the ids that the vocabularies gave before.

use std::collections::HashMap;

use convert::{Source, hf::HuggingFace};
use gguf::{Container, Metadata};
use serde_json::{Value, json};
use tokenizer::{ControlTokens, Tokenizer};

use crate::support::{Folder, Tensor};

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The smallest llama with that many tokens.
fn model(n_vocab: usize) -> Folder {
    let matrix = |name: &str, rows: usize| Tensor::f32(name, &[rows, 2], &vec![0.5; rows * 2]);
    let mut tensors = vec![
        matrix("model.embed_tokens.weight", n_vocab),
        Tensor::f32("model.norm.weight", &[2], &[1.0; 2]),
        Tensor::f32("model.layers.0.input_layernorm.weight", &[2], &[1.0; 2]),
        Tensor::f32("model.layers.0.post_attention_layernorm.weight", &[2], &[1.0; 2]),
    ];
    for name in ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"] {
        tensors.push(matrix(&format!("model.layers.0.{name}.weight"), 2));
    }
    for name in ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"] {
        tensors.push(matrix(&format!("model.layers.0.{name}.weight"), 2));
    }
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 2, "intermediate_size": 2,
        "num_hidden_layers": 1, "num_attention_heads": 1, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "vocab_size": n_vocab, "tie_word_embeddings": true,
    });
    Folder { dir: tempfile::tempdir().unwrap(), config, tensors }
}

fn vocabulary(name: &str) -> Metadata {
    let file = format!("tokenizer-vectors/ggml-vocab-{name}.gguf.gz");
    Container::from_bytes(&file, testkit::read_gz(&file)).unwrap().metadata().clone()
}

/// `tokenizer.json` of a vocabulary; `merges` in either form of theirs.
fn tokenizer_json(metadata: &Metadata, merges: &[(String, String)], as_pairs: bool, more: &Value) -> Value {
    let tokens = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let types = metadata.i64s("tokenizer.ggml.token_type").unwrap().unwrap();
    let all = || tokens.iter().zip(&types).enumerate();
    let vocab: serde_json::Map<String, Value> = all()
        .filter(|(_, (_, kind))| !matches!(**kind, 3..=5))
        .map(|(id, (text, _))| (text.clone(), id.into()))
        .collect();
    let added: Vec<Value> = all()
        .filter(|(_, (_, kind))| matches!(**kind, 2..=4))
        .map(|(id, (text, kind))| json!({"id": id, "content": text, "special": *kind != 4, "normalized": false}))
        .collect();
    let merges: Vec<Value> =
        merges.iter().map(|(l, r)| if as_pairs { json!([l, r]) } else { json!(format!("{l} {r}")) }).collect();
    let mut model = json!({"type": "BPE", "vocab": vocab, "merges": merges});
    for (key, value) in more["model"].as_object().into_iter().flatten() {
        model[key] = value.clone();
    }
    let mut out = json!({"version": "1.0", "added_tokens": added, "model": model});
    for key in ["normalizer", "pre_tokenizer", "post_processor"] {
        out[key] = more[key].clone();
    }
    out
}

fn listed_merges(metadata: &Metadata) -> Vec<(String, String)> {
    let merges = metadata.strings("tokenizer.ggml.merges").unwrap().unwrap();
    merges.iter().map(|m| m.split_once(' ').map(|(l, r)| (l.to_owned(), r.to_owned())).unwrap()).collect()
}

/// What transformers' `convert_slow_tokenizer.py` makes of scores.
fn merges_of_scores(metadata: &Metadata) -> Vec<(String, String)> {
    let tokens = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let scores = metadata.f32s("tokenizer.ggml.scores").unwrap().unwrap();
    let types = metadata.i64s("tokenizer.ggml.token_type").unwrap().unwrap();
    let ids: HashMap<&str, usize> =
        tokens.iter().enumerate().filter(|(id, _)| types[*id] == 1).map(|(id, t)| (t.as_str(), id)).collect();
    let mut made: Vec<usize> = ids.values().copied().collect();
    made.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    let mut merges = Vec::new();
    for id in made {
        let text = &tokens[id];
        let splits = text.char_indices().skip(1).map(|(at, _)| text.split_at(at));
        let mut of_token: Vec<(&str, &str)> =
            splits.filter(|(l, r)| ids.contains_key(l) && ids.contains_key(r)).collect();
        of_token.sort_by_key(|(l, r)| (ids[l], ids[r]));
        merges.extend(of_token.into_iter().map(|(l, r)| (l.to_owned(), r.to_owned())));
    }
    merges
}

fn open(n_vocab: usize, files: &[(&str, Value)]) -> Result<HuggingFace, convert::Error> {
    let folder = model(n_vocab);
    files.iter().for_each(|(name, value)| folder.write_json(name, value));
    folder.open()
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode(text, ControlTokens::AsText, false, &mut ids);
    ids.into_iter().map(|id| id.0).collect()
}

/// The ids of `.out` for the texts of `.inp`, and the keys of the original.
fn check(name: &str, json: &Value, pre: &str) {
    let original = vocabulary(name);
    let tokens = original.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let source = open(tokens.len(), &[("tokenizer.json", json.clone())]).unwrap_or_else(|e| panic!("{name}: {e}"));
    let metadata = source.metadata();
    assert_eq!(metadata.str("tokenizer.ggml.pre").unwrap(), Some(pre), "{name}");
    for key in ["tokenizer.ggml.model", "tokenizer.ggml.merges"] {
        assert_eq!(metadata.get(key), original.get(key), "{name}: {key}");
    }
    let texts = testkit::read_text(&format!("tokenizer-vectors/ggml-vocab-{name}.gguf.inp"));
    let texts = texts.strip_suffix("\n__ggml_vocab_test__\n").unwrap_or(&texts);
    let expected = testkit::read_text(&format!("tokenizer-vectors/ggml-vocab-{name}.gguf.out"));
    let tokenizer = Tokenizer::from_gguf(metadata).unwrap();
    for (text, expected) in texts.split("\n__ggml_vocab_test__\n").zip(expected.lines()) {
        let expected: Vec<u32> = expected.split_whitespace().map(|id| id.parse().unwrap()).collect();
        assert_eq!(encode(&tokenizer, text), expected, "{name}: {text:?}");
    }
}

fn split(regex: &str) -> Value {
    json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
    ]})
}

/// A byte-level vocabulary under that pre-tokenizer.
fn byte_level(name: &str, as_pairs: bool, pre_tokenizer: &Value, ignore_merges: bool) -> Value {
    let metadata = vocabulary(name);
    let more = json!({"pre_tokenizer": pre_tokenizer, "model": {"ignore_merges": ignore_merges}});
    tokenizer_json(&metadata, &listed_merges(&metadata), as_pairs, &more)
}

#[test]
fn gpt2() {
    let pre = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true});
    check("gpt-2", &byte_level("gpt-2", false, &pre, false), "gpt-2");
    check("gpt-2", &byte_level("gpt-2", true, &split(GPT2), false), "gpt-2");
}

#[test]
fn single_digits_then_gpt2() {
    let pre = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": true},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    ]});
    check("starcoder", &byte_level("starcoder", false, &pre, false), "smollm");
}

#[test]
fn falcon() {
    let pre = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        {"type": "Digits", "individual_digits": false},
        {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated", "invert": false},
    ]});
    check("falcon", &byte_level("falcon", false, &pre, false), "falcon");
}

#[test]
fn llama3_and_qwen2() {
    check("llama-bpe", &byte_level("llama-bpe", false, &split(LLAMA3), true), "llama-bpe");
    check("qwen2", &byte_level("qwen2", true, &split(QWEN2), false), "qwen2");
}

#[test]
fn sentence_piece() {
    let metadata = vocabulary("llama-spm");
    let merges = merges_of_scores(&metadata);
    let legacy = json!({
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ]},
        "model": {"unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true},
    });
    let json = tokenizer_json(&metadata, &merges, false, &legacy);
    let n = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap().len();
    let source = open(n, &[("tokenizer.json", json.clone())]).unwrap();
    for key in ["tokenizer.ggml.tokens", "tokenizer.ggml.token_type"] {
        assert_eq!(source.metadata().get(key), metadata.get(key), "{key}");
    }
    check("llama-spm", &json, "default");
    let newer = json!({
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false},
        "model": {"unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true},
    });
    check("llama-spm", &tokenizer_json(&metadata, &merges, true, &newer), "default");
}
