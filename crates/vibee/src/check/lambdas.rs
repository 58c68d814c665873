//! Arguments that are lambdas, or names of functions in their place.

use crate::{
    ast::{self, ExprKind, Ident},
    diagnostic::Diagnostic,
    source::Span,
    typed::{Kind, LocalId},
    types::Type,
};

use super::{
    Checker,
    calls::Given,
    candidates::Param,
    expr::{lets_around, node, poison},
};

impl Checker<'_> {
    /// A lambda as argument, or the name of a function in its place.
    pub(super) fn lambda(&mut self, expr: &ast::Expr, takes: &[Type], gives: &Type) -> Given {
        let mut inner = expr;
        while let ExprKind::Paren(within) = &inner.kind {
            inner = within;
        }
        match &inner.kind {
            ExprKind::Lambda(names, body) => self.lambda_of(names, body, takes, gives, expr.span),
            ExprKind::Name(name) if !self.body.scope.iter().any(|(n, _)| n == name) => {
                self.function_as_lambda(&Ident { name: name.clone(), span: inner.span }, takes, gives)
            }
            _ => {
                let text = "a lambda is expected here";
                let takes: Vec<String> = takes.iter().map(|ty| self.show(ty)).collect();
                let help = format!("such as `x => …`, from {} to {}", takes.join(" and "), self.show(gives));
                self.report(Diagnostic::new("E0310", expr.span, text).help(help));
                Given::Lambda(takes.iter().map(|_| self.made("$none", &Type::Poison)).collect(), poison(expr.span))
            }
        }
    }

    fn lambda_of(&mut self, names: &[Ident], body: &ast::Expr, takes: &[Type], gives: &Type, span: Span) -> Given {
        let depth = self.body.scope.len();
        if names.len() == takes.len() {
            let locals: Vec<LocalId> = names.iter().zip(takes).map(|(name, ty)| self.bind_lambda(name, ty)).collect();
            let body = self.expr(body, gives);
            self.leave(depth);
            return Given::Lambda(locals, body);
        }
        // `(key, value) => …` where a pair is taken, or `(acc, key, value) => …` where it is the last.
        if let Some((last, before)) = takes.split_last()
            && let Type::Tuple(parts) = self.resolved(last)
            && names.len() == before.len() + parts.len()
        {
            let mut locals: Vec<LocalId> =
                names.iter().zip(before).map(|(name, ty)| self.bind_lambda(name, ty)).collect();
            let pair = self.made("$pair", last);
            locals.push(pair);
            let mut lets = Vec::new();
            for (at, (name, ty)) in names.iter().skip(before.len()).zip(&parts).enumerate() {
                let local = self.bind_lambda(name, ty);
                let part = Kind::Field(Box::new(self.read(pair, name.span)), at as u16);
                lets.push((local, node(part, ty.clone(), name.span)));
            }
            let body = self.expr(body, gives);
            self.leave(depth);
            return Given::Lambda(locals, lets_around(lets, body));
        }
        let text = format!("a lambda of {} names is expected here, found {}", takes.len(), names.len());
        self.report(Diagnostic::new("E0310", span, text));
        let locals = takes.iter().map(|_| self.made("$none", &Type::Poison)).collect();
        self.leave(depth);
        Given::Lambda(locals, poison(span))
    }

    fn bind_lambda(&mut self, name: &Ident, ty: &Type) -> LocalId {
        if name.name == "_" { self.made("$_", ty) } else { self.bind(name, ty) }
    }

    fn function_as_lambda(&mut self, name: &Ident, takes: &[Type], gives: &Type) -> Given {
        let locals: Vec<LocalId> = takes.iter().map(|ty| self.made("$item", ty)).collect();
        let mut candidates = self.candidates(name, false);
        if candidates.is_empty() {
            self.unknown_name(name, "function");
            return Given::Lambda(locals, poison(name.span));
        }
        let known = candidates.clone();
        candidates.retain(|candidate| {
            candidate.params.len() == takes.len()
                && candidate.params.iter().zip(takes).all(|(param, ty)| match param {
                    Param::Value(param) => self.fits(param, ty),
                    Param::Lambda(..) => false,
                })
        });
        let mut given: Vec<Option<Given>> =
            locals.iter().map(|local| Some(Given::Value(self.read(*local, name.span)))).collect();
        let Some(chosen) = self.settle(&candidates, &mut given, gives) else {
            let takes: Vec<String> = takes.iter().map(|ty| self.show(ty)).collect();
            let text = format!("`{}` does not take {}", name.name, takes.join(", "));
            let mut message = Diagnostic::new("E0310", name.span, text);
            for candidate in known.iter().take(4) {
                message = message.help(format!("`{}{}`", name.name, self.show_params(candidate)));
            }
            self.report(message);
            return Given::Lambda(locals, poison(name.span));
        };
        let given: Vec<Given> = given.into_iter().flatten().collect();
        let call = self.finish_call(name, &chosen, given, &[], &[], name.span);
        let call = self.agree(call, gives);
        Given::Lambda(locals, call)
    }
}
