//! What is wrong with a document: where, with which words, and of which kind.

use std::collections::BTreeMap;
use std::fmt;

/// The kinds of faults that a report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// An IRI that is none, or a relative one without a base.
    Iri,
    /// A prefix that is not declared.
    Prefix,
    /// An escape of no character.
    Escape,
    /// A language tag that is none.
    Language,
    /// Bytes that are no UTF-8.
    Encoding,
    /// A line or a term beyond its limit.
    TooLong,
    /// Text that does not follow the grammar.
    Grammar,
    /// A row whose columns do not fit its header.
    Row,
    /// A value that is not of its column's type.
    Value,
}

impl Reason {
    /// The words of a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iri => "invalid IRI",
            Self::Prefix => "undeclared prefix",
            Self::Escape => "invalid escape",
            Self::Language => "invalid language tag",
            Self::Encoding => "invalid UTF-8",
            Self::TooLong => "too long",
            Self::Grammar => "does not follow the grammar",
            Self::Row => "row does not fit the header",
            Self::Value => "value is not of its column's type",
        }
    }

    /// The kind of a message of oxttl, oxrdfxml or oxjsonld.
    pub(super) fn of_message(message: &str) -> Self {
        const WORDS: &[(&str, Reason)] = &[
            ("has not been declared", Reason::Prefix),
            ("UTF-8", Reason::Encoding),
            ("scape", Reason::Escape),
            ("anguage", Reason::Language),
            ("IRI must", Reason::Grammar),
            ("must be an IRI", Reason::Grammar),
            ("IRI", Reason::Iri),
            ("No scheme found", Reason::Iri),
            ("Invalid character", Reason::Iri),
            ("buffer maximal size", Reason::TooLong),
        ];
        WORDS.iter().find(|(word, _)| message.contains(word)).map_or(Self::Grammar, |&(_, reason)| reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One fault of one document. Lines and columns count from 1, columns in characters; 0 where the parser does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "document, line, column, excerpt, reason and message say what they are")]
pub struct Problem {
    pub document: String,
    pub line: u64,
    pub column: u64,
    /// The text at fault, shortened, or its surroundings; empty where it is not at hand.
    pub excerpt: String,
    pub reason: Reason,
    pub message: String,
    /// What may help, if anything is known to.
    pub hint: Option<String>,
}

/// Characters of an excerpt.
const EXCERPT_CHARS: usize = 80;

/// The text, shortened, on one line and without control characters.
pub(crate) fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(EXCERPT_CHARS).flat_map(shown).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        short.push('…');
    }
    short
}

fn shown(c: char) -> impl Iterator<Item = char> {
    let (escaped, plain) = if c.is_control() { (Some(c.escape_default()), None) } else { (None, Some(c)) };
    escaped.into_iter().flatten().chain(plain)
}

impl Problem {
    /// A fault of a line whose text is known.
    pub(super) fn in_line(document: &str, line: u64, text: &[u8], reason: Reason, message: impl Into<String>) -> Self {
        Self {
            document: document.to_owned(),
            line,
            column: 1,
            excerpt: excerpt(&String::from_utf8_lossy(text)),
            reason,
            message: message.into(),
            hint: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.document)?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ", column {}", self.column)?;
        }
        write!(f, ": {}: {}", self.reason, self.message)?;
        if !self.excerpt.is_empty() {
            write!(f, ": {}", self.excerpt)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

/// What was left out, by reason, and the first of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    counts: BTreeMap<Reason, u64>,
    first: Vec<Problem>,
}

impl Rejected {
    /// How many problems are kept in full.
    pub const KEPT_MAX: usize = 20;

    pub(super) fn count(&mut self, problem: Problem) {
        *self.counts.entry(problem.reason).or_default() += 1;
        if self.first.len() < Self::KEPT_MAX {
            self.first.push(problem);
        }
    }

    /// How many lines or rows were left out.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// How many were left out for each reason.
    pub fn counts(&self) -> impl Iterator<Item = (Reason, u64)> {
        self.counts.iter().map(|(&reason, &n)| (reason, n))
    }

    /// The first [`Self::KEPT_MAX`] problems.
    pub fn first(&self) -> &[Problem] {
        &self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_place_reason_and_text_without_control_characters() {
        let text = format!("a\u{1b}[31m{}", "x".repeat(200));
        let problem = Problem::in_line("f.nt", 7, text.as_bytes(), Reason::Grammar, "no dot");
        let shown = problem.to_string();
        assert!(
            shown.starts_with("f.nt, line 7, column 1: does not follow the grammar: no dot: a\\u{1b}[31mxx"),
            "{shown}"
        );
        assert!(shown.ends_with("x…") && shown.chars().count() < 160, "{shown}");
    }

    #[test]
    fn a_report_counts_by_reason_and_keeps_the_first() {
        let mut rejected = Rejected::default();
        for line in 1..=30 {
            let reason = if line % 3 == 0 { Reason::Iri } else { Reason::Escape };
            rejected.count(Problem::in_line("f", line, b"x", reason, "m"));
        }
        assert_eq!(rejected.total(), 30);
        assert_eq!(rejected.counts().collect::<Vec<_>>(), [(Reason::Iri, 10), (Reason::Escape, 20)]);
        assert_eq!(rejected.first().len(), Rejected::KEPT_MAX);
    }
}
