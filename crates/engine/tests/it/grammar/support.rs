//! Compilers over real vocabularies and over one of bytes.

use engine::grammar::{Grammar, GrammarCompiler, GrammarError, GrammarSource, Matcher, TokenMask};
use gguf::{Array, Container, Metadata, Value};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use tokenizer::{TokenId, Tokenizer};

/// Token that ends a generation in the vocabulary of bytes.
pub(crate) const END: TokenId = TokenId(2);

pub(crate) struct Loaded {
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) compiler: GrammarCompiler,
}

/// Loads `bytes`, `stories`, `smollm2`, or a vocabulary of `tokenizer-vectors`; each once.
pub(crate) fn load(name: &'static str) -> Arc<Loaded> {
    static LOADED: OnceLock<Mutex<HashMap<&str, Arc<Loaded>>>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(loaded.entry(name).or_insert_with(|| {
        let metadata = match name {
            "bytes" => bytes(),
            "stories" => open(&testkit::data("tiny-models/stories260K-f32.gguf")),
            "smollm2" => open(&testkit::smollm2_path()),
            _ => {
                let file = format!("tokenizer-vectors/ggml-vocab-{name}.gguf");
                Container::from_bytes(&file, testkit::read_bytes(&file)).unwrap().metadata().clone()
            }
        };
        let tokenizer = Arc::new(Tokenizer::from_gguf(&metadata).unwrap());
        let compiler = GrammarCompiler::new(&tokenizer).unwrap();
        compiler.prepare().unwrap();
        Arc::new(Loaded { tokenizer, compiler })
    }))
}

fn open(path: &std::path::Path) -> Metadata {
    Container::open(path).unwrap().metadata().clone()
}

/// Makes a vocabulary in which every byte is a token, so that a text is accepted or not however a tokenizer would cut
/// it.
fn bytes() -> Metadata {
    let control = ["<unk>", "<s>", "</s>", "<|tool|>"].map(|piece| (piece.to_owned(), 3));
    let bytes = (0..=u8::MAX).map(|byte| (format!("<0x{byte:02X}>"), 6));
    let (tokens, kinds): (Vec<String>, Vec<i32>) = control.into_iter().chain(bytes).unzip();
    let mut metadata = Metadata::default();
    metadata.set("tokenizer.ggml.model", Value::String("llama".into()));
    metadata.set("tokenizer.ggml.scores", Value::Array(Array::F32(vec![0.0; tokens.len()])));
    metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds)));
    metadata.set("tokenizer.ggml.bos_token_id", Value::U32(1));
    metadata.set("tokenizer.ggml.eos_token_id", Value::U32(END.0));
    metadata
}

/// Returns the token of a byte in the vocabulary of bytes.
pub(crate) fn byte_token(byte: u8) -> TokenId {
    TokenId(4 + u32::from(byte))
}

pub(crate) fn compile(source: &GrammarSource) -> Result<Grammar, GrammarError> {
    load("bytes").compiler.compile(source)
}

/// Whether `text` is a whole text of the grammar. Masks and `accept` must agree on the way.
pub(crate) fn matches(grammar: &Grammar, text: &str) -> bool {
    let mut matcher = grammar.start();
    let mut mask = TokenMask::new();
    for byte in text.bytes() {
        let token = byte_token(byte);
        if matcher.is_finished() {
            return false;
        }
        matcher.fill_mask(&mut mask).unwrap();
        let allowed = mask.allows(token);
        assert_eq!(matcher.accept(token).is_ok(), allowed, "mask and accept, byte {byte:?} of {text:?}");
        if !allowed {
            return false;
        }
    }
    assert_end(&mut matcher, &mut mask);
    matcher.may_end()
}

/// Asserts that the end is in the mask exactly where it may be.
fn assert_end(matcher: &mut Matcher, mask: &mut TokenMask) {
    matcher.fill_mask(mask).unwrap();
    assert_eq!(mask.allows(END), matcher.may_end());
}

#[track_caller]
pub(crate) fn check(source: &GrammarSource, good: &[&str], bad: &[&str]) {
    let grammar = compile(source).unwrap_or_else(|error| panic!("{source:?}: {error}"));
    for text in good {
        assert!(matches(&grammar, text), "{source:?} should match {text:?}");
    }
    for text in bad {
        assert!(!matches(&grammar, text), "{source:?} should not match {text:?}");
    }
}

#[track_caller]
pub(crate) fn check_error(source: &GrammarSource, expected: &str) {
    let error = compile(source).map(|_| ()).expect_err("should be refused").to_string();
    assert!(error.contains(expected), "expected {expected:?} in {error:?}");
    assert!(!error.contains('\n'), "one line: {error:?}");
}
