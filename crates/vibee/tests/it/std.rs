//! The modules of std: their examples hold, and every function has some.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use vibee::{
    diagnostic::Diagnostic,
    eval::Evaluator,
    limits::Limits,
    reader, render,
    run::{self, Options, Verdict},
    schema,
    source::Sources,
    spec::Spec,
    standard::MODULES,
    typed::Program,
    value::Value,
    vm::Vm,
};

/// Checks all of std and further texts, all of it asked for.
fn checked(texts: &[&str]) -> (Vec<Spec>, Program) {
    let mut sources = Sources::default();
    let mut specs = Vec::new();
    let mut all: Vec<Diagnostic> = Vec::new();
    let std = MODULES.iter().map(|module| (module.name, module.text));
    for (name, text) in std.chain(texts.iter().map(|text| ("test", *text))) {
        let file = sources.add(format!("{name}.vibee"), text);
        let (document, mut diagnostics) = reader::read(&sources, file);
        specs.extend(schema::spec(&document, &mut diagnostics));
        all.extend(diagnostics);
    }
    let (program, diagnostics) = vibee::check::check(&sources, &specs, specs.len());
    all.extend(diagnostics);
    let shown = render::render(&all, &sources, render::Style::Plain);
    assert!(all.is_empty(), "{shown}");
    (specs, program)
}

fn holds(program: &Program) -> usize {
    let report = run::test(program, &mut Evaluator::new(program, Limits::default()), &Options::default());
    let failed = report.cases.iter().filter(|case| case.verdict != Verdict::Passed);
    let failed: Vec<_> = failed.map(|c| format!("{} {:?}: {:?}", c.full_name(program), c.args, c.verdict)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(report.properties.iter().all(|property| property.verdict.is_passed()), "{:?}", report.properties);
    assert_eq!(report.diagnostics, []);
    report.cases.len()
}

const GENERIC: &str = include_str!("../../testdata/std/generic.vibee");

#[test]
fn examples_of_std_hold() {
    let (_, program) = checked(&[GENERIC]);
    assert!(holds(&program) > 200);
}

/// Functions without type parameters have a table of their own, those with some are used by a test's.
#[test]
fn every_function_of_std_has_a_sentence_and_examples() {
    let (specs, program) = checked(&[GENERIC]);
    let used: BTreeSet<_> = program.functions.iter().map(|f| (f.module.as_str(), f.name.as_str())).collect();
    for spec in specs.iter().filter(|spec| spec.name.name.starts_with("std.")) {
        for function in &spec.functions {
            let name = (spec.name.name.as_str(), function.name.name.as_str());
            assert!(function.say.is_some(), "{name:?} has no sentence");
            if function.generics.is_empty() {
                assert!(function.examples.is_some(), "{name:?} has no examples");
            } else {
                assert!(used.contains(&name), "{name:?} is not used by testdata/std/generic.vibee");
            }
        }
    }
}

/// Arguments and correctly rounded results, as bits: how they were made says the README beside them.
const MATH: &[u8] = include_bytes!("../../testdata/std/math.txt.xz");

/// How many results may differ from the correctly rounded ones, and by one unit in the last place at most: one in so
/// many.
const ROUNDED_OTHERWISE: usize = 100;

#[test]
fn mathematics_is_right_to_one_unit_in_the_last_place() {
    let mut text = String::new();
    lzma_rust2::XzReader::new(MATH, false).read_to_string(&mut text).unwrap();
    let (_, program) = checked(&[]);
    let bytecode = vibee::compile::compile(&program).unwrap();
    let mut vm = Vm::new(&bytecode, Limits::default()).unwrap();
    let mut evaluator = Evaluator::new(&program, Limits::default());
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let (name, numbers) = line.split_once(' ').unwrap();
        let mut floats: Vec<f64> =
            numbers.split(' ').map(|hex| f64::from_bits(u64::from_str_radix(hex, 16).unwrap())).collect();
        let expected = floats.pop().unwrap();
        let args: Vec<Value> = floats.iter().map(|x| Value::Float(*x)).collect();
        let function = program.find("std.math", name).unwrap();
        let found = vm.call(function, &args).unwrap();
        if at % 32 == 0 {
            assert_eq!(evaluator.call(function, &args), Ok(found.clone()), "{name} {floats:?}");
        }
        let is_near = run::is_near(&found, &Value::Float(expected), vibee::typed::Tolerance::Ulp(1));
        assert!(is_near, "{name} {floats:?}: {found:?}, but {expected:?}");
        let (rows, others) = counts.entry(name).or_default();
        *rows += 1;
        *others += usize::from(found != Value::Float(expected));
    }
    assert!(counts.len() == 19 && counts.values().all(|(rows, _)| *rows == 1_000), "{counts:?}");
    assert!(counts.values().all(|(rows, others)| others * ROUNDED_OTHERWISE <= *rows), "{counts:?}");
}
