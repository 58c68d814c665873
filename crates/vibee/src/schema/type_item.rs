//! Entries of `types`.

use super::{
    keys::{CONSTRAINED, ENUM, RECORD},
    shape::{NameStyle, Shapes, broken_type},
};
use crate::{
    ast::{Ident, TypeExpr},
    diagnostic::Diagnostic,
    spec::{TypeItem, TypeShape},
    tree::{Node, NodeKind},
};

impl Shapes<'_> {
    pub(super) fn types(&mut self, node: &Node) -> Vec<TypeItem> {
        let mut types = Vec::new();
        for entry in self.map(node, "`types`") {
            let name = self.name(&entry.key, NameStyle::Upper, "a type");
            let NodeKind::Map(_) = entry.value.kind else {
                let alias = self.ty(&entry.value, "a type");
                types.push(TypeItem { name, say: None, shape: TypeShape::Alias(alias) });
                continue;
            };
            let (say, shape) = self.type_shape(&entry.value).unwrap_or_else(|| {
                // Its fields or cases are not known; its name is.
                self.is_whole = false;
                (None, TypeShape::Alias(broken_type(entry.value.span)))
            });
            types.push(TypeItem { name, say, shape });
        }
        types
    }

    fn type_shape(&mut self, node: &Node) -> Option<(Option<String>, TypeShape)> {
        let form = match () {
            () if node.get("fields").is_some() => &RECORD,
            () if node.get("enum").is_some() => &ENUM,
            () if node.get("base").is_some() || node.get("where").is_some() => &CONSTRAINED,
            () => {
                let message =
                    Diagnostic::new("E0131", node.span, "a type that is a map has `fields`, `enum` or `base`");
                self.tell(message.help(
                    "`{ fields: { name: Type } }`, `{ enum: [one, { two: { field: Type } }] }`, or `{ base: Type, where: … }`",
                ));
                return None;
            }
        };
        let fields = self.fields(node, form)?;
        let get = |key: &str| form.key(key).and_then(|_| fields.get(key));
        let say = self.prose(get("say"), "`say`");
        let shape = if let Some(node) = get("fields") {
            TypeShape::Record(self.typed_names(node, "a field", "`fields`"))
        } else if let Some(node) = get("enum") {
            let cases = self.cases(node);
            TypeShape::Enum { cases, is_ordered: get("ordered").is_some_and(|node| self.bool(node, "`ordered`")) }
        } else {
            let base = self.ty(get("base")?, "`base`");
            TypeShape::Constrained { base, holds: self.expr(get("where")?, "`where`") }
        };
        Some((say, shape))
    }

    fn cases(&mut self, node: &Node) -> Vec<(Ident, Vec<(Ident, TypeExpr)>)> {
        let mut cases = Vec::new();
        if let NodeKind::Map(_) = node.kind {
            let message = Diagnostic::new("E0131", node.span, "`enum` is a list of cases").label("found a map");
            self.tell(message.help("such as `[one, { two: { field: Type } }]`"));
            return cases;
        }
        let items = self.list(node, "`enum`");
        if items.is_empty() && !matches!(node.kind, NodeKind::Scalar(_)) {
            self.tell(Diagnostic::new("E0330", node.span, "an enum has a case at least"));
        }
        for item in items {
            match &item.kind {
                NodeKind::Scalar(name) => cases.push((self.name(name, NameStyle::Lower, "a case"), Vec::new())),
                NodeKind::Map(entries) => {
                    let [entry] = entries.as_slice() else {
                        let message =
                            Diagnostic::new("E0131", item.span, "a case is one name, with the fields it carries");
                        self.tell(
                            message.help("each case is an item of the list: `- case: { field: Type, other: Type }`"),
                        );
                        continue;
                    };
                    let name = self.name(&entry.key, NameStyle::Lower, "a case");
                    let fields = if let NodeKind::Scalar(ty) = &entry.value.kind {
                        let message = Diagnostic::new("E0131", ty.span, "what a case carries has a name");
                        self.tell(message.help(format!("such as `{{ {}: {{ value: {} }} }}`", name.name, ty.text)));
                        Vec::new()
                    } else {
                        self.typed_names(&entry.value, "a field", "what a case carries")
                    };
                    cases.push((name, fields));
                }
                _ => {
                    let message =
                        Diagnostic::new("E0131", item.span, "a case is a name, or a map of a name and its fields");
                    self.tell(message.help("such as `[one, { two: { field: Type } }]`"));
                }
            }
        }
        cases
    }
}
