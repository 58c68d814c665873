//! LoRA adapters and control vectors beside a model, as a user gives them.

use gguf::{Container, Metadata, TensorSpec, TypeId, Value, Writer};
use serde_json::{Value as JsonValue, json};

use crate::{
    program::trinity,
    server_process::{Server, get, post},
};

/// Writes an adapter of rank 2 for two matrices of the stories' model; returns its path.
fn adapter(folder: &std::path::Path, architecture: &str) -> String {
    let model = Container::open(&testkit::data("tiny-models/stories260K-f32.gguf")).unwrap();
    let text = |text: &str| Value::String(text.to_owned());
    let mut metadata = Metadata::default();
    metadata.set("general.type", text("adapter"));
    metadata.set("general.architecture", text(architecture));
    metadata.set("adapter.type", text("lora"));
    metadata.set("adapter.lora.alpha", Value::F32(4.0));
    let mut rng = testkit::Rng::new(9);
    let (mut specs, mut data) = (Vec::new(), Vec::new());
    for name in ["blk.0.attn_q.weight", "blk.3.ffn_down.weight"] {
        let tensor = model.tensor(name).unwrap();
        for (ending, dims) in [("lora_a", [tensor.dims[0], 2]), ("lora_b", [2, tensor.dims[1]])] {
            let values = rng.normals((dims[0] * dims[1]) as usize);
            data.push(values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
            specs.push(TensorSpec { name: format!("{name}.{ending}"), dims: dims.to_vec(), type_id: TypeId(0) });
        }
    }
    let path = folder.join(format!("{architecture}.gguf"));
    let mut writer = Writer::new(std::fs::File::create(&path).unwrap(), &metadata, specs).unwrap();
    data.iter().for_each(|bytes| writer.tensor(bytes).unwrap());
    writer.finish().unwrap();
    path.to_str().unwrap().to_owned()
}

/// The JSON of an answer.
fn body(answer: &str) -> JsonValue {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn stories() -> String {
    testkit::data("tiny-models/stories260K-f32.gguf").to_str().unwrap().to_owned()
}

#[test]
fn an_adapter_changes_what_is_said_as_strongly_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = adapter(folder.path(), "llama");
    let run = |flags: &[&str]| {
        let model = stories();
        let plain = ["run", &model, "Once upon a time", "-n", "30", "--temperature", "0"];
        trinity(plain.into_iter().chain(flags.iter().copied())).ok().text()
    };
    let plain = run(&[]);
    let adapted = run(&["--lora", &path]);
    assert_ne!(adapted, plain);
    assert_eq!(run(&["--lora", &format!("{path}=0")]), plain);
    assert_ne!(run(&["--lora", &path, "--lora", &path]), adapted, "several add up");
    assert_eq!(run(&["--lora-scaled", &format!("{path}:1")]), adapted, "llama.cpp's spelling");
    let other = adapter(folder.path(), "qwen3");
    let refused = trinity(["run", &stories(), "x", "--lora", &other]);
    refused.fails(1, &["qwen3.gguf", "general.architecture", "\"qwen3\"", "\"llama\""]);
    trinity(["run", &stories(), "x", "--lora", &stories()]).fails(1, &["a model, expected a LoRA adapter"]);
    trinity(["run", &stories(), "x", "--control-vector", &path]).fails(1, &["expected a control vector"]);
}

#[test]
fn a_server_lists_its_adapters_and_answers_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = adapter(folder.path(), "llama");
    let ask = |flags: &[&str]| {
        let model = stories();
        let (mut server, address) = Server::start(&[&[model.as_str()], flags].concat());
        let request = json!({"prompt": "Once upon a time", "n_predict": 20, "temperature": 0});
        let said = body(&post(&address, "/completion", &request.to_string()));
        let adapters = body(&get(&address, "/lora-adapters", ""));
        server.signal("TERM");
        assert!(server.wait().success());
        (said["content"].as_str().unwrap().to_owned(), adapters)
    };
    let (plain, none) = ask(&[]);
    let (adapted, one) = ask(&["--lora", &format!("{path}=0.5")]);
    assert_ne!(adapted, plain);
    assert_eq!(none, json!([]));
    assert_eq!((&one[0]["id"], &one[0]["path"], &one[0]["scale"]), (&0.into(), &path.as_str().into(), &0.5.into()));
}

#[test]
fn requests_and_the_operator_choose_among_adapters() {
    let folder = tempfile::tempdir().unwrap();
    let path = adapter(folder.path(), "llama");
    let model = stories();
    let alone = |flags: &[&str]| {
        let (mut server, address) = Server::start(&[&[model.as_str()], flags].concat());
        let request = json!({"prompt": "Once upon a time", "n_predict": 20, "temperature": 0});
        let said = body(&post(&address, "/completion", &request.to_string()));
        server.signal("TERM");
        assert!(server.wait().success());
        said["content"].as_str().unwrap().to_owned()
    };
    let half = format!("{path}=0.5");
    let [plain, whole, half] = [alone(&[]), alone(&["--lora", &path]), alone(&["--lora", &half])];
    assert!(plain != whole && whole != half && plain != half);
    // The second one is the same again, so that a half of each is a whole.
    let loras = ["--lora", &path, "--lora", &format!("{path}=0")];
    let (mut server, address) = Server::start(&[&[model.as_str()], &loras[..]].concat());
    let ask = |lora: JsonValue| {
        let chat = json!({"prompt": "Once upon a time", "max_tokens": 20, "temperature": 0, "lora": lora});
        let openai = body(&post(&address, "/v1/completions", &chat.to_string()));
        let request = json!({"prompt": "Once upon a time", "n_predict": 20, "temperature": 0, "lora": lora});
        let said = body(&post(&address, "/completion", &request.to_string()));
        assert_eq!(said["content"], openai["choices"][0]["text"], "{said} {openai}");
        assert_eq!(said["generation_settings"]["lora"], lora);
        said["content"].as_str().unwrap().to_owned()
    };
    let scale = |id: u32, scale: f64| json!({"id": id, "scale": scale});
    // Twice in turn: what is cached of one is of no use to another.
    for _ in 0..2 {
        assert_eq!(ask(json!([])), whole, "as they were given");
        assert_eq!(ask(json!([scale(0, 0.0)])), plain);
        assert_eq!(ask(json!([scale(1, 0.5)])), half, "what is not listed is not added");
        assert_eq!(ask(json!([scale(1, 1.0)])), whole);
    }
    let listed = || body(&get(&address, "/lora-adapters", ""));
    let scales = |listed: &JsonValue| [0, 1].map(|i| listed[i]["scale"].as_f64().unwrap());
    assert_eq!(scales(&listed()), [1.0, 0.0]);
    let mut changed = listed();
    changed[0]["scale"] = 0.0.into();
    changed[1]["scale"] = 0.5.into();
    let set = |scales: &JsonValue| post(&address, "/lora-adapters", &scales.to_string());
    assert_eq!(body(&set(&changed)), json!({"success": true}), "as it was listed");
    assert_eq!(scales(&listed()), [0.0, 0.5]);
    assert_eq!(ask(json!([])), half);
    assert_eq!(ask(json!([scale(1, 0.0)])), plain);
    for (wrong, expected) in [
        (json!([scale(2, 1.0)]), "lora: id 2, expected 0 to 1"),
        (json!([scale(0, 1.0), scale(0, 0.5)]), "lora: id 0 twice"),
        (json!([scale(0, 1000.5)]), "lora: scale 1000.5, expected -1000 to 1000"),
    ] {
        let said = set(&wrong);
        assert!(said.contains(" 400 ") && said.contains(expected), "{said}");
        let request = json!({"prompt": "Once", "lora": wrong});
        let said = post(&address, "/v1/completions", &request.to_string());
        assert!(said.contains(" 400 ") && said.contains(expected), "{said}");
    }
    assert_eq!(scales(&listed()), [0.0, 0.5]);
    assert_eq!(body(&set(&json!([]))), json!({"success": true}), "none");
    assert_eq!(ask(json!([])), plain);
    server.signal("TERM");
    assert!(server.wait().success());
}
