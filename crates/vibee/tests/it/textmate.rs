//! The grammar for editors, run by a small engine over specifications: what it calls a text, a number or a keyword must
//! be what the lexer of the language says.

use std::{collections::HashMap, fs};

use regex::Regex;
use serde_json::Value;
use vibee::{
    ast::{Arg, Expr, ExprKind},
    reader, schema,
    source::Sources,
    syntax::{KEYWORDS, random::Random},
    textmate,
};

/// A rule that is open.
struct Frame {
    end: Option<Regex>,
    goes_on: Option<Regex>,
    name: String,
    patterns: Vec<Value>,
}

/// The engine: lines go through it in order.
struct Engine {
    grammar: Value,
    stack: Vec<Frame>,
    regexes: HashMap<String, Regex>,
}

impl Engine {
    fn new() -> Self {
        let grammar = textmate::grammar();
        let patterns = grammar["patterns"].as_array().unwrap().clone();
        let base = Frame { end: None, goes_on: None, name: String::new(), patterns };
        Self { grammar, stack: vec![base], regexes: HashMap::new() }
    }

    fn regex(&mut self, text: &str) -> Regex {
        let make = || Regex::new(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        self.regexes.entry(text.to_owned()).or_insert_with(make).clone()
    }

    /// Rules with `include` written out.
    fn flat(&self, patterns: &[Value]) -> Vec<Value> {
        let mut flat = Vec::new();
        for pattern in patterns {
            match pattern["include"].as_str() {
                Some(name) => {
                    let inner =
                        self.grammar["repository"][name.trim_start_matches('#')]["patterns"].as_array().unwrap();
                    flat.extend(self.flat(inner));
                }
                None if pattern.get("patterns").is_some() && pattern.get("begin").is_none() => {
                    flat.extend(self.flat(pattern["patterns"].as_array().unwrap()));
                }
                None => flat.push(pattern.clone()),
            }
        }
        flat
    }

    /// Gives the scope of each byte of a line.
    fn line(&mut self, line: &str) -> Vec<String> {
        let goes_on = |frame: &Frame| frame.goes_on.as_ref().is_none_or(|regex| regex.is_match(line));
        let keep = self.stack.iter().position(|frame| !goes_on(frame)).unwrap_or(self.stack.len());
        self.stack.truncate(keep);
        let mut scopes = vec![String::new(); line.len()];
        let mut at = 0;
        for _ in 0..=4 * line.len() + 4 {
            let top = self.stack.last().unwrap();
            let name = top.name.clone();
            let mut best = top.end.as_ref().and_then(|end| end.find_at(line, at)).map(|m| (m.start(), m.end(), None));
            for pattern in self.flat(&top.patterns.clone()) {
                let source = pattern["match"].as_str().or(pattern["begin"].as_str()).unwrap().to_owned();
                let found = self.regex(&source).find_at(line, at).map(|m| (m.start(), m.end()));
                if let Some((start, end)) = found
                    && best.as_ref().is_none_or(|(first, ..)| start < *first)
                {
                    best = Some((start, end, Some(pattern)));
                }
            }
            let Some((start, end, pattern)) = best else {
                scopes[at..].iter_mut().for_each(|scope| scope.clone_from(&name));
                return scopes;
            };
            scopes[at..start].iter_mut().for_each(|scope| scope.clone_from(&name));
            match pattern {
                None => {
                    scopes[start..end].iter_mut().for_each(|scope| scope.clone_from(&name));
                    self.stack.pop();
                }
                Some(pattern) => self.apply(&pattern, line, at, &mut scopes),
            }
            if start == line.len() && end == line.len() {
                return scopes;
            }
            at = end;
        }
        panic!("no end of {line:?}");
    }

    fn apply(&mut self, pattern: &Value, line: &str, at: usize, scopes: &mut [String]) {
        let is_open = pattern.get("begin").is_some();
        let source = pattern[if is_open { "begin" } else { "match" }].as_str().unwrap().to_owned();
        let regex = self.regex(&source);
        let captures = regex.captures_at(line, at).unwrap();
        let whole = captures.get(0).unwrap();
        let name = pattern["name"].as_str().unwrap_or(&self.stack.last().unwrap().name).to_owned();
        scopes[whole.range()].iter_mut().for_each(|scope| scope.clone_from(&name));
        let names = &pattern[if is_open { "beginCaptures" } else { "captures" }];
        for (i, group) in captures.iter().enumerate().skip(1) {
            if let (Some(group), Some(name)) = (group, names[i.to_string()]["name"].as_str()) {
                scopes[group.range()].iter_mut().for_each(|scope| name.clone_into(scope));
            }
        }
        if is_open {
            let with_groups = |text: &str| text.replace("\\1", captures.get(1).map_or("", |group| group.as_str()));
            let goes_on = pattern["while"].as_str().map(|text| self.regex(&with_groups(text)));
            let end = pattern["end"].as_str().map(|text| self.regex(text));
            let name = pattern["contentName"].as_str().or(pattern["name"].as_str()).unwrap_or_default().to_owned();
            let patterns = pattern["patterns"].as_array().unwrap().clone();
            self.stack.push(Frame { end, goes_on, name, patterns });
        }
    }
}

/// The scope of each byte of a file.
fn scopes(text: &str) -> Vec<String> {
    let mut engine = Engine::new();
    let mut scopes = Vec::new();
    for line in text.split('\n') {
        scopes.extend(engine.line(line));
        scopes.push(String::new());
    }
    scopes
}

/// All literals and structures below an expression, each with the first bytes of its text and what its scope begins
/// with.
fn expected(expr: &Expr, found: &mut Vec<(usize, &'static str)>) {
    let at = expr.span.start as usize;
    let mut inner: Vec<&Expr> = Vec::new();
    match &expr.kind {
        ExprKind::Int(_) | ExprKind::Trits(_) => found.push((at, "constant.numeric")),
        ExprKind::Float(value) => {
            found.push((at, if value.is_finite() { "constant.numeric" } else { "constant.language" }));
        }
        ExprKind::String(_) | ExprKind::Bytes(_) => found.push((at, "string.quoted.double")),
        ExprKind::Bool(_) | ExprKind::None => found.push((at, "constant.language")),
        ExprKind::Let(_, value, body) => {
            found.push((at, "keyword.control"));
            inner.extend([&**value, body]);
        }
        ExprKind::If(a, b, c) => {
            found.push((at, "keyword.control"));
            inner.extend([&**a, b, c]);
        }
        ExprKind::Match(subject, arms) => {
            found.push((at, "keyword.control"));
            inner.push(subject);
            inner.extend(arms.iter().flat_map(|arm| arm.guard.iter().chain([&arm.body])));
        }
        ExprKind::Quantified { over, filter, body, .. } => {
            found.push((at, "keyword.control"));
            inner.extend([&**over, body]);
            inner.extend(filter.as_deref());
        }
        ExprKind::Binary(_, span, a, b) => {
            found.push((span.start as usize, "keyword.operator"));
            inner.extend([&**a, b]);
        }
        ExprKind::Unary(_, of) => {
            found.push((at, "keyword.operator"));
            inner.push(of);
        }
        ExprKind::Field(of, name) => {
            found.push((name.span.start as usize, "entity.name.function.member"));
            inner.push(of);
        }
        ExprKind::Place(of, ..) | ExprKind::Paren(of) => inner.push(of),
        ExprKind::Lambda(_, body) => inner.push(body),
        ExprKind::Index(a, b) => inner.extend([&**a, b]),
        ExprKind::With(of, fields) => {
            inner.push(of);
            inner.extend(fields.iter().map(|(_, value)| value));
        }
        ExprKind::Tuple(items) | ExprKind::List(items) => inner.extend(items),
        ExprKind::Call { callee, args, .. } => {
            inner.push(callee);
            inner.extend(args.iter().map(|Arg { value, .. }| value));
        }
        ExprKind::Name(_) | ExprKind::Old(_) | ExprKind::Fault(_) | ExprKind::Broken => {}
    }
    inner.into_iter().for_each(|expr| expected(expr, found));
}

/// Holds the grammar to the parser on one file; gives how many places were compared.
fn compare(name: &str, text: &str) -> usize {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let (document, mut diagnostics) = reader::read(&sources, file);
    let Some(spec) = schema::spec(&document, &mut diagnostics) else { return 0 };
    if diagnostics.iter().any(|d| d.code.starts_with('E')) {
        return 0;
    }
    let mut found = Vec::new();
    for function in &spec.functions {
        let then = function.then.iter().map(|(_, expr)| expr);
        let cells = function.examples.iter().flat_map(|table| &table.rows).flat_map(|row| &row.cells);
        let forall = function.forall.iter().flat_map(|p| p.filter.iter().chain([&p.holds]));
        let own = [&function.given, &function.body, &function.decreases].into_iter().flatten();
        own.chain(then).chain(cells).chain(forall).for_each(|expr| expected(expr, &mut found));
    }
    spec.constants.iter().for_each(|constant| expected(&constant.value, &mut found));
    let scopes = scopes(text);
    for (at, scope) in &found {
        let line = text.get(..*at).unwrap().matches('\n').count() + 1;
        let given = &scopes[*at];
        let shown: String = text.get(*at..).unwrap().chars().take(20).collect();
        assert!(given.starts_with(scope), "{name}:{line}: {shown:?} is {given:?}, not {scope}");
    }
    found.len()
}

#[test]
fn colours_are_what_the_parser_says() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
    let mut n_places = 0;
    for folder in ["specs", "check", "ui"] {
        for entry in fs::read_dir(format!("{root}/{folder}")).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = fs::read_to_string(&path) else { continue };
            if path.extension().is_some_and(|end| end == "vibee") {
                n_places += compare(&path.display().to_string(), &text);
            }
        }
    }
    assert!(n_places > 300, "{n_places}");
}

#[test]
fn colours_of_random_expressions_are_what_the_parser_says() {
    let mut n_places = 0;
    for seed in 0..40 {
        let body = vibee::syntax::print::expr(&Random(seed).expr(5));
        let text = format!(
            "vibee: 3\nname: a\nversion: 1.0.0\nfunctions:\n  - name: f\n    returns: Int\n    body: |\n      {body}\n"
        );
        n_places += compare(&format!("seed {seed}"), &text);
    }
    assert!(n_places > 200, "{n_places}");
}

#[test]
fn every_line_of_any_file_is_coloured_to_its_end() {
    for seed in 0..40 {
        let mut random = Random(seed);
        let parts = [
            "body: ",
            "  - ",
            "|",
            "\n",
            "    ",
            "\"",
            "say: x",
            "{ holds: ",
            ", ",
            "}",
            "# c",
            "é",
            "match ",
            "0t+",
            "name:",
        ];
        let text: String = (0..30).map(|_| random.one_of(&parts)).collect();
        assert_eq!(scopes(&text).len(), text.len() + 1, "{text:?}");
    }
}

#[test]
fn keys_and_words_are_those_of_the_language() {
    let text = textmate::grammar().to_string();
    for word in KEYWORDS {
        assert!(text.contains(word), "{word}");
    }
    let scope = |text: &str, at: usize| scopes(text)[at].clone();
    assert_eq!(scope("    body: match x { _ => 1 }", 4), "keyword.other.key.vibee");
    assert_eq!(scope("    body: match x { _ => 1 }", 10), "keyword.control.vibee");
    assert_eq!(scope("    say: match it", 9), "string.unquoted.block.vibee");
    assert_eq!(scope("# match", 2), "comment.line.number-sign.vibee");
    assert_eq!(scope("    body: |\n      a # match\n    say: if", 22), "comment.line.number-sign.vibee");
    assert_eq!(scope("    body: |\n      a\n    say: if", 29), "string.unquoted.block.vibee");
    assert_eq!(scope("  - { name: p, vars: { n: Int }, holds: n == 1, cases: 3 }", 42), "keyword.operator.vibee");
    assert_eq!(scope("  - { name: p, vars: { n: Int }, holds: n == 1, cases: 3 }", 48), "keyword.other.key.vibee");
}
