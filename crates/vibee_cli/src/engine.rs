//! What answers calls: the evaluator, the VM, or an implementation.

use clap::ValueEnum;
use vibee::{
    bytecode::Bytecode,
    compile,
    eval::Evaluator,
    limits::Limits,
    protocol::Reply,
    run::{Answer, Engine},
    typed::{FunctionId, Program},
    value::Value,
    vm::Vm,
};

use crate::{failure::Failure, session::Implementation};

/// What runs a specification.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum EngineName {
    /// The bytecode VM
    #[default]
    Vm,
    /// The evaluator of the tree, which is the definition: slower
    Tree,
}

/// Runs with an engine for the program.
pub(crate) fn with<T>(
    name: EngineName,
    program: &Program,
    run: impl FnOnce(&mut dyn Engine) -> T,
) -> Result<T, Failure> {
    match name {
        EngineName::Vm => {
            let bytecode = compiled(program)?;
            let vm = Vm::new(&bytecode, Limits::default());
            Ok(run(&mut vm.map_err(|refusal| Failure::failed(refusal.to_string()))?))
        }
        EngineName::Tree => Ok(run(&mut Evaluator::new(program, Limits::default()))),
    }
}

/// Compiles with the places that coverage counts.
pub(crate) fn compiled(program: &Program) -> Result<Bytecode, Failure> {
    let options = compile::Options { cover: true, rows: false };
    compile::compile_with(program, options).map_err(|why| Failure::failed(format!("{}: {}", why.code, why.message)))
}

/// An implementation as an engine.
pub(crate) struct External<'p>(Implementation<'p>);

impl<'p> External<'p> {
    /// Takes an implementation that was greeted.
    pub(crate) fn new(implementation: Implementation<'p>) -> Self {
        Self(implementation)
    }

    /// Says goodbye to it; gives the modules that it says it has.
    pub(crate) fn bye(self) -> Vec<String> {
        let modules = self.0.hello.modules.clone();
        self.0.bye();
        modules
    }
}

impl Engine for External<'_> {
    fn call(&mut self, function: FunctionId, args: &[Value]) -> Answer {
        match self.0.call(function, args) {
            Ok(Reply::Value(value)) => Answer::Value(value),
            Ok(Reply::Fault(fault)) => Answer::Fault(fault),
            Ok(Reply::Unsupported) => Answer::Unsupported,
            Err(complaint) => Answer::Broken { code: complaint.code, message: complaint.message },
        }
    }

    fn is_external(&self) -> bool {
        true
    }

    fn pending(&self, function: FunctionId) -> Option<String> {
        self.0.pending(function).map(str::to_owned)
    }
}
