//! The virtual machine: runs bytecode.
//!
//! It has a stack of words with a window for each call, an explicit list of callers, and a heap of counted objects; it
//! never recurses. What it needs not ask, the verifier saw; so a [`Vm`] is made of verified bytecode alone. An
//! evaluation ends with a value or a fault, and with the same fuel left on every machine.

mod bulk;
mod convert;
mod heap;
mod layout;
mod load;
mod quick;
mod run;
mod texts;

use self::{
    load::{Border, Entry},
    quick::{At, Quick},
};
use crate::{
    bytecode::{Bytecode, Refusal, TypeIndex, verify},
    limits::Limits,
    order::canonical,
    source::Span,
    typed::FunctionId,
    value::{Fault, Outcome, Value},
};

/// Words of the stack, at most: more is fault `memory`.
const STACK_WORDS_MAX: usize = 1 << 20;

/// A caller that waits for a result.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Where it goes on.
    pc: u32,
    /// Where its window begins.
    base: u32,
    /// The register that gets the result.
    dest: u16,
}

/// Runs the functions of a program.
#[derive(Debug)]
pub struct Vm<'a> {
    bytecode: &'a Bytecode,
    limits: Limits,
    layouts: layout::Layouts,
    loaded: load::Loaded,
    consts: Vec<u64>,
    heap: heap::Heap,
    stack: Vec<u64>,
    frames: Vec<Frame>,
    /// The instruction behind the last one that ran.
    pc: usize,
    fuel: i64,
    reached: Vec<u64>,
}

impl<'a> Vm<'a> {
    /// Makes a machine of bytecode, if the verifier accepts it.
    pub fn new(bytecode: &'a Bytecode, limits: Limits) -> Result<Self, Refusal> {
        verify(bytecode)?;
        let layouts = layout::Layouts::new(bytecode);
        let loaded = load::load(bytecode, &layouts);
        let mut heap = heap::Heap::new();
        let mut consts = Vec::with_capacity(bytecode.consts.len());
        for (at, (ty, value)) in bytecode.consts.iter().enumerate() {
            let word = convert::word_of_const(&mut heap, &layouts, bytecode, value, *ty);
            consts.push(word.map_err(|_| Refusal::new("E0506", at, format!("constant {at} is too large")))?);
        }
        heap.pin();
        Ok(Self {
            bytecode,
            limits,
            layouts,
            loaded,
            consts,
            heap,
            stack: vec![0; 2 * load::NARROW],
            frames: Vec::new(),
            pc: 0,
            fuel: 0,
            reached: vec![0; bytecode.n_cover as usize],
        })
    }

    /// Takes away the quick loop, which may make no difference but for time.
    #[doc(hidden)]
    #[must_use]
    pub fn without_quick_loop(mut self) -> Self {
        self.loaded.quick.clear();
        self
    }

    /// Calls a function with values of its parameters' types. A function without a body, and arguments that are not of
    /// these types, are fault `range`: no checked program asks for either.
    pub fn call(&mut self, function: FunctionId, args: &[Value]) -> Outcome {
        let Some(entry) = self.loaded.entries.get(function.0 as usize).copied() else { return Err(Fault::Range) };
        let at = At { pc: entry.pc as usize, fuel: 0, base: 0, width: entry.n_registers as usize };
        let at = At { fuel: i64::try_from(self.limits.fuel).unwrap_or(i64::MAX), ..at };
        self.frames.clear();
        self.fuel = at.fuel;
        self.heap.limit = self.limits.memory_bytes;
        match self.enter(function, entry, args).and_then(|()| self.run_from(at)) {
            Ok(word) => Ok(match entry.returns {
                Border::Int => Value::Int(word as i64),
                Border::Float => Value::Float(f64::from_bits(word)),
                Border::Formed => self.leave(function, word),
            }),
            Err(fault) => {
                self.heap.reset();
                Err(fault)
            }
        }
    }

    /// Calls a function as [`Vm::call`] does; what it reaches is not counted.
    pub fn call_uncounted(&mut self, function: FunctionId, args: &[Value]) -> Outcome {
        let reached = std::mem::take(&mut self.reached);
        let outcome = self.call(function, args);
        self.reached = reached;
        outcome
    }

    /// Whether the bytecode has the function's body.
    pub fn has_code(&self, function: FunctionId) -> bool {
        self.bytecode.functions.get(function.0 as usize).is_some_and(|code| !code.code.is_empty())
    }

    /// Puts arguments where a function's window begins.
    #[inline]
    fn enter(&mut self, function: FunctionId, entry: Entry, args: &[Value]) -> Result<(), Fault> {
        if !entry.has_code || args.len() != usize::from(entry.n_params) {
            return Err(Fault::Range);
        }
        if self.stack.len() < entry.n_registers as usize {
            self.stack.resize(entry.n_registers as usize, 0);
        }
        for (at, value) in args.iter().enumerate() {
            let word = match (entry.params.get(at), value) {
                (Some(Border::Int), Value::Int(x)) => *x as u64,
                (Some(Border::Float), Value::Float(x)) => canonical(*x).to_bits(),
                _ => self.word_of(function, at, value)?,
            };
            if let Some(place) = self.stack.get_mut(at) {
                *place = word;
            }
        }
        Ok(())
    }

    /// Makes the word of an argument by the form of its type.
    #[inline(never)]
    fn word_of(&mut self, function: FunctionId, at: usize, value: &Value) -> Result<u64, Fault> {
        let code = self.bytecode.functions.get(function.0 as usize);
        let ty = code.and_then(|code| code.registers.get(at)).ok_or(Fault::Range)?;
        convert::word_of(&mut self.heap, &self.layouts, self.bytecode, value, *ty)?.ok_or(Fault::Range)
    }

    /// Makes the value of a result by the form of its type.
    #[inline(never)]
    fn leave(&mut self, function: FunctionId, word: u64) -> Value {
        let code = self.bytecode.functions.get(function.0 as usize);
        let returns = code.map_or(TypeIndex(u32::MAX), |code| code.returns);
        if let Some(value) = self.bytecode.form(returns).and_then(|form| convert::of_scalar(form, word)) {
            return value;
        }
        let value = convert::value_of(&self.heap, &self.layouts, self.bytecode, word, returns);
        self.heap.release(word, &self.layouts);
        value
    }

    /// Runs from an instruction on. What the quick loop ends needs no more than it.
    fn run_from(&mut self, mut at: At) -> Result<u64, Fault> {
        if self.loaded.is_wide {
            return self.run::<run::Wide>(at);
        }
        let quick = Quick {
            code: &self.loaded.quick,
            consts: &self.consts,
            entries: &self.loaded.entries,
            heap: &mut self.heap,
            stack: &mut self.stack,
            frames: &mut self.frames,
            depth_max: self.limits.depth as usize,
        };
        match quick.run(&mut at) {
            Some(word) => {
                (self.pc, self.fuel) = (at.pc, at.fuel);
                Ok(word)
            }
            None => self.run::<run::Narrow>(at),
        }
    }

    /// The fuel that the last call left.
    pub fn fuel_left(&self) -> u64 {
        u64::try_from(self.fuel).unwrap_or(0)
    }

    /// Bytes that the last call left in use: 0 where it gave a value.
    pub fn memory_used(&self) -> u64 {
        self.heap.used
    }

    /// How often each place that coverage counts was reached, over all calls.
    pub fn reached(&self) -> &[u64] {
        &self.reached
    }

    /// Where the last fault came up: the innermost function and its callers, with the places where they were.
    pub fn trace(&self) -> Vec<(String, Option<Span>)> {
        let callers = self.frames.iter().rev().map(|frame| frame.pc as usize);
        std::iter::once(self.pc).chain(callers).filter_map(|pc| self.place(pc.saturating_sub(1))).collect()
    }

    fn place(&self, pc: usize) -> Option<(String, Option<Span>)> {
        let behind = self.loaded.entries.partition_point(|entry| entry.pc as usize <= pc);
        // Functions without a body begin where the next one does: the last of those has the instruction.
        let at = behind.checked_sub(1)?;
        let (entry, code) = (self.loaded.entries.get(at)?, self.bytecode.functions.get(at)?);
        let within = pc.checked_sub(entry.pc as usize)? as u32;
        let spans = code.spans.partition_point(|(from, _)| *from <= within);
        let span = spans.checked_sub(1).and_then(|at| code.spans.get(at)).map(|(_, span)| *span);
        Some((code.name.clone(), span))
    }
}
