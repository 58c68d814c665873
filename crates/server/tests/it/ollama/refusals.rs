//! Whatever this server has not is refused by name; whatever has no effect is accepted.

use serde_json::{Value, json};

use super::support::{CHAT, GENERATE, chat, generate, refused, whole, with_options};
use crate::openai::support::{SMOLLM2, smollm2, with};

fn bases() -> [(&'static str, Value); 2] {
    [(GENERATE, generate()), (CHAT, chat())]
}

#[test]
fn what_this_server_has_not_is_refused_by_name() {
    for (more, param) in [
        (json!({"template": "{{ .Prompt }}"}), "template"),
        (json!({"images": ["aGk="]}), "images"),
        (json!({"suffix": "x"}), "suffix"),
        (json!({"width": 5}), "width"),
        (json!({"height": 5}), "height"),
        (json!({"steps": 5}), "steps"),
        (json!({"raw": true, "system": "x"}), "system"),
        (json!({"raw": true, "context": [1]}), "context"),
        (json!({"suffix": "x", "system": "x"}), "system"),
    ] {
        refused(GENERATE, &with(&generate(), &more), param);
    }
    for (path, body) in bases() {
        for (more, param) in [
            (json!({"truncate": 1}), "truncate"),
            (json!({"shift": "no"}), "shift"),
            (json!({"stream": "yes"}), "stream"),
            (json!({"options": 5}), "options"),
            (json!({"top_logprobs": 3}), "top_logprobs"),
            (json!({"logprobs": true, "top_logprobs": 21}), "top_logprobs"),
        ] {
            refused(path, &with(&body, &more), param);
        }
    }
    refused(CHAT, &with(&chat(), &json!({"tools": [{"type": "web"}]})), "tools[0].type");
    refused("/api/show", &json!({"model": "x", "system": "y"}), "system");
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    for (path, body) in bases() {
        for (option, values) in [
            ("temperature", json!([-1, 101])),
            ("top_k", json!([-1])),
            ("top_p", json!([-0.1, 1.1])),
            ("min_p", json!([-0.1, 1.1])),
            ("typical_p", json!([-0.1, 1.1])),
            ("repeat_penalty", json!([0, -1, 101])),
            ("repeat_last_n", json!([-2])),
            ("presence_penalty", json!([-2.1, 2.1])),
            ("frequency_penalty", json!([-2.1, 2.1])),
            ("num_predict", json!([-3])),
            ("num_ctx", json!([0, -1, "8192"])),
            ("stop", json!([vec!["a"; 17], "x".repeat(257), ""])),
            ("seed", json!(["x"])),
        ] {
            for value in values.as_array().unwrap() {
                refused(path, &with_options(&body, &json!({option: value})), &format!("options.{option}"));
            }
        }
    }
}

#[test]
fn what_has_no_effect_is_accepted() {
    let options = json!({
        "num_keep": 4, "num_batch": 512,
        "num_gpu": 1, "main_gpu": 0, "num_thread": 4, "numa": false, "low_vram": false, "f16_kv": true, "logits_all": false,
        "vocab_only": false, "use_mmap": true, "use_mlock": false, "embedding_only": false, "num_predict": 1,
    });
    for (path, body) in bases() {
        let body = with(
            &with_options(&body, &options),
            &json!({"truncate": false, "shift": false, "format": null, "keep_alive": null}),
        );
        let plain = whole(smollm2(), path, &body);
        let wished = whole(smollm2(), path, &with(&body, &json!({"truncate": true, "shift": true})));
        for name in ["message", "response", "prompt_eval_count"] {
            assert_eq!(plain[name], wished[name], "{path}: both are the same where all has room");
        }
    }
    whole(
        smollm2(),
        GENERATE,
        &with(&generate(), &json!({"images": [], "template": "", "suffix": "", "system": "", "context": []})),
    );
}

#[test]
fn what_ollama_does_not_know_is_skipped() {
    let options = json!({
        "mirostat": 1, "mirostat_tau": 5, "mirostat_eta": 0.1, "tfs_z": 0.5, "penalize_newline": false, "made_up": {"a": 1}, "max_tokens": 9,
    });
    let call = json!({"id": "x", "index": 0, "function": {"name": "f", "arguments": {}, "strict": true}});
    let messages = json!([
        {"role": "user", "content": "Hi", "extra": 1, "experimental_attachments": []},
        {"role": "assistant", "content": "", "tool_calls": [call], "refusal": null},
        {"role": "tool", "content": "1", "made_up": {}},
        {"role": "user", "content": "Hi"},
    ]);
    for (path, body) in bases() {
        let body = with(&body, &json!({"messages": messages}));
        let more =
            json!({"temperature": 0, "max_output_tokens": 9, "tool_choice": "auto", "user": "me", "made_up": [{}]});
        let answer = whole(smollm2(), path, &with(&with_options(&body, &options), &more));
        let plain = whole(smollm2(), path, &body);
        for name in ["message", "response", "eval_count", "prompt_eval_count"] {
            assert_eq!(answer[name], plain[name], "{path}: what was skipped changed the answer");
        }
    }
    let vector = |more: Value| {
        let body = with(&json!({"model": SMOLLM2, "input": "a"}), &more);
        smollm2().ok("/api/embed", &body)["embeddings"].clone()
    };
    assert_eq!(vector(json!({"encoding_format": "float", "options": {"made_up": 1}})), vector(json!({})));
    smollm2().ok("/api/embeddings", &json!({"model": SMOLLM2, "prompt": "a", "input": "b"}));
    smollm2().ok("/api/show", &json!({"model": SMOLLM2, "made_up": 1}));
}

#[test]
fn nothing_on_the_server_is_changed() {
    for (method, path) in [
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("POST", "/api/push"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/blobs/sha256:00"),
    ] {
        let answer = smollm2().send(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        ));
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
        assert!(answer.json()["error"].as_str().unwrap().starts_with("this server "), "{answer:?}");
    }
}

#[test]
fn a_prompt_beyond_the_context_is_refused_with_both_numbers() {
    let long = json!("word ".repeat(600));
    let message = refused(GENERATE, &with(&generate(), &json!({"prompt": long})), "the context holds 512");
    assert!(message.contains("tokens"), "{message}");
    refused(CHAT, &with(&chat(), &json!({"messages": [{"role": "user", "content": long}]})), "the context holds 512");
    assert_eq!(smollm2().app.metrics().n_panics(), 0);
}

#[test]
fn requests_that_only_load_are_checked_too() {
    for (path, empty) in [(GENERATE, json!({"prompt": ""})), (CHAT, json!({"messages": []}))] {
        for (more, param) in [
            (json!({"options": {"temperature": -1}}), "options.temperature"),
            (json!({"options": {"num_predict": -3}}), "options.num_predict"),
            (json!({"options": {"num_ctx": 0}}), "options.num_ctx"),
            (json!({"options": {"stop": vec!["x"; 99]}}), "options.stop"),
            (json!({"format": "xml"}), "format"),
            (json!({"think": "very"}), "think"),
        ] {
            refused(path, &with(&with(&json!({"model": SMOLLM2}), &empty), &more), param);
        }
    }
    let tool = json!({"model": SMOLLM2, "messages": [], "tools": [{"type": "web"}]});
    refused(CHAT, &tool, "tools[0].type");
    for (path, text) in [("/api/embed", "input"), ("/api/embeddings", "prompt")] {
        let body = json!({"model": SMOLLM2, text: "a", "options": {"top_p": 7}});
        refused(path, &body, "options.top_p");
    }
    let empty = json!({"model": SMOLLM2, "prompt": "", "options": {"top_p": 7}});
    refused("/api/embeddings", &empty, "options.top_p");
}
