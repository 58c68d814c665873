//! The checker: specifications as parsed become the [`crate::typed`] tree, and everything wrong with them a message.
//!
//! It goes in this order: `declare` gives names and types to everything, `define` makes bodies (`expr`, `operators`,
//! `calls`, `methods`, `patterns` within), `finish` puts the types that inference found into them, `enter` adds the
//! checks of constrained types, `recursion` those of `decreases`, and `examples` and `lints` look at the rest. Types
//! are unified within one body; nothing is inferred across functions, except the types of constants.
//!
//! After a mistake the type is [`Type::Poison`], which agrees with every other, so one mistake gives one message.

mod body;
mod calls;
mod candidates;
mod declare;
mod define;
mod enter;
mod examples;
mod exhaustive;
mod expr;
mod finish;
mod lambdas;
mod lints;
mod loops;
pub mod methods;
mod names;
mod operators;
mod patterns;
mod quantifiers;
mod recursion;
mod resolve;
mod texts;
mod unify;
mod walk;

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{
    ast::Ident,
    diagnostic::{Diagnostic, Severity},
    eval::{Evaluator, Limits},
    source::{FileId, Sources, Span},
    spec::{Constant, FunctionItem, Spec},
    standard,
    typed::{Expr, FunctionId, Kind, Program, Role},
    types::{Type, TypeId},
};

/// Functions of one program, those made by the checker and instances of std's included.
pub const FUNCTIONS_MAX: usize = 1 << 20;
/// Nodes of a type, aliases written out.
pub const TYPE_NODES_MAX: usize = 1_000;
/// Uses of one function of std with different types.
pub const INSTANCES_MAX: usize = 1_000;

/// Checks specifications together. `specs` stand in the order of import, std's first, the `n_asked` that were asked for
/// last. The program may be run where no message is an error.
pub fn check(sources: &Sources, specs: &[Spec], n_asked: usize) -> (Program, Vec<Diagnostic>) {
    let mut checker = Checker::new(sources, specs, n_asked);
    checker.declare();
    checker.define_all();
    checker.examples();
    checker.drain();
    checker.recursion();
    checker.constants();
    checker.lints();
    checker.modules();
    let mut diagnostics = checker.diagnostics;
    // What is unknown may be so only because of a mistake that was told.
    let partial = partial_files(specs);
    diagnostics.retain(|d| d.code != "E0301" || !partial.contains(&d.primary.span.file));
    // What is unused may be so only because of a mistake.
    if diagnostics.iter().any(|d| d.severity() == Severity::Error) || !specs.iter().all(|spec| spec.is_sound) {
        diagnostics.retain(|d| !lints::CODES.contains(&d.code));
    }
    diagnostics.sort_by_key(|d| (d.primary.span, d.code));
    diagnostics.dedup();
    (checker.program, diagnostics)
}

/// Files that were not read whole, and those that import one of them or what could not be had.
fn partial_files(specs: &[Spec]) -> HashSet<FileId> {
    let whole: HashSet<&str> = specs.iter().filter(|spec| spec.is_whole).map(|spec| spec.name.name.as_str()).collect();
    let is_touched =
        |spec: &&Spec| !spec.is_whole || spec.imports.iter().any(|import| !whole.contains(import.name.name.as_str()));
    specs.iter().filter(is_touched).map(|spec| spec.file).collect()
}

/// What a declaration is.
#[derive(Clone, Copy)]
enum Item<'a> {
    Function(&'a FunctionItem),
    Constant(&'a Constant),
}

/// A declared function or constant.
struct Decl<'a> {
    /// The number of its module's specification.
    module: usize,
    name: &'a Ident,
    item: Item<'a>,
    /// Names of type parameters.
    generics: Vec<char>,
    /// Names and declared types.
    params: Vec<(&'a Ident, Type)>,
    /// The declared type; of a constant without one, what was inferred.
    returns: Type,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Declared,
    InProgress,
    Done,
}

/// What a module sees.
#[derive(Default)]
struct Scope {
    types: HashMap<String, TypeId>,
    items: HashMap<String, usize>,
    imports: Vec<Imported>,
    is_std: bool,
}

struct Imported {
    /// The number of its specification.
    module: usize,
    /// How it is written: `std.math` as `std.math` or `math`.
    names: Vec<String>,
    span: Span,
    /// Names that need no module before them; none means methods of all its functions.
    only: Vec<Ident>,
}

struct Checker<'a> {
    sources: &'a Sources,
    specs: &'a [Spec],
    n_asked: usize,
    program: Program,
    diagnostics: Vec<Diagnostic>,
    scopes: Vec<Scope>,
    /// Which modules are in sight everywhere, without an import.
    prelude: Vec<bool>,
    decls: Vec<Decl<'a>>,
    /// Declared functions and constants of a name, in all modules.
    by_name: HashMap<&'a str, Vec<usize>>,
    /// The module that declares a type.
    type_modules: Vec<usize>,
    /// Functions of declarations, for the types that they are used with.
    instances: HashMap<(usize, Vec<Type>), FunctionId>,
    n_instances: HashMap<usize, usize>,
    queue: VecDeque<(FunctionId, usize, Vec<Type>)>,
    validators: HashMap<Type, FunctionId>,
    /// Measures of functions with `decreases`.
    measures: HashMap<FunctionId, FunctionId>,
    /// Which declaration a function, or a condition made for it, is of.
    owners: HashMap<FunctionId, usize>,
    body: body::Body,
    /// Imports that something was taken from: module, number of the import.
    used_imports: HashSet<(usize, usize)>,
    /// Types of keys, with their places, that are looked at when all types are declared.
    keys: Vec<(Span, Type)>,
    /// Declarations that something names.
    used_decls: HashSet<usize>,
    is_too_large: bool,
    /// How many names were unknown.
    n_unknown: usize,
}

impl<'a> Checker<'a> {
    fn new(sources: &'a Sources, specs: &'a [Spec], n_asked: usize) -> Self {
        Self {
            sources,
            specs,
            n_asked,
            program: Program::default(),
            diagnostics: Vec::new(),
            scopes: Vec::new(),
            prelude: specs.iter().map(is_prelude).collect(),
            decls: Vec::new(),
            by_name: HashMap::new(),
            type_modules: Vec::new(),
            instances: HashMap::new(),
            n_instances: HashMap::new(),
            queue: VecDeque::new(),
            validators: HashMap::new(),
            measures: HashMap::new(),
            owners: HashMap::new(),
            body: body::Body::default(),
            used_imports: HashSet::new(),
            keys: Vec::new(),
            used_decls: HashSet::new(),
            is_too_large: false,
            n_unknown: 0,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Whether the module was asked for, so that its tests and lints count.
    fn is_asked_for(&self, module: usize) -> bool {
        module + self.n_asked >= self.specs.len()
    }

    /// Evaluates the constants, where nothing is wrong so far: one that faults has no value.
    fn constants(&mut self) {
        if self.diagnostics.iter().any(|d| d.severity() == Severity::Error) {
            return;
        }
        let mut evaluator = Evaluator::new(&self.program, Limits::default());
        let mut faults = Vec::new();
        for (number, function) in self.program.functions.iter().enumerate() {
            if function.role == Role::Constant
                && !function.body.as_ref().is_none_or(has_poison)
                && let Err(fault) = evaluator.call(FunctionId(number as u32), &[])
            {
                let span = function.body.as_ref().map_or(function.span, |body| body.span);
                faults.push((span, function.name.clone(), fault));
            }
        }
        for (span, name, fault) in faults {
            let text = format!("constant `{name}` has no value: it faults with `{}`", fault.name());
            self.report(Diagnostic::new("E0330", span, text));
        }
    }

    /// Lists the modules; of std's those that something of is used.
    fn modules(&mut self) {
        let used: HashSet<&str> = self.program.functions.iter().map(|f| f.module.as_str()).collect();
        for (number, spec) in self.specs.iter().enumerate() {
            let is_asked_for = self.is_asked_for(number);
            let is_std = self.scopes.get(number).is_some_and(|scope| scope.is_std);
            if is_std && !is_asked_for && !used.contains(spec.name.name.as_str()) {
                continue;
            }
            let text = self.sources.file(spec.file).text.as_bytes();
            self.program.modules.push(crate::typed::Module {
                name: spec.name.name.clone(),
                version: spec.version.clone(),
                description: spec.description.clone(),
                span: spec.name.span,
                hash: *blake3::hash(text).as_bytes(),
                is_asked_for,
            });
        }
    }
}

/// Whether something in it had a mistake, perhaps of syntax.
fn has_poison(expr: &Expr) -> bool {
    let mut found = matches!(expr.kind, Kind::Fault(_));
    expr.for_each_part(&mut |part| found = found || has_poison(part));
    found
}

fn is_prelude(spec: &Spec) -> bool {
    spec.name.name.starts_with("std.") && standard::find(&spec.name.name).is_none_or(|module| module.is_prelude)
}

#[cfg(test)]
mod tests;
