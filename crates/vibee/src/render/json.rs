//! Diagnostics for programs.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Lines, visible};
use crate::{
    codes,
    diagnostic::{Diagnostic, Severity},
    source::{FileId, Sources, Span},
};

/// Gives a list with an object for each message: `code`, `severity`, `message`, `path`, `range`, `label`, `also`,
/// `help`, `fix`.
///
/// A range has `start` and `end`, each with `line` and `column` (both from 1, the column in scalar values) and `byte`
/// (from 0); the end is behind the last.
pub fn to_json(diagnostics: &[Diagnostic], sources: &Sources) -> Value {
    let mut places = Places { sources, lines: HashMap::new() };
    let object = |d: &Diagnostic| {
        let also = d.secondary.iter().map(
            |label| json!({ "path": places.path(label.span), "range": places.range(label.span), "text": label.text }),
        );
        let also: Vec<Value> = also.collect();
        let fix = d.fix.as_ref().map(|fix| json!({ "range": places.range(fix.span), "replacement": fix.replacement }));
        json!({
            "code": d.code,
            "severity": severity(d),
            "message": d.message,
            "path": places.path(d.primary.span),
            "range": places.range(d.primary.span),
            "label": d.primary.text,
            "also": also,
            "help": d.help,
            "fix": fix,
        })
    };
    diagnostics.iter().map(object).collect()
}

/// Gives a log in the Static Analysis Results Interchange Format 2.1.0, which code hosts show beside the lines.
pub fn to_sarif(diagnostics: &[Diagnostic], sources: &Sources, version: &str) -> Value {
    let mut places = Places { sources, lines: HashMap::new() };
    let mut used: Vec<&str> = diagnostics.iter().map(|d| d.code).collect();
    used.sort_unstable();
    used.dedup();
    let rule = |code: &&str| {
        let row = codes::find(code);
        json!({
            "id": code,
            "shortDescription": { "text": row.map_or(*code, |row| row.title) },
            "fullDescription": { "text": row.map_or(*code, |row| row.explanation) },
        })
    };
    let rules: Vec<Value> = used.iter().map(rule).collect();
    let result = |d: &Diagnostic| {
        let mut text = d.message.clone();
        for more in std::iter::once(&d.primary.text).filter(|text| !text.is_empty()).chain(&d.help) {
            text.push('\n');
            text.push_str(more);
        }
        let related: Vec<Value> = d
            .secondary
            .iter()
            .map(|label| {
                let mut location = places.location(label.span);
                location["message"] = json!({ "text": label.text });
                location
            })
            .collect();
        json!({
            "ruleId": d.code,
            "ruleIndex": used.binary_search(&d.code).unwrap_or_default(),
            "level": severity(d),
            "message": { "text": text },
            "locations": [places.location(d.primary.span)],
            "relatedLocations": related,
        })
    };
    let results: Vec<Value> = diagnostics.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "vibee", "version": version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn severity(diagnostic: &Diagnostic) -> &'static str {
    match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// Finds lines and columns, each file's lines once.
struct Places<'a> {
    sources: &'a Sources,
    lines: HashMap<FileId, Lines>,
}

impl Places<'_> {
    fn path(&self, span: Span) -> String {
        visible(&self.sources.file(span.file).path)
    }

    fn place(&mut self, file: FileId, byte: usize) -> (usize, usize) {
        let text = &self.sources.file(file).text;
        let lines = self.lines.entry(file).or_insert_with(|| Lines::new(text));
        let line = lines.line_of(byte);
        let before = text.as_bytes().get(lines.start_of(line)..byte).unwrap_or_default();
        (line + 1, before.iter().filter(|b| (**b & 0xC0) != 0x80).count() + 1)
    }

    fn range(&mut self, span: Span) -> Value {
        let mut point = |byte: u32| {
            let (line, column) = self.place(span.file, byte as usize);
            json!({ "line": line, "column": column, "byte": byte })
        };
        json!({ "start": point(span.start), "end": point(span.end) })
    }

    fn location(&mut self, span: Span) -> Value {
        let start = self.place(span.file, span.start as usize);
        let end = self.place(span.file, span.end as usize);
        json!({ "physicalLocation": {
            "artifactLocation": { "uri": self.path(span) },
            "region": { "startLine": start.0, "startColumn": start.1, "endLine": end.0, "endColumn": end.1 },
        } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_scalar_values() {
        let mut sources = Sources::default();
        let file = sources.add("a/b.vibee", "one: 1\nµµ: two\n");
        let d = Diagnostic::new("E0110", Span::new(file, 13, 16), "twice")
            .label("here")
            .also(Span::new(file, 0, 3), "first")
            .help("once")
            .fix(Span::new(file, 13, 16), "2");
        let json = to_json(std::slice::from_ref(&d), &sources);
        let point = |line: usize, column: usize, byte: usize| json!({ "line": line, "column": column, "byte": byte });
        assert_eq!(
            json,
            json!([{
                "code": "E0110", "severity": "error", "message": "twice", "path": "a/b.vibee",
                "range": { "start": point(2, 5, 13), "end": point(2, 8, 16) }, "label": "here",
                "also": [{ "path": "a/b.vibee", "range": { "start": point(1, 1, 0), "end": point(1, 4, 3) }, "text": "first" }],
                "help": ["once"],
                "fix": { "range": { "start": point(2, 5, 13), "end": point(2, 8, 16) }, "replacement": "2" },
            }])
        );
        let sarif = to_sarif(&[d], &sources, "1.2.3");
        let result = &sarif["runs"][0]["results"][0];
        assert_eq!(result["ruleId"], "E0110");
        assert_eq!(result["message"]["text"], "twice\nhere\nonce");
        assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startColumn"], 5);
        assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][0]["shortDescription"]["text"], "a key stands twice");
    }
}
