//! Adapters of PEFT: the golden ones taken back to that form come out as they were.

use convert::{Source, hf};
use gguf::Container;
use serde_json::{Value as Json, json};

use super::support::{Folder, Tensor, hf_name, in_halves, read, safetensors, values};

/// Makes the folder of which the golden adapter would have been converted, with its model's configuration beside it.
fn folder(adapter: &str, alpha: i32) -> (Folder, Container) {
    let container = Container::open(&testkit::data(&format!("golden2/{adapter}.gguf"))).unwrap();
    let tensors = container.tensors().iter().map(|t| {
        let (matrix, part) = t.name.rsplit_once('.').unwrap();
        let name = hf_name("llama", matrix).unwrap();
        let module = name.strip_suffix(".weight").unwrap();
        let letter = if part == "lora_a" { "A" } else { "B" };
        let shape: Vec<usize> = t.dims.iter().rev().map(|&n| n as usize).collect();
        let mut tensor = Tensor::f32(
            &format!("base_model.model.{module}.lora_{letter}.weight"),
            &shape,
            &values(&container, &t.name),
        );
        for (part, heads) in [("attn_q", 4), ("attn_k", 2)] {
            if letter == "B" && t.name.contains(part) {
                tensor.bytes = in_halves(&tensor.bytes, shape[0], heads);
            }
        }
        tensor
    });
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "hidden_size": 48, "intermediate_size": 64,
        "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "vocab_size": 128, "tie_word_embeddings": false,
    });
    let folder = Folder { dir: tempfile::tempdir().unwrap(), config, tensors: tensors.collect() };
    folder.write_json("config.json", &folder.config);
    write(&folder, &peft(alpha));
    (folder, container)
}

fn peft(alpha: i32) -> Json {
    json!({"peft_type": "LORA", "base_model_name_or_path": "somewhere/else", "lora_alpha": alpha, "r": 4, "bias": "none"})
}

fn write(folder: &Folder, config: &Json) {
    folder.write_json("adapter_config.json", config);
    std::fs::write(folder.file("adapter_model.safetensors"), safetensors(&folder.tensors)).unwrap();
}

fn refusal(folder: &Folder) -> String {
    hf::open_adapter(folder.path(), None).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn golden_adapters_come_back() {
    for name in ["llama-adapters-a.lora", "llama-adapters-b.lora"] {
        let (folder, container) = folder(name, 8);
        assert!(hf::is_adapter(folder.path()));
        let source = hf::open_adapter(folder.path(), None).unwrap();
        assert_eq!(source.tensors().len(), container.tensors().len());
        for t in container.tensors() {
            let ours = source.tensors().iter().find(|s| s.name == t.name).unwrap_or_else(|| panic!("no {}", t.name));
            assert_eq!(ours.dims, t.dims, "{}", t.name);
            testkit::assert_same_f32(&t.name, &read(&source, &t.name, 5), &values(&container, &t.name));
        }
        for (key, value) in container.metadata().iter().filter(|(key, _)| *key != "general.name") {
            assert_eq!(source.metadata().get(key), Some(value), "{key}");
        }
        let path = folder.file("out.gguf");
        crate::support::write(&source, &convert::Plan::keep(&source).unwrap(), &path).unwrap();
        let written = Container::open(&path).unwrap();
        assert_eq!(gguf::FileKind::of(written.metadata()), gguf::FileKind::LoraAdapter);
    }
}

/// PEFT keeps a column a token, GGUF a row.
#[test]
fn the_embedding_of_an_adapter_lies_the_other_way() {
    let (mut folder, _) = folder("llama-adapters-a.lora", 8);
    let name = "base_model.model.model.embed_tokens.lora_embedding_";
    let a: Vec<f32> = (0..3 * 128).map(|i| i as f32).collect();
    let b: Vec<f32> = (0..48 * 3).map(|i| -(i as f32)).collect();
    folder.tensors =
        vec![Tensor::f32(&format!("{name}A"), &[3, 128], &a), Tensor::f32(&format!("{name}B"), &[48, 3], &b)];
    write(&folder, &peft(8));
    let source = hf::open_adapter(folder.path(), None).unwrap();
    let dims: Vec<&[u64]> = source.tensors().iter().map(|t| t.dims.as_slice()).collect();
    assert_eq!(dims, [[3, 128], [3, 48]]);
    let rows = read(&source, "token_embd.weight.lora_a", 5);
    let expected: Vec<f32> = (0..128).flat_map(|token| [a[token], a[128 + token], a[256 + token]]).collect();
    testkit::assert_same_f32("a", &rows, &expected);
    testkit::assert_same_f32("b", &read(&source, "token_embd.weight.lora_b", 5), &b);
    folder.tensors.pop();
    write(&folder, &peft(8));
    assert!(refusal(&folder).contains(&format!("{name}A: without {name}B")), "{}", refusal(&folder));
}

#[test]
fn what_is_no_plain_adapter_is_refused_by_name() {
    let (mut folder, _) = folder("llama-adapters-a.lora", 8);
    for (key, value, expected) in [
        ("peft_type", json!("IA3"), "peft_type: \"IA3\", expected \"LORA\""),
        ("use_dora", json!(true), "use_dora: true, expected false"),
        ("bias", json!("all"), "bias: \"all\", expected \"none\""),
        ("alpha_pattern", json!({"q_proj": 4}), "alpha_pattern: "),
        ("modules_to_save", json!(["lm_head"]), "modules_to_save: "),
        ("layer_replication", json!([[0, 2], [1, 4]]), "layer_replication: "),
        ("alora_invocation_tokens", json!([3, 7]), "alora_invocation_tokens: "),
        ("lora_alpha", Json::Null, "lora_alpha: missing"),
    ] {
        let mut config = peft(8);
        config[key] = value;
        write(&folder, &config);
        let text = refusal(&folder);
        assert!(text.contains(&format!("adapter_config.json: {expected}")), "{text}");
    }
    // The rank-stabilised scale is alpha through the root of the rank.
    let mut config = peft(8);
    config["use_rslora"] = json!(true);
    write(&folder, &config);
    let source = hf::open_adapter(folder.path(), None).unwrap();
    assert_eq!(source.metadata().f32("adapter.lora.alpha").unwrap(), Some(16.0));
    drop(source);
    let lost = folder.tensors.pop().unwrap();
    write(&folder, &peft(8));
    assert!(refusal(&folder).contains(": without base_model.model.model.layers."));
    folder.tensors.push(Tensor { name: lost.name.replace("layers.3", "layers.9"), ..lost.clone() });
    folder.tensors.push(lost);
    write(&folder, &peft(8));
    assert!(refusal(&folder).contains("layers.9.mlp.down_proj.lora_B.weight: for no matrix of llama"));
    std::fs::remove_file(folder.file("config.json")).unwrap();
    assert!(refusal(&folder).contains("base_model_name_or_path: \"somewhere/else\" is no folder with a config.json"));
    let base = tempfile::tempdir().unwrap();
    std::fs::write(base.path().join("config.json"), folder.config.to_string()).unwrap();
    folder.tensors.remove(folder.tensors.len() - 2);
    write(&folder, &peft(8));
    hf::open_adapter(folder.path(), Some(base.path())).unwrap();
    folder.tensors.clear();
    write(&folder, &peft(8));
    let text = hf::open_adapter(folder.path(), Some(base.path())).map(|_| ()).unwrap_err().to_string();
    assert!(text.ends_with("adapter_model.safetensors: no pair of lora_A and lora_B"), "{text}");
}
