//! What testing found: plain data, for whoever prints it.

use super::{Origin, examples::fault_text};
use crate::{
    diagnostic::Diagnostic,
    show::show,
    source::Span,
    typed::{FunctionId, Program},
    types::Type,
    value::Outcome,
};

/// All that testing found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rows of examples, in the order of the program.
    pub cases: Vec<CaseReport>,
    /// Properties, in the order of the program.
    pub properties: Vec<PropertyReport>,
    /// Behaviours and externs of the modules that were asked for.
    pub behaviors: Vec<BehaviorReport>,
    /// What is wrong with the specification itself: E0401, E0402, E0410, W0412.
    pub diagnostics: Vec<Diagnostic>,
    /// Places of [`crate::typed::Program::cover`] that no case reached, by number; `None` if the engine does not count.
    pub unreached: Option<Vec<u32>>,
}

impl Report {
    /// Rows and properties that passed.
    pub fn n_passed(&self) -> usize {
        let cases = self.cases.iter().filter(|case| case.verdict == Verdict::Passed).count();
        cases + self.properties.iter().filter(|property| property.verdict.is_passed()).count()
    }

    /// Rows and properties that failed.
    pub fn n_failed(&self) -> usize {
        let cases = self.cases.iter().filter(|case| case.verdict.is_failed()).count();
        cases + self.properties.iter().filter(|property| property.verdict.is_failed()).count()
    }
}

/// A row of examples.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct CaseReport {
    pub function: FunctionId,
    /// The row's place in its table, from 0.
    pub row: usize,
    pub span: Span,
    /// What the cells of its arguments give.
    pub args: Vec<Outcome>,
    /// What came of it.
    pub verdict: Verdict,
}

impl CaseReport {
    /// The function as `module.name`.
    pub fn full_name(&self, program: &Program) -> String {
        let function = program.function(self.function);
        format!("{}.{}", function.module, function.name)
    }

    /// Parameters by name, as the language writes their values.
    pub fn shown_args(&self, program: &Program) -> Vec<(String, String)> {
        let locals = program.function(self.function).locals.iter();
        locals.zip(&self.args).map(|(local, arg)| (local.name.clone(), shown(program, &local.declared, arg))).collect()
    }
}

/// Writes a value or a fault as cells do.
pub(super) fn shown(program: &Program, ty: &Type, outcome: &Outcome) -> String {
    match outcome {
        Ok(value) => show(program, ty, value),
        Err(fault) => fault_text(*fault),
    }
}

/// What came of a row.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is so.
    Passed,
    /// It is not so.
    Failed {
        /// What of it.
        part: Part,
        /// What was expected, as the language writes it.
        expected: String,
        /// What was found, as the language writes it.
        found: String,
        /// Where a fault came up, if one was found.
        origin: Option<Origin>,
    },
    /// Only an implementation can answer, and none was asked. The row keeps `given` and `then`.
    External,
    /// The implementation does not have the function.
    Unsupported,
    /// It is not so, and the implementation says that it does not do this yet.
    Pending {
        /// Why not, in its words.
        why: String,
    },
    /// The implementation broke the protocol.
    Broken {
        /// A row of [`crate::codes::CODES`].
        code: &'static str,
        message: String,
    },
}

impl Verdict {
    /// Whether the row failed.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Broken { .. })
    }
}

/// What of a row, or of a call of an implementation, is false.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// The value or fault that came is not the expected one.
    Result,
    /// The value that came is outside the declared type.
    Type,
    /// The arguments do not meet `given`.
    Given,
    /// A condition of `then`, by its name where it has one, does not hold.
    Then(Option<String>),
    /// A cell, by its column's name, has no value: it faults.
    Cell(String),
    /// The implementation says that it does not do this yet, and does it.
    Pending,
}

/// An entry of `forall`.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct PropertyReport {
    /// The function that it belongs to.
    pub function: FunctionId,
    /// Its module's name.
    pub module: String,
    /// The function's name.
    pub of: String,
    pub name: String,
    pub span: Span,
    /// Cases that were tried.
    pub cases: u64,
    /// Members of the domain that were drawn and did not count.
    pub discarded: u64,
    /// What came of it.
    pub verdict: PropertyVerdict,
}

/// What came of a property.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug, PartialEq)]
pub enum PropertyVerdict {
    /// It holds for every member of its domain.
    Proved,
    /// It held in every case that was drawn.
    Held,
    /// It does not hold.
    Failed(Counterexample),
    /// More than 90 % was discarded: E0410.
    HardlyTested,
    /// The implementation does not have the function.
    Unsupported,
    /// It does not hold, and the implementation says that it does not do this yet.
    Pending {
        /// Why not, in its words.
        why: String,
    },
    /// The implementation broke the protocol.
    Broken {
        /// A row of [`crate::codes::CODES`].
        code: &'static str,
        message: String,
    },
}

impl PropertyVerdict {
    /// Whether it passed.
    pub fn is_passed(&self) -> bool {
        matches!(self, Self::Proved | Self::Held)
    }

    /// Whether it failed.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::HardlyTested | Self::Broken { .. })
    }
}

/// The smallest case found in which a property does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterexample {
    /// The variables, as the language writes their values.
    pub vars: Vec<(String, String)>,
    /// What came instead of `true`: `false` or `fault(name)`.
    pub found: String,
    /// The first call of the behaviour within it, as a row of its table of examples: arguments, then the result. The
    /// definition's result where an implementation is judged, so the row is right as it stands; else the one that the
    /// body gives now, which may be the mistake.
    pub row: Option<Vec<String>>,
    /// Where the fault came up, if `found` is one.
    pub origin: Option<Origin>,
    /// How often a smaller case was found.
    pub shrinks: u32,
}

/// A behaviour or extern and how far it is held to anything.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Debug)]
pub struct BehaviorReport {
    pub function: FunctionId,
    /// Its module's name.
    pub module: String,
    pub name: String,
    pub status: Status,
}

/// How far a behaviour is held to anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It has properties, and each holds for every member of its domain.
    Proved,
    /// It has examples or properties.
    Tested,
    /// It has no body: its examples judge implementations.
    External,
    /// The implementation that is judged does not have it.
    Unanswered,
    /// It has a body and no case.
    Untested,
    /// It has neither a body nor a case: a sentence.
    Prose,
}

impl Status {
    /// All with the words that reports use.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Proved, "proved"),
        (Self::Tested, "tested"),
        (Self::External, "external"),
        (Self::Unanswered, "unanswered"),
        (Self::Untested, "untested"),
        (Self::Prose, "prose"),
    ];

    /// Gives the word.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}
