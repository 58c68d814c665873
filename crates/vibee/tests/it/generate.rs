//! Generated code gives what the evaluator gives, bit for bit, and its tests notice when it does not.

use std::{fs, path::Path, process::Command};

use vibee::{
    eval::Evaluator,
    generate::{Case, Generated, Target, generate},
    limits::Limits,
    random::SplitMix64,
    testing::{programs, values},
    typed::{FunctionId, Program},
};

use crate::toolchains;

/// Random programs that are compiled and run.
const PROGRAMS: u64 = 8;
/// Calls of each function.
const CALLS: usize = 12;

/// Calls of every function of a random program, with what the evaluator says.
fn cases(program: &Program, seed: u64) -> Vec<Case> {
    let mut random = SplitMix64::new(seed);
    let mut evaluator = Evaluator::new(program, Limits { fuel: 200_000, ..Limits::default() });
    let mut cases = Vec::new();
    for (at, function) in program.functions.iter().enumerate() {
        for call in 0..CALLS {
            let params = &function.locals[..function.n_params];
            let args: Vec<_> = params.iter().map(|local| values::value(program, &local.ty, 2, &mut random)).collect();
            let outcome = evaluator.call(FunctionId(at as u32), &args);
            cases.push(Case { function: FunctionId(at as u32), args, outcome, origin: format!("call {call}") });
        }
    }
    cases
}

fn write(folder: &Path, generated: &Generated) {
    fs::create_dir_all(folder).unwrap();
    for file in &generated.files {
        fs::write(folder.join(&file.path), &file.text).unwrap();
    }
}

/// Runs a command and gives whether it succeeded, and what it printed.
fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Compiles the test file of a folder with warnings as errors.
fn compile_rust(folder: &Path, stem: &str) -> (bool, String) {
    let mut rustc = Command::new("rustc");
    // What only random programs say: arms that are never reached, values that nobody reads.
    for lint in [
        "unreachable_patterns",
        "unused_assignments",
        "unused_mut",
        "unused_variables",
        "unreachable_code",
        "unused_parens",
        "overlapping_range_endpoints",
        "invalid_nan_comparisons",
        "invalid_from_utf8",
    ] {
        rustc.args(["-A", lint]);
    }
    rustc.args(["--edition", "2024", "-D", "warnings", "--test", "-C", "debuginfo=0", "-o", "tests"]);
    run(rustc.arg(format!("{stem}_test.rs")).current_dir(folder))
}

#[test]
fn random_programs_in_python_give_what_the_evaluator_gives() {
    for seed in 0..PROGRAMS {
        let program = programs::program(seed, 60);
        let generated = generate(&program, &cases(&program, seed), Target::Python);
        toolchains::python(&format!("random-python-{seed}"), &generated);
    }
}

#[test]
fn random_programs_in_c_give_what_the_evaluator_gives() {
    for seed in 0..PROGRAMS {
        let program = programs::program(seed, 60);
        let generated = generate(&program, &cases(&program, seed), Target::C);
        toolchains::c(&format!("random-c-{seed}"), &generated);
    }
}

#[test]
fn random_programs_in_rust_give_what_the_evaluator_gives() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generated-rust");
    let mut failures = Vec::new();
    for seed in 0..PROGRAMS {
        let program = programs::program(seed, 60);
        let generated = generate(&program, &cases(&program, seed), Target::Rust);
        let folder = folder.join(seed.to_string());
        write(&folder, &generated);
        let (mut is_right, mut said) = compile_rust(&folder, "random");
        if is_right {
            (is_right, said) = run(Command::new("./tests").current_dir(&folder));
        }
        if !is_right {
            failures.push(format!("seed {seed}, {}:\n{said}", folder.display()));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
