//! `trinity convert` of a Hugging Face folder: packed ternary weights, configuration, tokenizer and template become one
//! file.

use std::{fs, path::Path};

use gguf::Container;
use serde_json::{Map, Value, json};

use crate::program::trinity;

const PARTS: &[(&str, &str)] = &[
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_sub_norm", "self_attn.attn_sub_norm"),
    ("attn_output", "self_attn.o_proj"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_sub_norm", "mlp.ffn_sub_norm"),
    ("ffn_down", "mlp.down_proj"),
];

fn hf_name(gguf: &str) -> String {
    match gguf {
        "token_embd.weight" => "model.embed_tokens.weight".to_owned(),
        "output_norm.weight" => "model.norm.weight".to_owned(),
        _ => {
            let (layer, part) = gguf.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).unwrap();
            let part = part.strip_suffix(".weight").unwrap();
            let (_, hf) = PARTS.iter().find(|(gguf, _)| *gguf == part).unwrap();
            format!("model.layers.{layer}.{hf}.weight")
        }
    }
}

/// A model of architecture `bitnet-b1.58` in F32 as transformers keeps it: four rows to a byte, a scale beside them.
pub(crate) fn write_folder(model: &Path, folder: &Path) {
    write(model, folder, true);
}

/// Writes `model` as a Hugging Face folder that holds the floats which training rounds to ternary.
pub(crate) fn write_masters(model: &Path, folder: &Path) {
    write(model, folder, false);
}

fn write(model: &Path, folder: &Path, is_packed: bool) {
    let container = Container::open(model).unwrap();
    let (mut header, mut data) = (Map::new(), Vec::new());
    let mut add = |name: String, dtype: &str, shape: &[usize], bytes: &[u8]| {
        let start = data.len();
        data.extend_from_slice(bytes);
        header.insert(name, json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]}));
    };
    for tensor in container.tensors() {
        let shape: Vec<usize> = tensor.dims.iter().rev().map(|&n| n as usize).collect();
        let (name, bytes) = (hf_name(&tensor.name), container.bytes(tensor));
        if !is_packed || !name.ends_with("_proj.weight") {
            add(name, "F32", &shape, &bytes);
            continue;
        }
        let weights: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let scale = weights.iter().fold(0.0f32, |max, w| max.max(w.abs()));
        let (n_packed, cols) = (shape[0] / 4, shape[1]);
        let mut packed = vec![0u8; n_packed * cols];
        for (i, weight) in weights.iter().enumerate() {
            let row = i / cols;
            let code = ((weight / scale) as i8 + 1) as u8;
            packed[(row % n_packed) * cols + i % cols] |= code << (2 * (row / n_packed));
        }
        add(name.clone(), "U8", &[n_packed, cols], &packed);
        add(format!("{name}_scale"), "F32", &[1], &scale.to_le_bytes());
    }
    let header = Value::Object(header).to_string();
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat();
    fs::write(folder.join("model.safetensors"), file).unwrap();
    let number = |key: &str| container.metadata().u64(&format!("bitnet-b1.58.{key}")).unwrap();
    let config = json!({
        "architectures": ["BitNetForCausalLM"], "hidden_act": "relu2", "hidden_size": number("embedding_length"),
        "intermediate_size": number("feed_forward_length"), "num_hidden_layers": number("block_count"),
        "num_attention_heads": number("attention.head_count"), "num_key_value_heads": number("attention.head_count_kv"),
        "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 500_000.0,
        "vocab_size": container.tensor("token_embd.weight").unwrap().dims[1], "tie_word_embeddings": true,
        "quantization_config": {
            "quant_method": "bitnet", "linear_class": "autobitlinear",
            "quantization_mode": if is_packed { "offline" } else { "online" },
        },
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let bytes: Map<String, Value> = (0..94).map(|i| (char::from(b'!' + i).to_string(), i.into())).collect();
    let tokenizer = json!({
        "added_tokens": [{"id": 94, "content": "<|end|>", "special": true}],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
        "model": {"type": "BPE", "vocab": bytes, "merges": []},
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let words = json!({"eos_token": "<|end|>", "chat_template": "{{ messages[0].content }}"});
    fs::write(folder.join("tokenizer_config.json"), words.to_string()).unwrap();
}

/// What the proof says of weights is true of the folder's weights, and floats of a BitNet stay floats until someone
/// lets them change.
#[test]
fn masters_that_became_ternary_are_not_called_what_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let folder = path("masters");
    fs::create_dir(&folder).unwrap();
    write_masters(&testkit::data("golden/bitnet-b1.58.gguf"), folder.as_ref());
    let ternary = "every weight is what it was but for 14 matrices of floats made ternary by absmean";
    let text = trinity(["convert", &folder, &path("online.tri")]).ok().text();
    assert!(text.contains(ternary), "{text}");

    let config = dir.path().join("masters/config.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("quantization_config");
    fs::write(&config, json.to_string()).unwrap();
    let outcome = trinity(["convert", &folder, &path("float.gguf")]).ok();
    assert!(outcome.stderr.contains("no quantization_config, so its weights stay the floats"), "{}", outcome.stderr);
    assert!(outcome.text().ends_with("exact: every weight is what it was\n"));
    let text = trinity(["convert", &folder, &path("ternary.tri"), "--lossy"]).ok().text();
    assert!(text.contains(ternary), "{text}");
    assert!(fs::read(path("ternary.tri")).unwrap() == fs::read(path("online.tri")).unwrap());
}

#[test]
fn a_folder_becomes_a_file_that_computes_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (folder, golden) = (path("bitnet-tiny"), testkit::data("golden/bitnet-b1.58.gguf"));
    fs::create_dir(&folder).unwrap();
    write_folder(&golden, folder.as_ref());

    let (exact, small) = (path("exact.gguf"), path("small.tri"));
    trinity(["convert", &folder, &exact, "--to", "f32"]).ok();
    let json = trinity(["convert", &folder, &small, "--json"]).ok().json();
    assert_eq!(json["proof"]["n_exact"], json["proof"]["n_tensors"], "{json}");
    assert!(fs::metadata(&small).unwrap().len() < fs::metadata(&exact).unwrap().len());

    let ids = path("ids.txt");
    fs::write(&ids, "1 10 100 77 5 26").unwrap();
    let logits = |model: &str| {
        let out = path("logits.f32");
        trinity(["eval", "logits", model, "--tokens", &ids, "--out", &out]).ok();
        fs::read(out).unwrap()
    };
    assert!(logits(&exact) == logits(golden.to_str().unwrap()), "the converted model computes something else");

    let metadata = Container::open(exact.as_ref()).unwrap().metadata().clone();
    let text = |key: &str| metadata.str(key).unwrap().unwrap_or_default().to_owned();
    assert_eq!(text("general.name"), "bitnet-tiny");
    assert_eq!(text("tokenizer.ggml.pre"), "gpt-2");
    assert_eq!(text("tokenizer.chat_template"), "{{ messages[0].content }}");
    assert_eq!(metadata.u64("tokenizer.ggml.eos_token_id").unwrap(), Some(94));

    // Without a tokenizer it can be converted, but that is said.
    let (tokenizer, mute) = (path("bitnet-tiny/tokenizer.json"), path("mute.gguf"));
    fs::remove_file(tokenizer).unwrap();
    let told = trinity(["convert", &folder, &mute, "--to", "f32"]).ok().stderr;
    assert!(told.contains("no tokenizer: the new file knows token ids only"), "{told}");

    // A scale that is none leaves nothing behind.
    let weights = path("bitnet-tiny/model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let at = bytes.windows(4).position(|b| b == 0.15f32.to_le_bytes()).unwrap();
    bytes[at..at + 4].copy_from_slice(&0.0f32.to_le_bytes());
    fs::write(&weights, bytes).unwrap();
    let broken = path("broken.gguf");
    trinity(["convert", &folder, &broken]).fails(1, &["weight_scale: 0, expected a finite number above 0"]);
    assert!(!Path::new(&broken).exists());
}
