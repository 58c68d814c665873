//! Golden models taken back to Hugging Face's form give the same tensors and logits as before.

use convert::Source;

use super::support::{Folder, folder, golden, hf_name, logits_error, read, values};

/// Largest error where only the order of additions differs from the reference.
const NMSE: f64 = 1e-6;
/// Largest error of models whose references kept the KV cache in f16 or rounded activations to bf16
/// (`testdata/golden/README.md`).
const NMSE_LOOSE: f64 = 3e-5;

/// Checks that a model comes back bit for bit, with the same logits.
fn check(name: &str, nmse_max: f64) {
    let folder = folder(name);
    let source = folder.open().unwrap_or_else(|e| panic!("{name}: {e}"));
    let container = golden(name);
    let architecture = container.metadata().str("general.architecture").unwrap().unwrap();
    let tensors = container.tensors().iter().filter(|t| hf_name(architecture, &t.name).is_some());
    for t in tensors.clone() {
        let written = source.tensors().iter().find(|s| s.name == t.name).unwrap_or_else(|| panic!("no {}", t.name));
        assert_eq!(written.dims, t.dims, "{name}: {}", t.name);
        if architecture != "gemma3" || t.dims.len() > 1 {
            testkit::assert_same_f32(
                &format!("{name}: {}", t.name),
                &read(&source, &t.name, 5),
                &values(&container, &t.name),
            );
        }
    }
    for t in source.tensors() {
        assert!(container.tensor(&t.name).is_some(), "{name}: {} is not in the original", t.name);
    }
    let nmse = logits_error(&source, name);
    assert!(nmse <= nmse_max, "{name}: NMSE {nmse:e}, at most {nmse_max:e}");
}

#[test]
fn llama() {
    for name in ["llama", "llama-mha-hd32", "llama-tied", "llama-rope-linear", "llama-rope-yarn"] {
        check(name, NMSE);
    }
}

#[test]
fn half_precision_stays_as_it_is() {
    check("llama-256-F16", NMSE_LOOSE);
    check("llama-256-BF16", NMSE_LOOSE);
}

#[test]
fn qwen() {
    check("qwen2", NMSE);
    check("qwen3", NMSE);
}

#[test]
fn gemma3() {
    check("gemma3", NMSE);
}

#[test]
fn phi3() {
    check("phi3", NMSE);
}

/// Keys are those of the golden files, apart from what the folder's name or defaults decide.
#[test]
fn keys_are_those_of_the_original() {
    for name in ["llama", "qwen3", "gemma3", "phi3", "llama-rope-yarn"] {
        let source = folder(name).open().unwrap();
        for (key, value) in golden(name).metadata().iter().filter(|(key, _)| *key != "general.name") {
            assert_eq!(source.metadata().get(key), Some(value), "{name}: {key}");
        }
    }
}

#[test]
fn a_single_file_takes_its_configuration_from_beside_it() {
    let folder = folder("qwen3");
    folder.write();
    let options = convert::hf::HfOptions::default();
    let source = convert::hf::open(&folder.file("model.safetensors"), &options).unwrap();
    assert!(logits_error(&source, "qwen3") <= NMSE);
}

/// Spreads the weights over three files.
fn shard(folder: &Folder) {
    folder.write();
    std::fs::remove_file(folder.file("model.safetensors")).unwrap();
    let mut map = serde_json::Map::new();
    for (i, tensors) in folder.tensors.chunks(folder.tensors.len().div_ceil(3)).enumerate() {
        let file = format!("model-{:05}-of-00003.safetensors", i + 1);
        std::fs::write(folder.file(&file), super::support::safetensors(tensors)).unwrap();
        map.extend(tensors.iter().map(|t| (t.name.clone(), file.clone().into())));
    }
    folder.write_json("model.safetensors.index.json", &serde_json::json!({"metadata": {}, "weight_map": map}));
}

#[test]
fn weights_in_several_files() {
    let folder = folder("llama");
    shard(&folder);
    let source = convert::hf::open(folder.path(), &convert::hf::HfOptions::default()).unwrap();
    assert!(logits_error(&source, "llama") <= NMSE);

    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.file("model.safetensors.index.json")).unwrap()).unwrap();
    let refusal = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut index = index.clone();
        change(&mut index["weight_map"]);
        folder.write_json("model.safetensors.index.json", &index);
        let opened = convert::hf::open(folder.path(), &convert::hf::HfOptions::default());
        opened.map(|_| ()).unwrap_err().to_string()
    };
    let norm = "model.norm.weight";
    for (file, expected) in [
        ("../model-00001-of-00003.safetensors", "expected the name of a file in this folder"),
        ("/etc/passwd", "expected the name of a file in this folder"),
        ("a\\b", "expected the name of a file in this folder"),
        ("..", "expected the name of a file in this folder"),
        ("", "expected the name of a file in this folder"),
        ("model-00004-of-00003.safetensors", "model-00004-of-00003.safetensors: No such file"),
    ] {
        let text = refusal(&|map| map[norm] = file.into());
        assert!(text.contains(expected), "{file:?}: {text}");
    }
    let home = index["weight_map"][norm].as_str().unwrap();
    let other =
        ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors"].into_iter().find(|f| *f != home);
    let text = refusal(&|map| map[norm] = other.unwrap().into());
    assert!(text.contains(&format!("tensor {norm} in {}, but it is in ", other.unwrap())), "{text}");
    let text = refusal(&|map| drop(map.as_object_mut().unwrap().remove(norm)));
    assert!(text.contains(&format!("tensor {norm} of {home} is not listed there")), "{text}");
    let text = refusal(&|map| map["ghost"] = home.into());
    assert!(text.contains("tensor ghost in") && text.contains("but it is in no file"), "{text}");
}
