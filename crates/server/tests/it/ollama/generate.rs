//! Answers of `/api/generate`.

use serde_json::{Value, json};

use super::support::{CHAT, GENERATE, both, chat, generate, lines, refused, whole, with_options};
use crate::{
    anthropic::thinker,
    loopback::wait,
    openai::support::{SMOLLM2, STORIES, post_bytes, server, smollm2, with},
};

fn text(answer: &Value) -> &str {
    answer["response"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_stream_joined_is_the_whole() {
    let answer = both(smollm2(), GENERATE, &generate());
    assert!(text(&answer).starts_with("Hello") && answer["done_reason"] == "stop", "{answer}");
    let short = both(smollm2(), GENERATE, &with_options(&generate(), &json!({"num_predict": 3})));
    assert_eq!((&short["done_reason"], &short["eval_count"]), (&json!("length"), &json!(3)));
    let logprobs = both(smollm2(), GENERATE, &with(&generate(), &json!({"logprobs": true, "top_logprobs": 2})));
    let entries = logprobs["logprobs"].as_array().unwrap();
    assert_eq!(entries.len() as u64, logprobs["eval_count"].as_u64().unwrap());
    assert!(
        entries.iter().all(|e| e["top_logprobs"].as_array().unwrap().len() == 2 && e["token"].is_string()),
        "{logprobs}"
    );
    both(
        smollm2(),
        GENERATE,
        &with_options(
            &generate(),
            &json!({
                "temperature": 0.9, "seed": 3, "top_k": 9, "top_p": 0.8, "min_p": 0.02, "typical_p": 0.9, "repeat_penalty": 1.2,
                "repeat_last_n": 32, "presence_penalty": 0.5, "frequency_penalty": 0.5,
            }),
        ),
    );
}

#[test]
fn options_change_the_text() {
    let server = smollm2();
    let story = with(&generate(), &json!({"prompt": "Tell me a story."}));
    let of = |options: Value| text(&whole(server, GENERATE, &with_options(&story, &options))).to_owned();
    let greedy = of(json!({}));
    assert_eq!(of(json!({"temperature": 1, "top_k": 1})), greedy);
    assert_eq!(of(json!({"temperature": 1, "top_k": 0, "top_p": 0})), greedy);
    assert_eq!(of(json!({"temperature": 1, "min_p": 1, "top_p": 1})), greedy);
    let warm = |seed: i64| of(json!({"temperature": 1.2, "seed": seed}));
    assert_eq!(warm(5), warm(5));
    assert_ne!(warm(5), warm(6));
    assert_ne!(warm(-1), warm(-1));
    assert_ne!(of(json!({"repeat_penalty": 3})), greedy);
    assert_ne!(of(json!({"frequency_penalty": 2, "repeat_penalty": 1})), of(json!({"repeat_penalty": 1})));
    assert_eq!(of(json!({"repeat_penalty": 3, "repeat_last_n": 0})), of(json!({"repeat_penalty": 1})));
    let stop = greedy.get(10..14).unwrap();
    assert_eq!(of(json!({"stop": [stop]})), greedy.split(stop).next().unwrap());
    assert_eq!(of(json!({"stop": stop})), of(json!({"stop": [stop]})));
    for endless in [-1, -2] {
        assert!(of(json!({"num_predict": endless, "num_ctx": 80})).len() > greedy.len());
    }
}

#[test]
fn the_context_that_is_asked_for_bounds_prompt_and_text() {
    let server = smollm2();
    let n_prompt = whole(server, GENERATE, &generate())["prompt_eval_count"].as_u64().unwrap();
    let tight = whole(server, GENERATE, &with_options(&generate(), &json!({"num_ctx": n_prompt + 4})));
    assert_eq!((tight["eval_count"].as_u64(), &tight["done_reason"]), (Some(4), &json!("length")));
    refused(
        GENERATE,
        &with_options(&generate(), &json!({"num_ctx": n_prompt})),
        &format!("but options.num_ctx is {n_prompt}"),
    );
    // More than is served is what is served.
    for (path, body) in [(GENERATE, generate()), (CHAT, chat())] {
        let answer = whole(server, path, &with_options(&body, &json!({"num_ctx": 32_768})));
        assert_eq!(answer["done_reason"], "stop", "{answer}");
        assert_eq!(answer["eval_count"], whole(server, path, &body)["eval_count"]);
        let endless = json!({"num_ctx": 32_768, "num_predict": -1, "temperature": 0, "repeat_penalty": 1});
        // A prompt that leaves room for few tokens.
        let long = "once ".repeat(450);
        let story = json!({"prompt": long, "messages": [{"role": "user", "content": long}]});
        let answer = whole(server, path, &with(&with(&body, &story), &json!({"options": endless})));
        let count = |name: &str| answer[name].as_u64().unwrap();
        assert!(count("prompt_eval_count") + count("eval_count") <= 512, "{answer}");
    }
}

#[test]
fn the_prompt_is_a_message_unless_it_is_raw() {
    let server = smollm2();
    let count = |more: Value| {
        whole(server, GENERATE, &with_options(&with(&generate(), &more), &json!({"num_predict": 1})))["prompt_eval_count"].as_u64().unwrap()
    };
    let plain = count(json!({}));
    assert!(
        count(
            json!({"system": "You answer in rhymes, and nothing else will do for you at all, ever, whatever they say."})
        ) > plain - 5
    );
    assert_ne!(count(json!({"system": "Rhyme."})), plain, "instead of the template's own");
    let raw = count(json!({"raw": true}));
    assert!(raw < plain, "{raw} {plain}");
    // Raw prompts write the template's part themselves.
    let chatml = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(count(json!({"raw": true, "prompt": chatml})), 10);
    assert!(count(json!({"prompt": chatml})) > 25, "in a message they stay text");
    assert!(whole(server, GENERATE, &with(&generate(), &json!({"raw": true}))).get("context").is_none());
}

#[test]
fn a_conversation_goes_on_from_its_context() {
    let server = smollm2();
    let first = whole(server, GENERATE, &generate());
    let context = first["context"].as_array().unwrap();
    assert_eq!(
        context.len() as u64,
        first["prompt_eval_count"].as_u64().unwrap() + first["eval_count"].as_u64().unwrap() + 1
    );
    assert_eq!(context.last(), Some(&json!(2)), "the turn's end");
    let next = with(&generate(), &json!({"prompt": "And of Italy?", "context": context}));
    let second = whole(server, GENERATE, &next);
    let alone = whole(server, GENERATE, &with(&generate(), &json!({"prompt": "And of Italy?"})));
    assert_eq!(
        second["prompt_eval_count"].as_u64().unwrap(),
        context.len() as u64 + alone["prompt_eval_count"].as_u64().unwrap()
    );
    refused(GENERATE, &with(&generate(), &json!({"context": [99_999_999]})), "context");
}

#[test]
fn a_model_without_a_template_goes_on_from_the_text() {
    let server = server(&[STORIES]);
    let body = json!({"model": STORIES, "prompt": "Once upon a time", "options": {"temperature": 0, "num_predict": 8}});
    let answer = both(&server, GENERATE, &body);
    assert_eq!(text(&answer), text(&whole(&server, GENERATE, &with(&body, &json!({"raw": true})))));
    let answer = server.post_json(GENERATE, &with(&body, &json!({"system": "x"})));
    assert!(answer.status == 400 && answer.text().contains("system: "), "{answer:?}");
}

#[test]
fn output_obeys_its_format() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["size"], "properties": {"size": {"enum": ["small", "large"]}},
    });
    let answer = both(smollm2(), GENERATE, &with(&generate(), &json!({"format": schema})));
    let value: Value = serde_json::from_str(text(&answer)).unwrap();
    assert!(["small", "large"].contains(&value["size"].as_str().unwrap()), "{answer}");
    let object = whole(smollm2(), GENERATE, &with(&generate(), &json!({"format": "json"})));
    assert!(text(&object).trim_start().starts_with('{'), "{object}");
    whole(smollm2(), GENERATE, &with(&generate(), &json!({"format": ""})));
    refused(GENERATE, &with(&generate(), &json!({"format": "xml"})), "format");
    let unknown = json!({"format": {"type": "object", "unevaluatedProperties": false}});
    assert!(refused(GENERATE, &with(&generate(), &unknown), "format").contains("unevaluatedProperties"));
}

#[test]
fn thinking_stands_beside_the_text() {
    let thoughtful = both(thinker(), GENERATE, &with(&generate(), &json!({"think": true})));
    assert!(text(&thoughtful).is_empty() && !thoughtful["thinking"].as_str().unwrap().is_empty(), "{thoughtful}");
    let high = both(thinker(), GENERATE, &with(&generate(), &json!({"think": "high"})));
    assert!(high["prompt_eval_count"].as_u64() > thoughtful["prompt_eval_count"].as_u64());
    let plain = both(thinker(), GENERATE, &with(&generate(), &json!({"think": false})));
    assert!(plain.get("thinking").is_none() && !text(&plain).is_empty());
    refused(GENERATE, &with(&generate(), &json!({"think": true})), "think");
    refused(GENERATE, &with(&generate(), &json!({"think": 5})), "think");
    both(smollm2(), GENERATE, &with(&generate(), &json!({"think": false})));
}

#[test]
fn an_empty_prompt_loads_and_no_time_unloads() {
    let server = server(&[STORIES, SMOLLM2]);
    let load = |more: Value| whole(&server, GENERATE, &with(&json!({"model": STORIES}), &more));
    let is_loaded = || server.app.models().loaded().iter().any(|m| m.id == STORIES);
    let loaded = load(json!({}));
    assert_eq!((&loaded["done_reason"], &loaded["response"]), (&json!("load"), &json!("")));
    assert!(is_loaded());
    let unloaded = load(json!({"prompt": "", "keep_alive": 0}));
    assert_eq!(unloaded["done_reason"], "unload");
    wait("the unloading", || !is_loaded());
    // Not loaded just to be unloaded.
    load(json!({"keep_alive": "0s"}));
    assert!(!is_loaded());
    let body = json!({"model": STORIES, "prompt": "Once", "options": {"num_predict": 2}, "keep_alive": "10m"});
    whole(&server, GENERATE, &body);
    let expiry = |id: &str| server.app.models().entry(id).unwrap().expires_in;
    assert!((590..=600).contains(&expiry(STORIES).unwrap().as_secs()), "{:?}", expiry(STORIES));
    whole(&server, GENERATE, &with(&body, &json!({"keep_alive": -1})));
    assert_eq!(expiry(STORIES), None);
    whole(&server, GENERATE, &with(&body, &json!({"keep_alive": 0})));
    wait("the unloading", || !is_loaded());
    refused(GENERATE, &with(&generate(), &json!({"keep_alive": "soon"})), "keep_alive");
}

#[test]
fn who_hangs_up_frees_the_sequence() {
    let server = server(&[SMOLLM2]);
    let mut client = server.connect();
    client.write(post_bytes(
        GENERATE,
        &with_options(&with(&generate(), &json!({"prompt": "Count to a thousand."})), &json!({"num_predict": 400})),
    ));
    assert!(client.head().starts_with("HTTP/1.1 200"));
    assert!(client.chunk().is_some());
    drop(client);
    server.wait_until_idle();
    let stats = server.app.models().loaded()[0].handle.stats();
    assert_eq!((stats.n_cancelled, stats.pages_free + stats.pages_cached), (1, stats.pages_total));
    assert!(!lines(&server, GENERATE, &generate()).is_empty());
}

#[test]
fn an_error_in_mid_stream_is_a_line() {
    let server = server(&[SMOLLM2]);
    let body =
        with_options(&with(&generate(), &json!({"prompt": "Count to a thousand."})), &json!({"num_predict": 400}));
    let mut client = server.connect();
    client.write(post_bytes(GENERATE, &body));
    client.head();
    let mut text = String::from_utf8(client.chunk().unwrap()).unwrap();
    server.app.models().loaded()[0].handle.shutdown();
    while let Some(chunk) = client.chunk() {
        text += std::str::from_utf8(&chunk).unwrap();
    }
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(last["error"].is_string() && last.as_object().unwrap().len() == 1, "{last}");
}
