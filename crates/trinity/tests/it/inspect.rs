//! Tests of `trinity inspect`.

use std::{fs, path::Path};

use gguf::{Array, Metadata, TensorSpec, TypeId, Value, Writer};

use crate::program::trinity;

#[test]
fn a_model_is_described() {
    let path = testkit::data("golden/llama-256-Q4_K_S.gguf");
    let text = trinity(["inspect", path.to_str().unwrap()]).ok().text();
    for word in ["llama", "Q4_K", "bits per weight", "KV cache", "GGUF v3"] {
        assert!(text.contains(word), "{word:?} is missing in:\n{text}");
    }
}

#[test]
fn json_agrees_with_the_file() {
    let path = testkit::data("tiny-models/stories260K-q8_0.gguf");
    let json = trinity(["inspect", "--json", "--tensors", path.to_str().unwrap()]).ok().json();
    assert_eq!(json["architecture"], "llama");
    assert_eq!(json["file_bytes"], path.metadata().unwrap().len());
    assert_eq!(json["context_len"], 512);
    let tensors = json["tensors"].as_array().unwrap();
    assert_eq!(json["n_tensors"], tensors.len());
    let weights: u64 = tensors
        .iter()
        .map(|t| t["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap()).product::<u64>())
        .sum();
    assert_eq!(json["n_weights"], weights);
    assert!(tensors.iter().any(|t| t["name"] == "token_embd.weight" && t["type"] == "Q8_0"), "{tensors:?}");
}

#[test]
fn the_embedded_model_can_be_inspected_by_name() {
    let text = trinity(["inspect", "stories260k", "--deep"]).ok().text();
    assert!(text.contains("all weights are finite"), "{text}");
}

/// A file of these keys and of tensors of zeros, all F32.
fn write(path: &Path, keys: &[(&str, Value)], tensors: &[(&str, &[u64])]) {
    let mut metadata = Metadata::default();
    keys.iter().for_each(|(key, value)| metadata.set(*key, value.clone()));
    let spec = |(name, dims): &(&str, &[u64])| TensorSpec {
        name: (*name).to_owned(),
        dims: dims.to_vec(),
        type_id: TypeId(0),
    };
    let mut writer =
        Writer::new(fs::File::create(path).unwrap(), &metadata, tensors.iter().map(spec).collect()).unwrap();
    for (_, dims) in tensors {
        writer.tensor(&vec![0; 4 * dims.iter().product::<u64>() as usize]).unwrap();
    }
    writer.finish().unwrap();
}

/// Files that go with models are called what they are; nobody is said to run them, and whoever tries is told the same.
#[test]
fn files_that_are_no_models_are_named() {
    let text = |text: &str| Value::String(text.to_owned());
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, keys: &[(&str, Value)], tensors: &[(&str, &[u64])], expected: &str, kind: &str| {
        let path = folder.path().join(name);
        write(&path, keys, tensors);
        let path = path.to_str().unwrap();
        let said = trinity(["inspect", path]).ok().text();
        assert!(said.contains(expected), "{expected}: {said}");
        let verdict = said.lines().find(|line| line.trim_start().starts_with("trinity ")).unwrap();
        let is_beside = ["lora_adapter", "control_vector"].contains(&kind);
        assert_eq!(verdict.contains("no: "), !is_beside, "{said}");
        assert_eq!(verdict.contains("yes: --"), is_beside, "{said}");
        assert!(!said.lines().any(|line| line.ends_with(" yes")), "{said}");
        let why = [name, "not a model that can be run"];
        trinity(["run", path, "x"]).fails(1, &why);
        trinity(["serve", path, "--port", "0"]).fails(1, &why);
        assert_eq!(trinity(["inspect", "--json", path]).ok().json()["kind"], kind);
        said
    };
    let lora = [
        ("general.type", text("adapter")),
        ("general.architecture", text("llama")),
        ("adapter.type", text("lora")),
        ("adapter.lora.alpha", Value::F32(16.0)),
        ("general.base_model.0.name", text("Stories")),
    ];
    let pairs: [(&str, &[u64]); 4] = [
        ("blk.0.attn_q.weight.lora_a", &[64, 8]),
        ("blk.0.attn_q.weight.lora_b", &[8, 64]),
        ("blk.0.attn_k.weight.lora_a", &[64, 8]),
        ("blk.0.attn_k.weight.lora_b", &[8, 32]),
    ];
    let said =
        check("lora.gguf", &lora, &pairs, "a LoRA adapter of llama: alpha 16.0, rank 8, matrices 2", "lora_adapter");
    assert!(said.contains("base model    Stories") && said.contains("yes: --lora, beside"), "{said}");
    let activated = folder.path().join("alora.gguf");
    let tokens = [("adapter.alora.invocation_tokens", Value::Array(Array::U32(vec![3])))];
    write(&activated, &[&lora[..], &tokens].concat(), &pairs);
    let activated = trinity(["inspect", activated.to_str().unwrap()]).ok().text();
    let verdict = activated.lines().find(|line| line.trim_start().starts_with("trinity ")).unwrap();
    assert!(verdict.contains("no: ") && verdict.contains("adapter.alora.invocation_tokens"), "{activated}");
    let vector = [
        ("general.architecture", text("controlvector")),
        ("controlvector.model_hint", text("qwen3")),
        ("controlvector.layer_count", Value::I32(2)),
    ];
    let directions: [(&str, &[u64]); 2] = [("direction.1", &[64]), ("direction.2", &[64])];
    let expected = "a control vector: of qwen3, layers 2, directions 2";
    let said = check("vector.gguf", &vector, &directions, expected, "control_vector");
    assert!(said.contains("yes: --control-vector, beside") && said.contains("no: architecture qwen3"), "{said}");
    let projector = [
        ("general.type", text("mmproj")),
        ("general.architecture", text("clip")),
        ("clip.has_vision_encoder", Value::Bool(true)),
        ("clip.projector_type", text("gemma3")),
        ("clip.vision.image_size", Value::U32(896)),
        ("clip.vision.projection_dim", Value::U32(2560)),
    ];
    let expected = "(mmproj): projector gemma3, image size 896, model width 2560, for images";
    let said = check("mmproj.gguf", &projector, &[("mm.input_projection.weight", &[64, 32])], expected, "mmproj");
    assert!(said.contains("perhaps: "), "{said}");
}

/// An importance matrix is one of the files that trinity reads, though not as a model.
#[test]
fn an_importance_matrix_is_named_with_its_texts() {
    let path = testkit::data("regressions/imatrix-dat/im.gguf");
    let path = path.to_str().unwrap();
    let said = trinity(["inspect", path]).ok().text();
    assert!(said.contains("kind          an importance matrix: datasets wt.txt, chunks 30, chunk size"), "{said}");
    assert!(said.contains("yes: quantize --imatrix") && said.contains("yes: llama-quantize --imatrix"), "{said}");
    assert_eq!(trinity(["inspect", "--json", path]).ok().json()["imatrix"]["tensors"], 35);
    let older = testkit::data("regressions/imatrix-dat/im.dat");
    let older = older.to_str().unwrap();
    let said = trinity(["inspect", older]).ok().text();
    assert!(said.contains("kind          an importance matrix: datasets wt.txt, chunks 30, tensors 35\n"), "{said}");
    assert_eq!(said.matches("yes: llama-quantize --imatrix").count(), 5, "{said}");
    let json = trinity(["inspect", "--json", older]).ok().json();
    assert_eq!((&json["kind"], &json["imatrix"]["chunks"]), (&"imatrix".into(), &30.into()));
    trinity(["inspect", "--tensors", older]).fails(2, &["--tensors", "im.dat"]);
    trinity(["run", path, "x"]).fails(1, &["im.gguf: an importance matrix, not a model that can be run"]);
}
