//! Diagnostics as people and programs read them: text with the lines that are meant, JSON, SARIF.

use std::{collections::HashMap, ops::Range};

use annotate_snippets::{AnnotationKind, Element, Group, Level, Renderer, Snippet, renderer::DecorStyle};

use crate::{
    diagnostic::{Diagnostic, Label, Severity},
    source::{FileId, Sources, Span},
};

mod json;
mod lines;

pub use json::{to_json, to_sarif};
use lines::Lines;

/// Places further apart than so many lines are shown as two pieces of the file.
const WINDOW_LINES_MAX: usize = 200;

/// Whether the text has colours.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    /// With the escape sequences of terminals.
    Coloured,
}

/// Sorts by file and place, errors before warnings, and drops what says the same of the same place: a second message of
/// equal words, and what the schema, the parser or the checker makes of a value that the reader has refused already.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    let is_reading = |code: &str| ("E0100".."E0111").contains(&code) || code == "E0120";
    let mut refused: Vec<Span> = Vec::new();
    for diagnostic in diagnostics.iter().filter(|d| is_reading(d.code)) {
        refused.push(diagnostic.primary.span);
        refused.extend(diagnostic.fix.as_ref().map(|fix| fix.span));
    }
    refused.sort();
    // The furthest end of all that begin no later, so that one look finds whether a place lies inside any.
    let mut furthest: Vec<Span> = Vec::with_capacity(refused.len());
    for span in refused {
        let before = furthest.last().filter(|last| last.file == span.file && last.end > span.end);
        furthest.push(Span { end: before.map_or(span.end, |last| last.end), ..span });
    }
    diagnostics.retain(|diagnostic| {
        let span = diagnostic.primary.span;
        let before = furthest.partition_point(|other| (other.file, other.start) <= (span.file, span.start));
        let is_inside = before
            .checked_sub(1)
            .and_then(|last| furthest.get(last))
            .is_some_and(|last| last.file == span.file && span.end <= last.end);
        is_reading(diagnostic.code) || !is_inside
    });
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.primary.span, std::cmp::Reverse(d.severity()), d.code);
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    diagnostics.dedup_by(|a, b| a.code == b.code && a.primary.span == b.primary.span && a.message == b.message);
}

/// Renders messages in their order, an empty line between two; no message gives no text.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut lines = HashMap::new();
    let mut text = String::new();
    for diagnostic in diagnostics {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&without_bare_margins(&one(diagnostic, sources, &mut lines, &renderer)));
        text.push('\n');
    }
    text
}

fn one(diagnostic: &Diagnostic, sources: &Sources, lines: &mut HashMap<FileId, Lines>, renderer: &Renderer) -> String {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
    let mut group = Group::with_title(title);
    for window in windows(diagnostic, sources, lines) {
        group = group.element(snippet(&window, sources));
    }
    for help in &diagnostic.help {
        group = group.element(Element::from(Level::HELP.message(visible(help))));
    }
    renderer.render(&[group])
}

/// A stretch of a file's lines and what is marked on them.
struct Window<'a> {
    file: FileId,
    lines: Range<usize>,
    bytes: Range<usize>,
    marks: Vec<(AnnotationKind, &'a Label)>,
}

/// Puts the places of a message into stretches of their files, that of the primary place first.
fn windows<'a>(diagnostic: &'a Diagnostic, sources: &Sources, lines: &mut HashMap<FileId, Lines>) -> Vec<Window<'a>> {
    let mut windows: Vec<Window<'a>> = Vec::new();
    let primary = std::iter::once((AnnotationKind::Primary, &diagnostic.primary));
    let secondary = diagnostic.secondary.iter().map(|label| (AnnotationKind::Context, label));
    for (kind, label) in primary.chain(secondary) {
        let file = label.span.file;
        let index = lines.entry(file).or_insert_with(|| Lines::new(&sources.file(file).text));
        let first = index.line_of(label.span.start as usize);
        let last = index.line_of((label.span.end.max(label.span.start + 1) - 1) as usize).max(first);
        let near = windows.iter_mut().find(|w| {
            w.file == file
                && w.lines.end.max(last + 1) - w.lines.start.min(first) <= WINDOW_LINES_MAX.max(w.lines.len())
        });
        if let Some(window) = near {
            window.lines = window.lines.start.min(first)..window.lines.end.max(last + 1);
            window.bytes = index.bytes_of(window.lines.clone());
            window.marks.push((kind, label));
        } else {
            // A place that spans more than a window is cut: its first lines say where it is.
            let lines = first..(last + 1).min(first + WINDOW_LINES_MAX);
            windows.push(Window { file, bytes: index.bytes_of(lines.clone()), lines, marks: vec![(kind, label)] });
        }
    }
    windows
}

fn snippet<'a>(window: &Window<'_>, sources: &'a Sources) -> Element<'a> {
    let file = sources.file(window.file);
    let text = file.text.get(window.bytes.clone()).unwrap_or_default();
    let mut snippet = Snippet::source(text).line_start(window.lines.start + 1).path(visible(&file.path)).fold(true);
    for (kind, label) in &window.marks {
        let at = |byte: u32| {
            let mut byte = (byte as usize).saturating_sub(window.bytes.start).min(text.len());
            while !text.is_char_boundary(byte) {
                byte -= 1;
            }
            byte
        };
        let span = at(label.span.start)..at(label.span.end);
        let words = (!label.text.is_empty()).then(|| visible(&label.text));
        snippet = snippet.annotation(kind.span(span.start..span.end.max(span.start)).label(words));
    }
    Element::from(snippet)
}

/// Shows control characters, which a file could use to repaint a terminal, as `\u{…}`; keeps line feeds.
fn visible(text: &str) -> String {
    let is_hidden =
        |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    if !text.contains(is_hidden) {
        return text.to_owned();
    }
    text.chars().map(|c| if is_hidden(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// Takes out the margins without anything beside them before a line of `= help`.
fn without_bare_margins(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let bare: Vec<String> = lines.iter().map(|line| letters(line)).collect();
    let mut kept = Vec::with_capacity(lines.len());
    for (i, line) in lines.iter().enumerate() {
        let is_margin = bare[i].trim() == "|";
        let is_before_help = bare.get(i + 1).is_some_and(|next| next.trim_start().starts_with("= "));
        if !(is_margin && is_before_help) {
            kept.push(line.trim_end());
        }
    }
    kept.join("\n")
}

/// Takes the escape sequences of colours out of a line.
fn letters(line: &str) -> String {
    let mut letters = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        letters.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    letters.push_str(rest);
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Sources, Diagnostic) {
        let mut sources = Sources::default();
        let before = "line\n".repeat(30);
        let file = sources.add("kv.vibee", format!("{before}    body: pages / 32 + 1\n    # end\n"));
        let at = before.len() + "    body: pages ".len();
        let diagnostic = Diagnostic::new("E0312", Span::new(file, at, at + 1), "`/` is not defined on Int")
            .label("expected Float, found Int")
            .help("`div` rounds down (remainder never negative), `quo` truncates");
        (sources, diagnostic)
    }

    #[test]
    fn a_message_looks_as_the_design_shows_it() {
        let (sources, diagnostic) = sample();
        let expected = "\
error[E0312]: `/` is not defined on Int
  --> kv.vibee:31:17
   |
31 |     body: pages / 32 + 1
   |                 ^ expected Float, found Int
   = help: `div` rounds down (remainder never negative), `quo` truncates
";
        assert_eq!(render(std::slice::from_ref(&diagnostic), &sources, Style::Plain), expected);
        let coloured = render(&[diagnostic], &sources, Style::Coloured);
        assert!(coloured.contains("\u{1b}["), "{coloured}");
        assert_eq!(coloured.lines().map(|l| letters(l).trim_end().to_owned() + "\n").collect::<String>(), expected);
    }

    #[test]
    fn places_far_apart_and_in_other_files_are_shown_apart() {
        let (mut sources, diagnostic) = sample();
        let long = sources.add("long.vibee", "key: 1\n".to_owned() + &"x: 2\n".repeat(1000) + "key: 3\n");
        let far = Span::new(long, 7 + 5000, 7 + 5003);
        let all = [
            Diagnostic::new("E0110", far, "`key` stands twice").label("again").also(Span::new(long, 0, 3), "first"),
            diagnostic.also(Span::new(long, 0, 3), "because of this"),
        ];
        let text = render(&all, &sources, Style::Plain);
        assert!(text.contains("--> long.vibee:1002:1") && text.contains("::: long.vibee:1:1"), "{text}");
        assert!(
            text.contains("^^^ again") && text.contains("--- first") && text.contains("--- because of this"),
            "{text}"
        );
        assert_eq!(text.matches("\n\nerror[E0312]").count(), 1, "{text}");
    }

    #[test]
    fn no_place_and_no_letter_can_break_it() {
        let mut sources = Sources::default();
        let empty = sources.add("empty", "");
        let odd = sources.add("o\u{1b}[2Jdd", "a: \u{1b}[31mµ\u{202E}\tb\r\nc: d");
        let mut all = vec![Diagnostic::new("E0100", Span::new(empty, 0, 0), "the file is empty")];
        for start in 0..30 {
            for end in start..30 {
                all.push(
                    Diagnostic::new("W0107", Span::new(odd, start, end), "x\u{1b}[0m").label("\u{1b}y").help("\u{7}z"),
                );
            }
        }
        let text = render(&all, &sources, Style::Plain);
        assert!(text.starts_with("error[E0100]: the file is empty\n --> empty:1:1\n"), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202E}']), "{text}");
    }

    #[test]
    fn what_the_reader_refused_is_refused_once() {
        let file = FileId(0);
        let at = |code: &'static str, start: usize, end: usize| Diagnostic::new(code, Span::new(file, start, end), "x");
        let quotes = at("E0107", 14, 15).fix(Span::new(file, 10, 20), "");
        let mut all =
            vec![at("E0150", 11, 12), at("E0301", 18, 20), at("E0301", 18, 21), at("E0104", 12, 13), quotes.clone()];
        sort(&mut all);
        assert_eq!(all, [at("E0104", 12, 13), quotes, at("E0301", 18, 21)]);
        let mut others = vec![at("E0150", 11, 12), at("W0107", 10, 20)];
        sort(&mut others);
        assert_eq!(others.len(), 2, "a warning refuses nothing");
    }

    #[test]
    fn sorting_drops_repetitions() {
        let (_, diagnostic) = sample();
        let mut early = diagnostic.clone();
        early.primary.span.start = 0;
        let warning = Diagnostic { code: "W0107", ..early.clone() };
        let mut all = vec![diagnostic.clone(), warning.clone(), early.clone(), diagnostic.clone()];
        sort(&mut all);
        assert_eq!(all, [early, warning, diagnostic]);
    }
}
