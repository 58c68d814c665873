//! The verifier: one pass over each function. What it accepts cannot make the VM panic, read outside, lose or double a
//! reference, or run without fuel.
//!
//! For each instruction it knows which registers are set. Paths meet only with the same heap registers set, so that
//! nothing is lost; of scalars those stay set that are on every path. Every jump backwards goes to an instruction that
//! was reached before it, with what was set there. Code that only such a jump reaches is refused: the compiler never
//! makes it.

mod operands;
mod pool;

use super::{Bytecode, Code, INSTRUCTIONS_MAX, Instr, Opcode, Operand, Refusal, STRETCH_MAX};
use crate::limits::REGISTERS_MAX;

/// Words of all states that are kept for jumps of one function, at most.
const STATE_WORDS_MAX: usize = 1 << 22;

/// Which registers are set: a bit for each.
type Set = Vec<u64>;

fn has(set: &Set, register: usize) -> bool {
    set.get(register / 64).is_some_and(|word| word >> (register % 64) & 1 == 1)
}

fn put(set: &mut Set, register: usize, is_set: bool) {
    if let Some(word) = set.get_mut(register / 64) {
        *word = *word & !(1 << (register % 64)) | u64::from(is_set) << (register % 64);
    }
}

/// Checks everything that the VM relies on.
pub fn verify(bytecode: &Bytecode) -> Result<(), Refusal> {
    pool::verify(bytecode)?;
    for code in &bytecode.functions {
        signature(bytecode, code).map_err(|refusal| refusal.of(&code.name))?;
    }
    for code in bytecode.functions.iter().filter(|code| !code.code.is_empty()) {
        Flow::new(bytecode, code).and_then(Flow::run).map_err(|refusal| refusal.of(&code.name))?;
    }
    for (at, case) in bytecode.cases.iter().enumerate() {
        pool::case(bytecode, case).map_err(|(code, message)| Refusal::new(code, at, message))?;
    }
    Ok(())
}

fn signature(bytecode: &Bytecode, code: &Code) -> Result<(), Refusal> {
    if code.registers.len() > REGISTERS_MAX {
        return Err(Refusal::new("E0507", 0, format!("{} registers, at most {REGISTERS_MAX}", code.registers.len())));
    }
    if code.code.len() > INSTRUCTIONS_MAX {
        let n = code.code.len();
        return Err(Refusal::new("E0511", 0, format!("{n} instructions, at most {INSTRUCTIONS_MAX}")));
    }
    if usize::from(code.n_params) > code.registers.len() {
        return Err(Refusal::new("E0507", 0, "more parameters than registers"));
    }
    for ty in code.registers.iter().chain([&code.returns]) {
        if bytecode.form(*ty).is_none() {
            return Err(Refusal::new("E0507", 0, format!("there is no type {}", ty.0)));
        }
    }
    let mut least = 0;
    for (pc, span) in &code.spans {
        if *pc < least || *pc as usize >= code.code.len() || span.start > span.end {
            return Err(Refusal::new("E0512", *pc as usize, "places do not ascend, or lead outside"));
        }
        least = pc + 1;
    }
    Ok(())
}

/// The pass over one function.
struct Flow<'a> {
    bytecode: &'a Bytecode,
    code: &'a Code,
    /// Registers of heap types.
    heap: Set,
    /// What is set before an instruction that was jumped to, or will be jumped back to.
    states: Vec<Option<Set>>,
    /// Instructions that a jump behind them goes to.
    is_head: Vec<bool>,
    /// Words of `states` in use.
    n_words: usize,
}

impl<'a> Flow<'a> {
    fn new(bytecode: &'a Bytecode, code: &'a Code) -> Result<Self, Refusal> {
        let mut heap = vec![0; code.registers.len().div_ceil(64)];
        for (register, ty) in code.registers.iter().enumerate() {
            put(&mut heap, register, bytecode.form(*ty).is_some_and(super::Form::is_heap));
        }
        let mut is_head = vec![false; code.code.len()];
        for (pc, instr) in code.code.iter().enumerate() {
            if let Some(target) = target_of(*instr) {
                let Some(head) = is_head.get_mut(target) else {
                    let message = format!("jump to {target} of {} instructions", code.code.len());
                    return Err(Refusal::new("E0510", pc, message));
                };
                *head |= target <= pc;
            }
        }
        Ok(Self { bytecode, code, heap, states: vec![None; code.code.len()], is_head, n_words: 0 })
    }

    fn run(mut self) -> Result<(), Refusal> {
        let mut set: Set = vec![0; self.heap.len()];
        (0..usize::from(self.code.n_params)).for_each(|register| put(&mut set, register, true));
        let mut now = Some(set);
        let mut stretch = 0;
        let mut pc = 0;
        while let Some(instr) = self.code.code.get(pc).copied() {
            now = self.meet(pc, now)?;
            let Some(before) = now.take() else {
                return Err(Refusal::new("E0511", pc, "nothing leads here"));
            };
            let n_args = operands::check(self.bytecode, self.code, pc, instr)?;
            stretch += 1 + n_args.div_ceil(3);
            if stretch > STRETCH_MAX {
                return Err(Refusal::new(
                    "E0511",
                    pc,
                    format!("{STRETCH_MAX} instructions without one that is charged"),
                ));
            }
            if instr.op.is_charged() {
                stretch = 0;
            }
            let (next, jumped) = self.step(pc, instr, n_args, before)?;
            if let (Some(target), Some(state)) = (target_of(instr), jumped) {
                self.jump(pc, target, state)?;
            }
            now = next;
            pc += 1 + n_args.div_ceil(3);
        }
        match now {
            None => Ok(()),
            Some(_) => Err(Refusal::new("E0511", pc, "the function has no end")),
        }
    }

    /// Joins what falls through to an instruction with what jumps to it.
    fn meet(&mut self, pc: usize, now: Option<Set>) -> Result<Option<Set>, Refusal> {
        let jumped = self.states.get_mut(pc).and_then(Option::take);
        if jumped.is_some() {
            self.n_words -= self.heap.len();
        }
        let joined = match (now, jumped) {
            (Some(now), Some(jumped)) => Some(self.join(pc, now, &jumped)?),
            (now, jumped) => now.or(jumped),
        };
        if let Some(state) = &joined
            && self.is_head.get(pc) == Some(&true)
        {
            self.keep(pc, state.clone())?;
        }
        Ok(joined)
    }

    fn keep(&mut self, pc: usize, state: Set) -> Result<(), Refusal> {
        self.n_words += self.heap.len();
        if self.n_words > STATE_WORDS_MAX {
            return Err(Refusal::new("E0511", pc, "too many jumps for so many registers"));
        }
        if let Some(place) = self.states.get_mut(pc) {
            *place = Some(state);
        }
        Ok(())
    }

    fn join(&self, pc: usize, mut one: Set, other: &Set) -> Result<Set, Refusal> {
        // Nothing runs on behind a fault, so nothing can be lost there.
        let is_fault = self.code.code.get(pc).is_some_and(|instr| instr.op == Opcode::Fault);
        for (at, (word, other)) in one.iter_mut().zip(other).enumerate() {
            let differ = (*word ^ other) & self.heap.get(at).copied().unwrap_or(0);
            if differ != 0 && !is_fault {
                let register = at * 64 + differ.trailing_zeros() as usize;
                return Err(Refusal::new("E0509", pc, format!("r{register} is set on one path and empty on another")));
            }
            *word &= other;
        }
        Ok(one)
    }

    fn jump(&mut self, pc: usize, target: usize, state: Set) -> Result<(), Refusal> {
        if target > pc {
            let joined = match self.states.get_mut(target).and_then(Option::take) {
                Some(there) => {
                    self.n_words -= self.heap.len();
                    self.join(target, state, &there)?
                }
                None => state,
            };
            return self.keep(target, joined);
        }
        let Some(Some(there)) = self.states.get(target) else {
            return Err(Refusal::new("E0510", pc, format!("{target} is no instruction that was reached")));
        };
        for (at, (there, word)) in there.iter().zip(&state).enumerate() {
            let heap = self.heap.get(at).copied().unwrap_or(0);
            let differ = (there ^ word) & heap | there & !word;
            if differ != 0 {
                let register = at * 64 + differ.trailing_zeros() as usize;
                return Err(Refusal::new("E0509", pc, format!("r{register} differs from what it was at {target}")));
            }
        }
        Ok(())
    }

    /// Follows one instruction: what is set behind it, and where it jumps.
    fn step(
        &self,
        pc: usize,
        instr: Instr,
        n_args: usize,
        mut set: Set,
    ) -> Result<(Option<Set>, Option<Set>), Refusal> {
        let read = |set: &Set, register: usize| {
            if has(set, register) {
                return Ok(());
            }
            Err(Refusal::new("E0509", pc, format!("r{register} is read and was not set")))
        };
        let take = |set: &mut Set, register: usize| {
            read(set, register)?;
            if has(&self.heap, register) {
                put(set, register, false);
            }
            Ok(())
        };
        let mut written = None;
        let mut both = None;
        let mut place = 0;
        let mut reads = Vec::new();
        for operand in instr.op.operands() {
            let register = instr.operand(place, false) as usize;
            match operand {
                Operand::Read(super::Pattern::Of("Iter", _)) => {
                    read(&set, register)?;
                    read(&set, register + 1)?;
                    reads.push(register);
                }
                Operand::Read(_) => {
                    read(&set, register)?;
                    reads.push(register);
                }
                Operand::Take(_) => {
                    take(&mut set, register)?;
                    reads.push(register);
                }
                Operand::Both(_) => {
                    read(&set, register)?;
                    both = Some(register);
                }
                Operand::Write(_) => written = Some(register),
                _ => {}
            }
            place += 1 + usize::from(operand.is_wide());
        }
        for register in args(self.code, pc, n_args) {
            take(&mut set, register)?;
        }
        if let Some(register) = both
            && has(&self.heap, register)
            && reads.contains(&register)
        {
            return Err(Refusal::new("E0509", pc, format!("r{register} is read and changed at once")));
        }
        let before = target_of(instr).map(|_| set.clone());
        if let Some(register) = written {
            if has(&self.heap, register) && has(&set, register) {
                return Err(Refusal::new("E0509", pc, format!("r{register} is written and was not empty")));
            }
            put(&mut set, register, true);
        }
        if matches!(instr.op, Opcode::Ret | Opcode::Tail)
            && let Some(at) = set.iter().zip(&self.heap).position(|(set, heap)| set & heap != 0)
        {
            let left = set.get(at).copied().unwrap_or(0) & self.heap.get(at).copied().unwrap_or(0);
            let register = at * 64 + left.trailing_zeros() as usize;
            return Err(Refusal::new("E0509", pc, format!("r{register} is still set at the end")));
        }
        Ok(match instr.op {
            Opcode::Lfirst | Opcode::Tfirst | Opcode::Mfirst | Opcode::Sfirst | Opcode::Bfirst => (Some(set), before),
            Opcode::Lnext | Opcode::Tnext | Opcode::Mnext | Opcode::Snext | Opcode::Bnext => (before, Some(set)),
            op if op.is_end() => (None, before),
            _ => (Some(set), before),
        })
    }
}

/// Where an instruction may jump to.
pub(crate) fn target_of(instr: Instr) -> Option<usize> {
    let mut place = 0;
    for operand in instr.op.operands() {
        if *operand == Operand::Target {
            return Some(instr.operand(place, false) as usize);
        }
        place += 1 + usize::from(operand.is_wide());
    }
    None
}

/// The registers that follow an instruction in `args`.
pub(crate) fn args(code: &Code, pc: usize, n_args: usize) -> impl Iterator<Item = usize> {
    (0..n_args).map(move |at| {
        let word = code.code.get(pc + 1 + at / 3).copied();
        word.map_or(usize::MAX, |word| word.operand(at % 3, false) as usize)
    })
}
