//! Quantifiers, and what they go over.

use crate::{
    ast::{self, ExprKind, Ident, Quantifier},
    diagnostic::Diagnostic,
    source::Span,
    typed::{Expr, Kind, LoopForm, Over},
    types::{Shape, Type},
    value::Value,
};

use super::{
    Checker,
    expr::{bool, if_else, int, node, poison},
    loops::{Iteration, over_of},
    unify::is_poisoned,
};

impl Checker<'_> {
    pub(super) fn quantified(
        &mut self,
        quantifier: Quantifier,
        name: &Ident,
        over: &ast::Expr,
        (filter, body): (Option<&ast::Expr>, &ast::Expr),
        want: &Type,
        span: Span,
    ) -> Expr {
        let Some((over, ty)) = self.domain(over) else {
            let depth = self.body.scope.len();
            self.bind(name, &Type::Poison);
            filter.into_iter().chain([body]).for_each(|expr| {
                self.infer(expr);
            });
            self.leave(depth);
            return poison(span);
        };
        let depth = self.body.scope.len();
        let item = self.bind(name, &ty);
        let filter = filter.map(|filter| self.expr(filter, &Type::Bool));
        let iteration = Iteration { over, item, span };
        let made = match quantifier {
            Quantifier::Map => {
                let of = match self.shallow(want) {
                    Type::List(of) => *of,
                    _ => self.fresh(),
                };
                let value = self.expr(body, &of);
                self.mapped(iteration, filter, value)
            }
            Quantifier::Sum => {
                let value = match self.shallow(want) {
                    want @ (Type::U64 | Type::Float | Type::F32) => self.expr(body, &want),
                    _ => self.infer(body),
                };
                self.summed(iteration, filter, value)
            }
            Quantifier::All | Quantifier::Any | Quantifier::Count | Quantifier::Filter => {
                let condition = self.expr(body, &Type::Bool);
                // What does not count settles nothing.
                let otherwise = bool(quantifier == Quantifier::All, span);
                let condition = match filter {
                    Some(filter) => if_else(filter, condition, otherwise),
                    None => condition,
                };
                match quantifier {
                    Quantifier::Any => self.settled(LoopForm::Any, iteration, condition),
                    Quantifier::Count => self.counted(iteration, condition),
                    Quantifier::Filter => {
                        let value = self.read(item, name.span);
                        self.mapped(iteration, Some(condition), value)
                    }
                    _ => self.settled(LoopForm::All, iteration, condition),
                }
            }
        };
        self.leave(depth);
        made
    }

    /// What a quantifier goes over, and the type of its items: a list, set, map, text, bytes, a range of Ints, or a
    /// type of few values.
    fn domain(&mut self, over: &ast::Expr) -> Option<(Over, Type)> {
        if let Some(domain) = self.type_as_domain(over) {
            return domain;
        }
        let made = self.infer(over);
        let ty = self.resolved(&made.ty);
        let item = match ty {
            Type::List(of) | Type::Set(of) => *of,
            Type::Map(key, of) => Type::Tuple(vec![*key, *of]),
            Type::String => Type::String,
            Type::Bytes => Type::Int,
            _ => {
                if !is_poisoned(&ty) {
                    let text = format!("{} has no items to go over", self.show(&ty));
                    let help = "List, Set, Map, String, Bytes, a range `a..b` and enums without payload have";
                    self.report(Diagnostic::new("E0310", over.span, text).help(help));
                }
                return None;
            }
        };
        Some((over_of(made), item))
    }

    /// A type in the place of a domain: `Bool`, `Trit`, `Int(0..9)`, an enum whose cases carry nothing.
    #[expect(clippy::option_option, reason = "no type, a type that is no domain, a domain")]
    fn type_as_domain(&mut self, over: &ast::Expr) -> Option<Option<(Over, Type)>> {
        let span = over.span;
        let list = |values: Vec<Value>, ty: Type| {
            let items = values.into_iter().map(|value| node(Kind::Const(value), ty.clone(), span)).collect();
            Some(Some((Over::Items(node(Kind::List(items), Type::List(Box::new(ty.clone())), span)), ty)))
        };
        if let ExprKind::Call { callee, args, .. } = &over.kind
            && let (ExprKind::Name(name), [arg]) = (&callee.kind, args.as_slice())
            && name == "Int"
            && let ExprKind::Binary(ast::BinaryOp::Range, _, lo, hi) = &arg.value.kind
        {
            let (lo, hi) = (self.expr(lo, &Type::Int), self.expr(hi, &Type::Int));
            return Some(Some((Over::Range(lo, hi), Type::Int)));
        }
        let shown = match &over.kind {
            ExprKind::Name(name) if self.body.scope.iter().any(|(n, _)| n == name) => return None,
            ExprKind::Name(name) => name.clone(),
            _ => String::new(),
        };
        match shown.as_str() {
            "Bool" => return list(vec![Value::Bool(false), Value::Bool(true)], Type::Bool),
            "Trit" => return list(vec![Value::Trit(-1), Value::Trit(0), Value::Trit(1)], Type::Trit),
            name if super::resolve::BUILT_IN.iter().any(|(built_in, _)| *built_in == name) => {
                self.endless(span, name);
                return Some(None);
            }
            _ => {}
        }
        let id = self.type_path(over)?;
        let mut declared = Type::Named(id);
        while let Type::Named(id) = declared {
            match &self.program.type_def(id).shape {
                Shape::Alias(base) => declared = base.clone(),
                _ => break,
            }
        }
        match declared {
            Type::Bool => return list(vec![Value::Bool(false), Value::Bool(true)], Type::Bool),
            Type::Trit => return list(vec![Value::Trit(-1), Value::Trit(0), Value::Trit(1)], Type::Trit),
            Type::IntIn(lo, hi) => return Some(Some((Over::Range(int(lo, span), int(hi, span)), Type::Int))),
            Type::Named(id) => {
                if let Shape::Enum { cases, .. } = &self.program.type_def(id).shape
                    && cases.iter().all(|case| case.fields.is_empty())
                {
                    let ty = Type::Named(id);
                    let cases = (0..cases.len() as u16).map(|n| node(Kind::Variant(id, n, vec![]), ty.clone(), span));
                    let items = node(Kind::List(cases.collect()), Type::List(Box::new(ty.clone())), span);
                    return Some(Some((Over::Items(items), ty)));
                }
            }
            Type::Poison => return Some(None),
            _ => {}
        }
        let name = self.program.type_def(id).name.clone();
        self.endless(span, &name);
        Some(None)
    }

    fn endless(&mut self, span: Span, name: &str) {
        let text = format!("`{name}` is no domain that a quantifier can go over");
        let message = Diagnostic::new("E0342", span, text)
            .help("Bool, Trit, `Int(a..b)` and enums without payload are; a property (`forall`) draws from any type");
        self.report(message);
    }
}
