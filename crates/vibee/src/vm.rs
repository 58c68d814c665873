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
mod run;
mod texts;

use crate::{
    bytecode::{Bytecode, Refusal, TypeIndex, verify},
    limits::Limits,
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

    /// Calls a function with values of its parameters' types. A function without a body, and arguments that are not of
    /// these types, are fault `range`: no checked program asks for either.
    pub fn call(&mut self, function: FunctionId, args: &[Value]) -> Outcome {
        self.frames.clear();
        self.fuel = i64::try_from(self.limits.fuel).unwrap_or(i64::MAX);
        self.heap.limit = self.limits.memory_bytes;
        let outcome = self.run_function(function, args);
        match outcome {
            Ok((word, ty)) => {
                let value = convert::value_of(&self.heap, &self.layouts, self.bytecode, word, ty);
                if self.layouts.is_heap(ty.0) {
                    self.heap.release(word, &self.layouts);
                }
                Ok(value)
            }
            Err(fault) => {
                self.heap.reset();
                Err(fault)
            }
        }
    }

    fn run_function(&mut self, function: FunctionId, args: &[Value]) -> Result<(u64, TypeIndex), Fault> {
        let code = self.bytecode.functions.get(function.0 as usize).ok_or(Fault::Range)?;
        if code.code.is_empty() || args.len() != usize::from(code.n_params) {
            return Err(Fault::Range);
        }
        let n = args.len().max(code.registers.len()).max(load::NARROW);
        if self.stack.len() < n {
            self.stack.resize(n, 0);
        }
        for (at, (value, ty)) in args.iter().zip(&code.registers).enumerate() {
            let word = convert::word_of(&mut self.heap, &self.layouts, self.bytecode, value, *ty)?;
            if let Some(place) = self.stack.get_mut(at) {
                *place = word.ok_or(Fault::Range)?;
            }
        }
        let word =
            if self.loaded.is_wide { self.run::<run::Wide>(function) } else { self.run::<run::Narrow>(function) };
        Ok((word?, code.returns))
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
