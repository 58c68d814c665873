//! Which reads of a local are the last ones, so that they may take its value.
//!
//! Without it, what a loop gathers would be held by its name while a step makes the next one, and each step would copy
//! it all. The meaning is the same: nothing reads what was taken.

use std::collections::HashSet;

use crate::typed::{Arm, Expr, Kind, LocalId, Loop, Over, Program};

/// Finds the last reads of all functions.
pub(super) fn of(program: &Program) -> HashSet<*const Expr> {
    let mut last = HashSet::new();
    for body in program.functions.iter().filter_map(|function| function.body.as_ref()) {
        visit(body, &mut HashSet::new(), &mut last);
    }
    last
}

/// Goes against the order of evaluation. `live` holds the locals that are read later.
fn visit(expr: &Expr, live: &mut HashSet<LocalId>, last: &mut HashSet<*const Expr>) {
    match &expr.kind {
        Kind::Const(_) | Kind::Fault(_) | Kind::Option(None) => {}
        Kind::Local(local) => {
            if live.insert(*local) {
                last.insert(std::ptr::from_ref(expr));
            }
        }
        Kind::Let { local, value, body } => {
            visit(body, live, last);
            live.remove(local);
            visit(value, live, last);
        }
        Kind::If { condition, then, otherwise } => {
            let mut other = live.clone();
            visit(then, live, last);
            visit(otherwise, &mut other, last);
            live.extend(other);
            visit(condition, live, last);
        }
        Kind::Match { subject, arms } => {
            visit_arms(arms, live, last);
            visit(subject, live, last);
        }
        Kind::Call { args, .. }
        | Kind::Intrinsic { args, .. }
        | Kind::Tuple(args)
        | Kind::List(args)
        | Kind::Record(_, args)
        | Kind::Variant(_, _, args) => args.iter().rev().for_each(|arg| visit(arg, live, last)),
        Kind::Option(Some(inner))
        | Kind::Ok(inner)
        | Kind::Err(inner)
        | Kind::Field(inner, _)
        | Kind::InRange { value: inner, .. }
        | Kind::Cover(_, inner) => visit(inner, live, last),
        Kind::Loop(of) => visit_loop(of, live, last),
        Kind::Assert { condition, body, .. } => {
            visit(body, live, last);
            visit(condition, live, last);
        }
    }
}

/// An arm's guard may fail, and then the arms behind it read.
fn visit_arms(arms: &[Arm], live: &mut HashSet<LocalId>, last: &mut HashSet<*const Expr>) {
    let after = live.clone();
    let mut later = HashSet::new();
    for arm in arms.iter().rev() {
        let mut here = after.clone();
        visit(&arm.body, &mut here, last);
        if let Some(guard) = &arm.guard {
            here.extend(later.iter().copied());
            visit(guard, &mut here, last);
        }
        later.extend(here);
    }
    live.extend(later);
}

/// Each step reads again what the one before it read, but for the item and what is gathered, which it gets anew.
fn visit_loop(of: &Loop, live: &mut HashSet<LocalId>, last: &mut HashSet<*const Expr>) {
    let again: HashSet<_> = [Some(&of.step), of.until.as_ref()].into_iter().flatten().flat_map(reads).collect();
    let mut within: HashSet<_> = live.union(&again).copied().collect();
    within.remove(&of.acc);
    within.remove(&of.item);
    visit(&of.step, &mut within, last);
    if let Some(until) = &of.until {
        within.insert(of.acc);
        visit(until, &mut within, last);
    }
    live.extend(again);
    live.remove(&of.acc);
    live.remove(&of.item);
    visit(&of.init, live, last);
    match &of.over {
        Over::Items(over) => visit(over, live, last),
        Over::Range(first, end) => {
            visit(end, live, last);
            visit(first, live, last);
        }
    }
}

/// All locals that are read somewhere in an expression.
fn reads(expr: &Expr) -> HashSet<LocalId> {
    let mut found = HashSet::new();
    let mut todo = vec![expr];
    while let Some(expr) = todo.pop() {
        if let Kind::Local(local) = &expr.kind {
            found.insert(*local);
        }
        expr.for_each_part(&mut |part| todo.push(part));
    }
    found
}
