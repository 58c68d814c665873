//! Types: records and enums, with the field types of the old notation as version 3 writes them.

use std::collections::BTreeSet;

use super::{Upgrade, names, prose};
use crate::{
    fmt::quoted,
    legacy::enum_cases,
    source::Span,
    tree::{Entry, Node, NodeKind},
    types::SPELLINGS,
};

/// Names that the language has already.
const BUILT_IN: &[&str] = &[
    "Bool", "Trit", "Tryte", "Int", "U64", "Float", "F32", "String", "Bytes", "List", "Set", "Map", "Option", "Result",
];

/// How deep types of the old notation are read.
const DEPTH_MAX: usize = 16;

impl Upgrade<'_> {
    /// Finds out which types can be declared.
    pub(super) fn declare_types(&mut self, entries: &[Entry]) {
        let Some(section) = entries.iter().find(|entry| entry.key.text == "types") else { return };
        for entry in section.value.entries() {
            let name = entry.key.text.as_str();
            let is_new = names::is_upper_camel(name) && !BUILT_IN.contains(&name);
            if is_new && (is_record(&entry.value) || cases(&entry.value).is_some()) {
                self.declared.insert(name.to_owned());
            }
        }
        // A record of which no field can be said is no type; neither is one that only such are fields of.
        loop {
            let empty = section.value.entries().iter().find(|entry| {
                let fields = entry.value.get("fields").map(Node::entries);
                self.declared.contains(entry.key.text.as_str())
                    && fields.is_some_and(|fields| fields.iter().all(|field| self.field_type(&field.value).is_none()))
            });
            let Some(empty) = empty else { break };
            self.declared.remove(empty.key.text.as_str());
        }
    }

    pub(super) fn types(&mut self, section: &Entry) {
        let mut texts = BTreeSet::new();
        let mut is_begun = false;
        for entry in section.value.entries() {
            if !self.declared.contains(entry.key.text.as_str()) {
                self.omit(entry.key.span, format!("the type `{}` stands below `x-legacy` as it was", entry.key.text));
                self.left_types.push_str(&self.writer.bare(entry, 4));
                continue;
            }
            if !is_begun {
                self.writer.begin(section.key.span.start, 0, false);
                self.writer.out.push_str("types:");
                self.writer.comment_behind(section.key.span.end);
                self.writer.end_line();
            }
            self.writer.begin(entry.key.span.start, 2, !is_begun);
            is_begun = true;
            self.writer.out.push_str(&format!("{}:\n", entry.key.text));
            if let Some(say) = entry.value.get("description").and_then(Node::as_scalar) {
                self.writer.out.push_str(&format!("    say: {}\n", prose(say).replace("\n  ", "\n      ")));
            }
            let mut left = self.left_keys(entry);
            if let Some(cases) = cases(&entry.value) {
                self.cases(&cases);
            } else if let Some(fields) = entry.value.get("fields") {
                left.push_str(&self.fields(&entry.key.text, fields.entries(), &mut texts));
            }
            if !left.is_empty() {
                self.left_types.push_str(&format!("    {}:\n{left}", entry.key.text));
            }
        }
        for length in texts {
            self.writer
                .out
                .push_str(&format!("  String{length}: {{ base: String, where: value.len() <= {length} }}\n"));
        }
    }

    /// Writes the keys of a type that version 3 does not have, for below `x-legacy`.
    fn left_keys(&mut self, entry: &Entry) -> String {
        let mut left = String::new();
        for key in entry.value.entries() {
            let is_known = matches!(key.key.text.as_str(), "fields" | "description" | "enum" | "variants" | "values");
            let is_said = key.key.text != "description" || key.value.as_scalar().is_some();
            if !is_known || !is_said {
                self.omit(key.key.span, format!("`{}` of `{}` stands below `x-legacy`", key.key.text, entry.key.text));
                left.push_str(&self.writer.bare(key, 6));
            }
        }
        left
    }

    fn cases(&mut self, cases: &[(String, Span, bool)]) {
        self.writer.out.push_str("    enum:\n");
        for (case, span, is_changed) in cases {
            if *is_changed {
                self.omit(*span, format!("this case is named `{case}`"));
            }
            self.writer.begin(span.start, 6, true);
            self.writer.out.push_str(&format!("- {}", quoted(case)));
            self.writer.comment_behind(span.end);
            self.writer.end_line();
        }
    }

    /// Writes fields; gives those that cannot be said.
    fn fields(&mut self, of: &str, fields: &[Entry], texts: &mut BTreeSet<u32>) -> String {
        let mut left = String::new();
        let mut seen = BTreeSet::new();
        self.writer.out.push_str("    fields:\n");
        for field in fields {
            let name = names::lower(&field.key.text).filter(|name| !seen.contains(name));
            let (Some(name), Some(ty)) = (name, self.field_type(&field.value)) else {
                let shown = field.value.as_scalar().map_or("…", |scalar| scalar.text.as_str());
                self.omit(
                    field.key.span,
                    format!("the field `{}: {shown}` of `{of}` has no type that this file declares", field.key.text),
                );
                left.push_str(&self.writer.bare(field, 8));
                continue;
            };
            if field.key.text != name.as_str() {
                self.omit(field.key.span, format!("the field `{}` is named `{name}`", field.key.text));
            }
            texts.extend(ty.lengths);
            self.writer.begin(field.key.span.start, 6, true);
            self.writer.out.push_str(&format!("{name}: {}", ty.text));
            self.writer.comment_behind(field.value.span.end);
            self.writer.end_line();
            seen.insert(name);
        }
        if left.is_empty() { left } else { format!("      fields:\n{left}") }
    }

    /// Reads a field's type; `None` if version 3 cannot say it.
    fn field_type(&self, node: &Node) -> Option<Typed> {
        let mut reader =
            OldType { text: &node.as_scalar()?.text, at: 0, declared: &self.declared, lengths: Vec::new() };
        let text = reader.ty(0)?;
        (reader.at == reader.text.len()).then_some(Typed { text, lengths: reader.lengths })
    }
}

/// A type as version 3 writes it, and the lengths of the constrained texts in it.
struct Typed {
    text: String,
    lengths: Vec<u32>,
}

/// Tells whether a type has fields by name.
fn is_record(node: &Node) -> bool {
    node.get("fields").is_some_and(|fields| !fields.entries().is_empty()) && enum_cases(node).is_none()
}

/// Gives an enum's cases by their new names, each with its place and whether it is named anew; `None` where some are no
/// cases.
fn cases(node: &Node) -> Option<Vec<(String, Span, bool)>> {
    let items = enum_cases(node)?.items();
    let mut cases: Vec<(String, Span, bool)> = Vec::new();
    for item in items {
        let (old, span, has_value) = match &item.kind {
            NodeKind::Scalar(scalar) => (scalar.text.as_str(), scalar.span, false),
            NodeKind::Map(entries) => match entries.as_slice() {
                [entry] if entry.value.as_scalar().is_some() => (entry.key.text.as_str(), item.span, true),
                _ => return None,
            },
            _ => return None,
        };
        let name = names::lower(old).filter(|name| cases.iter().all(|(other, ..)| other != name))?;
        let is_changed = name != old || has_value;
        cases.push((name, span, is_changed));
    }
    (!cases.is_empty() && node.get("fields").is_none()).then_some(cases)
}

/// Reads `Name`, `Name<A, B>` and `String[64]`.
struct OldType<'a> {
    text: &'a str,
    at: usize,
    declared: &'a BTreeSet<String>,
    lengths: Vec<u32>,
}

impl OldType<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, sign: char) -> bool {
        self.at += self.rest().len() - self.rest().trim_start_matches(' ').len();
        let is_there = self.rest().starts_with(sign);
        self.at += if is_there { sign.len_utf8() } else { 0 };
        is_there
    }

    fn ty(&mut self, depth: usize) -> Option<String> {
        self.take(' ');
        let rest = self.rest();
        let name =
            rest.get(..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len()))?.to_owned();
        self.at += name.len();
        let mut args = Vec::new();
        if self.take('<') {
            loop {
                if depth > DEPTH_MAX {
                    return None;
                }
                args.push(self.ty(depth + 1)?);
                if !self.take(',') {
                    break;
                }
            }
            if !self.take('>') {
                return None;
            }
        }
        if self.take('[') {
            let digits: String = self.rest().chars().take_while(char::is_ascii_digit).collect();
            let length: u32 = digits.parse().ok()?;
            self.at += digits.len();
            let is_text = name == "String" && args.is_empty() && self.take(']');
            let name = format!("String{length}");
            if !is_text || self.declared.contains(&name) {
                return None;
            }
            self.lengths.push(length);
            return Some(name);
        }
        if self.declared.contains(&name) {
            return args.is_empty().then_some(name);
        }
        Self::built_in(&name, &args)
    }

    fn built_in(name: &str, args: &[String]) -> Option<String> {
        match (name, args) {
            ("Bool" | "Trit" | "Int" | "Float" | "F32" | "String" | "Bytes", []) => Some(name.to_owned()),
            ("List" | "Array" | "Vec", [item]) => Some(format!("List<{item}>")),
            ("Option" | "Optional", [item]) => Some(format!("Option<{item}>")),
            ("Set" | "HashSet", [item]) if is_key(item) => Some(format!("Set<{item}>")),
            ("Map" | "HashMap" | "Dict", [key, value]) if is_key(key) => Some(format!("Map<{key}, {value}>")),
            ("Result", [value, error]) => Some(format!("Result<{value}, {error}>")),
            ("Tuple", [_, _, ..]) => Some(format!("({})", args.join(", "))),
            (_, []) => {
                let lower = name.to_ascii_lowercase();
                SPELLINGS.iter().find(|(alias, _)| *alias == lower).map(|(_, ty)| (*ty).to_owned())
            }
            _ => None,
        }
    }
}

/// Tells whether a type may be a key: none with a Float inside may, so only simple ones are taken.
fn is_key(ty: &str) -> bool {
    matches!(ty, "String" | "Bool" | "Trit" | "Bytes") || ty.starts_with("Int")
}
