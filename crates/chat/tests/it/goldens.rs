//! 70 real templates × 7 conversations against jinja2's renderings, refusals included.

use chat::{DateTime, Inputs, Template};
use serde_json::Value;

#[test]
fn every_rendering_is_jinja2s() {
    let goldens = testkit::read_json("chat-templates/goldens.json");
    let (mut texts, mut refusals, mut wrong) = (0, 0, Vec::new());
    for (name, results) in goldens["results"].as_object().unwrap() {
        let source = testkit::read_text(&format!("chat-templates/jinja/{name}"));
        // The reference renderer had no `generation` tag.
        let template = Template::plain_jinja(&source);
        for (case, expected) in results.as_object().unwrap() {
            let got = template.as_ref().map_err(Clone::clone).and_then(|t| render(t, &goldens["cases"][case]));
            match (got, expected["text"].as_str()) {
                (Ok(got), Some(text)) if got == text => texts += 1,
                (Err(_), None) => refusals += 1,
                (got, text) => {
                    wrong.push(format!("{name} {case}:\n  got {got:?}\n  not {text:?} {}", expected["error"]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong, {texts} texts right\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((texts, refusals), (429, 61));
}

fn render(template: &Template, case: &Value) -> Result<String, chat::Error> {
    let messages = case["messages"].as_array().unwrap();
    let inputs = Inputs {
        tools: case["tools"].as_array().map(Vec::as_slice),
        add_generation_prompt: case["add_generation_prompt"].as_bool().unwrap_or(true),
        bos_token: Some("<s>"),
        eos_token: Some("</s>"),
        ..Inputs::new(messages, DateTime::constant(2026, 1, 15, 12, 0, 0, 0))
    };
    template.render(&inputs)
}
