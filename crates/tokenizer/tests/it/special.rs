//! Control tokens, what ends a reply, and spaces around them.

use crate::support::{encode, encode_with, ids, load, small, strings};
use gguf::{Array, Value};
use tokenizer::{ControlTokens, Detokenizer, TokenId, TokenKind, Tokenizer};

fn ends(name: &str) -> Vec<String> {
    let tokenizer = load(name);
    tokenizer.end_of_generation().map(|id| tokenizer.piece(id).unwrap().to_owned()).collect()
}

#[test]
fn what_ends_a_reply() {
    assert_eq!(ends("llama-bpe"), ["<|end_of_text|>", "<|eot_id|>"]);
    assert_eq!(ends("qwen2"), ["<|endoftext|>", "<|im_end|>"]);
    assert_eq!(ends("gemma-4"), ["<eos>", "<|tool_response>", "<turn|>"]);
    assert_eq!(ends("phi-3"), ["</s>", "<|endoftext|>", "<|end|>"]);
    assert_eq!(ends("stories"), ["</s>"]);
    assert_eq!(ends("smollm2"), ["<|endoftext|>", "<|im_end|>", "<reponame>", "<file_sep>"][..3]);
    let tokenizer = load("llama-bpe");
    assert!(tokenizer.is_end_of_generation(TokenId(128_009)));
    assert!(!tokenizer.is_end_of_generation(TokenId(128_000)));
    assert!(!tokenizer.is_end_of_generation(TokenId(u32::MAX)));
    assert_eq!(tokenizer.special().eot, Some(TokenId(128_009)));
}

#[test]
fn fill_in_the_middle_by_spelling() {
    let tokenizer = load("starcoder");
    let fim = &tokenizer.special().fim;
    let piece = |id: Option<TokenId>| tokenizer.piece(id.unwrap()).unwrap();
    assert_eq!(
        [piece(fim.prefix), piece(fim.suffix), piece(fim.middle), piece(fim.pad)],
        ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>"]
    );
}

#[test]
fn bos_as_the_model_asks() {
    let with_special = |name| encode_with(&load(name), "a", ControlTokens::AsText, true);
    assert_eq!(with_special("llama-bpe"), [128_000, 64]); // by its pre-tokenizer's name
    assert_eq!(with_special("gpt-2"), [64]);
    assert_eq!(with_special("llama-spm"), [1, 263]);
    assert_eq!(with_special("bert-bge"), [101, 1037, 102]);
    assert_eq!(with_special("smollm2").len(), 1);
    assert_eq!(with_special("gemma-4")[0], 2);
}

#[test]
fn control_tokens_only_when_asked() {
    let tokenizer = load("qwen2");
    let text = "<|im_start|>user\nHi<|im_end|>";
    let parsed = encode_with(&tokenizer, text, ControlTokens::Parse, false);
    assert_eq!((parsed[0], *parsed.last().unwrap(), parsed.len()), (151_644, 151_645, 5));
    let typed = encode(&tokenizer, text);
    assert!(typed.iter().all(|&id| !tokenizer.is_control(TokenId(id))));
    assert_eq!(tokenizer.decode(&ids(&typed), false), text.as_bytes());
    assert_eq!(tokenizer.decode(&ids(&parsed), false), b"user\nHi");
    assert_eq!(tokenizer.decode(&ids(&parsed), true), text.as_bytes());
    // In an SPM vocabulary "</" and "s>" would merge into the control token "</s>".
    let tokenizer = load("llama-spm");
    assert!(!encode(&tokenizer, "a</s>b<0x0A>").iter().any(|&id| id == 2 || id == 13));
    assert_eq!(encode_with(&tokenizer, "</s>", ControlTokens::Parse, false), [2]);
}

#[test]
fn phi3_control_tokens_take_white_space() {
    let tokenizer = load("phi-3");
    let parsed = encode_with(&tokenizer, "<|end|>\n <|assistant|>\nHi", ControlTokens::Parse, false);
    assert_eq!(parsed[..2], [32_007, 32_001]);
    assert_eq!(tokenizer.decode(&ids(&parsed[2..]), false), b"Hi");
}

#[test]
fn prefix_space_only_at_the_start() {
    let tokenizer = load("llama-spm");
    let hello = encode(&tokenizer, "Hello world");
    assert_eq!(tokenizer.decode(&ids(&hello), false), b"Hello world");
    let mut stream = String::new();
    let mut detokenizer = Detokenizer::new(&*tokenizer);
    for id in ids(&hello) {
        detokenizer.push(id, &mut stream);
    }
    assert_eq!(stream, " Hello world");
    let tokenizer = load("gemma-4");
    assert!(!tokenizer.adds_space_prefix());
    assert_eq!(tokenizer.decode(&ids(&encode(&tokenizer, " a")), false), b" a");
}

#[test]
fn half_a_character_waits() {
    let tokenizer = load("llama-spm");
    let mut stream = String::new();
    let mut detokenizer = Detokenizer::new(&*tokenizer);
    for byte in "🦀".bytes() {
        assert_eq!(stream, "");
        detokenizer.push(TokenId(3 + u32::from(byte)), &mut stream);
    }
    assert_eq!(stream, "🦀");
    detokenizer.push(TokenId(3 + 0xe6), &mut stream);
    detokenizer.push(TokenId(3 + u32::from(b'x')), &mut stream);
    detokenizer.push(TokenId(3 + 0xf0), &mut stream);
    detokenizer.finish(&mut stream);
    assert_eq!(stream, "🦀\u{fffd}x\u{fffd}");
}

#[test]
fn mislabelled_end_tokens_become_control() {
    let pieces = [("a", 1), ("<|im_end|>", 1), ("<|end|>", 4), ("<|call|>", 3), ("<|return|>", 3)];
    let metadata = small(
        "gpt2",
        &pieces,
        &[("tokenizer.ggml.pre", Value::String("gpt-2".into())), ("tokenizer.ggml.merges", strings(&[]))],
    );
    let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
    assert!(tokenizer.is_control(TokenId(1)) && tokenizer.is_end_of_generation(TokenId(1)));
    // Beside "<|return|>" and "<|call|>" it ends a message, not the reply.
    assert_eq!(tokenizer.token_kind(TokenId(2)), Some(TokenKind::UserDefined));
    assert!(!tokenizer.is_end_of_generation(TokenId(2)));
}

#[test]
fn unknown_text_is_the_unknown_token() {
    let scores = Value::Array(Array::F32(vec![0.0, 0.0, 0.0, -1.0]));
    let pieces = [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("▁a", 1)];
    let metadata = small("llama", &pieces, &[("tokenizer.ggml.scores", scores)]);
    let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
    assert_eq!(encode_with(&tokenizer, "a é", ControlTokens::AsText, true), [1, 3, 0, 0]);
    assert_eq!(tokenizer.kind(), tokenizer::Kind::Spm);
}

#[test]
fn out_of_range_is_nothing() {
    let tokenizer = load("stories");
    let id = TokenId(512);
    assert_eq!((tokenizer.piece(id), tokenizer.token_kind(id)), (None, None));
    assert!(tokenizer.token_bytes(id).is_empty() && tokenizer.decode(&[id], true).is_empty());
    assert_eq!(tokenizer.id_of("<s>"), Some(TokenId(1)));
    assert_eq!(tokenizer.id_of("no such piece"), None);
    assert_eq!(tokenizer.tokens().len(), 512);
}

/// Ids of −1 and beyond the vocabulary, however wide their type, are read as if the key were absent, and are reported.
#[test]
fn ids_outside_the_vocabulary_count_as_absent() {
    let with = |key: &str, value: Value| {
        let pieces = [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("▁a", 1), ("<|fim_pad|>", 3)];
        let scores = Value::Array(Array::F32(vec![0.0; 5]));
        let metadata = small("llama", &pieces, &[("tokenizer.ggml.scores", scores), (key, value)]);
        Tokenizer::from_gguf(&metadata).unwrap()
    };
    let plain = with("general.name", Value::String("plain".into()));
    assert!(plain.warnings().is_empty());
    for name in ["bos", "eos", "eot", "eom", "unknown", "padding", "seperator", "mask", "cls", "fim_pad", "fim_pre"] {
        let key = format!("tokenizer.ggml.{name}_token_id");
        for value in [Value::I32(-1), Value::I64(-1), Value::U32(u32::MAX), Value::U32(5), Value::U64(u64::MAX)] {
            let tokenizer = with(&key, value.clone());
            assert_eq!(tokenizer.special(), plain.special(), "{key} {value:?}");
            assert_eq!(encode_with(&tokenizer, "a", ControlTokens::Parse, true), [1, 3]);
            let [warning] = tokenizer.warnings() else { panic!("{key}: {:?}", tokenizer.warnings()) };
            let (start, end) = (format!("{key}: token "), ", but the vocabulary has 5: read as absent");
            assert!(warning.starts_with(&start) && warning.ends_with(end), "{warning}");
        }
    }
    // In a list of ends the others count.
    let tokenizer = with("tokenizer.ggml.eos_token_ids", Value::Array(Array::I32(vec![-1, 2, 5, 3])));
    assert_eq!(tokenizer.end_of_generation().map(|id| id.0).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(tokenizer.warnings()[0].contains("eos_token_ids: token -1, tokenizer.ggml.eos_token_ids: token 5, but"));
    // And in one of those that are never said.
    assert_eq!(tokenizer.suppressed().len(), 0);
    let tokenizer = with("tokenizer.ggml.suppress_tokens", Value::Array(Array::I32(vec![4, 3, -1, 3])));
    assert_eq!(tokenizer.suppressed().collect::<Vec<_>>(), [TokenId(3), TokenId(4)]);
    assert!(tokenizer.warnings()[0].contains("suppress_tokens: token -1, but"));
}

/// Files that other programs were reported to refuse: three must read alike.
#[test]
fn a_padding_token_that_is_none_changes_no_id() {
    let load = |name: &str| {
        let file = testkit::data("regressions/special-id-out-of-range").join(name);
        Tokenizer::from_gguf(gguf::Container::open(&file).unwrap().metadata()).unwrap()
    };
    let text = std::fs::read_to_string(testkit::data("regressions/special-id-out-of-range/text.txt")).unwrap();
    let encode = |tokenizer: &Tokenizer| encode_with(tokenizer, &text, ControlTokens::AsText, true);
    let plain = load("plain.gguf");
    assert!(plain.warnings().is_empty());
    for name in ["pad-max.gguf", "pad-n.gguf"] {
        let tokenizer = load(name);
        assert_eq!(encode(&tokenizer), encode(&plain), "{name}");
        assert_eq!((tokenizer.warnings().len(), tokenizer.special().pad), (1, plain.special().pad), "{name}");
    }
}

/// SentencePiece vocabularies without kinds have structure and bytes by their names. Without scores the leftmost pair
/// merges first.
#[test]
fn an_spm_file_without_kinds_or_scores() {
    let pieces =
        [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("▁", 1), ("a", 1), ("aa", 1), ("▁a", 1), ("<0xC3>", 6), ("<0xA9>", 6)];
    let mut metadata = small("llama", &pieces, &[]);
    assert!(metadata.remove("tokenizer.ggml.token_type"));
    let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
    assert_eq!(tokenizer.token_kind(TokenId(7)), Some(TokenKind::Byte));
    assert!(tokenizer.is_control(TokenId(1)) && tokenizer.is_end_of_generation(TokenId(2)));
    let ids = encode_with(&tokenizer, "aaaé</s>", ControlTokens::Parse, true);
    assert_eq!(ids, [1, 6, 5, 7, 8, 2]);
    assert_eq!(tokenizer.decode(&self::ids(&ids), false), "aaaé".as_bytes());
}

#[test]
fn a_text_that_is_cut_keeps_its_end() {
    for (name, end) in [("bert-bge", Some("[SEP]")), ("llama-bpe", None)] {
        let tokenizer = load(name);
        let whole = encode_with(&tokenizer, "ab cd ef gh", ControlTokens::AsText, true);
        for n in 0..=whole.len() {
            let mut cut: Vec<TokenId> = whole.iter().map(|id| TokenId(*id)).collect();
            tokenizer.truncate(&mut cut, n);
            let n_kept = if end.is_some() { n.saturating_sub(1) } else { n };
            let ids: Vec<u32> = cut.iter().map(|id| id.0).collect();
            assert_eq!((ids.len(), &ids[..n_kept]), (n, &whole[..n_kept]), "{name}, {n}");
            if end.is_some() && n > 0 {
                assert_eq!(tokenizer.piece(cut[n - 1]), end);
            }
        }
    }
}
