//! The end of a body: what inference found is put in, calls of std's functions get theirs for their types, and what
//! needs a known type is asked.

use crate::{
    diagnostic::Diagnostic,
    intrinsic::Intrinsic,
    source::Span,
    typed::{Expr, FunctionId, Kind},
    types::Type,
};

use super::{Checker, body::PENDING, unify::is_poisoned, walk::children_mut};

impl Checker<'_> {
    /// Puts the types that were found into a body and its locals.
    pub(super) fn finish(&mut self, expr: &mut Expr) {
        for (decl, types, span) in std::mem::take(&mut self.body.pending) {
            let types: Vec<Type> = types.iter().map(|ty| self.final_type(ty)).collect();
            let id = self.instance(decl, &types, span);
            self.body.pending_done.push(id);
        }
        self.finish_expr(expr);
        let mut locals = std::mem::take(&mut self.body.locals);
        for local in &mut locals {
            local.ty = self.final_type(&local.ty);
            // A parameter's declared type has nothing to infer; of others it is their type.
            if matches!(local.declared, Type::Var(_)) || has_var(&local.declared) {
                local.declared = local.ty.clone();
            }
        }
        self.body.locals = locals;
        if std::mem::take(&mut self.is_too_large) {
            let text = format!("a type here has more than {} parts", super::TYPE_NODES_MAX);
            self.report(Diagnostic::new("E0140", expr.span, text));
        }
    }

    fn finish_expr(&mut self, expr: &mut Expr) {
        expr.ty = self.final_type(&expr.ty);
        if let Kind::Call { function, .. } = &mut expr.kind
            && function.0 >= PENDING
        {
            let at = (function.0 - PENDING) as usize;
            *function = self.body.pending_done.get(at).copied().unwrap_or(FunctionId(0));
        }
        children_mut(expr, &mut |child| self.finish_expr(child));
        if let Kind::Intrinsic { op, args } = &expr.kind {
            self.check_operation(*op, args, &expr.ty, expr.span);
        }
    }

    /// What no instance of a type can have been found for has no value: any type will do.
    pub(super) fn final_type(&mut self, ty: &Type) -> Type {
        let ty = self.resolved(ty);
        if has_var(&ty) { without_vars(&ty) } else { ty }
    }

    fn check_operation(&mut self, op: Intrinsic, args: &[Expr], ty: &Type, span: Span) {
        let first = args.first().map_or(&Type::Poison, |arg| &arg.ty);
        match op {
            Intrinsic::Lt | Intrinsic::Le | Intrinsic::Gt | Intrinsic::Ge if !self.is_ordered(first) => {
                let text = format!("`{}` is not defined on {}", op.row().name, self.show(first));
                let mut message = Diagnostic::new("E0310", span, text);
                message = match first {
                    Type::Named(_) => {
                        message.help("an enum whose cases carry nothing has an order with `ordered: true`")
                    }
                    _ => message.help("`compare(a, b)` orders values of every type"),
                };
                self.report(message);
            }
            Intrinsic::SetOf | Intrinsic::MapOf => {
                let key = match ty {
                    Type::Set(key) | Type::Map(key, _) => (**key).clone(),
                    _ => return,
                };
                if self.has_float(&key) && !is_poisoned(&key) {
                    let text = format!("{} cannot be a key or member: it has a Float inside", self.show(&key));
                    self.report(Diagnostic::new("E0310", span, text).help("keys need an equality without NaN"));
                }
            }
            _ => {}
        }
    }
}

fn has_var(ty: &Type) -> bool {
    match ty {
        Type::Var(_) => true,
        Type::List(of) | Type::Set(of) | Type::Option(of) => has_var(of),
        Type::Map(a, b) | Type::Result(a, b) => has_var(a) || has_var(b),
        Type::Tuple(of) => of.iter().any(has_var),
        _ => false,
    }
}

fn without_vars(ty: &Type) -> Type {
    let inner = |ty: &Type| Box::new(without_vars(ty));
    match ty {
        Type::Var(_) => Type::Bool,
        Type::List(of) => Type::List(inner(of)),
        Type::Set(of) => Type::Set(inner(of)),
        Type::Map(key, of) => Type::Map(inner(key), inner(of)),
        Type::Option(of) => Type::Option(inner(of)),
        Type::Result(of, err) => Type::Result(inner(of), inner(err)),
        Type::Tuple(of) => Type::Tuple(of.iter().map(without_vars).collect()),
        _ => ty.clone(),
    }
}

/// Marks the calls after which nothing of the caller is done.
pub(super) fn mark_tails(expr: &mut Expr) {
    match &mut expr.kind {
        Kind::Call { is_tail, .. } => *is_tail = true,
        Kind::Let { body, .. } | Kind::Assert { body, .. } | Kind::Cover(_, body) => mark_tails(body),
        Kind::If { then, otherwise, .. } => {
            mark_tails(then);
            mark_tails(otherwise);
        }
        Kind::Match { arms, .. } => arms.iter_mut().for_each(|arm| mark_tails(&mut arm.body)),
        _ => {}
    }
}
