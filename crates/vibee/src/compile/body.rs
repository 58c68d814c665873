//! One function: registers, labels, what is owned, and the kinds of expressions that need no file of their own.

use std::collections::HashMap;

use super::{
    Compiler,
    order::{Order, is_late},
};
use crate::{
    bytecode::{CARRIED_MAX, CONST_DEPTH_MAX, Code, Form, INSTRUCTIONS_MAX, Instr, Opcode, Operand, TypeIndex},
    diagnostic::Diagnostic,
    limits::REGISTERS_MAX,
    source::Span,
    typed::{Expr, Function, Kind, LocalId},
    types::Type,
    value::{Fault, Value},
};

/// Instructions since one that is charged, at most, before one is put in.
const STRETCH: usize = 180;

/// Where a value is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Val {
    pub reg: u16,
    /// Whether a reference goes with it, which whoever uses it takes or drops.
    pub is_owned: bool,
    /// Whether the register is nobody's afterwards.
    pub is_temp: bool,
}

/// An instruction to jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(pub usize);

/// Where a label is.
#[derive(Clone, Copy, Debug)]
enum Place {
    Unknown,
    At(usize),
    /// Where another label is.
    Is(Label),
}

/// Code that drops registers on the way to a label; it stands before the label.
struct Stub {
    label: Label,
    drops: Vec<u16>,
    target: Label,
}

/// What is known of a label.
#[derive(Clone, Copy, Debug)]
struct LabelState {
    place: Place,
    is_used: bool,
    /// Whether a fault stands there, so that nothing can be lost on the way.
    is_fault: bool,
}

/// What later code needs is asked within these.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Places that this path does not come to.
    pub skipped: Vec<(u32, u32)>,
    /// Places that are come to again.
    pub loops: Vec<(u32, u32)>,
    /// Locals that are needed whatever the places say.
    pub pinned: Vec<LocalId>,
}

/// The compilation of one function.
pub(super) struct Body<'c, 'p> {
    pub compiler: &'c mut Compiler<'p>,
    pub function: &'p Function,
    pub order: Order,
    /// The next node.
    pub at: u32,
    pub ahead: Ahead,
    /// Locals of heap types that own a reference now.
    pub owned: Vec<LocalId>,
    /// Whether nothing leads here.
    pub is_dead: bool,
    locals: Vec<Option<u16>>,
    /// How many loops were around a local where it was bound.
    depths: Vec<usize>,
    registers: Vec<TypeIndex>,
    free: HashMap<TypeIndex, Vec<u16>>,
    free_pairs: HashMap<TypeIndex, Vec<u16>>,
    code: Vec<Instr>,
    spans: Vec<(u32, Span)>,
    pub span: Span,
    stretch: usize,
    labels: Vec<LabelState>,
    fixes: Vec<(usize, Label)>,
    stubs: Vec<Stub>,
    faults: Vec<(Label, Fault, Span)>,
    too_large: Option<&'static str>,
}

impl<'c, 'p> Body<'c, 'p> {
    pub(super) fn new(compiler: &'c mut Compiler<'p>, function: &'p Function, body: &'p Expr) -> Self {
        let n = function.locals.len();
        Self {
            compiler,
            function,
            order: Order::of(body, n),
            at: 0,
            ahead: Ahead::default(),
            owned: Vec::new(),
            is_dead: false,
            locals: vec![None; n],
            depths: vec![0; n],
            registers: Vec::new(),
            free: HashMap::new(),
            free_pairs: HashMap::new(),
            code: Vec::new(),
            spans: Vec::new(),
            span: body.span,
            stretch: 0,
            labels: Vec::new(),
            fixes: Vec::new(),
            stubs: Vec::new(),
            faults: Vec::new(),
            too_large: None,
        }
    }

    pub(super) fn compile(mut self, name: String, returns: TypeIndex, body: &'p Expr) -> Result<Code, Box<Diagnostic>> {
        for at in 0..self.function.n_params {
            let local = LocalId(at as u32);
            let ty = self.local_type(local);
            let reg = self.alloc(ty);
            self.bind(local, reg);
        }
        self.drop_unneeded();
        self.tail(body);
        self.end()?;
        let n_params = self.function.n_params as u16;
        Ok(Code { name, n_params, registers: self.registers, returns, code: self.code, spans: self.spans })
    }

    /// Puts faults behind the code, and targets into jumps.
    fn end(&mut self) -> Result<(), Box<Diagnostic>> {
        for (label, fault, span) in std::mem::take(&mut self.faults) {
            self.is_dead = true;
            self.place(label);
            self.span = span;
            self.emit(Instr::new(Opcode::Fault, fault as u16, 0, 0));
        }
        for (pc, label) in std::mem::take(&mut self.fixes) {
            let target = self.target(label);
            if let Some(instr) = self.code.get_mut(pc) {
                let mut place = 0;
                for operand in instr.op.operands() {
                    if *operand == Operand::Target {
                        instr.set_operand(place, false, target as u32);
                    }
                    place += 1 + usize::from(operand.is_wide());
                }
            }
        }
        if self.code.len() > INSTRUCTIONS_MAX {
            self.too_large = Some("instructions, at most 32,000 (INSTRUCTIONS_MAX)");
        }
        if self.registers.len() > REGISTERS_MAX {
            self.too_large = Some("registers, at most 65,536 (REGISTERS_MAX)");
        }
        match self.too_large {
            None => Ok(()),
            Some(what) => {
                let message = format!("{}: too many {what}", self.function.name);
                Err(Box::new(Diagnostic::new("E0140", self.function.span, message)))
            }
        }
    }

    // Registers and locals

    pub(super) fn type_of(&mut self, ty: &Type) -> TypeIndex {
        self.compiler.ty(ty)
    }

    pub(super) fn local_type(&mut self, local: LocalId) -> TypeIndex {
        let function = self.function;
        function.locals.get(local.0 as usize).map_or(TypeIndex(0), |local| self.compiler.ty(&local.ty))
    }

    pub(super) fn form(&self, ty: TypeIndex) -> &Form {
        self.compiler.bytecode.form(ty).unwrap_or(&Form::Bool)
    }

    pub(super) fn is_heap(&self, ty: TypeIndex) -> bool {
        self.form(ty).is_heap()
    }

    pub(super) fn reg_type(&self, reg: u16) -> TypeIndex {
        self.registers.get(usize::from(reg)).copied().unwrap_or(TypeIndex(0))
    }

    pub(super) fn alloc(&mut self, ty: TypeIndex) -> u16 {
        if let Some(reg) = self.free.get_mut(&ty).and_then(Vec::pop) {
            return reg;
        }
        self.new_register(ty)
    }

    fn new_register(&mut self, ty: TypeIndex) -> u16 {
        // One more than there may be is as many as are counted: the function is refused in the end.
        if self.registers.len() > REGISTERS_MAX {
            return u16::MAX;
        }
        self.registers.push(ty);
        (self.registers.len() - 1) as u16
    }

    /// A register of a type with one of Int behind it.
    pub(super) fn alloc_pair(&mut self, ty: TypeIndex) -> u16 {
        if let Some(reg) = self.free_pairs.get_mut(&ty).and_then(Vec::pop) {
            return reg;
        }
        let int = self.compiler.ty(&Type::Int);
        let reg = self.new_register(ty);
        self.new_register(int);
        reg
    }

    pub(super) fn free_pair(&mut self, reg: u16) {
        let ty = self.reg_type(reg);
        self.free_pairs.entry(ty).or_default().push(reg);
    }

    pub(super) fn free_reg(&mut self, reg: u16) {
        let ty = self.reg_type(reg);
        self.free.entry(ty).or_default().push(reg);
    }

    /// Makes a register a local's.
    pub(super) fn bind(&mut self, local: LocalId, reg: u16) {
        let at = local.0 as usize;
        if let (Some(place), Some(depth)) = (self.locals.get_mut(at), self.depths.get_mut(at)) {
            *place = Some(reg);
            *depth = self.ahead.loops.len();
        }
        if self.is_heap(self.reg_type(reg)) {
            self.owned.push(local);
        }
    }

    pub(super) fn local_reg(&self, local: LocalId) -> u16 {
        self.locals.get(local.0 as usize).copied().flatten().unwrap_or(0)
    }

    // What is needed later

    /// Whether a local is read on some path from a place on.
    pub(super) fn is_needed_from(&self, local: LocalId, from: u32) -> bool {
        if self.ahead.pinned.contains(&local) {
            return true;
        }
        let mut next = self.order.next_use(local, from);
        while let Some(at) = next {
            match self.ahead.skipped.iter().find(|(begin, end)| (*begin..*end).contains(&at)) {
                Some((_, end)) => next = self.order.next_use(local, *end),
                None => return true,
            }
        }
        let depth = self.depths.get(local.0 as usize).copied().unwrap_or(0);
        let around = self.ahead.loops.get(depth..).unwrap_or_default();
        around.iter().any(|(begin, end)| self.order.next_use(local, *begin).is_some_and(|at| at < *end))
    }

    /// Whether a local is read from here on.
    pub(super) fn is_needed(&self, local: LocalId) -> bool {
        self.is_needed_from(local, self.at)
    }

    /// Drops what is owned and not read from here on: at the beginning of a path.
    pub(super) fn drop_unneeded(&mut self) {
        let (kept, gone) = self.owned.iter().copied().partition(|local| self.is_needed(*local));
        self.owned = kept;
        let gone: Vec<LocalId> = gone;
        for local in gone {
            let reg = self.local_reg(local);
            self.emit(Instr::new(Opcode::Drop, reg, 0, 0));
        }
    }

    // Code

    pub(super) fn emit(&mut self, instr: Instr) {
        if self.is_dead || self.code.len() > INSTRUCTIONS_MAX {
            return;
        }
        if self.stretch >= STRETCH && instr.op != Opcode::Args {
            self.code.push(Instr::new(Opcode::Fuel, 0, 0, 0));
            self.stretch = 0;
        }
        if self.spans.last().is_none_or(|(_, span)| *span != self.span) {
            self.spans.push((self.code.len() as u32, self.span));
        }
        self.code.push(instr);
        self.stretch = if instr.op.is_charged() { 0 } else { self.stretch + 1 };
        self.is_dead = instr.op.is_end() && !instr.op.has_args();
    }

    /// Puts an instruction that jumps to a label.
    pub(super) fn emit_to(&mut self, instr: Instr, label: Label) {
        if self.is_dead {
            return;
        }
        self.emit(instr);
        self.fixes.push((self.code.len() - 1, label));
        self.mark(label);
    }

    pub(super) fn jump(&mut self, label: Label) {
        self.emit_to(Instr::new(Opcode::Jmp, 0, 0, 0), label);
    }

    /// Puts an instruction and the registers that follow it.
    pub(super) fn emit_args(&mut self, instr: Instr, registers: &[u16]) {
        if registers.len() > STRETCH {
            // So many that they alone would be too much for one charge: `args` are not charged one by one.
            self.too_large = Some("operands of one expression, at most 180");
        }
        if self.stretch + 1 + registers.len().div_ceil(3) > STRETCH {
            self.emit(Instr::new(Opcode::Fuel, 0, 0, 0));
        }
        self.emit(instr);
        for three in registers.chunks(3) {
            let reg = |at: usize| three.get(at).copied().unwrap_or(0);
            self.emit(Instr::new(Opcode::Args, reg(0), reg(1), reg(2)));
        }
        if instr.op == Opcode::Tail {
            self.is_dead = true;
        }
        if instr.op.is_charged() {
            self.stretch = 0;
        }
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels.push(LabelState { place: Place::Unknown, is_used: false, is_fault: false });
        Label(self.labels.len() - 1)
    }

    /// The label that one stands for, and what is known of it.
    fn resolve(&self, label: Label) -> (Label, LabelState) {
        let mut label = label;
        loop {
            match self.labels.get(label.0) {
                Some(LabelState { place: Place::Is(other), .. }) => label = *other,
                Some(state) => return (label, *state),
                None => return (label, LabelState { place: Place::Unknown, is_used: false, is_fault: false }),
            }
        }
    }

    fn mark(&mut self, label: Label) {
        let (label, _) = self.resolve(label);
        if let Some(state) = self.labels.get_mut(label.0) {
            state.is_used = true;
        }
    }

    fn target(&self, label: Label) -> usize {
        match self.resolve(label).1.place {
            Place::At(at) => at,
            _ => 0,
        }
    }

    /// Says that a label is here.
    pub(super) fn place(&mut self, label: Label) {
        let (leading, other): (Vec<Stub>, Vec<Stub>) =
            std::mem::take(&mut self.stubs).into_iter().partition(|stub| self.resolve(stub.target).0 == label);
        self.stubs = other;
        for stub in leading {
            self.jump(label);
            self.place(stub.label);
            stub.drops.into_iter().for_each(|reg| self.emit(Instr::new(Opcode::Drop, reg, 0, 0)));
        }
        let here = self.code.len();
        if let Some(state) = self.labels.get_mut(label.0) {
            state.place = Place::At(here);
            self.is_dead &= !state.is_used;
        }
    }

    /// A label that leads to a fault.
    pub(super) fn fault_label(&mut self, fault: Fault) -> Label {
        let label = self.label();
        if let Some(state) = self.labels.get_mut(label.0) {
            state.is_fault = true;
        }
        self.faults.push((label, fault, self.span));
        label
    }

    /// Says that a label leads to another one that is not placed yet, with registers dropped on the way.
    pub(super) fn lead(&mut self, label: Label, drops: Vec<u16>, target: Label) {
        let is_used = self.labels.get(label.0).is_some_and(|state| state.is_used);
        if drops.is_empty() || self.resolve(target).1.is_fault {
            if let Some(state) = self.labels.get_mut(label.0) {
                state.place = Place::Is(target);
            }
            if is_used {
                self.mark(target);
            }
        } else if is_used {
            self.stubs.push(Stub { label, drops, target });
        }
    }

    // Values

    pub(super) fn temp(reg: u16, is_owned: bool) -> Val {
        Val { reg, is_owned, is_temp: true }
    }

    /// The value of a register that whoever asked for it named.
    fn at_dest(&self, reg: u16) -> Val {
        Val { reg, is_owned: self.is_heap(self.reg_type(reg)), is_temp: false }
    }

    /// Ends the use of a value that was only read.
    pub(super) fn release(&mut self, val: Val) {
        if val.is_owned {
            self.emit(Instr::new(Opcode::Drop, val.reg, 0, 0));
        }
        self.done(val);
    }

    /// Ends the use of a value whose reference is gone.
    pub(super) fn done(&mut self, val: Val) {
        if val.is_temp {
            self.free_reg(val.reg);
        }
    }

    /// Makes a value one whose reference may be taken.
    pub(super) fn own(&mut self, val: Val) -> Val {
        let ty = self.reg_type(val.reg);
        if val.is_owned || !self.is_heap(ty) {
            return val;
        }
        let reg = self.alloc(ty);
        self.emit(Instr::new(Opcode::Copy, reg, val.reg, 0));
        Self::temp(reg, true)
    }

    /// Puts a value into a register.
    pub(super) fn move_to(&mut self, val: Val, dest: u16) -> Val {
        if val.reg == dest {
            return self.at_dest(dest);
        }
        let op = match (self.is_heap(self.reg_type(dest)), val.is_owned) {
            (false, _) => Opcode::Mov,
            (true, true) => Opcode::Take,
            (true, false) => Opcode::Copy,
        };
        self.emit(Instr::new(op, dest, val.reg, 0));
        self.done(val);
        self.at_dest(dest)
    }

    pub(super) fn give(&mut self, val: Val, dest: Option<u16>) -> Val {
        match dest {
            Some(dest) => self.move_to(val, dest),
            None => val,
        }
    }

    /// A register for a result.
    pub(super) fn dest(&mut self, dest: Option<u16>, ty: TypeIndex) -> Val {
        match dest {
            Some(reg) => self.at_dest(reg),
            None => Self::temp(self.alloc(ty), self.is_heap(ty)),
        }
    }

    /// Compiles operands: locals last, so that a last use takes its reference. What another operand gives has a
    /// reference of its own, for a local that it gives may have its last use in the next one.
    pub(super) fn operands(&mut self, args: &'p [Expr]) -> Vec<Val> {
        let mut vals = vec![None; args.len()];
        for is_late_turn in [false, true] {
            for (arg, val) in args.iter().zip(&mut vals) {
                if is_late(arg) == is_late_turn {
                    let found = self.expr(arg, None);
                    *val = Some(if is_late_turn { found } else { self.own(found) });
                }
            }
        }
        vals.into_iter().flatten().collect()
    }

    /// Compiles a constant.
    pub(super) fn constant(&mut self, ty: TypeIndex, value: &Value, dest: Option<u16>) -> Val {
        let is_word = self.form(ty).is_word();
        let dest = self.dest(dest, ty);
        let number = match value {
            Value::Int(x) | Value::Tryte(x) => i32::try_from(*x).ok(),
            Value::Bool(x) => Some((*x).into()),
            Value::Trit(x) => Some((*x).into()),
            Value::U64(x) => i32::try_from(*x).ok(),
            Value::Enum(_, case, _) => Some((*case).into()),
            _ => None,
        };
        match number {
            Some(k) if is_word => self.emit(Instr::wide(Opcode::Imm, dest.reg, k as u32)),
            _ => {
                if depth(value) > CONST_DEPTH_MAX {
                    self.too_large = Some("levels in a constant, at most 128 (CONST_DEPTH_MAX)");
                }
                let at = self.compiler.constant(ty, value);
                self.emit(Instr::wide(Opcode::Const, dest.reg, at));
            }
        }
        dest
    }

    // Expressions

    /// Begins a node; gives its number.
    pub(super) fn enter(&mut self, expr: &Expr) -> u32 {
        self.span = expr.span;
        self.at += 1;
        self.at - 1
    }

    pub(super) fn end_of(&self, node: u32) -> u32 {
        self.order.end.get(node as usize).copied().unwrap_or(node + 1)
    }

    /// Compiles an expression whose value is the function's.
    fn tail(&mut self, expr: &'p Expr) {
        match &expr.kind {
            Kind::Call { function, args, is_tail: true } => {
                self.enter(expr);
                let vals = self.operands(args);
                let vals: Vec<Val> = vals.into_iter().map(|val| self.own(val)).collect();
                self.span = expr.span;
                let registers: Vec<u16> = vals.iter().map(|val| val.reg).collect();
                let (a, b) = (function.0 as u16, (function.0 >> 16) as u16);
                self.emit_args(Instr::new(Opcode::Tail, a, b, 0), &registers);
                vals.into_iter().for_each(|val| self.done(val));
            }
            Kind::Let { local, value, body } => {
                self.enter(expr);
                let freed = self.let_value(*local, value);
                self.tail(body);
                freed.into_iter().for_each(|reg| self.free_reg(reg));
            }
            Kind::Assert { condition, fault, body } => {
                self.enter(expr);
                self.assert(condition, *fault, expr.span);
                self.tail(body);
            }
            Kind::Cover(place, inner) => {
                self.enter(expr);
                self.cover(*place);
                self.tail(inner);
            }
            Kind::If { condition, then, otherwise } => {
                self.if_else(expr, condition, then, otherwise, &mut |body, part| body.tail(part));
            }
            Kind::Match { subject, arms } => {
                self.match_arms(expr, subject, arms, &mut |body, part| body.tail(part));
            }
            _ => {
                let val = self.expr(expr, None);
                let val = self.own(val);
                self.emit(Instr::new(Opcode::Ret, val.reg, 0, 0));
                self.done(val);
            }
        }
    }

    /// Compiles an expression, into a register if one is named: it is written once, at the end.
    // tidy: long function, an arm for each kind of expression
    pub(super) fn expr(&mut self, expr: &'p Expr, dest: Option<u16>) -> Val {
        let ty = self.type_of(&expr.ty);
        match &expr.kind {
            Kind::If { condition, then, otherwise } => {
                let dest = self.dest(dest, ty);
                self.if_else(expr, condition, then, otherwise, &mut |body, part| {
                    body.expr(part, Some(dest.reg));
                });
                return dest;
            }
            Kind::Match { subject, arms } => {
                let dest = self.dest(dest, ty);
                self.match_arms(expr, subject, arms, &mut |body, part| {
                    body.expr(part, Some(dest.reg));
                });
                return dest;
            }
            _ => {}
        }
        let node = self.enter(expr);
        match &expr.kind {
            Kind::Const(value) => self.constant(ty, value, dest),
            Kind::Local(local) => {
                let val = self.local(*local);
                self.give(val, dest)
            }
            Kind::Let { local, value, body } => {
                let freed = self.let_value(*local, value);
                let mut val = self.expr(body, dest);
                if let Some(reg) = freed {
                    if val.reg == reg {
                        val.is_temp = true;
                    } else {
                        self.free_reg(reg);
                    }
                }
                val
            }
            Kind::Assert { condition, fault, body } => {
                self.assert(condition, *fault, expr.span);
                self.expr(body, dest)
            }
            Kind::Cover(place, inner) => {
                self.cover(*place);
                self.expr(inner, dest)
            }
            Kind::Fault(fault) => {
                self.emit(Instr::new(Opcode::Fault, *fault as u16, 0, 0));
                self.dest(dest, ty)
            }
            Kind::Call { function, args, .. } => {
                let vals = self.operands(args);
                let vals: Vec<Val> = vals.into_iter().map(|val| self.own(val)).collect();
                self.span = expr.span;
                let registers: Vec<u16> = vals.iter().map(|val| val.reg).collect();
                vals.into_iter().for_each(|val| self.done(val));
                let dest = self.dest(dest, ty);
                self.emit_args(Instr::wide(Opcode::Call, dest.reg, function.0), &registers);
                dest
            }
            Kind::Tuple(args) | Kind::Record(_, args) => self.made(expr, Opcode::Rec, None, args, dest),
            Kind::List(args) => self.list(expr, args, dest),
            Kind::Variant(_, case, args) => {
                if args.len() > CARRIED_MAX {
                    self.too_large = Some("things that a case carries, at most 100 (CARRIED_MAX)");
                }
                if self.form(ty).is_bare_enum() {
                    let dest = self.dest(dest, ty);
                    self.emit(Instr::wide(Opcode::Imm, dest.reg, u32::from(*case)));
                    return dest;
                }
                self.made(expr, Opcode::Variant, Some(*case), args, dest)
            }
            Kind::Option(None) => self.made(expr, Opcode::Variant, Some(0), &[], dest),
            Kind::Option(Some(inner)) => {
                self.made(expr, Opcode::Variant, Some(1), std::slice::from_ref(&**inner), dest)
            }
            Kind::Ok(inner) => self.made(expr, Opcode::Variant, Some(0), std::slice::from_ref(&**inner), dest),
            Kind::Err(inner) => self.made(expr, Opcode::Variant, Some(1), std::slice::from_ref(&**inner), dest),
            Kind::Field(inner, at) => {
                let of = self.expr(inner, None);
                self.span = expr.span;
                let dest = self.dest_beside(dest, ty, &[of]);
                self.emit(Instr::new(Opcode::Field, dest.0.reg, of.reg, *at));
                self.release(of);
                self.settle(dest)
            }
            Kind::InRange { value, lo, hi } => {
                let val = self.expr(value, None);
                self.span = expr.span;
                match (i16::try_from(*lo), i16::try_from(*hi)) {
                    (Ok(lo), Ok(hi)) => self.emit(Instr::new(Opcode::InK, val.reg, lo as u16, hi as u16)),
                    _ => self.in_bounds(val.reg, ty, *lo, *hi),
                }
                self.give(val, dest)
            }
            Kind::Intrinsic { op, args } => self.intrinsic(expr, *op, args, dest),
            Kind::Loop(of) => self.loop_over(expr, node, of, dest),
            Kind::If { .. } | Kind::Match { .. } => self.dest(dest, ty),
        }
    }

    fn in_bounds(&mut self, reg: u16, ty: TypeIndex, lo: i64, hi: i64) {
        let (lo, hi) = (self.compiler.word(ty, lo as u64), self.compiler.word(ty, hi as u64));
        match (u16::try_from(lo), u16::try_from(hi)) {
            (Ok(lo), Ok(hi)) => self.emit(Instr::new(Opcode::In, reg, lo, hi)),
            _ => self.too_large = Some("constants, at most 65,536 where bounds are used"),
        }
    }

    fn local(&mut self, local: LocalId) -> Val {
        let reg = self.local_reg(local);
        let is_owned = self.is_heap(self.reg_type(reg)) && !self.is_needed(local);
        if is_owned {
            self.owned.retain(|other| *other != local);
        }
        Val { reg, is_owned, is_temp: false }
    }

    /// Binds a name; gives the register that is free after the body.
    fn let_value(&mut self, local: LocalId, value: &'p Expr) -> Option<u16> {
        let val = self.expr(value, None);
        if !self.is_needed(local) {
            self.release(val);
            return None;
        }
        let is_heap = self.is_heap(self.reg_type(val.reg));
        let val = if is_heap { self.own(val) } else { val };
        self.bind(local, val.reg);
        val.is_temp.then_some(val.reg)
    }

    fn assert(&mut self, condition: &'p Expr, fault: Fault, span: Span) {
        self.span = span;
        let label = self.fault_label(fault);
        self.branch(condition, label, false);
        self.drop_unneeded();
    }

    fn cover(&mut self, place: u32) {
        if self.compiler.options.cover {
            self.emit(Instr::new(Opcode::Cover, place as u16, (place >> 16) as u16, 0));
        }
    }

    /// A record, tuple, list or case of operands.
    fn made(&mut self, expr: &Expr, op: Opcode, case: Option<u16>, args: &'p [Expr], dest: Option<u16>) -> Val {
        // What is in `Some`, `Ok` and `Err` is a node like any other; the operands of the rest are numbered together.
        let vals = self.operands(args);
        let vals: Vec<Val> = vals.into_iter().map(|val| self.own(val)).collect();
        self.span = expr.span;
        let registers: Vec<u16> = vals.iter().map(|val| val.reg).collect();
        vals.into_iter().for_each(|val| self.done(val));
        let ty = self.type_of(&expr.ty);
        let dest = self.dest(dest, ty);
        let n = registers.len() as u16;
        let instr = match case {
            Some(case) => Instr::new(op, dest.reg, case, n),
            None => Instr::new(op, dest.reg, n, 0),
        };
        self.emit_args(instr, &registers);
        dest
    }

    /// A list of operands: what one instruction does not hold is pushed.
    fn list(&mut self, expr: &Expr, args: &'p [Expr], dest: Option<u16>) -> Val {
        if args.len() <= STRETCH / 2 {
            return self.made(expr, Opcode::Lnew, None, args, dest);
        }
        let vals = self.operands(args);
        let vals: Vec<Val> = vals.into_iter().map(|val| self.own(val)).collect();
        self.span = expr.span;
        let ty = self.type_of(&expr.ty);
        let list = Self::temp(self.alloc(ty), true);
        self.emit_args(Instr::new(Opcode::Lnew, list.reg, 0, 0), &[]);
        for val in vals {
            self.emit(Instr::new(Opcode::Lpush, list.reg, val.reg, 0));
            self.done(val);
        }
        self.give(list, dest)
    }

    /// A register for a result that is written while operands are still there: another one where one of them is in it.
    pub(super) fn dest_beside(&mut self, dest: Option<u16>, ty: TypeIndex, operands: &[Val]) -> (Val, Option<u16>) {
        let is_taken = |reg| self.is_heap(ty) && operands.iter().any(|val| val.reg == reg);
        match dest {
            Some(reg) if is_taken(reg) => (Self::temp(self.alloc(ty), self.is_heap(ty)), Some(reg)),
            _ => (self.dest(dest, ty), None),
        }
    }

    /// Puts a result where it was asked for, now that the operands are gone.
    pub(super) fn settle(&mut self, (val, dest): (Val, Option<u16>)) -> Val {
        self.give(val, dest)
    }
}

/// Levels of nesting, not counted beyond what is too many.
fn depth(value: &Value) -> usize {
    let mut todo = vec![(value, 1)];
    let mut deepest = 0;
    while let Some((value, depth)) = todo.pop() {
        deepest = deepest.max(depth);
        if depth > CONST_DEPTH_MAX {
            break;
        }
        let mut add = |part| todo.push((part, depth + 1));
        match value {
            Value::List(items) => items.iter().for_each(add),
            Value::Set(items) => items.iter().for_each(add),
            Value::Map(entries) => entries.iter().for_each(|(key, of)| [key, of].into_iter().for_each(&mut add)),
            Value::Option(Some(inner)) | Value::Result(Ok(inner) | Err(inner)) => add(inner),
            Value::Tuple(parts) | Value::Record(_, parts) => parts.iter().for_each(add),
            Value::Enum(_, _, parts) => parts.iter().for_each(add),
            _ => {}
        }
    }
    deepest
}
