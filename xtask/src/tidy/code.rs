//! Rust text taken apart as far as rules need it: code without comments and literals, and the comments by themselves.
//!
//! Every part keeps its lines, so that an offence names the line of the file.

use std::ops::Range;

/// A file of Rust.
pub(crate) struct Code {
    /// The file with comments and the insides of literals blanked; each line is where it was.
    pub(crate) text: String,
    /// All comments in their order; one for each line of a comment that has several.
    pub(crate) comments: Vec<Comment>,
}

/// One line of a comment.
pub(crate) struct Comment {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The comment from its slashes on.
    pub(crate) text: String,
}

impl Code {
    /// Takes `source` apart.
    pub(crate) fn read(source: &str) -> Self {
        let mut code = Self { text: String::with_capacity(source.len()), comments: Vec::new() };
        let (mut rest, mut line) = (source, 1);
        while let Some(first) = rest.chars().next() {
            let n = literal(rest);
            let is_literal = n > 0;
            let alike = if is_name(first) { is_name } else { is_plain };
            let n = if is_literal { n } else { rest.find(|c| !alike(c)).unwrap_or(rest.len()).max(first.len_utf8()) };
            let (token, after) = rest.split_at_checked(n).unwrap_or((rest, ""));
            rest = after;
            let next_line = line + token.matches('\n').count();
            if token.starts_with("//") || token.starts_with("/*") {
                let lines = (line..).zip(token.lines());
                code.comments.extend(lines.map(|(line, text)| Comment { line, text: text.to_owned() }));
                blank(token, &mut code.text);
            } else if is_literal {
                // The quotes stay: they show that something was there.
                let inside = token.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '#');
                let quote = if inside.starts_with('"') { '"' } else { '\'' };
                code.text.push(quote);
                blank(token.get(1..token.len() - 1).unwrap_or_default(), &mut code.text);
                code.text.push(quote);
            } else {
                code.text.push_str(token);
            }
            line = next_line;
        }
        code
    }

    /// The code that is compiled into the product: whatever carries `#[cfg(test)]` is blanked, and what follows stays.
    pub(crate) fn product(&self) -> String {
        let mut product = self.text.clone();
        for mark in ["#[cfg(test)]", "#[cfg(all(test"] {
            while let Some(start) = product.find(mark) {
                let end = start + item(product.get(start..).unwrap_or_default());
                let mut blanked = String::new();
                blank(product.get(start..end).unwrap_or_default(), &mut blanked);
                product.replace_range(start..end, &blanked);
            }
        }
        product
    }

    /// The files of modules that are compiled for tests alone, as `NAME` of `#[cfg(test)] mod NAME;`.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (start, _) in self.text.match_indices("#[cfg(test)]") {
            let rest = self.text.get(start..).unwrap_or_default();
            let item = rest.get(..item(rest)).unwrap_or_default();
            let declared = item.rsplit_once("mod ").and_then(|(_, name)| name.strip_suffix(';'));
            names.extend(declared.map(|name| name.trim().to_owned()));
        }
        names
    }

    /// The paths that `use` declarations name, each with its line, groups taken apart: `use std::{env, time::Instant};`
    /// names `std::env` and `std::time::Instant`.
    pub(crate) fn uses(text: &str) -> Vec<(usize, String)> {
        let mut paths = Vec::new();
        for (start, _) in text.match_indices("use ") {
            let is_word = text.get(..start).and_then(|before| before.chars().next_back()).is_none_or(|c| !is_name(c));
            let Some((tree, _)) = text.get(start + 4..).and_then(|rest| rest.split_once(';')) else { continue };
            if is_word {
                leaves(text, start + 4..start + 4 + tree.len(), "", &mut paths);
            }
        }
        paths
    }
}

/// The paths of a tree of `use`, which stands at `range` of `text`, below `prefix`.
fn leaves(text: &str, range: Range<usize>, prefix: &str, paths: &mut Vec<(usize, String)>) {
    let tree = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (tree.len() - tree.trim_start().len());
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim().trim_end_matches("::self");
        let path = if path == "self" { prefix.trim_end_matches("::").to_owned() } else { format!("{prefix}{path}") };
        if !path.is_empty() && !tree.is_empty() {
            paths.push((line_of(text, start), path));
        }
        return;
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut from) = (0_i32, 0);
    let at = start + head.len() + 1;
    for (i, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                leaves(text, at + from..at + i, &format!("{prefix}{}", head.trim()), paths);
                from = i + 1;
            }
            _ => {}
        }
    }
}

/// The line, from 1, of a byte of `text`.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.get(..at).unwrap_or_default().matches('\n').count()
}

/// Whether `c` may stand in a name.
pub(crate) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether `c` begins neither a comment nor a literal and stands before none.
fn is_plain(c: char) -> bool {
    c.is_whitespace() || matches!(c, ';' | ',' | '.' | '(' | ')' | '{' | '}' | ':' | '=')
}

/// Spaces in place of everything but the ends of lines.
fn blank(text: &str, out: &mut String) {
    out.extend(text.chars().map(|c| if c == '\n' { c } else { ' ' }));
}

/// Bytes of the comment or literal with which `rest` begins; 0 if it begins with neither.
fn literal(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let prefix = rest.get(..rest.find(|c| !is_name(c)).unwrap_or(rest.len())).unwrap_or_default();
    let body = rest.get(prefix.len()..).unwrap_or_default();
    match prefix {
        "r" | "br" | "cr" => {
            let hashes = body.len() - body.trim_start_matches('#').len();
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = body.get(hashes..).and_then(|b| b.strip_prefix('"'));
            inside.and_then(|b| b.find(&end)).map_or(0, |n| prefix.len() + hashes + 1 + n + end.len())
        }
        "" | "b" | "c" if body.starts_with('"') => prefix.len() + quoted(body, '"'),
        "" | "b" if body.starts_with('\'') => match character(body) {
            0 => 0,
            n => prefix.len() + n,
        },
        _ => 0,
    }
}

/// Bytes of a literal that begins and ends with `quote`.
fn quoted(body: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (i, c) in body.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return i + 1,
            _ => {}
        }
    }
    body.len()
}

/// Bytes of a character literal; 0 for a lifetime.
fn character(body: &str) -> usize {
    let mut chars = body.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => quoted(body, '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

/// Bytes of a comment that may hold others.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_i32, 0);
    loop {
        let tail = rest.get(at..).unwrap_or_default();
        match (tail.starts_with("/*"), tail.starts_with("*/"), tail.chars().next()) {
            (true, ..) => (depth, at) = (depth + 1, at + 2),
            (_, true, _) => (depth, at) = (depth - 1, at + 2),
            (.., Some(c)) => at += c.len_utf8(),
            (.., None) => return rest.len(),
        }
        if depth == 0 {
            return at;
        }
    }
}

/// Bytes from an attribute to the end of what it stands before: an item, a statement, a field or an arm.
fn item(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start().len();
        if !rest.trim_start().starts_with('#') {
            break;
        }
        at += closed(text.get(at..).unwrap_or_default(), |_, _| false);
    }
    let rest = text.get(at..).unwrap_or_default();
    let words: Vec<&str> = rest.split(|c: char| !is_name(c)).filter(|w| !w.is_empty()).take(6).collect();
    let first = words.iter().position(|w| !["pub", "crate", "super", "in", "self"].contains(w)).unwrap_or(0);
    let keyword = words.get(first).copied().unwrap_or_default();
    let is_line = ["use", "let", "static", "type"].contains(&keyword)
        || keyword == "const" && words.get(first + 1).is_none_or(|w| *w != "fn" && *w != "unsafe");
    let has_body =
        ["mod", "fn", "impl", "struct", "enum", "trait", "const", "unsafe", "async", "extern", "macro_rules"]
            .contains(&keyword);
    at + closed(rest, |c, depth| match c {
        ';' => depth == 0,
        ',' => depth == 0 && !is_line && !has_body,
        '}' => depth == 0 && !is_line,
        _ => false,
    })
}

/// Bytes up to and with the first character at which `is_end` says so, given the depth of brackets after it; of an
/// attribute, to the end of it. What closes a bracket that was opened before ends it, too, and stays outside.
fn closed(text: &str, is_end: impl Fn(char, i32) -> bool) -> usize {
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return i;
        }
        if is_end(c, depth) || depth == 0 && c == ']' && text.starts_with('#') {
            return i + c.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_where_they_stand() {
        let check = |source: &str, expected: &str| assert_eq!(Code::read(source).text, expected, "{source}");
        check("a(); // b", "a();     ");
        check("\"// no\" x", "\"     \" x");
        check("r#\"a\"b\"# x", "\"      \" x");
        check("b'\"' 'a 'b' '\\'' x", "'  ' 'a ' ' '  ' x");
        check("/* a /* b */\nc */d", "            \n    d");
        check("\"a\\\"\nb\" var\"c\"", "\"   \n \" var\" \"");
        check("for c in ['{', 'ä'] {}", "for c in [' ', ' '] {}");
    }

    #[test]
    fn comments_know_their_lines() {
        let comments = Code::read("//! a\n\nlet b = \"//\"; // c\n/* d\ne */").comments;
        let found: Vec<(usize, &str)> = comments.iter().map(|c| (c.line, c.text.as_str())).collect();
        assert_eq!(found, [(1, "//! a"), (3, "// c"), (4, "/* d"), (5, "e */")]);
    }

    #[test]
    fn what_is_for_tests_is_left_out_and_nothing_behind_it() {
        let check = |source: &str, expected: &[&str]| {
            let product = Code::read(source).product();
            assert_eq!(product.split_whitespace().collect::<Vec<_>>(), expected, "{source}");
            assert_eq!(product.lines().count(), source.lines().count());
        };
        check("a;\n#[cfg(test)]\nmod tests {\n  fn a() {}\n}\nb;", &["a;", "b;"]);
        check("#[cfg(test)]\nmod tests;\nb;", &["b;"]);
        check("#[cfg(test)]\nuse a::{b, c};\nb;", &["b;"]);
        check("#[cfg(test)]\n#[allow(x)]\npub(crate) fn a<T, U>(t: [T; 2]) -> U { t }\nb;", &["b;"]);
        check("struct A {\n  #[cfg(test)]\n  b: [u8; 2],\n  c: D,\n}", &["struct", "A", "{", "c:", "D,", "}"]);
        check("#[cfg(all(test, unix))]\nconst A: &[u8] = &[1, 2];\nb;", &["b;"]);
        check("#[cfg(not(test))]\nb;", &["#[cfg(not(test))]", "b;"]);
        assert_eq!(
            Code::read("#[cfg(test)]\npub(crate) mod oracle;\n#[cfg(test)]\nmod tests {}").test_modules(),
            ["oracle"]
        );
    }

    #[test]
    fn groups_of_uses_are_taken_apart() {
        let found = |text: &str| -> Vec<(usize, String)> { Code::uses(text) };
        let text = "use std::{\n    collections::{BTreeMap, HashMap},\n    env,\n    time::{self, Instant as Now},\n};\nuse a;";
        let expected: [(usize, &str); 6] = [
            (2, "std::collections::BTreeMap"),
            (2, "std::collections::HashMap"),
            (3, "std::env"),
            (4, "std::time"),
            (4, "std::time::Instant"),
            (6, "a"),
        ];
        assert_eq!(found(text), expected.map(|(line, path)| (line, path.to_owned())));
        assert_eq!(found("reuse std::env;"), []);
    }
}
