//! What testing found, printed: for people, as JSON, as JUnit.

pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod junit;

use vibee::{
    run::{CaseReport, Origin, Part, PropertyReport, PropertyVerdict, Verdict},
    source::{Sources, Span},
};

/// Letters of an expression that a line shows.
const EXPRESSION_CHARS_MAX: usize = 60;

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
pub(crate) fn reasons_of_case(sources: &Sources, case: &CaseReport) -> Vec<String> {
    match &case.verdict {
        Verdict::Passed | Verdict::External => Vec::new(),
        Verdict::Unsupported => vec!["the implementation does not have this function".to_owned()],
        Verdict::Pending { why } => vec![format!("the implementation does not do this yet: {why}")],
        Verdict::Broken { code, message } => vec![format!("{code}: {message}")],
        Verdict::Failed { part, expected, found, origin } => {
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
            lines.extend(origin.iter().flat_map(|origin| lines_of(sources, origin)));
            lines
        }
    }
}

/// Says why a property did not pass: lines.
pub(crate) fn reasons_of_property(sources: &Sources, property: &PropertyReport) -> Vec<String> {
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
            lines.extend(found.origin.iter().flat_map(|origin| lines_of(sources, origin)));
            if let Some(row) = &found.row {
                lines.push(format!("as a row: {}", row.join(" | ")));
            }
            lines
        }
    }
}

/// Says where a fault came up, and how it came to that: lines.
fn lines_of(sources: &Sources, origin: &Origin) -> Vec<String> {
    let mut lines = vec![fault_line(sources, origin)];
    lines.extend(origin.notes.iter().cloned());
    lines
}

/// Says where a fault came up.
pub(crate) fn fault_line(sources: &Sources, origin: &Origin) -> String {
    let expression: Vec<&str> = sources.text(origin.span).split_whitespace().collect();
    let mut expression = expression.join(" ");
    if expression.chars().count() > EXPRESSION_CHARS_MAX {
        expression = expression.chars().take(EXPRESSION_CHARS_MAX).chain(['…']).collect();
    }
    format!("fault({}) at {}: {expression}", origin.fault.name(), place(sources, origin.span))
}

/// Gives the place as `file:line`.
pub(crate) fn place(sources: &Sources, span: Span) -> String {
    format!("{}:{}", sources.file(span.file).path, sources.place(span).line)
}
