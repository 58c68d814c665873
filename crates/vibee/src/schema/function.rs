//! Entries of `functions`, `behaviors` and `extern`, with their examples and properties.

use super::{
    keys::{BEHAVIOR, EXTERN, FUNCTION, PROPERTY},
    shape::{Fields, NameStyle, Shapes, broken_type, is_rest},
};
use crate::{
    ast::{Column, Expr, ExprKind, Ident, Row, Table},
    diagnostic::Diagnostic,
    spec::{FunctionItem, PropertyItem, Section},
    syntax,
    tree::{Entry, Node, NodeKind, Style},
};

impl Shapes<'_> {
    pub(super) fn function(&mut self, node: &Node, section: Section) -> Option<FunctionItem> {
        let form = match section {
            Section::Functions => &FUNCTION,
            Section::Behaviors => &BEHAVIOR,
            Section::Extern => &EXTERN,
        };
        let fields = self.fields(node, form)?;
        let name = self.scalar(fields.get("name")?, "`name`")?;
        let name = self.name(name, NameStyle::Lower, "a function");
        // A key that the form does not have is told already: it is not asked for.
        let get = |key: &str| form.key(key).and_then(|_| fields.get(key));
        let generics = get("generics").map_or_else(Vec::new, |node| self.generics(node, &fields));
        let say = self.prose(get("say"), "`say`");
        let params = get("params").map_or_else(Vec::new, |node| self.typed_names(node, "a parameter", "`params`"));
        // What is missing was told by `fields`; the name is declared all the same, so that its uses are not told, too.
        let returns = fields.get("returns").map_or_else(|| broken_type(node.span), |node| self.ty(node, "`returns`"));
        let mut optional = |key: &str| get(key).map(|node| self.expr(node, &format!("`{key}`")));
        let given = optional("given");
        let body = optional(if section == Section::Behaviors { "when" } else { "body" });
        let decreases = optional("decreases");
        let then = get("then").map_or_else(Vec::new, |node| self.then(node));
        let raises = get("raises").map(|node| self.raises(node));
        let examples = get("examples").and_then(|node| self.examples(node));
        let mut forall = Vec::new();
        if let Some(node) = get("forall") {
            let items = self.list(node, "`forall`");
            forall = items.iter().filter_map(|item| self.property(item)).collect();
        }
        if get("scenario").is_some() {
            let message = format!("nothing runs the scenario of `{}` yet", name.name);
            let message = Diagnostic::new("W0133", fields.key_span("scenario"), message);
            self.tell(message.help("`scenario` is kept and counts as prose"));
        }
        let span = node.span;
        let missing = (section == Section::Functions).then_some(Expr { span, kind: ExprKind::Broken });
        let body = body.or(missing);
        Some(FunctionItem {
            section,
            name,
            generics,
            say,
            params,
            returns,
            given,
            body,
            then,
            raises,
            decreases,
            examples,
            forall,
            span,
        })
    }

    fn generics(&mut self, node: &Node, fields: &Fields<'_>) -> Vec<Ident> {
        if !self.is_std {
            let message = Diagnostic::new("E0131", fields.key_span("generics"), "type parameters are for std alone");
            self.tell(message.help("write a function for each type"));
            return Vec::new();
        }
        let mut generics = Vec::new();
        for item in self.list(node, "`generics`") {
            let Some(item) = self.scalar(item, "a type parameter") else { continue };
            if item.text.len() == 1 && item.text.bytes().all(|b| b.is_ascii_uppercase()) {
                generics.push(Ident { name: item.text.to_string(), span: item.span });
            } else {
                self.tell(Diagnostic::new("E0132", item.span, "a type parameter is one capital letter"));
            }
        }
        generics
    }

    /// `then`: an expression, a list of them with or without names, or a map of names to them.
    fn then(&mut self, node: &Node) -> Vec<(Option<Ident>, Expr)> {
        let what = "an item of `then`";
        let mut then = Vec::new();
        match &node.kind {
            NodeKind::List(items) => {
                for item in items {
                    if let NodeKind::Map(entries) = &item.kind {
                        then.extend(entries.iter().map(|entry| self.named(entry, what)));
                    } else {
                        then.push((None, self.expr(item, what)));
                    }
                }
            }
            NodeKind::Map(entries) => then.extend(entries.iter().map(|entry| self.named(entry, what))),
            _ => then.push((None, self.expr(node, "`then`"))),
        }
        then
    }

    fn named(&mut self, entry: &Entry, what: &str) -> (Option<Ident>, Expr) {
        let name = self.name(&entry.key, NameStyle::Lower, "a condition");
        (Some(name), self.expr(&entry.value, what))
    }

    fn raises(&mut self, node: &Node) -> Vec<Ident> {
        let mut raises = Vec::new();
        for item in self.list(node, "`raises`") {
            if let Some(name) = self.scalar(item, "an item of `raises`") {
                // `Type.case` is the case.
                let start = name.text.rfind('.').map_or(0, |at| at + 1);
                let case = name.text.get(start..).unwrap_or_default().to_owned();
                raises.push(Ident { name: case, span: name.span_of(start, name.text.len()) });
            }
        }
        raises
    }

    fn examples(&mut self, node: &Node) -> Option<Table> {
        match &node.kind {
            NodeKind::Scalar(scalar) if scalar.style == Style::Literal => syntax::parse_table(scalar, self.diagnostics),
            NodeKind::Scalar(scalar) => {
                let message = Diagnostic::new("E0156", scalar.span, "a table stands on lines of its own after `|`");
                self.tell(message.help("`examples: |`, then the names of the columns, then a line for each example"));
                None
            }
            NodeKind::List(items) => Some(self.example_maps(items)),
            NodeKind::Map(_) | NodeKind::Absent => {
                let found = if matches!(node.kind, NodeKind::Absent) { "nothing" } else { "a map" };
                self.wrong_shape(node.span, "`examples`", "a table, or a list of maps", found);
                None
            }
        }
    }

    /// Examples as a list of maps: the columns are all keys, in the order in which they first come.
    fn example_maps(&mut self, items: &[Node]) -> Table {
        let mut header: Vec<Column> = Vec::new();
        let mut keys: Vec<&str> = Vec::new();
        for item in items {
            let NodeKind::Map(entries) = &item.kind else {
                let message = Diagnostic::new("E0131", item.span, "an example is a map of arguments and `result`");
                self.tell(message.help("such as `{ text: '\"5m\"', result: Some(300) }`; `examples: |` opens a table"));
                continue;
            };
            self.note_cuts(entries);
            for (i, entry) in entries.iter().enumerate() {
                if !is_rest(entries, i)
                    && !keys.contains(&entry.key.text.as_str())
                    && let Some(column) = syntax::parse_column(&entry.key, self.diagnostics)
                {
                    keys.push(&entry.key.text);
                    header.push(column);
                }
            }
        }
        let mut rows = Vec::new();
        for item in items {
            let NodeKind::Map(entries) = &item.kind else { continue };
            let mut cells = Vec::new();
            for (key, column) in keys.iter().zip(&header) {
                let Some(entry) = entries.iter().find(|entry| entry.key.text == *key) else {
                    let message = format!("this example has no `{key}`");
                    self.tell(
                        Diagnostic::new("E0403", item.span, message).also(column.name.span, "another one has it"),
                    );
                    cells.push(Expr { span: item.span, kind: ExprKind::Broken });
                    continue;
                };
                cells.push(match &entry.value.kind {
                    NodeKind::Scalar(scalar) if column.name.name == "result" => {
                        let n_before = self.diagnostics.len();
                        let cell = syntax::parse_result(scalar, self.diagnostics);
                        self.cut_help(scalar, n_before);
                        cell
                    }
                    _ => self.expr(&entry.value, "a cell of an example"),
                });
            }
            rows.push(Row { span: item.span, cells });
        }
        Table { header, rows }
    }

    fn property(&mut self, node: &Node) -> Option<PropertyItem> {
        let fields = self.fields(node, &PROPERTY)?;
        let name = self.scalar(fields.get("name")?, "`name`")?;
        let name = self.name(name, NameStyle::Lower, "a property");
        let vars = self.typed_names(fields.get("vars")?, "a variable", "`vars`");
        let filter = fields.get("where").map(|node| self.expr(node, "`where`"));
        let holds = self.expr(fields.get("holds")?, "`holds`");
        let cases = fields.get("cases").and_then(|node| {
            let cases = node.as_scalar().and_then(|scalar| scalar.text.parse().ok()).filter(|cases| *cases > 0);
            if cases.is_none() {
                self.wrong_shape(node.span, "`cases`", "a whole number from 1 on", "something else");
            }
            cases
        });
        Some(PropertyItem { name, vars, filter, holds, cases })
    }
}
