//! Log-probabilities of prompts: `echo` with `logprobs`, and vLLM's `prompt_logprobs`.

use serde_json::{Value, json};

use super::support::{STORIES, server, smollm2, with};
use crate::loopback::Loopback;

const PATH: &str = "/v1/completions";
const CHAT: &str = "/v1/chat/completions";

fn base() -> Value {
    json!({"prompt": "Once upon a time, there was a dog.", "echo": true, "logprobs": 3, "max_tokens": 0, "temperature": 0})
}

fn column<'a>(choice: &'a Value, name: &str) -> &'a Vec<Value> {
    choice["logprobs"][name].as_array().unwrap_or_else(|| panic!("{name}: {choice}"))
}

fn first(server: &Loopback, body: &Value) -> Value {
    server.ok(PATH, body)["choices"][0].clone()
}

#[test]
fn a_prompt_has_the_probabilities_that_its_tokens_had_as_output() {
    let server = server(&[STORIES]);
    let ids = |text: &Value| -> Vec<Value> {
        let answer = server.ok("/tokenize", &json!({"content": text, "add_special": true}));
        answer["tokens"].as_array().unwrap().clone()
    };
    let body = json!({"prompt": "Once upon a time", "max_tokens": 60, "logprobs": 3, "temperature": 0});
    let written = first(&server, &body);
    let text = format!("Once upon a time{}", written["text"].as_str().unwrap());
    let prompt = ids(&json!(text));
    // Twice, for the second finds all of it cached, and among others.
    let echo = json!({"prompt": prompt, "echo": true, "max_tokens": 0});
    for more in [json!({}), json!({}), json!({"cache_prompt": false}), json!({"n": 3, "temperature": 1})] {
        let choice = first(&server, &with(&with(&body, &echo), &more));
        for name in ["tokens", "token_logprobs", "top_logprobs"] {
            let (read, written) = (column(&choice, name), column(&written, name));
            assert_eq!(read.len(), prompt.len());
            assert_eq!(read[read.len() - 60..], written[..], "{name}, {more}");
        }
    }
}

#[test]
fn nothing_predicts_the_first_token_and_the_others_stand_where_they_stand() {
    let server = server(&[STORIES]);
    let choice = first(&server, &base());
    let prompt = base()["prompt"].as_str().unwrap().to_owned();
    assert_eq!((choice["text"].as_str(), &choice["finish_reason"]), (Some(prompt.as_str()), &json!("length")));
    let (tokens, offsets) = (column(&choice, "tokens"), column(&choice, "text_offset"));
    assert_eq!(
        (&column(&choice, "token_logprobs")[0], &column(&choice, "top_logprobs")[0]),
        (&json!(null), &json!(null))
    );
    // The beginning token is no part of the text; the space that the encoder puts in front is none either.
    assert_eq!((tokens[0].as_str(), &offsets[0], &offsets[1]), (Some("<s>"), &json!(0), &json!(0)));
    for (token, offset) in tokens.iter().zip(offsets).skip(1) {
        let rest = prompt.get(offset.as_u64().unwrap() as usize..).unwrap();
        let token = token.as_str().unwrap();
        assert!(rest.starts_with(if *offset == 0 { token.trim_start() } else { token }), "{token:?} at {offset}");
    }
    // Whoever was likeliest is found by its number.
    for (logprob, top) in column(&choice, "token_logprobs").iter().zip(column(&choice, "top_logprobs")).skip(1) {
        let top: Vec<f64> = top.as_object().unwrap().values().map(|x| x.as_f64().unwrap()).collect();
        assert!((3..=4).contains(&top.len()) && top.contains(&logprob.as_f64().unwrap()), "{logprob} in {top:?}");
    }
    let more = first(&server, &with(&base(), &json!({"max_tokens": 2})));
    assert_eq!(column(&more, "text_offset")[tokens.len()], prompt.len());
    assert_eq!(column(&more, "tokens").len(), tokens.len() + 2);
    // Characters of several bytes, cut between tokens.
    let choice = first(&server, &with(&base(), &json!({"prompt": "aé€a"})));
    let offsets: Vec<u64> = column(&choice, "text_offset").iter().map(|x| x.as_u64().unwrap()).collect();
    assert_eq!((offsets.last(), offsets.is_sorted()), (Some(&3), true), "{offsets:?}");
}

#[test]
fn the_token_that_ends_the_text_is_there_too() {
    let server = server(&[STORIES]);
    let n_prompt = column(&first(&server, &base()), "tokens").len();
    // 2 ends a text. Whoever scores prompts takes away the one token that had to be asked for.
    let body = with(&base(), &json!({"max_tokens": 1, "logit_bias": {"2": 100}}));
    let choice = first(&server, &body);
    assert_eq!((choice["text"].clone(), &choice["finish_reason"]), (base()["prompt"].clone(), &json!("stop")));
    assert_eq!(column(&choice, "tokens").len(), n_prompt + 1);
    assert_eq!(server.ok(PATH, &body)["usage"]["completion_tokens"], 1);
    let plain = with(&body, &json!({"echo": false}));
    assert_eq!(column(&first(&server, &plain), "tokens").len(), 0);
}

#[test]
fn a_stream_begins_with_the_prompt() {
    let server = server(&[STORIES]);
    for more in [
        json!({}),
        json!({"max_tokens": 6, "n": 2, "temperature": 1, "seed": 4}),
        json!({"prompt": ["One", "Two cats"]}),
    ] {
        let body = with(&base(), &more);
        let whole = server.ok(PATH, &body);
        let events = server.stream(PATH, &body);
        for choice in whole["choices"].as_array().unwrap() {
            let of_choice = || events.iter().map(|e| &e["choices"][0]).filter(|c| c["index"] == choice["index"]);
            let text: String = of_choice().filter_map(|c| c["text"].as_str()).collect();
            assert_eq!(choice["text"], text.as_str());
            for name in ["tokens", "token_logprobs", "text_offset", "top_logprobs"] {
                let parts = of_choice().filter_map(|c| c["logprobs"][name].as_array());
                assert_eq!(&parts.flatten().cloned().collect::<Vec<_>>(), column(choice, name), "{name}, {body}");
            }
            let first = of_choice().next().unwrap();
            assert_eq!(first["logprobs"]["token_logprobs"][0], json!(null), "{first}");
        }
    }
}

#[test]
fn as_vllm_has_them() {
    let server = server(&[STORIES]);
    let body = with(&base(), &json!({"echo": false, "prompt_logprobs": 2, "max_tokens": 1}));
    let echoed = first(&server, &base());
    let choice = first(&server, &body);
    let prompt = choice["prompt_logprobs"].as_array().unwrap();
    assert_eq!((prompt.len(), &prompt[0]), (column(&echoed, "tokens").len(), &json!(null)));
    assert_eq!(column(&choice, "tokens").len(), 1, "of the output alone");
    for ((entry, logprob), token) in
        prompt.iter().zip(column(&echoed, "token_logprobs")).zip(column(&echoed, "tokens")).skip(1)
    {
        let entry = entry.as_object().unwrap();
        let own = entry.values().find(|e| e["logprob"] == *logprob).unwrap_or_else(|| panic!("{entry:?}, {logprob}"));
        assert_eq!(&own["decoded_token"], token);
        let rank = own["rank"].as_u64().unwrap();
        assert_eq!(entry.len(), if rank <= 2 { 2 } else { 3 }, "{entry:?}");
        let better = entry.values().filter(|e| e["logprob"].as_f64() >= own["logprob"].as_f64()).count();
        assert!(rank as usize >= better, "{entry:?}");
    }
    assert!(choice["logprobs"]["token_logprobs"][0].is_number());
    assert!(first(&server, &base()).get("prompt_logprobs").is_none());

    let server = smollm2();
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let chat = json!({"messages": messages, "max_tokens": 2, "temperature": 0, "prompt_logprobs": 0});
    let answer = server.ok(CHAT, &chat);
    let n_prompt = answer["usage"]["prompt_tokens"].as_u64().unwrap() as usize;
    assert_eq!(answer["prompt_logprobs"].as_array().unwrap().len(), n_prompt);
    assert_eq!(answer["prompt_logprobs"][1].as_object().unwrap().len(), 1);
    let plain = server.ok(CHAT, &with(&chat, &json!({"prompt_logprobs": null})));
    assert_eq!(plain["choices"], answer["choices"]);
    assert!(plain.get("prompt_logprobs").is_none());
    server.refused(CHAT, &with(&chat, &json!({"prompt_logprobs": 21})), "prompt_logprobs");
    server.refused(CHAT, &with(&chat, &json!({"stream": true})), "prompt_logprobs");
}

#[test]
fn what_cannot_be_had_is_refused() {
    let server = server(&[STORIES]);
    for (more, field) in [
        (json!({"prompt_logprobs": 21}), "prompt_logprobs"),
        (json!({"prompt_logprobs": -1}), "prompt_logprobs"),
        (json!({"prompt_logprobs": 1, "stream": true}), "prompt_logprobs"),
        (json!({"suffix": " end."}), "suffix"),
        // 64 prompts of 1,000 tokens with 20 others each: more numbers than an answer holds.
        (json!({"logprobs": 20, "prompt": vec![vec![7; 1000]; 64]}), "logprobs"),
    ] {
        server.refused(PATH, &with(&base(), &more), field);
    }
    server.wait_until_idle();
}
