//! BPE, SPM and WPM tokenizers from GGUF metadata and tokenizer.json; streaming detokenizer.
