//! Answers of `/infill`.

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
fn a_model_without_the_tokens_is_named_and_so_are_they() {
    let server = stories();
    let answer = server.post_json(PATH, &json!({"input_prefix": "a", "input_suffix": "b"}));
    let error = answer.json()["error"].clone();
    assert_eq!((answer.status, &error["code"], &error["type"]), (501, &json!(501), &json!("not_supported_error")));
    let message = error["message"].as_str().unwrap();
    for says in
        ["stories260k", "no prefix token (tokenizer.ggml.fim_pre_token_id)", "no suffix token", "no middle token"]
    {
        assert!(message.contains(says), "{message}");
    }
}

/// Requests are those that an editor's plugin sends while somebody types.
#[test]
fn requests_of_editors_are_answered() {
    let server = server(&[FILLS]);
    let chunk = |name: &str| json!({"text": "The cat sat. ".repeat(20), "time": [12, 34], "filename": name});
    let body = json!({
        "id_slot": 0, "input_prefix": "Once upon a time\n", "input_suffix": "\nThe end.\n", "prompt": "there was",
        "input_extra": (0..6).map(|i| chunk(&format!("file{i}.txt"))).collect::<Vec<_>>(), "n_predict": 24, "stop": [], "n_indent": 0,
        "top_k": 40, "top_p": 0.9, "stream": false, "samplers": ["top_k", "top_p", "infill"], "cache_prompt": true,
        "t_max_prompt_ms": 500, "t_max_predict_ms": 1000, "n_cache_reuse": 256,
        "response_fields": ["content", "timings/prompt_n", "timings/predicted_ms", "truncated", "tokens_cached", "prompt"],
    });
    let answer = server.ok(PATH, &body);
    assert!(answer["content"].is_string() && answer["timings/prompt_n"].as_u64().unwrap() > 0, "{answer}");
    // There is no room for all files in a context of 512: the last stay.
    let prompt = answer["prompt"].as_str().unwrap();
    assert!(prompt.contains("file5.txt") && !prompt.contains("file0.txt"), "{prompt}");
    // Files for later, with nothing to write.
    let warm = json!({"input_prefix": "", "input_suffix": "", "prompt": "", "n_predict": 0, "samplers": [], "temperature": 0.0,
        "t_max_predict_ms": 1, "response_fields": [""]});
    server.ok(PATH, &with(&body, &warm));
}

/// The text ends where the model would go on, and what it writes is too unlikely by itself.
#[test]
fn the_sampler_for_gaps_ends_what_is_unsure() {
    let server = server(&[FILLS]);
    let body = json!({"input_prefix": "Once", "input_suffix": " a time", "n_predict": 40, "top_k": 40, "seed": 1});
    let written = |samplers: Value| {
        let answer = server.ok(PATH, &with(&body, &json!({"samplers": samplers})));
        (answer["tokens_predicted"].as_u64().unwrap(), answer["stop_type"].clone())
    };
    assert_eq!(written(json!(["top_k", "temperature"])), (40, json!("limit")));
    let (n_written, how) = written(json!(["top_k", "infill"]));
    assert!(n_written < 40 && how == "eos", "{n_written} {how}");
    assert_eq!(written(json!("ki")), (n_written, how));
}
