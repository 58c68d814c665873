//! What is allowed and probably not meant.

use std::collections::HashSet;

use crate::{
    diagnostic::Diagnostic,
    source::Span,
    typed::{Expected, Expr, FunctionId, Kind, Role},
    types::{Shape, Type},
    value::Value,
};

use super::{Checker, Item};

/// Codes of what is unused or always the same: not told where anything is wrong.
pub(super) const CODES: [&str; 4] = ["W0350", "W0351", "W0352", "W0412"];

impl Checker<'_> {
    /// Looks for what is never used or always the same, in the modules that were asked for.
    pub(super) fn lints(&mut self) {
        self.unused_imports();
        self.errors_never_raised();
        self.constant_conditions();
    }

    fn unused_imports(&mut self) {
        let mut unused: Vec<(Span, String)> = Vec::new();
        for (module, scope) in self.scopes.iter().enumerate() {
            if !self.is_asked_for(module) {
                continue;
            }
            for (at, import) in scope.imports.iter().enumerate() {
                if !self.used_imports.contains(&(module, at)) {
                    unused.push((import.span, import.names.first().cloned().unwrap_or_default()));
                }
            }
        }
        for (span, name) in unused {
            self.report(
                Diagnostic::new("W0351", span, format!("nothing of `{name}` is used")).help("remove the import"),
            );
        }
    }

    /// Cases of `raises` that no example's result has.
    fn errors_never_raised(&mut self) {
        let mut raised: HashSet<(FunctionId, u16)> = HashSet::new();
        let mut unknown: HashSet<FunctionId> = HashSet::new();
        for example in &self.program.examples {
            let Expected::Value(id, _) = &example.expected else { continue };
            let body = self.program.function(*id).body.as_ref();
            match body.map(|body| &body.kind) {
                Some(Kind::Err(of)) => match &of.kind {
                    Kind::Variant(_, number, _) => {
                        raised.insert((example.function, *number));
                    }
                    _ => {
                        unknown.insert(example.function);
                    }
                },
                Some(Kind::Ok(_)) => {}
                _ => {
                    unknown.insert(example.function);
                }
            }
        }
        let mut messages = Vec::new();
        for decl in 0..self.decls.len() {
            let (module, Item::Function(item)) = (self.decls[decl].module, self.decls[decl].item) else { continue };
            let Some(id) = self.instances.get(&(decl, Vec::new())) else { continue };
            if !self.is_asked_for(module) || unknown.contains(id) {
                continue;
            }
            let Some(names) = &item.raises else { continue };
            let err = match self.unaliased(&self.decls[decl].returns) {
                Type::Result(_, err) => self.program.erased(&err),
                _ => continue,
            };
            let Type::Named(err) = err else { continue };
            let Shape::Enum { cases, .. } = &self.program.type_def(err).shape else { continue };
            for name in names {
                let number = cases.iter().position(|case| case.name == name.name);
                if number.is_some_and(|number| !raised.contains(&(*id, number as u16))) {
                    let text = format!("no example of `{}` raises `{}`", item.name.name, name.name);
                    messages
                        .push(Diagnostic::new("W0412", name.span, text).help("add a row whose result is that error"));
                }
            }
        }
        self.diagnostics.extend(messages);
    }

    fn constant_conditions(&mut self) {
        let mut found: Vec<(Span, bool)> = Vec::new();
        for function in &self.program.functions {
            let is_asked_for = self
                .specs
                .iter()
                .position(|spec| spec.name.name == function.module)
                .is_some_and(|module| self.is_asked_for(module));
            if is_asked_for && matches!(function.role, Role::Function | Role::Behavior | Role::Property) {
                function.body.iter().for_each(|body| find_constant_conditions(body, &mut found));
            }
        }
        for (span, value) in found {
            self.report(Diagnostic::new("W0352", span, format!("this condition is always {value}")));
        }
    }
}

fn find_constant_conditions(expr: &Expr, found: &mut Vec<(Span, bool)>) {
    if let Kind::If { condition, .. } = &expr.kind
        && let Kind::Const(Value::Bool(value)) = condition.kind
    {
        found.push((condition.span, value));
    }
    expr.for_each_part(&mut |child| find_constant_conditions(child, found));
}
