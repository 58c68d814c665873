//! Regular expressions, choices, Lark, JSON objects.

use super::support::{END, byte_token, check, check_error, compile};
use engine::grammar::{GrammarError, GrammarSource, TokenMask};

fn regex(text: &str) -> GrammarSource {
    GrammarSource::Regex(text.into())
}

fn lark(text: &str) -> GrammarSource {
    GrammarSource::Lark(text.into())
}

#[test]
fn regular_expressions_match_the_whole_output() {
    check(&regex("a|ab"), &["a", "ab"], &["", "b", "abb"]);
    check(&regex("^[0-9]{2,3}$"), &["12", "123"], &["1", "1234", "12 "]);
    check(&regex("^a|b$"), &["a", "b"], &["ab"]);
    check(&regex("(a|b)*c/d"), &["c/d", "abac/d"], &["c", "abc"]);
    check(&regex(""), &[""], &["a"]);
    check(&regex(r"\d+\.\d\\"), &[r"1.5\"], &["1.5", "15\\"]);
    check(&regex("é+|日本"), &["é", "éé", "日本"], &["e", "日"]);
    check(&regex("(?i)yes"), &["yes", "YES"], &["no"]);
    check(&regex("a\nb"), &["a\nb"], &["a b"]);
    check_error(&regex("(?=a)b"), "look-around");
    check_error(&regex("a(?<!b)"), "look-around");
    check_error(&regex("*a"), "repetition operator missing expression");
    check_error(&regex("(a"), "unclosed group");
    check_error(&regex("a\\"), "ends in a backslash");
    check_error(&regex("a(?P<stop>b)"), "named `stop`");
    check_error(&regex(r"\bword"), "regex: ");
    check_error(&regex("[a&&b]"), "regex: ");
}

#[test]
fn choices_are_exact() {
    let choice = |texts: &[&str]| GrammarSource::Choice(texts.iter().map(|&text| text.to_owned()).collect());
    check(&choice(&["yes", "no"]), &["yes", "no"], &["", "ye", "yesno"]);
    check(&choice(&["a", "ab", "abc"]), &["a", "ab", "abc"], &["b", "abcd"]);
    check(&choice(&["\"q\"\\\n\u{7f}", "/x/"]), &["\"q\"\\\n\u{7f}", "/x/"], &["q"]);
    check(&choice(&["", "a"]), &["", "a"], &["b"]);
    check_error(&choice(&[]), "choice: the list is empty");
}

#[test]
fn lark_grammars() {
    let sum = "start: expr\nexpr: term (\"+\" term)*\nterm: NUMBER | \"(\" expr \")\"\nNUMBER: /[0-9]+/\n%ignore / /";
    check(&lark(sum), &["1", "1+2", "(1+(23+4))"], &["", "1+", "(1"]);
    check(
        &lark(
            "start: \"<call>\" %json {\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\"}}, \"required\": [\"a\"], \"additionalProperties\": false} \"</call>\"",
        ),
        &["<call>{\"a\":1}</call>", "<call>{\"a\": -20}</call>"],
        &["<call>{}</call>", "<call>{\"a\":1,\"b\":2}</call>", "<call>{\"a\":1.5}</call>"],
    );
    check_error(&lark("rule: \"a\""), "start");
    check_error(&lark("start: other"), "lark: ");
    check_error(&lark("start: \"a"), "lark: line 1: a \" without its end");
    check_error(&lark("start: a\na[temperature=0.5]: \"a\""), "temperature");
    check_error(&lark("start: a\na[stop=\"x\"]: /.*/"), "stop");
    check_error(&lark("%llguidance {\"allow_invalid_utf8\": true}\nstart: \"a\""), "allow_invalid_utf8");
    check_error(
        &lark("start: \"a\"\n  %json {\"type\": \"object\", \"properties\": {\"a\": {\"not\": {}}}}"),
        "lark line 2: %json.properties.a.not: unsupported keyword",
    );
}

#[test]
fn control_tokens_only_where_a_lark_grammar_names_them() {
    let grammar = compile(&lark("start: <|tool|> \"a\"")).unwrap();
    let mut matcher = grammar.start();
    let mut mask = TokenMask::new();
    matcher.fill_mask(&mut mask).unwrap();
    assert_eq!(mask.iter().map(|id| id.0).collect::<Vec<_>>(), [3]);
    matcher.accept(mask.single().unwrap()).unwrap();
    matcher.accept(byte_token(b'a')).unwrap();
    assert!(matcher.is_finished() && matcher.may_end());

    let numeric = compile(&lark("start: <[3]> \"a\"")).unwrap();
    numeric.start().fill_mask(&mut mask).unwrap();
    assert_eq!(mask.single().map(|id| id.0), Some(3));

    check_error(&lark("start: <|other|>"), "there is no token \"<|other|>\"");
    check_error(&lark("start: <[*]>"), "nobody spelled out");
    check_error(&lark("start: <[^3]>"), "nobody spelled out");
    check_error(&lark("start: <[900]>"), "the vocabulary has tokens 0 to 259");
    // As text, character by character, it is text.
    check(&lark("start: \"<|tool|>\""), &["<|tool|>"], &["tool"]);
    // The complement of a text holds texts only.
    for source in [lark("start: T\nT: ~\"a\" & /(?s:.*)/"), regex("(?s:.*)"), regex("[^a]*")] {
        let mut matcher = compile(&source).unwrap().start();
        matcher.fill_mask(&mut mask).unwrap();
        assert!((0..4).filter(|id| *id != END.0).all(|id| !mask.allows(tokenizer::TokenId(id))), "{source:?}");
        assert!(!mask.allows(byte_token(0xFF)), "{source:?}");
    }
}

#[test]
fn any_json_object() {
    check(
        &GrammarSource::JsonObject,
        &["{}", "{\"a\":[1,2.5e3,null,true,\"x\"]}", "{\"a\": {\"b\": {}}}", "{\n  \"a\": 1\n}"],
        &["", "[]", "1", "{\"a\"}", "{\"a\":1,}", " {}", "{  }", "{\n\n}", "{} "],
    );
    let mut matcher = compile(&GrammarSource::JsonObject).unwrap().start();
    "{}".bytes().for_each(|byte| matcher.accept(byte_token(byte)).unwrap());
    assert!(matcher.is_finished(), "nothing follows the object");
}

#[test]
fn a_finished_grammar_takes_nothing_but_its_end() {
    let mut matcher = compile(&regex("ab")).unwrap().start();
    let mut mask = TokenMask::new();
    for byte in *b"ab" {
        assert!(!matcher.may_end() && !matcher.is_finished());
        assert_eq!(matcher.accept(END), Err(GrammarError::Token { id: END.0 }));
        matcher.accept(byte_token(byte)).unwrap();
    }
    assert!(matcher.may_end() && matcher.is_finished());
    matcher.fill_mask(&mut mask).unwrap();
    assert_eq!(mask.single(), Some(END));
    assert_eq!(matcher.accept(byte_token(b'c')), Err(GrammarError::Token { id: byte_token(b'c').0 }));

    // An end that is taken where more could come.
    let mut matcher = compile(&regex("a*")).unwrap().start();
    matcher.accept(byte_token(b'a')).unwrap();
    assert!(matcher.may_end() && !matcher.is_finished());
    matcher.accept(END).unwrap();
    assert!(matcher.is_finished() && matcher.may_end());
}

#[test]
fn clones_go_their_own_way() {
    let mut one = compile(&regex("ab|cd")).unwrap().start();
    let mut other = one.clone();
    one.accept(byte_token(b'a')).unwrap();
    other.accept(byte_token(b'c')).unwrap();
    let mut mask = TokenMask::new();
    one.fill_mask(&mut mask).unwrap();
    assert_eq!(mask.single(), Some(byte_token(b'b')));
    other.fill_mask(&mut mask).unwrap();
    assert_eq!(mask.single(), Some(byte_token(b'd')));
}

fn assert_send<T: Send>() {}
fn assert_send_sync<T: Send + Sync>() {}

#[test]
fn what_crosses_threads() {
    assert_send::<engine::grammar::Matcher>();
    assert_send_sync::<engine::grammar::Grammar>();
    assert_send_sync::<engine::grammar::GrammarCompiler>();
}
