//! Conditions: jumps instead of values of Bool, and the paths of `if`.

use super::body::{Body, Label, Val};
use crate::{
    bytecode::{Form, Instr, Opcode},
    intrinsic::Intrinsic,
    typed::{Expr, Kind},
    types::Type,
    value::Value,
};

/// Compiles one of several paths.
pub(super) type Path<'f, 'c, 'p> = &'f mut dyn FnMut(&mut Body<'c, 'p>, &'p Expr);

/// A comparison that jumps: which, its operands, whether they change places.
#[derive(Clone, Copy)]
enum Test {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Test {
    fn of(op: Intrinsic) -> Option<Self> {
        Some(match op {
            Intrinsic::Eq => Self::Eq,
            Intrinsic::Ne => Self::Ne,
            Intrinsic::Lt => Self::Lt,
            Intrinsic::Le => Self::Le,
            Intrinsic::Gt => Self::Gt,
            Intrinsic::Ge => Self::Ge,
            _ => return None,
        })
    }

    /// What holds where this one does not, of values in one order.
    fn negated(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
        }
    }

    /// The instruction with a number, of words.
    fn with_number(self) -> Opcode {
        match self {
            Self::Eq => Opcode::JieqK,
            Self::Ne => Opcode::JineK,
            Self::Lt => Opcode::JiltK,
            Self::Le => Opcode::JileK,
            Self::Gt => Opcode::JigtK,
            Self::Ge => Opcode::JigeK,
        }
    }
}

impl<'c, 'p> Body<'c, 'p> {
    /// Compiles `if`: each part by `path`, which leaves the same behind or does not come back.
    pub(super) fn if_else(
        &mut self,
        expr: &'p Expr,
        condition: &'p Expr,
        then: &'p Expr,
        otherwise: &'p Expr,
        path: Path<'_, 'c, 'p>,
    ) {
        let node = self.enter(expr);
        let (otherwise_label, end) = (self.label(), self.label());
        self.branch(condition, otherwise_label, false);
        let (second, after) = (self.end_of(self.at), self.end_of(node));
        let owned = self.owned.clone();
        self.ahead.skipped.push((second, after));
        self.drop_unneeded();
        path(self, then);
        self.ahead.skipped.pop();
        self.jump(end);
        let first = std::mem::replace(&mut self.owned, owned);
        self.is_dead = true;
        self.place(otherwise_label);
        self.at = second;
        self.drop_unneeded();
        path(self, otherwise);
        if self.is_dead {
            self.owned = first;
        }
        self.place(end);
        self.at = after;
    }

    /// What must be dropped on a path that goes on at a node.
    fn unneeded_from(&self, from: u32) -> Vec<u16> {
        let gone = self.owned.iter().filter(|local| !self.is_needed_from(**local, from));
        gone.map(|local| self.local_reg(*local)).collect()
    }

    /// Jumps to a label if a condition is `when`, else goes on. Both paths own what the same later code needs.
    pub(super) fn branch(&mut self, expr: &'p Expr, label: Label, when: bool) {
        match &expr.kind {
            Kind::If { condition, then, otherwise } => {
                let node = self.enter(expr);
                let after = self.end_of(node);
                match (constant(then), constant(otherwise)) {
                    // `condition and then`
                    (_, Some(false)) => {
                        let (edge, over) = (self.label(), self.label());
                        self.branch(condition, edge, false);
                        let second = self.end_of(self.at);
                        let drops = self.unneeded_from(second);
                        self.lead(edge, drops, if when { over } else { label });
                        self.ahead.skipped.push((second, after));
                        self.drop_unneeded();
                        self.branch(then, label, when);
                        self.ahead.skipped.pop();
                        self.place(over);
                    }
                    // `condition or otherwise`
                    (Some(true), _) => {
                        let (edge, over) = (self.label(), self.label());
                        self.branch(condition, edge, true);
                        let second = self.end_of(self.at);
                        self.ahead.skipped.push((second, after));
                        let drops = self.unneeded_from(self.at);
                        self.ahead.skipped.pop();
                        self.lead(edge, drops, if when { label } else { over });
                        self.at = second;
                        self.drop_unneeded();
                        self.branch(otherwise, label, when);
                        self.place(over);
                    }
                    _ => {
                        let (other, over) = (self.label(), self.label());
                        self.branch(condition, other, false);
                        let second = self.end_of(self.at);
                        let owned = self.owned.clone();
                        self.ahead.skipped.push((second, after));
                        self.drop_unneeded();
                        self.branch(then, label, when);
                        self.ahead.skipped.pop();
                        self.jump(over);
                        let first = std::mem::replace(&mut self.owned, owned);
                        self.is_dead = true;
                        self.place(other);
                        self.at = second;
                        self.drop_unneeded();
                        self.branch(otherwise, label, when);
                        if self.is_dead {
                            self.owned = first;
                        }
                        self.place(over);
                    }
                }
                self.at = after;
            }
            Kind::Const(Value::Bool(is_true)) => {
                self.enter(expr);
                if *is_true == when {
                    self.jump(label);
                }
            }
            Kind::Intrinsic { op: Intrinsic::Not, args } => {
                self.enter(expr);
                match args.first() {
                    Some(inner) => self.branch(inner, label, !when),
                    None => self.is_dead = true,
                }
            }
            Kind::Intrinsic { op, args } if Test::of(*op).is_some() => {
                self.enter(expr);
                let [one, other] = args.as_slice() else { return };
                if let Some(test) = Test::of(*op) {
                    self.compare(test, one, other, label, when);
                }
            }
            _ => {
                let val = self.expr(expr, None);
                let op = if when { Opcode::Jif } else { Opcode::Jifn };
                self.emit_to(Instr::new(op, val.reg, 0, 0), label);
                self.done(val);
            }
        }
    }

    fn compare(&mut self, test: Test, one: &'p Expr, other: &'p Expr, label: Label, when: bool) {
        let ty = self.type_of(&one.ty);
        let form = self.form(ty).clone();
        let wanted = if when { test } else { test.negated() };
        if form.is_word()
            && (form.is_signed() || matches!(test, Test::Eq | Test::Ne))
            && let Some(k) = small(other)
        {
            let val = self.expr(one, None);
            // The constant is a node, too.
            self.enter(other);
            self.emit_to(Instr::new(wanted.with_number(), val.reg, k as u16, 0), label);
            self.done(val);
            return;
        }
        if form == Form::String
            && matches!(test, Test::Eq | Test::Ne)
            && let Kind::Const(value) = &other.kind
            && let Ok(at) = u16::try_from(self.compiler.constant(ty, value))
        {
            // The constant is a node, too: before a local, behind all else.
            let is_late = super::order::is_late(one);
            if is_late {
                self.enter(other);
            }
            let val = self.expr(one, None);
            if !is_late {
                self.enter(other);
            }
            let op = if matches!(wanted, Test::Eq) { Opcode::JseqK } else { Opcode::JsneK };
            let edge = self.label();
            self.emit_to(Instr::new(op, val.reg, at, 0), edge);
            self.lead(edge, if val.is_owned { vec![val.reg] } else { vec![] }, label);
            self.release(val);
            return;
        }
        let [a, b] = self.two(one, other);
        let (op, is_swapped) = match (&form, wanted) {
            (form, Test::Eq) if form.is_word() => (Opcode::Jieq, false),
            (form, Test::Ne) if form.is_word() => (Opcode::Jine, false),
            (Form::U64, Test::Lt) => (Opcode::Jult, false),
            (Form::U64, Test::Le) => (Opcode::Jule, false),
            (Form::U64, Test::Gt) => (Opcode::Jult, true),
            (Form::U64, Test::Ge) => (Opcode::Jule, true),
            (form, Test::Lt) if form.is_signed() => (Opcode::Jilt, false),
            (form, Test::Le) if form.is_signed() => (Opcode::Jile, false),
            (form, Test::Gt) if form.is_signed() => (Opcode::Jilt, true),
            (form, Test::Ge) if form.is_signed() => (Opcode::Jile, true),
            (Form::Float, _) if !matches!(test, Test::Eq | Test::Ne) => match (test, when) {
                (Test::Lt, true) => (Opcode::Jflt, false),
                (Test::Lt, false) => (Opcode::Jfnlt, false),
                (Test::Le, true) => (Opcode::Jfle, false),
                (Test::Le, false) => (Opcode::Jfnle, false),
                (Test::Gt, true) => (Opcode::Jflt, true),
                (Test::Gt, false) => (Opcode::Jfnlt, true),
                (_, true) => (Opcode::Jfle, true),
                (_, false) => (Opcode::Jfnle, true),
            },
            (Form::String, Test::Eq | Test::Ne) => {
                self.texts(wanted, a, b, label);
                return;
            }
            _ => {
                let val = self.truth(test, &form, a, b);
                let op = if when == val.1 { Opcode::Jif } else { Opcode::Jifn };
                self.emit_to(Instr::new(op, val.0.reg, 0, 0), label);
                self.done(val.0);
                return;
            }
        };
        let (a, b) = if is_swapped { (b, a) } else { (a, b) };
        self.emit_to(Instr::new(op, a.reg, b.reg, 0), label);
        self.done(a);
        self.done(b);
    }

    /// Jumps if texts are equal, or are not; drops them on both paths.
    fn texts(&mut self, wanted: Test, a: Val, b: Val, label: Label) {
        let op = if matches!(wanted, Test::Eq) { Opcode::Jseq } else { Opcode::Jsne };
        let edge = self.label();
        self.emit_to(Instr::new(op, a.reg, b.reg, 0), edge);
        let drops = [a, b].iter().filter(|val| val.is_owned).map(|val| val.reg).collect();
        self.lead(edge, drops, label);
        self.release(a);
        self.release(b);
    }

    fn two(&mut self, one: &'p Expr, other: &'p Expr) -> [Val; 2] {
        // Like `operands`, of two that are no slice's.
        let is_late = super::order::is_late(one) && !super::order::is_late(other);
        if is_late {
            let b = self.expr(other, None);
            let b = self.own(b);
            let a = self.expr(one, None);
            return [a, b];
        }
        let a = self.expr(one, None);
        let a = if super::order::is_late(one) { a } else { self.own(a) };
        let b = self.expr(other, None);
        let b = if super::order::is_late(other) { b } else { self.own(b) };
        [a, b]
    }

    /// The Bool of a comparison, and whether it is that rather than its contrary.
    fn truth(&mut self, test: Test, form: &Form, a: Val, b: Val) -> (Val, bool) {
        let bool_type = self.type_of(&Type::Bool);
        let (op, is_swapped, is_it) = match (form, test) {
            (form, Test::Eq) if form.is_word() => (Opcode::IEq, false, true),
            (form, Test::Ne) if form.is_word() => (Opcode::IEq, false, false),
            (Form::U64, Test::Lt) => (Opcode::ULt, false, true),
            (Form::U64, Test::Le) => (Opcode::ULe, false, true),
            (Form::U64, Test::Gt) => (Opcode::ULt, true, true),
            (Form::U64, Test::Ge) => (Opcode::ULe, true, true),
            (Form::Float, Test::Eq) => (Opcode::FEq, false, true),
            (Form::Float, Test::Ne) => (Opcode::FEq, false, false),
            (Form::Float, Test::Lt) => (Opcode::FLt, false, true),
            (Form::Float, Test::Le) => (Opcode::FLe, false, true),
            (Form::Float, Test::Gt) => (Opcode::FLt, true, true),
            (Form::Float, Test::Ge) => (Opcode::FLe, true, true),
            (Form::F32, Test::Eq) => (Opcode::GEq, false, true),
            (Form::F32, Test::Ne) => (Opcode::GEq, false, false),
            (Form::F32, Test::Lt) => (Opcode::GLt, false, true),
            (Form::F32, Test::Le) => (Opcode::GLe, false, true),
            (Form::F32, Test::Gt) => (Opcode::GLt, true, true),
            (Form::F32, Test::Ge) => (Opcode::GLe, true, true),
            (form, Test::Lt) if form.is_signed() => (Opcode::ILt, false, true),
            (form, Test::Le) if form.is_signed() => (Opcode::ILe, false, true),
            (form, Test::Gt) if form.is_signed() => (Opcode::ILt, true, true),
            (form, Test::Ge) if form.is_signed() => (Opcode::ILe, true, true),
            (_, Test::Eq) => (Opcode::HEq, false, true),
            (_, Test::Ne) => (Opcode::HEq, false, false),
            // By the total order: its sign, beside 0.
            (_, test) => {
                let int = self.type_of(&Type::Int);
                let (sign, zero) = (Self::temp(self.alloc(int), false), Self::temp(self.alloc(int), false));
                let dest = Self::temp(self.alloc(bool_type), false);
                self.emit(Instr::new(Opcode::HCmp, sign.reg, a.reg, b.reg));
                self.release(a);
                self.release(b);
                self.emit(Instr::wide(Opcode::Imm, zero.reg, 0));
                let (op, left, right) = match test {
                    Test::Lt => (Opcode::ILt, sign.reg, zero.reg),
                    Test::Le => (Opcode::ILe, sign.reg, zero.reg),
                    Test::Gt => (Opcode::ILt, zero.reg, sign.reg),
                    _ => (Opcode::ILe, zero.reg, sign.reg),
                };
                self.emit(Instr::new(op, dest.reg, left, right));
                self.done(sign);
                self.done(zero);
                return (dest, true);
            }
        };
        let dest = Self::temp(self.alloc(bool_type), false);
        let (left, right) = if is_swapped { (b, a) } else { (a, b) };
        self.emit(Instr::new(op, dest.reg, left.reg, right.reg));
        self.release(a);
        self.release(b);
        (dest, is_it)
    }

    /// The value of a comparison.
    pub(super) fn comparison(&mut self, op: Intrinsic, args: &'p [Expr], dest: Option<u16>) -> Option<Val> {
        let test = Test::of(op)?;
        let first = args.first()?;
        let ty = self.type_of(&first.ty);
        let form = self.form(ty).clone();
        let vals = self.operands(args);
        let [a, b] = *vals.as_slice() else { return None };
        let (val, is_it) = self.truth(test, &form, a, b);
        if is_it {
            return Some(self.give(val, dest));
        }
        self.done(val);
        let bool_type = self.type_of(&Type::Bool);
        let dest = self.dest(dest, bool_type);
        self.emit(Instr::new(Opcode::Not, dest.reg, val.reg, 0));
        Some(dest)
    }
}

fn constant(expr: &Expr) -> Option<bool> {
    match &expr.kind {
        Kind::Const(Value::Bool(is_true)) => Some(*is_true),
        _ => None,
    }
}

/// The number of a constant, where 16 bits hold it.
pub(super) fn small(expr: &Expr) -> Option<i16> {
    match &expr.kind {
        Kind::Const(Value::Int(x) | Value::Tryte(x)) => i16::try_from(*x).ok(),
        Kind::Const(Value::U64(x)) => i16::try_from(*x).ok(),
        Kind::Const(Value::Bool(x)) => Some((*x).into()),
        Kind::Const(Value::Trit(x)) => Some((*x).into()),
        Kind::Const(Value::Enum(_, case, carried)) if carried.is_empty() => i16::try_from(*case).ok(),
        _ => None,
    }
}
