//! What names mean: modules, types, functions and constants in sight of a module.

use crate::{
    ast::{Expr, ExprKind, Ident},
    diagnostic::Diagnostic,
    types::{Shape, TypeId},
};

use super::{Checker, Item};
use crate::nearest::nearest;

/// Unknown names of one check for which near ones are looked up: each look is at all names.
const SUGGESTIONS_MAX: usize = 200;

impl Checker<'_> {
    pub(super) fn is_prelude(&self, module: usize) -> bool {
        self.prelude.get(module).copied().unwrap_or(false)
    }

    /// Finds an imported module by how it is written.
    pub(super) fn module_named(&mut self, from: usize, name: &str) -> Option<usize> {
        let imports = &self.scopes.get(from)?.imports;
        let at = imports.iter().position(|import| import.names.iter().any(|n| n == name))?;
        let module = imports.get(at)?.module;
        self.used_imports.insert((from, at));
        Some(module)
    }

    /// Whether `expr` is `module` or `std.module`, and no local: gives the module.
    pub(super) fn module_path(&mut self, expr: &Expr) -> Option<usize> {
        let name = match &expr.kind {
            ExprKind::Name(name) if !self.body.scope.iter().any(|(n, _)| n == name) => name.clone(),
            ExprKind::Field(of, name) => match &of.kind {
                ExprKind::Name(first) if first == "std" => format!("std.{}", name.name),
                _ => return None,
            },
            _ => return None,
        };
        self.module_named(self.body.module, &name)
    }

    /// Finds the type that `Type` or `module.Type` names, if `expr` is one.
    pub(super) fn type_path(&mut self, expr: &Expr) -> Option<TypeId> {
        match &expr.kind {
            ExprKind::Name(name) => {
                if self.body.scope.iter().any(|(n, _)| n == name) {
                    return None;
                }
                self.type_in_sight(self.body.module, name)
            }
            ExprKind::Field(of, name) => {
                let module = self.module_path(of)?;
                self.scopes.get(module)?.types.get(&name.name).copied()
            }
            _ => None,
        }
    }

    /// Finds a type by its bare name.
    pub(super) fn type_in_sight(&mut self, from: usize, name: &str) -> Option<TypeId> {
        let scope = self.scopes.get(from)?;
        if let Some(id) = scope.types.get(name) {
            return Some(*id);
        }
        let mut found = None;
        for (at, import) in scope.imports.iter().enumerate() {
            if import.only.iter().any(|only| only.name == name)
                && let Some(id) = self.scopes.get(import.module).and_then(|s| s.types.get(name))
            {
                found = Some((at, *id));
                break;
            }
        }
        if let Some((at, id)) = found {
            self.used_imports.insert((from, at));
            return Some(id);
        }
        (0..self.scopes.len()).filter(|m| self.is_prelude(*m)).find_map(|m| self.scopes[m].types.get(name).copied())
    }

    /// Finds the type that a path in a type or pattern names, or says that there is none.
    pub(super) fn type_named(&mut self, from: usize, path: &[Ident]) -> Option<TypeId> {
        let (name, before) = path.split_last()?;
        let found = if before.is_empty() {
            self.type_in_sight(from, &name.name)
        } else {
            let module = before.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(".");
            let Some(number) = self.module_named(from, &module) else {
                self.unknown_module(from, &module, before.first()?);
                return None;
            };
            self.scopes.get(number).and_then(|scope| scope.types.get(&name.name).copied())
        };
        if found.is_none() {
            let mut message =
                Diagnostic::new("E0301", name.span, format!("no type is named `{}`", name.name)).label("unknown type");
            let known = self.type_names(from);
            if let Some(near) = nearest(&name.name, known.iter().map(String::as_str)) {
                message = message.help(format!("`{near}` is near")).fix(name.span, near);
            }
            self.report(message);
        }
        found
    }

    fn type_names(&self, from: usize) -> Vec<String> {
        let mut names: Vec<String> = super::resolve::BUILT_IN.iter().map(|(name, _)| (*name).to_string()).collect();
        if let Some(scope) = self.scopes.get(from) {
            names.extend(scope.types.keys().cloned());
            names.extend(scope.imports.iter().flat_map(|import| &import.only).map(|only| only.name.clone()));
        }
        names.sort();
        names
    }

    pub(super) fn unknown_module(&mut self, from: usize, name: &str, at: &Ident) {
        let mut message = Diagnostic::new("E0301", at.span, format!("no module is imported as `{name}`"));
        let names: Vec<String> = self
            .scopes
            .get(from)
            .map(|scope| scope.imports.iter().flat_map(|i| i.names.clone()).collect())
            .unwrap_or_default();
        if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
            message = message.help(format!("`{near}` is near")).fix(at.span, near);
        } else if self.specs.iter().any(|spec| spec.name.name == name || spec.name.name == format!("std.{name}")) {
            message = message.help(format!("add it to `imports`: `- {{ name: {name} }}`"));
        }
        self.report(message);
    }

    /// Finds functions and constants by a bare name, the nearest first: the module's own, or those that imports name;
    /// then the prelude's. As a method, those of imports without `only` count.
    pub(super) fn items_in_sight(&mut self, name: &Ident, is_method: bool) -> Vec<usize> {
        let from = self.body.module;
        let Some(scope) = self.scopes.get(from) else { return Vec::new() };
        let is_own = scope.items.contains_key(&name.name);
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (at, import) in scope.imports.iter().enumerate() {
            let is_named = import.only.iter().any(|only| only.name == name.name);
            let has_it = self.scopes.get(import.module).is_some_and(|scope| scope.items.contains_key(&name.name));
            if has_it && !is_own && (is_named || (is_method && import.only.is_empty())) {
                found.push((at, import.module));
            }
        }
        if found.len() > 1 && !is_method {
            let imports: Vec<_> = found.iter().filter_map(|(at, _)| scope.imports.get(*at)).collect();
            let names: Vec<String> = imports
                .iter()
                .map(|import| format!("`{}.{}`", import.names.last().map_or("", String::as_str), name.name))
                .collect();
            let spans: Vec<_> = imports.iter().map(|import| import.span).collect();
            let text = format!("`{}` could be {}", name.name, names.join(" or "));
            let mut message = Diagnostic::new("E0303", name.span, text).help("write the module before it");
            for span in spans {
                message = message.also(span, "imported here");
            }
            self.report(message);
            found.truncate(1);
        }
        self.used_imports.extend(found.iter().map(|(at, _)| (from, *at)));
        let nearer: Vec<usize> =
            if is_own { vec![from] } else { found.into_iter().map(|(_, module)| module).collect() };
        let mut items: Vec<usize> = nearer.iter().flat_map(|module| self.items_of(*module, &name.name)).collect();
        let others = self.by_name.get(name.name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let others = others.iter().filter(|item| {
            let module = self.decls[**item].module;
            self.is_prelude(module) && !nearer.contains(&module)
        });
        items.extend(others);
        items
    }

    /// Gives a module's functions and constants of a name: in std there may be several.
    pub(super) fn items_of(&self, module: usize, name: &str) -> Vec<usize> {
        let items = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        items.iter().copied().filter(|item| self.decls[*item].module == module).collect()
    }

    /// Says that nothing in sight has that name.
    pub(super) fn unknown_name(&mut self, name: &Ident, what: &str) {
        let mut message =
            Diagnostic::new("E0301", name.span, format!("no {what} is named `{}`", name.name)).label("unknown name");
        self.n_unknown += 1;
        if self.n_unknown > SUGGESTIONS_MAX {
            self.report(message);
            return;
        }
        let mut known: Vec<String> = self.body.scope.iter().map(|(name, _)| name.clone()).collect();
        if let Some(scope) = self.scopes.get(self.body.module) {
            known.extend(scope.items.keys().cloned());
            known.extend(scope.imports.iter().flat_map(|import| &import.only).map(|only| only.name.clone()));
        }
        known.extend(crate::intrinsic::TABLE.iter().map(|row| row.name.to_string()));
        known.extend(super::methods::METHODS.iter().map(|row| row.name.to_string()));
        known.sort();
        let case = self.program.types.iter().find(|def| match &def.shape {
            Shape::Enum { cases, .. } => cases.iter().any(|case| case.name == name.name),
            _ => false,
        });
        let elsewhere = self.by_name.get(name.name.as_str()).and_then(|items| items.first());
        if let Some(def) = case {
            let full = format!("{}.{}", def.name, name.name);
            message = message.help(format!("a case is written with its enum: `{full}`")).fix(name.span, full);
        } else if let Some(near) = nearest(&name.name, known.iter().map(String::as_str)) {
            message = message.help(format!("`{near}` is near")).fix(name.span, near);
        } else if let Some(item) = elsewhere {
            let module = &self.specs[self.decls[*item].module].name.name;
            message = message.help(format!("`{module}` has one: import it"));
        }
        self.report(message);
    }

    /// Whether the declaration is a constant.
    pub(super) fn is_constant(&self, decl: usize) -> bool {
        self.decls.get(decl).is_some_and(|decl| matches!(decl.item, Item::Constant(_)))
    }
}
