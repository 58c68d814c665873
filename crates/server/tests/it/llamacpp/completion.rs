//! Answers of `/completion`.

use serde_json::{Value, json};

use super::{PATH, base, events, refused, stories};
use crate::openai::support::with;

fn content(result: &Value) -> &str {
    result["content"].as_str().unwrap_or_else(|| panic!("{result}"))
}

#[test]
fn the_answer_has_what_the_readme_says() {
    let server = stories();
    let result = server.ok(PATH, &base());
    assert!(content(&result).starts_with(", there was a little girl named Lily"), "{result}");
    for (field, expected) in [
        ("index", json!(0)),
        ("id_slot", json!(-1)),
        ("stop", json!(true)),
        ("model", json!("stories260k")),
        ("tokens_predicted", json!(40)),
        ("tokens_evaluated", json!(5)),
        ("tokens_cached", json!(0)),
        ("truncated", json!(false)),
        ("has_new_line", json!(false)),
        ("stop_type", json!("limit")),
        ("stopping_word", json!("")),
        ("tokens", json!([])),
        ("prompt", json!("<s> Once upon a time")),
    ] {
        assert_eq!(result[field], expected, "{field}");
    }
    let timings = &result["timings"];
    assert_eq!(
        (&timings["cache_n"], &timings["prompt_n"], &timings["predicted_n"]),
        (&json!(0), &json!(5), &json!(40))
    );
    for field in ["prompt_ms", "prompt_per_token_ms", "prompt_per_second", "predicted_ms", "predicted_per_second"] {
        assert!(timings[field].as_f64().unwrap() > 0.0, "{field}: {timings}");
    }
    // As llama.cpp's server answered the same request with the same model.
    let ids = server.ok(PATH, &with(&base(), &json!({"n_predict": 4, "return_tokens": true})));
    assert_eq!((content(&ids), &ids["tokens"]), (", there was a", &json!([432, 383, 286, 261])));
    assert_eq!(server.ok("/completions", &base())["content"], result["content"]);
}

#[test]
fn settings_tell_what_was_used() {
    let server = stories();
    let body = json!({"prompt": "Once", "n_predict": 2, "top_p": 0.7, "seed": 5, "logit_bias": [["Once", 5], [3, false]],
        "samplers": ["top_k", "temperature"], "repeat_last_n": -1, "dry_base": 2.5, "id_slot": 1, "n_keep": 4});
    let result = server.ok(PATH, &body);
    let settings = &result["generation_settings"];
    for (field, expected) in [
        ("seed", json!(5)),
        ("temperature", json!(0.8)),
        ("top_k", json!(40)),
        // A sampler that is not listed is off.
        ("top_p", json!(1.0)),
        ("min_p", json!(0.0)),
        ("repeat_last_n", json!(-1)),
        ("dry_base", json!(2.5)),
        ("n_predict", json!(2)),
        ("n_keep", json!(4)),
        ("logit_bias", json!([{"bias": 5.0, "token": 403}, {"bias": null, "token": 3}])),
        ("samplers", json!(["top_k", "temperature"])),
    ] {
        assert_eq!(settings[field], expected, "{field}");
    }
    assert_eq!(result["id_slot"], 1);
    // A seed that was drawn is told, and gives the same text again.
    let drawn = server.ok(PATH, &json!({"prompt": "Once", "n_predict": 20, "seed": -1}));
    let seed = &drawn["generation_settings"]["seed"];
    let again = server.ok(PATH, &json!({"prompt": "Once", "n_predict": 20, "seed": seed}));
    assert_eq!(content(&again), content(&drawn));
    let other = server.ok(PATH, &json!({"prompt": "Once", "n_predict": 1}));
    assert_ne!(&other["generation_settings"]["seed"], seed);
}

#[test]
fn prompts_in_all_forms() {
    let server = stories();
    let ask = |prompt: Value| server.ok(PATH, &json!({"prompt": prompt, "n_predict": 3, "temperature": 0}));
    // 1 is the beginning token, 403 "Once".
    let one = ask(json!("Once"));
    assert_eq!(one["prompt"], "<s> Once");
    assert_eq!(ask(json!([1, 403]))["content"], one["content"]);
    assert_eq!(ask(json!([1, "Once"]))["content"], one["content"]);
    assert_eq!(ask(json!({"prompt_string": "Once"}))["content"], one["content"]);
    // Raw text: control tokens count, and the beginning token stands there once.
    assert_eq!(ask(json!("<s>Once"))["prompt"], "<s> Once");
    let several = ask(json!(["Once", [1, "One", 328], {"prompt_string": "Once"}]));
    let several = several.as_array().unwrap();
    assert_eq!(several.iter().map(|r| r["index"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((&several[0]["content"], &several[2]["content"]), (&one["content"], &one["content"]));
    assert_ne!(several[1]["content"], one["content"]);
    // An empty prompt is the beginning token alone.
    assert_eq!(ask(json!(""))["tokens_evaluated"], 1);
    for (prompt, field) in [
        (json!([]), "prompt: 0 prompts"),
        (json!(5), "prompt: "),
        (json!([512]), "prompt: 512 is no token"),
        (json!([-1]), "prompt[0]: -1"),
        (json!([[1], 2]), "prompt: token ids beside"),
        (json!({"prompt_string": "a", "multimodal_data": ["eA=="]}), "prompt.multimodal_data: unsupported"),
        (json!(vec!["a"; 65]), "prompt: 65 prompts, expected 1 to 64"),
    ] {
        refused(&server, PATH, &json!({"prompt": prompt, "n_predict": 1}), field);
    }
    refused(&server, PATH, &json!({}), "the body: missing field `prompt`");
}

#[test]
fn a_prompt_that_is_too_long_is_refused_with_both_numbers() {
    let answer = stories().post_json(PATH, &with(&base(), &json!({"prompt": "word ".repeat(600)})));
    let error = answer.json()["error"].clone();
    let told = (answer.status, &error["type"], &error["n_ctx"]);
    assert_eq!(told, (400, &json!("exceed_context_size_error"), &json!(512)), "{error}");
    assert!(error["n_prompt_tokens"].as_u64().unwrap() > 600, "{error}");
}

#[test]
fn ends_are_told_apart() {
    let server = stories();
    let stopped = server.ok(PATH, &with(&base(), &json!({"stop": ["nowhere", "Lily"]})));
    assert_eq!((&stopped["stop_type"], &stopped["stopping_word"]), (&json!("word"), &json!("Lily")));
    assert!(content(&stopped).ends_with("named "), "{stopped}");
    let grammar = server.ok(PATH, &with(&base(), &json!({"grammar": "root ::= \" yes\" | \" no\""})));
    assert_eq!(grammar["stop_type"], "eos");
    assert!([" yes", " no"].contains(&content(&grammar)), "{grammar}");
    let whole = server.ok(PATH, &with(&base(), &json!({"n_predict": -1, "ignore_eos": true})));
    assert_eq!((&whole["stop_type"], &whole["truncated"]), (&json!("limit"), &json!(true)), "the context is full");
    assert_eq!(whole["tokens_predicted"].as_u64().unwrap() + 5, 512);
    let nothing = server.ok(PATH, &with(&base(), &json!({"n_predict": 0})));
    assert_eq!((content(&nothing), &nothing["tokens_predicted"]), ("", &json!(0)));
}

#[test]
fn a_schema_or_a_grammar_is_followed() {
    let server = stories();
    let schema = json!({"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": false});
    let result = server.ok(PATH, &with(&base(), &json!({"json_schema": schema, "n_predict": 60})));
    let object: Value = serde_json::from_str(content(&result)).unwrap_or_else(|e| panic!("{e}: {result}"));
    assert!(object["n"] == 1 || object["n"] == 2);
    refused(&server, PATH, &with(&base(), &json!({"json_schema": schema, "grammar": "root ::= \"a\""})), "json_schema");
    refused(&server, PATH, &with(&base(), &json!({"grammar": "root ::= ("})), "grammar");
    refused(&server, PATH, &with(&base(), &json!({"json_schema": {"contains": 5}})), "json_schema");
}

#[test]
fn probabilities_are_those_of_the_model() {
    let server = stories();
    let result = server.ok(PATH, &with(&base(), &json!({"n_predict": 3, "n_probs": 2})));
    let probs = result["completion_probabilities"].as_array().unwrap();
    // As llama.cpp's server computed them, within its float arithmetic.
    let expected = [(432, ",", -0.0318, 383), (383, " there", -0.0684, 322), (286, " was", -0.0160, 382)];
    assert_eq!(probs.len(), expected.len());
    for (got, (id, token, logprob, second)) in probs.iter().zip(expected) {
        assert_eq!((&got["id"], &got["token"]), (&json!(id), &json!(token)));
        assert!((got["logprob"].as_f64().unwrap() - logprob).abs() < 2e-3, "{got}");
        assert_eq!(got["top_logprobs"][0]["id"], id);
        assert_eq!(got["top_logprobs"][1]["id"], second);
        assert_eq!(got["bytes"], json!(token.bytes().collect::<Vec<u8>>()));
    }
    assert!(server.ok(PATH, &base()).get("completion_probabilities").is_none());
}

#[test]
fn all_probabilities_are_told_of_as_many_tokens_as_there_is_room_for() {
    let server = stories();
    // The vocabulary has 512.
    for (asked, told) in [(21, 21), (512, 512), (100_000, 512)] {
        let result = server.ok(PATH, &with(&base(), &json!({"n_predict": 2, "n_probs": asked})));
        let top = result["completion_probabilities"][1]["top_logprobs"].as_array().unwrap();
        assert_eq!(top.len(), told, "{asked}");
        let sum: f64 = top.iter().map(|t| t["logprob"].as_f64().unwrap().exp()).sum();
        assert!(told < 512 || (sum - 1.0).abs() < 1e-3, "{sum}");
        assert_eq!(result["generation_settings"]["n_probs"], asked);
    }
    // To the end of the context there are 512 tokens of each result.
    let many = |n: usize| json!({"n_predict": -1, "n_probs": 512, "n_cmpl": n});
    let message = refused(
        &server,
        PATH,
        &with(&base(), &many(4)),
        "n_probs: 512, expected at most 511 of each of the 2048 tokens",
    );
    assert!(message.contains("1048576 numbers"), "{message}");
    let several = json!({"prompt": ["a", "b", "c", "d"], "n_predict": 600, "n_probs": 512});
    refused(&server, PATH, &several, "n_probs: 512, expected at most 511");
}

#[test]
fn fields_that_nobody_knows_are_skipped() {
    let server = stories();
    let plain = server.ok(PATH, &base())["content"].clone();
    let more = json!({"made_up": {"a": [1, null]}, "image_data": [], "chat_format": 0});
    assert_eq!(server.ok(PATH, &with(&base(), &more))["content"], plain);
}

#[test]
fn samplers_work_in_the_order_that_is_asked_for() {
    let server = stories();
    let first = |samplers: Value, more: Value| {
        let body = json!({"prompt": "Once upon a time", "n_predict": 1, "seed": 3, "samplers": samplers});
        server.ok(PATH, &with(&body, &more))["generation_settings"]["samplers"].clone()
    };
    assert_eq!(first(json!(["temperature", "top_k"]), json!({})), json!(["temperature", "top_k"]));
    assert_eq!(first(json!("tk"), json!({})), json!(["temperature", "top_k"]));
    // At temperature 100 all tokens are nearly equal: 0.9 of them are hundreds, where the model's own 0.9 is one.
    let texts = |samplers: Value| {
        let body = json!({"prompt": "Once upon a time", "n_predict": 1, "temperature": 100, "top_p": 0.9, "samplers": samplers});
        let text = |seed: u64| server.ok(PATH, &with(&body, &json!({"seed": seed})))["content"].to_string();
        (0..8).map(text).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(texts(json!(["top_p", "temperature"])), 1);
    assert!(texts(json!(["temperature", "top_p"])) > 4);
}

#[test]
fn a_text_ends_before_it_leaves_its_block() {
    let server = stories();
    let grammar = json!({"grammar": "root ::= \"a\\n    b\\n  c\\n    d\"", "n_predict": 60, "n_indent": 4});
    let body = with(&base(), &grammar);
    let result = server.ok(PATH, &body);
    assert_eq!((&result["content"], &result["stop_type"]), (&json!("a\n    b\n  "), &json!("limit")), "{result}");
    let text: String = events(&server, PATH, &body).iter().map(|e| e["content"].as_str().unwrap()).collect();
    assert_eq!(text, "a\n    b\n  ");
    let all = server.ok(PATH, &with(&body, &json!({"n_indent": 2})));
    assert_eq!(all["content"], "a\n    b\n  c\n    d");
}

#[test]
fn biases_in_their_three_forms() {
    let server = stories();
    let first = |bias: Value| {
        let body = with(&base(), &json!({"n_predict": 1, "return_tokens": true, "logit_bias": bias}));
        server.ok(PATH, &body)["tokens"][0].as_u64().unwrap()
    };
    assert_eq!(first(json!([])), 432);
    for never in [json!([[432, false]]), json!({"432": false}), json!([[432, -100.0]])] {
        assert_ne!(first(never), 432);
    }
    assert_eq!(first(json!({"403": 1000})), 403);
    assert_eq!(first(json!([["Once", 1000]])), 403);
    for wrong in [json!([[432, true]]), json!([[432]]), json!([[-1, 1]]), json!([432]), json!("x"), json!({"9999": 1})]
    {
        refused(&server, PATH, &with(&base(), &json!({"logit_bias": wrong})), "logit_bias");
    }
    let many: Vec<Value> = (0..4097).map(|_| json!([3, 1.0])).collect();
    refused(&server, PATH, &with(&base(), &json!({"logit_bias": many})), "logit_bias: 4097 entries");
}

#[test]
fn several_results_and_selected_fields() {
    let server = stories();
    let body = json!({"prompt": ["Once", "One"], "n_predict": 30, "temperature": 1, "seed": 3, "n_cmpl": 2,
        "response_fields": ["content", "generation_settings/seed", "nothing"]});
    let results = server.ok(PATH, &body);
    let results = results.as_array().unwrap();
    assert_eq!(results.len(), 4);
    assert_eq!(results[0].as_object().unwrap().keys().collect::<Vec<_>>(), ["content", "generation_settings/seed"]);
    assert_eq!(results[3]["generation_settings/seed"], 3);
    assert_ne!(results[0]["content"], results[1]["content"]);
    let lone = server.ok(PATH, &json!({"prompt": "Once", "n_predict": 30, "temperature": 1, "seed": 3}));
    assert_eq!(lone["content"], results[0]["content"]);
    let fields = vec!["content"; 65];
    refused(&server, PATH, &with(&base(), &json!({"response_fields": fields})), "response_fields: 65 fields");
}

#[test]
fn what_was_computed_before_is_told() {
    let server = stories();
    let prompt = "Once upon a time, there was a little girl named Lily. ".repeat(8);
    let body = json!({"prompt": prompt, "n_predict": 2, "temperature": 0});
    let cached = |body: &Value| {
        let result = server.ok(PATH, body);
        assert_eq!(result["tokens_cached"], result["timings"]["cache_n"]);
        let (n, cached) = (result["tokens_evaluated"].as_u64(), result["tokens_cached"].as_u64());
        assert_eq!(result["timings"]["prompt_n"].as_u64(), Some(n.unwrap() - cached.unwrap()));
        cached.unwrap()
    };
    assert_eq!(cached(&body), 0);
    assert!(cached(&body) >= 64);
    assert_eq!(cached(&with(&body, &json!({"cache_prompt": false}))), 0);
}

#[test]
fn the_time_to_predict_ends_after_a_line() {
    let server = stories();
    let grammar = json!({"grammar": "root ::= \"a\\n\" [a-z]+", "n_predict": 480, "temperature": 1});
    let limited = with(&with(&base(), &grammar), &json!({"t_max_predict_ms": 1}));
    let result = server.ok(PATH, &limited);
    assert_eq!((&result["stop_type"], &result["has_new_line"]), (&json!("limit"), &json!(true)), "{result}");
    assert!(result["tokens_predicted"].as_u64().unwrap() < 400, "{result}");
    // Without a line there is no end before the last token.
    let line = json!({"grammar": "root ::= [a-z]+", "n_predict": 60, "t_max_predict_ms": 1});
    assert_eq!(server.ok(PATH, &with(&base(), &line))["tokens_predicted"], 60);
    server.wait_until_idle();
}
