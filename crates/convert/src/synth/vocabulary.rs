//! A made-up vocabulary: every byte has a token, so that any text can be encoded; the rest are numbered.

use gguf::{Array, Metadata, Value};

/// Number of control tokens: `<unk>`, `<s>`, `</s>`.
const N_CONTROL: usize = 3;

/// Sets `tokenizer.ggml.*` to `n_vocab` tokens.
pub(super) fn set(metadata: &mut Metadata, n_vocab: usize) {
    let control = ["<unk>", "<s>", "</s>"].map(str::to_owned);
    let bytes = (0..=u8::MAX).map(|byte| format!("<0x{byte:02X}>"));
    let numbered = (0..).map(|i| format!("t{i}"));
    let tokens: Vec<String> = control.into_iter().chain(bytes).chain(numbered).take(n_vocab).collect();
    // GGUF's kinds: 1 normal, 2 unknown, 3 control, 6 byte.
    let kind = |i: usize| match i {
        0 => 2,
        1..N_CONTROL => 3,
        _ if i < N_CONTROL + 256 => 6,
        _ => 1,
    };
    let kinds = (0..tokens.len()).map(kind).collect();
    let scores = vec![0.0; tokens.len()];
    metadata.set("tokenizer.ggml.model", Value::String("llama".to_owned()));
    metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    metadata.set("tokenizer.ggml.scores", Value::Array(Array::F32(scores)));
    metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds)));
    for (key, id) in [("unknown", 0), ("bos", 1), ("eos", 2)] {
        metadata.set(format!("tokenizer.ggml.{key}_token_id"), Value::U32(id));
    }
}
