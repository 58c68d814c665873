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
