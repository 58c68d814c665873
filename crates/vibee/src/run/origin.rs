//! Where a fault came up, found by the definition, whatever engine ran into it.

use super::examples::fault_text;
use crate::{
    eval::{Evaluator, Trace},
    source::Span,
    typed::{FunctionId, Program},
    value::{Fault, Value},
};

/// Functions of a chain of calls that are named, at most.
const CALLS_SHOWN: usize = 8;
/// Functions that are named with their fuel, at most.
const HUNGRY_SHOWN: usize = 5;

/// Where a fault came up.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub fault: Fault,
    /// The expression that gives no value.
    pub span: Span,
    /// Who called whom, and who used the fuel: lines for people.
    pub notes: Vec<String>,
}

/// Calls a function by the definition and finds where `fault` comes up; `None` if it gives something else, as it may
/// where an engine has other fuel.
pub fn origin(
    program: &Program,
    definition: &mut Evaluator<'_>,
    function: FunctionId,
    args: &[Value],
    fault: Fault,
) -> Option<Origin> {
    let found = definition.call(function, args).err();
    definition.trace().filter(|_| found == Some(fault)).map(|trace| of(program, trace))
}

/// Says in lines who called whom, and who used the fuel.
pub(super) fn of(program: &Program, trace: &Trace) -> Origin {
    let name = |id: &FunctionId| {
        let function = program.function(*id);
        if let Some(property) = program.properties.iter().find(|property| property.holds == *id) {
            return format!("{}.{}.{}", function.module, program.function(property.of).name, property.name);
        }
        // What the checker makes has the name of what it is made for, and more behind a `$`.
        let name = function.name.split('$').next().unwrap_or_default();
        format!("{}.{name}", function.module)
    };
    let mut calls: Vec<String> = trace.calls.iter().map(name).collect();
    if calls.len() > CALLS_SHOWN {
        let left_out = format!("… {} more …", calls.len() - 7);
        calls.splice(4..calls.len() - 3, [left_out]);
    }
    let mut notes = vec![format!("{} came from {}", fault_text(trace.fault), calls.join(" → "))];
    if matches!(trace.fault, Fault::Fuel | Fault::Memory | Fault::Depth) {
        let fuel = trace.fuel.iter().take(HUNGRY_SHOWN).map(|(function, fuel)| format!("{} {fuel}", name(function)));
        notes.push(format!("fuel by function: {}", fuel.collect::<Vec<_>>().join(", ")));
    }
    Origin { fault: trace.fault, span: trace.span, notes }
}
