//! Writes code and tests in a language, a folder for each program: `generate TARGET FOLDER random FIRST LAST` of random
//! programs, `generate TARGET FOLDER FILE…` of specifications. For `cargo xtask test generated`.

#![allow(clippy::expect_used, reason = "who calls it wrongly sees so")]

use std::{fs, path::Path};

use vibee::{
    check,
    eval::Evaluator,
    generate::{self, Case, Target},
    limits::Limits,
    load::{self, LoadError, Loader},
    random::SplitMix64,
    source::Sources,
    testing::{programs, values},
    typed::{FunctionId, Program},
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, folder, programs @ ..] = &arguments[..] else { panic!("TARGET FOLDER FILE…") };
    let target = Target::from_name(target).expect("a target");
    match programs {
        [random, first, last] if random == "random" => {
            let [first, last]: [u64; 2] = [first, last].map(|n| n.parse().expect("a number"));
            for seed in first..last {
                let program = programs::program(seed, 60);
                write(Path::new(folder), &seed.to_string(), &program, &drawn(&program, seed), target);
            }
        }
        files => {
            for file in files {
                let path = Path::new(file);
                let name = path.file_stem().and_then(|name| name.to_str()).expect("a file's name");
                let program = checked(path);
                write(
                    Path::new(folder),
                    name,
                    &program,
                    &generate::cases(&program, Limits { fuel: 20_000, ..Limits::default() }),
                    target,
                );
            }
        }
    }
}

fn write(folder: &Path, name: &str, program: &Program, cases: &[Case], target: Target) {
    let folder = folder.join(name);
    fs::create_dir_all(&folder).expect("a folder");
    for file in generate::generate(program, cases, target).files {
        fs::write(folder.join(&file.path), &file.text).expect("a file");
    }
}

/// Files beside the one that is asked for.
struct Beside<'a>(&'a Path);

impl Loader for Beside<'_> {
    fn load(&mut self, _: Option<&str>, path: &str) -> Result<Vec<u8>, LoadError> {
        fs::read(self.0.join(path)).map_err(|_| LoadError::Missing)
    }
}

fn checked(path: &Path) -> Program {
    let folder = path.parent().expect("a folder");
    let name = path.file_name().and_then(|name| name.to_str()).expect("a file's name");
    let mut sources = Sources::default();
    let loaded = load::load(&mut sources, &[name], &mut Beside(folder));
    let (program, more) = check::check(&sources, &loaded.specs, loaded.n_asked);
    let wrong: Vec<_> = loaded.diagnostics.iter().chain(&more).filter(|d| d.code.starts_with('E')).collect();
    assert!(wrong.is_empty(), "{}: {wrong:?}", path.display());
    program
}

/// Calls of every function, with what the evaluator says.
fn drawn(program: &Program, seed: u64) -> Vec<Case> {
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
