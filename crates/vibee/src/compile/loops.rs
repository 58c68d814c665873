//! Loops. The test stands at the end, so that a round is one jump; before it, the same test once.

use super::body::{Body, Label, Val};
use crate::{
    bytecode::{Form, Instr, Opcode},
    typed::{Expr, LocalId, Loop, Over},
    types::Type,
};

/// What a loop goes over, in registers.
enum Source {
    /// A collection, and behind it the counter.
    Items(u16, Opcode, Opcode),
    /// The last Int; the item counts.
    Range(Val),
}

impl<'p> Body<'_, 'p> {
    pub(super) fn loop_over(&mut self, expr: &'p Expr, node: u32, of: &'p Loop, dest: Option<u16>) -> Val {
        let acc_type = self.type_of(&expr.ty);
        let (item_reg, source) = match &of.over {
            Over::Items(over) => {
                let ty = self.type_of(&over.ty);
                let pair = self.alloc_pair(ty);
                self.expr(over, Some(pair));
                self.emit(Instr::wide(Opcode::Imm, pair + 1, 0));
                let (first, next) = match self.form(ty) {
                    Form::Set(_) => (Opcode::Tfirst, Opcode::Tnext),
                    Form::Map(..) => (Opcode::Mfirst, Opcode::Mnext),
                    Form::String => (Opcode::Sfirst, Opcode::Snext),
                    Form::Bytes => (Opcode::Bfirst, Opcode::Bnext),
                    _ => (Opcode::Lfirst, Opcode::Lnext),
                };
                let item_type = self.local_type(of.item);
                (self.alloc(item_type), Source::Items(pair, first, next))
            }
            Over::Range(first, last) => {
                let int = self.type_of(&Type::Int);
                let item = self.alloc(int);
                self.expr(first, Some(item));
                let last = self.expr(last, None);
                (item, Source::Range(last))
            }
        };
        let acc_reg = self.alloc(acc_type);
        self.expr(&of.init, Some(acc_reg));
        let before = self.owned.clone();
        let begin = self.at;
        let step_at = if of.until.is_some() { self.end_of(begin) } else { begin };
        let end = self.end_of(step_at);
        self.ahead.loops.push((begin, end));
        let (done, head) = (self.label(), self.label());
        let entered = match &source {
            Source::Items(pair, first, _) => Instr::new(*first, item_reg, *pair, 0),
            Source::Range(last) => Instr::new(Opcode::Jilt, last.reg, item_reg, 0),
        };
        self.emit_to(entered, done);
        self.bind(of.acc, acc_reg);
        self.bind(of.item, item_reg);
        self.place(head);
        self.round(of, step_at, &before, acc_reg, done);
        match &source {
            Source::Items(pair, _, next) => self.emit_to(Instr::new(*next, item_reg, *pair, 0), head),
            Source::Range(last) => self.emit_to(Instr::new(Opcode::Rnext, item_reg, last.reg, 0), head),
        }
        self.place(done);
        self.ahead.loops.pop();
        self.owned = before;
        self.at = end;
        debug_assert_eq!(self.at, self.end_of(node), "all parts of the loop were compiled");
        self.free_reg(item_reg);
        match source {
            Source::Items(pair, ..) => {
                if self.is_heap(self.reg_type(pair)) {
                    self.emit(Instr::new(Opcode::Drop, pair, 0, 0));
                }
                self.free_pair(pair);
            }
            Source::Range(last) => self.done(last),
        }
        self.drop_unneeded();
        let is_heap = self.is_heap(acc_type);
        self.give(Self::temp(acc_reg, is_heap), dest)
    }

    /// One round: the question whether to end, then the step, into the register of `acc`.
    fn round(&mut self, of: &'p Loop, step_at: u32, before: &[LocalId], acc_reg: u16, done: Label) {
        let is_heap = self.is_heap(self.reg_type(acc_reg));
        if let Some(until) = &of.until {
            self.ahead.pinned.push(of.acc);
            self.drop_unneeded();
            let edge = self.label();
            self.branch(until, edge, true);
            let gone = self.owned.iter().filter(|local| !before.contains(local) && **local != of.acc);
            let drops = gone.map(|local| self.local_reg(*local)).collect();
            self.lead(edge, drops, done);
            self.ahead.pinned.pop();
        }
        self.at = step_at;
        self.drop_unneeded();
        let val = self.expr(&of.step, Some(acc_reg));
        debug_assert!(val.reg == acc_reg && val.is_owned == is_heap, "the step is in the register of `acc`");
        self.owned.retain(|local| before.contains(local));
    }
}
