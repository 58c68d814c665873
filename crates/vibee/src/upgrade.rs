//! Old files as version 3 files: what `vibee upgrade` writes.
//!
//! Types and constants are taken over with their types; descriptions become `say`; the sentences of a behaviour become
//! one `say` of its entry below `x-legacy`, where every other section stands as it was. No expression is guessed: what
//! would need one is prose, and stays so until someone writes it. What version 3 cannot say is left below `x-legacy`
//! too, and listed as [`Omission`]s.

use std::collections::BTreeSet;

use crate::{
    diagnostic::Diagnostic,
    fmt::{self, Writer, quoted},
    reader,
    source::{Sources, Span},
    tree::{Document, Entry, Node, NodeKind, Scalar},
};

mod constants;
mod names;
mod types;

/// Something that the new file does not say, or says by another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omission {
    /// Where the old file says it.
    pub span: Span,
    /// What became of it.
    pub what: String,
}

/// A version 3 file, and what is not in it.
#[derive(Clone, Debug)]
pub struct Upgraded {
    /// The text, in the layout of `fmt`.
    pub text: String,
    /// What was left out or named anew, in the old file's order.
    pub omissions: Vec<Omission>,
}

/// Makes a version 3 file of an old one.
///
/// # Errors
///
/// If the new file would be over a limit: what it keeps below `x-legacy` stands one level deeper than before, and in
/// quotes where version 3 wants them. It is `E0140`, at the head of the old file.
pub fn upgrade(sources: &Sources, document: &Document) -> Result<Upgraded, Box<Diagnostic>> {
    let writer = Writer::new(sources, document);
    let mut upgrade = Upgrade {
        writer,
        body: String::new(),
        legacy: String::new(),
        is_in_legacy: false,
        left_types: String::new(),
        declared: BTreeSet::new(),
        omissions: Vec::new(),
    };
    let head = upgrade.document(&document.root);
    let mut text = head + &upgrade.body;
    if !upgrade.legacy.is_empty() || !upgrade.left_types.is_empty() {
        text.push_str("x-legacy:\n");
        text.push_str(&upgrade.legacy);
        if !upgrade.left_types.is_empty() {
            text.push_str("  types:\n");
            text.push_str(&upgrade.left_types);
        }
    }
    let mut again = Sources::default();
    let file = again.add("upgraded", text);
    let (new, messages) = reader::read(&again, file);
    is_within_limits(document, &messages)?;
    let text = fmt::format(&again, &new);
    // Layout may lengthen lines.
    let file = again.add("laid out", text.as_str());
    is_within_limits(document, &reader::read(&again, file).1)?;
    let mut omissions = upgrade.omissions;
    omissions.sort_by_key(|omission| omission.span);
    Ok(Upgraded { text, omissions })
}

/// Refuses the old file whose successor the reader says to be over a limit.
fn is_within_limits(old: &Document, messages: &[Diagnostic]) -> Result<(), Box<Diagnostic>> {
    let Some(over) = messages.iter().find(|message| message.code == "E0140") else { return Ok(()) };
    let message = format!("the new file would be over a limit: {}", over.message);
    let refusal = Diagnostic::new(over.code, Span::new(old.file, 0, 0), message);
    Err(Box::new(refusal.help("what version 3 does not have is kept below `x-legacy`, one level deeper")))
}

struct Upgrade<'a> {
    /// Writes into the part that is `body` or `legacy` when it is not at work.
    writer: Writer<'a>,
    body: String,
    legacy: String,
    is_in_legacy: bool,
    /// What is left of types, below `x-legacy`.
    left_types: String,
    /// Names of types that the new file declares.
    declared: BTreeSet<String>,
    omissions: Vec<Omission>,
}

impl Upgrade<'_> {
    fn omit(&mut self, span: Span, what: impl Into<String>) {
        self.omissions.push(Omission { span, what: what.into() });
    }

    /// Writes all sections, and gives the head of the new file.
    fn document(&mut self, root: &Node) -> String {
        let entries = root.entries();
        let of = |key: &str| entries.iter().find(|entry| entry.key.text == key);
        if let Some(first) = entries.first() {
            self.writer.comments_before(first.key.span.start as usize, 0, 0, true);
        }
        let mut head = std::mem::take(&mut self.writer.out);
        head.push_str("vibee: 3\n");
        head.push_str(&self.name(of("name"), root.span));
        head.push_str(&self.version(of("version"), root.span));
        if let Some(description) = of("description").and_then(|entry| entry.value.as_scalar()) {
            head.push_str(&format!("description: {}\n", prose(description)));
        }
        self.declare_types(entries);
        let mut seen = BTreeSet::new();
        for (i, entry) in entries.iter().enumerate() {
            let end = entries.get(i + 1).map_or(root.span.end, |next| next.key.span.start) as usize;
            let is_first = seen.insert(entry.key.text.as_str());
            let is_scalar = entry.value.as_scalar().is_some();
            match entry.key.text.as_str() {
                "name" | "version" | "description" if is_first && is_scalar => {}
                "constants" if is_first && !entry.value.entries().is_empty() => {
                    self.turn_to(false);
                    self.constants(entry);
                }
                "types" if is_first && !entry.value.entries().is_empty() => {
                    self.turn_to(false);
                    self.types(entry);
                }
                "behaviors" if !entry.value.items().is_empty() => self.behaviors(entry, is_first, end),
                _ => self.other(entry, is_first, end),
            }
        }
        self.writer.comments_before(usize::MAX, 0, if self.is_in_legacy { 2 } else { 0 }, false);
        let part = if self.is_in_legacy { &mut self.legacy } else { &mut self.body };
        *part = std::mem::take(&mut self.writer.out);
        head
    }

    /// Makes the writer go on with the part of version 3 or with what is below `x-legacy`.
    fn turn_to(&mut self, legacy: bool) {
        if legacy != self.is_in_legacy {
            let other = if legacy { &mut self.legacy } else { &mut self.body };
            let written = std::mem::replace(&mut self.writer.out, std::mem::take(other));
            *(if legacy { &mut self.body } else { &mut self.legacy }) = written;
            self.is_in_legacy = legacy;
        }
        let unused = if legacy { &mut self.legacy } else { &mut self.body };
        debug_assert!(unused.is_empty(), "{unused}");
    }

    fn name(&mut self, entry: Option<&Entry>, top: Span) -> String {
        let Some(scalar) = entry.and_then(|entry| entry.value.as_scalar()) else {
            self.omit(top, "there is no `name`: it is called `unnamed`");
            return "name: unnamed\n".to_owned();
        };
        let name = names::lower(&scalar.text).unwrap_or_else(|| "unnamed".to_owned());
        if scalar.text != name.as_str() {
            self.omit(scalar.span, format!("the name `{}` is written `{name}`", scalar.text));
        }
        format!("name: {name}\n")
    }

    fn version(&mut self, entry: Option<&Entry>, top: Span) -> String {
        let scalar = entry.and_then(|entry| entry.value.as_scalar());
        let version = scalar.map(|scalar| scalar.text.trim()).filter(|version| names::is_semver(version));
        if version.is_none() {
            let span = scalar.map_or(top, |scalar| scalar.span);
            self.omit(span, "`version` is no semantic version: it is 0.1.0");
        }
        format!("version: {}\n", version.unwrap_or("0.1.0"))
    }

    /// Writes a section that version 3 does not have, or has with another meaning, as it is.
    fn other(&mut self, entry: &Entry, is_first: bool, end: usize) {
        self.turn_to(true);
        self.legacy_key(entry, is_first);
        self.writer.value(&entry.value, entry.key.span.end, 2, end);
        if matches!(entry.key.text.as_str(), "functions" | "imports" | "fsm" | "tests" | "test_cases")
            && entry.value.len() > 0
        {
            let message =
                format!("`{}`: {} entries stand below `x-legacy` as they were", entry.key.text, entry.value.len());
            self.omit(entry.key.span, message);
        }
    }

    fn legacy_key(&mut self, entry: &Entry, is_first: bool) {
        self.writer.begin(entry.key.span.start, 2, self.writer.out.is_empty());
        let key = if is_first {
            entry.key.text.to_string()
        } else {
            format!("{}-again-{}", entry.key.text, entry.key.span.start)
        };
        self.writer.out.push_str(&quoted(&key));
        self.writer.out.push(':');
    }

    /// Writes behaviours as prose: their sentences are one `say`, other keys stand as they were.
    fn behaviors(&mut self, section: &Entry, is_first: bool, end: usize) {
        self.turn_to(true);
        self.legacy_key(section, is_first);
        self.writer.comment_behind(section.key.span.end);
        self.writer.end_line();
        let items = section.value.items();
        let n = items.len();
        self.omit(
            section.key.span,
            format!("{n} behaviours are prose: they need `returns`, `when` and examples to run"),
        );
        for (i, item) in items.iter().enumerate() {
            let end = items.get(i + 1).map_or(end, |next| next.span.start as usize);
            self.writer.begin(item.span.start, 4, i == 0);
            self.writer.out.push('-');
            let NodeKind::Map(entries) = &item.kind else {
                self.writer.value(item, item.span.start, 4, end);
                continue;
            };
            let is_said = |entry: &&Entry| {
                matches!(entry.key.text.as_str(), "description" | "say" | "given" | "when" | "When" | "then")
                    && entry.value.as_scalar().is_some()
            };
            let mut sentences = String::new();
            for entry in entries.iter().filter(is_said) {
                let Some(scalar) = entry.value.as_scalar() else { continue };
                let word = match entry.key.text.as_str() {
                    "given" => "Given ",
                    "when" | "When" => "When ",
                    "then" => "Then ",
                    _ => "",
                };
                sentences.push_str(&format!("{word}{}\n", scalar.text.trim_end()));
            }
            let mut is_beside = true;
            let mut begin = |writer: &mut Writer<'_>| {
                writer.out.push_str(if std::mem::take(&mut is_beside) { " " } else { "      " });
            };
            for entry in entries.iter().filter(|entry| entry.key.text == "name") {
                begin(&mut self.writer);
                self.bare_entry(entry, 6);
            }
            if !sentences.is_empty() {
                begin(&mut self.writer);
                // A `say` that is no text keeps its key.
                let is_taken = entries.iter().any(|entry| entry.key.text == "say" && !is_said(&entry));
                self.writer.out.push_str(if is_taken { "sentences: " } else { "say: " });
                self.writer.out.push_str(&text_block(&sentences, 8));
                self.writer.out.push('\n');
            }
            for entry in entries.iter().filter(|entry| entry.key.text != "name" && !is_said(entry)) {
                begin(&mut self.writer);
                self.bare_entry(entry, 6);
            }
        }
    }

    /// Writes an entry without comments, which go before what follows.
    fn bare_entry(&mut self, entry: &Entry, indent: usize) {
        let written = self.writer.bare(entry, indent);
        self.writer.out.push_str(written.trim_start_matches(' '));
    }
}

/// Writes prose as a value on its line, or below `|`.
fn prose(scalar: &Scalar) -> String {
    if scalar.text.trim_end().contains('\n') { text_block(&scalar.text, 2) } else { quoted(scalar.text.trim_end()) }
}

/// Writes a text of lines after `|`, without the last line feed.
fn text_block(text: &str, indent: usize) -> String {
    let is_odd = |c: char| c.is_control() && c != '\n' && c != '\t';
    let text = text.trim_matches('\n').trim_end();
    if text.contains(is_odd) || text.starts_with([' ', '\t']) {
        return fmt::double_quoted(text);
    }
    let mut block = String::from("|");
    for line in text.lines() {
        block.push('\n');
        if !line.is_empty() {
            block.extend(std::iter::repeat_n(' ', indent));
            block.push_str(line);
        }
    }
    block
}
