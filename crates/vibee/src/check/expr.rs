//! Expressions, each against the type that its place asks for.

use std::rc::Rc;

use crate::{
    ast::{self, ExprKind, Ident, PatternKind},
    diagnostic::Diagnostic,
    intrinsic::Intrinsic,
    source::Span,
    typed::{Arm, CoverPoint, Expr, FunctionId, Kind, Pattern},
    types::{Shape, Type, TypeId},
    value::{Fault, Value},
};

use super::{Checker, State, unify::is_poisoned};

/// An enum, the number of one of its cases, and names and declared types of what that carries.
pub(super) type Case = (TypeId, u16, Vec<(String, Type)>);

/// Creates a node.
pub(super) fn node(kind: Kind, ty: Type, span: Span) -> Expr {
    Expr { kind, ty, span }
}

/// What stands in place of what is wrong: never run, because its message is an error.
pub(super) fn poison(span: Span) -> Expr {
    node(Kind::Fault(Fault::Range), Type::Poison, span)
}

/// Creates an operation.
pub(super) fn operation(op: Intrinsic, args: Vec<Expr>, ty: Type, span: Span) -> Expr {
    node(Kind::Intrinsic { op, args }, ty, span)
}

/// Creates an Int.
pub(super) fn int(value: i64, span: Span) -> Expr {
    node(Kind::Const(Value::Int(value)), Type::Int, span)
}

/// Creates a Bool.
pub(super) fn bool(value: bool, span: Span) -> Expr {
    node(Kind::Const(Value::Bool(value)), Type::Bool, span)
}

/// Creates an `if` with both branches.
pub(super) fn if_else(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    let (ty, span) = (then.ty.clone(), condition.span.to(otherwise.span));
    let (condition, then, otherwise) = (Box::new(condition), Box::new(then), Box::new(otherwise));
    node(Kind::If { condition, then, otherwise }, ty, span)
}

impl Checker<'_> {
    /// Makes an expression of the type that its place asks for, or says that it is of another.
    pub(super) fn expr(&mut self, expr: &ast::Expr, want: &Type) -> Expr {
        let made = self.expr_of(expr, want);
        self.agree(made, want)
    }

    /// Makes an expression of whatever type it has.
    pub(super) fn infer(&mut self, expr: &ast::Expr) -> Expr {
        let want = self.fresh();
        self.expr(expr, &want)
    }

    pub(super) fn agree(&mut self, made: Expr, want: &Type) -> Expr {
        if self.unify(&made.ty, want) {
            return made;
        }
        self.mismatch(made.span, want, &made.ty);
        poison(made.span)
    }

    /// Says that a type is not the one expected.
    pub(super) fn mismatch(&mut self, span: Span, want: &Type, found: &Type) {
        let (want, found) = (self.resolved(want), self.resolved(found));
        if is_poisoned(&want) || is_poisoned(&found) {
            return;
        }
        let label = format!("expected {}, found {}", self.show(&want), self.show(&found));
        let message = match (&want, &found) {
            (Type::Float | Type::F32, Type::Int) => Diagnostic::new("E0311", span, "Int where a Float is expected")
                .label(label)
                .help("`float(i)` converts where that is exact and faults elsewhere, `round_float(i)` rounds"),
            (Type::Int, Type::Float | Type::F32) => Diagnostic::new("E0311", span, "Float where an Int is expected")
                .label(label)
                .help("`x.floor()`, `ceil()`, `trunc()` and `round_even()` give Ints"),
            (Type::U64, Type::Int) => {
                Diagnostic::new("E0310", span, "types differ").label(label).help("`u64(i)` converts")
            }
            (Type::Int, Type::U64) => {
                Diagnostic::new("E0310", span, "types differ").label(label).help("`int(x)` converts")
            }
            _ => Diagnostic::new("E0310", span, "types differ").label(label),
        };
        self.report(message);
    }

    fn expr_of(&mut self, expr: &ast::Expr, want: &Type) -> Expr {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Broken => {
                // Whatever is in sight may be meant there.
                self.body.places.iter_mut().for_each(|(_, is_read)| *is_read = true);
                poison(span)
            }
            ExprKind::Paren(inner) => self.expr_of(inner, want),
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Trits(_) => self.number(expr, false, want),
            ExprKind::String(text) => node(Kind::Const(Value::String(Rc::from(text.as_str()))), Type::String, span),
            ExprKind::Bytes(bytes) => node(Kind::Const(Value::Bytes(Rc::from(bytes.as_slice()))), Type::Bytes, span),
            ExprKind::Bool(value) => bool(*value, span),
            ExprKind::None => {
                let of = self.fresh();
                node(Kind::Option(None), Type::Option(Box::new(of)), span)
            }
            ExprKind::Name(name) => self.name(&Ident { name: name.clone(), span }),
            ExprKind::Tuple(parts) => {
                let wants: Vec<Type> = match self.shallow(want) {
                    Type::Tuple(of) if of.len() == parts.len() => of,
                    _ => parts.iter().map(|_| self.fresh()).collect(),
                };
                let parts: Vec<Expr> = parts.iter().zip(&wants).map(|(part, want)| self.expr(part, want)).collect();
                let ty = Type::Tuple(parts.iter().map(|part| part.ty.clone()).collect());
                node(Kind::Tuple(parts), ty, span)
            }
            ExprKind::List(items) => {
                let of = match self.shallow(want) {
                    Type::List(of) => *of,
                    _ => self.fresh(),
                };
                let items = items.iter().map(|item| self.expr(item, &of)).collect();
                node(Kind::List(items), Type::List(Box::new(of)), span)
            }
            ExprKind::Field(of, name) => self.field(of, name, span),
            ExprKind::Place(of, place, place_span) => self.place(of, *place, *place_span, span),
            ExprKind::Index(of, at) => self.index(of, at, span),
            ExprKind::Call { callee, widths, args } => self.call(callee, widths, args, want, span),
            ExprKind::With(of, fields) => self.with(of, fields, want, span),
            ExprKind::Unary(op, of) => self.unary(*op, of, want, span),
            ExprKind::Binary(op, op_span, a, b) => self.binary(*op, *op_span, a, b, want, span),
            ExprKind::Let(pattern, value, body) => self.let_in(pattern, value, body, want, span),
            ExprKind::If(condition, then, otherwise) => {
                let condition = self.expr(condition, &Type::Bool);
                let then_span = then.span;
                let then = self.expr(then, want);
                let then = self.cover("then", then_span, then);
                // `else if` counts by its own branches.
                let is_chain = matches!(otherwise.kind, ExprKind::If(..));
                let otherwise = self.expr(otherwise, want);
                let otherwise = if is_chain { otherwise } else { self.cover("else", otherwise.span, otherwise) };
                let mut made = if_else(condition, then, otherwise);
                (made.span, made.ty) = (span, want.clone());
                made
            }
            ExprKind::Match(subject, arms) => self.match_of(subject, arms, want, span),
            ExprKind::Lambda(..) => {
                let text = "a lambda is an argument of a call and nothing else";
                self.report(
                    Diagnostic::new("E0341", span, text).help("write a function, or use the lambda where it is made"),
                );
                poison(span)
            }
            ExprKind::Quantified { quantifier, name, over, filter, body } => {
                self.quantified(*quantifier, name, over, (filter.as_deref(), body), want, span)
            }
            ExprKind::Old(name) => {
                let text = "`old` stands only in `steps` of a machine";
                self.report(Diagnostic::new("E0301", name.span, text));
                poison(span)
            }
            ExprKind::Fault(_) => {
                let text = "`fault(…)` stands only in the `result` of an example";
                self.report(Diagnostic::new("E0310", span, text));
                poison(span)
            }
        }
    }

    /// Counts that a place was reached.
    pub(super) fn cover(&mut self, what: &str, span: Span, expr: Expr) -> Expr {
        let (true, Some(function)) = (self.body.is_covered, self.body.function) else { return expr };
        let number = self.program.cover.len() as u32;
        self.program.cover.push(CoverPoint { span, function, what: what.to_string() });
        let (ty, inner_span) = (expr.ty.clone(), expr.span);
        node(Kind::Cover(number, Box::new(expr)), ty, inner_span)
    }

    fn name(&mut self, name: &Ident) -> Expr {
        if let Some(local) = self.find_local(&name.name) {
            return self.read(local, name.span);
        }
        let items = self.items_in_sight(name, false);
        if let Some(item) = items.iter().find(|item| self.is_constant(**item)) {
            return self.constant(*item, name.span);
        }
        if !items.is_empty() || super::candidates::operations(&name.name).next().is_some() {
            let text = format!("`{}` is a function: call it", name.name);
            self.report(Diagnostic::new("E0310", name.span, text).label("expected a value, found a function"));
        } else if let Some(id) = self.type_in_sight(self.body.module, &name.name) {
            let text = format!("`{}` is a type, not a value", name.name);
            let mut message = Diagnostic::new("E0310", name.span, text);
            if let Shape::Enum { cases, .. } = &self.program.type_def(id).shape
                && let Some(case) = cases.first()
            {
                message = message.help(format!("a case is written `{}.{}`", name.name, case.name));
            }
            self.report(message);
        } else {
            self.unknown_name(name, "name");
        }
        poison(name.span)
    }

    /// Reads a constant: the call of a function without parameters.
    pub(super) fn constant(&mut self, item: usize, span: Span) -> Expr {
        self.used_decls.insert(item);
        if self.decls[item].state == State::InProgress {
            let name = self.decls[item].name;
            let text = format!("constant `{}` is defined by itself", name.name);
            self.report(Diagnostic::new("E0330", span, text).also(name.span, "defined here"));
            return poison(span);
        }
        let function = self.instance(item, &[], span);
        self.define_constant(item);
        let ty = self.program.erased(&self.decls[item].returns);
        node(Kind::Call { function, args: Vec::new(), is_tail: false }, ty, span)
    }

    /// The number and the fields' declared types of a case, or what is unknown about it is said.
    pub(super) fn case(&mut self, id: TypeId, name: &Ident) -> Option<Case> {
        let Type::Named(id) = self.program.erased(&Type::Named(id)) else {
            let text = format!("`{}` has no cases: it is no enum", self.program.type_def(id).name);
            if !is_poisoned(&self.program.erased(&Type::Named(id))) {
                self.report(Diagnostic::new("E0310", name.span, text));
            }
            return None;
        };
        let def = self.program.type_def(id);
        let Shape::Enum { cases, .. } = &def.shape else {
            let text = format!("`{}` has no cases: it is no enum", def.name);
            self.report(Diagnostic::new("E0310", name.span, text));
            return None;
        };
        if let Some(at) = cases.iter().position(|case| case.name == name.name) {
            let fields = cases[at].fields.iter().map(|f| (f.name.clone(), f.ty.clone())).collect();
            return Some((id, at as u16, fields));
        }
        let near = crate::nearest::nearest(&name.name, cases.iter().map(|case| case.name.as_str()));
        let text = format!("enum `{}` has no case `{}`", def.name, name.name);
        let mut message = Diagnostic::new("E0301", name.span, text).label("unknown case");
        if let Some(near) = near {
            message = message.help(format!("`{near}` is near")).fix(name.span, near);
        }
        self.report(message);
        None
    }

    fn field(&mut self, of: &ast::Expr, name: &Ident, span: Span) -> Expr {
        if let Some(id) = self.type_path(of) {
            let Some((id, number, fields)) = self.case(id, name) else { return poison(span) };
            if !fields.is_empty() {
                let names: Vec<String> = fields.iter().map(|(name, _)| format!("{name} = …")).collect();
                let text = format!("case `{}` carries values", name.name);
                let help = format!("write `{}({})`", self.sources.text(span), names.join(", "));
                self.report(Diagnostic::new("E0310", span, text).help(help));
                return poison(span);
            }
            let made = node(Kind::Variant(id, number, Vec::new()), Type::Named(id), span);
            return self.cover_case(id, number, made);
        }
        if let Some(module) = self.module_path(of) {
            let items = self.items_of(module, &name.name);
            if let Some(item) = items.iter().find(|item| self.is_constant(**item)) {
                return self.constant(*item, span);
            }
            let module_name = self.specs[module].name.name.clone();
            let text = format!("`{module_name}` has no constant `{}`", name.name);
            self.report(Diagnostic::new("E0301", name.span, text).label("unknown name"));
            return poison(span);
        }
        let of = self.infer(of);
        let ty = self.shallow(&of.ty);
        if let Type::Named(id) = &ty
            && let Shape::Record(fields) = &self.program.type_def(*id).shape
        {
            if let Some(at) = fields.iter().position(|field| field.name == name.name) {
                let ty = self.program.erased(&fields[at].ty);
                return node(Kind::Field(Box::new(of), at as u16), ty, span);
            }
            let near = crate::nearest::nearest(&name.name, fields.iter().map(|f| f.name.as_str()));
            let text = format!("`{}` has no field `{}`", self.show(&ty), name.name);
            let mut message = Diagnostic::new("E0301", name.span, text).label("unknown field");
            if let Some(near) = near {
                message = message.help(format!("`{near}` is near")).fix(name.span, near);
            }
            self.report(message);
            return poison(span);
        }
        if !is_poisoned(&ty) {
            let text = match ty {
                Type::Var(_) => "the type of this is not known here".to_string(),
                _ => format!("{} has no fields", self.show(&ty)),
            };
            let mut message = Diagnostic::new("E0310", name.span, text);
            if super::candidates::operations(&name.name).next().is_some() {
                message = message.help(format!("a method is called with parentheses: `.{}()`", name.name));
            }
            self.report(message);
        }
        poison(span)
    }

    /// Counts that a case of an enum was made.
    pub(super) fn cover_case(&mut self, id: TypeId, number: u16, made: Expr) -> Expr {
        if !self.body.is_covered {
            return made;
        }
        let def = self.program.type_def(id);
        let Shape::Enum { cases, .. } = &def.shape else { return made };
        let case = cases.get(usize::from(number)).map_or("", |case| &case.name);
        let what = format!("case {case} of {}", def.name);
        let span = made.span;
        self.cover(&what, span, made)
    }

    fn place(&mut self, of: &ast::Expr, place: u32, place_span: Span, span: Span) -> Expr {
        let of = self.infer(of);
        let ty = self.resolved(&of.ty);
        match &ty {
            Type::Tuple(parts) => {
                if let Some(ty) = parts.get(place as usize) {
                    return node(Kind::Field(Box::new(of), place as u16), ty.clone(), span);
                }
                let text = format!("a tuple of {} has no place {place}: places count from 0", parts.len());
                self.report(Diagnostic::new("E0310", place_span, text));
            }
            Type::Poison => {}
            _ => {
                let text = format!("{} has no places: it is no tuple", self.show(&ty));
                self.report(Diagnostic::new("E0310", place_span, text));
            }
        }
        poison(span)
    }

    fn index(&mut self, of: &ast::Expr, at: &ast::Expr, span: Span) -> Expr {
        let of = self.infer(of);
        let ty = self.resolved(&of.ty);
        let (op, key, ty) = match ty {
            Type::List(ty) => (Intrinsic::ListAt, Type::Int, *ty),
            Type::Map(key, ty) => (Intrinsic::MapAt, *key, *ty),
            Type::String => (Intrinsic::StringAt, Type::Int, Type::String),
            Type::Bytes => (Intrinsic::BytesAt, Type::Int, Type::Int),
            _ => {
                if !is_poisoned(&ty) {
                    let text = format!("{} has no `[…]`", self.show(&ty));
                    self.report(Diagnostic::new("E0310", of.span, text).help("List, Map, String and Bytes have it"));
                }
                self.infer(at);
                return poison(span);
            }
        };
        let at = self.expr(at, &key);
        operation(op, vec![of, at], ty, span)
    }

    fn with(&mut self, of: &ast::Expr, changes: &[(Ident, ast::Expr)], want: &Type, span: Span) -> Expr {
        let of = self.expr(of, want);
        let ty = self.shallow(&of.ty);
        let fields = match &ty {
            Type::Named(id) => match &self.program.type_def(*id).shape {
                Shape::Record(fields) => Some((*id, fields.clone())),
                _ => None,
            },
            _ => None,
        };
        let Some((id, fields)) = fields else {
            if !is_poisoned(&ty) {
                let text = format!("`with` is for records, not for {}", self.show(&ty));
                self.report(Diagnostic::new("E0310", of.span, text));
            }
            return poison(span);
        };
        let whole = self.made("$whole", &ty);
        let mut lets = vec![(whole, of)];
        let mut changed: Vec<Option<Expr>> = fields.iter().map(|_| None).collect();
        for (name, value) in changes {
            let Some(at) = fields.iter().position(|field| field.name == name.name) else {
                let near = crate::nearest::nearest(&name.name, fields.iter().map(|f| f.name.as_str()));
                let text = format!("`{}` has no field `{}`", self.show(&ty), name.name);
                let mut message = Diagnostic::new("E0301", name.span, text).label("unknown field");
                if let Some(near) = near {
                    message = message.help(format!("`{near}` is near")).fix(name.span, near);
                }
                self.report(message);
                self.infer(value);
                continue;
            };
            if changed[at].is_some() {
                let text = format!("field `{}` is given twice", name.name);
                self.report(Diagnostic::new("E0322", name.span, text));
            }
            let field_type = self.program.erased(&fields[at].ty);
            let value = self.expr(value, &field_type);
            let value = self.enter(value, &fields[at].ty);
            let local = self.made(&format!("${}", name.name), &field_type);
            changed[at] = Some(self.read(local, value.span));
            lets.push((local, value));
        }
        let values = fields.iter().zip(changed).enumerate().map(|(at, (field, changed))| {
            changed.unwrap_or_else(|| {
                let whole = Box::new(self.read(whole, span));
                node(Kind::Field(whole, at as u16), self.program.erased(&field.ty), span)
            })
        });
        let record = node(Kind::Record(id, values.collect()), ty, span);
        lets_around(lets, record)
    }

    fn let_in(&mut self, pattern: &ast::Pattern, value: &ast::Expr, body: &ast::Expr, want: &Type, span: Span) -> Expr {
        let value = self.infer(value);
        let depth = self.body.scope.len();
        let ty = self.resolved(&value.ty);
        let is_broken = std::mem::take(&mut self.body.is_pattern_broken);
        let made = self.pattern(pattern, &ty);
        let is_broken = std::mem::replace(&mut self.body.is_pattern_broken, is_broken);
        let body = self.expr(body, want);
        self.leave(depth);
        if let (Pattern::Bind(local), PatternKind::Name(_)) = (&made, &pattern.kind) {
            let kind = Kind::Let { local: *local, value: Box::new(value), body: Box::new(body) };
            return node(kind, want.clone(), span);
        }
        let arms = vec![Arm { pattern: made, guard: None, body }];
        if !is_broken {
            self.exhaustive(&value, &arms, &[pattern.span], span);
        }
        node(Kind::Match { subject: Box::new(value), arms }, want.clone(), span)
    }

    fn match_of(&mut self, subject: &ast::Expr, arms: &[ast::MatchArm], want: &Type, span: Span) -> Expr {
        let subject = self.infer(subject);
        let mut made = Vec::new();
        let mut spans = Vec::new();
        let mut is_broken = false;
        for arm in arms {
            let depth = self.body.scope.len();
            let ty = self.resolved(&subject.ty);
            let outer = std::mem::take(&mut self.body.is_pattern_broken);
            let pattern = self.pattern(&arm.pattern, &ty);
            is_broken |= std::mem::replace(&mut self.body.is_pattern_broken, outer);
            let guard = arm.guard.as_ref().map(|guard| self.expr(guard, &Type::Bool));
            let body = self.expr(&arm.body, want);
            self.leave(depth);
            let body = self.cover("arm", arm.pattern.span.to(arm.body.span), body);
            spans.push(arm.pattern.span);
            made.push(Arm { pattern, guard, body });
        }
        if !is_broken {
            self.exhaustive(&subject, &made, &spans, span);
        }
        node(Kind::Match { subject: Box::new(subject), arms: made }, want.clone(), span)
    }

    /// The function of a declaration for certain types, made later where it is not yet.
    pub(super) fn instance(&mut self, decl: usize, types: &[Type], span: Span) -> FunctionId {
        let key = (decl, types.to_vec());
        if let Some(id) = self.instances.get(&key) {
            return *id;
        }
        let count = self.n_instances.entry(decl).or_default();
        *count += 1;
        let name = self.decls[decl].name;
        if *count == super::INSTANCES_MAX + 1 {
            let text = format!("`{}` is used with more than {} lists of types", name.name, super::INSTANCES_MAX);
            self.report(Diagnostic::new("E0140", span, text));
        }
        let is_over = self.n_instances.get(&decl).is_some_and(|n| *n > super::INSTANCES_MAX);
        let id = self.allocate(self.decls[decl].module, name.name.clone(), self.role(decl), name.span);
        self.instances.insert(key, id);
        self.owners.insert(id, decl);
        if !is_over {
            self.queue.push_back((id, decl, types.to_vec()));
        }
        id
    }
}

/// Puts lets around a body, the first outermost.
pub(super) fn lets_around(lets: Vec<(crate::typed::LocalId, Expr)>, body: Expr) -> Expr {
    lets.into_iter().rev().fold(body, |body, (local, value)| {
        let (ty, span) = (body.ty.clone(), body.span);
        node(Kind::Let { local, value: Box::new(value), body: Box::new(body) }, ty, span)
    })
}
