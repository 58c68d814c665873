//! The VM beside the evaluator, which is the definition: the same values and faults, but for those of limits.

use vibee::{
    bytecode,
    compile::{Options, compile_with},
    eval::Evaluator,
    limits::Limits,
    random::SplitMix64,
    testing,
    typed::{FunctionId, Program},
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
    let bytecode = compile_with(&program, Options { cover: true }).unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
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
