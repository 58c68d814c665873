//! Made-up vocabularies, with which any text can be encoded, or any in printable ASCII; most tokens are numbered.

use gguf::{Array, Metadata, Value};

/// A kind of vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Vocabulary {
    /// Every byte has a token (`SentencePiece`).
    Bytes,
    /// Every character of ASCII that is printed has one at the start of a word and one within (WordPiece); other words
    /// are unknown.
    Words,
}

// GGUF's kinds of tokens.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const BYTE: i32 = 6;

impl Vocabulary {
    /// Sets `tokenizer.ggml.*` to `n_vocab` tokens.
    pub(super) fn set(self, metadata: &mut Metadata, n_vocab: usize) {
        let control: &[(&str, &[&str])] = match self {
            Self::Bytes => &[("<unk>", &["unknown"]), ("<s>", &["bos"]), ("</s>", &["eos"])],
            Self::Words => &[
                ("[PAD]", &["padding"]),
                ("[UNK]", &["unknown"]),
                ("[CLS]", &["bos", "cls"]),
                ("[SEP]", &["seperator"]),
                ("[MASK]", &["mask"]),
            ],
        };
        let kind = |roles: &[&str]| if roles.contains(&"unknown") { UNKNOWN } else { CONTROL };
        let special = control.iter().map(|(token, roles)| ((*token).to_owned(), kind(roles)));
        let pieces: Vec<(String, i32)> = match self {
            Self::Bytes => (0..=u8::MAX).map(|byte| (format!("<0x{byte:02X}>"), BYTE)).collect(),
            Self::Words => {
                let printed = || (b'!'..=b'~').map(char::from);
                let first = printed().map(|c| (format!("▁{c}"), NORMAL));
                first.chain(printed().map(|c| (c.to_string(), NORMAL))).collect()
            }
        };
        let start = if self == Self::Words { "▁" } else { "" };
        let numbered = (0..).map(|i| (format!("{start}t{i}"), NORMAL));
        let (tokens, kinds): (Vec<_>, Vec<_>) = special.chain(pieces).chain(numbered).take(n_vocab).unzip();
        let scores = vec![0.0; tokens.len()];
        let model = if self == Self::Words { "bert" } else { "llama" };
        metadata.set("tokenizer.ggml.model", Value::String(model.to_owned()));
        metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
        metadata.set("tokenizer.ggml.scores", Value::Array(Array::F32(scores)));
        metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds)));
        for (id, (_, roles)) in (0..).zip(control) {
            for role in *roles {
                metadata.set(format!("tokenizer.ggml.{role}_token_id"), Value::U32(id));
            }
        }
        if self == Self::Words {
            metadata.set("tokenizer.ggml.token_type_count", Value::U32(2));
        }
    }
}
