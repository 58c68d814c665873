//! Every rendering of `shared/data/chat-templates/goldens.json`, refusals included.

use chat::{Inputs, Template};
use jiff::civil::date;

#[test]
fn every_template_renders_every_conversation_as_the_reference_does() {
    let goldens = testkit::read_json("chat-templates/goldens.json");
    let (mut n_equal, mut n_refused, mut failures) = (0, 0, Vec::new());
    for (file, results) in goldens["results"].as_object().unwrap() {
        let source = testkit::read_text(&format!("chat-templates/jinja/{file}"));
        let template = Template::new(&source);
        for (case, expected) in results.as_object().unwrap() {
            let conversation = &goldens["cases"][case];
            let inputs = Inputs {
                messages: conversation["messages"].as_array().unwrap().clone(),
                tools: conversation["tools"].as_array().cloned(),
                add_generation_prompt: conversation["add_generation_prompt"].as_bool().unwrap_or(true),
                bos_token: goldens["bos_token"].as_str().unwrap().to_owned(),
                eos_token: goldens["eos_token"].as_str().unwrap().to_owned(),
                now: date(2026, 1, 15).at(12, 0, 0, 0),
            };
            let got = template.as_ref().map_err(Clone::clone).and_then(|t| t.render(&inputs));
            match (got, expected["text"].as_str()) {
                (Ok(text), Some(reference)) if text == reference => n_equal += 1,
                (Ok(text), Some(reference)) => {
                    let at = text.chars().zip(reference.chars()).take_while(|(a, b)| a == b).count();
                    let around = |s: &str| s.chars().skip(at.saturating_sub(30)).take(90).collect::<String>();
                    failures.push(format!(
                        "{file} {case}: character {at}: {:?}, expected {:?}",
                        around(&text),
                        around(reference)
                    ));
                }
                (Ok(_), None) => failures.push(format!("{file} {case}: rendered, expected {expected}")),
                (Err(_), None) => n_refused += 1,
                (Err(error), Some(_)) => failures.push(format!("{file} {case}: {error}")),
            }
        }
    }
    println!("{n_equal} renderings equal, {n_refused} refusals");
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
    assert_eq!((n_equal, n_refused), (429, 61));
}

#[test]
fn a_model_may_mark_what_it_was_trained_to_generate() {
    let source = "{% for m in messages %}{%- generation -%} {{ m['content'] }} {%- endgeneration -%}{% endfor %}";
    assert!(Template::new(source).is_err());
    let inputs = Inputs::new(&[chat::Message::new("assistant", "Hi")], "", "", date(2026, 1, 15).at(12, 0, 0, 0));
    assert_eq!(Template::of_model(source).unwrap().render(&inputs).unwrap(), "Hi");
}
