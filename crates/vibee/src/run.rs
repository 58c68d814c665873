//! Holding an engine to what specifications say: examples and properties, of the modules that were asked for.
//!
//! An engine is whatever answers calls: the evaluator, the VM, or an implementation behind the runner protocol.
//! Arguments, expected results, `given`, `then`, `where` and conditions of types are always evaluated by the
//! definition, in whose place the VM may answer. Of an implementation a property asks the calls of the behaviour that
//! it belongs to, and no others.

use std::collections::HashSet;

use crate::{
    diagnostic::Diagnostic,
    eval::Evaluator,
    limits::{CASES, Limits},
    typed::{Example, Expected, Function, FunctionId, Kind, Program, Role, Tolerance},
    value::{Fault, Outcome, Value},
    vm::Vm,
};

mod definition;
pub mod domain;
pub mod draw;
mod examples;
mod near;
mod origin;
mod properties;
mod report;
mod shrink;
#[cfg(test)]
mod tests;

pub(crate) use definition::Definition;
pub use near::is_near;
pub use origin::{Origin, origin};
pub use report::{
    BehaviorReport, CaseReport, Counterexample, Part, PropertyReport, PropertyVerdict, Report, Status, Verdict,
};

/// A row of examples, and what its cells give.
struct Row<'p> {
    example: &'p Example,
    args: Vec<Outcome>,
    /// The cell of its result, if it has one, and how near to it is near enough.
    expected: Option<(Outcome, Tolerance)>,
}

/// What answers calls.
pub trait Engine {
    /// Calls a function with values of its parameters' declared types.
    fn call(&mut self, function: FunctionId, args: &[Value]) -> Answer;

    /// Answers a call in the place of the evaluator, not counting what it reaches; `None` leaves it to the evaluator.
    fn ask(&mut self, _function: FunctionId, _args: &[Value]) -> Option<Outcome> {
        None
    }

    /// Whether it is an implementation, which the definition judges.
    fn is_external(&self) -> bool {
        false
    }

    /// Why an implementation says that it does not do this yet.
    fn pending(&self, _function: FunctionId) -> Option<String> {
        None
    }

    /// How often each place of [`Program::cover`] was reached, by engines that count.
    fn hits(&self) -> Option<&[u64]> {
        None
    }
}

/// What an engine answers.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A value of the declared type.
    Value(Value),
    Fault(Fault),
    /// Nothing: it does not have this function.
    Unsupported,
    /// Something that the protocol does not allow, or nothing in time.
    Broken {
        /// A row of [`crate::codes::CODES`].
        code: &'static str,
        message: String,
    },
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(value) => Self::Value(value),
            Err(fault) => Self::Fault(fault),
        }
    }
}

impl Engine for Evaluator<'_> {
    fn call(&mut self, function: FunctionId, args: &[Value]) -> Answer {
        Evaluator::call(self, function, args).into()
    }

    fn hits(&self) -> Option<&[u64]> {
        Some(Evaluator::hits(self))
    }
}

impl Engine for Vm<'_> {
    fn call(&mut self, function: FunctionId, args: &[Value]) -> Answer {
        Vm::call(self, function, args).into()
    }

    fn ask(&mut self, function: FunctionId, args: &[Value]) -> Option<Outcome> {
        self.has_code(function).then(|| self.call_uncounted(function, args))
    }

    fn hits(&self) -> Option<&[u64]> {
        Some(self.reached()).filter(|reached| !reached.is_empty())
    }
}

/// How to test.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Cases that a property draws where it does not say, [`CASES`] by default.
    pub cases: Option<u32>,
    /// Draws other cases than usual.
    pub seed: Option<u64>,
    /// Only what has this in its `module.function` or `module.function.property`.
    pub filter: Option<String>,
    /// For each evaluation of the definition.
    pub limits: Limits,
}

/// Tests all examples and properties of the modules that were asked for.
pub fn test(program: &Program, engine: &mut dyn Engine, options: &Options) -> Report {
    let definition = Definition::new(program, engine, options.limits);
    let mut tester = Tester { program, definition, options, report: Report::default() };
    let rows = tester.rows();
    tester.contradictions(&rows);
    let never_raised = tester.never_raised(&rows);
    tester.report.cases.reserve(rows.len());
    for row in rows {
        tester.example(row);
    }
    for property in &program.properties {
        if tester.is_wanted(program.function(property.of), Some(&property.name)) {
            tester.property(property);
        }
    }
    tester.statuses();
    tester.report.diagnostics.extend(never_raised);
    tester.report.unreached = tester.unreached();
    tester.report
}

/// Says of each behaviour and extern that was asked for how far it is held to anything, without running anything: none
/// is [`Status::Proved`] here.
pub fn statuses(program: &Program) -> Vec<(FunctionId, Status)> {
    let is_asked_for = |of: &Function| program.modules.iter().any(|m| m.is_asked_for && m.name == of.module);
    let has_case = |id: FunctionId| {
        program.examples.iter().any(|example| example.function == id)
            || program.properties.iter().any(|property| property.of == id)
    };
    let mut statuses = Vec::new();
    for (at, function) in program.functions.iter().enumerate() {
        if !matches!(function.role, Role::Behavior | Role::Extern) || !is_asked_for(function) {
            continue;
        }
        let id = FunctionId(at as u32);
        statuses.push((
            id,
            match (function.body.is_some(), has_case(id)) {
                (true, true) => Status::Tested,
                (true, false) => Status::Untested,
                (false, true) => Status::External,
                (false, false) => Status::Prose,
            },
        ));
    }
    statuses
}

struct Tester<'a, 'p> {
    program: &'p Program,
    /// Holds the engine that is tested as well.
    definition: Definition<'a, 'p>,
    options: &'a Options,
    report: Report,
}

impl<'p> Tester<'_, 'p> {
    fn is_asked_for(&self, function: &Function) -> bool {
        self.program.modules.iter().any(|module| module.is_asked_for && module.name == function.module)
    }

    fn is_wanted(&self, function: &Function, property: Option<&str>) -> bool {
        let name = || match property {
            None => format!("{}.{}", function.module, function.name),
            Some(property) => format!("{}.{}.{property}", function.module, function.name),
        };
        let filter = self.options.filter.as_deref();
        self.is_asked_for(function) && filter.is_none_or(|filter| name().contains(filter))
    }

    /// Gives the rows that are wanted, each of their cells with its value.
    fn rows(&mut self) -> Vec<Row<'p>> {
        let program = self.program;
        let mut rows = Vec::with_capacity(program.examples.len());
        let mut last = None;
        for example in &program.examples {
            // Rows of a function stand together.
            let is_wanted = match last {
                Some((function, is_wanted)) if function == example.function => is_wanted,
                _ => self.is_wanted(program.function(example.function), None),
            };
            last = Some((example.function, is_wanted));
            if is_wanted {
                let args = example.args.iter().map(|cell| self.definition.cell(*cell)).collect();
                let expected = match example.expected {
                    Expected::Value(cell, tolerance) => Some((self.definition.cell(cell), tolerance)),
                    Expected::Fault(_) | Expected::NoFault => None,
                };
                rows.push(Row { example, args, expected });
            }
        }
        rows
    }

    /// Asks a condition; what faults does not hold.
    fn holds(&mut self, condition: FunctionId, args: &[Value]) -> bool {
        self.definition.holds(condition, args)
    }

    fn statuses(&mut self) {
        let with_rows: HashSet<FunctionId> = self.report.cases.iter().map(|case| case.function).collect();
        for (at, function) in self.program.functions.iter().enumerate() {
            if !matches!(function.role, Role::Behavior | Role::Extern) || !self.is_asked_for(function) {
                continue;
            }
            let id = FunctionId(at as u32);
            let has_rows = with_rows.contains(&id);
            let properties: Vec<_> = self.report.properties.iter().filter(|property| property.function == id).collect();
            let is_proved = !properties.is_empty()
                && properties.iter().all(|property| matches!(property.verdict, PropertyVerdict::Proved));
            let status = if function.body.is_none() && !has_rows && properties.is_empty() {
                Status::Prose
            } else if self.is_unanswered(id, &properties) {
                Status::Unanswered
            } else if function.body.is_none() {
                Status::External
            } else if is_proved {
                Status::Proved
            } else if has_rows || !properties.is_empty() {
                Status::Tested
            } else {
                Status::Untested
            };
            self.report.behaviors.push(BehaviorReport {
                function: id,
                module: function.module.clone(),
                name: function.name.clone(),
                status,
            });
        }
    }

    /// Whether there was something to judge and the implementation had nothing of it.
    fn is_unanswered(&self, function: FunctionId, properties: &[&PropertyReport]) -> bool {
        let mut cases = self.report.cases.iter().filter(|case| case.function == function).peekable();
        (cases.peek().is_some() || !properties.is_empty())
            && cases.all(|case| case.verdict == Verdict::Unsupported)
            && properties.iter().all(|property| property.verdict == PropertyVerdict::Unsupported)
    }

    /// Reports variants of `raises` that no example's result has, where that takes an evaluation: the checker does it
    /// where all results are written out.
    fn never_raised(&self, rows: &[Row<'_>]) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for (at, function) in self.program.functions.iter().enumerate() {
            if function.raises.is_empty() || !self.is_asked_for(function) || self.options.filter.is_some() {
                continue;
            }
            let of = || rows.iter().filter(|row| row.example.function.0 as usize == at);
            if of().all(|row| self.is_written_out(row.example)) {
                continue;
            }
            let mut missing = function.raises.clone();
            for row in of() {
                if let Some((Ok(Value::Result(Err(error))), _)) = &row.expected
                    && let Value::Enum(_, case, _) = &**error
                {
                    missing.retain(|missing| missing != case);
                }
            }
            let crate::types::Type::Result(_, error) = self.program.erased(&function.returns) else { continue };
            let crate::types::Type::Named(error) = *error else { continue };
            let crate::types::Shape::Enum { cases, .. } = &self.program.type_def(error).shape else { continue };
            for case in missing.iter().filter_map(|case| cases.get(usize::from(*case))) {
                let message =
                    format!("`{}` stands in `raises` of `{}` and no example raises it", case.name, function.name);
                let diagnostic = Diagnostic::new("W0412", function.span, message);
                diagnostics.push(diagnostic.help("add a row whose result is this error, or take it out"));
            }
        }
        diagnostics
    }

    /// Whether a row's result is `Ok(…)`, or `Err(…)` of a case, or a fault, as it stands.
    fn is_written_out(&self, example: &Example) -> bool {
        let Expected::Value(cell, _) = example.expected else { return true };
        match self.program.function(cell).body.as_ref().map(|body| &body.kind) {
            Some(Kind::Ok(_)) => true,
            Some(Kind::Err(error)) => matches!(error.kind, Kind::Variant(..) | Kind::Const(Value::Enum(..))),
            _ => false,
        }
    }

    /// Places that no case reached.
    fn unreached(&self) -> Option<Vec<u32>> {
        let hits = self.definition.engine.hits()?;
        let places = self.program.cover.iter().enumerate().zip(hits);
        let places =
            places.filter(|((_, point), hits)| **hits == 0 && self.is_asked_for(self.program.function(point.function)));
        Some(places.map(|((at, _), _)| at as u32).collect())
    }

    fn cases(&self, property: &crate::typed::Property) -> u32 {
        property.cases.or(self.options.cases).unwrap_or(CASES)
    }
}
