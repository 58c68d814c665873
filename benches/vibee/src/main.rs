//! The VM beside rhai, Lua and CEL: the same functions, in alternation, medians of rounds; then what is done with whole
//! files. `vibee_bench [ROUNDS [FILE]]` prints tables and writes the medians as JSON; of rows whose names hold `ONLY`
//! alone, where the environment has it. `vibee_bench --dis FUNCTION` prints what a function compiles to.

mod files;

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, Value as Json, json};
use vibee::{
    bytecode, check,
    compile::compile,
    limits::Limits,
    load::{self, LoadError, Loader},
    source::Sources,
    typed::Program,
    value::Value,
    vm::Vm,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A function, its size, and whether its values are scalars.
const ROWS: &[(&str, i64, bool)] = &[
    ("gcd", 60_000, true),
    ("collatz", 6_000, true),
    ("xorshift", 500_000, true),
    ("trits", 300_000, true),
    ("polynomial", 500_000, true),
    ("caesar", 1_000, false),
    ("numbers", 30_000, false),
    ("sieve", 100_000, false),
    ("pipeline", 100_000, false),
    ("sorted", 50_000, false),
    ("count_numbers", 100_000, false),
    ("count_words", 100_000, false),
];

/// Expressions that CEL can say, beside the function of the same meaning; evaluated one by one, from outside.
const CEL_ROWS: &[(&str, &str, i64)] = &[
    ("polynomial_at", "((2.0 * x - 3.0) * x + 0.5) * x - 1.0", 50_000),
    ("collatz_step", "x % 2 == 0 ? x / 2 : 3 * x + 1", 50_000),
];

struct Folder(PathBuf);

impl Loader for Folder {
    fn load(&mut self, _: Option<&str>, path: &str) -> std::result::Result<Vec<u8>, LoadError> {
        std::fs::read(self.0.join(path)).map_err(|_| LoadError::Missing)
    }
}

fn main() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = checked("bench.vibee", &mut Folder(here.join("specs")))?;
    let code = compile(&program).map_err(|d| d.message.clone())?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--dis") {
        let text = bytecode::disassemble(&code, None);
        let wanted = arguments.get(1).map(|name| format!("function \"bench.{name}\""));
        let parts = text.split("\nfunction ").map(|part| format!("function {part}"));
        parts.filter(|part| wanted.as_ref().is_none_or(|w| part.starts_with(w.as_str()))).for_each(|p| println!("{p}"));
        return Ok(());
    }
    let rounds: usize = arguments.first().map_or(Ok(5), |text| text.parse())?;
    let limits = Limits { fuel: u64::MAX >> 2, memory_bytes: 1 << 30, depth: 1_000 };
    let mut vm = Vm::new(&code, limits)?;
    let find = |name: &str| program.find("bench", name).ok_or(format!("there is no function {name}"));
    let mut engine = rhai::Engine::new();
    engine.set_max_expr_depths(0, 0);
    engine.register_fn("to_char", |x: i64| char::from_u32(x as u32).unwrap_or('?'));
    let ast = engine.compile_file(here.join("scripts/bench.rhai"))?;
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut rows = Map::new();
    println!(
        "{:<14} {:>10} {:>10} {:>10} {:>10} {:>8} {:>8} {:>8}",
        "", "vm ms", "rhai ms", "lua ms", "cel ms", "/rhai", "/lua", "/cel"
    );
    for (name, n, is_scalar) in ROWS.iter().filter(|row| row.0.contains(&only)) {
        let function = find(name)?;
        let (mut ours, mut rhais, mut luas) = (Vec::new(), Vec::new(), Vec::new());
        // The first round compares and is not counted.
        for round in 0..=rounds {
            if round == 1 {
                [&mut ours, &mut rhais, &mut luas].into_iter().for_each(Vec::clear);
            }
            let mut expected = None;
            let mut agree = |who: &str, result: i64| match *expected.get_or_insert(result) {
                first if first == result => Ok(()),
                first => Err(format!("{name}: {who} gives {result}, not {first}")),
            };
            let begin = processor_seconds();
            let result = vm.call(function, &[Value::Int(*n)]);
            ours.push(processor_seconds() - begin);
            agree("the vm", int(&result)?)?;
            let begin = processor_seconds();
            let result: i64 = engine.call_fn(&mut rhai::Scope::new(), &ast, name, (*n,))?;
            rhais.push(processor_seconds() - begin);
            agree("rhai", result)?;
            let (result, seconds) = lua(&here.join("scripts/bench.lua"), name, *n)?;
            luas.push(seconds);
            agree("lua", result)?;
        }
        let (vm_s, rhai_s, lua_s) = (median(ours), median(rhais), median(luas));
        print_row(name, vm_s, Some(rhai_s), Some(lua_s), None);
        let kind = if *is_scalar { "scalar" } else { "data" };
        rows.insert(
            (*name).to_owned(),
            json!({ "kind": kind, "vm_ms": ms(vm_s), "rhai_ms": ms(rhai_s), "lua_ms": ms(lua_s) }),
        );
    }
    cel_rows(&program, &mut vm, &only, rounds, &mut rows)?;
    files::run(rounds, &only, &mut rows)?;
    if let Some(path) = arguments.get(1) {
        store(here, path, rounds, &rows)?;
    }
    Ok(())
}

/// Writes the medians, and what they are of.
fn store(here: &Path, path: &str, rounds: usize, rows: &Map<String, Json>) -> Result<()> {
    let versions = json!({
        "vibee": vibee_version(here)?,
        "rhai": "1.27.0",
        "cel": "0.15.0",
        "lua": says("lua5.4", &["-v"])?,
        "python": says("python3", &[&here.join("scripts/legacy.py").to_string_lossy(), "--version"])?,
        "node": says("node", &["--version"])?,
        "rustc": says("rustc", &["--version"])?,
    });
    let command = "cargo xtask vibee-bench --receipt";
    let receipt = json!({
        "command": command,
        "processor": processor(),
        "rounds": rounds,
        "versions": versions,
        "rows": rows,
    });
    std::fs::write(path, format!("{receipt:#}\n"))?;
    Ok(())
}

/// The expressions that CEL can say.
fn cel_rows(program: &Program, vm: &mut Vm<'_>, only: &str, rounds: usize, rows: &mut Map<String, Json>) -> Result<()> {
    for (name, expression, n) in CEL_ROWS.iter().filter(|row| row.0.contains(only)) {
        let function = program.find("bench", name).ok_or("there is no such function")?;
        let is_float = *name == "polynomial_at";
        let cel = cel::Program::compile(expression)?;
        let (mut ours, mut cels) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            if round == 1 {
                [&mut ours, &mut cels].into_iter().for_each(Vec::clear);
            }
            let begin = processor_seconds();
            let mut sum = 0.0;
            for i in 0..*n {
                let x = if is_float { Value::Float(i as f64) } else { Value::Int(i) };
                sum += number(&vm.call(function, &[x]))?;
            }
            ours.push(processor_seconds() - begin);
            let begin = processor_seconds();
            let mut context = cel::Context::default();
            let mut cel_sum = 0.0;
            for i in 0..*n {
                if is_float {
                    context.add_variable("x", i as f64)?
                } else {
                    context.add_variable("x", i)?
                }
                cel_sum += match cel.execute(&context)? {
                    cel::Value::Float(x) => x,
                    cel::Value::Int(x) => x as f64,
                    other => return Err(format!("{name}: cel gives {other:?}").into()),
                };
            }
            cels.push(processor_seconds() - begin);
            if sum != cel_sum {
                return Err(format!("{name}: cel gives {cel_sum}, not {sum}").into());
            }
        }
        let (vm_s, cel_s) = (median(ours), median(cels));
        print_row(name, vm_s, None, None, Some(cel_s));
        rows.insert((*name).to_owned(), json!({ "kind": "scalar", "vm_ms": ms(vm_s), "cel_ms": ms(cel_s) }));
    }
    Ok(())
}

/// Processor time of this thread, which is the only one: what others take of the machine does not count. The kernel
/// brings its number up to date when a thread yields.
pub(crate) fn processor_seconds() -> f64 {
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
    nanoseconds.map_or(f64::NAN, |nanoseconds| nanoseconds as f64 * 1e-9)
}

fn print_row(name: &str, vm: f64, rhai: Option<f64>, lua: Option<f64>, cel: Option<f64>) {
    let time = |s: Option<f64>| s.map_or(String::new(), |s| format!("{:.2}", s * 1e3));
    let ratio = |s: Option<f64>| s.map_or(String::new(), |s| format!("{:.2}", s / vm));
    println!(
        "{name:<14} {:>10} {:>10} {:>10} {:>10} {:>8} {:>8} {:>8}",
        time(Some(vm)),
        time(rhai),
        time(lua),
        time(cel),
        ratio(rhai),
        ratio(lua),
        ratio(cel)
    );
}

fn ms(seconds: f64) -> Json {
    json!((seconds * 1e6).round() / 1e3)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn int(outcome: &vibee::value::Outcome) -> Result<i64> {
    match outcome {
        Ok(Value::Int(x)) => Ok(*x),
        other => Err(format!("the vm gives {other:?}").into()),
    }
}

fn number(outcome: &vibee::value::Outcome) -> Result<f64> {
    match outcome {
        Ok(Value::Float(x)) => Ok(*x),
        Ok(Value::Int(x)) => Ok(*x as f64),
        other => Err(format!("the vm gives {other:?}").into()),
    }
}

fn checked(path: &str, loader: &mut dyn Loader) -> Result<Program> {
    let mut sources = Sources::default();
    let loaded = load::load(&mut sources, &[path], loader);
    let (program, more) = check::check(&sources, &loaded.specs, loaded.n_asked);
    let mut all = loaded.diagnostics;
    all.extend(more);
    let errors: Vec<String> = all
        .iter()
        .filter(|d| d.severity() == vibee::diagnostic::Severity::Error)
        .map(|d| format!("{} {:?} {}", d.code, sources.place(d.primary.span), d.message))
        .collect();
    if errors.is_empty() { Ok(program) } else { Err(errors.join("\n").into()) }
}

fn lua(script: &Path, name: &str, n: i64) -> Result<(i64, f64)> {
    let output = Command::new("lua5.4").arg(script).arg(name).arg(n.to_string()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let Some((result, seconds)) = text.trim().split_once(' ') else {
        return Err(format!("{name}: lua says {}", String::from_utf8_lossy(&output.stderr)).into());
    };
    Ok((result.parse()?, seconds.parse()?))
}

/// What a command prints of itself.
fn says(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The commit that is measured.
fn vibee_version(here: &Path) -> Result<String> {
    let folder = here.to_string_lossy();
    says("git", &["-C", &folder, "rev-parse", "HEAD"])
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.to_owned())
}
