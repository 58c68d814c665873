//! Flags of `serve` that say how the engine computes: drafts, caches beyond the KV cache, windows. Texts never depend
//! on them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    program::trinity,
    server_process::{Server, get, post},
};

fn smollm2() -> String {
    testkit::smollm2_path().to_str().unwrap().to_owned()
}

fn stories(name: &str) -> String {
    testkit::data(&format!("tiny-models/{name}")).to_str().unwrap().to_owned()
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("serve-engine-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

/// A completion of the first model.
fn complete(address: &str, prompt: &str, max_tokens: usize, more: &Value) -> Value {
    let mut body = json!({"prompt": prompt, "max_tokens": max_tokens, "temperature": 0, "ignore_eos": true});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let model = get(address, "/v1/models", "");
    let models: Value = serde_json::from_str(model.rsplit("\r\n\r\n").next().unwrap()).unwrap();
    body["model"] = models["data"][0]["id"].clone();
    let answer = post(address, "/v1/completions", &body.to_string());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap()
}

fn text(answer: &Value) -> &str {
    answer["choices"][0]["text"].as_str().unwrap()
}

/// A counter of `/metrics`, all labels together, once it is above zero or the engine has had time to tell.
fn counter(address: &str, name: &str) -> f64 {
    let mut value = 0.0;
    for _ in 0..100 {
        let metrics = get(address, "/metrics", "");
        let lines = metrics.lines().filter(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        value = lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum();
        if value > 0.0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    value
}

const RHYME: &str = "One two three four five six seven. One two three four five six seven. One two three four";

#[test]
fn drafts_are_accepted_and_change_no_text() {
    let model = smollm2();
    let run = |flags: &[&str]| {
        let (_server, address) = Server::start(&[&[model.as_str(), "--context", "1024"], flags].concat());
        let answer = complete(&address, RHYME, 48, &json!({}));
        (text(&answer).to_owned(), counter(&address, "trinity_speculation_accepted_total"), answer)
    };
    let (plain, accepted, _) = run(&[]);
    assert_eq!(accepted, 0.0);
    let other = stories("stories260K-q8_0.gguf");
    let (text, accepted, answer) = run(&["--lookup"]);
    assert_eq!(text, plain, "--lookup");
    assert!(accepted >= 8.0, "--lookup: {accepted} accepted");
    let told = &answer["usage"]["completion_tokens_details"]["accepted_prediction_tokens"];
    assert!(told.as_f64().unwrap() >= 8.0, "{answer}");
    // The model drafts for itself: every draft is right.
    let (text, accepted, _) = run(&["--draft", &model]);
    assert_eq!(text, plain, "--draft");
    assert!(accepted >= 8.0, "--draft: {accepted} accepted");
    let (text, ..) = run(&["--draft-layers", "24"]);
    assert_eq!(text, plain, "--draft-layers");
    let refused = |flags: &[&str], says: &[&str]| {
        trinity([&["serve", "--port", "0", "--pin", model.as_str()], flags].concat()).fails(1, says);
    };
    refused(&["--draft", &other], &["--draft", "vocabulary", "512", "49152"]);
    refused(&["--draft-layers", "30"], &["--draft-layers 30", "30 layers", "1 to 29"]);
}

#[test]
fn a_server_that_starts_again_begins_warm() {
    let (cache, model) = (folder("cache"), stories("stories260K-q8_0.gguf"));
    let prompt = "Once upon a time, there was a little girl named Lily. She loved to play in the park. ".repeat(4);
    let flags = [model.as_str(), "--cache-dir", cache.to_str().unwrap()];
    let ask = || {
        let (mut server, address) = Server::start(&flags);
        let answer = complete(&address, &prompt, 20, &json!({}));
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
        (text(&answer).to_owned(), answer["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap())
    };
    let (cold_text, cold) = ask();
    let (warm_text, warm) = ask();
    assert_eq!(warm_text, cold_text);
    assert_eq!(cold, 0);
    assert!(warm >= 64, "{warm} cached tokens after a restart");
    // Another type of cache is another model to the folder.
    let (_server, address) = Server::start(&[&flags[..], &["--kv-type", "f32"]].concat());
    let other = complete(&address, &prompt, 1, &json!({}));
    assert_eq!(other["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    // A file in place of the folder is named.
    let file = folder("not-a-folder");
    std::fs::write(&file, "x").unwrap();
    trinity(["serve", "--port", "0", "--pin", &model, "--cache-dir", file.to_str().unwrap()])
        .fails(1, &["cache folder", "not-a-folder"]);
}

/// Pages that were exchanged for what can be waited for without end, before the start and while the server runs.
#[test]
fn a_cache_of_what_is_no_file_stops_nobody() {
    let (cache, model) = (folder("cache-of-fifos"), stories("stories260K-q8_0.gguf"));
    let prompt = "Once upon a time, there was a little girl named Lily. She loved to play in the park. ".repeat(4);
    let small = ["--context", "512", "--kv-tokens", "512"];
    let start = || Server::start(&[&[model.as_str(), "--cache-dir", cache.to_str().unwrap()][..], &small].concat());
    let exchange = || {
        let parts = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let pages: Vec<PathBuf> =
            parts.flat_map(|part| std::fs::read_dir(part).unwrap().map(|entry| entry.unwrap().path())).collect();
        for page in &pages {
            std::fs::remove_file(page).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(page).status().unwrap().success());
        }
        pages.len()
    };
    let stop = |mut server: Server| {
        server.signal("TERM");
        assert_eq!(server.wait().code(), Some(0));
    };
    let (server, address) = start();
    let told = text(&complete(&address, &prompt, 20, &json!({}))).to_owned();
    stop(server);
    assert!(exchange() > 2);
    let (server, address) = start();
    let ask = |address: &str| text(&complete(address, &prompt, 20, &json!({}))).to_owned();
    assert_eq!(ask(&address), told);
    // Others take its room, so that it is looked for on the disk.
    let others = |address: &str| {
        for other in ["Tom had a big red ball. ", "The sun was very hot. "] {
            complete(address, &other.repeat(40), 2, &json!({}));
        }
    };
    others(&address);
    exchange();
    assert_eq!(ask(&address), told);
    others(&address);
    stop(server);
}

#[test]
fn what_the_kv_cache_has_no_room_for_comes_back_from_memory() {
    let model = stories("stories260K-q8_0.gguf");
    let prompts =
        ["Tom had a big red ball. ", "Lily saw a small cat. ", "The sun was very hot. "].map(|p| p.repeat(12));
    let cached = |flags: &[&str]| {
        let room = [model.as_str(), "--context", "256", "--kv-tokens", "256"];
        let (_server, address) = Server::start(&[&room[..], flags].concat());
        prompts.iter().for_each(|p| drop(complete(&address, p, 2, &json!({}))));
        let again = complete(&address, &prompts[0], 2, &json!({}));
        again["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
    };
    assert!(cached(&[]) < 32);
    assert!(cached(&["--swap", "64"]) >= 64);
}

#[test]
fn behind_a_window_a_completion_outgrows_the_context() {
    let model = stories("stories260K-q8_0.gguf");
    let (server, address) = Server::start(&[&model, "--attention-window", "100", "--sinks", "4"]);
    let answer = complete(&address, "Once upon a time", 3000, &json!({}));
    assert_eq!(answer["usage"]["completion_tokens"], 3000);
    // The figures are told after the answer.
    let is_free = |_| get(&address, "/v1/loads", "").contains("\"num_running_reqs\":0");
    assert!((0..1000).any(is_free), "{}", get(&address, "/v1/loads", ""));
    drop(server);
    // Without one the context ends it.
    let (_server, address) = Server::start(&[&model]);
    let answer = complete(&address, "Once upon a time", 3000, &json!({}));
    assert!(answer["usage"]["total_tokens"].as_u64().unwrap() <= 512, "{answer}");
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[test]
fn behind_a_window_a_model_is_described_alike_whether_it_is_loaded_or_not() {
    let (_server, address) = Server::start(&[&stories("stories260K-q8_0.gguf"), "--attention-window", "100"]);
    let json = |answer: String| -> Value { serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap() };
    let loaded = || json(get(&address, "/api/ps", ""))["models"].as_array().unwrap().len();
    let context = || {
        let shown = json(post(&address, "/api/show", r#"{"model": "stories260K-q8_0"}"#));
        shown["model_info"]["llama.context_length"].as_u64().unwrap()
    };
    let of_loaded = context();
    assert_eq!((loaded(), of_loaded), (1, model::POSITIONS_MAX as u64));
    post(&address, "/api/generate", r#"{"model": "stories260K-q8_0", "keep_alive": 0}"#);
    assert!((0..1000).any(|_| loaded() == 0), "it was not unloaded");
    assert_eq!(context(), of_loaded);
}

#[test]
fn embeddings_are_pooled_as_the_file_or_the_operator_says() {
    let source = stories("stories260K-q8_0.gguf");
    let folder = folder("pooling");
    std::fs::create_dir_all(&folder).unwrap();
    let file = |kind: &str| {
        let path = folder.join(format!("pooling-{kind}.gguf")).to_str().unwrap().to_owned();
        std::fs::write(&path, std::fs::read(&source).unwrap()).unwrap();
        trinity(["metadata", &path, "--set", &format!("llama.pooling_type=u32:{kind}")]).ok();
        path
    };
    let embed = |model: &str, flags: &[&str]| -> Vec<Vec<f64>> {
        let (_server, address) = Server::start(&[&[model], flags].concat());
        let answer = post(&address, "/embedding", r#"{"content": "One day, Lily went out."}"#);
        let answer: Value = serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap();
        serde_json::from_value(answer[0]["embedding"].clone()).unwrap_or_else(|e| panic!("{answer}: {e}"))
    };
    let unit = |row: &[f64]| -> Vec<f64> {
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.iter().map(|x| x / length).collect()
    };
    // As numbered in files: none, mean, CLS, last; rank.
    let rows = embed(&file("0"), &[]);
    let mean: Vec<f64> = (0..64).map(|i| rows.iter().map(|row| row[i]).sum()).collect();
    let (mean, first, last) = (unit(&mean), unit(&rows[0]), unit(rows.last().unwrap()));
    assert!(rows.len() > 5);
    let check = |model: &str, flags: &[&str], expected: &[f64]| {
        let got = embed(model, flags);
        let is_expected = got.len() == 1 && got[0].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(is_expected, "{model} {flags:?}: {got:?}, expected {expected:?}");
    };
    check(&file("1"), &[], &mean);
    check(&file("2"), &[], &first);
    check(&file("3"), &[], &last);
    check(&source, &[], &mean);
    check(&source, &["--pooling", "last"], &last);
    check(&file("4"), &["--pooling", "cls"], &first);
    assert_eq!(embed(&source, &["--pooling", "none"]), rows);
    trinity(["run", &file("5"), "Once"]).fails(1, &["pooling_type", "5, expected 0 to 4"]);
}

#[test]
fn what_is_not_heeded_is_logged_once() {
    let (mut server, address) = Server::start(&["--context", "64"]);
    let body = r#"{"model":"stories260k","prompt":"Once","stream":false,"max_output_tokens":9,"options":{"num_predict":1,"num_ctx":4096,"tfs_z":0.5}}"#;
    for _ in 0..3 {
        let answer = post(&address, "/api/generate", body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    get(&address, "/last", "");
    server.wait_for("path=/last");
    for (says, more) in [
        ("field=max_output_tokens", "route=/api/generate"),
        ("field=options.tfs_z", "route=/api/generate"),
        ("asked=4096", "served=64"),
    ] {
        let lines: Vec<&String> = server.said.iter().filter(|line| line.contains(says)).collect();
        assert!(lines.len() == 1 && lines[0].contains(more), "{says}: {:#?}", server.said);
    }
}
