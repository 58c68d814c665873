//! llama.cpp's grammar language.

use super::support::{check, check_error, compile, matches};
use engine::grammar::GrammarSource;

fn gbnf(text: &str) -> GrammarSource {
    GrammarSource::Gbnf(text.into())
}

/// A grammar in the style of those that llama.cpp comes with: recursive, with white space everywhere.
const JSON: &str = r#"
# any JSON value
root   ::= value
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::=
  "{" ws (
    string ":" ws value        # the first
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt/] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [0-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
"#;

#[test]
fn the_whole_language() {
    check(&gbnf("root ::= \"a\""), &["a"], &["", "aa"]);
    check(&gbnf("root::=\"a\"|\"bc\" # either\n\n"), &["a", "bc"], &["ab", "b"]);
    check(&gbnf("root ::= x-1 y_2\nx-1 ::= \"x\"*\r\ny_2 ::= [y-z]+"), &["y", "xxz", "xyz"], &["", "x", "yx"]);
    check(&gbnf("root ::= \"ab\"{2}"), &["abab"], &["ab", "abb", "ababab"]);
    check(
        &gbnf("root ::= \"a\"{1,3} \"b\"{2,} \"c\"{0,1} \"d\"{0}"),
        &["abb", "aaabbbbc"],
        &["ab", "aaaabb", "abbcc", "abbd"],
    );
    check(&gbnf("root ::= (\n \"a\" | # one\n \"b\"\n)+ \"!\""), &["a!", "abba!"], &["!", "ab"]);
    check(&gbnf("root ::= \"\" | \"a\""), &["", "a"], &["b"]);
    check(&gbnf("root ::= [^a-c\\n]"), &["d", "é", "-"], &["a", "\n", ""]);
    check(&gbnf("root ::= [a-] [\\]^] [^\\]\\\\]"), &["a]x", "-^x"], &["b]x", "a]]", "a]\\"]);
    check(
        &gbnf("root ::= . \"\\x41\\u00e9\\U0001F980\\t\\r\\n\\\"\\\\\""),
        &["日Aé🦀\t\r\n\"\\", "\nAé🦀\t\r\n\"\\"],
        &["Aé🦀\t\r\n\"\\"],
    );
    check(&gbnf("root ::=\n  \"a\" |\n  \"b\"\nother ::= \"c\""), &["a", "b"], &["c"]);
    check(&gbnf("root ::= (\"a\"?)* (\"b\"*)+"), &["", "a", "b", "aab"], &["ba"]);
}

#[test]
fn recursive_grammars_are_exact() {
    check(&gbnf("root ::= \"(\" root \")\" | \"\""), &["", "()", "((()))"], &["(", "())", ")("]);
    let json = gbnf(JSON);
    check(
        &json,
        &["{}", "[]", "\"a\\u00e9\\n\"", "-1.5e+10", "{\"a\": [1, 2, {\"b\":null}], \"c\":\n  true}", "[[[]]] ", "0"],
        &["", "{", "{\"a\"}", "[1,]", "01", "1.", "\"\n\"", "tru", "{\"a\":1 ,\"b\":2}  "],
    );
    // Greed would take "ab" and then find no way to go on, or "aa" and miss the end.
    check(
        &gbnf("root ::= (\"a\" root \"bd\") | \"ab\" \"c\" | \"a\""),
        &["a", "abc", "aabd", "aabcbd"],
        &["ab", "abd", "aab"],
    );
    check(
        &gbnf("root ::= x | \"(\" root \")\"\nx ::= [a-z]* \"b\" \"c\"?"),
        &["b", "abc", "(bbb)", "((abcb))"],
        &["a", "(bc", "bcc"],
    );
    check(
        &gbnf("root ::= word (\" \" root)? | number root\nword ::= [a-z]+ \"s\"\nnumber ::= [0-9]+ (\".\" [0-9]+)?"),
        &["as", "as bs", "12as", "1.5as", "1.51.5as", "sss ss"],
        &["a", "s", "1.", "1.as", "as "],
    );
    // Terminals that begin alike in different places.
    check(
        &gbnf("root ::= \"<\" name \">\" root? \"</\" name \">\"\nname ::= [a-z] [a-z0-9]*"),
        &["<a></a>", "<b1><c></c></b1>"],
        &["<a>", "<a></a", "<1></1>"],
    );
}

/// A grammar, and what it matches.
type Known = (&'static str, fn(&str) -> bool);

/// Every short text of two letters is compared with a recogniser that tries every reading.
#[test]
fn equal_to_a_plain_recogniser() {
    let grammars: &[Known] = &[
        ("root ::= \"a\" root \"b\" | \"ab\"", |text| {
            let n = text.len() / 2;
            n > 0 && text == "a".repeat(n) + &"b".repeat(n)
        }),
        ("root ::= (\"ab\" | \"a\") root \"a\" | \"b\"+", |text| {
            fn tail(text: &str) -> bool {
                let is_end = !text.is_empty() && text.bytes().all(|b| b == b'b');
                let inner =
                    |head| text.strip_prefix(head).and_then(|rest: &str| rest.strip_suffix('a')).is_some_and(tail);
                is_end || inner("ab") || inner("a")
            }
            tail(text)
        }),
        ("root ::= \"a\"{2} root? | \"b\"{1,2} \"a\" root?", |text| {
            fn tail(text: &str) -> bool {
                ["aa", "ba", "bba"]
                    .into_iter()
                    .any(|head| text.strip_prefix(head).is_some_and(|rest| rest.is_empty() || tail(rest)))
            }
            tail(text)
        }),
        ("root ::= s\ns ::= \"a\" s \"a\" | \"b\" s \"b\" | \"\" | \"a\" | \"b\"", |text| {
            text.chars().rev().eq(text.chars())
        }),
    ];
    for (source, expected) in grammars {
        let grammar = compile(&gbnf(source)).unwrap();
        for n in 0..=7u32 {
            for bits in 0..1u32 << n {
                let text: String = (0..n).map(|i| if bits >> i & 1 == 0 { 'a' } else { 'b' }).collect();
                assert_eq!(matches(&grammar, &text), expected(&text), "{source}: {text:?}");
            }
        }
    }
}

#[test]
fn what_is_no_grammar_is_refused_with_its_line() {
    for (source, expected) in [
        ("", "there is no rule `root`"),
        ("other ::= \"a\"", "there is no rule `root`"),
        ("root ::= other", "rule \"other\" is used but not defined"),
        ("root ::= \"a\"\nroot ::= \"b\"", "line 2: rule \"root\" is defined twice"),
        ("root = \"a\"", "line 1: expected `::=` after \"root\", got \"= \\\"a\\\"\""),
        ("root ::= \"a\n\"", "expected `\"`"),
        ("root ::= [a", "expected `]`, got the end"),
        ("root ::= [z-a]", "line 1: range 'z' to 'a' is empty"),
        ("root ::= []", "a class without characters"),
        ("root ::= (\"a\"", "expected `)`, got the end"),
        ("root ::= \"a\")", "expected the end of the rule, got \")\""),
        ("\n\nroot ::= * \"a\"", "line 3: a repetition of nothing"),
        ("root ::= \"a\"{3,2}", "at least 3 but at most 2"),
        ("root ::= \"a\"{x}", "a number of repetitions"),
        ("root ::= \"a\"{2", "expected `}`"),
        ("root ::= \"\\q\"", "an unknown escape"),
        ("root ::= \"\\x4\"", "2 hexadecimal digits"),
        ("root ::= \"\\uD800\"", "d800 is no character"),
        ("root ::= <think>", "tokens (`<…>`) are not supported"),
        ("root ::= root \"a\" | \"a\"", "left recursion: rule \"root\" begins with itself"),
        ("root ::= a\na ::= b?  c\nb ::= \"b\"\nc ::= a \"x\" | \"y\"", "left recursion"),
        ("root ::= \"a\" root", "rule \"root\" has no end"),
    ] {
        check_error(&gbnf(source), &format!("gbnf: {}", if expected.starts_with("line") { expected } else { "" }));
        check_error(&gbnf(source), expected);
    }
}
