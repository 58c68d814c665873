//! What is allowed and probably not meant.

use std::collections::HashSet;

use crate::{
    diagnostic::Diagnostic,
    source::Span,
    typed::{Expected, Expr, FunctionId, Kind, Role},
    types::{Shape, Type, TypeId},
    value::Value,
};

use super::{Checker, Item};

/// Codes of what is unused or always the same: not told where anything is wrong.
pub(super) const CODES: [&str; 6] = ["W0350", "W0351", "W0352", "W0353", "W0354", "W0412"];

impl Checker<'_> {
    /// Looks for what is never used or always the same, in the modules that were asked for.
    pub(super) fn lints(&mut self) {
        self.unused_imports();
        self.errors_never_raised();
        self.constant_conditions();
        self.cases_in_no_example();
        self.errors_not_named();
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

    /// Cases of enums that no row has, where rows have others of the same enum. A property over the enum has them all.
    fn cases_in_no_example(&mut self) {
        let mut seen: HashSet<(TypeId, u16)> = HashSet::new();
        for example in &self.program.examples {
            let result = match &example.expected {
                Expected::Value(id, _) => Some(*id),
                _ => None,
            };
            for id in example.args.iter().copied().chain(result) {
                let Some(body) = &self.program.function(id).body else { continue };
                // What a call gives is not known here.
                if !collect_cases(body, &mut seen) {
                    return;
                }
            }
        }
        let vars = self.program.properties.iter().flat_map(|p| p.vars.iter().map(|(_, ty)| ty.clone()));
        let mut drawn = HashSet::new();
        self.for_each_within(&vars.collect::<Vec<_>>(), &mut |ty| {
            if let Type::Named(id) = ty {
                drawn.insert(*id);
            }
        });
        // Of errors that `raises` names, W0412 speaks.
        let mut raised = HashSet::new();
        for function in self.program.functions.iter().filter(|function| !function.raises.is_empty()) {
            if let Type::Result(_, err) = self.program.erased(&function.returns)
                && let Type::Named(id) = *err
            {
                raised.extend(function.raises.iter().map(|number| (id, *number)));
            }
        }
        let mut messages = Vec::new();
        for (at, def) in self.program.types.iter().enumerate() {
            let id = TypeId(at as u32);
            let Shape::Enum { cases, .. } = &def.shape else { continue };
            let is_asked_for = self.type_modules.get(at).is_some_and(|module| self.is_asked_for(*module));
            let is_seen = (0..cases.len()).any(|n| seen.contains(&(id, n as u16)));
            if !is_asked_for || !is_seen || drawn.contains(&id) {
                continue;
            }
            for (number, case) in cases.iter().enumerate() {
                let case_id = (id, number as u16);
                if !seen.contains(&case_id) && !raised.contains(&case_id) {
                    let text = format!("no example has the case `{}` of `{}`", case.name, def.name);
                    messages.push(Diagnostic::new("W0353", def.span, text));
                }
            }
        }
        self.diagnostics.extend(messages);
    }

    /// Errors that a body makes and `raises`, where it stands, does not name.
    fn errors_not_named(&mut self) {
        let mut found = Vec::new();
        for (decl, of) in self.decls.iter().enumerate() {
            let Item::Function(item) = of.item else { continue };
            let Some(id) = self.instances.get(&(decl, Vec::new())) else { continue };
            if item.raises.is_none() || !self.is_asked_for(of.module) {
                continue;
            }
            let function = self.program.function(*id);
            if let (Some(body), Type::Result(_, err)) = (&function.body, self.program.erased(&function.returns)) {
                find_errors(body, &err, &function.raises, &mut found);
            }
        }
        for (span, id, number) in found {
            let Shape::Enum { cases, .. } = &self.program.type_def(id).shape else { continue };
            let case = cases.get(usize::from(number)).map_or("", |case| &case.name);
            let text = format!("`raises` does not name `{case}`");
            self.report(Diagnostic::new("W0354", span, text).help("add it to `raises`"));
        }
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

/// Collects cases of an error type that stand within `Err` and are none of `named`.
fn find_errors(expr: &Expr, err: &Type, named: &[u16], found: &mut Vec<(Span, TypeId, u16)>) {
    if let Kind::Err(of) = &expr.kind
        && of.ty == *err
    {
        let mut inner = &**of;
        while let Kind::Cover(_, of) = &inner.kind {
            inner = of;
        }
        if let Kind::Variant(id, number, _) = inner.kind
            && !named.contains(&number)
        {
            found.push((inner.span, id, number));
        }
    }
    expr.for_each_part(&mut |child| find_errors(child, err, named, found));
}

/// Collects the cases that an expression makes; says whether it makes all that it gives itself.
fn collect_cases(expr: &Expr, seen: &mut HashSet<(TypeId, u16)>) -> bool {
    if let Kind::Variant(id, number, _) = &expr.kind {
        seen.insert((*id, *number));
    }
    let mut is_known = !matches!(expr.kind, Kind::Call { .. });
    expr.for_each_part(&mut |child| is_known &= collect_cases(child, seen));
    is_known
}

fn find_constant_conditions(expr: &Expr, found: &mut Vec<(Span, bool)>) {
    if let Kind::If { condition, .. } = &expr.kind
        && let Kind::Const(Value::Bool(value)) = condition.kind
    {
        found.push((condition.span, value));
    }
    expr.for_each_part(&mut |child| find_constant_conditions(child, found));
}
