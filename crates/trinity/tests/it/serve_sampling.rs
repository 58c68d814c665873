//! How tokens are picked where a request does not say: what the model's file has, and what the operator's flags have.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    program::{trinity, trinity_with_input},
    server_process::{Server, get, post},
};

/// A model whose makers prefer something, one value of which means nothing.
fn model(name: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sampling-{name}-{}.gguf", std::process::id()));
    let small = testkit::data("regressions/raw-control-tokens/plain.gguf");
    let set = ["temp=0.25", "top_k=7", "penalty_repeat=1.05", "min_p=3"].map(|pair| format!("general.sampling.{pair}"));
    let mut arguments = vec!["metadata".to_owned(), small.to_str().unwrap().to_owned()];
    arguments.extend(set.into_iter().flat_map(|pair| ["--set".to_owned(), pair]));
    arguments.extend(["--out".to_owned(), path.to_str().unwrap().to_owned(), "--force".to_owned()]);
    trinity(arguments).ok();
    path.to_str().unwrap().to_owned()
}

fn json_of(answer: &str) -> Value {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap()
}

#[test]
fn a_request_goes_before_the_operator_who_goes_before_the_model() {
    let model = model("serve");
    let (server, address) = Server::start(&[&model, "--temperature", "0.5", "--top-p", "0.75"]);
    let held = json_of(&get(&address, "/props", ""))["default_generation_settings"]["params"].clone();
    let numbers = |held: &Value| {
        ["temperature", "top_k", "top_p", "min_p", "repeat_penalty"].map(|name| held[name].as_f64().unwrap())
    };
    assert_eq!(numbers(&held), [0.5, 7.0, 0.75, 0.05, 1.05], "{held}");
    let body = json!({"prompt": "a", "n_predict": 1, "temperature": 0.1}).to_string();
    let used = json_of(&post(&address, "/completion", &body))["generation_settings"].clone();
    assert_eq!(numbers(&used), [0.1, 7.0, 0.75, 0.05, 1.05], "{used}");
    assert!(server.said.iter().any(|line| line.contains("general.sampling.min_p")), "{:#?}", server.said);
    trinity(["serve", &model, "--temperature", "-1"]).fails(2, &["temperature", "-1", "0 to 100"]);
}

#[test]
fn a_conversation_shows_which_numbers_are_the_models_own() {
    let model = model("chat");
    let arguments = ["chat", &model, "--template", "chatml", "--top-k", "9"];
    let shown = trinity_with_input(arguments, b"/show\n").ok().stderr;
    for line in [
        "temperature 0.25   (the model's own)",
        "top_k 9",
        "top_p 0.95",
        "min_p 0.05",
        "repeat_penalty 1.05   (the model's own)",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "no {line:?} in {shown}");
    }
    assert!(shown.contains("general.sampling.min_p") && shown.contains("read as absent"), "{shown}");
}
