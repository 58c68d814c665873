//! Thousands of small templates against jinja2's renderings (`testdata/jinja2/jinja2_cases.py` makes them).

use chat::{DateTime, Inputs, Template};
use serde_json::Value;

#[test]
fn small_templates_give_what_jinja2_gives() {
    let file: Value = testkit::read_json("jinja2/jinja2_cases.json");
    let messages: &[Value] = &[];
    let extra = file["variables"].as_object().unwrap();
    let cases = file["cases"].as_object().unwrap();
    assert!(cases.len() > 5000, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for (source, expected) in cases {
        let inputs =
            Inputs { extra: Some(extra), ..Inputs::new(messages, DateTime::constant(2026, 1, 15, 12, 0, 0, 0)) };
        let got = Template::plain_jinja(source).and_then(|t| t.render(&inputs));
        if got.as_deref().ok() != expected.as_str() {
            wrong.push(format!("{source:?}\n  got  {got:?}\n  not  {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
