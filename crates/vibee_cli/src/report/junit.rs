//! The report as JUnit XML, which every CI reads: a suite per function, a case per row or property.

use std::{collections::BTreeMap, fmt::Write};

use vibee::run::Report;

use super::{Outcome, of_case, of_property, reasons_of_case, reasons_of_property};
use crate::files::Checked;

/// Text within XML: what XML 1.0 cannot hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' => out += "&#10;",
            '\t' => out += "&#9;",
            c if c < ' ' || ('\u{FFFE}'..='\u{FFFF}').contains(&c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// Gives the document.
pub(crate) fn text(checked: &Checked, report: &Report) -> String {
    let sources = &checked.sources;
    let mut suites = BTreeMap::<String, Vec<(String, Outcome, Vec<String>)>>::new();
    for case in &report.cases {
        let args: Vec<String> = case.shown_args(&checked.program).into_iter().map(|(_, value)| value).collect();
        let name = format!("row {}: {}", case.row + 1, args.join(" | "));
        let suite = suites.entry(case.full_name(&checked.program)).or_default();
        suite.push((name, of_case(case), reasons_of_case(sources, case)));
    }
    for property in &report.properties {
        let suite = suites.entry(format!("{}.{}", property.module, property.of)).or_default();
        suite.push((property.name.clone(), of_property(property), reasons_of_property(sources, property)));
    }
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for (suite, cases) in &suites {
        let count = |is: fn(Outcome) -> bool| cases.iter().filter(|(_, outcome, _)| is(*outcome)).count();
        let failures = count(|outcome| outcome == Outcome::Failed);
        let skipped = count(|outcome| matches!(outcome, Outcome::Open(_)));
        let suite = escaped(suite);
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\">",
            cases.len()
        );
        for (name, outcome, reasons) in cases {
            let reasons = escaped(&reasons.join("\n"));
            let _ = write!(xml, "    <testcase classname=\"{suite}\" name=\"{}\"", escaped(name));
            let _ = match outcome {
                Outcome::Passed => writeln!(xml, "/>"),
                Outcome::Failed => writeln!(xml, "><failure message=\"{reasons}\"/></testcase>"),
                Outcome::Open(word) => writeln!(xml, "><skipped message=\"{word}: {reasons}\"/></testcase>"),
            };
        }
        xml += "  </testsuite>\n";
    }
    xml + "</testsuites>\n"
}
