//! What an old file holds, counted: `vibee check` prints it, because nothing of it runs.
//!
//! Old behaviours are prose: their `given`, `when` and `then` are sentences. Of their tests those are machine-readable
//! whose input and expected result are both data; [`crate::upgrade`] makes a version 3 file of what can be taken over.

use crate::tree::{Document, Entry, Node, NodeKind, Scalar, Style};

/// Numbers of things in an old file.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Entries of `types`.
    pub types: usize,
    pub fields: usize,
    /// Types with `enum`, `variants` or `values`.
    pub enum_types: usize,
    pub enum_cases: usize,
    /// Items of `constraints` in types: prose.
    pub constraints: usize,
    /// Entries of `constants`.
    pub constants: usize,
    /// Items of `behaviors`: prose.
    pub behaviors: usize,
    /// Behaviours with `given`, `when` and `then`.
    pub given_when_then: usize,
    /// Behaviours with `When` for `when`.
    pub capital_when: usize,
    /// Items of `tests`.
    pub tests: usize,
    /// Items of `test_cases`.
    pub test_cases: usize,
    /// Tests whose input and expected result are both data.
    pub structured_tests: usize,
    /// Rows of `vectors` in tests.
    pub vectors: usize,
    /// Entries of `functions`.
    pub functions: usize,
    /// Items of `imports`.
    pub imports: usize,
    /// Items of `signals`.
    pub signals: usize,
    /// Items of `fsm`.
    pub fsm: usize,
}

impl Census {
    /// Number of all tests.
    pub fn all_tests(&self) -> usize {
        self.tests + self.test_cases
    }

    /// Tests and rows that a program could run.
    pub fn machine_readable(&self) -> usize {
        self.vectors + self.structured_tests
    }
}

/// Counts what an old file holds.
pub fn census(document: &Document) -> Census {
    let mut census = Census::default();
    let NodeKind::Map(entries) = &document.root.kind else { return census };
    for Entry { key, value } in entries {
        match key.text.as_str() {
            "types" => value.entries().iter().for_each(|entry| census.count_type(&entry.value)),
            "behaviors" => value.items().iter().for_each(|behavior| census.count_behavior(behavior)),
            "tests" => {
                census.tests += value.items().len();
                value.items().iter().for_each(|test| census.count_test(test));
            }
            "test_cases" => {
                census.test_cases += value.items().len();
                value.items().iter().for_each(|test| census.count_test(test));
            }
            "constants" => census.constants += value.len(),
            "functions" => census.functions += value.len(),
            "imports" => census.imports += value.len(),
            "signals" => census.signals += value.len(),
            "fsm" => census.fsm += value.len(),
            _ => {}
        }
    }
    census
}

impl Census {
    fn count_type(&mut self, node: &Node) {
        self.types += 1;
        self.fields += node.get("fields").map_or(0, Node::len);
        self.constraints += node.get("constraints").map_or(0, Node::len);
        if let Some(cases) = enum_cases(node) {
            self.enum_types += 1;
            self.enum_cases += cases.len();
        }
    }

    fn count_behavior(&mut self, node: &Node) {
        self.behaviors += 1;
        let has = |key: &str| node.get(key).is_some();
        if has("given") && has("then") {
            self.given_when_then += usize::from(has("when"));
            self.capital_when += usize::from(!has("when") && has("When"));
        }
    }

    fn count_test(&mut self, node: &Node) {
        self.vectors += node.get("vectors").map_or(0, Node::len);
        let is_structured = node.get("input").is_some_and(is_collection) && node.get("expected").is_some_and(is_data);
        self.structured_tests += usize::from(is_structured);
    }
}

/// The list of an old enum's cases.
pub(crate) fn enum_cases(node: &Node) -> Option<&Node> {
    ["enum", "variants", "values"].iter().find_map(|key| node.get(key))
}

fn is_collection(node: &Node) -> bool {
    matches!(node.kind, NodeKind::List(_) | NodeKind::Map(_))
}

fn is_data(node: &Node) -> bool {
    is_collection(node) || node.as_scalar().is_some_and(|scalar| !matches!(plain(scalar), Plain::Text))
}

/// What a scalar of an old file says, as its tools read it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plain {
    Text,
    Bool(bool),
    Int(i64),
    Float(f64),
}

/// Reads a scalar as the old tools did: quoted ones are text.
pub(crate) fn plain(scalar: &Scalar) -> Plain {
    if scalar.style != Style::Plain {
        return Plain::Text;
    }
    let text = scalar.text.as_str();
    if let "true" | "false" = text {
        return Plain::Bool(text == "true");
    }
    let (sign, magnitude) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = match magnitude.get(..2) {
        Some("0x") => (magnitude.get(2..), 16),
        Some("0b") => (magnitude.get(2..), 2),
        Some("0o") => (magnitude.get(2..), 8),
        _ => (Some(magnitude), 10),
    };
    let digits = digits.unwrap_or_default().replace('_', "");
    if !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_alphanumeric())
        && let Ok(value) = i64::from_str_radix(&format!("{sign}{digits}"), radix)
    {
        return Plain::Int(value);
    }
    let is_float = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    match format!("{sign}{digits}").parse::<f64>() {
        Ok(value) if is_float && radix == 10 && value.is_finite() => Plain::Float(value),
        _ => Plain::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, Span};

    #[test]
    fn numbers_are_read_as_the_old_tools_read_them() {
        let read = |text: &str, style: Style| {
            plain(&Scalar { span: Span::new(FileId(0), 0, 0), text: text.into(), style, origins: Vec::new() })
        };
        let cases = [
            ("12", Plain::Int(12)),
            ("-1_000", Plain::Int(-1000)),
            ("0xFF", Plain::Int(255)),
            ("0b01", Plain::Int(1)),
            ("1.5", Plain::Float(1.5)),
            ("1e-5", Plain::Float(1e-5)),
            ("true", Plain::Bool(true)),
            ("1.0.0", Plain::Text),
            ("inf", Plain::Text),
            ("-", Plain::Text),
            ("", Plain::Text),
            ("2 words", Plain::Text),
            ("9223372036854775808", Plain::Float(9_223_372_036_854_775_808.0)),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text, Style::Plain), expected, "{text}");
            assert_eq!(read(text, Style::Double), Plain::Text, "{text}");
        }
    }
}
