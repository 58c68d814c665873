//! Which loops may gather in place.
//!
//! A loop's `acc` may be changed instead of replaced where nothing else can see it: each step gives `acc` itself, or an
//! operation of [`builder_of`] on it, and reads it otherwise only through operations whose result is no part of it.

use super::reach::{children, walk};
use crate::{
    intrinsic::Intrinsic,
    typed::{Expr, Kind, LocalId, Loop},
};

/// The operand that an operation makes its result of, and the other operands.
pub(crate) fn builder_of(op: Intrinsic, args: &[Expr]) -> Option<(&Expr, &[Expr])> {
    let is_one = matches!(
        op,
        Intrinsic::ListPush
            | Intrinsic::ListSet
            | Intrinsic::ListConcat
            | Intrinsic::SetPut
            | Intrinsic::SetDelete
            | Intrinsic::MapPut
            | Intrinsic::MapDelete
            | Intrinsic::StringConcat
            | Intrinsic::BytesConcat
    );
    args.split_first().filter(|_| is_one)
}

/// Whether the loop can gather in place with the operations that `builds` names.
pub(crate) fn is_builder(each: &Loop, builds: &[Intrinsic]) -> bool {
    let is_step = builds_on(&each.step, each.acc, builds);
    is_step && each.until.as_ref().is_none_or(|until| only_asks(until, each.acc)) && has_push(&each.step)
}

/// Whether any way through a step changes `acc`, rather than hand it on or fault.
fn has_push(step: &Expr) -> bool {
    match &step.kind {
        Kind::Intrinsic { op, args } => builder_of(*op, args).is_some(),
        Kind::Cover(_, inner) => has_push(inner),
        Kind::Let { body, .. } | Kind::Assert { body, .. } => has_push(body),
        Kind::If { then, otherwise, .. } => has_push(then) || has_push(otherwise),
        Kind::Match { arms, .. } => arms.iter().any(|arm| has_push(&arm.body)),
        Kind::Loop(inner) => has_push(&inner.init) || has_push(&inner.step),
        _ => false,
    }
}

/// Whether the value of `step` is `acc`, changed by operations that can be done in place.
fn builds_on(step: &Expr, acc: LocalId, builds: &[Intrinsic]) -> bool {
    match &step.kind {
        Kind::Local(of) => *of == acc,
        Kind::Cover(_, inner) => builds_on(inner, acc, builds),
        Kind::Let { value, body, .. } => only_asks(value, acc) && builds_on(body, acc, builds),
        Kind::If { condition, then, otherwise } => {
            only_asks(condition, acc) && builds_on(then, acc, builds) && builds_on(otherwise, acc, builds)
        }
        Kind::Match { subject, arms } => {
            only_asks(subject, acc)
                && arms.iter().all(|arm| {
                    arm.guard.as_ref().is_none_or(|guard| only_asks(guard, acc)) && builds_on(&arm.body, acc, builds)
                })
        }
        Kind::Assert { condition, body, .. } => only_asks(condition, acc) && builds_on(body, acc, builds),
        Kind::Fault(_) => true,
        Kind::Loop(inner) => {
            // What it goes over is evaluated after the builder was changed: it may not look at it.
            let asks = children_of_over(inner);
            builds_on(&inner.init, acc, builds)
                && asks.into_iter().chain([&inner.step]).chain(&inner.until).all(|expr| !mentions(expr, acc))
                && is_builder(inner, builds)
        }
        Kind::Intrinsic { op, args } => {
            let Some((base, rest)) = builder_of(*op, args).filter(|_| builds.contains(op)) else { return false };
            let is_itself = matches!(&base.kind, Kind::Local(of) if *of == acc);
            builds_on(base, acc, builds)
                && rest.iter().all(|arg| if is_itself { only_asks(arg, acc) } else { !mentions(arg, acc) })
        }
        _ => false,
    }
}

fn children_of_over(each: &Loop) -> Vec<&Expr> {
    match &each.over {
        crate::typed::Over::Items(items) => vec![items],
        crate::typed::Over::Range(lo, hi) => vec![lo, hi],
    }
}

fn mentions(expr: &Expr, acc: LocalId) -> bool {
    let mut found = false;
    walk(expr, &mut |expr| found |= matches!(&expr.kind, Kind::Local(of) if *of == acc));
    found
}

/// Whether `acc` is at most an operand of operations whose result is no part of it, or one that is never changed.
fn only_asks(expr: &Expr, acc: LocalId) -> bool {
    if let Kind::Local(of) = &expr.kind {
        return *of != acc;
    }
    let asks = matches!(
        &expr.kind,
        Kind::Intrinsic {
            op: Intrinsic::ListLen
                | Intrinsic::ListAt
                | Intrinsic::SetLen
                | Intrinsic::SetHas
                | Intrinsic::MapLen
                | Intrinsic::MapHas
                | Intrinsic::MapGet
                | Intrinsic::MapAt
                | Intrinsic::StringLen
                | Intrinsic::BytesLen
                | Intrinsic::BytesAt,
            ..
        }
    );
    children(expr).into_iter().enumerate().all(|(i, child)| {
        (asks && i == 0 && matches!(&child.kind, Kind::Local(of) if *of == acc)) || only_asks(child, acc)
    })
}
