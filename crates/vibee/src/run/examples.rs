//! Rows of examples.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Answer, CaseReport, Origin, Part, Tester, Verdict, domain, is_near, origin};
use crate::{
    diagnostic::Diagnostic,
    order::same,
    show::show,
    typed::{Example, Expected, FunctionId},
    value::{Fault, Value},
};

/// A function and its arguments.
type Call = (FunctionId, Vec<Value>);

/// What is not so.
struct False {
    part: Part,
    expected: String,
    found: String,
}

impl Tester<'_, '_> {
    pub(super) fn example(&mut self, example: &Example) {
        let function = self.program.function(example.function);
        let mut args = Vec::new();
        let mut shown = Vec::new();
        let mut faulted = None;
        for (cell, local) in example.args.iter().zip(&function.locals) {
            match self.cell(*cell) {
                Ok(value) => {
                    shown.push((local.name.clone(), show(self.program, &local.declared, &value)));
                    args.push(value);
                }
                Err(fault) => {
                    shown.push((local.name.clone(), fault_text(fault)));
                    faulted.get_or_insert((local.name.clone(), fault));
                }
            }
        }
        let verdict =
            match faulted {
                // A value outside its parameter's type does not come to a call, and that is what the row says.
                Some((_, Fault::Range)) if example.expected_fault() == Some(Fault::Range) => {
                    if self.engine.is_external() { Verdict::External } else { Verdict::Passed }
                }
                Some((name, fault)) => failed(False::new(Part::Cell(name), "a value", fault_text(fault))),
                None => self.row(example, &args),
            };
        if let Verdict::Failed { part, expected, found, .. } = &verdict
            && self.blames_specification(part)
        {
            self.report.diagnostics.push(e0402(example, part, expected, found));
        }
        self.report.cases.push(CaseReport {
            function: example.function,
            module: function.module.clone(),
            name: function.name.clone(),
            row: example.row,
            span: example.span,
            args: shown,
            verdict,
        });
    }

    /// An implementation that answers wrongly says nothing against the specification.
    fn blames_specification(&self, part: &Part) -> bool {
        !self.engine.is_external() || matches!(part, Part::Cell(_) | Part::Given)
    }

    fn row(&mut self, example: &Example, args: &[Value]) -> Verdict {
        let function = self.program.function(example.function);
        if let Some(given) = function.given
            && example.expected_fault() != Some(Fault::Given)
            && !self.holds(given, args)
        {
            return failed(False::new(Part::Given, "true", "false".to_owned()));
        }
        let expected = match example.expected {
            Expected::Value(cell, tolerance) => match self.cell(cell) {
                Ok(value) => Some((value, tolerance)),
                Err(fault) => {
                    return failed(False::new(Part::Cell("result".to_owned()), "a value", fault_text(fault)));
                }
            },
            Expected::Fault(_) | Expected::NoFault => None,
        };
        // The row itself keeps `then`, whatever answers.
        if let Some((expected, _)) = &expected
            && let Some(part) = self.broken_then(example.function, args, expected)
        {
            let found = show(self.program, &function.returns, expected);
            return failed(False::new(part, "true", format!("false where result = {found}")));
        }
        if function.body.is_none() && !self.engine.is_external() {
            return Verdict::External;
        }
        let answer = self.engine.call(example.function, args);
        let found = match answer {
            Answer::Unsupported => return Verdict::Unsupported,
            Answer::Broken { code, message } => return Verdict::Broken { code, message },
            Answer::Value(value) => Ok(value),
            Answer::Fault(fault) => Err(fault),
        };
        let false_part = self.compared(example, args, expected.as_ref(), &found);
        match (self.engine.pending(example.function), false_part) {
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
        let fault = found.as_ref().err().filter(|_| !self.engine.is_external())?;
        origin(self.program, &mut self.definition, function, args, *fault)
    }

    fn compared(
        &mut self,
        example: &Example,
        args: &[Value],
        expected: Option<&(Value, crate::typed::Tolerance)>,
        found: &Result<Value, Fault>,
    ) -> Option<False> {
        let function = self.program.function(example.function);
        let returns = &function.returns;
        let shown = match found {
            Ok(value) => show(self.program, returns, value),
            Err(fault) => fault_text(*fault),
        };
        let wrong = |expected: String| Some(False { part: Part::Result, expected, found: shown.clone() });
        let value = match (&example.expected, found) {
            (Expected::Fault(fault), Err(found)) if found == fault => return None,
            (Expected::Fault(fault), _) => return wrong(fault_text(*fault)),
            (_, Err(_)) => {
                let value = expected.map(|(value, _)| show(self.program, returns, value));
                return wrong(value.unwrap_or_else(|| "a value".to_owned()));
            }
            (_, Ok(value)) => value,
        };
        if self.engine.is_external() && !domain::enters(&mut self.definition, self.program, returns, value) {
            let expected = format!("a value of {}", crate::show::show_type(self.program, returns));
            return Some(False { part: Part::Type, expected, found: shown });
        }
        if let Some((expected, tolerance)) = expected
            && !is_near(value, expected, *tolerance)
        {
            return wrong(show(self.program, returns, expected));
        }
        if self.engine.is_external() || expected.is_none() {
            let part = self.broken_then(example.function, args, value)?;
            return Some(False::new(part, "true", format!("false where result = {shown}")));
        }
        None
    }

    /// Finds the first condition of `then` that does not hold.
    fn broken_then(&mut self, function: FunctionId, args: &[Value], result: &Value) -> Option<Part> {
        let then = &self.program.function(function).then;
        let with_result: Vec<Value> = args.iter().chain([result]).cloned().collect();
        then.iter()
            .find(|(_, condition)| !self.holds(*condition, &with_result))
            .map(|(name, _)| Part::Then(name.clone()))
    }

    /// Finds rows of equal arguments and different results.
    pub(super) fn contradictions(&mut self) {
        let examples: Vec<&Example> =
            self.program.examples.iter().filter(|e| self.is_wanted(self.program.function(e.function), None)).collect();
        let mut rows: BTreeMap<Call, (&Example, Option<Value>)> = BTreeMap::new();
        for example in examples {
            let args: Result<Vec<Value>, Fault> = example.args.iter().map(|cell| self.cell(*cell)).collect();
            let Ok(args) = args else { continue };
            let result = match example.expected {
                Expected::Value(cell, _) => self.cell(cell).ok(),
                Expected::Fault(_) => None,
                Expected::NoFault => continue,
            };
            let (first, other) = match rows.entry((example.function, args)) {
                Entry::Vacant(entry) => {
                    entry.insert((example, result));
                    continue;
                }
                Entry::Occupied(entry) => entry.get().clone(),
            };
            let agree = match (&result, &other) {
                (Some(a), Some(b)) => same(a, b),
                (None, None) => first.expected_fault() == example.expected_fault(),
                _ => false,
            };
            if !agree {
                let message = "two rows have equal arguments and different results";
                let diagnostic = Diagnostic::new("E0401", example.span, message).label("this one");
                self.report.diagnostics.push(diagnostic.also(first.span, "contradicts this one"));
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
