//! Values that enter a constrained type: what is checked, and where.

use crate::{
    diagnostic::Diagnostic,
    source::Span,
    typed::{Arm, Expr, FunctionId, Kind, LocalId, Loop, LoopForm, Over, Pattern, Role},
    types::{Shape, Type},
    value::{Fault, Value},
};

use super::{
    Checker,
    body::Body,
    expr::{bool, lets_around, node},
};

impl Checker<'_> {
    /// Whether a value of the type without constraints may be none of the declared type. Fields of records and payloads
    /// were checked when those were made.
    pub(super) fn is_constrained(&self, declared: &Type) -> bool {
        match declared {
            Type::IntIn(..) => true,
            Type::List(of) | Type::Set(of) | Type::Option(of) => self.is_constrained(of),
            Type::Map(a, b) | Type::Result(a, b) => self.is_constrained(a) || self.is_constrained(b),
            Type::Tuple(of) => of.iter().any(|ty| self.is_constrained(ty)),
            Type::Named(id) => match &self.program.type_def(*id).shape {
                Shape::Constrained { .. } => true,
                Shape::Alias(base) => self.is_constrained(base),
                _ => false,
            },
            _ => false,
        }
    }

    /// The value, checked where it enters a declared type: at the leaves of `if`, `match` and `let`, and not where it
    /// is known to be one.
    pub(super) fn enter(&mut self, value: Expr, declared: &Type) -> Expr {
        if !self.is_constrained(declared) {
            return value;
        }
        let Expr { kind, ty, span } = value;
        let kind = match kind {
            Kind::Let { local, value, body } => Kind::Let { local, value, body: Box::new(self.enter(*body, declared)) },
            Kind::If { condition, then, otherwise } => Kind::If {
                condition,
                then: Box::new(self.enter(*then, declared)),
                otherwise: Box::new(self.enter(*otherwise, declared)),
            },
            Kind::Match { subject, arms } => {
                let enter = |arm: Arm| Arm { body: self.enter(arm.body, declared), ..arm };
                Kind::Match { subject, arms: arms.into_iter().map(enter).collect() }
            }
            Kind::Assert { condition, fault, body } => {
                Kind::Assert { condition, fault, body: Box::new(self.enter(*body, declared)) }
            }
            Kind::Cover(number, body) => Kind::Cover(number, Box::new(self.enter(*body, declared))),
            Kind::Fault(fault) => Kind::Fault(fault),
            Kind::Local(local) if self.has_entered(local, declared) => Kind::Local(local),
            Kind::Call { function, args, is_tail } if self.gives(function, declared) => {
                Kind::Call { function, args, is_tail }
            }
            kind => return self.enter_made(node(kind, ty, span), declared),
        };
        node(kind, ty, span)
    }

    fn has_entered(&self, local: LocalId, declared: &Type) -> bool {
        self.body.locals.get(local.0 as usize).is_some_and(|local| local.declared == *declared)
    }

    fn gives(&self, function: FunctionId, declared: &Type) -> bool {
        let Some(decl) = self.owners.get(&function).and_then(|at| self.decls.get(*at)) else { return false };
        decl.generics.is_empty() && decl.returns == *declared
    }

    /// The value of an expression that is no `if`, `let` or the like, checked.
    fn enter_made(&mut self, value: Expr, declared: &Type) -> Expr {
        let span = value.span;
        let parts = match (&value.kind, self.unaliased(declared)) {
            (Kind::Tuple(_), Type::Tuple(of)) => of,
            (Kind::List(items), Type::List(of)) => vec![*of; items.len()],
            (Kind::Option(_), Type::Option(of)) | (Kind::Ok(_), Type::Result(of, _)) => vec![*of],
            (Kind::Err(_), Type::Result(_, err)) => vec![*err],
            (_, Type::IntIn(lo, hi)) => return self.enter_range(value, lo, hi),
            (_, declared) => return self.validated(value, &declared, span),
        };
        let mut parts = parts.into_iter();
        let mut next = |checker: &mut Self, value: Expr| match parts.next() {
            Some(declared) => checker.enter(value, &declared),
            None => value,
        };
        let kind = match value.kind {
            Kind::Tuple(of) => Kind::Tuple(of.into_iter().map(|value| next(self, value)).collect()),
            Kind::List(of) => Kind::List(of.into_iter().map(|value| next(self, value)).collect()),
            Kind::Option(of) => Kind::Option(of.map(|value| Box::new(next(self, *value)))),
            Kind::Ok(of) => Kind::Ok(Box::new(next(self, *of))),
            Kind::Err(of) => Kind::Err(Box::new(next(self, *of))),
            kind => kind,
        };
        node(kind, value.ty, span)
    }

    pub(super) fn unaliased(&self, declared: &Type) -> Type {
        let mut ty = declared;
        while let Type::Named(id) = ty {
            match &self.program.type_def(*id).shape {
                Shape::Alias(base) => ty = base,
                _ => break,
            }
        }
        ty.clone()
    }

    fn enter_range(&mut self, value: Expr, lo: i64, hi: i64) -> Expr {
        if let Kind::Const(Value::Int(n)) = value.kind {
            if (lo..=hi).contains(&n) {
                return value;
            }
            if !self.body.may_be_out_of_range {
                let text = format!("{n} is not in Int({lo}..{hi})");
                self.report(Diagnostic::new("E0330", value.span, text).label(format!("expected {lo} to {hi}")));
            }
        }
        let (ty, span) = (value.ty.clone(), value.span);
        node(Kind::InRange { value: Box::new(value), lo, hi }, ty, span)
    }

    fn validated(&mut self, value: Expr, declared: &Type, span: Span) -> Expr {
        let ty = value.ty.clone();
        let function = self.validator(declared, span);
        node(Kind::Call { function, args: vec![value], is_tail: false }, ty, span)
    }

    /// A parameter, checked when its function begins: lets that nothing reads.
    pub(super) fn enter_param(&mut self, local: LocalId, span: Span) -> Option<(LocalId, Expr)> {
        let declared = self.body.locals.get(local.0 as usize)?.declared.clone();
        if !self.is_constrained(&declared) {
            return None;
        }
        let value = self.read(local, span);
        let checked = match self.unaliased(&declared) {
            Type::IntIn(lo, hi) => node(Kind::InRange { value: Box::new(value), lo, hi }, Type::Int, span),
            declared => self.validated(value, &declared, span),
        };
        let ty = checked.ty.clone();
        Some((self.made("$entered", &ty), checked))
    }

    /// The function that gives a value back where it is one of the declared type and else faults.
    fn validator(&mut self, declared: &Type, span: Span) -> FunctionId {
        if let Some(id) = self.validators.get(declared) {
            return *id;
        }
        let (module, name, place) = match declared {
            Type::Named(id) => {
                let def = self.program.type_def(*id);
                let module = self.type_modules.get(id.0 as usize).copied();
                (module.unwrap_or(self.body.module), format!("{}$enter", def.name), def.span)
            }
            _ => (self.body.module, format!("{}$enter", self.show(declared)), span),
        };
        let id = self.allocate(module, name, Role::Validator, place);
        self.validators.insert(declared.clone(), id);
        let body = Body { module, function: Some(id), ..Body::default() };
        let outer = std::mem::replace(&mut self.body, body);
        let param = self.param_local("value", declared);
        self.body.locals.push(param);
        self.body.places.push((None, true));
        let made = self.validator_body(declared, place);
        let locals = std::mem::replace(&mut self.body, outer).locals;
        if let Some(function) = self.program.functions.get_mut(id.0 as usize) {
            function.n_params = 1;
            function.locals = locals;
            function.returns = declared.clone();
            function.body = Some(made);
        }
        id
    }

    fn validator_body(&mut self, declared: &Type, span: Span) -> Expr {
        let value = self.read(LocalId(0), span);
        match declared {
            Type::Named(id) => {
                let Shape::Constrained { base, holds } = self.program.type_def(*id).shape.clone() else { return value };
                let condition = Kind::Call { function: holds, args: vec![value.clone()], is_tail: false };
                let condition = Box::new(node(condition, Type::Bool, span));
                let ty = value.ty.clone();
                let asserted =
                    node(Kind::Assert { condition, fault: Fault::Range, body: Box::new(value.clone()) }, ty, span);
                self.after_parts(vec![(value, base)], asserted)
            }
            Type::List(of) | Type::Set(of) => {
                let looped = self.each(value.clone(), vec![(None, (**of).clone())], span);
                self.after(looped, value)
            }
            Type::Map(key, of) => {
                let parts = vec![(Some(0), (**key).clone()), (Some(1), (**of).clone())];
                let looped = self.each(value.clone(), parts, span);
                self.after(looped, value)
            }
            Type::Tuple(of) => {
                let parts = of.iter().enumerate().map(|(at, ty)| {
                    let part = Kind::Field(Box::new(value.clone()), at as u16);
                    (node(part, self.program.erased(ty), span), ty.clone())
                });
                let parts = parts.collect();
                self.after_parts(parts, value)
            }
            Type::Option(of) => {
                let some = self.part_arm(of, Pattern::Some, &value);
                let none = Arm { pattern: Pattern::None, guard: None, body: value.clone() };
                let ty = value.ty.clone();
                node(Kind::Match { subject: Box::new(value), arms: vec![some, none] }, ty, span)
            }
            Type::Result(of, err) => {
                let arms = vec![self.part_arm(of, Pattern::Ok, &value), self.part_arm(err, Pattern::Err, &value)];
                let ty = value.ty.clone();
                node(Kind::Match { subject: Box::new(value), arms }, ty, span)
            }
            _ => value,
        }
    }

    /// `checked`, whose value nothing reads, then `body`.
    fn after(&mut self, checked: Expr, body: Expr) -> Expr {
        let ty = checked.ty.clone();
        lets_around(vec![(self.made("$entered", &ty), checked)], body)
    }

    fn after_parts(&mut self, parts: Vec<(Expr, Type)>, body: Expr) -> Expr {
        let mut lets = Vec::new();
        for (part, declared) in parts {
            if self.is_constrained(&declared) {
                let ty = part.ty.clone();
                let checked = self.enter_made(part, &declared);
                lets.push((self.made("$entered", &ty), checked));
            }
        }
        lets_around(lets, body)
    }

    fn part_arm(&mut self, declared: &Type, pattern: impl Fn(Box<Pattern>) -> Pattern, value: &Expr) -> Arm {
        let ty = self.program.erased(declared);
        let local = self.made("$part", &ty);
        let part = self.read(local, value.span);
        let body = self.after_parts(vec![(part, declared.clone())], value.clone());
        let inner = if self.is_constrained(declared) { Pattern::Bind(local) } else { Pattern::Any };
        Arm { pattern: pattern(Box::new(inner)), guard: None, body }
    }

    /// A loop that checks the items, or places of them.
    fn each(&mut self, over: Expr, parts: Vec<(Option<u16>, Type)>, span: Span) -> Expr {
        let ty = match &over.ty {
            Type::List(of) | Type::Set(of) => (**of).clone(),
            Type::Map(key, of) => Type::Tuple(vec![(**key).clone(), (**of).clone()]),
            _ => Type::Poison,
        };
        let item = self.made("$item", &ty);
        let acc = self.made("$acc", &Type::Bool);
        let item_read = self.read(item, span);
        let parts = parts.into_iter().map(|(at, declared)| match at {
            None => (item_read.clone(), declared),
            Some(at) => {
                let ty = self.program.erased(&declared);
                (node(Kind::Field(Box::new(item_read.clone()), at), ty, span), declared)
            }
        });
        let parts = parts.collect();
        let step = self.after_parts(parts, bool(true, span));
        let form = LoopForm::Other;
        let looped = Loop { form, over: Over::Items(over), item, acc, init: bool(true, span), until: None, step };
        node(Kind::Loop(Box::new(looped)), Type::Bool, span)
    }
}
