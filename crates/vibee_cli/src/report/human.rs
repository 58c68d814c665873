//! The report for people: what failed, where; then counts.

use std::fmt::Write;

use vibee::{
    diagnostic::Diagnostic,
    render,
    run::{PropertyVerdict, Report, Status},
};

use super::{Outcome, of_case, of_property, place, reasons_of_case, reasons_of_property};
use crate::{files::Checked, terminal};

/// The code of a row that the body does not meet.
const ROW_AND_BODY: &str = "E0402";

/// Gives the whole text; its last line is `N passed, N failed`.
pub(crate) fn text(checked: &Checked, report: &Report, has_coverage: bool) -> String {
    let sources = &checked.sources;
    let mut text = String::new();
    let mut open = std::collections::BTreeMap::<&str, usize>::new();
    for case in &report.cases {
        match of_case(case) {
            Outcome::Passed => {}
            Outcome::Open(word) => *open.entry(word).or_default() += 1,
            Outcome::Failed => {
                let args = case.shown_args(&checked.program);
                let args: Vec<String> = args.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                let name = case.full_name(&checked.program);
                let _ = writeln!(text, "FAILED {name}({}) row {}", args.join(", "), case.row + 1);
                let _ = writeln!(text, "  at {}", place(sources, case.span));
                indented(&mut text, &reasons_of_case(sources, case));
            }
        }
    }
    for property in &report.properties {
        let name = format!("{}.{}.{}", property.module, property.of, property.name);
        match of_property(property) {
            Outcome::Passed if property.verdict == PropertyVerdict::Proved => {
                let _ = writeln!(text, "{name}: proved over {} cases", property.cases);
            }
            Outcome::Passed => {
                let _ = writeln!(text, "{name}: held in {} cases", property.cases);
            }
            Outcome::Open(word) => *open.entry(word).or_default() += 1,
            Outcome::Failed => {
                let _ = writeln!(text, "FAILED {name}\n  at {}", place(sources, property.span));
                indented(&mut text, &reasons_of_property(sources, property));
            }
        }
    }
    let style = terminal::style();
    // What a row says of the body stands above, with the row's arguments.
    let others: Vec<Diagnostic> =
        report.diagnostics.iter().filter(|found| found.code != ROW_AND_BODY).cloned().collect();
    text += &render::render(&others, sources, style);
    if has_coverage {
        text += &coverage(checked, report);
    }
    let statuses = Status::ALL.iter().filter_map(|(status, word)| {
        let n = report.behaviors.iter().filter(|behavior| behavior.status == *status).count();
        (n > 0).then(|| format!("{n} {word}"))
    });
    let statuses: Vec<String> = statuses.collect();
    if !statuses.is_empty() {
        let _ = writeln!(text, "behaviors: {}", statuses.join(", "));
    }
    if !open.is_empty() {
        let open: Vec<String> = open.iter().map(|(word, n)| format!("{n} {word}")).collect();
        let _ = writeln!(text, "not judged: {}", open.join(", "));
    }
    let _ = writeln!(text, "{} passed, {} failed", report.n_passed(), report.n_failed());
    text
}

fn indented(text: &mut String, lines: &[String]) {
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

/// Names what no case reached.
fn coverage(checked: &Checked, report: &Report) -> String {
    let Some(unreached) = &report.unreached else { return "this engine does not count what is reached\n".to_owned() };
    let program = &checked.program;
    let mut text = String::new();
    for number in unreached {
        let Some(point) = program.cover.get(*number as usize) else { continue };
        let function = program.function(point.function);
        let at = place(&checked.sources, point.span);
        let _ = writeln!(text, "no case reaches {at}: {} of {}.{}", point.what, function.module, function.name);
    }
    let is_asked_for = |name: &str| program.modules.iter().any(|module| module.is_asked_for && module.name == name);
    let n = program.cover.iter().filter(|point| is_asked_for(&program.function(point.function).module)).count();
    let _ = writeln!(text, "coverage: {} of {n} places reached", n - unreached.len().min(n));
    text
}
