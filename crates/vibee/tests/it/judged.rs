//! The VM in the place of the definition, where rows are judged and cases of generated tests are made: on all
//! specifications of the project, and on random programs.

use std::path::Path;

use vibee::{
    check,
    compile::{Options, compile_with},
    diagnostic::Severity,
    eval::Evaluator,
    generate::{self, Case},
    limits::Limits,
    load::{self, LoadError, Loader},
    run::{self, domain},
    source::Sources,
    testing,
    typed::Program,
    types::Type,
    value::Fault,
    vm::Vm,
};

/// Members of a domain that the evaluator is asked for here.
const EXHAUSTED_MAX: u64 = 500;

struct Folder<'a>(&'a Path);

impl Loader for Folder<'_> {
    fn load(&mut self, _: Option<&str>, path: &str) -> Result<Vec<u8>, LoadError> {
        std::fs::read(self.0.join(path)).map_err(|_| LoadError::Missing)
    }
}

/// All specifications of the project, by file.
fn specifications() -> Vec<(String, Program)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut programs = Vec::new();
    for folder in [here.join("../../specs"), here.join("testdata/check")] {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            if !file.ends_with(".vibee") {
                continue;
            }
            let mut sources = Sources::default();
            let loaded = load::load(&mut sources, &[file.as_str()], &mut Folder(&folder));
            let (program, more) = check::check(&sources, &loaded.specs, loaded.n_asked);
            if loaded.diagnostics.iter().chain(&more).all(|d| d.severity() != Severity::Error) {
                programs.push((file, program));
            }
        }
    }
    assert!(programs.len() >= 8, "{} specifications", programs.len());
    programs
}

fn is_limit(case: &Case) -> bool {
    matches!(case.outcome, Err(Fault::Fuel | Fault::Memory | Fault::Depth))
}

/// Compares the cases that the VM gives with those of the evaluator; gives how many there are.
fn compare(name: &str, program: &Program, limits: Limits) -> usize {
    // Where the VM refuses, the evaluator would be compared with itself.
    let bytecode = compile_with(program, Options { rows: false, ..Options::default() }).unwrap();
    assert!(Vm::new(&bytecode, limits).is_ok(), "{name}");
    let (found, expected) = (generate::cases(program, limits), generate::cases_by_definition(program, limits));
    assert_eq!(found.len(), expected.len(), "{name}: number of cases");
    for (found, expected) in found.iter().zip(&expected) {
        let place = format!("{name}: function {}, {}", expected.function.0, expected.origin);
        assert_eq!((found.function, &found.origin), (expected.function, &expected.origin), "{place}");
        assert_eq!(found.args, expected.args, "{place}");
        assert!(found.outcome == expected.outcome || is_limit(found) || is_limit(expected), "{place}: {found:?}");
    }
    found.len()
}

#[test]
fn cases_of_generated_tests_are_those_of_the_definition() {
    for (file, program) in specifications() {
        compare(&file, &program, Limits { fuel: 50_000, ..Limits::default() });
    }
    let limits = Limits { fuel: 20_000, memory_bytes: 4 << 20, depth: 100 };
    let n: usize = (0..20).map(|seed| compare(&seed.to_string(), &testing::programs::program(seed, 20), limits)).sum();
    assert!(n > 1_000, "{n} cases of random programs");
}

#[test]
fn reports_are_those_of_the_definition() {
    for (file, mut program) in specifications() {
        let n_members = |program: &Program, vars: &[(String, Type)]| {
            domain::count(program, &Type::Tuple(vars.iter().map(|(_, ty)| ty.clone()).collect()))
        };
        let properties = std::mem::take(&mut program.properties);
        let is_small = |vars: &[(String, Type)]| n_members(&program, vars).is_none_or(|n| n <= EXHAUSTED_MAX);
        program.properties = properties.into_iter().filter(|property| is_small(&property.vars)).collect();
        let bytecode = compile_with(&program, Options { cover: true, rows: false }).unwrap();
        let options = run::Options { cases: Some(20), ..run::Options::default() };
        let mut vm = Vm::new(&bytecode, Limits::default()).unwrap();
        let mut found = run::test(&program, &mut vm, &options);
        let mut expected = run::test(&program, &mut Evaluator::new(&program, Limits::default()), &options);
        // Where there is no place, one of them says that it does not count.
        for report in [&mut found, &mut expected] {
            report.unreached = Some(report.unreached.take().unwrap_or_default());
        }
        assert_eq!(format!("{found:#?}"), format!("{expected:#?}"), "{file}");
    }
}
