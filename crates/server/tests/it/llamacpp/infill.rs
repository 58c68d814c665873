//! `/infill`

use serde_json::{Value, json};

use super::{events, refused, stories};
use crate::openai::support::{FILLS, server, with};

const PATH: &str = "/infill";

#[test]
fn the_parts_stand_behind_their_tokens() {
    let server = server(&[FILLS]);
    let body = json!({"input_prefix": "Once", "input_suffix": " a time", "n_predict": 5, "temperature": 0});
    let prompt = |body: &Value| server.ok(PATH, body)["prompt"].as_str().unwrap().to_owned();
    assert_eq!(prompt(&body), "<s><fim_prefix> Once<fim_suffix>  a time<fim_middle>");
    assert!(prompt(&with(&body, &json!({"prompt": " up"}))).ends_with("<fim_middle>  up"));
    let extra = json!({"input_extra": [{"filename": "a.txt", "text": "The end."}, {"text": "More."}]});
    let with_files = prompt(&with(&body, &extra));
    assert!(
        with_files.contains("a.txt") && with_files.contains("The end.") && with_files.contains("More."),
        "{with_files}"
    );
    assert!(with_files.ends_with(prompt(&body).trim_start_matches("<s>")), "{with_files}");
    // All options of completions work.
    let result = server.ok(PATH, &with(&body, &json!({"n_probs": 1, "response_fields": ["completion_probabilities"]})));
    assert_eq!(result["completion_probabilities"].as_array().unwrap().len(), 5);
    let whole = server.ok(PATH, &body);
    let text: String = events(&server, PATH, &body).iter().map(|e| e["content"].as_str().unwrap()).collect();
    assert_eq!(text, whole["content"]);
    refused(&server, PATH, &json!({"input_prefix": "a"}), "input_prefix and input_suffix: both");
    refused(&server, PATH, &with(&body, &json!({"prompt": ["a", "b"]})), "prompt: only one text");
    refused(
        &server,
        PATH,
        &with(&body, &json!({"input_extra": [{"filename": "a"}]})),
        "input_extra[0]: missing field `text`",
    );
    let files = vec![json!({"text": "a"}); 257];
    refused(
        &server,
        PATH,
        &with(&body, &json!({"input_extra": files})),
        "input_extra: 257 files, expected at most 256",
    );
}

#[test]
fn a_model_without_the_tokens_is_named() {
    let server = stories();
    let message = refused(&server, PATH, &json!({"input_prefix": "a", "input_suffix": "b"}), "input_suffix");
    assert!(message.contains("stories260k"), "{message}");
}
