//! Vocabularies that no training makes, but that files hold.

use crate::support::{encode, small, strings};
use gguf::{Array, Value};
use tokenizer::Tokenizer;

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

/// Merges of characters leave out the bytes that they cannot say.
#[test]
fn without_an_unknown_token_a_missing_byte_is_left_out() {
    let keys = [("tokenizer.ggml.merges", strings(&[])), ("tokenizer.ggml.bos_token_id", Value::U32(0))];
    let tokenizer = Tokenizer::from_gguf(&small("gemma4", &SOME_BYTES, &keys)).unwrap();
    assert_eq!(encode(&tokenizer, "aèa"), [1, 2, 3, 1]);
    assert_eq!(encode(&tokenizer, "aéa"), [1, 2, 1]);
}
