//! A small model whose layers carry states, through everything that a user does with a model.

use std::{fs, sync::LazyLock};

use gguf::{Container, TensorSpec, TypeId, Value, Writer};
use serde_json::json;

use crate::{
    program::{command, trinity, trinity_with_input},
    server_process::{Server, get, post},
};

/// A model with convolutions, one with delta nets, and one that has no attention at all.
static LFM2: LazyLock<String> = LazyLock::new(|| model("lfm2"));
static QWEN35: LazyLock<String> = LazyLock::new(|| model("qwen35"));
static MAMBA2: LazyLock<String> = LazyLock::new(|| model("mamba2"));

/// Makes the model `golden2/NAME` with the tokenizer of the stories and an embedding of its size.
fn model(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.gguf", std::process::id()));
    let layers = Container::open(&testkit::data(&format!("golden2/{name}.gguf"))).unwrap();
    let words = Container::open(&testkit::data("tiny-models/stories260K-f32.gguf")).unwrap();
    let mut metadata = layers.metadata().clone();
    for (key, value) in words.metadata().iter().filter(|(key, _)| key.starts_with("tokenizer.")) {
        metadata.set(key, value.clone());
    }
    metadata.set(format!("{name}.context_length"), Value::U32(512));
    let n_vocab = words.metadata().strings("tokenizer.ggml.tokens").unwrap().unwrap().len();
    let (mut specs, mut data) = (Vec::new(), Vec::new());
    for tensor in layers.tensors() {
        let (mut dims, mut bytes) = (tensor.dims.clone(), layers.bytes(tensor).to_vec());
        if ["token_embd.weight", "output.weight"].contains(&tensor.name.as_str()) {
            dims = vec![48, n_vocab as u64];
            let values = testkit::Rng::new(tensor.name.len() as u64).normals(48 * n_vocab);
            bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        }
        specs.push(TensorSpec { name: tensor.name.clone(), dims, type_id: TypeId(0) });
        data.push(bytes);
    }
    let mut writer = Writer::new(fs::File::create(&path).unwrap(), &metadata, specs).unwrap();
    data.iter().for_each(|bytes| writer.tensor(bytes).unwrap());
    writer.finish().unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn they_are_inspected_run_and_quantised() {
    // Five layers of two rows of 48 floats; six of three rows of 128, and of four matrices; four of six.
    for (model, state_bytes) in [
        (&*LFM2, 5 * 2 * 48 * 4),
        (&*QWEN35, 6 * (3 * 128 + 4 * 16 * 16) * 4),
        (&*MAMBA2, 4 * (3 * 128 + 6 * 16 * 16) * 4),
    ] {
        let said = trinity(["inspect", model]).ok().text();
        assert!(said.contains(" state of a sequence"), "{said}");
        for program in ["llama.cpp", "Ollama, LM Studio"] {
            let line = said.lines().find(|line| line.trim_start().starts_with(program)).unwrap();
            assert!(line.ends_with(" yes"), "{line}");
        }
        let json = trinity(["inspect", model, "--json"]).ok().json();
        assert_eq!(json["memory"]["state_bytes"], state_bytes);
        let run = |model: &str, threads: &str| {
            let arguments = ["run", model, "Once upon a time", "-n", "40", "--temperature", "0", "-t", threads];
            trinity(arguments).ok().text()
        };
        let text = run(model, "1");
        assert_eq!(run(model, "2"), text);
        let out = model.replace(".gguf", "-f16.gguf");
        trinity(["quantize", model, &out, "--type", "f16"]).ok();
        assert!(!run(&out, "1").is_empty());
        trinity(["run", model, "Once", "--attention-window", "64"]).fails(1, &["attention window", "states"]);
    }
}

#[test]
fn a_conversation_goes_on_where_it_was() {
    let arguments = ["chat", &LFM2, "--chat-template", "chatml", "--temperature", "0", "-n", "8", "--verbose"];
    let lines = format!("{}\nAgain\n", "Once upon a time there was a girl. ".repeat(5));
    let outcome = trinity_with_input(arguments, lines.as_bytes()).ok();
    assert_eq!(outcome.stderr.matches("(0 cached)").count(), 1, "{}", outcome.stderr);
    assert_eq!(outcome.stderr.matches(" cached)").count(), 2, "{}", outcome.stderr);
}

/// The text of a completion.
fn complete(address: &str, prompt: &str, more: &serde_json::Value) -> String {
    let (text, usage) = complete_with_usage(address, prompt, more);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 0, "{usage}");
    text
}

/// The text of a completion, and what was counted.
fn complete_with_usage(address: &str, prompt: &str, more: &serde_json::Value) -> (String, serde_json::Value) {
    let mut body = json!({"model": "any", "prompt": prompt, "max_tokens": 40, "temperature": 0, "ignore_eos": true});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = post(address, "/v1/completions", &body.to_string());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer: serde_json::Value = serde_json::from_str(answer.rsplit("\r\n\r\n").next().unwrap()).unwrap();
    let choices = answer["choices"].as_array().unwrap();
    let texts: Vec<&str> = choices.iter().map(|choice| choice["text"].as_str().unwrap()).collect();
    (texts.join("|"), answer["usage"].clone())
}

/// A sample of `/metrics`.
fn metric(address: &str, name: &str) -> u64 {
    let metrics = get(address, "/metrics", "");
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name}{{")));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).rsplit(' ').next().unwrap().parse().unwrap()
}

const WORDS: [&str; 10] = ["Once", "upon", "a", "time", "there", "was", "dog", "Lily", "and", "Tom"];

fn words(n: usize, word: impl Fn(usize) -> usize) -> String {
    (0..n).map(|i| WORDS[word(i) % WORDS.len()]).collect::<Vec<_>>().join(" ")
}

/// 64 requests of random mixes, that begin like others, give way, are swapped, and come again after a restart.
#[test]
fn answers_are_the_same_bytes_preempted_swapped_and_read_from_disk() {
    let prompts: Vec<String> = (0..64)
        .map(|i| {
            let shared = words(40 + 30 * (i % 4), |j| j * (1 + i % 3) + j * j);
            format!("{shared} {}", words(3 + i % 20, |j| i * 7 + j * i))
        })
        .collect();
    let more = |i: usize| match i % 4 {
        0 => json!({"n": 2, "temperature": 1.0, "seed": i, "max_tokens": 10 + i}),
        1 => json!({"max_tokens": 60, "priority": i % 5}),
        _ => json!({"max_tokens": 20}),
    };
    for model in [&*LFM2, &*QWEN35, &*MAMBA2] {
        let cache = tempfile::tempdir().unwrap();
        let answers = |flags: &[&str], n_at_once: usize| {
            let (mut server, address) = Server::start(&[&[model.as_str()], flags].concat());
            let ask = |i: usize| complete_with_usage(&address, &prompts[i], &more(i)).0;
            let mut texts = vec![String::new(); prompts.len()];
            std::thread::scope(|scope| {
                for (first, texts) in texts.chunks_mut(prompts.len().div_ceil(n_at_once)).enumerate() {
                    let first = first * prompts.len().div_ceil(n_at_once);
                    scope.spawn(move || texts.iter_mut().zip(first..).for_each(|(text, i)| *text = ask(i)));
                }
            });
            let counts = ["preemptions_total", "loaded_states_total", "cached_tokens_total"];
            let counts = counts.map(|name| metric(&address, &format!("trinity_{name}")));
            server.signal("TERM");
            assert!(server.wait().success());
            (texts, counts)
        };
        let (alone, counts) = answers(&["--no-prefix-cache"], 1);
        assert_eq!(counts, [0; 3]);
        let tight = ["--context", "256", "--kv-tokens", "384", "--max-running", "4", "--swap", "64"];
        let folder = ["--cache-dir", cache.path().to_str().unwrap()];
        let (swapped, [n_preempted, n_loaded, _]) = answers(&tight, 16);
        assert!(swapped == alone, "{model}: swapped");
        assert!(n_preempted > 0 && n_loaded > 0, "{model}: {n_preempted} preempted, {n_loaded} loaded");
        let flags = [&tight[..6], &folder].concat();
        let (first, _) = answers(&flags, 16);
        assert!(first == alone, "{model}: on disk");
        let (again, [_, n_loaded, n_cached]) = answers(&flags, 16);
        assert!(again == alone, "{model}: after a restart");
        assert!(n_loaded > 0 && n_cached > 64, "{model}: {n_loaded} loaded, {n_cached} tokens cached");
    }
}

/// Whoever asks second after the same thousand tokens has at most a tenth of the first one's computed.
#[test]
fn a_shared_thousand_tokens_are_computed_once() {
    let tokens = |n: usize, seed: usize| (0..n).map(move |i| 3 + (i * i / 7 + i * seed) % 500);
    for (model, architecture) in [(&*LFM2, "lfm2"), (&*QWEN35, "qwen35"), (&*MAMBA2, "mamba2")] {
        let longer = model.replace(".gguf", "-2048.gguf");
        fs::copy(model, &longer).unwrap();
        trinity(["metadata", &longer, "--set", &format!("{architecture}.context_length=u32:2048")]).ok();
        let (_server, address) = Server::start(&[&longer]);
        let computed = || metric(&address, "trinity_computed_prompt_tokens_total");
        let ask = |n: usize, seed: usize| {
            let before = computed();
            let prompt: Vec<usize> = tokens(1000, 1).chain(tokens(n, seed)).collect();
            let (_, usage) = complete_with_usage(&address, "", &json!({"prompt": prompt, "max_tokens": 2}));
            assert_eq!(usage["prompt_tokens"], 1000 + n, "{usage}");
            computed() - before
        };
        let cold = ask(30, 2);
        assert_eq!(cold, 1030, "{model}");
        for (n, seed) in [(25, 3), (60, 4), (7, 5)] {
            let warm = ask(n, seed);
            assert!(10 * warm <= cold, "{model}: {warm} tokens computed, {cold} without what was shared");
        }
    }
}

#[test]
fn answers_under_load_are_those_of_each_request_alone() {
    let words = ["Once", "upon", "a", "time", "there", "was", "dog", "Lily", "and", "Tom"];
    let prompts: Vec<String> = (0..12)
        .map(|i| (0..10 + 7 * (i % 5)).map(|j| words[(i * 3 + j * j) % words.len()]).collect::<Vec<_>>().join(" "))
        .collect();
    let more = |i: usize| match i % 3 {
        0 => json!({"n": 3, "temperature": 1.0, "seed": i}),
        1 => json!({"logprobs": 1}),
        _ => json!({}),
    };
    let answers = |model: &str, flags: &[&str], is_parallel: bool| {
        let (mut server, address) = Server::start(&[&[model], flags].concat());
        assert!(server.said.iter().any(|line| line.contains("layers carry states")), "{:#?}", server.said);
        let ask = |i: usize| complete(&address, &prompts[i], &more(i));
        let texts: Vec<String> = if is_parallel {
            std::thread::scope(|scope| {
                let asked: Vec<_> = (0..prompts.len()).map(|i| scope.spawn(move || ask(i))).collect();
                asked.into_iter().map(|thread| thread.join().unwrap()).collect()
            })
        } else {
            (0..prompts.len()).map(ask).collect()
        };
        let is_counted = get(&address, "/server_info", "").contains("\"max_running_requests\":3");
        assert_eq!(is_counted, flags.contains(&"3"));
        server.signal("TERM");
        assert!(server.wait().success());
        texts
    };
    // Few places, and few pages: sequences give way and begin again. Guesses are off.
    let tight = ["--max-running", "3", "--context", "128", "--kv-tokens", "192", "--lookup", "--swap", "1"];
    for model in [&*LFM2, &*QWEN35, &*MAMBA2] {
        let alone = answers(model, &["--no-prefix-cache"], false);
        assert_eq!(answers(model, &[], false), alone, "{model}");
        assert_eq!(answers(model, &[], true), alone, "{model}");
        assert_eq!(answers(model, &tight, true), alone, "{model}");
    }
}

#[test]
fn pages_that_hold_nothing_are_no_more_than_states_can_use() {
    let context = |flags: &[&str]| {
        let (server, _) = Server::start(&[&[MAMBA2.as_str(), "--max-running", "3"], flags].concat());
        server.said.iter().find(|line| line.starts_with("context")).unwrap().clone()
    };
    let says = |n: usize| format!("context  512 tokens a request, {n} for all together; up to 3 sequences at once");
    assert_eq!(context(&[]), says(4 * 512));
    assert_eq!(context(&["--kv-tokens", "2147483648"]), says(2 * 3 * 512), "six states of 512 tokens");
    let arguments = ["serve", "--port", "0", &MAMBA2, "--kv-tokens", "2147483649"];
    trinity(arguments).fails(2, &["--kv-tokens", "2147483649", "2147483648"]);
}

#[test]
fn a_draft_model_with_states_is_refused() {
    let stories = testkit::data("tiny-models/stories260K-f32.gguf");
    let outcome = command(["serve", "--port", "0", stories.to_str().unwrap(), "--draft", &LFM2]).output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(!outcome.status.success() && said.contains("cannot take back a wrong guess"), "{said}");
}
