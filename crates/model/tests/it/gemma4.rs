//! Gemma 4: heads of each layer, keys that are values or those of another layer, vectors of each token.

use gguf::{Array, Value};
use kernels::Kernels;
use model::{Forward, KvType, KvTypes, LoadOptions, Model, PAGE_LEN, PageArena, PageId};
use quant::Format;
use testkit::assert_same_f32;

use crate::{
    edit::Edit,
    refusals::check,
    session::{golden_path, golden_prompt, load_with, logits},
};

const E: &str = "golden2/gemma4-e";
const MOE: &str = "golden2/gemma4-moe";

fn run(name: &str, edit: &Edit) -> Vec<f32> {
    let kv_types = KvTypes::both(KvType::F32);
    let options = LoadOptions { kv_types, kv_positions: Some(64), step_rows_max: 64, ..LoadOptions::DEFAULT };
    let mut model = Model::load(&edit.container(), Kernels::new(None, 2).unwrap(), &options).unwrap();
    logits(&mut model, &golden_prompt(name), 0, 64)
}

/// Adds a tensor with the bytes of another, and so the same shape.
fn copy(edit: &mut Edit, from: &str, to: &str) {
    let from = edit.tensor(from);
    let (dims, values) = (from.dims.clone(), f32s(&from.bytes));
    edit.add(to, &dims, &values);
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

#[test]
fn keys_are_the_values_of_layers_that_lack_them() {
    let mut edit = Edit::golden(MOE);
    let plain = run(MOE, &edit);
    for layer in [2, 5] {
        copy(&mut edit, &format!("blk.{layer}.attn_k.weight"), &format!("blk.{layer}.attn_v.weight"));
    }
    assert_same_f32("a matrix of values like that of keys", &run(MOE, &edit), &plain);
    let values = edit.tensor("blk.2.attn_v.weight");
    values.bytes.reverse();
    values.bytes.as_chunks_mut::<4>().0.iter_mut().for_each(|b| b.reverse());
    assert_ne!(run(MOE, &edit), plain);
    check(MOE, &["blk.1.attn_v.weight", "missing"], |e| {
        e.drop_tensors("blk.1.attn_v");
    });
}

#[test]
fn layers_with_the_keys_of_others_have_none_of_their_own() {
    let mut edit = Edit::golden(E);
    let plain = run(E, &edit);
    for (from, to) in [(3, 5), (3, 6), (4, 7)] {
        for name in ["attn_k", "attn_v", "attn_k_norm"] {
            copy(&mut edit, &format!("blk.{from}.{name}.weight"), &format!("blk.{to}.{name}.weight"));
        }
    }
    assert_same_f32("keys and values that are not computed", &run(E, &edit), &plain);
    // With their own they are other layers.
    edit.set("gemma4.attention.shared_kv_layers", Value::U32(0));
    assert_ne!(run(E, &edit), plain);
}

#[test]
fn experts_may_have_gate_and_up_apart() {
    let mut edit = Edit::golden(MOE);
    let plain = run(MOE, &edit);
    for layer in 0..6 {
        let at = format!("blk.{layer}.ffn_");
        let fused = f32s(&edit.tensor(&format!("{at}gate_up_exps.weight")).bytes);
        let halves = |first: usize| -> Vec<f32> {
            fused.chunks(40 * 32).flat_map(|expert| expert[first * 40 * 16..][..40 * 16].to_vec()).collect()
        };
        edit.add(&format!("{at}gate_exps.weight"), &[40, 16, 4], &halves(0));
        edit.add(&format!("{at}up_exps.weight"), &[40, 16, 4], &halves(1));
        edit.drop_tensors(&format!("{at}gate_up_exps"));
    }
    assert_same_f32("two tensors", &run(MOE, &edit), &plain);
}

#[test]
fn vectors_of_tokens_may_be_quantised() {
    let mut edit = Edit::golden(E);
    let table = edit.tensor("per_layer_token_embd.weight");
    let rows = f32s(&table.bytes);
    let mut quantised = vec![0; rows.len() / 32 * 34];
    for (row, out) in rows.chunks(64).zip(quantised.chunks_mut(2 * 34)) {
        Format::Q8_0.encode(row, None, out).unwrap();
    }
    let mut decoded = vec![0.0; rows.len()];
    Format::Q8_0.decode(&quantised, &mut decoded);
    table.bytes = decoded.iter().flat_map(|x| x.to_le_bytes()).collect();
    let expected = run(E, &edit);
    let table = edit.tensor("per_layer_token_embd.weight");
    (table.type_id, table.bytes) = (8, quantised);
    assert_same_f32("a table in Q8_0", &run(E, &edit), &expected);
}

#[test]
fn pages_are_as_large_as_the_heads_of_their_layers() {
    // Layers with a window, then those without: heads, their width, and two bytes of keys and of values. Three layers
    // of the first model keep nothing.
    for (name, bytes) in [(E, 3 * 2 * 16 * 4 + 2 * 2 * 32 * 4), (MOE, 4 * 2 * 16 * 4 + 2 * 32 * 4)] {
        let load = || load_with(&golden_path(name), None, 2, KvTypes::both(KvType::F16));
        let (mut model, prompt) = (load(), golden_prompt(name));
        assert_eq!(model.kv_position_bytes(), bytes, "{name}");
        assert_eq!(model.page_bytes(), bytes as usize * PAGE_LEN, "{name}");
        let whole = logits(&mut model, &prompt, 0, 64);
        logits(&mut model, &prompt[..40], 0, 64);
        let mut other = load();
        for page in 0..2 {
            let mut kept = vec![0; model.page_bytes()];
            model.read_page(PageId(page), &mut kept);
            other.write_page(PageId(page), &kept);
        }
        let rest = logits(&mut other, &prompt[40..], 40, 64);
        assert_same_f32(&format!("{name}: brought to another"), &rest, &whole[40 * other.n_vocab()..]);
    }
}

#[test]
fn impossible_gemma_4() {
    let set = |key: &'static str, value: Value, words: &[&str]| {
        check(E, &[&[key], words].concat(), |e| {
            e.set(&format!("gemma4.{key}"), value);
        });
    };
    let counts = |counts: &[i32]| Value::Array(Array::I32(counts.to_vec()));
    set("attention.shared_kv_layers", Value::U32(8), &["8 of 8 layers"]);
    set("attention.shared_kv_layers", Value::U32(7), &["none before layer 2 is without a window"]);
    set("attention.head_count_kv", counts(&[2; 7]), &["7 values, expected one for each of 8 layers"]);
    set("attention.head_count_kv", counts(&[2, 2, 2, 0, 2, 2, 2, 2]), &["0 for layer 3, expected 1 to"]);
    check(E, &["attention.head_count", "4 is no multiple of 3 KV heads"], |e| {
        e.set("gemma4.attention.head_count_kv", counts(&[2, 2, 3, 2, 2, 2, 2, 2]));
    });
    set("feed_forward_length", counts(&[32; 3]), &["3 values, expected one for each of 8 layers"]);
    set("attention.value_length", Value::U32(16), &["16, expected attention.key_length 32"]);
    set("attention.value_length_swa", Value::U32(32), &["32, expected attention.key_length_swa 16"]);
    set("rope.dimension_count", Value::U32(34), &["34, expected an even number up to 32"]);
    check(E, &["rope.dimension_count", "18, expected an even number up to 16"], |e| {
        e.set("gemma4.rope.dimension_count_swa", Value::U32(18));
    });
    set("embedding_length_per_layer_input", Value::U32(1 << 27), &["for 8 layers"]);
    set("attention.sliding_window", Value::U32(0), &["missing, or 0"]);
    for key in ["attention.sliding_window_pattern", "attention.key_length_swa"] {
        check(E, &[key, "missing"], |e| {
            e.remove(&format!("gemma4.{key}"));
        });
    }
    for (name, tensor) in [
        (E, "rope_freqs.weight"),
        (E, "per_layer_token_embd.weight"),
        (E, "per_layer_model_proj.weight"),
        (E, "per_layer_proj_norm.weight"),
        (E, "blk.1.inp_gate.weight"),
        (E, "blk.6.proj.weight"),
        (E, "blk.2.post_norm.weight"),
        (E, "blk.3.attn_k.weight"),
        (MOE, "blk.1.ffn_gate_inp.scale"),
        (MOE, "blk.2.pre_ffw_norm_2.weight"),
        (MOE, "blk.3.post_ffw_norm_1.weight"),
        (MOE, "blk.4.post_ffw_norm_2.weight"),
        (MOE, "blk.0.ffn_up.weight"),
    ] {
        check(name, &[tensor, "missing"], |e| {
            e.drop_tensors(tensor);
        });
    }
    check(E, &["blk.5.ffn_gate.weight", "expected [40, 32]"], |e| {
        e.set("gemma4.feed_forward_length", Value::U32(32));
    });
    check(MOE, &["blk.2.attn_k.weight", "expected [40, 64]"], |e| {
        e.set("gemma4.attention.head_count_kv", Value::U32(2));
    });
    // Experts and vectors of tokens are stated, or their tensors are not known.
    check(MOE, &["ffn_gate_inp.scale", "not known"], |e| {
        e.remove("gemma4.expert_count").drop_tensors("blk.0.ffn_gate_inp.weight");
    });
    check(E, &["per_layer_token_embd.weight", "not known"], |e| {
        e.set("gemma4.embedding_length_per_layer_input", Value::U32(0));
    });
}
