//! What testing found, printed: for people, as JSON, as JUnit.

pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;

use vibee::{
    run::{CaseReport, Part, PropertyReport, PropertyVerdict, Verdict},
    source::{Sources, Span},
};

/// How a row or property came out, without its reasons.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// Not judged: external, unsupported, pending.
    Open(&'static str),
}

/// Gives the outcome of a row.
pub(crate) fn of_case(case: &CaseReport) -> Outcome {
    match &case.verdict {
        Verdict::Passed => Outcome::Passed,
        Verdict::Failed { .. } | Verdict::Broken { .. } => Outcome::Failed,
        Verdict::External => Outcome::Open("external"),
        Verdict::Unsupported => Outcome::Open("unsupported"),
        Verdict::Pending { .. } => Outcome::Open("pending"),
    }
}

/// Gives the outcome of a property.
pub(crate) fn of_property(property: &PropertyReport) -> Outcome {
    match &property.verdict {
        PropertyVerdict::Proved | PropertyVerdict::Held => Outcome::Passed,
        PropertyVerdict::Unsupported => Outcome::Open("unsupported"),
        PropertyVerdict::Pending { .. } => Outcome::Open("pending"),
        _ => Outcome::Failed,
    }
}

/// Says why a row did not pass: lines.
pub(crate) fn reasons_of_case(case: &CaseReport) -> Vec<String> {
    match &case.verdict {
        Verdict::Passed | Verdict::External => Vec::new(),
        Verdict::Unsupported => vec!["the implementation does not have this function".to_owned()],
        Verdict::Pending { why } => vec![format!("the implementation does not do this yet: {why}")],
        Verdict::Broken { code, message } => vec![format!("{code}: {message}")],
        Verdict::Failed { part, expected, found, notes } => {
            let what = match part {
                Part::Result => String::new(),
                Part::Type => "the result is outside its type: ".to_owned(),
                Part::Given => "the row does not meet `given`: ".to_owned(),
                Part::Then(Some(name)) => format!("`then` {name}: "),
                Part::Then(None) => "`then`: ".to_owned(),
                Part::Cell(column) => format!("the cell of {column} has no value: "),
                Part::Pending => "said to be pending, and it passes: ".to_owned(),
            };
            let mut lines = vec![
                format!("{what}expected {expected}"),
                format!("{:>1$} {found}", "found", what.chars().count() + 8),
            ];
            lines.extend(notes.iter().cloned());
            lines
        }
    }
}

/// Says why a property did not pass: lines.
pub(crate) fn reasons_of_property(property: &PropertyReport) -> Vec<String> {
    match &property.verdict {
        PropertyVerdict::Proved | PropertyVerdict::Held => Vec::new(),
        PropertyVerdict::HardlyTested => {
            vec![format!(
                "{} of {} cases were discarded by `where` or `given`",
                property.discarded,
                property.discarded + property.cases
            )]
        }
        PropertyVerdict::Unsupported => vec!["the implementation does not have this function".to_owned()],
        PropertyVerdict::Pending { why } => vec![format!("the implementation does not do this yet: {why}")],
        PropertyVerdict::Broken { code, message } => vec![format!("{code}: {message}")],
        PropertyVerdict::Failed(found) => {
            let vars: Vec<String> = found.vars.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            let mut lines = vec![format!("{}: {}", found.found, vars.join(", "))];
            if let Some(row) = &found.row {
                lines.push(format!("as a row: {}", row.join(" | ")));
            }
            lines
        }
    }
}

/// Gives the place as `file:line`.
pub(crate) fn place(sources: &Sources, span: Span) -> String {
    format!("{}:{}", sources.file(span.file).path, sources.place(span).line)
}
