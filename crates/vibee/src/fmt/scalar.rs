//! How scalars are written again.

use std::fmt::Write as _;

use super::Writer;
use crate::tree::{Scalar, Style};

/// Tells whether a text may stand without quotes as a value of a block map or list.
pub(crate) fn is_plain(text: &str) -> bool {
    let mut letters = text.chars();
    let first = letters.next();
    let second = letters.next();
    let begins_well = match first {
        None => false,
        Some(c) if " ,[]{}#&*!|>'\"%@`".contains(c) => false,
        Some('-' | '?' | ':') => second.is_some_and(|c| c != ' ' && c != '\t'),
        _ => true,
    };
    begins_well
        && !text.ends_with([' ', ':'])
        && !text.contains(|c: char| c.is_control())
        && !text.contains(": ")
        && !text.contains(" #")
        && text != "---"
        && text != "..."
}

/// Writes a text without quotes where that is read as the same text, else with the quotes that need least escapes.
pub(crate) fn quoted(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.contains(|c: char| c.is_control()) || !text.contains(['"', '\\']) {
        double_quoted(text)
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Writes a text in double quotes, on one line.
pub(crate) fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            letter if letter.is_control() || letter == '\u{FEFF}' => {
                // Writing to a String does not fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

impl Writer<'_> {
    /// Writes a plain or quoted scalar; its further lines are indented by `indent`.
    pub(super) fn scalar(&mut self, scalar: &Scalar, indent: usize) {
        let written = self.source(scalar.span.start, scalar.span.end);
        if scalar.style == Style::Plain && !written.contains('\n') {
            self.out.push_str(&quoted(&scalar.text));
            return;
        }
        if scalar.style == Style::Plain && scalar.text.contains(": ") {
            self.out.push_str(&quoted(&scalar.text));
            return;
        }
        for (i, line) in written.split('\n').enumerate() {
            let line = if i == 0 { line } else { line.trim_start_matches([' ', '\t']) };
            let trimmed = line.trim_end_matches([' ', '\t', '\r']);
            // A blank that was escaped stays.
            let line = if trimmed.ends_with('\\') { line.trim_end_matches('\r') } else { trimmed };
            if i > 0 {
                self.end_line();
                self.indent(if line.is_empty() { 0 } else { indent });
            }
            self.out.push_str(line);
        }
    }

    /// Writes a text after `|` or `>`, its lines indented by `indent`.
    pub(super) fn text_block(&mut self, scalar: &Scalar, indent: usize) {
        let written = self.source(scalar.span.start, scalar.span.end);
        let header_end = written.find('\n').unwrap_or(written.len());
        let header = written.get(..header_end).unwrap_or_default();
        let has_sign = header.starts_with(['|', '>']);
        // A text of line feeds alone has no line whose indentation says what the blanks before it are.
        let has_feeds_alone = scalar.text.bytes().all(|b| b == b'\n');
        let lines: Vec<&str> = if scalar.style == Style::Literal || has_feeds_alone {
            scalar.text.strip_suffix('\n').unwrap_or(&scalar.text).split('\n').collect()
        } else {
            self.folded_lines(scalar, written.get(header_end..).unwrap_or_default())
        };
        let is_empty = scalar.text.is_empty() || scalar.text == "\n";
        let n_feeds = scalar.text.len() - scalar.text.trim_end_matches('\n').len();
        let is_kept = n_feeds > 1 || has_feeds_alone && n_feeds > 0;
        self.out.push(if scalar.style == Style::Literal { '|' } else { '>' });
        if lines.iter().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with(' ')) {
            self.out.push('2');
        }
        if is_kept {
            self.out.push('+');
        } else if n_feeds == 0 {
            self.out.push('-');
        }
        if has_sign {
            self.comment_behind(scalar.span.start + 1);
        }
        self.end_line();
        let lines: &[&str] = if is_empty && n_feeds == 0 { &[] } else { &lines };
        for line in lines {
            self.indent(if line.is_empty() { 0 } else { indent });
            self.out.push_str(line);
            self.end_line();
        }
        self.is_after_kept_lines = is_kept;
        if !has_sign {
            self.comment_behind(scalar.span.end);
        }
    }

    /// Gives the lines of a folded text as they stand in the file, without their indentation.
    fn folded_lines<'t>(&self, scalar: &Scalar, body: &'t str) -> Vec<&'t str> {
        let of_text = |(text, file): &(u32, u32)| {
            let is_line =
                self.text.get(self.line_start(*file)..*file as usize).is_some_and(|s| s.bytes().all(|b| b == b' '));
            let is_feed = matches!(scalar.text.as_bytes().get(*text as usize), None | Some(b'\n'));
            (is_line && !is_feed).then(|| self.column(*file))
        };
        let indent = scalar.origins.iter().find_map(of_text).unwrap_or(0);
        let body = body.strip_prefix('\n').unwrap_or(body);
        let bare = |line: &'t str| line.strip_suffix('\r').unwrap_or(line).get(indent..).unwrap_or_default();
        body.split('\n').map(bare).collect()
    }
}
