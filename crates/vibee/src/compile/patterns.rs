//! `match`: an arm's tests first, then what it binds. A part that is looked into is taken out of its whole, and dropped
//! on every path that leaves the arm.

use super::{
    body::{Body, Label, Val},
    branch::Path,
};
use crate::{
    bytecode::{Form, Instr, Opcode, TypeIndex},
    typed::{Arm, Expr, LocalId, Pattern},
    types::Type,
    value::Value,
};

/// Where a part of a value is.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// The value itself, in a register.
    Whole(u16),
    /// A place of a record or tuple.
    Field(u16, u16),
    /// What a case carries.
    Carried(u16, u16, u8),
    /// An item of a list.
    Item(u16, u16),
}

/// One arm under way.
struct Trial {
    /// Where to go if the value looks otherwise.
    fail: Label,
    /// What is dropped on the way there.
    drops: Vec<u16>,
    /// Whether the value is known to fit: it is the last arm.
    is_sure: bool,
    /// Parts of heap types taken out, in order.
    held: Vec<u16>,
    /// Registers that are free after the arm began.
    scalars: Vec<u16>,
    /// What is bound once the arm is chosen.
    binds: Vec<(LocalId, Part)>,
    /// What alternatives bound already.
    bound: Vec<LocalId>,
}

impl<'c, 'p> Body<'c, 'p> {
    /// Compiles `match`: each arm's body by `path`, which leaves the same behind or does not come back.
    pub(super) fn match_arms(&mut self, expr: &'p Expr, subject: &'p Expr, arms: &'p [Arm], path: Path<'_, 'c, 'p>) {
        let node = self.enter(expr);
        let after = self.end_of(node);
        let of = self.expr(subject, None);
        // A guard may have the last use of a local that the next arm looks at again.
        let of = if arms.iter().any(|arm| arm.guard.is_some()) { self.own(of) } else { of };
        let end = self.label();
        let mut left_owned = None;
        for (at, arm) in arms.iter().enumerate() {
            let is_last = at + 1 == arms.len();
            let begin = self.at;
            let body_at = if arm.guard.is_some() { self.end_of(begin) } else { begin };
            let next = self.end_of(body_at);
            // With a guard, what is owned may change before the next arm: it begins with what all of them need.
            let needed: Vec<LocalId> = match &arm.guard {
                None => self.owned.clone(),
                Some(_) => self.owned.iter().copied().filter(|l| self.is_needed_from(*l, next)).collect(),
            };
            let unneeded = self.owned.iter().filter(|local| !needed.contains(local));
            let drops: Vec<u16> = unneeded.map(|local| self.local_reg(*local)).collect();
            let fail = self.label();
            let is_sure = is_last && arm.guard.is_none();
            let mut trial = Trial { fail, drops, is_sure, held: vec![], scalars: vec![], binds: vec![], bound: vec![] };
            self.test(&arm.pattern, of.reg, &mut trial);
            if arm.guard.is_none() {
                self.ahead.skipped.push((next, after));
            }
            let mut freed = self.bind_parts(&mut trial, of);
            freed.extend(trial.bound.iter().map(|local| self.local_reg(*local)));
            if let Some(guard) = &arm.guard {
                let edge = self.label();
                self.branch(guard, edge, false);
                let gone = self.owned.iter().filter(|local| !needed.contains(local));
                let drops = gone.map(|local| self.local_reg(*local)).collect();
                self.lead(edge, drops, fail);
                self.ahead.skipped.push((next, after));
            }
            // The subject is whole until here: another arm may have needed it.
            let is_moved = self.owned.iter().any(|local| self.local_reg(*local) == of.reg);
            if of.is_owned && !is_moved {
                self.emit(Instr::new(Opcode::Drop, of.reg, 0, 0));
            }
            self.drop_unneeded();
            path(self, &arm.body);
            self.ahead.skipped.pop();
            freed.into_iter().chain(trial.scalars).for_each(|reg| self.free_reg(reg));
            if !self.is_dead {
                left_owned = Some(self.owned.clone());
            }
            if !is_last {
                self.jump(end);
            } else if !is_sure {
                // The checker saw that an arm fits; if none does, that is a mistake of ours, and ends here.
                self.jump(end);
                self.is_dead = true;
                self.place(fail);
                self.emit(Instr::new(Opcode::Fault, crate::value::Fault::Unwrap as u16, 0, 0));
                break;
            }
            if !is_last {
                self.is_dead = true;
                self.place(fail);
            }
            self.owned = needed;
            self.at = next;
        }
        if let Some(owned) = left_owned {
            self.owned = owned;
        }
        self.at = after;
        self.place(end);
        self.done(of);
    }

    /// Leads a label to the next arm, with what is held now dropped on the way.
    fn failed(&mut self, label: Label, trial: &Trial) {
        let drops = trial.drops.iter().chain(&trial.held).copied().collect();
        self.lead(label, drops, trial.fail);
    }

    /// Puts an instruction that jumps where the value looks otherwise.
    fn otherwise(&mut self, instr: Instr, trial: &Trial) {
        let label = self.label();
        self.emit_to(instr, label);
        self.failed(label, trial);
    }

    /// Tests a value in a register, which keeps it.
    fn test(&mut self, pattern: &'p Pattern, reg: u16, trial: &mut Trial) {
        let ty = self.reg_type(reg);
        match pattern {
            Pattern::Any => {}
            Pattern::Bind(local) => trial.binds.push((*local, Part::Whole(reg))),
            Pattern::Literal(value) => {
                if !trial.is_sure {
                    self.literal(value, reg, ty, trial);
                }
            }
            Pattern::IntIn(lo, hi) => {
                if !trial.is_sure {
                    if *lo > i64::MIN {
                        self.bound_test(Opcode::JiltK, reg, ty, *lo, trial);
                    }
                    if *hi < i64::MAX {
                        self.bound_test(Opcode::JigtK, reg, ty, *hi, trial);
                    }
                }
            }
            Pattern::Variant(_, case, parts) => self.case(reg, *case, parts, trial),
            Pattern::None => self.case(reg, 0, &[], trial),
            Pattern::Some(part) | Pattern::Err(part) => self.case(reg, 1, std::slice::from_ref(&**part), trial),
            Pattern::Ok(part) => self.case(reg, 0, std::slice::from_ref(&**part), trial),
            Pattern::Record(_, parts) | Pattern::Tuple(parts) => {
                let types = self.form(ty).places().unwrap_or_default();
                for (at, (part, ty)) in parts.iter().zip(types).enumerate() {
                    self.part(part, Part::Field(reg, at as u16), ty, trial);
                }
            }
            Pattern::List(parts) => {
                let Form::List(of) = *self.form(ty) else { return };
                if !trial.is_sure {
                    let int = self.type_of(&Type::Int);
                    let len = self.alloc(int);
                    self.emit(Instr::new(Opcode::Llen, len, reg, 0));
                    let n = self.constant(int, &Value::Int(parts.len() as i64), None);
                    self.otherwise(Instr::new(Opcode::Jine, len, n.reg, 0), trial);
                    self.done(n);
                    self.free_reg(len);
                }
                for (at, part) in parts.iter().enumerate() {
                    self.part(part, Part::Item(reg, at as u16), of, trial);
                }
            }
            Pattern::Or(alternatives) => self.alternatives(alternatives, reg, trial),
        }
    }

    fn case(&mut self, reg: u16, case: u16, parts: &'p [Pattern], trial: &mut Trial) {
        let ty = self.reg_type(reg);
        if self.form(ty).is_bare_enum() {
            if !trial.is_sure {
                match i16::try_from(case) {
                    Ok(k) => self.otherwise(Instr::new(Opcode::JineK, reg, k as u16, 0), trial),
                    Err(_) => self.literal(&Value::Int(case.into()), reg, ty, trial),
                }
            }
            return;
        }
        if !trial.is_sure {
            self.otherwise(Instr::new(Opcode::Jtagn, reg, case, 0), trial);
        }
        for (at, part) in parts.iter().enumerate() {
            if let Some(ty) = self.form(ty).carried(case.into(), at) {
                self.part(part, Part::Carried(reg, case, at as u8), ty, trial);
            }
        }
    }

    /// Tests a part: taken out only if the pattern looks into it.
    fn part(&mut self, pattern: &'p Pattern, part: Part, ty: TypeIndex, trial: &mut Trial) {
        match pattern {
            Pattern::Any => {}
            Pattern::Bind(local) => trial.binds.push((*local, part)),
            _ => {
                let reg = self.alloc(ty);
                self.take_out(part, reg);
                if self.is_heap(ty) {
                    trial.held.push(reg);
                } else {
                    trial.scalars.push(reg);
                }
                self.test(pattern, reg, trial);
            }
        }
    }

    fn take_out(&mut self, part: Part, dest: u16) {
        match part {
            Part::Whole(reg) => {
                let op = if self.is_heap(self.reg_type(reg)) { Opcode::Copy } else { Opcode::Mov };
                self.emit(Instr::new(op, dest, reg, 0));
            }
            Part::Field(of, at) => self.emit(Instr::new(Opcode::Field, dest, of, at)),
            Part::Carried(of, case, at) => {
                self.emit(Instr { f: at, ..Instr::new(Opcode::Payload, dest, of, case) });
            }
            Part::Item(of, at) => {
                let int = self.type_of(&Type::Int);
                let index = self.constant(int, &Value::Int(at.into()), None);
                self.emit(Instr::new(Opcode::Lget, dest, of, index.reg));
                self.done(index);
            }
        }
    }

    fn literal(&mut self, value: &Value, reg: u16, ty: TypeIndex, trial: &mut Trial) {
        let number = match value {
            Value::Int(x) | Value::Tryte(x) => i16::try_from(*x).ok(),
            Value::U64(x) => i16::try_from(*x).ok(),
            Value::Bool(x) => Some((*x).into()),
            Value::Trit(x) => Some((*x).into()),
            _ => None,
        };
        if let Some(k) = number {
            self.otherwise(Instr::new(Opcode::JineK, reg, k as u16, 0), trial);
            return;
        }
        if matches!(value, Value::String(_))
            && let Ok(at) = u16::try_from(self.compiler.constant(ty, value))
        {
            self.otherwise(Instr::new(Opcode::JsneK, reg, at, 0), trial);
            return;
        }
        let constant = self.constant(ty, value, None);
        if self.form(ty).is_word() {
            self.otherwise(Instr::new(Opcode::Jine, reg, constant.reg, 0), trial);
            self.done(constant);
            return;
        }
        let bool_type = self.type_of(&Type::Bool);
        let equal = self.alloc(bool_type);
        let op = match self.form(ty) {
            Form::Float => Opcode::FEq,
            Form::F32 => Opcode::GEq,
            _ => Opcode::HEq,
        };
        self.emit(Instr::new(op, equal, reg, constant.reg));
        self.release(constant);
        self.otherwise(Instr::new(Opcode::Jifn, equal, 0, 0), trial);
        self.free_reg(equal);
    }

    /// Leaves if a number is below or above a bound: the instruction is that with a small number.
    fn bound_test(&mut self, op: Opcode, reg: u16, ty: TypeIndex, bound: i64, trial: &mut Trial) {
        if let Ok(k) = i16::try_from(bound) {
            self.otherwise(Instr::new(op, reg, k as u16, 0), trial);
            return;
        }
        let constant = self.constant(ty, &Value::Int(bound), None);
        let instr = match op {
            Opcode::JiltK => Instr::new(Opcode::Jilt, reg, constant.reg, 0),
            _ => Instr::new(Opcode::Jilt, constant.reg, reg, 0),
        };
        self.otherwise(instr, trial);
        self.done(constant);
    }

    /// Tests alternatives one after the other. What they bind is bound by each, in the same registers.
    fn alternatives(&mut self, alternatives: &'p [Pattern], reg: u16, trial: &mut Trial) {
        let fits = self.label();
        let mut bound: Vec<LocalId> = Vec::new();
        for (at, alternative) in alternatives.iter().enumerate() {
            let is_last = at + 1 == alternatives.len();
            let other = self.label();
            let mut own = Trial {
                fail: other,
                drops: vec![],
                is_sure: trial.is_sure && is_last,
                held: vec![],
                scalars: vec![],
                binds: vec![],
                bound: vec![],
            };
            self.test(alternative, reg, &mut own);
            for (local, part) in std::mem::take(&mut own.binds) {
                let ty = self.local_type(local);
                if !bound.contains(&local) {
                    let reg = self.alloc(ty);
                    self.bind(local, reg);
                    self.owned.retain(|other| *other != local);
                    bound.push(local);
                }
                let dest = self.local_reg(local);
                self.take_out(part, dest);
            }
            for local in std::mem::take(&mut own.bound) {
                if !bound.contains(&local) {
                    bound.push(local);
                }
            }
            for held in std::mem::take(&mut own.held) {
                // An alternative within has bound it: it is not dropped, but kept like the rest.
                if bound.iter().any(|local| self.local_reg(*local) == held) {
                    continue;
                }
                self.emit(Instr::new(Opcode::Drop, held, 0, 0));
                self.free_reg(held);
            }
            own.scalars.into_iter().for_each(|reg| self.free_reg(reg));
            self.jump(fits);
            self.is_dead = true;
            if is_last {
                // Where the last one does not fit either, the arm does not.
                if !own.is_sure {
                    self.place(other);
                    let label = self.label();
                    self.jump(label);
                    self.failed(label, trial);
                }
            } else {
                self.place(other);
            }
        }
        self.is_dead = true;
        self.place(fits);
        for local in bound {
            let reg = self.local_reg(local);
            if self.is_heap(self.reg_type(reg)) {
                trial.held.push(reg);
            }
            trial.bound.push(local);
        }
    }

    /// Binds what an arm binds and drops the parts that were only looked into. Gives registers that are free after it.
    fn bind_parts(&mut self, trial: &mut Trial, of: Val) -> Vec<u16> {
        let mut freed = Vec::new();
        let mut kept: Vec<u16> = trial.bound.iter().map(|local| self.local_reg(*local)).collect();
        for local in &trial.bound {
            let reg = self.local_reg(*local);
            if self.is_heap(self.reg_type(reg)) {
                self.owned.push(*local);
            }
        }
        for (local, part) in std::mem::take(&mut trial.binds) {
            if !self.is_needed(local) {
                continue;
            }
            let reg = match part {
                // What was taken out to be looked into, and is bound whole.
                Part::Whole(reg) if reg != of.reg && trial.held.contains(&reg) && !kept.contains(&reg) => {
                    kept.push(reg);
                    freed.push(reg);
                    reg
                }
                _ => {
                    let ty = self.local_type(local);
                    let reg = self.alloc(ty);
                    self.take_out(part, reg);
                    freed.push(reg);
                    reg
                }
            };
            self.bind(local, reg);
        }
        for held in std::mem::take(&mut trial.held) {
            if !kept.contains(&held) {
                self.emit(Instr::new(Opcode::Drop, held, 0, 0));
                freed.push(held);
            }
        }
        freed
    }
}
