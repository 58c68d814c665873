//! Layouts of checkpoints that transformers' own classes cannot be asked about with floats: MXFP4, FP8, models whose
//! class comes with them, and what stands beside a model in a folder of sentence-transformers.

use convert::Source;
use gguf::{Container, Value};
use serde_json::{Value as Json, json};
use tempfile::tempdir;

use super::support::{Folder, Tensor, folder, read, values};

fn golden2(name: &str) -> Container {
    Container::open(&testkit::data(&format!("golden2/{name}.gguf"))).unwrap()
}

/// Makes the tensor of `name` of the golden one `gguf`, as F32 and in its shape, outermost first.
fn tensor(container: &Container, gguf: &str, name: &str) -> Tensor {
    let shape: Vec<usize> = container.tensor(gguf).unwrap().dims.iter().rev().map(|&n| n as usize).collect();
    Tensor::f32(name, &shape, &values(container, gguf))
}

/// Checks that every tensor of the golden file is there again, bit for bit, and nothing else.
fn check_tensors(source: &dyn Source, container: &Container) {
    for t in container.tensors() {
        let ours = source.tensors().iter().find(|s| s.name == t.name).unwrap_or_else(|| panic!("no {}", t.name));
        assert_eq!(ours.dims, t.dims, "{}", t.name);
        testkit::assert_same_f32(&t.name, &read(source, &t.name, 7), &values(container, &t.name));
    }
    assert_eq!(source.tensors().len(), container.tensors().len());
}

/// Checks the keys of the architecture.
fn check_keys(source: &dyn Source, container: &Container, but: &[&str]) {
    let architecture = container.metadata().str("general.architecture").unwrap().unwrap();
    for (key, value) in container.metadata().iter().filter(|(key, _)| key.starts_with(architecture)) {
        if !but.contains(&key.strip_prefix(&format!("{architecture}.")).unwrap()) {
            assert_eq!(source.metadata().get(key), Some(value), "{key}");
        }
    }
}

/// Lays values of two tensors by turns.
fn by_turns(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).flat_map(|(a, b)| [*a, *b]).collect()
}

/// Returns codes and scales of blocks as gpt-oss was published: weights `2i` and `2i + 1` share byte `i`.
fn published(blocks: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut codes, mut scales) = (Vec::new(), Vec::new());
    for block in blocks.chunks(17) {
        scales.push(block[0]);
        let code = |i: usize| if i < 16 { block[1 + i] & 15 } else { block[1 + i - 16] >> 4 };
        codes.extend((0..16).map(|i| code(2 * i) | code(2 * i + 1) << 4));
    }
    (codes, scales)
}

/// Makes the two tensors of experts in MXFP4.
fn experts(name: &str, blocks: &[u8], shape: [usize; 3]) -> [Tensor; 2] {
    let [n_experts, rows, cols] = shape;
    let (codes, scales) = published(blocks);
    let part = |kind: &str, shape: Vec<usize>, bytes: Vec<u8>| Tensor {
        name: format!("{name}_{kind}"),
        dtype: "U8",
        shape,
        bytes,
    };
    [
        part("blocks", vec![n_experts, rows, cols / 32, 16], codes),
        part("scales", vec![n_experts, rows, cols / 32], scales),
    ]
}

/// Makes the folder of the golden gpt-oss: names of one are those of the other but for experts.
fn gpt_oss(container: &Container) -> Folder {
    let mut tensors = Vec::new();
    for (gguf, hf) in [("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("output", "lm_head")] {
        tensors.push(tensor(container, &format!("{gguf}.weight"), &format!("{hf}.weight")));
    }
    for layer in 0..4 {
        let (gguf, hf) = (format!("blk.{layer}."), format!("model.layers.{layer}."));
        for (part, name) in [
            ("attn_norm.weight", "input_layernorm.weight"),
            ("post_attention_norm.weight", "post_attention_layernorm.weight"),
            ("attn_q.weight", "self_attn.q_proj.weight"),
            ("attn_q.bias", "self_attn.q_proj.bias"),
            ("attn_k.weight", "self_attn.k_proj.weight"),
            ("attn_k.bias", "self_attn.k_proj.bias"),
            ("attn_v.weight", "self_attn.v_proj.weight"),
            ("attn_v.bias", "self_attn.v_proj.bias"),
            ("attn_output.weight", "self_attn.o_proj.weight"),
            ("attn_output.bias", "self_attn.o_proj.bias"),
            ("attn_sinks.weight", "self_attn.sinks"),
            ("ffn_gate_inp.weight", "mlp.router.weight"),
            ("ffn_gate_inp.bias", "mlp.router.bias"),
            ("ffn_down_exps.bias", "mlp.experts.down_proj_bias"),
        ] {
            tensors.push(tensor(container, &format!("{gguf}{part}"), &format!("{hf}{name}")));
        }
        let of = |part: &str| container.bytes(container.tensor(&format!("{gguf}{part}")).unwrap()).to_vec();
        let biases = |part: &str| values(container, &format!("{gguf}{part}"));
        let gate_up = by_turns(&biases("ffn_gate_exps.bias"), &biases("ffn_up_exps.bias"));
        tensors.push(Tensor::f32(&format!("{hf}mlp.experts.gate_up_proj_bias"), &[4, 64], &gate_up));
        // Rows of 64 weights, by turns.
        let row_bytes = 2 * 17;
        let (gate, up) = (of("ffn_gate_exps.weight"), of("ffn_up_exps.weight"));
        let rows = gate.chunks(row_bytes).zip(up.chunks(row_bytes));
        let gate_up: Vec<u8> = rows.flat_map(|(gate, up)| [gate, up].concat()).collect();
        tensors.extend(experts(&format!("{hf}mlp.experts.gate_up_proj"), &gate_up, [4, 64, 64]));
        tensors.extend(experts(&format!("{hf}mlp.experts.down_proj"), &of("ffn_down_exps.weight"), [4, 64, 32]));
    }
    let config = json!({
        "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "hidden_act": "silu", "hidden_size": 64,
        "intermediate_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 16, "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5, "rope_theta": 150000.0, "vocab_size": 128, "attention_bias": true, "swiglu_limit": 7.0,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
        "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
        "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]},
    });
    Folder { dir: tempdir().unwrap(), config, tensors }
}

#[test]
fn experts_in_mxfp4_keep_their_bytes() {
    let container = golden2("gpt-oss-mxfp4");
    let mut folder = gpt_oss(&container);
    let source = folder.open().unwrap();
    check_tensors(&source, &container);
    check_keys(&source, &container, &[]);
    let path = folder.path().join("out.gguf");
    crate::support::write(&source, &convert::Plan::keep(&source).unwrap(), &path).unwrap();
    let written = Container::open(&path).unwrap();
    for t in container.tensors() {
        let ours = written.tensor(&t.name).unwrap();
        assert_eq!(ours.type_id, t.type_id, "{}", t.name);
        assert_eq!(written.bytes(ours).to_vec(), container.bytes(t).to_vec(), "{}", t.name);
    }
    // Bytes of any part are those of the whole.
    let at = source.tensors().iter().position(|t| t.name == "blk.1.ffn_up_exps.weight").unwrap();
    let whole = container.bytes(container.tensor("blk.1.ffn_up_exps.weight").unwrap()).to_vec();
    for range in [0..1, 33..35, 16..900, 34..34] {
        assert_eq!(source.read_raw(at, range.clone()).unwrap(), whole[range.start as usize..range.end as usize]);
    }
    let past = whole.len() as u64 + 1;
    assert!(source.read_raw(at, 0..past).is_err() && source.read_raw(0, 0..1).is_err());
    drop(source);
    let name = "model.layers.2.mlp.experts.down_proj_scales";
    folder.tensors.retain(|t| t.name != name);
    let text = folder.refusal();
    assert!(text.contains(&format!("tensor {name}: missing")), "{text}");
}

/// The value of a byte of E4M3, by way of f16: its exponent is one bit longer, and its bias 8 more.
fn e4m3(byte: u8) -> f32 {
    let bits = u16::from(byte & 0x80) << 8 | u16::from(byte & 0x7f) << 7;
    half_value(bits) * 256.0
}

fn half_value(bits: u16) -> f32 {
    let mut out = [0.0];
    quant::Format::F16.decode(&bits.to_le_bytes(), &mut out);
    out[0]
}

/// Returns the values of a matrix in FP8 with rows of `cols`, under a scale for each block, in BF16.
pub(super) fn bf16_of_fp8(bytes: &[u8], cols: usize, scales: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    let n_across = cols.div_ceil(columns);
    let value = |(i, &byte): (usize, &u8)| {
        let exact = e4m3(byte) * scales[i / cols / rows * n_across + i % cols / columns];
        let mut rounded = [0; 2];
        quant::Format::BF16.encode(&[exact], None, &mut rounded).unwrap();
        f32::from_bits(u32::from(u16::from_le_bytes(rounded)) << 16)
    };
    bytes.iter().enumerate().map(value).collect()
}

#[test]
fn fp8_under_scales_of_blocks_becomes_bf16() {
    let mut folder = folder("qwen3");
    folder.config["quantization_config"] =
        json!({"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [24, 40]});
    let name = "model.layers.1.mlp.down_proj.weight";
    let shape = folder.tensor(name).shape.clone();
    let [rows, cols] = shape[..] else { panic!("{shape:?}") };
    let bytes: Vec<u8> = (0..rows * cols).map(|i| (i * 37 % 254 + i * 37 % 254 / 127) as u8).collect();
    let (n_down, n_across) = (rows.div_ceil(24), cols.div_ceil(40));
    let scales: Vec<f32> = (0..n_down * n_across).map(|i| 0.001 + 0.0007 * i as f32).collect();
    *folder.tensor(name) = Tensor { name: name.to_owned(), dtype: "F8_E4M3", shape, bytes: bytes.clone() };
    folder.tensors.push(Tensor::f32(&format!("{name}_scale_inv"), &[n_down, n_across], &scales));
    let source = folder.open().unwrap();
    let expected = bf16_of_fp8(&bytes, cols, &scales, [24, 40]);
    testkit::assert_same_f32(name, &read(&source, "blk.1.ffn_down.weight", 5), &expected);
    assert_eq!(source.changes(), ["1 tensors of FP8 under scales made BF16"]);
    folder.tensors.pop();
    let text = folder.refusal();
    assert!(text.contains(&format!("tensor {name}_scale_inv: missing")), "{text}");
}

/// Writes the list of modules of sentence-transformers, and how tokens are pooled.
fn with_pooling(folder: &Folder, pooling: &Json, kinds: &[(&str, &str)]) {
    let modules: Vec<Json> = kinds
        .iter()
        .map(|(path, kind)| json!({"idx": 0, "name": "0", "path": path, "type": format!("sentence_transformers.models.{kind}")}))
        .collect();
    folder.write_json("modules.json", &Json::Array(modules));
    std::fs::create_dir_all(folder.file("1_Pooling")).unwrap();
    folder.write_json("1_Pooling/config.json", pooling);
}

/// Makes the folder of the golden Jina, whose class comes with the model: gate and up are one matrix.
fn jina() -> (Folder, Container) {
    let container = golden2("jina-bert-v2");
    let mut tensors = vec![
        tensor(&container, "token_embd.weight", "embeddings.word_embeddings.weight"),
        tensor(&container, "token_types.weight", "embeddings.token_type_embeddings.weight"),
        tensor(&container, "token_embd_norm.weight", "embeddings.LayerNorm.weight"),
        tensor(&container, "token_embd_norm.bias", "embeddings.LayerNorm.bias"),
    ];
    for layer in 0..3 {
        let (gguf, hf) = (format!("blk.{layer}."), format!("encoder.layer.{layer}."));
        for (part, name) in [
            ("attn_q", "attention.self.query"),
            ("attn_k", "attention.self.key"),
            ("attn_v", "attention.self.value"),
            ("attn_output", "attention.output.dense"),
            ("attn_output_norm", "attention.output.LayerNorm"),
            ("ffn_down", "mlp.wo"),
            ("layer_output_norm", "mlp.layernorm"),
        ] {
            for kind in ["weight", "bias"] {
                tensors.push(tensor(&container, &format!("{gguf}{part}.{kind}"), &format!("{hf}{name}.{kind}")));
            }
        }
        let of = |part: &str| values(&container, &format!("{gguf}{part}.weight"));
        let both = [of("ffn_gate"), of("ffn_up")].concat();
        tensors.push(Tensor::f32(&format!("{hf}mlp.gated_layers.weight"), &[128, 48], &both));
    }
    let config = json!({
        "architectures": ["JinaBertForMaskedLM"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": 48,
        "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "max_position_embeddings": 64,
        "layer_norm_eps": 1e-12, "vocab_size": 128, "type_vocab_size": 2, "position_embedding_type": "alibi",
        "feed_forward_type": "geglu",
    });
    (Folder { dir: tempdir().unwrap(), config, tensors }, container)
}

#[test]
fn jina_and_its_pooling() {
    let (folder, container) = jina();
    folder.write();
    let modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")];
    let flags =
        json!({"word_embedding_dimension": 48, "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false});
    with_pooling(&folder, &flags, &modules);
    let source = folder.open().unwrap();
    check_tensors(&source, &container);
    check_keys(&source, &container, &[]);
    for (pooling, number) in [
        (json!({"pooling_mode_cls_token": true}), 2),
        (json!({"pooling_mode_lasttoken": true}), 3),
        (json!({"pooling_mode": "cls"}), 2),
    ] {
        with_pooling(&folder, &pooling, &modules);
        let source = folder.open().unwrap();
        assert_eq!(source.metadata().get("jina-bert-v2.pooling_type"), Some(&Value::U32(number)), "{pooling}");
    }
    with_pooling(&folder, &json!({"pooling_mode_max_tokens": true}), &modules);
    assert!(folder.refusal().contains("pooling_mode_max_tokens: true, expected the mean"));
    with_pooling(&folder, &flags, &[("1_Pooling", "Pooling"), ("2_Dense", "Dense")]);
    assert!(folder.refusal().contains("2_Dense: a matrix behind the model is not supported"));
}

/// Makes the folder of the golden EmbeddingGemma, whose norms hold one less.
fn gemma(container: &Container) -> Folder {
    let mut tensors = Vec::new();
    for t in container.tensors() {
        let name = match t.name.strip_prefix("blk.") {
            None if t.name == "token_embd.weight" => "embed_tokens.weight".to_owned(),
            None => "norm.weight".to_owned(),
            Some(rest) => {
                let (layer, part) = rest.split_once('.').unwrap();
                let part = match part.strip_suffix(".weight").unwrap() {
                    "attn_norm" => "input_layernorm",
                    "post_attention_norm" => "post_attention_layernorm",
                    "ffn_norm" => "pre_feedforward_layernorm",
                    "post_ffw_norm" => "post_feedforward_layernorm",
                    "attn_q" => "self_attn.q_proj",
                    "attn_k" => "self_attn.k_proj",
                    "attn_v" => "self_attn.v_proj",
                    "attn_output" => "self_attn.o_proj",
                    "attn_q_norm" => "self_attn.q_norm",
                    "attn_k_norm" => "self_attn.k_norm",
                    "ffn_gate" => "mlp.gate_proj",
                    "ffn_up" => "mlp.up_proj",
                    "ffn_down" => "mlp.down_proj",
                    other => panic!("{other}"),
                };
                format!("layers.{layer}.{part}.weight")
            }
        };
        let mut made = tensor(container, &t.name, &name);
        if t.dims.len() == 1 {
            made.bytes = values(container, &t.name).iter().flat_map(|w| (w - 1.0).to_le_bytes()).collect();
        }
        tensors.push(made);
    }
    let config = json!({
        "architectures": ["Gemma3TextModel"], "model_type": "gemma3_text", "hidden_activation": "gelu_pytorch_tanh",
        "hidden_size": 40, "intermediate_size": 48, "num_hidden_layers": 6, "num_attention_heads": 3,
        "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 512, "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000.0, "rope_local_base_freq": 10_000.0, "sliding_window": 12, "query_pre_attn_scalar": 16,
        "vocab_size": 128, "use_bidirectional_attention": true,
    });
    Folder { dir: tempdir().unwrap(), config, tensors }
}

#[test]
fn matrices_behind_embedding_gemma_come_along() {
    let container = golden2("gemma-embedding");
    let mut folder = gemma(&container);
    folder.write();
    let dense = [("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3_Dense", "Dense")];
    with_pooling(&folder, &json!({"pooling_mode_mean_tokens": true}), &dense);
    let matrices: Vec<Vec<f32>> = (1..3).map(|k| (0..40 * 60).map(|i| (i * k) as f32).collect()).collect();
    for (at, shape) in [[60, 40], [40, 60]].iter().enumerate() {
        let place = folder.file(&format!("{}_Dense", at + 2));
        std::fs::create_dir_all(&place).unwrap();
        let bytes = super::support::safetensors(&[Tensor::f32("linear.weight", shape, &matrices[at])]);
        std::fs::write(place.join("model.safetensors"), bytes).unwrap();
    }
    let source = folder.open().unwrap();
    check_keys(&source, &container, &[]);
    assert_eq!(source.metadata().get("gemma-embedding.dense_2_feat_out"), Some(&Value::U32(60)));
    for (at, matrix) in matrices.iter().enumerate() {
        let name = format!("dense_{}.weight", at + 2);
        testkit::assert_same_f32(&name, &read(&source, &name, 9), matrix);
    }
    drop(source);
    std::fs::remove_file(folder.file("3_Dense/model.safetensors")).unwrap();
    assert!(folder.refusal().contains("3_Dense: neither model.safetensors"));
    folder.config["use_bidirectional_attention"] = json!(false);
    std::fs::remove_file(folder.file("modules.json")).unwrap();
    assert!(folder.refusal().contains("use_bidirectional_attention: expected true"));
}
