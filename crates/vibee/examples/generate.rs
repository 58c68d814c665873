//! Writes code and tests of random programs in a language: `generate TARGET FOLDER FIRST LAST`, a folder for each program.

#![allow(clippy::expect_used, reason = "who calls it wrongly sees so")]

use std::{fs, path::Path};

use vibee::{
    eval::Evaluator,
    generate::{Case, Target, generate},
    limits::Limits,
    random::SplitMix64,
    testing::{programs, values},
    typed::{FunctionId, Program},
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, folder, first, last] = &arguments[..] else { panic!("TARGET FOLDER FIRST LAST") };
    let target = Target::from_name(target).expect("a target");
    let [first, last]: [u64; 2] = [first, last].map(|n| n.parse().expect("a number"));
    for seed in first..last {
        let program = programs::program(seed, 60);
        let folder = Path::new(folder).join(seed.to_string());
        fs::create_dir_all(&folder).expect("a folder");
        for file in generate(&program, &cases(&program, seed), target).files {
            fs::write(folder.join(&file.path), &file.text).expect("a file");
        }
    }
}

/// Calls of every function, with what the evaluator says.
fn cases(program: &Program, seed: u64) -> Vec<Case> {
    let mut random = SplitMix64::new(seed);
    let mut evaluator = Evaluator::new(program, Limits { fuel: 200_000, ..Limits::default() });
    let mut cases = Vec::new();
    for (function, at) in program.functions.iter().zip(0..) {
        for call in 0..12 {
            let params = &function.locals[..function.n_params];
            let args: Vec<_> = params.iter().map(|local| values::value(program, &local.ty, 2, &mut random)).collect();
            let outcome = evaluator.call(FunctionId(at), &args);
            cases.push(Case { function: FunctionId(at), args, outcome, origin: format!("call {call}") });
        }
    }
    cases
}
