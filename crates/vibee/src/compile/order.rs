//! The order in which a body's nodes are compiled, and where in it locals are used.
//!
//! Operands that are locals are read after the other operands: a local never changes, so this is the same, and
//! `list.push(list.len())` reads the list for the last time where it grows.

use crate::typed::{Expr, Kind, LocalId};

/// Places of a body, by number.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// For each node, the number behind its last part.
    pub end: Vec<u32>,
    /// For each local, where it is read, ascending.
    uses: Vec<Vec<u32>>,
}

impl Order {
    pub(super) fn of(body: &Expr, n_locals: usize) -> Self {
        let mut order = Self { end: Vec::new(), uses: vec![Vec::new(); n_locals] };
        order.visit(body);
        order
    }

    fn visit(&mut self, expr: &Expr) {
        let at = self.end.len();
        self.end.push(0);
        match &expr.kind {
            Kind::Local(local) => {
                if let Some(uses) = self.uses.get_mut(local.0 as usize) {
                    uses.push(at as u32);
                }
            }
            _ => match operands(expr) {
                Some(args) => {
                    args.iter().filter(|arg| !is_late(arg)).for_each(|arg| self.visit(arg));
                    args.iter().filter(|arg| is_late(arg)).for_each(|arg| self.visit(arg));
                }
                None => expr.for_each_part(&mut |part| self.visit(part)),
            },
        }
        let end = self.end.len() as u32;
        if let Some(place) = self.end.get_mut(at) {
            *place = end;
        }
    }

    /// The first use of a local at a place or behind it.
    pub(super) fn next_use(&self, local: LocalId, from: u32) -> Option<u32> {
        let uses = self.uses.get(local.0 as usize)?;
        uses.get(uses.partition_point(|at| *at < from)).copied()
    }
}

/// Operands that are evaluated one after the other, all of them, before anything is made of them.
pub(super) fn operands(expr: &Expr) -> Option<&[Expr]> {
    match &expr.kind {
        Kind::Call { args, .. }
        | Kind::Intrinsic { args, .. }
        | Kind::Tuple(args)
        | Kind::List(args)
        | Kind::Record(_, args)
        | Kind::Variant(_, _, args) => Some(args),
        _ => None,
    }
}

/// Whether an operand is read after those that are not.
pub(super) fn is_late(arg: &Expr) -> bool {
    matches!(arg.kind, Kind::Local(_))
}
