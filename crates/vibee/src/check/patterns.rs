//! Patterns, against the type of what they look at.

use crate::{
    ast::{self, ExprKind, Ident, PatternKind, UnaryOp},
    diagnostic::Diagnostic,
    source::Span,
    typed::{Kind, LocalId, Pattern},
    types::{Shape, Type, TypeId},
    value::Value,
};

use super::{Checker, unify::is_poisoned};

type NamedPattern = (Option<Ident>, ast::Pattern);

impl Checker<'_> {
    /// Makes a pattern and binds its names.
    pub(super) fn pattern(&mut self, pattern: &ast::Pattern, ty: &Type) -> Pattern {
        let n_before = self.diagnostics.len();
        let made = self.pattern_of(pattern, ty);
        self.body.is_pattern_broken |= self.diagnostics.len() > n_before || matches!(pattern.kind, PatternKind::Broken);
        made
    }

    fn pattern_of(&mut self, pattern: &ast::Pattern, ty: &Type) -> Pattern {
        let span = pattern.span;
        let ty = &self.shallow(ty);
        match &pattern.kind {
            PatternKind::Any | PatternKind::Broken => Pattern::Any,
            PatternKind::Literal(literal) => self.literal_pattern(literal, ty),
            PatternKind::Range(lo, hi) => {
                if !self.unify(ty, &Type::Int) {
                    self.mismatch(span, ty, &Type::Int);
                    return Pattern::Any;
                }
                match (self.int_of(lo), self.int_of(hi)) {
                    (Some(lo), Some(hi)) if lo > hi => {
                        let text = format!("no Int is from {lo} to {hi}");
                        self.report(Diagnostic::new("E0330", span, text).help("the smaller bound comes first"));
                        Pattern::Any
                    }
                    (Some(lo), Some(hi)) => Pattern::IntIn(lo, hi),
                    _ => Pattern::Any,
                }
            }
            PatternKind::Name(name) => self.name_pattern(name, ty),
            PatternKind::Case { of, name, fields } => self.case_pattern(of, name, fields.as_deref(), ty, span),
            PatternKind::Tuple(parts) => {
                let types: Vec<Type> = match ty {
                    Type::Tuple(of) if of.len() == parts.len() => of.clone(),
                    _ => {
                        let types: Vec<Type> = parts.iter().map(|_| self.fresh()).collect();
                        if !self.unify(ty, &Type::Tuple(types.clone())) {
                            self.mismatch(span, ty, &Type::Tuple(types));
                            return self.bind_all(parts.iter());
                        }
                        types
                    }
                };
                Pattern::Tuple(parts.iter().zip(&types).map(|(part, ty)| self.pattern(part, ty)).collect())
            }
            PatternKind::List(items) => {
                let of = self.fresh();
                let list = Type::List(Box::new(of.clone()));
                if !self.unify(ty, &list) {
                    self.mismatch(span, ty, &list);
                    return self.bind_all(items.iter());
                }
                Pattern::List(items.iter().map(|item| self.pattern(item, &of)).collect())
            }
            PatternKind::Or(alternatives) => self.or_pattern(alternatives, ty),
        }
    }

    /// Binds the names of patterns whose type is unknown, so that their uses are not unknown names as well.
    fn bind_all<'p>(&mut self, patterns: impl Iterator<Item = &'p ast::Pattern>) -> Pattern {
        for pattern in patterns {
            self.pattern(pattern, &Type::Poison);
        }
        Pattern::Any
    }

    fn or_pattern(&mut self, alternatives: &[ast::Pattern], ty: &Type) -> Pattern {
        let depth = self.body.scope.len();
        let outer = self.body.alternatives.take();
        let mut made = Vec::new();
        let mut names: Vec<(String, LocalId, bool)> = Vec::new();
        for (number, alternative) in alternatives.iter().enumerate() {
            if number == 0 {
                self.body.alternatives.clone_from(&outer);
                made.push(self.pattern(alternative, ty));
                names = self.body.scope.iter().skip(depth).map(|(name, id)| (name.clone(), *id, false)).collect();
                if let Some(outer) = self.body.alternatives.take() {
                    names.extend(
                        outer.into_iter().filter(|(_, _, is_bound)| *is_bound).map(|(n, id, _)| (n, id, false)),
                    );
                }
                continue;
            }
            let n_before = self.diagnostics.len();
            self.body.alternatives = Some(names.clone());
            made.push(self.pattern(alternative, ty));
            let missing = self.body.alternatives.take().into_iter().flatten().find(|(_, _, is_bound)| !is_bound);
            if let (Some((name, _, _)), true) = (missing, self.diagnostics.len() == n_before) {
                let text = format!("this alternative does not bind `{name}`, the first one does");
                self.report(Diagnostic::new("E0310", alternative.span, text));
            }
        }
        self.body.alternatives = outer.map(|outer| {
            let bound = |name: &String| names.iter().any(|(n, _, _)| n == name);
            outer
                .into_iter()
                .map(|(name, id, is_bound)| {
                    let now = is_bound || bound(&name);
                    (name, id, now)
                })
                .collect()
        });
        Pattern::Or(made)
    }

    fn bind_pattern(&mut self, name: &Ident, ty: &Type) -> Pattern {
        let Some(names) = &mut self.body.alternatives else { return Pattern::Bind(self.bind(name, ty)) };
        let Some((_, id, is_bound)) = names.iter_mut().find(|(n, _, _)| *n == name.name) else {
            let text = format!("the first alternative does not bind `{}`", name.name);
            self.report(Diagnostic::new("E0310", name.span, text).help("all alternatives bind the same names"));
            return Pattern::Bind(self.bind(name, ty));
        };
        *is_bound = true;
        let id = *id;
        let first = self.local_type(id);
        if !self.unify(&first, ty) {
            self.mismatch(name.span, &first, ty);
        }
        Pattern::Bind(id)
    }

    fn name_pattern(&mut self, name: &Ident, ty: &Type) -> Pattern {
        if name.name == "None" {
            return self.case_pattern(&[], name, None, ty, name.span);
        }
        if let Type::Named(id) = ty
            && let Shape::Enum { cases, .. } = &self.program.type_def(*id).shape
            && cases.iter().any(|case| case.name == name.name)
        {
            return self.case_pattern(&[], name, None, ty, name.span);
        }
        self.bind_pattern(name, ty)
    }

    fn int_of(&mut self, expr: &ast::Expr) -> Option<i64> {
        match self.expr(expr, &Type::Int).kind {
            Kind::Const(Value::Int(value)) => Some(value),
            _ => None,
        }
    }

    fn literal_pattern(&mut self, literal: &ast::Expr, ty: &Type) -> Pattern {
        if matches!(literal.kind, ExprKind::None) {
            let name = Ident { name: "None".into(), span: literal.span };
            return self.case_pattern(&[], &name, None, ty, literal.span);
        }
        let made = self.expr(literal, ty);
        if let Kind::Const(value) = made.kind {
            return Pattern::Literal(value);
        }
        let is_number = |expr: &ast::Expr| matches!(expr.kind, ExprKind::Int(_) | ExprKind::Float(_));
        let is_known = match &literal.kind {
            ExprKind::Unary(UnaryOp::Neg, of) => is_number(of),
            _ => is_number(literal),
        };
        if !is_known && !is_poisoned(&made.ty) {
            self.report(Diagnostic::new("E0310", literal.span, "a pattern has literals and names alone"));
        }
        Pattern::Any
    }

    fn case_pattern(
        &mut self,
        of: &[Ident],
        name: &Ident,
        fields: Option<&[NamedPattern]>,
        ty: &Type,
        span: Span,
    ) -> Pattern {
        let given = fields.unwrap_or_default();
        if of.is_empty()
            && let Some(made) = self.built_in_pattern(name, fields, ty, span)
        {
            return made;
        }
        // `Type.case`, `module.Type.case`, `case` of the type that is looked at, `Type(…)` of a record.
        let id = if of.is_empty() {
            match ty {
                Type::Named(id) if self.is_enum(*id) => Some(*id),
                _ => None,
            }
        } else {
            None
        };
        let id = if let Some(id) = id {
            id
        } else {
            let mut path = of.to_vec();
            if of.is_empty() || !self.names_type(of) {
                path.push(name.clone());
                return self.record_pattern(&path, given, ty, span);
            }
            let Some(id) = self.type_named(self.body.module, &path) else {
                return self.bind_all(given.iter().map(|(_, pattern)| pattern));
            };
            id
        };
        let found = self.program.erased(&Type::Named(id));
        if !self.unify(ty, &found) {
            self.mismatch(span, ty, &found);
            return self.bind_all(given.iter().map(|(_, pattern)| pattern));
        }
        let Some((id, number, case_fields)) = self.case(id, name) else {
            return self.bind_all(given.iter().map(|(_, pattern)| pattern));
        };
        // `case` alone fits whatever it carries.
        if fields.is_none() {
            return Pattern::Variant(id, number, case_fields.iter().map(|_| Pattern::Any).collect());
        }
        let what = format!("case `{}`", name.name);
        let inner = self.field_patterns(&what, &case_fields, given, span);
        Pattern::Variant(id, number, inner)
    }

    fn is_enum(&self, id: TypeId) -> bool {
        matches!(self.program.type_def(id).shape, Shape::Enum { .. })
    }

    /// Whether a path names a type rather than a module.
    fn names_type(&mut self, path: &[Ident]) -> bool {
        match path {
            [only] => {
                self.type_in_sight(self.body.module, &only.name).is_some()
                    || self.module_named(self.body.module, &only.name).is_none()
            }
            _ => true,
        }
    }

    fn record_pattern(&mut self, path: &[Ident], given: &[NamedPattern], ty: &Type, span: Span) -> Pattern {
        let Some(id) = self.type_named(self.body.module, path) else {
            return self.bind_all(given.iter().map(|(_, pattern)| pattern));
        };
        let found = self.program.erased(&Type::Named(id));
        let fields = match &found {
            Type::Named(record) => match &self.program.type_def(*record).shape {
                Shape::Record(fields) => {
                    Some((*record, fields.iter().map(|f| (f.name.clone(), f.ty.clone())).collect::<Vec<_>>()))
                }
                _ => None,
            },
            _ => None,
        };
        let Some((record, fields)) = fields else {
            let text = format!("`{}` is no record: a pattern cannot take it apart", self.program.type_def(id).name);
            self.report(Diagnostic::new("E0310", span, text));
            return self.bind_all(given.iter().map(|(_, pattern)| pattern));
        };
        if !self.unify(ty, &found) {
            self.mismatch(span, ty, &found);
            return self.bind_all(given.iter().map(|(_, pattern)| pattern));
        }
        let what = format!("record `{}`", self.show(&found));
        Pattern::Record(record, self.field_patterns(&what, &fields, given, span))
    }

    /// Patterns for fields: by name, where those not named may be anything, or all by place.
    fn field_patterns(
        &mut self,
        what: &str,
        fields: &[(String, Type)],
        given: &[NamedPattern],
        span: Span,
    ) -> Vec<Pattern> {
        let mut made: Vec<Option<Pattern>> = fields.iter().map(|_| None).collect();
        let by_place = given.iter().filter(|(name, _)| name.is_none()).count();
        if by_place > 0 && given.len() != fields.len() {
            let text = format!("{what} carries {} values, found {}", fields.len(), given.len());
            self.report(Diagnostic::new("E0310", span, text).help("by name, those that do not matter may be left out"));
        }
        for (number, (name, pattern)) in given.iter().enumerate() {
            let at = match name {
                None => Some(number),
                Some(name) => fields.iter().position(|(n, _)| *n == name.name),
            };
            let Some((at, (field, declared))) = at.and_then(|at| Some((at, fields.get(at)?))) else {
                if let Some(name) = name {
                    let text = format!("{what} has no `{}`", name.name);
                    let mut message = Diagnostic::new("E0301", name.span, text).label("unknown field");
                    if let Some(near) = crate::nearest::nearest(&name.name, fields.iter().map(|(n, _)| n.as_str())) {
                        message = message.help(format!("`{near}` is near")).fix(name.span, near);
                    }
                    self.report(message);
                }
                self.pattern(pattern, &Type::Poison);
                continue;
            };
            if made[at].is_some() {
                let text = format!("field `{field}` is given twice");
                self.report(Diagnostic::new("E0322", pattern.span, text));
            }
            let ty = self.program.erased(declared);
            made[at] = Some(self.pattern(pattern, &ty));
        }
        made.into_iter().map(|pattern| pattern.unwrap_or(Pattern::Any)).collect()
    }

    /// `None`, `Some(…)`, `Ok(…)`, `Err(…)`.
    fn built_in_pattern(
        &mut self,
        name: &Ident,
        fields: Option<&[NamedPattern]>,
        ty: &Type,
        span: Span,
    ) -> Option<Pattern> {
        let n_fields = match name.name.as_str() {
            "None" => 0,
            "Some" | "Ok" | "Err" => 1,
            _ => return None,
        };
        let (of, err) = (self.fresh(), self.fresh());
        let whole = match name.name.as_str() {
            "None" | "Some" => Type::Option(Box::new(of.clone())),
            _ => Type::Result(Box::new(of.clone()), Box::new(err.clone())),
        };
        let given = fields.unwrap_or_default();
        if !self.unify(ty, &whole) {
            self.mismatch(span, ty, &whole);
            return Some(self.bind_all(given.iter().map(|(_, pattern)| pattern)));
        }
        if given.len() != n_fields && fields.is_some() || given.iter().any(|(name, _)| name.is_some()) {
            let text = format!("`{}` carries {}", name.name, if n_fields == 0 { "nothing" } else { "one value" });
            self.report(Diagnostic::new("E0310", span, text));
            return Some(self.bind_all(given.iter().map(|(_, pattern)| pattern)));
        }
        let inner = if name.name == "Err" { &err } else { &of };
        let inner = Box::new(given.first().map_or(Pattern::Any, |(_, pattern)| self.pattern(pattern, inner)));
        Some(match name.name.as_str() {
            "None" => Pattern::None,
            "Some" => Pattern::Some(inner),
            "Ok" => Pattern::Ok(inner),
            _ => Pattern::Err(inner),
        })
    }
}
