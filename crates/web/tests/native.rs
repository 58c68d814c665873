//! What the native program makes of the models and files on which the module is tested. `cargo xtask web --test` has it
//! written as JSON, for the tests in Node.js (`web/test/module`).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use web::{Session, Stepped};

/// A clock that goes on by a millisecond each time it is asked.
fn clock() -> Duration {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    Duration::from_millis(ASKED.fetch_add(1, Ordering::Relaxed))
}

fn read_in(path: &Path, name: &str) -> (Session, Result<Value, web::Error>) {
    let bytes = fs::read(path).unwrap();
    let mut session = Session::new(clock, || 0);
    session.weights_begin(bytes.len() as u64).unwrap().copy_from_slice(&bytes);
    session.weights_filled(bytes.len() as u64).unwrap();
    session.weights_end(b"").unwrap();
    let info = session.load(json!({"name": name, "context_length": 256}).to_string().as_bytes());
    (session, info)
}

/// A model: what it is, 64 greedy steps, and the events of requests.
fn model(path: &Path, prompt: &str, requests: &[Value]) -> Value {
    let (mut session, info) = read_in(path, "model");
    let info = info.unwrap();
    let trace = session.trace(json!({"prompt": prompt, "n": 64}).to_string().as_bytes()).unwrap();
    let answers: Vec<Value> = requests.iter().map(|request| answer(&mut session, request)).collect();
    json!({"path": path, "info": info, "prompt": prompt, "trace": trace, "answers": answers})
}

/// A request and the events that it gives, without their times.
fn answer(session: &mut Session, request: &Value) -> Value {
    session.submit(request.to_string().as_bytes()).unwrap();
    let mut events = Vec::new();
    loop {
        match session.step().unwrap() {
            Stepped::Idle => break,
            Stepped::More => {}
            Stepped::Events => {
                let (lines, _) = session.events().unwrap();
                events.extend(lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
            }
        }
    }
    for event in events.iter_mut().filter_map(Value::as_object_mut) {
        event.remove("timings");
        event.remove("id");
    }
    json!({"request": request, "events": events})
}

/// The error of each malformed file: of the container, else of the model.
fn malformed() -> Vec<Value> {
    let manifest = testkit::read_json("gguf-malformed/manifest.json");
    let error = |entry: &Value| {
        let name = entry["file"].as_str().unwrap();
        let path = testkit::data("gguf-malformed").join(name);
        let of_container = gguf::Container::from_bytes(name, fs::read(&path).unwrap()).map(drop);
        let error = match of_container {
            Err(error) => error.to_string(),
            Ok(()) => read_in(&path, name).1.unwrap_err().message,
        };
        json!({"path": path, "name": name, "error": error})
    };
    manifest.as_array().unwrap().iter().map(error).collect()
}

/// Where `TRINITY_WEB_NATIVE` names a file, the results go there.
#[test]
fn greedy_answers_are_the_tokens_whose_logits_are_compared() {
    let of_stories = [
        json!({"prompt": "Once upon a time", "max_tokens": 40, "temperature": 0}),
        json!({"prompt": "Lily and Tom", "max_tokens": 24, "temperature": 1, "seed": 7, "n": 3}),
        json!({"prompt": "The cat", "max_tokens": 12, "temperature": 0.7, "top_p": 0.9, "top_k": 20, "min_p": 0.02,
               "typical_p": 0.95, "repeat_penalty": 1.1, "presence_penalty": 0.5, "frequency_penalty": 0.2,
               "logit_bias": {"300": 2.5}, "seed": 11, "logprobs": true, "top_logprobs": 2, "stop": ["."]}),
        json!({"prompt": "Say: ", "guided_choice": ["yes", "no", "perhaps"], "max_tokens": 16, "seed": 3}),
        json!({"prompt": "A number: ", "guided_regex": "[0-9]{3}-[a-f]{2}", "max_tokens": 16, "seed": 5}),
    ];
    let stories = model(&testkit::data("tiny-models/stories260K-f32.gguf"), "Once upon a time", &of_stories);
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a colour."}]);
    let of_smollm2 = [json!({"messages": messages, "max_tokens": 8, "temperature": 0})];
    let smollm2 = model(&testkit::smollm2_path(), "The capital of France is", &of_smollm2);
    for model in [&stories, &smollm2] {
        assert_eq!(model["trace"]["tokens"].as_array().unwrap().len(), 64);
        assert_eq!(model["answers"][0]["events"][0]["type"], "begun");
    }
    // Tokens of log-probabilities say their spaces, so they join to the text (up to the stop, which is not told).
    let of = |kind: &str| -> String {
        let events = stories["answers"][2]["events"].as_array().unwrap();
        events.iter().filter(|event| event["type"] == kind).filter_map(|event| event["text"].as_str()).collect()
    };
    let (joined, drawn) = (of("token"), of("text"));
    assert!(drawn.trim().contains(' ') && joined.trim_start().starts_with(drawn.trim()), "{joined:?} {drawn:?}");
    // The trace begins as the answer to the same prompt does, which the engine gave.
    let session = read_in(Path::new(stories["path"].as_str().unwrap()), "model").0;
    let text = |events: &Value| -> String {
        events.as_array().unwrap().iter().filter_map(|event| event["text"].as_str()).collect()
    };
    let told = text(&stories["answers"][0]["events"]);
    let tokens = json!({"tokens": stories["trace"]["tokens"].as_array().unwrap()[..40]});
    let traced = { session }.detokenize(tokens.to_string().as_bytes()).unwrap();
    assert_eq!(traced["content"].as_str().unwrap().trim_start(), told.trim_start());
    let malformed = malformed();
    assert_eq!(malformed.len(), 73);
    if let Some(path) = std::env::var_os("TRINITY_WEB_NATIVE") {
        let all = json!({"stories": stories, "smollm2": smollm2, "malformed": malformed});
        fs::write(path, all.to_string()).unwrap();
    }
}

fn stories() -> std::path::PathBuf {
    testkit::data("tiny-models/stories260K-f32.gguf")
}

/// Calls `plan` with ever more first bytes, as it asks for them; returns it with how many it took.
fn planned(file: &[u8], options: &Value) -> (Value, usize) {
    let session = Session::new(clock, || 0);
    let mut n = 16;
    loop {
        let head = file.get(..n).unwrap();
        let plan = session.plan(head, file.len() as u64, options.to_string().as_bytes()).unwrap();
        match plan["needed"].as_u64() {
            Some(needed) => n = needed as usize,
            None => return (plan, n),
        }
    }
}

#[test]
fn a_head_gives_the_plan_of_the_whole_file() {
    let file = fs::read(stories()).unwrap();
    let options = json!({"context_length": 96, "kv_type": "q8_0", "limit": 40_000_000, "step_rows": 16});
    let (plan, n) = planned(&file, &options);
    assert!(n < file.len(), "{n} of {}", file.len());
    let container = gguf::Container::from_bytes("stories", file.clone()).unwrap();
    let kv_types = model::KvTypes::both(model::KvType::Q8_0);
    let load = model::LoadOptions {
        context_len_max: Some(96),
        kv_types,
        step_rows_max: 16,
        pack_bytes_max: 0,
        ..model::LoadOptions::DEFAULT
    };
    let whole = model::memory_plan_with(&container, &load).unwrap();
    for (name, bytes) in
        [("weight_bytes", whole.weight_bytes), ("kv_bytes", whole.kv_bytes), ("scratch_bytes", whole.scratch_bytes)]
    {
        assert_eq!(plan[name], bytes, "{name}");
    }
    assert_eq!((plan["fits"].as_bool(), plan["context_length"].as_u64()), (Some(true), Some(96)));
}

/// What is wrong with a part of a file is said as of the whole, or more of it is asked for; never anything else.
#[test]
fn malformed_heads_are_refused_in_the_words_of_the_whole_file() {
    let session = Session::new(clock, || 0);
    let manifest = testkit::read_json("gguf-malformed/manifest.json");
    for entry in manifest.as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        let file = fs::read(testkit::data("gguf-malformed").join(name)).unwrap();
        let whole = gguf::Container::from_bytes(name, file.clone()).map(drop).map_err(|e| e.to_string());
        let options = json!({"name": name}).to_string();
        for n in (0..=file.len()).step_by(file.len() / 40 + 1).chain([file.len()]) {
            let plan = session.plan(&file[..n], file.len() as u64, options.as_bytes());
            match (plan, &whole) {
                (Ok(plan), _) if plan["state"] == "more" => {
                    let needed = plan["needed"].as_u64().unwrap() as usize;
                    assert!(needed > n && needed <= file.len(), "{name}: {needed} of {}, {n} were there", file.len());
                }
                (Ok(_), whole) => assert_eq!(*whole, Ok(())),
                (Err(error), Err(whole)) => assert_eq!(error.message, *whole, "{n} bytes"),
                // A container without a model in it.
                (Err(error), Ok(())) => assert!(error.message.starts_with(name), "{error}"),
            }
        }
    }
}

#[test]
fn what_is_not_loaded_is_not_asked() {
    let mut session = Session::new(clock, || 0);
    let closed = |error: web::Error| assert_eq!(error.kind, web::ErrorKind::Closed, "{error}");
    closed(session.info().unwrap_err());
    closed(session.submit(br#"{"prompt": "a"}"#).unwrap_err());
    closed(session.step().unwrap_err());
    assert!(session.is_idle());
    let error = session.load(b"{}").unwrap_err();
    assert!(error.message.starts_with("no file was read in"), "{error}");
    let error = session.load(br#"{"step_ms": 0}"#).unwrap_err();
    assert_eq!((error.field.as_deref(), error.message.as_str()), (Some("step_ms"), "step_ms: 0, expected 1 to 10000"));
}
