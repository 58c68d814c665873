//! Grammars over the vocabularies of real models.

use super::support::load;
use engine::grammar::{GrammarSource, Matcher, TokenMask};
use serde_json::json;
use tokenizer::{ControlTokens, TokenId, Tokenizer};

/// Vocabularies of each kind: BPE, SPM with byte tokens, WPM.
const VOCABULARIES: &[&str] = &["smollm2", "stories", "gpt-2", "llama-spm", "phi-3", "bert-bge", "qwen2"];

fn person() -> GrammarSource {
    GrammarSource::JsonSchema(json!({
        "type": "object", "required": ["name", "age"], "additionalProperties": false,
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "tags": {"type": "array", "items": {"enum": ["a", "b"]}}},
    }))
}

/// Feeds the tokens that the tokenizer makes of `text`.
fn feed(matcher: &mut Matcher, tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    let mut ids = Vec::new();
    tokenizer.encode(text, ControlTokens::AsText, false, &mut ids);
    let mut mask = TokenMask::new();
    for &id in &ids {
        matcher.fill_mask(&mut mask).unwrap();
        assert!(mask.allows(id), "{text:?}: token {} {:?}", id.0, tokenizer.token_bytes(id));
        matcher.accept(id).unwrap();
    }
    ids
}

#[test]
fn a_model_may_spell_json_as_it_likes_to() {
    for name in ["smollm2", "gpt-2", "qwen2"] {
        let loaded = load(name);
        let grammar = loaded.compiler.compile(&person()).unwrap();
        for text in [r#"{"name": "Ünï 日本 🦀", "age": -12}"#, "{\"name\":\"x\\ny\",\"age\":0,\"tags\":[\"a\", \"b\"]}"]
        {
            let mut matcher = grammar.start();
            feed(&mut matcher, &loaded.tokenizer, text);
            assert!(matcher.may_end() && matcher.is_finished(), "{name}: {text}");
        }
    }
}

#[test]
fn masks_are_the_tokens_that_go_on() {
    for name in VOCABULARIES {
        let loaded = load(name);
        let tokenizer = &loaded.tokenizer;
        let grammar = loaded.compiler.compile(&GrammarSource::Regex("( ?[a-z]{1,6}é?,)+".into())).unwrap();
        let mut mask = TokenMask::new();
        grammar.start().fill_mask(&mut mask).unwrap();
        // The viable prefixes of the language, written by hand.
        let is_viable = |bytes: &[u8]| {
            bytes.split_inclusive(|b| *b == b',').all(|word| {
                let word = word.strip_prefix(b" ").unwrap_or(word);
                let (word, is_whole) = word.strip_suffix(b",").map_or((word, false), |word| (word, true));
                let letters = word.iter().take_while(|b| b.is_ascii_lowercase()).count();
                let rest = &word[letters..];
                let accent = if is_whole {
                    rest.is_empty() || rest == "é".as_bytes()
                } else {
                    "é".as_bytes().starts_with(rest)
                };
                letters <= 6 && accent && (letters > 0 || (rest.is_empty() && !is_whole))
            })
        };
        for token in tokenizer.tokens() {
            let bytes = tokenizer.token_bytes(token.id);
            let is_text = !tokenizer.is_control(token.id) && !tokenizer.is_end_of_generation(token.id);
            let expected = is_text && !bytes.is_empty() && is_viable(&bytes);
            assert_eq!(
                mask.allows(token.id),
                expected,
                "{name}: token {} {:?}",
                token.id.0,
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

#[test]
fn a_vocabulary_that_cannot_spell_it_is_told_so() {
    // WPM has no brackets glued to nothing but knows `{`; a character that it lacks leaves no token.
    let loaded = load("bert-bge");
    let error = loaded.compiler.compile(&GrammarSource::Regex("\u{10FFFD}".into())).unwrap_err();
    assert!(error.to_string().contains("there is no text that matches"), "{error}");
    let grammar = loaded.compiler.compile(&GrammarSource::Regex("a\u{10FFFD}".into())).unwrap();
    let mut matcher = grammar.start();
    feed(&mut matcher, &loaded.tokenizer, "");
    let id = loaded.tokenizer.tokens().find(|t| loaded.tokenizer.token_bytes(t.id).as_ref() == b"a").unwrap().id;
    matcher.accept(id).unwrap();
    assert_eq!(matcher.fill_mask(&mut TokenMask::new()), Err(engine::grammar::GrammarError::NoToken));
}

#[test]
fn forced_tokens_are_those_that_a_model_would_write() {
    let loaded = load("smollm2");
    let source = GrammarSource::Regex(r#"\{"temperature": (1|2), "description": "none"\}"#.into());
    let mut matcher = loaded.compiler.compile(&source).unwrap().start();
    let mut forced = Vec::new();
    matcher.forced(&mut forced);
    let text = loaded.tokenizer.decode(&forced, false);
    assert!(text.starts_with(b"{\"temperature\":") && forced.len() >= 3, "{:?}", String::from_utf8_lossy(&text));
    let mut mask = TokenMask::new();
    for &id in &forced {
        matcher.fill_mask(&mut mask).unwrap();
        assert!(mask.allows(id), "asking has moved the matcher");
        matcher.accept(id).unwrap();
    }
    feed(&mut matcher, &loaded.tokenizer, " 1");
    forced.clear();
    matcher.forced(&mut forced);
    // Nothing can come after it, so the last token counts too.
    assert_eq!(loaded.tokenizer.decode(&forced, false), b", \"description\": \"none\"}");
    for &id in &forced {
        matcher.accept(id).unwrap();
    }
    assert!(matcher.is_finished());
    let n = forced.len();
    matcher.forced(&mut forced);
    assert_eq!(forced.len(), n, "nothing after the end");
    // Where there is a choice, nothing is forced.
    let mut free = loaded.compiler.compile(&GrammarSource::Regex("a|b".into())).unwrap().start();
    free.forced(&mut forced);
    assert_eq!(forced.len(), n);
    // SPM spells it without a space in front.
    let stories = load("stories");
    let mut matcher = stories.compiler.compile(&GrammarSource::Regex("the end".into())).unwrap().start();
    forced.clear();
    matcher.forced(&mut forced);
    assert_eq!(
        forced.iter().flat_map(|id| stories.tokenizer.token_bytes(*id).into_owned()).collect::<Vec<_>>(),
        b"the end"
    );
}

#[test]
fn equal_tokens_give_equal_masks_whatever_ran_before() {
    let loaded = load("smollm2");
    let grammar = loaded.compiler.compile(&person()).unwrap();
    let text = r#"{"name": "Some long name", "age": 77, "tags": ["a"]}"#;
    let mut ids = Vec::new();
    loaded.tokenizer.encode(text, ControlTokens::AsText, false, &mut ids);
    let masks = || {
        let mut matcher = grammar.start();
        let mut all = Vec::new();
        for &id in &ids {
            let mut mask = TokenMask::new();
            matcher.fill_mask(&mut mask).unwrap();
            matcher.accept(id).unwrap();
            all.push(mask);
        }
        all
    };
    let first = masks();
    let mut other = grammar.start();
    feed(&mut other, &loaded.tokenizer, "{\"name\":\"q");
    assert!(first == masks());
    let fresh = loaded.compiler.compile(&person()).unwrap();
    let mut mask = TokenMask::new();
    fresh.start().fill_mask(&mut mask).unwrap();
    assert!(mask == first[0]);
}
