//! Ternary checkpoints: packed codes with either use of their scale, and masters.

use convert::{
    Rows, Source, Stored,
    hf::{HfOptions, HuggingFace, Ternarise},
};
use quant::TernaryRows;
use serde_json::json;

use super::support::{Folder, Tensor, folder, golden, logits_error, read, values};

const NMSE: f64 = 1e-6;
/// Largest error of a model whose reference engine kept its KV cache in f16.
const NMSE_B158: f64 = 1e-5;

/// Whether a tensor of a golden model is a linear layer, by a part of its name.
fn is_linear(name: &str) -> bool {
    name.ends_with("_proj.weight")
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Packs codes as `pack_weights` of transformers does: quarter `i` of the rows goes to bits `2i` and `2i + 1`.
fn packed(codes: &[i8], rows: usize, cols: usize) -> Vec<u8> {
    let n_packed = rows.div_ceil(4);
    let mut bytes = vec![0u8; n_packed * cols];
    for (i, code) in codes.iter().enumerate() {
        let (row, col) = (i / cols, i % cols);
        bytes[(row % n_packed) * cols + col] |= ((code + 1) as u8) << (2 * (row / n_packed));
    }
    bytes
}

/// Replaces ternary float matrices by packed ones; `scale` of a matrix's magnitude is what stands beside it.
fn pack(folder: &mut Folder, scale: impl Fn(f32) -> f32) {
    let mut scales = Vec::new();
    for t in folder.tensors.iter_mut().filter(|t| is_linear(&t.name)) {
        let weights = floats(&t.bytes);
        let magnitude = weights.iter().fold(0.0f32, |max, w| max.max(w.abs()));
        let codes: Vec<i8> = weights.iter().map(|w| (w / magnitude) as i8).collect();
        let (rows, cols) = (t.shape[0], t.shape[1]);
        (t.dtype, t.shape, t.bytes) = ("U8", vec![rows.div_ceil(4), cols], packed(&codes, rows, cols));
        scales.push(Tensor::f32(&format!("{}_scale", t.name), &[1], &[scale(magnitude)]));
    }
    folder.tensors.extend(scales);
}

/// Multiplies codes with scales, as in a Hugging Face folder; the 700M's golden file keeps them apart.
fn multiply_scales(folder: &mut Folder) {
    let scales: Vec<Tensor> = folder.tensors.extract_if(.., |t| t.name.ends_with(".scale")).collect();
    for scale in scales {
        let (name, value) = (scale.name.replace(".scale", ".weight"), floats(&scale.bytes)[0]);
        let weight = folder.tensor(&name);
        weight.bytes = floats(&weight.bytes).iter().flat_map(|w| (w * value).to_le_bytes()).collect();
    }
}

fn ternary_rows(source: &HuggingFace, name: &str) -> TernaryRows {
    let (index, tensor) = source.tensors().iter().enumerate().find(|(_, t)| t.name == name).unwrap();
    match source.read(index, 0..tensor.n_rows()).unwrap() {
        Rows::Ternary(rows) => rows,
        Rows::Values(_) => panic!("{name} is not ternary"),
    }
}

/// Checks that every linear layer is ternary and nothing else is.
fn check_stored(source: &HuggingFace) {
    for t in source.tensors() {
        let is_linear = t.name.starts_with("blk.") && t.dims.len() == 2;
        assert_eq!(t.stored == Stored::Ternary, is_linear, "{}", t.name);
    }
}

#[test]
fn packed_codes_of_a_llama_divide_by_their_scale_and_follow_its_row_order() {
    let mut folder = folder("llama-256-ternary");
    pack(&mut folder, |magnitude| 1.0 / magnitude);
    folder.config["quantization_config"] = json!({"quant_method": "bitnet", "modules_to_not_convert": null});
    let source = folder.open().unwrap();
    check_stored(&source);
    for name in ["blk.0.attn_q.weight", "blk.0.attn_v.weight"] {
        let (got, expected) = (ternary_rows(&source, name), values(&golden("llama-256-ternary"), name));
        assert_eq!((got.cols, got.span), (256, 256));
        let signs: Vec<i8> = expected.iter().map(|w| (w / 0.07) as i8).collect();
        assert_eq!(got.codes, signs, "{name}");
        assert_eq!(got.scales, vec![1.0 / (1.0 / 0.075_f32); got.n_rows()]);
    }
    assert!(logits_error(&source, "llama-256-ternary") <= NMSE);
}

#[test]
fn packed_codes_of_autobitlinear_multiply_by_their_scale() {
    let mut folder = folder("bitnet-b1.58");
    pack(&mut folder, |magnitude| magnitude);
    folder.config["quantization_config"] =
        json!({"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"});
    let source = folder.open().unwrap();
    check_stored(&source);
    assert_eq!(source.metadata().str("general.architecture").unwrap(), Some("bitnet-b1.58"));
    let name = "blk.1.ffn_down.weight";
    let expected = values(&golden("bitnet-b1.58"), name);
    testkit::assert_same_f32(name, &read(&source, name, 11), &expected);
    assert!(logits_error(&source, "bitnet-b1.58") <= NMSE_B158);
}

/// Four does not divide the number of rows: the last quarter is short.
#[test]
fn a_short_last_quarter() {
    let mut folder = folder("bitnet-b1.58");
    pack(&mut folder, |magnitude| magnitude);
    folder.config["intermediate_size"] = json!(94);
    folder.config["quantization_config"] = json!({"quant_method": "bitnet", "linear_class": "autobitlinear"});
    for layer in 0..2 {
        let at = format!("model.layers.{layer}.mlp");
        let codes: Vec<i8> = (0..94 * 64).map(|i| (i * 7 % 3) as i8 - 1).collect();
        for name in ["gate_proj", "up_proj"] {
            let t = folder.tensor(&format!("{at}.{name}.weight"));
            (t.shape, t.bytes) = (vec![24, 64], packed(&codes, 94, 64));
        }
        let t = folder.tensor(&format!("{at}.down_proj.weight"));
        (t.shape, t.bytes) = (vec![16, 94], packed(&codes, 64, 94));
        let t = folder.tensor(&format!("{at}.ffn_sub_norm.weight"));
        (t.shape, t.bytes) = (vec![94], t.bytes[..94 * 4].to_vec());
    }
    let codes: Vec<i8> = (0..94 * 64).map(|i| (i * 7 % 3) as i8 - 1).collect();
    assert_eq!(ternary_rows(&folder.open().unwrap(), "blk.1.ffn_up.weight").codes, codes);
}

/// The 700M and 3B: no configuration of quantisation at all, float masters, SiLU, other names of the inner norms. To
/// transformers they are models of floats; whoever asks for it gets what they were trained as.
#[test]
fn masters_without_a_word_stay_floats_unless_weights_may_change() {
    let mut folder = folder("bitnet");
    multiply_scales(&mut folder);
    let as_stored = folder.open_with(HfOptions { ternarise: Ternarise::Never }).unwrap();
    assert!(as_stored.tensors().iter().all(|t| t.stored != Stored::Ternary));
    assert!(logits_error(&as_stored, "bitnet") <= NMSE);
    let as_configured = folder.open().unwrap();
    assert!(as_configured.has_undeclared_masters() && as_configured.changes().is_empty());
    assert!(as_configured.tensors().iter().all(|t| t.stored != Stored::Ternary));

    let source = folder.open_with(HfOptions { ternarise: Ternarise::Undeclared }).unwrap();
    check_stored(&source);
    assert!(!source.has_undeclared_masters());
    assert_eq!(source.changes(), ["14 matrices of floats made ternary by absmean"]);
    assert_eq!(source.metadata().str("general.architecture").unwrap(), Some("bitnet"));
    for (gguf, hf) in [("blk.0.attn_q.weight", "self_attn.q_proj"), ("blk.0.ffn_down.weight", "mlp.down_proj")] {
        let weights = floats(&folder.tensor(&format!("model.layers.0.{hf}.weight")).bytes);
        let mean = weights.iter().map(|w| f64::from(w.abs())).sum::<f64>() / weights.len() as f64;
        let scale = 1.0 / (mean as f32);
        let expected: Vec<i8> = weights.iter().map(|w| (w * scale).round_ties_even().clamp(-1.0, 1.0) as i8).collect();
        let got = ternary_rows(&source, gguf);
        assert_eq!(got.codes, expected, "{gguf}");
        assert!(got.scales.iter().all(|&s| s == 1.0 / scale), "{gguf}");
    }
}

#[test]
fn online_masters_in_bf16_have_scales_in_bf16() {
    let mut folder = folder("bitnet-b1.58");
    for t in folder.tensors.iter_mut().filter(|t| is_linear(&t.name)) {
        t.dtype = "BF16";
        t.bytes = floats(&t.bytes).iter().flat_map(|&w| half::bf16::from_f32(w).to_le_bytes()).collect();
    }
    folder.config["quantization_config"] = json!({
        "quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online",
        "modules_to_not_convert": ["lm_head", "model.layers.1.mlp"],
    });
    let source = folder.open().unwrap();
    let rows = ternary_rows(&source, "blk.0.attn_q.weight");
    assert!(rows.scales.iter().all(|&s| half::bf16::from_f32(s).to_f32() == s));
    let stored = |name: &str| source.tensors().iter().find(|t| t.name == name).unwrap().stored;
    assert_eq!(stored("blk.1.ffn_up.weight"), Stored::As(quant::Format::BF16), "listed in modules_to_not_convert");
    assert_eq!(stored("blk.1.attn_q.weight"), Stored::Ternary);
}

#[test]
fn what_is_no_ternary_checkpoint_is_refused() {
    let llama = folder("llama");
    let error = llama.open_with(HfOptions { ternarise: Ternarise::Always }).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("architectures: no BitNet model"), "{error}");

    let refusal = |change: &dyn Fn(&mut Folder)| {
        let mut folder = folder("bitnet-b1.58");
        pack(&mut folder, |magnitude| magnitude);
        folder.config["quantization_config"] = json!({"quant_method": "bitnet", "linear_class": "autobitlinear"});
        change(&mut folder);
        folder.refusal()
    };
    let quantization = |key: &'static str, value: serde_json::Value| {
        refusal(&move |folder| folder.config["quantization_config"][key] = value.clone())
    };
    for (key, value, expected) in [
        (
            "quant_method",
            json!("gptq"),
            "quant_method: \"gptq\": weights packed by GPTQ, AWQ or AutoRound are not read, expected \"bitnet\"",
        ),
        ("linear_class", json!("other"), "linear_class: \"other\", expected bitlinear or autobitlinear"),
        ("quantization_mode", json!("later"), "quantization_mode: \"later\", expected online or offline"),
        ("use_rms_norm", json!(1), "use_rms_norm: 1, expected true or false"),
        ("modules_to_not_convert", json!(["layers.*"]), "modules_to_not_convert: \"layers.*\", expected names"),
    ] {
        let text = quantization(key, value);
        assert!(text.contains(&format!("config.json: quantization_config.{expected}")), "{text}");
    }
    let text = refusal(&|folder| folder.config["quantization_config"]["use_rms_norm"] = json!(true));
    assert!(text.contains("model.layers.0.self_attn.q_proj.rms_norm.weight: missing"), "{text}");
    let text = refusal(&|folder| folder.config["quantization_config"]["modules_to_not_convert"] = json!([]));
    assert!(text.contains("modules_to_not_convert: lm_head is not in the list, but it is the embedding"), "{text}");
    let q = "model.layers.0.self_attn.q_proj.weight";
    let q_scale = "model.layers.0.self_attn.q_proj.weight_scale";
    for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let text = refusal(&|folder| folder.tensor(q_scale).bytes = bad.to_le_bytes().to_vec());
        assert!(text.contains(&format!("tensor {q_scale}: {bad}, expected a finite number above 0")), "{text}");
    }
    let text = refusal(&|folder| folder.tensors.retain(|t| t.name != q_scale));
    assert!(text.contains(&format!("tensor {q}: U8, but there is no weight_scale")), "{text}");
    let text = refusal(&|folder| folder.tensor(q).shape = vec![64, 16]);
    assert!(text.contains("shape [64, 16], but") && text.contains("implies [16, 64]"), "{text}");

    let mut folder = folder("bitnet-b1.58");
    pack(&mut folder, |magnitude| magnitude);
    folder.config["quantization_config"] = json!({"quant_method": "bitnet", "linear_class": "autobitlinear"});
    // Byte row 3 of [16, 64], column 5, quarter 2: row 2 · 16 + 3.
    folder.tensor(q).bytes[3 * 64 + 5] |= 0b11 << 4;
    let source = folder.open().unwrap();
    let index = source.tensors().iter().position(|t| t.name == "blk.0.attn_q.weight").unwrap();
    let error = source.read(index, 0..64).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(&format!("tensor {q}: row 35, column 5: code 3, expected 0 to 2")), "{error}");
}

const MLX_SPAN: usize = 64;

/// Packs matrices as `mlx.core.quantize` does ternary ones: words of 16 codes, a scale and a bias for every 64 weights.
fn pack_mlx(folder: &mut Folder) {
    let mut beside = Vec::new();
    for t in folder.tensors.iter_mut().filter(|t| is_linear(&t.name)) {
        let weights = floats(&t.bytes);
        let module = t.name.strip_suffix(".weight").unwrap();
        let scale = weights.iter().fold(0.0f32, |max, w| max.max(w.abs()));
        let (rows, cols) = (t.shape[0], t.shape[1]);
        let codes: Vec<u32> = weights.iter().map(|w| ((w / scale) as i32 + 1) as u32).collect();
        let word = |codes: &[u32]| codes.iter().enumerate().fold(0, |word, (j, code)| word | code << (2 * j));
        let n_spans = rows * cols / MLX_SPAN;
        let shape = [rows, cols / MLX_SPAN];
        beside.push(Tensor::f32(&format!("{module}.scales"), &shape, &vec![scale; n_spans]));
        beside.push(Tensor::f32(&format!("{module}.biases"), &shape, &vec![-scale; n_spans]));
        (t.dtype, t.shape) = ("U32", vec![rows, cols / 16]);
        t.bytes = codes.chunks(16).flat_map(|codes| word(codes).to_le_bytes()).collect();
    }
    folder.tensors.extend(beside);
    folder.config["quantization"] = json!({"group_size": MLX_SPAN, "bits": 2});
    folder.config["quantization_config"] = folder.config["quantization"].clone();
}

#[test]
fn matrices_of_mlx() {
    let name = "llama-256-ternary";
    let mut folder = folder(name);
    pack_mlx(&mut folder);
    let source = folder.open().unwrap();
    check_stored(&source);
    for tensor in ["blk.0.attn_k.weight", "blk.0.ffn_down.weight"] {
        assert_eq!(ternary_rows(&source, tensor).span, MLX_SPAN);
        testkit::assert_same_f32(tensor, &read(&source, tensor, 13), &values(&golden(name), tensor));
    }
    assert!(logits_error(&source, name) <= NMSE);

    let q = "model.layers.0.self_attn.q_proj";
    let biases = format!("{q}.biases");
    let original = folder.tensor(&biases).bytes.clone();
    // Row 1 of the checkpoint, group 0: rows have 4 groups.
    folder.tensor(&biases).bytes[16..20].copy_from_slice(&0.5f32.to_le_bytes());
    let source = folder.open().unwrap();
    let index = source.tensors().iter().position(|t| t.name == "blk.0.attn_q.weight").unwrap();
    let error = source.read(index, 0..64).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(&format!("tensor {q}.weight: row 1, group 0: bias is not -scale")), "{error}");
    folder.tensor(&biases).bytes = original;

    let quantization = folder.config["quantization"].clone();
    for (key, value, expected) in [
        ("bits", json!(4), "quantization.bits: 4, expected 2"),
        ("mode", json!("mxfp4"), "quantization.mode: \"mxfp4\", expected \"affine\""),
        ("group_size", json!(null), "quantization.group_size: missing"),
        (
            "model.layers.0.mlp.up_proj",
            json!({"bits": 4}),
            "quantization.model.layers.0.mlp.up_proj: expected group_size",
        ),
    ] {
        folder.config["quantization"][key] = value;
        let text = folder.refusal();
        assert!(text.contains(expected), "{text}");
        folder.config["quantization"] = quantization.clone();
    }
    for key in ["quantization", "quantization_config"] {
        folder.config.as_object_mut().unwrap().remove(key);
    }
    assert!(folder.refusal().contains("U32, but config.json has no quantization (MLX)"));
    std::fs::write(folder.file("hadamard.json"), "{}").unwrap();
    assert!(folder.refusal().ends_with("hadamard.json: weights that are stored rotated are not supported"));
}
