//! Code in other languages: types, validators, functions, the parts of std in use, and tests.
//!
//! A target is a row of [`TARGETS`]. Its emitter prints what `reach.rs` finds in use, from the typed tree or from the
//! statements that `statements.rs` makes of it, and below it the parts of its `runtime.rs` that these need. The output
//! depends on nothing but the program and the cases.

use std::fmt::Write as _;

use crate::{
    typed::{FunctionId, Module, Program},
    value::{Fault, Outcome, Value},
};

mod builders;
mod c;
mod cases;
mod names;
mod naming;
mod patterns;
mod python;
mod reach;
mod runtime;
mod rust;
mod seal;
mod statements;
mod terms;
mod typescript;
mod unread;
mod writer;

pub use cases::{cases, cases_by_definition};
pub use names::Rename;
pub use seal::is_as_written;

/// A language that code is generated for.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    Rust,
    TypeScript,
    Python,
    C,
}

/// A row of [`TARGETS`].
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Copy)]
pub struct TargetRow {
    pub target: Target,
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in prose.
    pub title: &'static str,
    /// What begins a line of comment.
    pub comment: &'static str,
    /// How generated code is built and tested.
    pub toolchain: &'static str,
    emit: fn(&Input<'_>) -> Generated,
}

/// All targets, by [`Target`] as a number.
pub const TARGETS: &[TargetRow] = &[
    TargetRow {
        target: Target::Rust,
        name: "rust",
        title: "Rust",
        comment: "//",
        toolchain: "rustc 1.85 or later, -D warnings; no_std with alloc",
        emit: rust::emit,
    },
    TargetRow {
        target: Target::TypeScript,
        name: "typescript",
        title: "TypeScript",
        comment: "//",
        toolchain: "typescript 5.9 --strict --target es2022; node 20 --test",
        emit: typescript::emit,
    },
    TargetRow {
        target: Target::Python,
        name: "python",
        title: "Python",
        comment: "#",
        toolchain: "python3 -m unittest (3.11 or later)",
        emit: python::emit,
    },
    TargetRow {
        target: Target::C,
        name: "c",
        title: "C",
        comment: "//",
        toolchain: "cc -std=c11 -ffp-contract=off -lm",
        emit: c::emit,
    },
];

/// Faults that generated code has: all but the limits of an evaluation.
const FAULTS: &[(Fault, &str)] = &[
    (Fault::Overflow, "A result outside the range of Int"),
    (Fault::DivZero, "A division by zero"),
    (Fault::Inexact, "A conversion that would not be exact"),
    (Fault::Range, "A value outside the type that it enters"),
    (Fault::Index, "An index outside a list, text or bytes"),
    (Fault::Key, "A key that a map does not have"),
    (Fault::Unwrap, "A value that is not there"),
    (Fault::Given, "A precondition that does not hold"),
    (Fault::Then, "A postcondition that does not hold"),
    (Fault::Decreases, "A recursive call whose measure did not get smaller"),
];

/// The text with a small first letter.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

impl Target {
    /// Gives the row.
    pub fn row(self) -> &'static TargetRow {
        &TARGETS[self as usize]
    }

    /// Finds a target by its name on the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        TARGETS.iter().find(|row| row.name == name).map(|row| row.target)
    }
}

/// A file of generated code.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Its name, without a folder.
    pub path: String,
    pub text: String,
}

/// What a target gives.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug, Default)]
pub struct Generated {
    pub files: Vec<GeneratedFile>,
    /// Names that got a suffix.
    pub renames: Vec<Rename>,
    /// Functions without a body, by `module.name`, which no code was generated for.
    pub left_out: Vec<String>,
}

/// A call, and what the definition of the language says of it.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct Case {
    /// A function that code is generated for.
    pub function: FunctionId,
    pub args: Vec<Value>,
    /// What it gives.
    pub outcome: Outcome,
    /// Where the case comes from: `row 3`, `drawn 17`.
    pub origin: String,
}

/// What an emitter reads.
pub(crate) struct Input<'a> {
    pub(crate) program: &'a Program,
    /// What of it is generated.
    pub(crate) used: &'a reach::Used,
    /// The cases of the test file.
    pub(crate) cases: &'a [&'a Case],
    /// The name of generated files, without an ending.
    pub(crate) stem: &'a str,
    pub(crate) row: &'static TargetRow,
}

/// Generates code of the modules of `program` that were asked for. `cases` become the test file; those of functions
/// that no code is generated for, and outcomes that are a limit (fuel, memory, depth), are left out.
pub fn generate(program: &Program, cases: &[Case], target: Target) -> Generated {
    let used = reach::Used::of(program);
    let is_tested = |case: &&Case| {
        use crate::value::Fault::{Depth, Fuel, Memory};
        used.public.contains(&case.function) && !matches!(case.outcome, Err(Fuel | Memory | Depth))
    };
    let cases: Vec<&Case> = cases.iter().filter(is_tested).collect();
    let stem = asked_for(program).last().map_or("spec", |module| &module.name).replace('.', "_");
    let row = target.row();
    let mut generated = (row.emit)(&Input { program, used: &used, cases: &cases, stem: &stem, row });
    for file in generated.files.iter_mut().filter(|file| file.text.starts_with(row.comment)) {
        file.text = seal::sealed(&file.text, row.comment);
    }
    generated.left_out = used
        .external
        .iter()
        .map(|id| program.function(*id))
        .map(|function| format!("{}.{}", function.module, function.name))
        .collect();
    generated
}

fn asked_for(program: &Program) -> impl Iterator<Item = &Module> {
    program.modules.iter().filter(|module| module.is_asked_for)
}

impl Input<'_> {
    /// What the modules asked for say of themselves, in lines.
    pub(crate) fn description(&self) -> Vec<String> {
        let texts = asked_for(self.program).filter_map(|module| module.description.as_deref());
        texts.flat_map(str::lines).map(str::to_owned).collect()
    }

    /// The comment that every generated file begins with: whence it comes, and which names are not the specification's.
    pub(crate) fn header(&self, renames: &[Rename]) -> String {
        let comment = self.row.comment;
        let mut header = String::new();
        for module in asked_for(self.program) {
            let hash: String = module.hash.iter().map(|byte| format!("{byte:02x}")).collect();
            let _ =
                writeln!(header, "{comment} Generated by vibee from {} {}. Do not edit.", module.name, module.version);
            let _ = writeln!(header, "{comment} BLAKE3 {hash}");
        }
        for rename in renames {
            let _ = writeln!(header, "{comment} Name: {} is {} here.", rename.from, rename.to);
        }
        header
    }
}
