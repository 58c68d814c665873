//! Gemma 4: what checkpoints have beside the text, and settings that cannot be.

use convert::Source;
use gguf::Value;
use serde_json::json;

use super::{
    support::{Folder, Tensor, read},
    transformers,
};

const E: &str = "gemma4-e";
const MOE: &str = "gemma4-moe";

/// Makes the folder of a case, with all settings of the text in one section or in none.
fn folder(name: &str) -> Folder {
    let (_, cases) = transformers::cases();
    transformers::folder(cases.iter().find(|case| case["name"] == name).unwrap())
}

fn settings(folder: &mut Folder) -> &mut serde_json::Value {
    let has_section = folder.config.get("text_config").is_some();
    if has_section { &mut folder.config["text_config"] } else { &mut folder.config }
}

#[test]
fn what_sees_and_hears_is_left_out_by_name() {
    let mut folder = folder(MOE);
    folder.tensors.push(Tensor::f32("model.audio_tower.layers.0.norm.weight", &[2], &[1.0; 2]));
    let source = folder.open().unwrap();
    for what in ["pictures", "sound"] {
        let told = format!("{what}: left out");
        assert!(source.warnings().iter().any(|warning| warning.ends_with(&told)), "{what}: {:?}", source.warnings());
    }
    folder.tensors.push(Tensor::f32("model.language_model.layers.0.self_attn.v_norm.weight", &[2], &[1.0; 2]));
    let refusal = folder.refusal();
    assert!(refusal.contains("v_norm.weight: not known for gemma4"), "{refusal}");
}

#[test]
fn keys_that_no_layer_attends_to_are_left_out() {
    let mut folder = folder(E);
    for name in ["k_proj", "v_proj"] {
        folder.tensors.push(Tensor::f32(
            &format!("model.layers.6.self_attn.{name}.weight"),
            &[32, 40],
            &[0.5; 32 * 40],
        ));
    }
    folder.tensors.push(Tensor::f32("model.layers.6.self_attn.k_norm.weight", &[16], &[1.0; 16]));
    let source = folder.open().unwrap();
    let told = "keys and values of layers that have those of others: left out";
    assert!(source.warnings().iter().any(|warning| warning.ends_with(told)), "{:?}", source.warnings());
    assert!(source.tensors().iter().all(|t| t.name != "blk.6.attn_k.weight"));
    // With their own they are layers like the others.
    folder.config["num_kv_shared_layers"] = json!(0);
    let refusal = folder.refusal();
    assert!(refusal.contains("model.layers.5.self_attn.k_proj.weight: missing"), "{refusal}");
}

#[test]
fn pairs_that_stand_still_have_a_large_factor() {
    let mut folder = folder(E);
    let factors = |folder: &Folder| read(&folder.open().unwrap(), "rope_freqs.weight", 1);
    let expected: Vec<f32> = (0..16).map(|pair| if pair < 4 { 1.0 } else { 1e30 }).collect();
    testkit::assert_same_f32("a quarter", &factors(&folder), &expected);
    folder.config["rope_parameters"]["full_attention"]["factor"] = json!(8.0);
    let expected: Vec<f32> = (0..16).map(|pair| if pair < 4 { 8.0 } else { 1e30 }).collect();
    testkit::assert_same_f32("with a factor", &factors(&folder), &expected);
    folder.config["rope_parameters"]["full_attention"] = json!({"rope_type": "default", "rope_theta": 5000.0});
    testkit::assert_same_f32("whole", &factors(&folder), &[1.0; 16]);
    let source = folder.open().unwrap();
    assert_eq!(source.metadata().get("gemma4.rope.freq_base"), Some(&Value::F32(5000.0)));
}

#[test]
fn layers_that_are_not_listed_follow_a_period() {
    let mut folder = folder(MOE);
    settings(&mut folder).as_object_mut().unwrap().remove("layer_types");
    let refusal = folder.refusal();
    // Of six layers the last alone sees everything.
    assert!(refusal.contains("layers.2.self_attn.q_proj.weight: shape [128, 40], but"), "{refusal}");
}

#[test]
fn newer_files_list_the_heads_of_layers() {
    let mut folder = folder(MOE);
    let expected = folder.open().unwrap().metadata().clone();
    let own = json!({"head_dim": 32, "num_key_value_heads": 1});
    let section = settings(&mut folder).as_object_mut().unwrap();
    section.remove("global_head_dim");
    section.remove("num_global_key_value_heads");
    section.insert("per_layer_config".to_owned(), json!({"2": own, "5": own}));
    let source = folder.open().unwrap();
    for (key, value) in expected.iter().filter(|(key, _)| *key != "general.name") {
        assert_eq!(source.metadata().get(key), Some(value), "{key}");
    }
    for (listed, expected) in [
        (json!({"2": own}), "per_layer_config.5: missing"),
        (json!({"1": own, "2": own, "5": own}), "per_layer_config.1: a layer with a window"),
        (json!({"2": own, "5": {"head_dim": 16}}), "per_layer_config.5: (2, 16) for num_key_value_heads and head_dim"),
        (json!({"2": own, "5": {"sliding_window": 4}}), "per_layer_config.5.sliding_window: expected"),
        (json!({"2": {"head_dim": 33}, "5": {"head_dim": 33}}), "per_layer_config: 33, expected an even number"),
    ] {
        settings(&mut folder)["per_layer_config"] = listed;
        let refusal = folder.refusal();
        assert!(refusal.contains(expected), "{expected}: {refusal}");
    }
}

#[test]
fn settings_that_cannot_be() {
    for (name, key, value, expected) in [
        (E, "num_kv_shared_layers", json!(8), "num_kv_shared_layers: 8, expected less than num_hidden_layers 8"),
        (
            E,
            "num_kv_shared_layers",
            json!(6),
            "num_kv_shared_layers: 6, but no layer before them is of \"full_attention\"",
        ),
        (E, "vocab_size_per_layer_input", json!(64), "vocab_size_per_layer_input: 64, expected vocab_size 128"),
        (E, "hidden_size_per_layer_input", json!(4), "implies [128, 32]"),
        (E, "hidden_size_per_layer_input", json!(0), "not known for gemma4"),
        (E, "use_double_wide_mlp", json!(false), "shape [64, 40], but"),
        (E, "global_head_dim", json!(33), "global_head_dim: 33, expected an even number of at most 4096"),
        (E, "global_head_dim", json!(64), "implies [256, 40]"),
        (E, "attention_bias", json!(true), "attention_bias: true, expected false"),
        (E, "use_bidirectional_attention", json!("all"), "use_bidirectional_attention: \"all\", expected \"vision\""),
        (E, "layer_types", json!(["full_attention"]), "layer_types: 1 layers, expected 8"),
        (E, "layer_types", json!(vec!["sliding_attention"; 8]), "\"sliding_attention\" for the last layer"),
        (E, "rope_parameters", json!({}), "rope_parameters.full_attention: missing"),
        (
            E,
            "rope_parameters",
            json!({"full_attention": {"rope_type": "yarn"}}),
            "rope_type: \"yarn\", expected \"prop",
        ),
        (
            MOE,
            "num_global_key_value_heads",
            json!(3),
            "num_global_key_value_heads: 3 do not divide num_attention_heads 4",
        ),
        (MOE, "num_global_key_value_heads", json!(2), "implies [64, 40]"),
        (MOE, "attention_k_eq_v", json!(false), "implies [64, 40]"),
        (MOE, "enable_moe_block", json!(false), "enable_moe_block: false, but num_experts 4"),
        (MOE, "num_experts", json!(0), "enable_moe_block: true, but num_experts 0"),
        (MOE, "moe_intermediate_size", json!(24), "implies [4, 48, 40]"),
    ] {
        let mut folder = folder(name);
        settings(&mut folder)[key] = value;
        let refusal = folder.open().err().map(|e| e.to_string()).unwrap_or_default();
        assert!(refusal.contains(expected), "{name}, {key}: {refusal}");
    }
}
