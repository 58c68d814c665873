//! What says how it ought to be: cells, conditions, and which values there are.
//!
//! The evaluator defines it. An engine that is held to equal it on everything (`tests/it/engines.rs`) may answer in its
//! place: the VM does, which is many times as fast.

use super::Engine;
use crate::{
    eval::Evaluator,
    limits::Limits,
    typed::{FunctionId, Program},
    value::{Outcome, Value},
};

/// The definition of a program.
pub(crate) struct Definition<'e, 'p> {
    pub(super) program: &'p Program,
    limits: Limits,
    /// What is tested, too.
    pub(super) engine: &'e mut dyn Engine,
    /// Made when it is first asked.
    evaluator: Option<Evaluator<'p>>,
}

impl<'e, 'p> Definition<'e, 'p> {
    pub(crate) fn new(program: &'p Program, engine: &'e mut dyn Engine, limits: Limits) -> Self {
        Self { program, limits, engine, evaluator: None }
    }

    pub(crate) fn program(&self) -> &'p Program {
        self.program
    }

    /// Gives what a call of the program gives.
    pub(crate) fn call(&mut self, function: FunctionId, args: &[Value]) -> Outcome {
        match self.engine.ask(function, args) {
            Some(outcome) => outcome,
            None => self.both().0.call(function, args),
        }
    }

    /// Gives the value of a cell.
    pub(crate) fn cell(&mut self, cell: FunctionId) -> Outcome {
        match self.program.function(cell).body.as_ref().and_then(crate::typed::Expr::constant) {
            Some(value) => Ok(value),
            None => self.call(cell, &[]),
        }
    }

    /// Asks a condition; what faults does not hold.
    pub(crate) fn holds(&mut self, condition: FunctionId, args: &[Value]) -> bool {
        self.call(condition, args) == Ok(Value::Bool(true))
    }

    /// The evaluator, which can be listened to, and the engine beside it.
    pub(super) fn both(&mut self) -> (&mut Evaluator<'p>, &mut dyn Engine) {
        let (program, limits) = (self.program, self.limits);
        (self.evaluator.get_or_insert_with(|| Evaluator::new(program, limits)), &mut *self.engine)
    }
}
