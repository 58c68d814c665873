//! Rows of examples.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Answer, CaseReport, Origin, Part, Row, Tester, Verdict, domain, is_near, origin, report::shown};
use crate::{
    diagnostic::Diagnostic,
    order::same,
    show::show,
    typed::{Example, Expected, Expr, FunctionId, Tolerance},
    value::{Fault, Outcome, Value},
};

/// What is not so.
struct False {
    part: Part,
    expected: String,
    found: String,
}

impl Tester<'_, '_> {
    pub(super) fn example(&mut self, row: Row<'_>) {
        let example = row.example;
        let function = self.program.function(example.function);
        let faulted = function.locals.iter().zip(&row.args).find_map(|(local, arg)| Some((local, arg.clone().err()?)));
        let verdict = match faulted {
            // A value outside its parameter's type does not come to a call, and that is what the row says.
            Some((_, Fault::Range)) if example.expected_fault() == Some(Fault::Range) => {
                if self.definition.engine.is_external() { Verdict::External } else { Verdict::Passed }
            }
            Some((local, fault)) => failed(False::new(Part::Cell(local.name.clone()), "a value", fault_text(fault))),
            None => {
                let args: Vec<Value> = row.args.iter().filter_map(|arg| arg.as_ref().ok()).cloned().collect();
                self.row(example, row.expected, &args)
            }
        };
        if let Verdict::Failed { part, expected, found, .. } = &verdict
            && self.blames_specification(part)
        {
            self.report.diagnostics.push(e0402(example, part, expected, found));
        }
        let (function, args) = (example.function, row.args);
        self.report.cases.push(CaseReport { function, row: example.row, span: example.span, args, verdict });
    }

    /// An implementation that answers wrongly says nothing against the specification.
    fn blames_specification(&self, part: &Part) -> bool {
        !self.definition.engine.is_external() || matches!(part, Part::Cell(_) | Part::Given)
    }

    fn row(&mut self, example: &Example, expected: Option<(Outcome, Tolerance)>, args: &[Value]) -> Verdict {
        let function = self.program.function(example.function);
        if let Some(given) = function.given
            && example.expected_fault() != Some(Fault::Given)
            && !self.holds(given, args)
        {
            return failed(False::new(Part::Given, "true", "false".to_owned()));
        }
        let expected = match expected {
            Some((Ok(value), tolerance)) => Some((value, tolerance)),
            Some((Err(fault), _)) => {
                return failed(False::new(Part::Cell("result".to_owned()), "a value", fault_text(fault)));
            }
            None => None,
        };
        // The row itself keeps `then`, whatever answers.
        if let Some((expected, _)) = &expected
            && let Some(part) = self.broken_then(example.function, args, expected)
        {
            let found = show(self.program, &function.returns, expected);
            return failed(False::new(part, "true", format!("false where result = {found}")));
        }
        if function.body.is_none() && !self.definition.engine.is_external() {
            return Verdict::External;
        }
        let answer = self.definition.engine.call(example.function, args);
        let found = match answer {
            Answer::Unsupported => return Verdict::Unsupported,
            Answer::Broken { code, message } => return Verdict::Broken { code, message },
            Answer::Value(value) => Ok(value),
            Answer::Fault(fault) => Err(fault),
        };
        let false_part = self.compared(example, args, expected.as_ref(), &found);
        match (self.definition.engine.pending(example.function), false_part) {
            (None, None) => Verdict::Passed,
            (None, Some(part)) => {
                let origin = self.origin(example.function, args, &found);
                failed_from(part, origin)
            }
            (Some(why), Some(_)) => Verdict::Pending { why },
            (Some(why), None) => failed(False::new(Part::Pending, &format!("pending ({why})"), "it passes".into())),
        }
    }

    /// Finds where the fault came up that an engine of this specification gave instead of a value.
    fn origin(&mut self, function: FunctionId, args: &[Value], found: &Result<Value, Fault>) -> Option<Origin> {
        let fault = found.as_ref().err().filter(|_| !self.definition.engine.is_external())?;
        origin(self.program, self.definition.both().0, function, args, *fault)
    }

    fn compared(
        &mut self,
        example: &Example,
        args: &[Value],
        expected: Option<&(Value, Tolerance)>,
        found: &Result<Value, Fault>,
    ) -> Option<False> {
        let function = self.program.function(example.function);
        let returns = &function.returns;
        let shown = || shown(self.program, returns, found);
        let wrong = |expected: String| Some(False { part: Part::Result, expected, found: shown() });
        let value = match (&example.expected, found) {
            (Expected::Fault(fault), Err(found)) if found == fault => return None,
            (Expected::Fault(fault), _) => return wrong(fault_text(*fault)),
            (_, Err(_)) => {
                let value = expected.map(|(value, _)| show(self.program, returns, value));
                return wrong(value.unwrap_or_else(|| "a value".to_owned()));
            }
            (_, Ok(value)) => value,
        };
        if self.definition.engine.is_external() && !domain::enters(&mut self.definition, returns, value) {
            let expected = format!("a value of {}", crate::show::show_type(self.program, returns));
            return Some(False { part: Part::Type, expected, found: shown() });
        }
        if let Some((expected, tolerance)) = expected
            && !is_near(value, expected, *tolerance)
        {
            return wrong(show(self.program, returns, expected));
        }
        if self.definition.engine.is_external() || expected.is_none() {
            let part = self.broken_then(example.function, args, value)?;
            return Some(False::new(part, "true", format!("false where result = {}", shown())));
        }
        None
    }

    /// Finds the first condition of `then` that does not hold.
    fn broken_then(&mut self, function: FunctionId, args: &[Value], result: &Value) -> Option<Part> {
        let then = &self.program.function(function).then;
        if then.is_empty() {
            return None;
        }
        let with_result: Vec<Value> = args.iter().chain([result]).cloned().collect();
        then.iter()
            .find(|(_, condition)| !self.holds(*condition, &with_result))
            .map(|(name, _)| Part::Then(name.clone()))
    }

    /// Finds rows of equal arguments and different results. The checker did where all cells stand as values.
    pub(super) fn contradictions(&mut self, rows: &[Row<'_>]) {
        let is_constant = |row: &Row<'_>| {
            let result = if let Expected::Value(cell, _) = row.example.expected { Some(cell) } else { None };
            let cells = row.example.args.iter().copied().chain(result);
            cells.map(|cell| self.program.function(cell)).all(|of| of.body.as_ref().is_some_and(Expr::is_constant))
        };
        for of in rows.chunk_by(|a, b| a.example.function == b.example.function) {
            if !of.iter().all(is_constant) {
                self.report.diagnostics.extend(contradictions(of));
            }
        }
    }
}

fn failed(what: False) -> Verdict {
    failed_from(what, None)
}

fn failed_from(what: False, origin: Option<Origin>) -> Verdict {
    Verdict::Failed { part: what.part, expected: what.expected, found: what.found, origin }
}

/// Finds rows of one function with equal arguments and different results.
fn contradictions(rows: &[Row<'_>]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let mut seen: BTreeMap<Vec<&Value>, &Row<'_>> = BTreeMap::new();
    for row in rows {
        let args: Option<Vec<&Value>> = row.args.iter().map(|arg| arg.as_ref().ok()).collect();
        let Some(args) = args else { continue };
        if matches!(row.example.expected, Expected::NoFault) {
            continue;
        }
        let other = match seen.entry(args) {
            Entry::Vacant(entry) => {
                entry.insert(row);
                continue;
            }
            Entry::Occupied(entry) => *entry.get(),
        };
        let result = |row: &Row<'_>| row.expected.as_ref().and_then(|(outcome, _)| outcome.as_ref().ok().cloned());
        let agree = match (result(row), result(other)) {
            (Some(a), Some(b)) => same(&a, &b),
            (None, None) => other.example.expected_fault() == row.example.expected_fault(),
            _ => false,
        };
        if !agree {
            let message = "two rows have equal arguments and different results";
            let diagnostic = Diagnostic::new("E0401", row.example.span, message).label("this one");
            diagnostics.push(diagnostic.also(other.example.span, "contradicts this one"));
        }
    }
    diagnostics
}

impl False {
    fn new(part: Part, expected: &str, found: String) -> Self {
        Self { part, expected: expected.to_owned(), found }
    }
}

impl Example {
    fn expected_fault(&self) -> Option<Fault> {
        if let Expected::Fault(fault) = self.expected { Some(fault) } else { None }
    }
}

fn e0402(example: &Example, part: &Part, expected: &str, found: &str) -> Diagnostic {
    let new = |message: String, label: String| Diagnostic::new("E0402", example.span, message).label(label);
    match part {
        Part::Given => new("the row breaks `given`".to_owned(), "these arguments do not meet it".to_owned()),
        Part::Then(None) => new("the row breaks `then`".to_owned(), found.to_owned()),
        Part::Then(Some(name)) => new(format!("the row breaks `{name}` of `then`"), found.to_owned()),
        Part::Cell(name) => new(format!("the cell of `{name}` has no value"), format!("it gives {found}")),
        Part::Result | Part::Type | Part::Pending => {
            let diagnostic = new("the body gives another result".to_owned(), format!("the body gives {found}"));
            diagnostic.help(format!("expected {expected}"))
        }
    }
}

/// Writes a fault as cells do, `fault(name)`.
pub(super) fn fault_text(fault: Fault) -> String {
    format!("fault({})", fault.name())
}
