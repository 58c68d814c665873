//! `/props` and `/slots`

use serde_json::{Value, json};

use super::stories;
use crate::anthropic::thinker;
use crate::openai::support::{SMOLLM2, STORIES, post_bytes, smollm2, strict};

#[test]
fn properties_tell_what_the_server_is() {
    let props = smollm2().get("/props").json();
    for (field, expected) in [
        ("total_slots", json!(64)),
        ("model_alias", json!(SMOLLM2)),
        ("modalities", json!({"vision": false, "video": false, "audio": false})),
        ("bos_token", json!("<|im_start|>")),
        ("eos_token", json!("<|im_end|>")),
        ("is_sleeping", json!(false)),
    ] {
        assert_eq!(props[field], expected, "{field}");
    }
    assert!(props["chat_template"].as_str().unwrap().contains("<|im_start|>"));
    assert_eq!(
        props["chat_template_caps"],
        json!({
            "supports_object_arguments": false, "supports_parallel_tool_calls": true, "supports_preserve_reasoning": false,
            "supports_reasoning_effort": false, "supports_string_content": true, "supports_system_role": true,
            "supports_tool_calls": true, "supports_tools": true, "supports_typed_content": false,
        })
    );
    assert_eq!(thinker().get("/props").json()["chat_template_caps"]["supports_preserve_reasoning"], true);
    assert_eq!(stories().get("/props").json()["chat_template_caps"], json!({}), "no template");
    let settings = &props["default_generation_settings"];
    assert_eq!(settings["n_ctx"], 512);
    let params = &settings["params"];
    assert_eq!(
        (&params["temperature"], &params["top_k"], &params["seed"]),
        (&json!(0.8), &json!(40), &json!(4_294_967_295_u32))
    );
    // Nothing on it tells where the file lies.
    assert!(!props.to_string().contains(".gguf"), "{props}");
    let both = strict(&[STORIES, SMOLLM2]);
    assert_eq!(both.get("/props").json()["model_alias"], STORIES);
    assert_eq!(both.get("/props?model=smollm2%3A135m").json()["model_alias"], SMOLLM2);
    for path in ["/props?model=none", "/slots?model=none"] {
        assert_eq!((both.get(path).status, both.get(path).json()["error"]["code"].clone()), (404, json!(404)));
    }
    for path in ["/props?a=b", "/slots?fail_on_no_slot=x", "/slots?fail_on_no_slot=-1"] {
        let answer = both.get(path);
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.json()["error"]["message"].as_str().unwrap().starts_with("the query: "), "{}", answer.text());
    }
}

#[test]
fn slots_show_what_runs_and_no_word_of_it() {
    let server = stories();
    assert_eq!(server.get("/slots").json(), json!([]), "no model is loaded for a look");
    let body = json!({"prompt": "Once upon a time", "n_predict": -1, "ignore_eos": true, "stream": true, "n_cmpl": 2});
    let mut client = server.connect();
    client.write(post_bytes("/completion", &body));
    client.head();
    assert!(client.chunk().is_some());
    let busy = |slots: &Value| slots.as_array().unwrap().iter().filter(|s| s["is_processing"] == true).count();
    let slots = server.get("/slots").json();
    assert_eq!(slots.as_array().unwrap().len(), 64);
    // It is a race with a small model: what has ended is not listed.
    if busy(&slots) == 2 {
        assert_eq!(
            (&slots[0]["id"], &slots[0]["n_prompt_tokens"], &slots[0]["n_ctx"]),
            (&json!(0), &json!(5), &json!(512))
        );
        assert!(slots[0]["next_token"][0]["n_decoded"].as_u64().unwrap() <= 512);
        assert_ne!(slots[0]["id_task"], slots[1]["id_task"]);
    }
    assert!(!slots.to_string().contains("Once"), "{slots}");
    assert_eq!(server.get("/slots?fail_on_no_slot=1").status, 200);
    drop(client);
    server.wait_until_idle();
    assert_eq!(busy(&server.get("/slots").json()), 0);
}

#[test]
fn what_is_not_here_says_so_as_llama_cpp_does() {
    let server = stories();
    assert_eq!(server.get("/lora-adapters").json(), json!([]));
    assert_eq!(server.post_json("/lora-adapters", &json!([])).json(), json!({"success": true}));
    for (body, expected) in [
        (json!([{"id": 0, "scale": 1}]), "lora: id 0, but the server was started with no adapters (--lora)"),
        (json!([{"id": 0}]), "scale"),
        (json!([{"id": 0, "scale": 1, "other": 1}]), "other"),
        (json!({}), "expected a sequence"),
    ] {
        let answer = server.post_json("/lora-adapters", &body);
        assert!(answer.status == 400 && answer.text().contains(expected), "{body}: {}", answer.text());
    }
    for path in ["/slots/0?action=save", "/slots/3?action=erase", "/props"] {
        let answer = server.post_json(path, &json!({"query": "a", "documents": ["b"]}));
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, &error["code"], &error["type"]),
            (501, &json!(501), &json!("not_supported_error")),
            "{path}: {error}"
        );
        assert!(error["message"].as_str().unwrap().starts_with("this server "), "{path}: {error}");
    }
}

#[test]
fn a_model_that_is_no_reranker_says_so_by_every_name() {
    let server = stories();
    for path in ["/rerank", "/reranking", "/v1/rerank", "/v1/reranking"] {
        let answer = server.post_json(path, &json!({"query": "a", "documents": ["b"]}));
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["type"]), (400, &json!("invalid_request_error")), "{path}: {error}");
        assert!(error["message"].as_str().unwrap().contains("is no reranker"), "{path}: {error}");
    }
}
