//! The VM beside the evaluator, which is the definition: the same values and faults, but for those of limits.

use vibee::{
    bytecode,
    compile::{Options, compile_with},
    eval::Evaluator,
    intrinsic::Intrinsic,
    limits::Limits,
    random::SplitMix64,
    source::{FileId, Span},
    testing,
    typed::{Expr, FunctionId, Kind, Local, LocalId, Loop, LoopForm, Over, Program},
    types::Type,
    value::{Fault, Value},
    vm::Vm,
};

/// Programs of the test; more are run in fuzzing.
const PROGRAMS: u64 = 400;

fn is_limit(fault: Fault) -> bool {
    matches!(fault, Fault::Fuel | Fault::Memory | Fault::Depth)
}

fn arguments(program: &Program, function: FunctionId, random: &mut SplitMix64) -> Vec<Value> {
    let function = program.function(function);
    let params = function.locals.iter().take(function.n_params);
    params.map(|local| testing::values::value(program, &local.ty, 3, random)).collect()
}

/// Compares the engines on every function of a random program; gives how many calls gave a value.
fn check(seed: u64, size: u32) -> usize {
    let program = testing::programs::program(seed, size);
    let bytecode =
        compile_with(&program, Options { cover: true, rows: true }).unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
    if let Err(refusal) = bytecode::verify(&bytecode) {
        panic!("seed {seed}, size {size}: {refusal}\n{}", bytecode::disassemble(&bytecode, None));
    }
    let limits = Limits { fuel: 200_000, memory_bytes: 4 << 20, depth: 100 };
    let mut vm = Vm::new(&bytecode, limits).unwrap();
    let mut evaluator = Evaluator::new(&program, limits);
    let mut random = SplitMix64::new(seed ^ 0x5eed);
    let mut n_values = 0;
    let mut had_limit = false;
    for at in 0..program.functions.len() {
        let function = FunctionId(at as u32);
        if program.function(function).body.is_none() {
            continue;
        }
        for round in 0..8 {
            let args = arguments(&program, function, &mut random);
            let expected = evaluator.call(function, &args);
            let found = vm.call(function, &args);
            match (&expected, &found) {
                (Err(one), _) if is_limit(*one) => had_limit = true,
                (_, Err(one)) if is_limit(*one) => had_limit = true,
                _ => {
                    assert_eq!(found, expected, "seed {seed}, size {size}, function {at}, round {round}, {args:?}");
                    n_values += usize::from(found.is_ok());
                }
            }
            if found.is_ok() {
                assert_eq!(vm.memory_used(), 0, "seed {seed}, size {size}, function {at}, round {round}: lost objects");
            }
        }
    }
    if !had_limit {
        assert_eq!(vm.reached(), evaluator.hits(), "seed {seed}, size {size}: coverage");
    }
    n_values
}

#[test]
fn vm_and_evaluator_agree_on_random_programs() {
    let n: usize = (0..PROGRAMS).map(|seed| check(seed, 10 + (seed % 60) as u32)).sum();
    assert!(n > PROGRAMS as usize, "{n} calls gave a value: the programs say too little");
}

/// Calls a function with the quick loop and without it: value or fault, rest of fuel, place and coverage are the same.
/// Gives the fuel that was used.
fn same_without_quick_loop(bytecode: &bytecode::Bytecode, function: FunctionId, args: &[Value], limits: Limits) -> u64 {
    let mut quick = Vm::new(bytecode, limits).unwrap();
    let mut plain = Vm::new(bytecode, limits).unwrap().without_quick_loop();
    // The second call finds what the first one left.
    for round in 0..2 {
        let seen = |vm: &mut Vm<'_>| {
            let outcome = vm.call(function, args);
            let trace = outcome.is_err().then(|| vm.trace());
            (outcome, vm.fuel_left(), vm.memory_used(), vm.reached().to_vec(), trace)
        };
        let (found, expected) = (seen(&mut quick), seen(&mut plain));
        assert_eq!(found, expected, "{function:?} {args:?} {limits:?}, round {round}");
    }
    limits.fuel - quick.fuel_left()
}

#[test]
fn the_quick_loop_changes_nothing_on_random_programs() {
    let mut random = SplitMix64::new(5);
    for seed in 0..PROGRAMS / 4 {
        let program = testing::programs::program(seed, 10 + (seed % 60) as u32);
        let bytecode = compile_with(&program, Options { cover: seed % 2 == 0, rows: true }).unwrap();
        for at in 0..program.functions.len() {
            let function = FunctionId(at as u32);
            if program.function(function).body.is_none() {
                continue;
            }
            let args = arguments(&program, function, &mut random);
            let limits = Limits { fuel: 100_000, memory_bytes: 1 << 20, depth: 20 };
            let used = same_without_quick_loop(&bytecode, function, &args, limits);
            for fuel in [used.saturating_sub(1), random.below(used + 1), random.below(used.min(20) + 1)] {
                same_without_quick_loop(&bytecode, function, &args, Limits { fuel, ..limits });
            }
        }
    }
}

#[test]
fn the_quick_loop_stops_at_every_step_as_the_plain_one_does() {
    let spec = include_str!("../../../../benches/vibee/specs/bench.vibee");
    let program = checked(spec.split_once("functions:\n").unwrap().1);
    let bytecode = compile_with(&program, Options::default()).unwrap();
    let limits = Limits { fuel: 100_000, depth: 3, ..Limits::default() };
    let unusual = [i64::MIN, -1, 0, 1, 7, i64::MAX];
    for function in &program.functions {
        let id = program.find("a", &function.name).unwrap();
        let of = |x: i64| match function.locals.first().map(|local| &local.ty) {
            Some(Type::Float) => Value::Float(if x == -1 { f64::NAN } else { x as f64 }),
            Some(Type::String) => Value::String(format!("{x}").into()),
            _ => Value::Int(x),
        };
        for x in unusual {
            let mut args = vec![of(x); function.n_params];
            for y in if function.n_params > 1 { unusual.as_slice() } else { &[7] } {
                if let Some(second) = args.get_mut(1) {
                    *second = of(*y);
                }
                let used = same_without_quick_loop(&bytecode, id, &args, limits);
                for fuel in (0..used.min(60)).chain([used.saturating_sub(1)]) {
                    same_without_quick_loop(&bytecode, id, &args, Limits { fuel, ..limits });
                }
            }
        }
    }
}

#[test]
fn counting_in_a_map_stops_at_every_step_as_in_the_plain_loop() {
    // A sum that ends within what a case carries in its word, one that grows beyond it, and one beyond an Int.
    for first in [0, (1 << 60) - 2, i64::MAX - 2] {
        let body = format!(
            "(1..n).fold(map_of([(0, {first})]), (m, i) => \
             let k = i mod 3; m.put(k, match m.get(k) {{ Some(c) => c + 1, None => 1 }})).fold(0, (s, e) => s.wrapping_add(e.1))"
        );
        let program = checked(&function("count", "", &body));
        let bytecode = compile_with(&program, Options::default()).unwrap();
        let id = program.find("a", "count").unwrap();
        let used = same_without_quick_loop(&bytecode, id, &[Value::Int(12)], Limits::default());
        for fuel in 0..=used {
            same_without_quick_loop(&bytecode, id, &[Value::Int(12)], Limits { fuel, ..Limits::default() });
        }
    }
}

/// Checks a spec of functions in memory.
fn checked(functions: &str) -> Program {
    struct One(String);
    impl vibee::load::Loader for One {
        fn load(&mut self, _: Option<&str>, _: &str) -> Result<Vec<u8>, vibee::load::LoadError> {
            Ok(self.0.clone().into_bytes())
        }
    }
    let mut one = One(format!("vibee: 3\nname: a\nversion: 1.0.0\nfunctions:\n{functions}"));
    let mut sources = vibee::source::Sources::default();
    let loaded = vibee::load::load(&mut sources, &["a.vibee"], &mut one);
    let (program, more) = vibee::check::check(&sources, &loaded.specs, loaded.n_asked);
    let errors: Vec<String> =
        loaded.diagnostics.iter().chain(&more).map(|d| format!("{} {}", d.code, d.message)).collect();
    assert!(errors.iter().all(|error| error.starts_with('W')), "{errors:?}");
    program
}

/// A function of one Int to an Int, as an entry of `functions`.
fn function(name: &str, more: &str, body: &str) -> String {
    format!("  - name: {name}\n    params: {{ n: Int }}\n    returns: Int\n{more}    body: \"{body}\"\n")
}

/// Calls `f` with an Int; gives the outcome and the fuel it used.
fn call(program: &Program, n: i64, limits: Limits) -> (Result<Value, Fault>, u64) {
    let bytecode = compile_with(program, Options::default()).unwrap();
    let mut vm = Vm::new(&bytecode, limits).unwrap();
    let outcome = vm.call(program.find("a", "f").unwrap(), &[Value::Int(n)]);
    (outcome, limits.fuel - vm.fuel_left())
}

#[test]
fn fuel_is_the_same_everywhere() {
    let chain = "    decreases: n\n    given: n >= 0\n";
    let programs = [
        ("", "sum i in 1..n { i * i }", 1_000),
        (chain, "if n == 0 { 0 } else { f(n - 1) }", 500),
        ("", "(map i in 1..n { i.show() }).join(\\\",\\\").len()", 100),
        ("", "(map i in 1..n { [i * 7919 mod 1009] }).sort()[0][0]", 300),
    ];
    let used = programs.map(|(more, body, n)| {
        let (outcome, used) = call(&checked(&function("f", more, body)), n, Limits::default());
        (outcome.unwrap_or_else(|fault| panic!("{body}: {fault:?}")), used)
    });
    let expected = [(333_833_500, 3_004), (0, 3_504), (291, 359), (1, 2_149)];
    assert_eq!(used, expected.map(|(value, fuel)| (Value::Int(value), fuel)));
}

#[test]
fn limits_are_faults_at_the_same_step() {
    let endless = checked(&function("f", "", "sum i in 1..n { i mod 7 }"));
    let fuel = |fuel| Limits { fuel, ..Limits::default() };
    let (_, used) = call(&endless, 1_000, Limits::default());
    assert_eq!(call(&endless, 1_000, fuel(used)).0, Ok(Value::Int(3_003)));
    assert_eq!(call(&endless, 1_000, fuel(used - 1)).0, Err(Fault::Fuel));
    let deep =
        checked(&function("f", "    given: n >= 0\n    decreases: n\n", "if n == 0 { 0 } else { 1 + f(n - 1) }"));
    let depth = |depth| Limits { depth, ..Limits::default() };
    assert_eq!(call(&deep, 99, depth(100)).0, Ok(Value::Int(99)));
    assert_eq!(call(&deep, 100, depth(100)).0, Err(Fault::Depth));
    let large = checked(&function("f", "", "(map i in 1..n { i }).len()"));
    let memory = |memory_bytes| Limits { memory_bytes, ..Limits::default() };
    // 16 bytes and 8 for each item.
    assert_eq!(call(&large, 100, memory(816)).0, Ok(Value::Int(100)));
    assert_eq!(call(&large, 100, memory(815)).0, Err(Fault::Memory));
}

#[test]
fn bounds_that_need_constants_are_kept() {
    let program =
        checked("  - name: f\n    params: { n: Int(-100000..100000) }\n    returns: Int(0..70000)\n    body: n + 1\n");
    for (n, expected) in [(5, Ok(6)), (-5, Err(Fault::Range)), (100_001, Err(Fault::Range)), (69_999, Ok(70_000))] {
        assert_eq!(call(&program, n, Limits::default()).0, expected.map(Value::Int), "{n}");
        assert_eq!(
            Evaluator::new(&program, Limits::default()).call(FunctionId(0), &[Value::Int(n)]),
            expected.map(Value::Int)
        );
    }
}

/// `let x0 = n + 0; let x1 = n + 1; …; [x0, x1, …].fold(0, (s, x) => s + x)`: all names are needed at the end.
fn wide(n_names: u32) -> Program {
    let span = Span::new(FileId(0), 0, 0);
    let expr = |ty: &Type, kind| Expr { kind, ty: ty.clone(), span };
    let local = |at: u32| expr(&Type::Int, Kind::Local(LocalId(at)));
    let number = |x: u32| expr(&Type::Int, Kind::Const(Value::Int(x.into())));
    let add = |a, b| expr(&Type::Int, Kind::Intrinsic { op: Intrinsic::IntAdd, args: vec![a, b] });
    let list = expr(&Type::List(Box::new(Type::Int)), Kind::List((1..=n_names).map(local).collect()));
    let (item, acc) = (LocalId(n_names + 1), LocalId(n_names + 2));
    let of = Loop {
        form: LoopForm::Fold,
        over: Over::Items(list),
        item,
        acc,
        init: number(0),
        until: None,
        step: add(local(acc.0), local(item.0)),
    };
    let sum = expr(&Type::Int, Kind::Loop(Box::new(of)));
    let body = (0..n_names).rev().fold(sum, |body, at| {
        let value = Box::new(add(local(0), number(at)));
        expr(&Type::Int, Kind::Let { local: LocalId(at + 1), value, body: Box::new(body) })
    });
    let name = |at| Local { name: format!("x{at}"), ty: Type::Int, declared: Type::Int };
    let mut program = checked(&function("f", "", "n"));
    let f = program.functions.iter_mut().find(|f| f.name == "f").unwrap();
    f.locals = (0..n_names + 3).map(name).collect();
    f.body = Some(body);
    program
}

#[test]
fn functions_with_more_registers_than_a_window_run() {
    for n_names in [40, 400] {
        let program = wide(n_names);
        let (outcome, _) = call(&program, 7, Limits::default());
        assert_eq!(outcome, Ok(Value::Int((0..n_names).map(|at| 7 + i64::from(at)).sum())));
        assert_eq!(Evaluator::new(&program, Limits::default()).call(FunctionId(0), &[Value::Int(7)]), outcome);
        let bytecode = compile_with(&program, Options::default()).unwrap();
        let code = &bytecode.functions[0];
        assert_eq!(code.registers.len() > 256, n_names > 256);
        assert_eq!(code.code.iter().any(|instr| instr.op == bytecode::Opcode::Fuel), n_names > 256);
    }
}
