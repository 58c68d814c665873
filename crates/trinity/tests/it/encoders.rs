//! Small encoders through everything that a user does with one, and what is refused.

use std::{fs, sync::LazyLock};

use gguf::{Array, Container, TensorSpec, TypeId, Value, Writer};
use serde_json::json;
use testkit::{Answer, Loopback};

use crate::{
    models::ETAG,
    program::{command, finish, trinity, trinity_with_input},
    server_process::{Server, post},
};

/// Architectures that give embeddings.
const EMBEDDERS: [&str; 5] = ["bert", "nomic-bert", "jina-bert-v2", "modern-bert", "gemma-embedding"];
const RERANKER: &str = "bert-rerank";

/// Writes the model of `golden2/NAME` with a tokenizer; returns its path.
fn written(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.gguf", std::process::id()));
    let container = Container::open(&testkit::data(&format!("golden2/{name}.gguf"))).unwrap();
    let mut metadata = container.metadata().clone();
    let (pieces, kinds) = testkit::wordpieces(128).into_iter().unzip();
    metadata.set("tokenizer.ggml.model", Value::String("bert".to_owned()));
    metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(pieces)));
    metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(kinds)));
    let spec = |t: &gguf::TensorInfo| TensorSpec { name: t.name.clone(), dims: t.dims.clone(), type_id: TypeId(0) };
    let specs = container.tensors().iter().map(spec).collect();
    let mut writer = Writer::new(fs::File::create(&path).unwrap(), &metadata, specs).unwrap();
    container.tensors().iter().for_each(|tensor| writer.tensor(&container.bytes(tensor)).unwrap());
    writer.finish().unwrap();
    path.to_str().unwrap().to_owned()
}

static EMBEDDING_FILES: LazyLock<Vec<String>> = LazyLock::new(|| EMBEDDERS.iter().map(|name| written(name)).collect());
static RERANKING_FILE: LazyLock<String> = LazyLock::new(|| written(RERANKER));

fn lines() -> Vec<String> {
    (0..25).map(|i| format!("the cat {}", "sits on a boat in the sea. ".repeat(i % 6))).collect()
}

/// The name under which a file is served.
fn name(file: &str) -> &str {
    std::path::Path::new(file).file_stem().unwrap().to_str().unwrap()
}

/// The status and the JSON of an answer.
fn ask(address: &str, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
    let answer = post(address, path, &body.to_string());
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap())
}

/// A model that writes no text is offered for what it does.
#[test]
fn what_to_do_next_with_a_pulled_model_is_what_it_can() {
    for (file, next) in [(&EMBEDDING_FILES[0], "embed"), (&*RERANKING_FILE, "serve")] {
        let bytes = fs::read(file).unwrap();
        let server = Loopback::start(move |request| Answer::file(request, &bytes, ETAG));
        let home = tempfile::tempdir().unwrap();
        let url = server.url("/model.gguf");
        let pulled = finish(command(["pull", &url]).env("TRINITY_HOME", home.path())).ok();
        assert!(pulled.stderr.contains(&format!("next: trinity {next} {url}")), "{}", pulled.stderr);
    }
}

#[test]
fn each_text_has_the_vector_that_it_has_alone_wherever_it_is_asked_for() {
    for file in EMBEDDING_FILES.iter() {
        let embed = |arguments: &[&str], input: &str| {
            let outcome = trinity_with_input([&["embed", file], arguments].concat(), input.as_bytes()).ok();
            outcome.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Vec<f32>>>()
        };
        let together = embed(&[], &lines().join("\n"));
        assert_eq!(together.len(), 25);
        assert_ne!(together[1], together[2]);
        assert_eq!(together[1], together[7], "equal texts");
        for i in [0, 5, 24] {
            assert_eq!(embed(&["-t", "1"], &lines()[i]), together[i..=i], "{file}, line {i}");
        }
        let (_server, address) = Server::start(&[file]);
        let (status, answer) = ask(&address, "/v1/embeddings", &json!({"input": lines()}));
        assert_eq!(status, 200, "{answer}");
        let of_openai = answer["data"].as_array().unwrap().iter().map(|one| one["embedding"].clone());
        let (_, answer) = ask(&address, "/api/embed", &json!({"model": name(file), "input": lines()}));
        let of_ollama = answer["embeddings"].as_array().unwrap().iter().cloned();
        for served in [of_openai.collect::<Vec<_>>(), of_ollama.collect()] {
            let served: Vec<Vec<f32>> = served.into_iter().map(|v| serde_json::from_value(v).unwrap()).collect();
            assert!(served == together, "{file}: a server gives other vectors");
        }
    }
}

/// Nothing is kept of a text: there is memory for a step, 512 rows here, and for the ends of pages of its texts.
#[test]
fn memory_is_that_of_a_step() {
    let (server, _) = Server::start(&[&EMBEDDING_FILES[0], "--max-running", "10"]);
    let context = server.said.iter().find(|line| line.starts_with("context")).unwrap();
    let expected = format!("context  64 tokens a request, {} for all together", 512 + 10 * 32);
    assert!(context.starts_with(&expected), "{context}");
}

#[test]
fn they_are_inspected_and_quantised() {
    for (name, file) in EMBEDDERS.iter().zip(EMBEDDING_FILES.iter()) {
        let said = trinity(["inspect", file]).ok().text();
        assert!(said.contains(&format!("architecture  {name}")), "{said}");
        for program in ["trinity", "llama.cpp", "Ollama, LM Studio"] {
            let line = said.lines().find(|line| line.trim_start().starts_with(program)).unwrap();
            assert!(line.ends_with(" yes"), "{line}");
        }
        let out = file.replace(name, &format!("{name}-f16"));
        trinity(["quantize", file, &out, "--type", "f16"]).ok();
        assert_eq!(trinity_with_input(["embed", &out], b"the cat").ok().text().lines().count(), 1);
    }
}

#[test]
fn a_text_longer_than_the_context_is_refused_or_cut() {
    let (file, long) = (EMBEDDING_FILES[0].as_str(), format!("the sea\n{}\n", "a cat ".repeat(40)));
    let embed = |arguments: &[&str]| trinity_with_input([&["embed", file], arguments].concat(), long.as_bytes());
    embed(&[]).fails(1, &["line 2 has 82 tokens, but the context holds 64"]);
    embed(&["--context", "20"]).fails(1, &["line 2 has 82 tokens, but the context holds 20"]);
    let cut = embed(&["--truncate"]).ok().text();
    // 64 tokens with those that begin and end a text.
    let short = trinity_with_input(["embed", file], "a cat ".repeat(31).as_bytes()).ok().text();
    assert_eq!(cut.lines().nth(1), short.lines().next());
    trinity_with_input(["embed", file, "--attention-window", "16"], b"a cat")
        .fails(1, &["encoder", "attention window"]);
    let (_server, address) = Server::start(&[file]);
    let (_, answer) = ask(&address, "/api/embed", &json!({"model": name(file), "input": "a cat ".repeat(40)}));
    assert_eq!(answer["embeddings"][0].to_string(), short.trim());
    let (status, answer) = ask(&address, "/v1/embeddings", &json!({"input": ["a cat", "a cat ".repeat(40)]}));
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("context_length_exceeded")));
    assert!(answer["error"]["message"].as_str().unwrap().contains("64 tokens"), "{answer}");
}

#[test]
fn bench_measures_texts() {
    let file = EMBEDDING_FILES[0].as_str();
    let json = trinity(["bench", file, "-p", "20,40", "-b", "1,40", "-r", "1", "--json"]).ok().json();
    let row = |r: &serde_json::Value| (r["test"].as_str().unwrap().to_owned(), r["n_tokens"].as_u64().unwrap());
    let rows: Vec<_> = json.as_array().unwrap().iter().map(row).collect();
    let expected = [("embed20", 20), ("embed20 x40", 800), ("embed40", 40), ("embed40 x40", 1600)];
    assert_eq!(rows, expected.map(|(name, n)| (name.to_owned(), n)));
    trinity(["bench", file, "-d", "0,8"]).fails(2, &["--depth 8", "encoder"]);
}

#[test]
fn who_asks_an_encoder_for_text_is_told_what_it_is() {
    let file = EMBEDDING_FILES[3].as_str();
    let text = file.replace(".gguf", ".txt");
    fs::write(&text, "the cat sits on a boat in the sea. ".repeat(100)).unwrap();
    let ids = file.replace(".gguf", ".ids");
    fs::write(&ids, "5 6 7").unwrap();
    let says = ["modern-bert is an encoder, which gives embeddings of texts and generates none", file];
    for arguments in [
        &["run", file, "the cat"][..],
        &["bench", file, "-n", "8"],
        &["doctor", file],
        &["eval", "perplexity", file, "--file", &text],
        &["eval", "logits", file, "--tokens", &ids, "--out", &format!("{ids}.f32")],
        &["eval", "ternary-options", file, "--file", &text, "--chunks", "1"],
    ] {
        let outcome = command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(!outcome.status.success() && says.iter().all(|word| said.contains(word)), "{arguments:?}: {said}");
    }
    trinity_with_input(["chat", file, "--chat-template", "chatml"], b"Hello\n").fails(1, &says);
    let (_server, address) = Server::start(&[file, "--chat-template", "chatml"]);
    let message = json!([{"role": "user", "content": "the cat"}]);
    for (path, body) in [
        ("/v1/completions", json!({"model": "any", "prompt": "the cat"})),
        ("/v1/chat/completions", json!({"model": "any", "messages": message})),
        ("/v1/responses", json!({"model": "any", "input": "the cat"})),
        ("/v1/messages", json!({"model": "any", "max_tokens": 5, "messages": message})),
        ("/api/generate", json!({"model": name(file), "prompt": "the cat"})),
        ("/api/chat", json!({"model": name(file), "messages": message})),
        ("/completion", json!({"prompt": "the cat"})),
    ] {
        let (status, answer) = ask(&address, path, &body);
        let said = answer.to_string();
        assert!(
            status == 400 && said.contains("(modern-bert) is an encoder, which gives embeddings"),
            "{path}: {said}"
        );
    }
    let (status, answer) = ask(&address, "/v1/rerank", &json!({"query": "a", "documents": ["b"]}));
    let said = answer["error"]["message"].as_str().unwrap();
    assert!(status == 400 && said.contains("(modern-bert) is no reranker"), "{said}");
    let (_, shown) = ask(&address, "/api/show", &json!({"model": name(file)}));
    assert_eq!(shown["capabilities"], json!(["embedding"]));
}

#[test]
fn a_reranker_scores_each_document_as_it_does_alone() {
    let (_server, address) = Server::start(&[&RERANKING_FILE]);
    let documents: Vec<String> = (0..20).map(|i| format!("{} a boat {}", "a dog.".repeat(i % 4), i % 3)).collect();
    let rerank = |path: &str, more: &serde_json::Value| {
        let mut body = json!({"model": "any", "query": "where is the cat?", "documents": documents});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = ask(&address, path, &body);
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let all = rerank("/v1/rerank", &json!({}));
    let results = all["results"].as_array().unwrap();
    assert_eq!(results.len(), 20);
    let score = |result: &serde_json::Value| result["relevance_score"].as_f64().unwrap();
    assert!(results.windows(2).all(|pair| score(&pair[0]) >= score(&pair[1])), "{all}");
    assert!(score(&results[0]) > score(&results[19]));
    assert!(all["usage"]["prompt_tokens"].as_u64().unwrap() > 200 && results[0].get("document").is_none());
    for result in results {
        let document = &documents[result["index"].as_u64().unwrap() as usize];
        let alone = rerank("/rerank", &json!({"documents": [{"text": document}]}));
        assert_eq!(alone["results"], json!([{"index": 0, "relevance_score": result["relevance_score"]}]));
    }
    let best = rerank("/reranking", &json!({"top_n": 2, "return_documents": true}));
    assert_eq!(best["results"].as_array().unwrap().len(), 2);
    for (best, result) in best["results"].as_array().unwrap().iter().zip(results) {
        assert_eq!((&best["index"], &best["relevance_score"]), (&result["index"], &result["relevance_score"]));
        assert_eq!(best["document"]["text"], documents[best["index"].as_u64().unwrap() as usize]);
    }
    let (_, shown) = ask(&address, "/api/show", &json!({"model": name(&RERANKING_FILE)}));
    assert_eq!(shown["capabilities"], json!(["rerank"]));
}

#[test]
fn what_a_reranker_cannot_do_is_refused() {
    let (_server, address) = Server::start(&[&RERANKING_FILE]);
    for (path, body, says) in [
        ("/v1/embeddings", json!({"input": "the cat"}), "scores pairs of texts"),
        ("/v1/completions", json!({"prompt": "the cat"}), "(bert) is an encoder, which scores pairs of texts"),
        ("/v1/rerank", json!({"query": "", "documents": ["a"]}), "query: an empty string"),
        ("/v1/rerank", json!({"query": "a", "documents": []}), "0 documents"),
        ("/v1/rerank", json!({"query": "a", "documents": ["a"], "top_n": 0}), "top_n"),
        ("/v1/rerank", json!({"query": "a", "documents": [5]}), "a string, or an object with a text"),
        ("/v1/rerank", json!({"query": "a", "documents": ["a"], "max_chunks": 1}), "max_chunks"),
        ("/v1/rerank", json!({"query": "a", "documents": ["a", "a cat ".repeat(40)]}), "84 tokens"),
    ] {
        let (status, answer) = ask(&address, path, &body);
        assert!(status == 400 && answer.to_string().contains(says), "{path} {body}: {answer}");
    }
    trinity_with_input(["embed", &RERANKING_FILE], b"the cat").fails(1, &["pooling rank gives no vector"]);
    trinity(["run", &RERANKING_FILE, "a"]).fails(1, &["bert is an encoder, which scores pairs of texts"]);
}
