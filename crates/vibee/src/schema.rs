//! The schema: a version 3 file as the reader gives it becomes a [`Spec`], its expressions parsed.
//!
//! [`keys`] has the keys. Whatever stands in a file is read, or a message says that it is not; what is wrong in one
//! entry leaves the others in place, so that the checker can go on with them.

mod function;
pub mod keys;
mod shape;
mod type_item;

use std::collections::HashMap;

use keys::{CONSTANT, FILE, IMPORT, MACHINE};
use shape::{Fields, NameStyle, Shapes, is_lower};

use crate::{
    ast::{Expr, ExprKind, Ident},
    diagnostic::{Diagnostic, Severity},
    spec::{Constant, Import, Section, Spec},
    tree::{Document, Node, NodeKind, Scalar},
};

/// Codes of the reader's messages behind which keys or entries may be missing.
const LOSING: &[&str] = &["E0101", "E0102", "E0103", "E0105", "E0106", "E0107", "E0110", "E0120", "E0140"];

/// Reads a specification; `None` where it has no name to speak of.
pub fn spec(document: &Document, diagnostics: &mut Vec<Diagnostic>) -> Option<Spec> {
    if !document.is_versioned {
        if matches!(document.root.kind, NodeKind::Map(_)) {
            let message =
                Diagnostic::new("E0130", document.root.span, "this is an old file: it does not begin with `vibee: 3`");
            diagnostics.push(message.help("`vibee upgrade` writes a version 3 file of it"));
        }
        return None;
    }
    let name = document.root.get("name").and_then(Node::as_scalar);
    let is_std = name.is_some_and(|name| name.text.starts_with("std."));
    let is_whole =
        !diagnostics.iter().any(|found| LOSING.contains(&found.code) && found.primary.span.file == document.file);
    let mut shapes = Shapes { diagnostics, cut: HashMap::new(), is_std, is_whole };
    let fields = shapes.fields(&document.root, &FILE)?;
    shapes.language(&fields);
    let name = shapes.module_name(fields.get("name")?)?;
    let version = shapes.version(&fields);
    let description = shapes.prose(fields.get("description"), "`description`");
    let imports = shapes.items(&fields, "imports", Shapes::import);
    let constants = fields.get("constants").map_or_else(Vec::new, |node| shapes.constants(node));
    let types = fields.get("types").map_or_else(Vec::new, |node| shapes.types(node));
    let mut functions = shapes.items(&fields, "functions", |shapes, node| shapes.function(node, Section::Functions));
    functions.extend(shapes.items(&fields, "behaviors", |shapes, node| shapes.function(node, Section::Behaviors)));
    functions.extend(shapes.items(&fields, "extern", |shapes, node| shapes.function(node, Section::Extern)));
    functions.sort_by_key(|function| function.span);
    let machines = shapes.items(&fields, "fsm", Shapes::machine);
    let is_whole = shapes.is_whole;
    let file = document.file;
    let is_wrong = |found: &Diagnostic| found.severity() == Severity::Error && found.primary.span.file == file;
    let is_sound = !diagnostics.iter().any(is_wrong);
    Some(Spec { file, name, version, description, imports, constants, types, functions, machines, is_whole, is_sound })
}

impl Shapes<'_> {
    fn language(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("vibee") else { return };
        let text = node.as_scalar().map_or("", |scalar| scalar.text.as_str());
        if text != "3" {
            let message = Diagnostic::new("E0130", node.span, "the version of the language is `3`");
            self.tell(message.fix(node.span, "3"));
        }
    }

    fn module_name(&mut self, node: &Node) -> Option<Ident> {
        let scalar = self.scalar(node, "`name`")?;
        if self.is_std && scalar.text.split('.').all(is_lower) {
            return Some(Ident { name: scalar.text.to_string(), span: scalar.span });
        }
        if !is_lower(&scalar.text) {
            let message = Diagnostic::new("E0130", scalar.span, "the name of a module is written in lower_snake");
            self.tell(message.help("with the letters a to z, digits and `_`, such as `keep_alive`"));
            return Some(Ident { name: scalar.text.to_string(), span: scalar.span });
        }
        Some(self.name(scalar, NameStyle::Lower, "a module"))
    }

    fn version(&mut self, fields: &Fields<'_>) -> String {
        let Some(node) = fields.get("version") else { return String::new() };
        let text = node.as_scalar().map_or("", |scalar| scalar.text.as_str());
        if !is_semantic_version(text) {
            let message =
                Diagnostic::new("E0130", node.span, "`version` is a semantic version: three numbers, as in `1.0.0`");
            self.tell(message.help("`1.2.3`, or with a label, `1.2.3-beta.1`"));
        }
        text.to_owned()
    }

    /// Reads the entries of a list.
    fn items<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = fields.get(key) else { return Vec::new() };
        let what = format!("`{key}`");
        if let NodeKind::Map(_) = node.kind {
            let message = Diagnostic::new("E0131", node.span, format!("{what} is a list of maps")).label("found a map");
            self.tell(message.help("each entry begins with `- name: …`"));
            self.is_whole = false;
            return Vec::new();
        }
        self.list(node, &what).iter().filter_map(|item| read(self, item)).collect()
    }

    fn import(&mut self, node: &Node) -> Option<Import> {
        if let Some(scalar) = node.as_scalar() {
            let message = Diagnostic::new("E0131", scalar.span, "an entry of `imports` is a map with `name`");
            let form = format!("{{ name: {} }}", scalar.text);
            self.tell(message.help(format!("write `{form}`")).fix(scalar.span, form));
            return self.imported(scalar).map(|name| Import { name, path: None, only: Vec::new() });
        }
        let fields = self.fields(node, &IMPORT)?;
        let name = self.scalar(fields.get("name")?, "`name`")?;
        let name = self.imported(name)?;
        let path = match fields.get("path") {
            Some(node) => self.scalar(node, "`path`"),
            None => None,
        };
        let path = path.map(|path| Ident { name: path.text.to_string(), span: path.span });
        if let Some(path) = &path
            && name.name.starts_with("std.")
        {
            self.tell(Diagnostic::new("E0202", path.span, format!("`{}` is built in and has no path", name.name)));
        }
        let mut only = Vec::new();
        if let Some(node) = fields.get("only") {
            for item in self.list(node, "`only`") {
                if let Some(item) = self.scalar(item, "an item of `only`") {
                    only.push(Ident { name: item.text.to_string(), span: item.span });
                }
            }
        }
        Some(Import { name, path, only })
    }

    fn imported(&mut self, name: &Scalar) -> Option<Ident> {
        if !name.text.split('.').all(is_lower) {
            let message = Diagnostic::new("E0132", name.span, "a module has a name such as `other` or `std.math`");
            self.tell(message);
            return None;
        }
        Some(Ident { name: name.text.to_string(), span: name.span })
    }

    fn constants(&mut self, node: &Node) -> Vec<Constant> {
        let mut constants = Vec::new();
        for entry in self.map(node, "`constants`") {
            let name = self.name(&entry.key, NameStyle::Constant, "a constant");
            let is_form = CONSTANT.keys.iter().any(|key| entry.value.get(key.name).is_some());
            if !is_form {
                let value = self.expr(&entry.value, "the value of a constant");
                constants.push(Constant { name, ty: None, value, say: None });
                continue;
            }
            let Some(fields) = self.fields(&entry.value, &CONSTANT) else { continue };
            let missing = || Expr { span: entry.value.span, kind: ExprKind::Broken };
            let value = fields.get("value").map_or_else(missing, |value| self.expr(value, "`value`"));
            let ty = fields.get("type").map(|node| self.ty(node, "`type`"));
            let say = self.prose(fields.get("say"), "`say`");
            constants.push(Constant { name, ty, value, say });
        }
        constants
    }

    fn machine(&mut self, node: &Node) -> Option<Ident> {
        let fields = self.fields(node, &MACHINE)?;
        let name = self.scalar(fields.get("name")?, "`name`")?;
        let name = self.name(name, NameStyle::Lower, "a machine");
        let message = Diagnostic::new("W0133", name.span, format!("nothing runs the machine `{}` yet", name.name));
        self.tell(message.help("`fsm` is kept and counts as prose"));
        Some(name)
    }
}

/// Tells whether a text is a version of Semantic Versioning 2.0.0.
fn is_semantic_version(text: &str) -> bool {
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, label) = rest.split_once('-').map_or((rest, None), |(core, label)| (core, Some(label)));
    let is_number = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_label_part = |part: &str| is_word(part) && (is_number(part) || !part.bytes().all(|b| b.is_ascii_digit()));
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && label.is_none_or(|label| label.split('.').all(is_label_part))
        && build.is_none_or(|build| build.split('.').all(is_word))
}

#[cfg(test)]
mod tests;
