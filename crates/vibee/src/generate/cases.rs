//! The cases of generated tests: rows of examples, and drawn arguments, with what the definition says of them.

use super::{Case, asked_for};
use crate::{
    eval::Evaluator,
    limits::Limits,
    run::draw,
    typed::{FunctionId, Program, Role},
};

/// Cases that are drawn for each function.
const DRAWN: u32 = 200;

/// Gives the cases of the modules that were asked for: each row of examples, then up to 200 drawn cases of each
/// function and behaviour. The same for the same program.
pub fn cases(program: &Program, limits: Limits) -> Vec<Case> {
    let mut definition = Evaluator::new(program, limits);
    let mut cases = Vec::new();
    for example in &program.examples {
        if !is_asked_for(program, example.function) || program.function(example.function).body.is_none() {
            continue;
        }
        let args: Result<Vec<_>, _> = example.args.iter().map(|cell| definition.call(*cell, &[])).collect();
        if let Ok(args) = args {
            let outcome = definition.call(example.function, &args);
            let origin = format!("row {}", example.row + 1);
            cases.push(Case { function: example.function, args, outcome, origin });
        }
    }
    for at in 0..program.functions.len() {
        let function = FunctionId(at as u32);
        let of = program.function(function);
        let is_public = matches!(of.role, Role::Function | Role::Behavior) && of.body.is_some();
        if !is_public || !is_asked_for(program, function) {
            continue;
        }
        for (drawn, args) in draw::cases(program, function, DRAWN, limits).into_iter().enumerate() {
            let outcome = definition.call(function, &args);
            cases.push(Case { function, args, outcome, origin: format!("drawn {}", drawn + 1) });
        }
    }
    cases
}

fn is_asked_for(program: &Program, function: FunctionId) -> bool {
    let name = &program.function(function).module;
    asked_for(program).any(|module| module.name == *name)
}
