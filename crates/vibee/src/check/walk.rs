//! The expressions right within an expression.

use crate::typed::{Expr, Kind, Over};

/// Calls `visit` for each, in the order of evaluation.
pub(super) fn children_mut(expr: &mut Expr, visit: &mut dyn FnMut(&mut Expr)) {
    match &mut expr.kind {
        Kind::Const(_) | Kind::Local(_) | Kind::Fault(_) | Kind::Option(None) => {}
        Kind::Let { value, body, .. } => {
            visit(value);
            visit(body);
        }
        Kind::If { condition, then, otherwise } => {
            visit(condition);
            visit(then);
            visit(otherwise);
        }
        Kind::Match { subject, arms } => {
            visit(subject);
            for arm in arms {
                arm.guard.iter_mut().for_each(&mut *visit);
                visit(&mut arm.body);
            }
        }
        Kind::Call { args, .. }
        | Kind::Intrinsic { args, .. }
        | Kind::Tuple(args)
        | Kind::List(args)
        | Kind::Record(_, args)
        | Kind::Variant(_, _, args) => args.iter_mut().for_each(visit),
        Kind::Option(Some(of)) | Kind::Ok(of) | Kind::Err(of) | Kind::Field(of, _) | Kind::Cover(_, of) => visit(of),
        Kind::InRange { value, .. } => visit(value),
        Kind::Loop(of) => {
            match &mut of.over {
                Over::Items(over) => visit(over),
                Over::Range(lo, hi) => {
                    visit(lo);
                    visit(hi);
                }
            }
            visit(&mut of.init);
            of.until.iter_mut().for_each(&mut *visit);
            visit(&mut of.step);
        }
        Kind::Assert { condition, body, .. } => {
            visit(condition);
            visit(body);
        }
    }
}
