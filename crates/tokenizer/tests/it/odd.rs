//! Vocabularies that no training makes, but that files hold.

use crate::support::{encode, encode_with, ids, small, strings};
use gguf::{Array, Value};
use tokenizer::{ControlTokens, Tokenizer};

const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const BYTE: i32 = 6;

#[test]
fn the_first_of_two_equal_merges_counts() {
    let pieces = ["a", "b", "c", "ab", "bc"].map(|piece| (piece, NORMAL));
    let ids = |merges: &[&str]| {
        let pre = Value::String("gpt-2".to_owned());
        let keys = [("tokenizer.ggml.pre", pre), ("tokenizer.ggml.merges", strings(merges))];
        encode(&Tokenizer::from_gguf(&small("gpt2", &pieces, &keys)).unwrap(), "abc")
    };
    assert_eq!(ids(&["a b", "b c"]), [3, 2]);
    assert_eq!(ids(&["b c", "a b"]), [0, 4]);
    assert_eq!(ids(&["a b", "b c", "a b"]), [3, 2]);
    assert_eq!(ids(&["b c", "a b", "b c"]), [0, 4]);
}

/// `é` is the bytes C3 and A9, `è` C3 and A8.
const SOME_BYTES: [(&str, i32); 5] =
    [("<unk>", UNKNOWN), ("a", NORMAL), ("<0xC3>", BYTE), ("<0xA8>", BYTE), ("<0x20>", BYTE)];

const NO_BOS: (&str, Value) = ("tokenizer.ggml.add_bos_token", Value::Bool(false));

/// SentencePiece says a character by its bytes or not at all.
#[test]
fn a_character_of_which_a_byte_is_missing_is_unknown() {
    let scores = Value::Array(Array::F32(vec![0.0; SOME_BYTES.len()]));
    let keys = [("tokenizer.ggml.scores", scores), ("tokenizer.ggml.add_space_prefix", Value::Bool(false)), NO_BOS];
    let tokenizer = Tokenizer::from_gguf(&small("llama", &SOME_BYTES, &keys)).unwrap();
    assert_eq!(encode(&tokenizer, "aèa"), [1, 2, 3, 1]);
    assert_eq!(encode(&tokenizer, "aéa"), [1, 0, 1]);
    assert_eq!(encode(&tokenizer, "éè"), [0, 2, 3]);
}

/// RWKV's vocabularies, as llama.cpp reads them: escapes are bytes, and the longest token goes, however it was made.
#[test]
fn the_longest_tokens_go_from_left_to_right() {
    const CONTROL: i32 = 3;
    let pieces = [
        ("<s>", CONTROL),
        (r"\xe4", NORMAL),
        (r"\xb8\x80", NORMAL),
        (r"\n", NORMAL),
        (r"\n\n", NORMAL),
        ("a", NORMAL),
        ("ab", NORMAL),
        ("abcd", NORMAL),
        ("c", NORMAL),
        (r"don\'t", NORMAL),
        ("\\\\", NORMAL),
        ("", NORMAL),
    ];
    let keys = [("tokenizer.ggml.eos_token_id", Value::U32(0))];
    let tokenizer = Tokenizer::from_gguf(&small("rwkv", &pieces, &keys)).unwrap();
    for (text, expected) in [
        ("abcd", vec![7]),
        ("abc", vec![6, 8]),
        ("aab", vec![5, 6]),
        ("\n\n\n", vec![4, 3]),
        ("一", vec![1, 2]),
        ("don't\\a", vec![9, 10, 5]),
        ("a<s>b\n", vec![5, 3]),
        ("zaz", vec![5]),
        ("", vec![]),
    ] {
        assert_eq!(encode(&tokenizer, text), expected, "{text:?}");
    }
    assert_eq!(tokenizer.kind(), tokenizer::Kind::Greedy);
    assert_eq!(encode_with(&tokenizer, "a<s>", ControlTokens::Parse, true), [5, 0], "nothing is added");
    let decoded = tokenizer.decode(&ids(&[1, 2, 4, 9, 0, 10]), false);
    assert_eq!(String::from_utf8(decoded).unwrap(), "一\n\ndon't\\");
    assert_eq!(tokenizer.id_of(r"\n\n").map(|id| id.0), Some(4), "a token is called what the file calls it");
}

/// Merges of characters leave out the bytes that they cannot say.
#[test]
fn without_an_unknown_token_a_missing_byte_is_left_out() {
    let keys = [("tokenizer.ggml.merges", strings(&[])), ("tokenizer.ggml.bos_token_id", Value::U32(0))];
    let tokenizer = Tokenizer::from_gguf(&small("gemma4", &SOME_BYTES, &keys)).unwrap();
    assert_eq!(encode(&tokenizer, "aèa"), [1, 2, 3, 1]);
    assert_eq!(encode(&tokenizer, "aéa"), [1, 2, 1]);
}
