//! The evaluator: slow, obvious, and the definition of the language. Where the VM or generated code gives another value
//! or fault, they are wrong.
//!
//! It walks the typed tree with a list of what is still to be done instead of recursion: neither a long expression nor
//! deep calls can exhaust the stack of the host. What is still to be done, the values that wait for it and the names of
//! the calls under way are all that keeps values alive, which is how memory is counted.
//!
//! Three faults depend on how a program is run: `fuel`, `memory` and `depth`. Here a step over a node of the tree costs
//! one, an operation on n items or bytes n / 8 more; [`Value::own_bytes`] of what is alive at the same time may reach
//! the limit of memory; the outermost call has depth 1.

use std::collections::HashSet;

pub use crate::limits::Limits;
use crate::{
    intrinsic::Intrinsic,
    source::Span,
    typed::{Arm, Expr, Function, FunctionId, Kind, LocalId, Loop, Over, Pattern, Program},
    types::Type,
    value::{Fault, Outcome, Value},
};

mod data;
mod items;
mod last_use;
mod memory;
mod numbers;
#[cfg(test)]
mod tests;

use data::tryte_of;
use items::Items;
use memory::Memory;

/// Answers calls in the place of the program's bodies: `None` leaves a call to the body.
pub type Outside<'a> = dyn FnMut(FunctionId, &[Value]) -> Option<Outcome> + 'a;

/// Evaluates functions of a program.
#[derive(Debug)]
pub struct Evaluator<'p> {
    program: &'p Program,
    limits: Limits,
    /// Reads of a local that nothing reads after: they take the value, so that what grows is not copied at each step.
    last_uses: HashSet<*const Expr>,
    hits: Vec<u64>,
    trace: Option<Trace>,
    fuel_used: u64,
}

/// Where a fault came from.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Trace {
    pub fault: Fault,
    /// The place in the specification.
    pub span: Span,
    /// The calls under way, the outermost first.
    pub calls: Vec<FunctionId>,
    /// Fuel by function, the hungriest first.
    pub fuel: Vec<(FunctionId, u64)>,
}

impl<'p> Evaluator<'p> {
    /// Creates an evaluator; each call gets all of `limits` anew.
    pub fn new(program: &'p Program, limits: Limits) -> Self {
        let last_uses = last_use::of(program);
        Self { program, limits, last_uses, hits: vec![0; program.cover.len()], trace: None, fuel_used: 0 }
    }

    /// Calls a function with values of its parameters' types.
    ///
    /// # Panics
    ///
    /// If the function has no body, or the arguments are not of its parameters' number and types: that is the caller's
    /// mistake.
    pub fn call(&mut self, function: FunctionId, args: &[Value]) -> Outcome {
        self.call_with(function, args, &mut |_, _| None)
    }

    /// Calls a function; calls within it, not this one itself, are offered to `outside` first.
    ///
    /// # Panics
    ///
    /// As [`Evaluator::call`].
    pub fn call_with(&mut self, function: FunctionId, args: &[Value], outside: &mut Outside<'_>) -> Outcome {
        let mut run = Run {
            program: self.program,
            limits: self.limits,
            last_uses: &self.last_uses,
            hits: &mut self.hits,
            outside,
            fuel: self.limits.fuel,
            spent: vec![0; self.program.functions.len()],
            memory: Memory::new(self.limits.memory_bytes),
            todo: Vec::new(),
            values: Vec::new(),
            locals: Vec::new(),
            loops: Vec::new(),
            frames: Vec::new(),
            at: self.program.function(function).span,
        };
        let outcome = run.whole(function, args);
        self.fuel_used = self.limits.fuel - run.fuel;
        self.trace = outcome.as_ref().err().map(|fault| run.trace(*fault));
        outcome
    }

    /// How often each place of [`Program::cover`] was reached, over all calls so far.
    pub fn hits(&self) -> &[u64] {
        &self.hits
    }

    /// Where the last call's fault came from, if it faulted.
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// The fuel that the last call used.
    pub fn fuel_used(&self) -> u64 {
        self.fuel_used
    }
}

/// Something to be done, with the values that lie on the stack for it.
#[derive(Clone, Copy)]
enum Task<'p> {
    /// Evaluates and pushes.
    Eval(&'p Expr),
    /// Pops the value of a `let`.
    Bind(LocalId),
    /// Pops a Bool, goes on with one of the two.
    Branch(&'p Expr, &'p Expr),
    /// Looks at the value on top, tries arms from a number on.
    Select(&'p [Arm], usize),
    /// Pops a guard's Bool; the subject lies below it.
    Guard(&'p [Arm], usize),
    /// Pops arguments and begins a call.
    Enter { function: FunctionId, n_args: usize, is_tail: bool, at: Span },
    /// Ends a call.
    Return,
    /// Pops operands, pushes what the expression makes of them.
    Make(&'p Expr, usize),
    /// Pops what a loop goes over and its first `acc`.
    Begin(&'p Loop),
    /// Takes the next item, or ends the loop.
    Next(&'p Loop),
    /// Pops the Bool of `until`.
    Until(&'p Loop),
    /// Pops the next `acc`.
    Stepped(&'p Loop),
    /// Pops the Bool of an assertion.
    Assert(&'p Expr, Fault, &'p Expr),
}

/// One call from outside, under way.
struct Run<'e, 'p> {
    program: &'p Program,
    limits: Limits,
    last_uses: &'e HashSet<*const Expr>,
    hits: &'e mut Vec<u64>,
    outside: &'e mut Outside<'e>,
    fuel: u64,
    /// Fuel by function.
    spent: Vec<u64>,
    memory: Memory,
    todo: Vec<Task<'p>>,
    values: Vec<Value>,
    /// Locals of all calls under way.
    locals: Vec<Option<Value>>,
    /// Loops under way.
    loops: Vec<Items>,
    /// Calls under way: the function, and where its locals begin.
    frames: Vec<(FunctionId, usize)>,
    /// The place that a fault would name.
    at: Span,
}

impl<'p> Run<'_, 'p> {
    fn whole(&mut self, function: FunctionId, args: &[Value]) -> Outcome {
        self.values.extend_from_slice(args);
        self.enter(function, args.len(), false)?;
        while let Some(task) = self.todo.pop() {
            self.step(task)?;
        }
        Ok(self.pop())
    }

    fn step(&mut self, task: Task<'p>) -> Result<(), Fault> {
        match task {
            Task::Eval(expr) => self.eval(expr)?,
            Task::Bind(local) => {
                let value = self.pop();
                self.set(local, value);
            }
            Task::Branch(then, otherwise) => {
                let next = if self.pop_bool() { then } else { otherwise };
                self.todo.push(Task::Eval(next));
            }
            Task::Select(arms, from) => self.select(arms, from),
            Task::Guard(arms, at) => {
                if self.pop_bool() {
                    self.choose(&arms[at]);
                } else {
                    self.todo.push(Task::Select(arms, at + 1));
                }
            }
            Task::Enter { function, n_args, is_tail, at } => {
                self.at = at;
                let begin = self.values.len() - n_args;
                if let Some(outcome) = (self.outside)(function, &self.values[begin..]) {
                    self.values.truncate(begin);
                    self.values.push(outcome?);
                } else {
                    self.enter(function, n_args, is_tail)?;
                }
            }
            Task::Return => {
                if let Some((_, base)) = self.frames.pop() {
                    self.locals.truncate(base);
                }
            }
            Task::Make(expr, n) => {
                self.at = expr.span;
                let operands = self.values.split_off(self.values.len() - n);
                let value = self.make(expr, operands)?;
                self.values.push(value);
            }
            Task::Begin(of) => {
                let init = self.pop();
                self.set(of.acc, init);
                let items = match of.over {
                    Over::Items(_) => Items::of(self.pop()),
                    Over::Range(..) => {
                        let (last, first) = (self.pop(), self.pop());
                        Items::range(int(&first), int(&last))
                    }
                };
                self.charge(items.cost())?;
                self.loops.push(items);
                self.todo.push(Task::Next(of));
            }
            Task::Next(of) => {
                self.charge(1)?;
                match self.loops.last_mut().and_then(Iterator::next) {
                    None => self.end(of),
                    Some(item) => {
                        self.allocated(&item)?;
                        self.set(of.item, item);
                        match &of.until {
                            Some(until) => self.todo.extend([Task::Until(of), Task::Eval(until)]),
                            None => self.todo.extend([Task::Stepped(of), Task::Eval(&of.step)]),
                        }
                    }
                }
            }
            Task::Until(of) => {
                if self.pop_bool() {
                    self.end(of);
                } else {
                    self.todo.extend([Task::Stepped(of), Task::Eval(&of.step)]);
                }
            }
            Task::Stepped(of) => {
                let acc = self.pop();
                self.set(of.acc, acc);
                self.todo.push(Task::Next(of));
            }
            Task::Assert(condition, fault, body) => {
                if !self.pop_bool() {
                    self.at = condition.span;
                    return Err(fault);
                }
                self.todo.push(Task::Eval(body));
            }
        }
        Ok(())
    }

    /// Puts down what an expression asks for, in the order of its evaluation.
    fn eval(&mut self, expr: &'p Expr) -> Result<(), Fault> {
        self.at = expr.span;
        self.charge(1)?;
        match &expr.kind {
            Kind::Const(value) => self.values.push(value.clone()),
            Kind::Local(local) => {
                let value = self.read(*local, expr);
                self.values.push(value);
            }
            Kind::Let { local, value, body } => {
                self.todo.extend([Task::Eval(body), Task::Bind(*local), Task::Eval(value)]);
            }
            Kind::If { condition, then, otherwise } => {
                self.todo.extend([Task::Branch(then, otherwise), Task::Eval(condition)]);
            }
            Kind::Match { subject, arms } => self.todo.extend([Task::Select(arms, 0), Task::Eval(subject)]),
            Kind::Call { function, args, is_tail } => {
                let (function, is_tail, at) = (*function, *is_tail, expr.span);
                self.todo.push(Task::Enter { function, n_args: args.len(), is_tail, at });
                self.operands(args);
            }
            Kind::Intrinsic { args, .. }
            | Kind::Tuple(args)
            | Kind::List(args)
            | Kind::Record(_, args)
            | Kind::Variant(_, _, args) => {
                self.todo.push(Task::Make(expr, args.len()));
                self.operands(args);
            }
            Kind::Option(None) => self.values.push(Value::Option(None)),
            Kind::Option(Some(inner))
            | Kind::Ok(inner)
            | Kind::Err(inner)
            | Kind::Field(inner, _)
            | Kind::InRange { value: inner, .. } => self.todo.extend([Task::Make(expr, 1), Task::Eval(inner)]),
            Kind::Loop(of) => {
                self.todo.extend([Task::Begin(of), Task::Eval(&of.init)]);
                match &of.over {
                    Over::Items(over) => self.todo.push(Task::Eval(over)),
                    Over::Range(first, last) => self.todo.extend([Task::Eval(last), Task::Eval(first)]),
                }
            }
            Kind::Assert { condition, fault, body } => {
                self.todo.extend([Task::Assert(condition, *fault, body), Task::Eval(condition)]);
            }
            Kind::Fault(fault) => return Err(*fault),
            Kind::Cover(at, inner) => {
                if let Some(hits) = self.hits.get_mut(*at as usize) {
                    *hits += 1;
                }
                self.todo.push(Task::Eval(inner));
            }
        }
        Ok(())
    }

    /// Evaluates all, the first one first.
    fn operands(&mut self, args: &'p [Expr]) {
        self.todo.extend(args.iter().rev().map(Task::Eval));
    }

    fn make(&mut self, expr: &'p Expr, mut operands: Vec<Value>) -> Outcome {
        let value = match &expr.kind {
            Kind::Intrinsic { op, args } => return self.intrinsic(*op, expr, args, operands),
            Kind::Tuple(_) => Value::Tuple(operands.into()),
            Kind::List(_) => Value::List(operands.into()),
            Kind::Record(id, _) => Value::Record(*id, operands.into()),
            Kind::Variant(id, case, _) => Value::Enum(*id, *case, operands.into()),
            kind => {
                let operand = operands.pop().unwrap_or_else(|| bug("an operand"));
                match kind {
                    Kind::Option(_) => Value::Option(Some(operand.into())),
                    Kind::Ok(_) => Value::Result(Ok(operand.into())),
                    Kind::Err(_) => Value::Result(Err(operand.into())),
                    Kind::Field(_, at) => return Ok(field(&operand, *at)),
                    Kind::InRange { lo, hi, .. } => {
                        return if (*lo..=*hi).contains(&int(&operand)) { Ok(operand) } else { Err(Fault::Range) };
                    }
                    _ => bug("an expression with operands"),
                }
            }
        };
        self.allocated(&value)?;
        Ok(value)
    }

    fn intrinsic(&mut self, op: Intrinsic, expr: &Expr, args: &[Expr], operands: Vec<Value>) -> Outcome {
        let width = |ty: &Type| if let Type::Tryte(width) = ty { Some(*width) } else { None };
        let width = width(&expr.ty).or_else(|| args.first().and_then(|arg| width(&arg.ty)));
        let width = width.unwrap_or(1);
        if let Some(outcome) = numbers::apply(op, &operands, width) {
            let value = outcome?;
            self.allocated(&value)?;
            return Ok(value);
        }
        if matches!(op, Intrinsic::TryteFromDigits) {
            return tryte_of(&operands, width);
        }
        self.data(op, operands)
    }

    fn enter(&mut self, function: FunctionId, n_args: usize, is_tail: bool) -> Result<(), Fault> {
        let callee: &'p Function = self.program.function(function);
        assert_eq!(callee.n_params, n_args, "arguments of {}.{}", callee.module, callee.name);
        let Some(body) = &callee.body else { bug("a call of a function that has a body") };
        if is_tail && matches!(self.todo.last(), Some(Task::Return)) {
            self.todo.pop();
            if let Some((_, base)) = self.frames.pop() {
                self.locals.truncate(base);
            }
        }
        if self.frames.len() >= self.limits.depth as usize {
            return Err(Fault::Depth);
        }
        let base = self.locals.len();
        self.frames.push((function, base));
        let args = self.values.split_off(self.values.len() - n_args);
        self.locals.extend(args.into_iter().map(Some));
        self.locals.resize(base + callee.locals.len(), None);
        self.todo.extend([Task::Return, Task::Eval(body)]);
        Ok(())
    }

    /// Tries arms from a number on.
    fn select(&mut self, arms: &'p [Arm], from: usize) {
        let mut bound = Vec::new();
        for (at, arm) in arms.iter().enumerate().skip(from) {
            bound.clear();
            let subject = self.values.last().unwrap_or_else(|| bug("a subject"));
            if fits(&arm.pattern, subject, &mut bound) {
                for (local, value) in bound {
                    self.set(local, value);
                }
                match &arm.guard {
                    Some(guard) => self.todo.extend([Task::Guard(arms, at), Task::Eval(guard)]),
                    None => self.choose(arm),
                }
                return;
            }
        }
        bug("an arm that fits")
    }

    fn choose(&mut self, arm: &'p Arm) {
        self.values.pop();
        self.todo.push(Task::Eval(&arm.body));
    }

    fn end(&mut self, of: &'p Loop) {
        self.loops.pop();
        let at = self.place(of.acc);
        let acc = self.locals[at].take().unwrap_or_else(|| bug("what the loop gathered"));
        self.values.push(acc);
    }

    fn place(&self, local: LocalId) -> usize {
        self.frames.last().map_or(0, |(_, base)| *base) + local.0 as usize
    }

    fn set(&mut self, local: LocalId, value: Value) {
        let at = self.place(local);
        self.locals[at] = Some(value);
    }

    fn read(&mut self, local: LocalId, expr: &Expr) -> Value {
        let at = self.place(local);
        let is_last = self.last_uses.contains(&std::ptr::from_ref(expr));
        let value = if is_last { self.locals[at].take() } else { self.locals[at].clone() };
        value.unwrap_or_else(|| bug("a name that is bound"))
    }

    fn pop(&mut self) -> Value {
        self.values.pop().unwrap_or_else(|| bug("a value"))
    }

    fn pop_bool(&mut self) -> bool {
        let Value::Bool(is_true) = self.pop() else { bug("a Bool") };
        is_true
    }

    /// Takes fuel, or faults where it is used up.
    fn charge(&mut self, fuel: u64) -> Result<(), Fault> {
        if let Some((function, _)) = self.frames.last() {
            self.spent[function.0 as usize] += fuel.min(self.fuel);
        }
        if fuel > self.fuel {
            self.fuel = 0;
            return Err(Fault::Fuel);
        }
        self.fuel -= fuel;
        Ok(())
    }

    /// Takes fuel for an operation on so many items or bytes.
    fn charge_bulk(&mut self, n: usize) -> Result<(), Fault> {
        self.charge(n as u64 / 8)
    }

    /// Counts the memory of a value that was just made, its parts left out.
    fn allocated(&mut self, value: &Value) -> Result<(), Fault> {
        self.allocated_bytes(value.own_bytes(), value)
    }

    /// Counts memory. Where it would be too much, what is alive is counted anew: `held` is, too.
    fn allocated_bytes(&mut self, bytes: u64, held: &Value) -> Result<(), Fault> {
        if self.memory.add(bytes) {
            return Ok(());
        }
        let alive = self.values.iter().chain(self.locals.iter().flatten()).chain([held]);
        let alive = alive.cloned().chain(self.loops.iter().filter_map(Items::source)).collect();
        let looked_at = self.memory.count(alive);
        self.charge(looked_at / 8)?;
        if self.memory.is_over() { Err(Fault::Memory) } else { Ok(()) }
    }

    fn trace(&self, fault: Fault) -> Trace {
        let by_function = self.spent.iter().enumerate().filter(|(_, fuel)| **fuel > 0);
        let mut fuel: Vec<_> = by_function.map(|(at, fuel)| (FunctionId(at as u32), *fuel)).collect();
        fuel.sort_by_key(|(function, fuel)| (std::cmp::Reverse(*fuel), *function));
        Trace { fault, span: self.at, calls: self.frames.iter().map(|(function, _)| *function).collect(), fuel }
    }
}

/// Whether a value looks like that; gathers what names it binds.
fn fits(pattern: &Pattern, value: &Value, bound: &mut Vec<(LocalId, Value)>) -> bool {
    let mut all = |patterns: &[Pattern], parts: &[Value]| {
        patterns.len() == parts.len() && patterns.iter().zip(parts).all(|(pattern, part)| fits(pattern, part, bound))
    };
    match (pattern, value) {
        (Pattern::Any, _) => true,
        (Pattern::Bind(local), _) => {
            bound.push((*local, value.clone()));
            true
        }
        (Pattern::Literal(literal), _) => crate::order::equal(literal, value),
        (Pattern::IntIn(lo, hi), Value::Int(i)) => (*lo..=*hi).contains(i),
        (Pattern::Variant(_, case, patterns), Value::Enum(_, is, parts)) => case == is && all(patterns, parts),
        (Pattern::Record(_, patterns), Value::Record(_, parts)) | (Pattern::Tuple(patterns), Value::Tuple(parts)) => {
            all(patterns, parts)
        }
        (Pattern::List(patterns), Value::List(items)) => all(patterns, items),
        (Pattern::None, Value::Option(inner)) => inner.is_none(),
        (Pattern::Some(pattern), Value::Option(inner)) => {
            inner.as_ref().is_some_and(|inner| fits(pattern, inner, bound))
        }
        (Pattern::Ok(pattern), Value::Result(inner)) => inner.as_ref().is_ok_and(|inner| fits(pattern, inner, bound)),
        (Pattern::Err(pattern), Value::Result(inner)) => inner.as_ref().is_err_and(|inner| fits(pattern, inner, bound)),
        (Pattern::Or(patterns), _) => patterns.iter().any(|pattern| {
            let before = bound.len();
            let does = fits(pattern, value, bound);
            if !does {
                bound.truncate(before);
            }
            does
        }),
        _ => bug("a pattern of the value's type"),
    }
}

fn field(of: &Value, at: u16) -> Value {
    match of {
        Value::Record(_, parts) | Value::Tuple(parts) => parts[usize::from(at)].clone(),
        _ => bug("a record or tuple"),
    }
}

fn int(value: &Value) -> i64 {
    let Value::Int(i) = value else { bug("an Int") };
    *i
}

/// What the checker and the caller see to did not hold: a mistake in this program, not in a specification.
#[track_caller]
fn bug(expected: &str) -> ! {
    panic!("the typed tree promises {expected}")
}
