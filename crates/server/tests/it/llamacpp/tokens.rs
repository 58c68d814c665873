//! `/tokenize`, `/detokenize`, `/apply-template` and `/embedding`; numbers are those of llama.cpp's server with the
//! same model.

use serde_json::{Value, json};

use super::{refused, stories};
use crate::openai::support::{smollm2, with};

#[test]
fn text_becomes_ids() {
    let server = stories();
    let check = |body: Value, expected: Value| assert_eq!(server.ok("/tokenize", &body)["tokens"], expected, "{body}");
    check(json!({"content": "<s>a"}), json!([1, 261]));
    check(json!({"content": "<s>a", "parse_special": false}), json!([410, 504, 419, 505, 412]));
    check(json!({"content": [1, 2, "Hello"]}), json!([1, 2, 346, 306, 414]));
    check(json!({"content": ""}), json!([]));
    check(json!({"content": "Once", "add_special": true}), json!([1, 403]));
    check(json!({"content": [403], "add_special": true}), json!([403]));
    check(json!({"content": "Once", "with_pieces": true}), json!([{"id": 403, "piece": " Once"}]));
    check(
        json!({"content": "á", "with_pieces": true, "add_special": true}),
        json!([{"id": 1, "piece": "<s>"}, {"id": 410, "piece": " "}, {"id": 198, "piece": [195]}, {"id": 164, "piece": [161]}]),
    );
    refused(&server, "/tokenize", &json!({}), "content: missing");
    refused(&server, "/tokenize", &json!({"content": "a", "prompt": "a"}), "prompt: there is content");
    refused(&server, "/tokenize", &json!({"content": [512]}), "content: 512 is no token");
    refused(&server, "/tokenize", &json!({"content": "a", "extra": 1}), "extra");
    refused(&server, "/tokenize", &json!({"content": "a", "add_special": 1}), "add_special");
}

#[test]
fn ids_become_text() {
    let server = stories();
    let check = |tokens: Value, expected: &str| {
        assert_eq!(server.ok("/detokenize", &json!({"tokens": tokens}))["content"], expected);
    };
    check(json!([1, 403, 407]), "<s> Once upon");
    check(json!([407]), " upon");
    check(json!([198, 164]), "á");
    check(json!([198]), "\u{fffd}");
    check(json!([]), "");
    refused(&server, "/detokenize", &json!({"tokens": [99_999]}), "tokens: 99999 is no token");
    refused(&server, "/detokenize", &json!({"tokens": "x"}), "tokens");
    refused(&server, "/detokenize", &json!({"tokens": [-1]}), "tokens[0]");
}

#[test]
fn the_tokenizer_as_vllm_describes_it() {
    let server = stories();
    let check = |body: Value, expected: Value| assert_eq!(server.ok("/tokenize", &body), expected, "{body}");
    check(
        json!({"prompt": "Once", "model": null}),
        json!({"count": 2, "max_model_len": 512, "tokens": [1, 403], "token_strs": null}),
    );
    check(
        json!({"prompt": "<s>a", "add_special_tokens": false, "return_token_strs": true}),
        json!({"count": 2, "max_model_len": 512, "tokens": [1, 261], "token_strs": ["<s>", "\u{2581}a"]}),
    );
    assert_eq!(server.ok("/detokenize", &json!({"tokens": [407]}))["prompt"], " upon");
    let info = server.get("/tokenizer_info").json();
    assert_eq!(
        (&info["bos_token"], &info["eos_token"], &info["vocab_size"]),
        (&json!("<s>"), &json!("</s>"), &json!(512))
    );
    assert_eq!((&info["add_bos_token"], &info["model_max_length"]), (&json!(true), &json!(512)));
    assert!(info.get("chat_template").is_none());
    let info = smollm2().get("/tokenizer_info").json();
    assert_eq!(info["eos_token"], "<|im_end|>");
    assert!(info["chat_template"].as_str().unwrap().contains("<|im_start|>"));
}

#[test]
fn a_template_is_applied_and_nothing_generated() {
    let server = smollm2();
    let body = json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]});
    let prompt = server.ok("/apply-template", &body)["prompt"].as_str().unwrap().to_owned();
    let expected = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(prompt, expected);
    // What comes out can go into a completion, where its control tokens count.
    let chat = with(&body, &json!({"max_tokens": 8, "temperature": 0}));
    let chat = server.ok("/v1/chat/completions", &chat)["choices"][0]["message"]["content"].clone();
    let raw = server.ok("/completion", &json!({"prompt": prompt, "n_predict": 8, "temperature": 0}));
    assert_eq!(raw["content"], chat);
    // An answer that was begun goes on, an empty one too; one that is to stand as it is gets its end.
    let begun = |text: &str, more: &Value| {
        let messages = json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": text}]);
        let body = with(&json!({"messages": messages}), more);
        server.ok("/apply-template", &body)["prompt"].as_str().unwrap().to_owned()
    };
    for (text, more, end) in [
        ("Hello", json!({}), "<|im_start|>assistant\nHello"),
        ("Hello", json!({"add_generation_prompt": true}), "<|im_start|>assistant\nHello"),
        ("", json!({}), "Hi<|im_end|>\n<|im_start|>assistant\n"),
        ("Hello", json!({"add_generation_prompt": false}), "<|im_start|>assistant\nHello<|im_end|>\n"),
        ("Hello", json!({"continue_final_message": false}), "Hello<|im_end|>\n<|im_start|>assistant\n"),
    ] {
        let prompt = begun(text, &more);
        assert!(prompt.ends_with(end), "{text:?} {more}: {prompt:?}");
    }
    refused(server, "/apply-template", &json!({}), "the body: missing field `messages`");
    refused(server, "/apply-template", &json!({"messages": []}), "messages");
    refused(&stories(), "/apply-template", &body, "the model stories260k has no chat template");
}

#[test]
fn embeddings_in_every_norm() {
    let server = stories();
    let one = |body: Value| -> Vec<f64> {
        let answer = server.ok("/embedding", &body);
        assert_eq!(answer[0]["index"], 0);
        serde_json::from_value(answer[0]["embedding"][0].clone()).unwrap()
    };
    let raw = one(json!({"content": "Once upon a time", "embd_normalize": -1}));
    assert_eq!(raw.len(), 64);
    let check = |norm: i64, expected: f64, measure: &dyn Fn(&[f64]) -> f64| {
        let got = one(json!({"content": "Once upon a time", "embd_normalize": norm}));
        assert!((measure(&got) / expected - 1.0).abs() < 1e-5, "{norm}");
        let ratio = got[0] / raw[0];
        assert!(
            got.iter().zip(&raw).all(|(a, b)| (a - b * ratio).abs() < 1e-4 * ratio.abs() + 1e-6),
            "the same direction"
        );
    };
    check(0, 32_760.0, &|v| v.iter().fold(0.0, |max, x| max.max(x.abs())));
    check(1, 1.0, &|v| v.iter().map(|x| x.abs()).sum());
    check(2, 1.0, &|v| v.iter().map(|x| x * x).sum::<f64>().sqrt());
    let default = one(json!({"input": "Once upon a time"}));
    assert_eq!(default, one(json!({"content": "Once upon a time", "embd_normalize": 2})));
    let openai = server.ok("/v1/embeddings", &json!({"input": "Once upon a time"}));
    assert_eq!(json!(default), openai["data"][0]["embedding"]);
    let two = server.ok("/embeddings", &json!({"input": ["Once", [1, 403]]}));
    assert_eq!(two[0]["embedding"], two[1]["embedding"]);
    assert_eq!(two[1]["index"], 1);
    for (more, field) in [
        (json!({"embd_normalize": -2}), "embd_normalize: -2"),
        (json!({"embd_normalize": 101}), "embd_normalize: 101"),
        (json!({"content": []}), "content: 0 texts"),
        (json!({"content": vec!["a"; 2049]}), "content: 2049 texts"),
        (json!({"content": [512]}), "content: 512"),
    ] {
        refused(&server, "/embedding", &with(&json!({"content": "a"}), &more), field);
    }
    refused(&server, "/embedding", &json!({}), "the body: missing field `content`");
}
