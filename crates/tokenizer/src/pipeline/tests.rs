//! Steps by hand; the ids of whole tokenizers are compared with those of `tokenizers` where folders are converted.

use super::*;
use serde_json::json;

fn steps_of(normalizer: &Value, pre_tokenizer: &Value) -> Result<Steps, String> {
    parse(&json!({"normalizer": normalizer, "pre_tokenizer": pre_tokenizer}).to_string())
}

fn check(normalizer: &Value, pre_tokenizer: &Value, text: &str, at_start: bool, expected: &[&str]) {
    let steps = steps_of(normalizer, pre_tokenizer).unwrap();
    let (text, at_origin) = normalize(&steps.normalizers, text, at_start);
    let mut words = Vec::new();
    cut::split(steps.cuts.as_deref().unwrap(), &text, at_origin, &mut |word| words.push(word.to_owned()));
    assert_eq!(words, expected, "{text:?}");
}

fn metaspace(scheme: &str, split: bool) -> Value {
    json!([{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}])
}

#[test]
fn metaspace_schemes() {
    let none = json!([]);
    check(&none, &metaspace("first", false), "a  b", true, &["▁a▁▁b"]);
    check(&none, &metaspace("first", false), "a  b", false, &["a▁▁b"]);
    check(&none, &metaspace("always", true), " a  b ", false, &["▁a", "▁", "▁b", "▁"]);
    check(&none, &metaspace("never", true), "a b", true, &["a", "▁b"]);
    let old = json!([{"type": "Metaspace", "replacement": "▁", "add_prefix_space": false}]);
    check(&none, &old, "a b", true, &["a", "▁b"]);
    // What is stripped from the front moves the rest away from it; what is put there does not.
    let strip = json!([{"type": "Strip", "strip_left": true, "strip_right": true}]);
    check(&strip, &metaspace("first", false), " a ", true, &["a"]);
    check(&strip, &metaspace("first", false), "a ", true, &["▁a"]);
    let replace = |content: &str| json!([{"type": "Replace", "pattern": {"Regex": "x+"}, "content": content}]);
    check(&replace(""), &metaspace("first", false), "xxaxb", true, &["ab"]);
    check(&replace("y"), &metaspace("first", false), "xxaxb", true, &["▁yayb"]);
}

#[test]
fn normal_forms() {
    let whole = json!([]);
    for (form, expected) in [("NFC", "ḍ̇ﬁ"), ("NFD", "d\u{323}\u{307}ﬁ"), ("NFKC", "ḍ̇fi"), ("NFKD", "d\u{323}\u{307}fi")]
    {
        check(&json!([{"type": form}]), &whole, "d\u{307}\u{323}ﬁ", true, &[expected]);
    }
    check(&json!([{"type": "Lowercase"}, {"type": "StripAccents"}]), &whole, "ΣΑΣ e\u{301}İ", true, &["σασ ei"]);
    check(&json!([{"type": "Prepend", "prepend": "▁"}]), &whole, " a", false, &["▁ a"]);
}

fn split(regex: &str, behavior: &str, invert: bool) -> Value {
    json!([{"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}])
}

#[test]
fn behaviours() {
    let check = |behavior: &str, invert: bool, expected: &[&str]| {
        check(&json!([]), &split(r"\d", behavior, invert), "a12b3", true, expected);
    };
    check("Removed", false, &["a", "b"]);
    check("Removed", true, &["1", "2", "3"]);
    check("Isolated", true, &["a", "1", "2", "b", "3"]);
    check("Contiguous", false, &["a", "12", "b", "3"]);
    check("MergedWithPrevious", false, &["a1", "2", "b3"]);
    check("MergedWithPrevious", true, &["a", "1", "2b", "3"]);
    check("MergedWithNext", false, &["a", "1", "2b", "3"]);
    check("MergedWithNext", true, &["a1", "2", "b3"]);
}

#[test]
fn blanks_before_a_word() {
    let check = |regex: &str, text: &str, expected: &[&str]| {
        check(&json!([]), &split(regex, "Isolated", false), text, true, expected);
    };
    check(r" ?\w+|\s+(?!\S)|\s+", "a  b \n c  ", &["a", " ", " b", " \n", " c", "  "]);
    check(r"\w+|\s+(?!\S)|\s+", "a b  c", &["a", " ", "b", " ", " ", "c"]);
    check(r"\w+|\s+(?!\S)", "a b\u{3000}\u{a0}c", &["a", " ", "b", "\u{3000}", "\u{a0}", "c"]);
    // A joiner is no word character.
    check(r"\w+", "क\u{94d}\u{200d}ष", &["क\u{94d}", "\u{200d}", "ष"]);
    check(r"[^\W_]+", "a_b", &["a", "_", "b"]);
}

#[test]
fn other_cuts() {
    let check = |step: Value, text: &str, expected: &[&str]| check(&json!([]), &json!([step]), text, true, expected);
    check(json!({"type": "Digits", "individual_digits": false}), "a12Ⅷb", &["a", "12Ⅷ", "b"]);
    check(json!({"type": "Digits", "individual_digits": true}), "a12", &["a", "1", "2"]);
    check(json!({"type": "Punctuation", "behavior": "Isolated"}), "a$b¿。", &["a", "$", "b", "¿", "。"]);
    check(json!({"type": "Whitespace"}), "a, bé!", &["a", ",", "bé", "!"]);
    check(json!({"type": "WhitespaceSplit"}), " a\u{a0}b\n", &["a", "b"]);
    check(json!({"type": "CharDelimiterSplit", "delimiter": "-"}), "a--b", &["a", "b"]);
    check(json!({"type": "ByteLevel", "add_prefix_space": true, "use_regex": false}), "a", &[" a"]);
    check(json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}), "a b", &["a", " b"]);
}

#[test]
fn what_would_mean_something_else_is_refused() {
    let check = |normalizer: Value, pre_tokenizer: Value, expected: &str| {
        let error = steps_of(&normalizer, &pre_tokenizer).err().unwrap_or_default();
        assert!(error.contains(expected), "{error:?}, expected {expected:?}");
    };
    check(
        json!([{"type": "Precompiled", "precompiled_charsmap": "AA"}]),
        json!([]),
        "normalizer: {\"type\":\"Precompiled\"",
    );
    check(json!([{"type": "NFC", "more": 1}]), json!([]), "unknown field `more`");
    for (regex, expected) in [
        (r"a++", "a possessive repetition"),
        (r"^a", "an anchor or word boundary"),
        (r"\ba", "an anchor or word boundary"),
        (r"a*", "an expression that the empty text matches"),
        (r"(?m:a)", "a flag other than i"),
        (r"[[:alpha:]]", "a POSIX class"),
        (r"(?<=a)b", "look-around"),
        (r"a(?!b)", "look-around"),
        (r"\h", "unrecognized escape"),
        (r"(a", "unclosed group"),
    ] {
        check(json!([]), split(regex, "Isolated", false), expected);
    }
    check(json!([]), json!([{"type": "Metaspace", "replacement": "_"}]), "replacement \"_\", expected \"▁\"");
    check(json!([]), json!([{"type": "BertPreTokenizer"}]), "unknown variant `BertPreTokenizer`");
    assert!(
        check_pipeline(&format!("{{\"normalizer\": [{}]}}", ["{\"type\":\"NFC\"}"; 65].join(",")))
            .unwrap_err()
            .contains("65 steps")
    );
    assert!(check_pipeline("{\"what\": 1}").unwrap_err().contains("unknown field `what`"));
}
