//! Names that nothing reads: their values are evaluated for their faults alone, or not at all.
//!
//! The checker puts the check of an argument into a `let` that no text mentions. Compilers with all their warnings on
//! refuse such a name, and people would wonder about it.

use super::{
    reach::Used,
    terms::{Each, Lowered, Statement, Term, VarId, count_reads, not},
};

/// Takes away names that nothing reads, with what is assigned to them, and notes how often the others are read.
pub(super) fn drop_unread(lowered: &mut Lowered, used: &Used) {
    loop {
        let mut reads = vec![0; lowered.vars.len()];
        count_reads(&lowered.body, &mut reads);
        for (var, reads) in lowered.vars.iter_mut().zip(reads) {
            var.reads = reads;
        }
        // What is pushed to a builder is not counted, and a parameter stays.
        let is_unread = |var: VarId| {
            let at = var.0 as usize;
            at >= lowered.n_params && lowered.vars.get(at).is_some_and(|var| var.reads == 0 && !var.is_builder)
        };
        let mut pass = Pass { used, is_unread: &is_unread, has_changed: false };
        let body = pass.kept(std::mem::take(&mut lowered.body));
        let has_changed = pass.has_changed;
        lowered.body = body;
        if !has_changed {
            return;
        }
    }
}

struct Pass<'a> {
    used: &'a Used,
    is_unread: &'a dyn Fn(VarId) -> bool,
    has_changed: bool,
}

impl Pass<'_> {
    /// The statements that are left of these.
    fn kept(&mut self, statements: Vec<Statement>) -> Vec<Statement> {
        let mut kept = Vec::new();
        for statement in statements {
            self.keep(statement, &mut kept);
        }
        kept
    }

    fn keep(&mut self, statement: Statement, kept: &mut Vec<Statement>) {
        match statement {
            Statement::Let(var, term) | Statement::Assign(var, term) if (self.is_unread)(var) => {
                self.has_changed = true;
                self.evaluate(term, kept);
            }
            Statement::Declare(var) if (self.is_unread)(var) => self.has_changed = true,
            Statement::If(branches, otherwise) => self.keep_if(branches, otherwise, kept),
            Statement::For(item, each, body) => {
                let body = self.kept(body);
                if !body.is_empty() {
                    kept.push(Statement::For(item, each, body));
                    return;
                }
                self.has_changed = true;
                let terms = match each {
                    Each::Items(over) => vec![over],
                    Each::Range(lo, hi) => vec![lo, hi],
                };
                terms.into_iter().for_each(|term| self.evaluate(term, kept));
            }
            statement => kept.push(statement),
        }
    }

    fn keep_if(&mut self, branches: Vec<(Term, Vec<Statement>)>, otherwise: Vec<Statement>, kept: &mut Vec<Statement>) {
        let mut branches: Vec<_> = branches.into_iter().map(|(condition, body)| (condition, self.kept(body))).collect();
        let otherwise = self.kept(otherwise);
        let is_empty = otherwise.is_empty() && branches.iter().all(|(_, body)| body.is_empty());
        let can_fault = branches.iter().any(|(condition, _)| condition.may_fault(self.used));
        match &mut branches[..] {
            [(condition, body)] if body.is_empty() => {
                if is_empty {
                    self.has_changed = true;
                    self.evaluate(condition.clone(), kept);
                } else {
                    kept.push(Statement::If(vec![(not(condition.clone()), otherwise)], Vec::new()));
                }
            }
            _ if is_empty && !can_fault => self.has_changed = true,
            _ => kept.push(Statement::If(branches, otherwise)),
        }
    }

    /// Evaluates a term for its fault.
    fn evaluate(&self, term: Term, kept: &mut Vec<Statement>) {
        if term.may_fault(self.used) {
            kept.push(Statement::Do(term));
        }
    }
}
