//! What the scanners cut, by hand from the regular expressions.

use super::*;
use proptest::prelude::*;

fn check(name: &str, text: &str, expected: &[&str]) {
    let pre = if name == "lines" { LINES } else { by_name(name).unwrap() };
    let mut words = Vec::new();
    split(pre.passes, text.as_bytes(), &mut |word| words.push(String::from_utf8(word.to_vec()).unwrap()));
    assert_eq!(words, expected, "{name}: {text:?}");
}

#[test]
fn gpt2() {
    check(
        "gpt-2",
        "Hello  world's 12th, it'S!",
        &["Hello", " ", " world", "'s", " 12", "th", ",", " it", "'", "S", "!"],
    );
    check("gpt-2", "a\n\n b \n", &["a", "\n\n", " b", " \n"]);
    check("gpt-2", "x 'll\u{300}é", &["x", " '", "ll", "\u{300}", "é"]);
    check("gpt-2", "", &[]);
}

#[test]
fn digits_one_by_one() {
    check("smollm", "in  1984.", &["in", "  ", "1", "9", "8", "4", "."]);
    check("starcoder", " 12", &[" ", "1", "2"]);
}

#[test]
fn default_and_falcon() {
    check("default", "a=1234;b", &["a", "=", "123", "4", ";", "b"]);
    check("falcon", "x`12345` .,", &["x", "`", "123", "45", "`", " ", ".,"]);
}

#[test]
fn llama3_and_qwen() {
    check("llama-bpe", "I'M 12345 (ok)\r\n\n  x", &["I", "'M", " ", "123", "45", " (", "ok", ")\r\n\n", " ", " x"]);
    check("llama-bpe", "\tfoo \n\n bar", &["\tfoo", " \n\n", " bar"]);
    check("qwen2", "12 a", &["1", "2", " a"]);
    check("qwen2", "e\u{301}a", &["e", "\u{301}a"]);
    check("qwen35", "e\u{301}a \u{301}", &["e\u{301}a", " \u{301}"]);
}

#[test]
fn cased_words() {
    check("tekken", "helloWorld HTMLPage 12/", &["hello", "World", " HTMLPage", " ", "1", "2", "/"]);
    check("tekken", "ABC", &["ABC"]);
    check("tekken", "文A ", &["文", "A", " "]);
    check("tekken", "//\n/ x", &["//\n/", " x"]);
    check("gpt-4o", "Don't 1234 IT'S", &["Don't", " ", "123", "4", " IT'S"]);
}

#[test]
fn deepseek() {
    check("deepseek-coder", "a\r\n b1 .,", &["a", "\r", "\n", " b", "1", " .,"]);
    check("deepseek-llm", "x  y  123\n你好", &["x", " ", " y", "  ", "123", "\n", "你好"]);
    check("deepseek-v3", "(abc 1234 你好ab!\n", &["(abc", " ", "123", "4", " ", "你好", "ab", "!\n"]);
}

#[test]
fn bloom_and_lines() {
    check("bloom", "Hi there, (you)", &["Hi", " there", ", (", "you", ")"]);
    check("lines", "a b\n\n\nc", &["a b", "\n\n\n", "c"]);
}

/// Cuts are those of Oniguruma with the same expressions (`testdata/make_pre_tokenizers.py`).
#[test]
fn scanners_are_the_regular_expressions() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../../testdata/pre_tokenizers.json")).unwrap();
    let texts: Vec<&str> = golden["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let names = golden["word_ends"].as_object().unwrap();
    assert_eq!((texts.len(), names.len()), (60, 15));
    for (name, rows) in names {
        let pre = by_name(name).unwrap();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), texts.len(), "{name}");
        for (text, expected) in texts.iter().zip(rows) {
            let mut ends = vec![0];
            split(pre.passes, text.as_bytes(), &mut |word| ends.push(ends[ends.len() - 1] + word.len()));
            let expected: Vec<usize> =
                expected.as_array().unwrap().iter().map(|e| e.as_u64().unwrap() as usize).collect();
            assert_eq!(ends[1..], expected, "{name}: {text:?}");
        }
    }
}

#[test]
fn no_name_is_guessed() {
    for name in ["", "Default", "gpt2", "llama", "qwen", "smollm "] {
        assert!(by_name(name).is_none(), "{name:?}");
    }
}

proptest! {
    /// Nothing is lost, added or cut inside a character.
    #[test]
    fn words_joined_are_the_text(text in "(?s)[a-zA-Z0-9 \\r\\n\\t'.,/(é文\u{301}²ǅ\u{a0}]{0,40}|.{0,40}") {
        for name in ["default", "gpt-2", "smollm", "falcon", "llama-bpe", "qwen35", "tekken", "gpt-4o", "seed-coder",
            "deepseek-coder", "deepseek-llm", "deepseek-v3", "bloom", "viking", "minicpm5"] {
            let mut joined = String::new();
            split(by_name(name).unwrap().passes, text.as_bytes(), &mut |word| {
                assert!(!word.is_empty());
                joined.push_str(std::str::from_utf8(word).unwrap());
            });
            prop_assert_eq!(&joined, &text, "{}", name);
        }
    }
}
