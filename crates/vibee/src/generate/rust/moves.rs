//! Which use of a name is the last, so that it moves the value instead of cloning it.

use std::collections::BTreeSet;

use super::super::reach::{children, walk};
use crate::typed::{Expr, Kind, LocalId, Over, Pattern};

/// The uses of names that are the last on every way, by their address.
#[derive(Debug, Default)]
pub(super) struct Moves {
    last: BTreeSet<usize>,
}

/// Names that are read later.
type Live = BTreeSet<LocalId>;

impl Moves {
    /// Finds the last uses within a body.
    pub(super) fn of(body: &Expr) -> Self {
        let mut moves = Self::default();
        moves.mark(body, &mut Live::new());
        moves
    }

    /// Whether this use may move.
    pub(super) fn is_last(&self, expr: &Expr) -> bool {
        self.last.contains(&address(expr))
    }

    /// Goes through an expression backwards; `live` are the names that are read after it, and then those read from its
    /// beginning on.
    fn mark(&mut self, expr: &Expr, live: &mut Live) {
        match &expr.kind {
            Kind::Local(local) => {
                if live.insert(*local) {
                    self.last.insert(address(expr));
                }
            }
            Kind::Let { value, body, .. } => {
                self.mark(body, live);
                self.mark(value, live);
            }
            Kind::If { condition, then, otherwise } => {
                let mut other = live.clone();
                self.mark(then, live);
                self.mark(otherwise, &mut other);
                live.append(&mut other);
                self.mark(condition, live);
            }
            Kind::Match { subject, arms } => {
                // What is looked at may be borrowed as long as the arms run.
                let mut seen = names(subject);
                seen.append(live);
                let mut all = seen.clone();
                for arm in arms {
                    let mut live = seen.clone();
                    self.mark(&arm.body, &mut live);
                    if let Some(guard) = &arm.guard {
                        // A guard may not move what the pattern binds, nor what the next arms read.
                        live.append(&mut names(guard));
                        self.mark(guard, &mut live);
                    }
                    all.append(&mut live);
                }
                *live = all;
                self.mark(subject, live);
            }
            Kind::Assert { condition, body, .. } => {
                self.mark(body, live);
                self.mark(condition, live);
            }
            Kind::Loop(each) => {
                // Everything that a step reads is read again by the next, but for what is gathered.
                let mut inner = live.clone();
                inner.append(&mut names(&each.step));
                each.until.iter().for_each(|until| inner.append(&mut names(until)));
                if let Over::Items(items) = &each.over {
                    inner.append(&mut names(items));
                }
                inner.remove(&each.acc);
                inner.remove(&each.item);
                let outside = inner.clone();
                self.mark(&each.step, &mut inner);
                if let Some(until) = &each.until {
                    inner.append(&mut names(until));
                    self.mark(until, &mut inner);
                }
                *live = outside;
                self.operands(&over(&each.over).into_iter().chain([&each.init]).collect::<Vec<_>>(), live);
            }
            _ => self.operands(&children(expr), live),
        }
    }

    /// Operands may be borrowed while others are evaluated: none moves what another reads.
    fn operands(&mut self, operands: &[&Expr], live: &mut Live) {
        let read: Vec<Live> = operands.iter().map(|expr| names(expr)).collect();
        let after = live.clone();
        for (i, operand) in operands.iter().enumerate() {
            let mut own = after.clone();
            for (j, other) in read.iter().enumerate() {
                if i != j {
                    own.extend(other);
                }
            }
            self.mark(operand, &mut own);
        }
        read.into_iter().for_each(|mut read| live.append(&mut read));
    }
}

fn over(over: &Over) -> Vec<&Expr> {
    match over {
        Over::Items(items) => vec![items],
        Over::Range(lo, hi) => vec![lo, hi],
    }
}

fn names(expr: &Expr) -> Live {
    let mut names = Live::new();
    walk(expr, &mut |expr| {
        if let Kind::Local(local) = &expr.kind {
            names.insert(*local);
        }
    });
    names
}

/// How often an expression reads a name.
pub(super) fn is_read(expr: &Expr, local: LocalId) -> bool {
    names(expr).contains(&local)
}

/// Whether a pattern fits every value.
pub(super) fn is_irrefutable(pattern: &Pattern, cases: &dyn Fn(crate::types::TypeId) -> usize) -> bool {
    match pattern {
        Pattern::Any | Pattern::Bind(_) => true,
        Pattern::Tuple(inner) | Pattern::Record(_, inner) => inner.iter().all(|pattern| is_irrefutable(pattern, cases)),
        Pattern::Variant(id, _, inner) => cases(*id) == 1 && inner.iter().all(|pattern| is_irrefutable(pattern, cases)),
        Pattern::Or(inner) => inner.iter().any(|pattern| is_irrefutable(pattern, cases)),
        _ => false,
    }
}

fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}
