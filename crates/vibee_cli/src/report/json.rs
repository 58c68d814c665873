//! The report as JSON, for programs.

use serde_json::{Value, json};
use vibee::{render, run::Report};

use super::{Outcome, of_case, of_property, place, reasons_of_case, reasons_of_property};
use crate::files::Checked;

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Open(word) => word,
    }
}

/// Gives the document: `passed`, `failed`, `cases`, `properties`, `behaviors`, `diagnostics`, `unreached`.
pub(crate) fn of(checked: &Checked, report: &Report, about: Option<&str>) -> Value {
    let sources = &checked.sources;
    let cases = report.cases.iter().map(|case| {
        json!({
            "function": case.full_name(&checked.program),
            "row": case.row + 1,
            "place": place(sources, case.span),
            "args": case.shown_args(&checked.program).into_iter().map(|(name, value)| (name, json!(value))).collect::<serde_json::Map<_, _>>(),
            "outcome": word(of_case(case)),
            "reasons": reasons_of_case(sources, case),
        })
    });
    let properties = report.properties.iter().map(|property| {
        json!({
            "property": format!("{}.{}.{}", property.module, property.of, property.name),
            "place": place(sources, property.span),
            "cases": property.cases,
            "is_proved": property.verdict == vibee::run::PropertyVerdict::Proved,
            "outcome": word(of_property(property)),
            "reasons": reasons_of_property(sources, property),
        })
    });
    let behaviors = report
        .behaviors
        .iter()
        .map(|behavior| json!({ "behavior": format!("{}.{}", behavior.module, behavior.name), "status": behavior.status.name() }));
    let unreached = report.unreached.as_ref().map(|unreached| {
        let points = unreached.iter().filter_map(|number| checked.program.cover.get(*number as usize));
        points.map(|point| json!({ "place": place(sources, point.span), "what": point.what })).collect::<Vec<_>>()
    });
    let diagnostics = [checked.diagnostics.as_slice(), report.diagnostics.as_slice()].concat();
    json!({
        "implementation": about,
        "passed": report.n_passed(),
        "failed": report.n_failed(),
        "cases": cases.collect::<Vec<_>>(),
        "properties": properties.collect::<Vec<_>>(),
        "behaviors": behaviors.collect::<Vec<_>>(),
        "diagnostics": render::to_json(&diagnostics, sources),
        "unreached": unreached,
    })
}
