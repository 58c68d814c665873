//! The compiler: typed trees into bytecode.
//!
//! Each local has a register for as long as it is in scope. One of a heap type owns a reference from where it is bound
//! to its last use, which takes the reference rather than copying it: so what a fold gathers has one owner and grows in
//! place. Where paths part, what only another path needs is dropped at once. `order.rs` says what is a last use.

mod body;
mod branch;
mod intrinsics;
mod loops;
mod order;
mod patterns;
mod pool;

use std::collections::{HashMap, HashSet};

use crate::{
    bytecode::{Bytecode, Case, CaseExpects, Code, ModuleRow, TypeIndex},
    diagnostic::Diagnostic,
    typed::{Expected, Expr, Function, FunctionId, Program, Tolerance},
    types::Type,
};

/// What is compiled beside the meaning.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Count places for coverage.
    pub cover: bool,
    /// Rows of examples. Who judges them has their constant cells already: without them those have no code.
    pub rows: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { cover: false, rows: true }
    }
}

/// Compiles a program, without coverage.
pub fn compile(program: &Program) -> Result<Bytecode, Box<Diagnostic>> {
    compile_with(program, Options::default())
}

/// Compiles a program. Fails with `E0140` where a function goes over a limit of bytecode.
pub fn compile_with(program: &Program, options: Options) -> Result<Bytecode, Box<Diagnostic>> {
    let mut compiler = Compiler::new(program, options);
    for module in &program.modules {
        let (name, version, hash) = (module.name.clone(), module.version.clone(), module.hash);
        compiler.bytecode.modules.push(ModuleRow { name, version, hash });
    }
    let cells = constant_cells(program);
    compiler.bytecode.n_cover = if options.cover { program.cover.len() as u32 } else { 0 };
    for function in &program.functions {
        let number = compiler.bytecode.functions.len() as u32;
        let is_left_out = !options.rows && cells.contains(&number);
        let code = if is_left_out { compiler.bodiless(function) } else { compiler.function(function)? };
        compiler.bytecode.functions.push(code);
    }
    if options.rows {
        compiler.bytecode.cases = program.examples.iter().map(case).collect();
    }
    Ok(compiler.bytecode)
}

fn case(example: &crate::typed::Example) -> Case {
    let expects = match example.expected {
        Expected::Value(value, Tolerance::Exact) => CaseExpects::Exact(value.0),
        Expected::Value(value, Tolerance::Ulp(n)) => CaseExpects::Ulp(value.0, n),
        Expected::Value(value, Tolerance::Absolute(d)) => CaseExpects::Absolute(value.0, d),
        Expected::Fault(fault) => CaseExpects::Fault(fault),
        Expected::NoFault => CaseExpects::NoFault,
    };
    Case { function: example.function.0, args: example.args.iter().map(|arg| arg.0).collect(), expects }
}

/// Cells of examples whose value stands there, by the number of their functions.
fn constant_cells(program: &Program) -> HashSet<u32> {
    let cells = program.examples.iter().flat_map(|example| {
        let result = if let Expected::Value(cell, _) = example.expected { Some(cell) } else { None };
        example.args.iter().copied().chain(result)
    });
    let is_constant = |cell: &FunctionId| program.function(*cell).body.as_ref().is_some_and(Expr::is_constant);
    cells.filter(is_constant).map(|cell| cell.0).collect()
}

/// What all functions share: types and constants.
struct Compiler<'p> {
    program: &'p Program,
    options: Options,
    bytecode: Bytecode,
    types: HashMap<Type, TypeIndex>,
    words: HashMap<(TypeIndex, u64), u32>,
    texts: HashMap<String, u32>,
}

impl<'p> Compiler<'p> {
    fn new(program: &'p Program, options: Options) -> Self {
        Self {
            program,
            options,
            bytecode: Bytecode::default(),
            types: HashMap::new(),
            words: HashMap::new(),
            texts: HashMap::new(),
        }
    }

    fn function(&mut self, function: &'p Function) -> Result<Code, Box<Diagnostic>> {
        let Some(body) = &function.body else { return Ok(self.bodiless(function)) };
        let name = format!("{}.{}", function.module, function.name);
        let returns = self.ty(&self.program.erased(&function.returns));
        body::Body::new(self, function, body).compile(name, returns, body)
    }

    /// A function that the VM cannot answer.
    fn bodiless(&mut self, function: &'p Function) -> Code {
        let name = format!("{}.{}", function.module, function.name);
        let returns = self.ty(&self.program.erased(&function.returns));
        let params = function.locals.iter().take(function.n_params);
        let registers: Vec<TypeIndex> = params.map(|local| self.ty(&local.ty)).collect();
        let n_params = registers.len() as u16;
        Code { name, n_params, registers, returns, code: vec![], spans: vec![] }
    }
}
