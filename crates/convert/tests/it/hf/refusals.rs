//! Configurations that would be computed wrongly are refused by name; so is what is missing or left over.

use convert::Source;
use serde_json::{Value, json};

use super::support::{Folder, Tensor, folder, logits_error, read};

/// Makes the folder of golden model `name` with one key of `config.json` changed.
fn changed(name: &str, key: &str, value: Value) -> Folder {
    let mut folder = folder(name);
    folder.config[key] = value;
    folder
}

#[test]
fn values_that_mean_something_else() {
    for (name, key, value, expected) in [
        (
            "llama",
            "architectures",
            json!(["MambaForCausalLM"]),
            "\"MambaForCausalLM\", expected one of LlamaForCausalLM",
        ),
        ("llama", "architectures", json!([]), "[], expected one class name"),
        ("llama", "hidden_act", json!("gelu"), "\"gelu\", expected silu"),
        ("bitnet", "hidden_act", json!("gelu"), "\"gelu\", expected relu2 or silu"),
        ("llama", "rope_scaling", json!({"type": "dynamic", "factor": 2.0}), "type: \"dynamic\", expected default"),
        ("llama", "rope_scaling", json!({"type": "linear"}), "factor: missing"),
        ("llama", "rope_scaling", json!({"type": "linear", "factor": -1}), "factor: -1, expected more than 0"),
        ("llama", "rope_scaling", json!(["linear"]), "[\"linear\"], expected an object"),
        ("llama", "partial_rotary_factor", json!(0.5), "0.5, expected 1"),
        ("llama", "clip_qkv", json!(8.0), "8.0, expected"),
        ("llama", "logits_scaling", json!(8.0), "8.0, expected 1"),
        ("llama", "num_local_experts", json!(8), "8, expected 0"),
        (
            "llama",
            "quantization_config",
            json!({"quant_method": "gptq"}),
            "quant_method: \"gptq\": weights packed by GPTQ",
        ),
        (
            "llama",
            "quantization_config",
            json!({"quant_method": "fp8", "fmt": "e5m2"}),
            "fmt: \"e5m2\", expected \"e4m3\"",
        ),
        (
            "llama",
            "quantization_config",
            json!({"quant_method": "bitsandbytes", "load_in_4bit": true}),
            "quant_method: \"bitsandbytes\": weights packed by bitsandbytes are not read",
        ),
        ("llama", "quantization_config", json!({"bits": 4}), "quant_method: missing"),
        ("llama", "quantization", json!({"bits": 4}), "bits: 4, expected 2"),
        ("llama", "hidden_size", json!(0), "0, expected a number from 1"),
        ("llama", "hidden_size", json!("64"), "\"64\", expected a number"),
        ("llama", "hidden_size", json!(1_u64 << 40), "1099511627776, expected a number"),
        ("llama", "num_attention_heads", json!(3), "3 do not divide hidden_size 64"),
        ("llama", "num_key_value_heads", json!(3), "3 do not divide num_attention_heads 4"),
        ("llama", "num_hidden_layers", json!(100_000), "100000, expected at most 4096"),
        ("llama", "head_dim", json!(5000), "5000, expected at most 4096"),
        ("llama", "head_dim", json!(17), "17, expected an even number"),
        ("llama", "rms_norm_eps", json!(-1), "-1, expected more than 0"),
        ("llama", "vocab_size", Value::Null, "missing"),
        ("llama", "tie_word_embeddings", json!("no"), "\"no\", expected true or false"),
        ("qwen2", "use_sliding_window", json!("on"), "\"on\", expected true or false"),
        (
            "qwen2",
            "layer_types",
            json!(["sliding_attention", "sliding_attention"]),
            "expected \"full_attention\" for every layer",
        ),
        ("llama", "use_sliding_window", json!(true), "true, expected false"),
        ("qwen3", "layer_types", json!(["full_attention", "sliding_attention"]), "expected \"full_attention\""),
        ("gemma3", "attn_logit_softcapping", json!(50.0), "50.0, expected"),
        ("gemma3", "query_pre_attn_scalar", json!(100), "100, expected 32"),
        ("gemma3", "query_pre_attn_scalar", Value::Null, "256, expected 32"),
        ("gemma3", "sliding_window", Value::Null, "missing"),
    ] {
        let text = changed(name, key, value).refusal();
        let dotted = text.contains(&format!("config.json: {key}.{expected}"));
        assert!(dotted || text.contains(&format!("config.json: {key}: {expected}")), "{name}, {key}: {text}");
    }
}

#[test]
fn keys_that_stand_twice_and_files_that_are_no_json() {
    let folder = folder("llama");
    folder.write();
    for (text, expected) in [
        (r#"{"hidden_size":1,"hidden_size":2}"#, "key \"hidden_size\" stands twice"),
        ("[1]", "expected an object"),
        ("{", "EOF"),
        ("", "EOF"),
    ] {
        std::fs::write(folder.file("config.json"), text).unwrap();
        let error =
            convert::hf::open(folder.path(), &convert::hf::HfOptions::default()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("config.json: ") && error.contains(expected), "{text}: {error}");
    }
    std::fs::remove_file(folder.file("config.json")).unwrap();
    let error =
        convert::hf::open(folder.path(), &convert::hf::HfOptions::default()).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("no config.json in this folder"), "{error}");
}

#[test]
fn tensors_missing_left_over_or_misshapen() {
    let q = "model.layers.1.self_attn.q_proj.weight";
    let refusal = |change: &dyn Fn(&mut Folder)| {
        let mut folder = folder("llama");
        change(&mut folder);
        folder.refusal()
    };
    let text = refusal(&|f| f.tensors.retain(|t| t.name != q));
    assert!(text.contains(&format!("tensor {q}: missing")), "{text}");
    let text = refusal(&|f| f.tensors.retain(|t| t.name != "lm_head.weight"));
    assert!(text.contains("tensor lm_head.weight: missing"), "{text}");
    let text = refusal(&|f| f.tensors.push(Tensor::f32("model.extra.weight", &[1], &[0.0])));
    assert!(text.contains("tensor model.extra.weight: not known for llama"), "{text}");
    // Biases that would be left out, of a norm, of the head, and of a layer that has none.
    for name in ["model.norm.bias", "lm_head.bias", "model.layers.1.input_layernorm.bias", "model.layers.9.mlp.bias"] {
        let text = refusal(&|f| f.tensors.push(Tensor::f32(name, &[64], &[0.0; 64])));
        assert!(text.contains(&format!("tensor {name}: not known for llama")), "{text}");
    }
    let text = refusal(&|f| f.tensor(q).shape = vec![32, 128]);
    assert!(text.contains(&format!("tensor {q}: shape [32, 128], but")) && text.contains("implies [64, 64]"), "{text}");
    let text = refusal(&|f| f.tensor(q).dtype = "I32");
    assert!(text.contains(&format!("tensor {q}: I32, expected F32, F16 or BF16")), "{text}");
    let text = refusal(&|f| f.tensor(q).dtype = "F8_E4M3");
    assert!(text.contains(&format!("tensor {q}: ")) && text.contains("F8_E4M3"), "{text}");
    let text = refusal(&|f| f.config["attention_bias"] = json!(true));
    assert!(text.contains("self_attn.q_proj.bias: missing"), "{text}");
    let mut qwen = folder("qwen2");
    qwen.tensors.retain(|t| t.name != "model.layers.0.self_attn.k_proj.bias");
    assert!(qwen.refusal().contains("k_proj.bias: missing"));
    // What every program computes for itself is no weight.
    let mut old = folder("llama");
    old.tensors.push(Tensor::f32("model.layers.0.self_attn.rotary_emb.inv_freq", &[1], &[1.0]));
    assert!(old.open().is_ok());
}

#[test]
fn a_tied_head_may_be_there_if_it_is_the_embedding() {
    let mut folder = folder("llama-tied");
    let mut head = folder.tensor("model.embed_tokens.weight").clone();
    head.name = "lm_head.weight".to_owned();
    folder.tensors.push(head);
    let source = folder.open().unwrap();
    assert!(source.tensors().iter().all(|t| t.name != "output.weight"));
    folder.tensor("lm_head.weight").bytes[0] ^= 1;
    assert!(folder.refusal().contains("lm_head.weight: differs from model.embed_tokens.weight"));
}

/// Biases of a llama's q and k follow the rows of their matrices.
#[test]
fn biases_follow_the_rows() {
    let mut folder = folder("llama");
    let bias: Vec<f32> = (0..64u8).map(f32::from).collect();
    for layer in 0..2 {
        for (name, n) in [("q", 64), ("k", 32), ("v", 32), ("o", 64)] {
            let name = format!("model.layers.{layer}.self_attn.{name}_proj.bias");
            folder.tensors.push(Tensor::f32(&name, &[n], &bias[..n]));
        }
    }
    folder.config["attention_bias"] = json!(true);
    let source = folder.open().unwrap();
    assert_eq!(read(&source, "blk.0.attn_q.bias", 1)[..6], [0.0, 8.0, 1.0, 9.0, 2.0, 10.0]);
    assert_eq!(read(&source, "blk.0.attn_v.bias", 1), bias[..32]);
}

/// Factors are those of a transcription of transformers' `_compute_llama3_parameters` in NumPy (f64), with Llama 3.1's
/// settings at a head of 16.
#[test]
fn factors_of_llama3() {
    let mut folder = folder("llama");
    folder.config["rope_theta"] = json!(500_000.0);
    folder.config["rope_scaling"] = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    });
    let source = folder.open().unwrap();
    testkit::assert_same_f32("rope_freqs", &read(&source, "rope_freqs.weight", 1), &LLAMA3_FACTORS);
    assert!(logits_error(&source, "llama") > 1e-3, "the factors change the result");
    folder.config["rope_scaling"]["high_freq_factor"] = json!(1.0);
    assert!(folder.refusal().contains("high_freq_factor: 1, expected more than low_freq_factor 1"));
}

const LLAMA3_FACTORS: [f32; 8] = [1.0, 1.0, 1.0, 1.0, 2.6945298, 8.0, 8.0, 8.0];

/// Newer files have one section for all of the rotary embedding; Gemma's have one for each kind of layer.
#[test]
fn rope_parameters_of_newer_files() {
    let mut folder = folder("llama");
    folder.config["rope_theta"] = Value::Null;
    folder.config["rope_parameters"] = json!({"rope_type": "default", "rope_theta": 10000.0});
    assert!(logits_error(&folder.open().unwrap(), "llama") <= 1e-6);

    let mut folder = changed("gemma3", "rope_theta", Value::Null);
    folder.config["rope_parameters"] = json!({
        "full_attention": {"rope_type": "default", "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
    });
    folder.config["layer_types"] =
        (1..=6).map(|i| if i == 6 { "full_attention" } else { "sliding_attention" }).collect::<Vec<_>>().into();
    let source = folder.open().unwrap();
    assert_eq!(source.metadata().f32("gemma3.rope.freq_base_swa").unwrap(), Some(10000.0));
    assert!(source.metadata().get("gemma3.attention.sliding_window_pattern").is_none());
    assert!(logits_error(&source, "gemma3") <= 1e-6);
    folder.config["layer_types"][2] = json!("full_attention");
    let flags =
        folder.open().unwrap().metadata().bools("gemma3.attention.sliding_window_pattern").unwrap().unwrap().to_vec();
    assert_eq!(flags, [true, true, false, true, true, false]);
}

/// A window is a number, null for none, or the class's own number where the key is missing.
#[test]
fn mistral_has_its_window() {
    let mut folder = changed("llama", "architectures", json!(["MistralForCausalLM"]));
    let window = |source: &dyn Source| source.metadata().u64("llama.attention.sliding_window").unwrap();
    let source = folder.open().unwrap();
    assert_eq!(window(&source), None);
    assert!(logits_error(&source, "llama") <= 1e-6);
    folder.config["sliding_window"] = json!(9);
    let source = folder.open().unwrap();
    assert_eq!(window(&source), Some(9));
    assert!(logits_error(&source, "llama") > 1e-3, "the window changes the result");
    folder.config.as_object_mut().unwrap().remove("sliding_window");
    assert_eq!(window(&folder.open().unwrap()), Some(4096));
}

/// What a file leaves out is what the class of transformers takes.
#[test]
fn defaults_of_the_classes() {
    let base = |name: &str| {
        let mut folder = changed(name, "rope_theta", Value::Null);
        folder.tensors.retain(|t| !t.name.ends_with(".scale"));
        let source = folder.open().unwrap();
        source.metadata().f32(&format!("{name}.rope.freq_base")).unwrap().unwrap()
    };
    let bases = ["llama", "bitnet", "bitnet-b1.58", "gemma3"].map(base);
    assert_eq!(bases, [10_000.0, 10_000.0, 500_000.0, 1_000_000.0]);
    // Not 64 / 4, which the tensors contradict.
    let text = changed("qwen3", "head_dim", Value::Null).refusal();
    assert!(text.contains("q_proj.weight: shape [128, 64], but") && text.contains("implies [512, 64]"), "{text}");
}

#[test]
fn rows_out_of_range() {
    let source = folder("llama").open().unwrap();
    let error = source.read(0, 100..129).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("tensor token_embd.weight: rows 100..129 of 128"), "{error}");
    assert!(source.read(source.tensors().len(), 0..1).is_err());
}
