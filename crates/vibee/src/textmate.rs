//! The TextMate grammar of specifications, which editors colour them by: YAML with expressions in it.
//!
//! Its words and keys are those of the parser and the schema, so it cannot fall behind them. The expressions of its
//! patterns use no look-around, which makes them mean the same in every editor's engine, and testable by a small one.

use serde_json::{Value, json};

use crate::{
    ast::BinaryOp,
    schema::keys::FORMS,
    syntax::{KEYWORDS, QUANTIFIER_WORDS},
};

/// What stands behind a key, for colours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colour {
    Expression,
    Text,
    Other,
}

/// Keys with what stands behind them, each once. Where the same key differs between forms, expression wins.
fn keys() -> Vec<(&'static str, Colour)> {
    let mut keys: Vec<(&'static str, Colour)> = Vec::new();
    for key in FORMS.iter().flat_map(|form| form.keys) {
        let colour = match key.value {
            value if value.contains("expression") || value.contains("table") => Colour::Expression,
            "text" => Colour::Text,
            _ => Colour::Other,
        };
        match keys.iter_mut().find(|(name, _)| *name == key.name) {
            Some((_, known)) if colour == Colour::Expression => *known = colour,
            Some(_) => {}
            None => keys.push((key.name, colour)),
        }
    }
    keys
}

fn one_of<'n>(words: impl Iterator<Item = &'n str>) -> String {
    let mut words: Vec<&str> = words.collect();
    // Longer ones first, where one begins another.
    words.sort_by_key(|word| (std::cmp::Reverse(word.len()), *word));
    words.join("|")
}

fn keys_of(colour: Colour) -> String {
    let keys = keys();
    one_of(keys.iter().filter(|(_, c)| *c == colour).map(|(name, _)| *name))
}

/// Gives the grammar: what `vibee.tmLanguage.json` holds.
pub fn grammar() -> Value {
    json!({
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "VIBEE",
        "scopeName": "source.vibee",
        "fileTypes": ["vibee"],
        "patterns": [{ "include": "#comment" }, { "include": "#blocks" }, { "include": "#inner" }],
        "repository": {
            "comment": { "patterns": [
                { "match": "^\\s*#.*$", "name": "comment.line.number-sign.vibee" },
                { "match": "\\s#.*$", "name": "comment.line.number-sign.vibee" },
            ] },
            "blocks": { "patterns": blocks() },
            "inner": { "patterns": inner() },
            "expression": { "patterns": expression() },
        },
    })
}

/// Keys at the beginning of a line. What belongs to one goes on as long as lines stand further right than it.
fn blocks() -> Vec<Value> {
    let mut rules = Vec::new();
    for (colour, name, inner) in [
        (Colour::Expression, "meta.expression.vibee", json!([{ "include": "#expression" }])),
        (
            Colour::Text,
            "string.unquoted.block.vibee",
            json!([{ "match": "\\s#.*$", "name": "comment.line.number-sign.vibee" }]),
        ),
    ] {
        // With and without the mark of a list's item, which moves the key two columns.
        for (dash, deeper) in [("", " +"), ("- ", " {3,}")] {
            rules.push(json!({
                "begin": format!("^( *){dash}({})(:)(?: +([|>][-+0-9]*))?(?: |$)", keys_of(colour)),
                "beginCaptures": {
                    "2": { "name": "keyword.other.key.vibee" },
                    "3": { "name": "punctuation.separator.key-value.vibee" },
                    "4": { "name": "keyword.control.flow.block-scalar.vibee" },
                },
                "while": format!("^(?:\\1{deeper}[^ ]|\\s*$)"),
                "contentName": name,
                "patterns": inner,
            }));
        }
    }
    rules
}

/// Values that are no expression as a whole: maps and lists in braces and brackets, names, types.
fn inner() -> Vec<Value> {
    let all = keys();
    vec![
        json!({
            "begin": format!("([{{,]\\s*)({})(:) ", keys_of(Colour::Expression)),
            "beginCaptures": {
                "2": { "name": "keyword.other.key.vibee" },
                "3": { "name": "punctuation.separator.key-value.vibee" },
            },
            "end": "[,}]|$",
            "contentName": "meta.expression.vibee",
            "patterns": [{ "include": "#expression" }],
        }),
        json!({
            "match": format!("\\b({})(:)(?: |$)", one_of(all.iter().map(|(name, _)| *name))),
            "captures": {
                "1": { "name": "keyword.other.key.vibee" },
                "2": { "name": "punctuation.separator.key-value.vibee" },
            },
        }),
        json!({
            "match": "\\b([A-Za-z_][A-Za-z0-9_-]*)(:)(?: |$)",
            "captures": {
                "1": { "name": "entity.name.tag.vibee" },
                "2": { "name": "punctuation.separator.key-value.vibee" },
            },
        }),
        json!({ "include": "#expression" }),
    ]
}

fn expression() -> Vec<Value> {
    let is_word = |word: &&str| word.starts_with(|c: char| c.is_ascii_alphabetic());
    let operators = BinaryOp::ALL.map(|(_, text)| text);
    let word_operators = one_of(operators.into_iter().filter(is_word).chain(["not", "with"]));
    let constants = ["true", "false", "nan", "inf", "None"];
    let controls = KEYWORDS.into_iter().filter(|word| !word_operators.split('|').any(|op| op == *word));
    let controls = one_of(controls.filter(|word| !constants.contains(word)));
    vec![
        json!({ "include": "#comment" }),
        json!({
            "begin": "b?\"",
            "end": "\"|$",
            "name": "string.quoted.double.vibee",
            "patterns": [
                { "match": "\\\\(?:[\"\\\\nrt]|u\\{[0-9A-Fa-f]{1,6}\\})", "name": "constant.character.escape.vibee" },
                { "match": "\\\\.", "name": "invalid.illegal.escape.vibee" },
            ],
        }),
        json!({ "match": "0t[-+0]+", "name": "constant.numeric.ternary.vibee" }),
        json!({
            "match": "\\b(?:0x[0-9A-Fa-f_]+|0b[01_]+|[0-9][0-9_]*(?:\\.[0-9][0-9_]*)?(?:[eE][-+]?[0-9][0-9_]*)?)\\b",
            "name": "constant.numeric.vibee",
        }),
        // What stands behind a point is a member, whatever word it is.
        json!({
            "match": "(\\.)([A-Za-z_][A-Za-z0-9_]*)",
            "captures": { "1": { "name": "punctuation.accessor.vibee" }, "2": { "name": "entity.name.function.member.vibee" } },
        }),
        json!({
            "match": format!("\\b({}) +([a-z_][A-Za-z0-9_]*) +(in)\\b", one_of(QUANTIFIER_WORDS.into_iter())),
            "captures": {
                "1": { "name": "keyword.control.vibee" },
                "2": { "name": "variable.parameter.vibee" },
                "3": { "name": "keyword.operator.word.vibee" },
            },
        }),
        json!({ "match": format!("\\b(?:{controls}|where)\\b"), "name": "keyword.control.vibee" }),
        json!({ "match": format!("\\b(?:{word_operators})\\b"), "name": "keyword.operator.word.vibee" }),
        json!({ "match": format!("\\b(?:{})\\b", constants.join("|")), "name": "constant.language.vibee" }),
        json!({ "match": "\\b(?:Some|Ok|Err|fault)\\b", "name": "support.function.vibee" }),
        json!({ "match": "\\b[A-Z][A-Za-z0-9]*\\b", "name": "entity.name.type.vibee" }),
        json!({
            "match": "\\b([a-z_][A-Za-z0-9_]*)(\\()",
            "captures": { "1": { "name": "entity.name.function.vibee" } },
        }),
        json!({ "match": "=>|==|!=|<=|>=|\\+\\+|\\.\\.|[-+*/<>=]", "name": "keyword.operator.vibee" }),
        json!({ "match": "[|;,]", "name": "punctuation.separator.vibee" }),
        json!({ "match": "[A-Za-z_][A-Za-z0-9_]*", "name": "variable.other.vibee" }),
    ]
}
