//! What names mean: modules, types, functions and constants in sight of a module.

use crate::{
    ast::{Expr, ExprKind, Ident},
    diagnostic::Diagnostic,
    types::{FOREIGN_SPELLINGS, SPELLINGS, Shape, TypeId},
};

use super::{Checker, Item};
use crate::nearest::{beginning, nearest};

/// Names of which a message lists some, at most.
const LISTED_MAX: usize = 12;

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
            self.n_unknown += 1;
            message = match before.is_empty() {
                true if self.n_unknown > SUGGESTIONS_MAX => message,
                true => self.type_help(from, name, message),
                false => message.help(self.types_of(before, name)),
            };
            self.report(message);
        }
        found
    }

    /// Says what may have been meant by the name of a type: another spelling, a near name, one of another module; else
    /// which there are.
    fn type_help(&self, from: usize, name: &Ident, message: Diagnostic) -> Diagnostic {
        let mut spellings = SPELLINGS.iter().chain(FOREIGN_SPELLINGS);
        if let Some((_, ours)) = spellings.find(|(theirs, _)| theirs.eq_ignore_ascii_case(&name.name)) {
            return message.help(format!("it is written `{ours}` here")).fix(name.span, *ours);
        }
        let known = self.type_names(from);
        if let Some(near) = nearest(&name.name, known.iter().map(String::as_str)) {
            return message.help(format!("`{near}` is near")).fix(name.span, near);
        }
        let is_elsewhere = |at: &usize| self.scopes.get(*at).is_some_and(|scope| scope.types.contains_key(&name.name));
        if let Some(module) = (0..self.scopes.len()).find(is_elsewhere) {
            let of = &self.specs[module].name.name;
            let is_imported = self.scopes[from].imports.iter().any(|import| import.module == module);
            let full = format!("{of}.{}", name.name);
            return if is_imported {
                message.help(format!("with its module it is `{full}`")).fix(name.span, full)
            } else {
                message.help(format!("`{of}` has one: add `- {{ name: {of} }}` to `imports`, and write `{full}`"))
            };
        }
        let mut own: Vec<&str> = self.scopes[from].types.keys().map(String::as_str).collect();
        own.sort_unstable();
        let own = if own.is_empty() { "none".to_owned() } else { listed(&own) };
        let built_in: Vec<&str> = super::resolve::BUILT_IN.iter().map(|(name, _)| *name).collect();
        message
            .help(format!("types of this file: {own}; built in: {}", built_in.join(", ")))
            .help("types of one's own stand under `types`, those of other files under `imports`")
    }

    /// Says which types a module has.
    fn types_of(&self, path: &[Ident], wrong: &Ident) -> String {
        let module = path.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(".");
        let number = self.specs.iter().position(|spec| {
            spec.name.name == module || spec.name.name.strip_prefix("std.").is_some_and(|short| short == module)
        });
        let scope = number.and_then(|number| self.scopes.get(number));
        let mut types: Vec<&str> =
            scope.map_or_else(Vec::new, |scope| scope.types.keys().map(String::as_str).collect());
        types.sort_unstable();
        match nearest(&wrong.name, types.iter().copied()) {
            Some(near) => format!("`{near}` is near"),
            None if types.is_empty() => format!("`{module}` has no types"),
            None => format!("types of `{module}`: {}", listed(&types)),
        }
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
        } else if let Some(near) = beginning(&name.name, known.iter().map(String::as_str)) {
            message = message.help(format!("there is `{near}`"));
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

/// Names in a message, the first of many.
fn listed(names: &[&str]) -> String {
    let mut shown: Vec<String> = names.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    if names.len() > LISTED_MAX {
        shown.push(format!("and {} more", names.len() - LISTED_MAX));
    }
    shown.join(", ")
}
