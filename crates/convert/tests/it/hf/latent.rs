//! Latent attention: keys and values of one matrix, also in FP8; settings that cannot be, and layers that predict.

use convert::Source;
use serde_json::{Value, json};

use super::{
    layouts::bf16_of_fp8,
    support::{Folder, Tensor, read},
    transformers,
};

const N_HEADS: usize = 4;
/// Elements of a key that do not turn, elements of a value, width of what both are made of, in the case
/// `glm4-moe-lite`.
const PLAIN: usize = 12;
const VALUE: usize = 20;
const RANK: usize = 16;

fn folder(name: &str) -> Folder {
    let (_, cases) = transformers::cases();
    transformers::folder(cases.iter().find(|case| case["name"] == name).unwrap())
}

/// Returns the keys and the values of all heads as GGUF has them, of a matrix that has for each head rows of keys, then
/// rows of values.
fn apart(both: &[f32]) -> [Vec<f32>; 2] {
    let row = |head: usize, at: usize| &both[(head * (PLAIN + VALUE) + at) * RANK..][..RANK];
    let keys =
        (0..N_HEADS).flat_map(|head| (0..RANK).flat_map(move |column| (0..PLAIN).map(move |at| (head, at, column))));
    let keys = keys.map(|(head, at, column)| row(head, at)[column]);
    let values = (0..N_HEADS).flat_map(|head| (PLAIN..PLAIN + VALUE).flat_map(move |at| row(head, at).to_vec()));
    [keys.collect(), values.collect()]
}

fn check(source: &dyn Source, both: &[f32]) {
    for (name, expected) in ["attn_k_b", "attn_v_b"].into_iter().zip(apart(both)) {
        let name = format!("blk.1.{name}.weight");
        let dims = if name.contains("k_b") { [PLAIN, RANK, N_HEADS] } else { [RANK, VALUE, N_HEADS] };
        let tensor = source.tensors().iter().find(|t| t.name == name).unwrap();
        assert_eq!(tensor.dims, dims.map(|n| n as u64), "{name}");
        // Pieces that begin and end inside a head.
        testkit::assert_same_f32(&name, &read(source, &name, 7), &expected);
    }
}

#[test]
fn keys_and_values_of_each_head_are_cut_apart() {
    const NAME: &str = "model.layers.1.self_attn.kv_b_proj.weight";
    let mut folder = folder("glm4-moe-lite");
    let bytes = &folder.tensor(NAME).bytes;
    let both: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    check(&folder.open().unwrap(), &both);

    // In blocks that end inside a head, and inside its keys.
    let block = [10, 6];
    folder.config["quantization_config"] = json!({"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": block});
    let shape = vec![N_HEADS * (PLAIN + VALUE), RANK];
    let bytes: Vec<u8> = (0..shape[0] * RANK).map(|i| (i * 37 % 254 + i * 37 % 254 / 127) as u8).collect();
    let n_scales = [shape[0].div_ceil(block[0]), RANK.div_ceil(block[1])];
    let scales: Vec<f32> = (0..n_scales[0] * n_scales[1]).map(|i| 0.001 + 0.0007 * i as f32).collect();
    let both = bf16_of_fp8(&bytes, RANK, &scales, block);
    *folder.tensor(NAME) = Tensor { name: NAME.to_owned(), dtype: "F8_E4M3", shape, bytes };
    folder.tensors.push(Tensor::f32(&format!("{NAME}_scale_inv"), &n_scales, &scales));
    check(&folder.open().unwrap(), &both);
}

#[test]
fn layers_that_predict_are_left_out() {
    let mut folder = folder("deepseek3");
    folder.config["num_nextn_predict_layers"] = json!(1);
    folder.tensors.push(Tensor::f32("model.layers.4.eh_proj.weight", &[40, 80], &[0.5; 40 * 80]));
    let source = folder.open().unwrap();
    let warnings = source.warnings();
    let is_told = |warning: &String| warning.ends_with("the prediction of further tokens: left out");
    assert!(warnings.iter().any(is_told), "{warnings:?}");
    assert!(source.tensors().iter().all(|t| !t.name.starts_with("blk.4.")));
    // A layer of the model itself must be known.
    folder.tensors.push(Tensor::f32("model.layers.3.eh_proj.weight", &[40, 80], &[0.5; 40 * 80]));
    let refusal = folder.refusal();
    assert!(refusal.contains("model.layers.3.eh_proj.weight: not known for deepseek2"), "{refusal}");
}

#[test]
fn the_kinds_of_layers_may_be_listed() {
    let mut folder = folder("glm4-moe-lite");
    folder.config.as_object_mut().unwrap().remove("first_k_dense_replace");
    for (kinds, expected) in [
        (json!(["dense", "sparse", "sparse"]), None),
        (json!(["dense", "sparse"]), Some("mlp_layer_types: 2 layers, expected 3")),
        (json!(["dense", "sparse", "dense"]), Some("mlp_layer_types: \"dense\" behind 1 of \"dense\"")),
        (json!(["sparse", "sparse", "sparse"]), Some("tensor model.layers.0.")),
        (Value::Null, Some("first_k_dense_replace: missing")),
    ] {
        folder.config["mlp_layer_types"] = kinds;
        match expected {
            None => {
                let count = folder.open().unwrap().metadata().u64("deepseek2.leading_dense_block_count").unwrap();
                assert_eq!(count, Some(1));
            }
            Some(expected) => {
                let refusal = folder.refusal();
                assert!(refusal.contains(expected), "{expected}: {refusal}");
            }
        }
    }
}

#[test]
fn settings_that_cannot_be() {
    let yarn = |mscale: f64, all: f64| {
        json!({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "mscale": mscale,
            "mscale_all_dim": all})
    };
    for (name, key, value, expected) in [
        ("deepseek3", "kv_lora_rank", Value::Null, "kv_lora_rank: missing"),
        ("deepseek3", "kv_lora_rank", json!(15), "shape [24, 40], but"),
        ("deepseek3", "qk_nope_head_dim", json!(17), "shape [128, 16], but"),
        ("deepseek3", "v_head_dim", json!(12), "config.json implies [112, 16]"),
        ("deepseek3", "v_head_dim", json!(5000), "v_head_dim: 5000, expected at most 4096"),
        ("deepseek3", "qk_rope_head_dim", json!(7), "rotates 7 of 7"),
        ("deepseek3", "q_lora_rank", Value::Null, "self_attn.q_proj.weight: missing"),
        ("deepseek2", "q_lora_rank", json!(24), "self_attn.q_a_proj.weight: missing"),
        ("deepseek3", "num_key_value_heads", json!(2), "num_key_value_heads: 2, expected num_attention_heads 4"),
        ("deepseek3", "num_experts_per_tok", json!(9), "num_experts_per_tok: 9, but n_routed_experts 8"),
        ("deepseek3", "n_group", json!(3), "n_group: 3, but n_routed_experts 8"),
        ("deepseek3", "n_group", json!(8), "n_group: 8, but n_routed_experts 8"),
        ("deepseek3", "topk_group", json!(5), "topk_group: 5 of 4 groups of 8 experts"),
        ("deepseek3", "topk_group", json!(1), "topk_group: 1 of 4 groups of 8 experts, of which 3 are used"),
        ("deepseek3", "topk_group", Value::Null, "topk_group: missing"),
        ("deepseek3", "routed_scaling_factor", Value::Null, "routed_scaling_factor: missing"),
        ("deepseek3", "norm_topk_prob", Value::Null, "norm_topk_prob: missing"),
        ("deepseek3", "n_shared_experts", Value::Null, "n_shared_experts: missing"),
        ("deepseek3", "scoring_func", json!("softmax"), "scoring_func: \"softmax\", expected \"sigmoid\""),
        ("deepseek3", "topk_method", json!("greedy"), "topk_method: \"greedy\", expected \"noaux_tc\""),
        ("deepseek3", "moe_layer_freq", json!(2), "moe_layer_freq: 2, expected 1"),
        ("deepseek3", "attention_bias", json!(true), "attention_bias: true, expected false"),
        ("deepseek3", "rope_interleave", json!(false), "rope_interleave: false, expected true"),
        ("deepseek3", "rope_scaling", yarn(1.0, 0.0), "rope_scaling.mscale_all_dim: missing or 0"),
        ("deepseek3", "rope_scaling", yarn(1.0, 0.5), "rope_scaling.mscale_all_dim: 0.5 makes a factor of"),
        ("deepseek2", "norm_topk_prob", json!(true), "norm_topk_prob: true, expected false"),
        ("deepseek2", "topk_method", json!("noaux_tc"), "topk_method: \"noaux_tc\", expected \"greedy\""),
    ] {
        let mut folder = folder(name);
        folder.config[key] = value;
        let refusal = folder.refusal();
        assert!(refusal.contains(expected), "{name}, {key}: {refusal}");
    }
    // Readers choose groups by another rule than V2 does.
    let mut folder = folder("deepseek2");
    folder.config["topk_method"] = json!("group_limited_greedy");
    folder.open().unwrap();
    folder.config["n_group"] = json!(2);
    let refusal = folder.refusal();
    assert!(refusal.contains("n_group: 2, expected 1"), "{refusal}");
}
