//! The cases of generated tests: rows of examples, and drawn arguments, with what the definition says of them.

use super::{Case, asked_for};
use crate::{
    compile::{self, compile_with},
    eval::Evaluator,
    limits::Limits,
    run::{Definition, draw},
    typed::{FunctionId, Program, Role},
    vm::Vm,
};

/// Cases that are drawn for each function.
const DRAWN: u32 = 200;

/// Gives the cases of the modules that were asked for: each row of examples, then up to 200 drawn cases of each
/// function and behaviour. The same for the same program, so one call serves all targets. The VM answers; what bytecode
/// has no room for, the evaluator.
pub fn cases(program: &Program, limits: Limits) -> Vec<Case> {
    let bytecode = compile_with(program, compile::Options { rows: false, ..compile::Options::default() });
    match bytecode.as_ref().ok().and_then(|bytecode| Vm::new(bytecode, limits).ok()) {
        Some(mut vm) => cases_of(&mut Definition::new(program, &mut vm, limits)),
        None => cases_by_definition(program, limits),
    }
}

/// Gives the cases of [`cases`], all answered by the evaluator.
#[doc(hidden)]
pub fn cases_by_definition(program: &Program, limits: Limits) -> Vec<Case> {
    cases_of(&mut Definition::new(program, &mut Evaluator::new(program, limits), limits))
}

fn cases_of(definition: &mut Definition<'_, '_>) -> Vec<Case> {
    let program = definition.program();
    let mut cases = Vec::new();
    for example in &program.examples {
        if !is_asked_for(program, example.function) || program.function(example.function).body.is_none() {
            continue;
        }
        let args: Result<Vec<_>, _> = example.args.iter().map(|cell| definition.cell(*cell)).collect();
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
        for (drawn, args) in draw::cases(definition, function, DRAWN).into_iter().enumerate() {
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
