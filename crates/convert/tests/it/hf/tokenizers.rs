//! `tokenizer.json` files made from real vocabularies give the ids that the vocabularies gave before.

use std::collections::HashMap;

use convert::{Source, hf::HuggingFace};
use gguf::{Container, Metadata};
use serde_json::{Value, json};
use tokenizer::{ControlTokens, Tokenizer};

use super::support::{Folder, Tensor};

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Makes the smallest llama with `n_vocab` tokens.
pub(crate) fn model(n_vocab: usize) -> Folder {
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
    let file = format!("tokenizer-vectors/ggml-vocab-{name}.gguf");
    Container::from_bytes(&file, testkit::read_bytes(&file)).unwrap().metadata().clone()
}

/// Makes `tokenizer.json` of a vocabulary, with `merges` in either form.
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

/// Makes the merges that transformers' `convert_slow_tokenizer.py` makes of scores.
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

/// Checks the ids of `.out` for the texts of `.inp`, and the keys of the original.
fn check(name: &str, json: &Value, pre: &str) {
    let original = vocabulary(name);
    let tokens = original.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let source = open(tokens.len(), &[("tokenizer.json", json.clone())]).unwrap_or_else(|e| panic!("{name}: {e}"));
    let metadata = source.metadata();
    assert_eq!(metadata.str("tokenizer.ggml.pre").unwrap(), Some(pre), "{name}");
    for key in ["tokenizer.ggml.model", "tokenizer.ggml.merges"] {
        if original.get(key).is_some() {
            assert_eq!(metadata.get(key), original.get(key), "{name}: {key}");
        }
    }
    check_ids(name, metadata);
}

/// Checks the ids of `.out` for the texts of `.inp`.
fn check_ids(name: &str, metadata: &Metadata) {
    let texts = testkit::read_text(&format!("tokenizer-vectors/ggml-vocab-{name}.gguf.inp"));
    let texts = texts.strip_suffix("\n__ggml_vocab_test__\n").unwrap_or(&texts);
    let expected = testkit::read_text(&format!("tokenizer-vectors/ggml-vocab-{name}.gguf.out"));
    let tokenizer = Tokenizer::from_gguf(metadata).unwrap();
    let texts: Vec<&str> = texts.split("\n__ggml_vocab_test__\n").collect();
    assert!(texts.len() >= 46 && texts.len() == expected.lines().count(), "{name}: {} texts", texts.len());
    for (text, expected) in texts.into_iter().zip(expected.lines()) {
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

/// Makes the smallest BERT with `n_vocab` tokens.
fn bert(n_vocab: usize) -> Folder {
    let mut tensors = Vec::new();
    let mut with = |name: &str, rows: usize| {
        tensors.push(Tensor::f32(&format!("{name}.weight"), &[rows, 2], &vec![0.5; rows * 2]));
    };
    for (name, rows) in [("word", n_vocab), ("position", 8), ("token_type", 2)] {
        with(&format!("embeddings.{name}_embeddings"), rows);
    }
    let matrices = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"];
    let matrices: Vec<&str> = matrices.into_iter().chain(["intermediate.dense", "output.dense"]).collect();
    matrices.iter().for_each(|name| with(&format!("encoder.layer.0.{name}"), 2));
    let norms = ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"];
    for norm in norms {
        tensors.push(Tensor::f32(&format!("{norm}.LayerNorm.weight"), &[2], &[1.0; 2]));
        tensors.push(Tensor::f32(&format!("{norm}.LayerNorm.bias"), &[2], &[0.0; 2]));
    }
    for name in matrices {
        tensors.push(Tensor::f32(&format!("encoder.layer.0.{name}.bias"), &[2], &[0.0; 2]));
    }
    let config = json!({
        "architectures": ["BertModel"], "hidden_act": "gelu", "hidden_size": 2, "intermediate_size": 2,
        "num_hidden_layers": 1, "num_attention_heads": 1, "max_position_embeddings": 8, "vocab_size": n_vocab,
    });
    Folder { dir: tempfile::tempdir().unwrap(), config, tensors }
}

/// Makes `tokenizer.json` of a vocabulary of WordPiece.
fn word_piece_json(metadata: &Metadata) -> Value {
    let tokens = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let spelled = |token: &str| match token.strip_prefix('▁') {
        Some(word) => word.to_owned(),
        None if special.contains(&token) => token.to_owned(),
        None => format!("##{token}"),
    };
    let vocab: serde_json::Map<String, Value> =
        tokens.iter().enumerate().map(|(id, token)| (spelled(token), id.into())).collect();
    let added: Vec<Value> = special
        .iter()
        .map(|token| json!({"id": vocab[*token], "content": token, "special": true, "normalized": false}))
        .collect();
    json!({
        "version": "1.0", "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        ], "pair": [], "special_tokens": {}},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab},
    })
}

#[test]
fn word_pieces() {
    let original = vocabulary("bert-bge");
    let tokens = original.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let json = word_piece_json(&original);
    let folder = bert(tokens.len());
    let named = json!({"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"});
    folder.write_json("tokenizer_config.json", &named);
    folder.write_json("tokenizer.json", &json);
    let source = folder.open().unwrap();
    let metadata = source.metadata();
    assert_eq!(metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap(), tokens);
    for key in ["model", "cls_token_id", "seperator_token_id", "padding_token_id", "unknown_token_id"] {
        let key = format!("tokenizer.ggml.{key}");
        assert_eq!(metadata.get(&key), original.get(&key), "{key}");
    }
    check_ids("bert-bge", metadata);
    let tokenizer = Tokenizer::from_gguf(metadata).unwrap();
    let mut ids = Vec::new();
    tokenizer.encode("a cat", ControlTokens::AsText, true, &mut ids);
    let ids: Vec<&str> = ids.iter().map(|id| tokens[id.0 as usize].as_str()).collect();
    assert_eq!(ids, ["[CLS]", "▁a", "▁cat", "[SEP]"]);
    // The other form of the same, and letters as they are.
    let mut cased = json.clone();
    cased["post_processor"] = json!({"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]});
    cased["normalizer"]["lowercase"] = json!(false);
    folder.write_json("tokenizer.json", &cased);
    let source = folder.open().unwrap();
    for key in ["lowercase", "strip_accents"] {
        assert_eq!(source.metadata().bool(&format!("tokenizer.ggml.normalizer.{key}")).unwrap(), Some(false), "{key}");
    }
    for (section, value, expected) in [
        (
            "normalizer",
            json!({"type": "BertNormalizer", "clean_text": false}),
            "normalizer: expected BertNormalizer with",
        ),
        ("normalizer", json!({"type": "NFC"}), "normalizer: expected BertNormalizer"),
        ("pre_tokenizer", json!({"type": "Whitespace"}), "pre_tokenizer: expected BertPreTokenizer"),
        ("post_processor", json!(null), "post_processor: expected [CLS] before the text and [SEP] behind it"),
    ] {
        let mut changed = json.clone();
        changed[section] = value;
        folder.write_json("tokenizer.json", &changed);
        assert!(folder.refusal().contains(&format!("tokenizer.json: {expected}")), "{}", folder.refusal());
    }
}

/// Makes a byte-level vocabulary under a pre-tokenizer.
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
    // The merges that the scores stand for are kept beside them.
    assert_eq!(source.warnings(), [""; 0]);
    check("llama-spm", &json, "default");
    check("llama-spm", &tokenizer_json(&metadata, &merges, true, &legacy), "default");
}

/// Opens a folder with a byte-level vocabulary of a few tokens; `change` is made to its files.
fn small(change: impl Fn(&mut Value, &mut Value)) -> Result<HuggingFace, convert::Error> {
    let (json, config) = small_files(change);
    open(8, &[("tokenizer.json", json), ("tokenizer_config.json", config)])
}

fn small_files(change: impl Fn(&mut Value, &mut Value)) -> (Value, Value) {
    let mut json = json!({
        "added_tokens": [
            {"id": 4, "content": "<|end|>", "special": true},
            {"id": 5, "content": "<think>", "special": false},
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": split(QWEN2),
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<s>": 3}, "merges": ["a b"]},
    });
    let mut config = json!({"bos_token": {"content": "<s>"}, "eos_token": "<|end|>", "pad_token": null});
    change(&mut json, &mut config);
    (json, config)
}

/// Makes a model with a byte-level vocabulary of a few tokens, not yet written.
pub(crate) fn small_folder() -> Folder {
    let folder = model(8);
    let (json, config) = small_files(|_, _| {});
    folder.write_json("tokenizer.json", &json);
    folder.write_json("tokenizer_config.json", &config);
    folder
}

#[test]
fn tokens_kinds_and_jobs() {
    let source = small(|_, _| {}).unwrap();
    let metadata = source.metadata();
    let tokens = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    assert_eq!(tokens, ["a", "b", "ab", "<s>", "<|end|>", "<think>", "[PAD6]", "[PAD7]"]);
    assert_eq!(metadata.i64s("tokenizer.ggml.token_type").unwrap().unwrap(), [1, 1, 1, 1, 3, 4, 5, 5]);
    let id = |key: &str| metadata.u64(&format!("tokenizer.ggml.{key}_token_id")).unwrap();
    assert_eq!((id("bos"), id("eos"), id("padding"), id("unknown")), (Some(3), Some(4), None, None));
    assert_eq!(metadata.bool("tokenizer.ggml.add_bos_token").unwrap(), Some(false));
    assert_eq!(metadata.str("general.name").unwrap().map(str::is_empty), Some(false));
}

/// Tokens around a text are as the configuration states, else as the template of the post-processor has it.
#[test]
fn what_goes_around_a_text() {
    let template = |parts: &[&str]| {
        let part =
            |p: &&str| if *p == "A" { json!({"Sequence": {"id": "A"}}) } else { json!({"SpecialToken": {"id": p}}) };
        json!({"type": "TemplateProcessing", "single": parts.iter().map(part).collect::<Vec<_>>()})
    };
    let adds = |parts: &[&str], stated: Option<bool>| {
        let source = small(|json, config| {
            let list = json!([{"type": "ByteLevel"}, template(parts)]);
            json["post_processor"] = json!({"type": "Sequence", "processors": list});
            config["add_bos_token"] = json!(stated);
        })
        .map_err(|e| e.to_string())?;
        let flag = |key: &str| source.metadata().bool(&format!("tokenizer.ggml.add_{key}_token")).unwrap().unwrap();
        Ok::<_, String>((flag("bos"), flag("eos")))
    };
    assert_eq!(adds(&["A"], None), Ok((false, false)));
    assert_eq!(adds(&["<s>", "A"], None), Ok((true, false)));
    assert_eq!(adds(&["<s>", "A", "<|end|>"], None), Ok((true, true)));
    assert_eq!(adds(&["<s>", "A"], Some(false)), Ok((false, false)));
    assert_eq!(adds(&["A"], Some(true)), Ok((true, false)));
    assert!(adds(&["<think>", "A"], None).unwrap_err().contains("post_processor: expected the text, perhaps BOS"));
    let error = small(|_, config| *config = json!({"add_bos_token": true})).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("add_bos_token: true, but there is no bos_token"), "{error}");
}

/// Ids of `generation_config.json` and `config.json` become ends, where a list of them says more than GGUF's EOS.
#[test]
fn further_ends() {
    let (json, config) = small_files(|_, _| {});
    let files = |ends: Value| {
        [
            ("tokenizer.json", json.clone()),
            ("tokenizer_config.json", config.clone()),
            ("generation_config.json", json!({"eos_token_id": ends, "pad_token_id": 5})),
        ]
    };
    let source = open(8, &files(json!([4, 1]))).unwrap();
    let id = |key: &str| source.metadata().u64(&format!("tokenizer.ggml.{key}_token_id")).unwrap();
    assert_eq!((id("eos"), id("eot"), id("padding")), (Some(4), Some(1), Some(5)));
    let source = open(8, &files(json!(4))).unwrap();
    assert!(source.metadata().get("tokenizer.ggml.eot_token_id").is_none());
    // More than GGUF has names for: all stand in Ollama's list.
    let source = open(8, &files(json!([4, 1, 2]))).unwrap();
    assert!(source.metadata().get("tokenizer.ggml.eot_token_id").is_none());
    assert_eq!(source.metadata().i64s("tokenizer.ggml.eos_token_ids").unwrap(), Some(vec![4, 1, 2]));
    let tokenizer = Tokenizer::from_gguf(source.metadata()).unwrap();
    assert!([4, 1, 2].iter().all(|&id| tokenizer.is_end_of_generation(tokenizer::TokenId(id))));
    // Ids that are no token count as absent, each with a line that says so.
    let source = open(8, &files(json!([-1, 4, 8, 4_294_967_295_u64]))).unwrap();
    let id = |key: &str| source.metadata().u64(&format!("tokenizer.ggml.{key}_token_id")).unwrap();
    assert_eq!((id("eos"), id("eot")), (Some(4), None));
    let [first, second, third] = source.warnings() else { panic!("{:?}", source.warnings()) };
    assert!(
        first.ends_with("generation_config.json: eos_token_id: token -1, but vocab_size is 8: read as absent"),
        "{first}"
    );
    assert!(second.contains("token 8, ") && third.contains("token 4294967295, "), "{second} {third}");
    let error = open(8, &files(json!("end"))).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("generation_config.json: eos_token_id: \"end\", expected a token id"), "{error}");
}

/// Settings of sampling that the makers chose come under llama.cpp's keys.
#[test]
fn sampling_of_the_generation_config() {
    let (json, config) = small_files(|_, _| {});
    let with = |generation: Value| {
        let files = [
            ("tokenizer.json", json.clone()),
            ("tokenizer_config.json", config.clone()),
            ("generation_config.json", generation),
        ];
        open(8, &files)
    };
    let get = |source: &HuggingFace, key: &str| source.metadata().get(&format!("general.sampling.{key}")).cloned();
    let all = json!({
        "do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "min_p": 0, "repetition_penalty": 1.05, "typical_p": 1.0,
    });
    let source = with(all.clone()).unwrap();
    for (key, value) in [
        ("temp", gguf::Value::F32(0.6)),
        ("top_k", gguf::Value::I32(20)),
        ("top_p", gguf::Value::F32(0.95)),
        ("min_p", gguf::Value::F32(0.0)),
        ("penalty_repeat", gguf::Value::F32(1.05)),
    ] {
        assert_eq!(get(&source, key), Some(value), "{key}");
    }
    assert!(source.warnings().is_empty(), "{:?}", source.warnings());
    let mut greedy = all;
    greedy["do_sample"] = json!(false);
    assert_eq!(get(&with(greedy).unwrap(), "temp"), None, "what has no effect there has none here");
    let source = with(json!({"temperature": -1.0, "top_k": 2.5, "top_p": 0.5, "min_p": null})).unwrap();
    assert_eq!((get(&source, "temp"), get(&source, "top_k")), (None, None));
    assert_eq!(get(&source, "top_p"), Some(gguf::Value::F32(0.5)));
    let [temperature, top_k] = source.warnings() else { panic!("{:?}", source.warnings()) };
    assert!(
        temperature.ends_with("generation_config.json: temperature: -1, expected 0 to 100: read as absent"),
        "{temperature}"
    );
    assert!(top_k.contains("top_k: 2.5, expected a count"), "{top_k}");
    let error = with(json!({"top_p": "much"})).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("generation_config.json: top_p: \"much\", expected a finite number"), "{error}");
}

#[test]
fn chat_templates_wherever_they_stand() {
    let get = |source: &HuggingFace, key: &str| source.metadata().str(key).unwrap().map(str::to_owned);
    let source = small(|_, config| config["chat_template"] = json!("{{ plain }}")).unwrap();
    assert_eq!(get(&source, "tokenizer.chat_template").as_deref(), Some("{{ plain }}"));
    let list = json!([{"name": "default", "template": "{{ d }}"}, {"name": "tool_use", "template": "{{ t }}"}]);
    let source = small(|_, config| config["chat_template"] = list.clone()).unwrap();
    assert_eq!(get(&source, "tokenizer.chat_template").as_deref(), Some("{{ d }}"));
    assert_eq!(get(&source, "tokenizer.chat_template.tool_use").as_deref(), Some("{{ t }}"));
    assert_eq!(source.metadata().strings("tokenizer.chat_templates").unwrap().unwrap(), ["tool_use"]);
    let error = small(|_, config| config["chat_template"] = json!(7)).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("chat_template: 7, expected a template"), "{error}");

    let folder = small_folder();
    let (_, config) = small_files(|_, config| config["chat_template"] = json!("{{ old }}"));
    folder.write_json("tokenizer_config.json", &config);
    std::fs::write(folder.file("chat_template.jinja"), "{{ new }}\n").unwrap();
    assert_eq!(get(&folder.open().unwrap(), "tokenizer.chat_template").as_deref(), Some("{{ new }}\n"));

    // Files of templates put aside what a configuration says.
    let others = folder.file("additional_chat_templates");
    std::fs::create_dir(&others).unwrap();
    for (name, text) in
        [("tool_use.jinja", "{{ t }}"), ("rag.jinja", "{{ r }}"), ("default.jinja", "{{ no }}"), ("x.txt", "")]
    {
        std::fs::write(others.join(name), text).unwrap();
    }
    let source = folder.open().unwrap();
    assert_eq!(get(&source, "tokenizer.chat_template").as_deref(), Some("{{ new }}\n"));
    assert_eq!(get(&source, "tokenizer.chat_template.tool_use").as_deref(), Some("{{ t }}"));
    assert_eq!(source.metadata().strings("tokenizer.chat_templates").unwrap().unwrap(), ["rag", "tool_use"]);
    std::fs::write(others.join("a b.jinja"), "").unwrap();
    assert!(folder.refusal().contains("a b.jinja: name \"a b\""), "{}", folder.refusal());
}

#[test]
fn chat_templates_of_processors() {
    let named = json!({"chat_template": {"default": "{{ d }}", "tool_use": "{{ t }}"}});
    for (name, value, has_tool_use) in [
        ("chat_template.json", named.clone(), true),
        ("processor_config.json", named, true),
        ("chat_template.json", json!({"chat_template": "{{ d }}"}), false),
    ] {
        let folder = small_folder();
        folder.write_json(name, &value);
        let source = folder.open().unwrap();
        assert_eq!(source.metadata().str("tokenizer.chat_template").unwrap(), Some("{{ d }}"), "{name}");
        let tool_use = source.metadata().str("tokenizer.chat_template.tool_use").unwrap();
        assert_eq!(tool_use, has_tool_use.then_some("{{ t }}"), "{name}");
    }
}

#[test]
fn a_folder_without_a_tokenizer_has_none_unless_it_has_another_kind() {
    let folder = model(8);
    let source = folder.open().unwrap();
    assert_eq!(source.metadata().str("tokenizer.ggml.model").unwrap(), Some("no_vocab"));
    std::fs::write(folder.file("tokenizer.model"), b"").unwrap();
    assert!(folder.refusal().ends_with("tokenizer.model without tokenizer.json, which is the one that can be read"));
}

#[test]
fn what_gguf_cannot_say_is_refused() {
    let check = |expected: &str, change: &dyn Fn(&mut Value)| {
        let error = small(|json, _| change(json)).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("tokenizer.json: ") && error.contains(expected), "{error:?}, expected {expected:?}");
    };
    check(r#"pre_tokenizer: {"type":"Split","pattern":{"Regex":"\\w++"}"#, &|json| {
        json["pre_tokenizer"] = split(r"\w++");
    });
    check("a possessive repetition", &|json| json["pre_tokenizer"] = split(r"\w++"));
    check("pre_tokenizer: steps behind ByteLevel would see bytes as letters: ", &|json| {
        json["pre_tokenizer"]["pretokenizers"].as_array_mut().unwrap().reverse();
    });
    check("normalizer: {\"type\":\"BertNormalizer\"}: unknown variant `BertNormalizer`", &|json| {
        json["normalizer"] = json!({"type": "BertNormalizer"});
    });
    check("pre_tokenizer: expected ByteLevel, or model.byte_fallback true", &|json| {
        json["pre_tokenizer"] = json!(null);
    });
    check("model.type: Unigram, expected BPE", &|json| json["model"]["type"] = json!("Unigram"));
    check("model.dropout: set, expected none", &|json| json["model"]["dropout"] = json!(0.1));
    check("model.end_of_word_suffix: \"</w>\", expected none", &|json| {
        json["model"]["end_of_word_suffix"] = json!("</w>");
    });
    check("id 8 of \"z\", but vocab_size in config.json is 8", &|json| json["model"]["vocab"]["z"] = json!(8));
    check("id 0 of both \"a\" and \"z\"", &|json| json["model"]["vocab"]["z"] = json!(0));
    check("id 4 of both", &|json| json["added_tokens"][1]["id"] = json!(4));
    check("merge \"ab\", expected two tokens", &|json| json["model"]["merges"] = json!(["ab"]));
    check("a merge that is no list of two tokens", &|json| json["model"]["merges"] = json!([["a", "b", "c"]]));
    check("expected two tokens without spaces", &|json| json["model"]["merges"] = json!([["a", " b"]]));
    check("integer `-1`, expected u32", &|json| json["model"]["vocab"]["a"] = json!(-1));
    let error = small(|_, config| config["eos_token"] = json!("<none>")).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("tokenizer_config.json: eos_token: \"<none>\" is no token"), "{error}");
}

/// A list of merges that scores cannot say is kept, with a warning, since only our own tokenizer goes by it.
#[test]
fn merges_out_of_order_or_missing() {
    let check = |merges: Value, expected: &str| {
        let n_merges = merges.as_array().unwrap().len();
        let json = json!({
            "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            "model": {"vocab": {"a": 0, "b": 1, "ab": 2, "bb": 3, "abb": 4}, "byte_fallback": true, "merges": merges},
        });
        match open(8, &[("tokenizer.json", json)]) {
            Ok(source) if !expected.is_empty() => {
                let [warning] = source.warnings() else { panic!("{:?}", source.warnings()) };
                assert!(warning.contains(expected) && warning.contains("other programs"), "{warning}");
                assert_eq!(source.metadata().strings("tokenizer.ggml.merges").unwrap().unwrap().len(), n_merges);
            }
            Ok(source) => {
                assert_eq!(source.warnings(), [""; 0]);
                assert_eq!(
                    source.metadata().f32s("tokenizer.ggml.scores").unwrap().unwrap()[..5],
                    [0.0, 0.0, -0.0, -1.0, -2.0]
                );
                assert_eq!(source.metadata().bool("tokenizer.ggml.add_space_prefix").unwrap(), Some(false));
            }
            Err(e) => assert!(expected.ends_with("no token") && e.to_string().contains(expected), "{e}"),
        }
    };
    check(json!(["a b", "b b", "ab b", "a bb"]), "");
    check(json!(["a b", "ab b", "b b", "a bb"]), "model.merges[3]: makes \"abb\", whose other merges stand elsewhere");
    check(json!(["a b", "b b", "ab b"]), "model.merges: \"a\" and \"bb\" make the token \"abb\", but no merge says so");
    check(json!(["a b", "b b", "ab b", "a bb", "b a"]), "model.merges[4]: makes \"ba\", which is no token");
}

#[test]
fn added_tokens_that_only_the_configuration_lists() {
    let source = small(|_, config| {
        config["added_tokens_decoder"] = json!({
            "4": {"content": "<|end|>", "special": true},
            "6": {"content": "<pad>", "special": true, "lstrip": false},
        });
    })
    .unwrap();
    assert_eq!(source.metadata().strings("tokenizer.ggml.tokens").unwrap().unwrap()[6], "<pad>");
    assert_eq!(source.metadata().i64s("tokenizer.ggml.token_type").unwrap().unwrap()[6..], [3, 5]);
    for (listed, expected) in [
        (
            json!({"4": {"content": "<other>"}}),
            "added_tokens_decoder.4: \"<other>\", but tokenizer.json has \"<|end|>\"",
        ),
        (json!({"x": {"content": "<other>"}}), "added_tokens_decoder.x: expected a token id"),
        (json!({"6": {}}), "added_tokens_decoder.6: missing field `content`"),
    ] {
        let error =
            small(|_, config| config["added_tokens_decoder"] = listed.clone()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
