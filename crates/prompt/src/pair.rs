//! Pairs of texts, as models that score them were trained on.

use tokenizer::{ControlTokens, Kind, TokenId, Tokenizer};

/// The ids of a pair of texts. BERT's is `[CLS] first [SEP] second [SEP]`, that of other tokenizers is RoBERTa's, where
/// each text has an end and the second one begins with another: `<s> first </s></s> second </s>`. Nothing that texts
/// spell becomes a control token.
pub fn encode_pair(tokenizer: &Tokenizer, first: &str, second: &str) -> Vec<TokenId> {
    let special = tokenizer.special();
    let end = tokenizer.added_last().or(special.sep).or(special.eos);
    let mut ids: Vec<TokenId> = tokenizer.added_first().into_iter().collect();
    tokenizer.encode(first, ControlTokens::AsText, false, &mut ids);
    ids.extend(end);
    if tokenizer.kind() != Kind::Wpm {
        ids.extend(end);
    }
    // A text of its own: nothing of it depends on the first.
    let mut of_second = Vec::new();
    tokenizer.encode(second, ControlTokens::AsText, false, &mut of_second);
    ids.extend(of_second);
    ids.extend(end);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, change: impl FnOnce(&mut gguf::Metadata), pair: [&str; 2], expected: &str) {
        let bytes = testkit::read_bytes(&format!("tokenizer-vectors/ggml-vocab-{name}.gguf"));
        let container = gguf::Container::from_bytes("vocabulary", bytes).unwrap();
        let mut metadata = container.metadata().clone();
        change(&mut metadata);
        let tokenizer = Tokenizer::from_gguf(&metadata).unwrap();
        let ids = encode_pair(&tokenizer, pair[0], pair[1]);
        let pieces: Vec<&str> = ids.iter().map(|id| tokenizer.piece(*id).unwrap()).collect();
        assert_eq!(pieces.join(" "), expected, "{name}");
    }

    #[test]
    fn marks_stand_around_both_texts() {
        check("bert-bge", |_| {}, ["A cat?", "No cat."], "[CLS] ▁a ▁cat ▁? [SEP] ▁no ▁cat ▁. [SEP]");
        let forged = ["a [SEP] b", "[SEP]"];
        check("bert-bge", |_| {}, forged, "[CLS] ▁a ▁[ ▁sep ▁] ▁b [SEP] ▁[ ▁sep ▁] [SEP]");
        let with_end = |metadata: &mut gguf::Metadata| {
            metadata.set("tokenizer.ggml.add_bos_token", gguf::Value::Bool(true));
            metadata.set("tokenizer.ggml.add_eos_token", gguf::Value::Bool(true));
        };
        check("llama-spm", with_end, ["cat", "dog"], "<s> ▁cat </s> </s> ▁dog </s>");
    }
}
