//! What a fuzzer calls.

use super::{GrammarCompiler, GrammarError, GrammarSource, TokenMask, limits::GRAMMAR_BYTES_MAX};
use gguf::{Array, Metadata, Value};
use std::sync::{Arc, OnceLock};
use tokenizer::{TokenId, Tokenizer};

/// Number of tokens of one completion.
const STEPS_MAX: usize = 48;
/// Pieces of text that may follow other text; bytes are in the vocabulary one by one.
const PIECES: &[&str] =
    &["{\"", "\":", "\",\"", "\"}", "\n ", "▁", "▁\"", "ab", "abc", "12", "true", "null", "é", "日本"];

/// Reads any bytes as a schema, regular expression, list of choices or grammar (the first byte says which, the second
/// what is picked). Never panics; checks that every error is one line, and that a completion of allowed tokens keeps
/// what the module promises.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    let [kind, pick, text @ ..] = data else { return };
    let Some(source) = source(*kind, &String::from_utf8_lossy(text)) else { return };
    let Some(compiler) = compiler() else { return };
    match compiler.compile(&source) {
        Ok(grammar) => complete(&mut grammar.start(), &source, *pick),
        Err(error) => check_error(&error),
    }
}

fn source(kind: u8, text: &str) -> Option<GrammarSource> {
    if text.len() > 2 * GRAMMAR_BYTES_MAX {
        return None;
    }
    Some(match kind % 5 {
        0 => GrammarSource::JsonSchema(serde_json::from_str(text).ok()?),
        1 => GrammarSource::Regex(text.into()),
        2 => GrammarSource::Lark(text.into()),
        3 => GrammarSource::Gbnf(text.into()),
        _ => GrammarSource::Choice(text.lines().map(str::to_owned).collect()),
    })
}

/// Makes a compiler with a vocabulary of all bytes, some longer pieces and three control tokens.
fn compiler() -> Option<&'static GrammarCompiler> {
    static COMPILER: OnceLock<Option<GrammarCompiler>> = OnceLock::new();
    COMPILER.get_or_init(|| GrammarCompiler::new(&Arc::new(Tokenizer::from_gguf(&metadata()).ok()?)).ok()).as_ref()
}

fn metadata() -> Metadata {
    let control = ["<unk>", "<s>", "</s>"].map(|piece| (piece.to_owned(), 3));
    let bytes = (0..=u8::MAX).map(|byte| (format!("<0x{byte:02X}>"), 6));
    let pieces = PIECES.iter().map(|piece| ((*piece).to_owned(), 1));
    let (tokens, kinds): (Vec<String>, Vec<i32>) = control.into_iter().chain(bytes).chain(pieces).unzip();
    let mut metadata = Metadata::default();
    metadata.set("tokenizer.ggml.model", Value::String("llama".into()));
    metadata.set("tokenizer.ggml.scores", Value::Array(Array::F32(vec![0.0; tokens.len()])));
    metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds)));
    metadata.set("tokenizer.ggml.bos_token_id", Value::U32(1));
    metadata.set("tokenizer.ggml.eos_token_id", Value::U32(2));
    metadata
}

fn complete(matcher: &mut super::Matcher, source: &GrammarSource, pick: u8) {
    let mut mask = TokenMask::new();
    let mut same = TokenMask::new();
    let names_control = matches!(source, GrammarSource::Lark(_));
    for step in 0..STEPS_MAX {
        if matcher.is_finished() {
            assert!(matcher.may_end(), "finished where it may not end");
            return;
        }
        if let Err(error) = matcher.fill_mask(&mut mask) {
            return check_error(&error);
        }
        assert!(!mask.is_empty(), "no token at step {step}");
        let ends = mask.allows(TokenId(2));
        assert!(names_control || ends == matcher.may_end(), "the end is allowed: {ends}");
        assert!(names_control || !mask.allows(TokenId(0)) && !mask.allows(TokenId(1)), "a control token");
        if let Some(refused) = (0..mask_len()).map(TokenId).find(|id| !mask.allows(*id)) {
            assert_eq!(matcher.accept(refused), Err(GrammarError::Token { id: refused.0 }), "step {step}");
            assert!(matcher.fill_mask(&mut same).is_ok() && mask == same, "a refused token has moved the matcher");
        }
        // Not the first, or texts of unbounded length would be all alike.
        let index = (usize::from(pick) * (step + 1) * 2_654_435_761) % mask.len();
        let Some(token) = mask.iter().nth(index) else { return };
        if let Err(error) = matcher.accept(token) {
            assert!(matches!(error, GrammarError::TooComplex(_)), "allowed token {}: {error}", token.0);
            return check_error(&error);
        }
    }
}

fn mask_len() -> u32 {
    3 + 256 + PIECES.len() as u32
}

fn check_error(error: &GrammarError) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains(char::is_control), "not one line: {text:?}");
}
