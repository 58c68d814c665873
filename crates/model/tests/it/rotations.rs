//! Weights stored rotated (`prism.hadamard.*`): the same logits as unrotated ones, and no guessing where the metadata
//! does not say how.

use gguf::{Array, Container, Value};
use kernels::Kernels;
use model::{KvType, KvTypes, LoadOptions, Model, TokenId};
use testkit::nmse;

use crate::{edit::Edit, session};

const BLOCK: usize = 64;

/// Folds a row by the matrix's own definition: `H[r][c] = (-1)^popcount(r & c) / √B`, signs before it.
fn fold(row: &[f32], signs: &[f32]) -> Vec<f32> {
    let element = |r: usize, c: usize| if (r & c).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
    let blocks = row.chunks(BLOCK).zip(signs.chunks(BLOCK));
    blocks
        .flat_map(|(x, s)| {
            let out =
                |r| (0..BLOCK).map(|c| element(r, c) * f64::from(x[c] * s[c])).sum::<f64>() / (BLOCK as f64).sqrt();
            (0..BLOCK).map(|r| out(r) as f32).collect::<Vec<_>>()
        })
        .collect()
}

/// Returns the signs of a width. Rows of the embedding go the other way: what is looked up is transformed, then signed.
fn signs(width: usize) -> Vec<f32> {
    (0..width).map(|i| if (i * 7 + i / 5) % 3 == 0 { -1.0 } else { 1.0 }).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Makes `golden/llama-256.gguf` with most of its matrices, and the embedding, stored rotated.
fn folded(has_signs: bool) -> Edit {
    let mut edit = Edit::golden("llama-256");
    let mut names = Vec::new();
    for tensor in &mut edit.tensors {
        let is_matrix = tensor.dims.len() == 2 && tensor.name != "token_embd.weight";
        // One of the three matrices over an input stays as it is.
        if (is_matrix && !tensor.name.contains("attn_k")) || tensor.name == "token_embd.weight" {
            let cols = tensor.dims[0] as usize;
            let signs = if has_signs { signs(cols) } else { vec![1.0; cols] };
            let rows = floats(&tensor.bytes);
            tensor.bytes = rows.chunks(cols).flat_map(|row| fold(row, &signs)).flat_map(f32::to_le_bytes).collect();
            if tensor.name != "token_embd.weight" {
                names.push(tensor.name.clone());
            }
        }
    }
    let text = |text: &str| Value::String(text.to_owned());
    edit.set("prism.hadamard.version", Value::U32(1));
    edit.set("prism.hadamard.block_size", Value::U32(BLOCK as u32));
    edit.set("prism.hadamard.transform", text("normalized-sylvester-walsh-hadamard"));
    edit.set("prism.hadamard.axis", text("input-last-dimension"));
    edit.set("prism.hadamard.sign_mode", text(if has_signs { "explicit" } else { "identity" }));
    edit.set("prism.hadamard.weight_names", Value::Array(Array::String(names)));
    edit.set("prism.hadamard.inverse_weight_names", Value::Array(Array::String(vec!["token_embd.weight".to_owned()])));
    if has_signs {
        let mut widths: Vec<i32> =
            edit.tensors.iter().filter(|t| t.dims.len() == 2).map(|t| t.dims[0] as i32).collect();
        widths.sort_unstable();
        widths.dedup();
        let values = widths.iter().flat_map(|&width| signs(width as usize)).map(|sign| sign as i32).collect();
        edit.set("prism.hadamard.sign_widths", Value::Array(Array::I32(widths)));
        edit.set("prism.hadamard.sign_values", Value::Array(Array::I32(values)));
    }
    edit
}

fn load(container: &Container) -> Result<Model, String> {
    let kv_types = KvTypes::both(KvType::F32);
    let options = LoadOptions { kv_types, kv_positions: Some(64), step_rows_max: 32, ..LoadOptions::DEFAULT };
    Model::load(container, Kernels::new(None, 2).unwrap(), &options).map_err(|e| e.to_string())
}

fn logits(container: &Container) -> Vec<f32> {
    let tokens: Vec<TokenId> = (0..20).map(|i| TokenId(i * 11 % 96)).collect();
    session::logits(&mut load(container).unwrap(), &tokens, 0, 20)
}

#[test]
fn rotated_weights_give_the_logits_of_plain_ones() {
    let plain = logits(&Edit::golden("llama-256").container());
    for has_signs in [false, true] {
        let rotated = logits(&folded(has_signs).container());
        let error = nmse(&rotated, &plain);
        assert!(error < 1e-9, "signs: {has_signs}: NMSE {error:e}");
    }
    // The test sees the difference: without the metadata the same weights are noise.
    let mut unsaid = folded(true);
    unsaid.remove("prism.hadamard.version");
    assert!(nmse(&logits(&unsaid.container()), &plain) > 0.1);
}

#[test]
fn what_the_metadata_may_not_say() {
    let refused = |change: &dyn Fn(&mut Edit), words: &str| {
        let mut edit = folded(true);
        change(&mut edit);
        let error = load(&edit.container()).err().unwrap();
        assert!(error.contains(words), "{error}, expected {words}");
    };
    let text = |text: &str| Value::String(text.to_owned());
    refused(&|e| _ = e.set("prism.hadamard.version", Value::U32(3)), "3, expected 1 or 2");
    refused(&|e| _ = e.set("prism.hadamard.version", Value::U32(2)), "tied_output: false in version 2");
    refused(&|e| _ = e.set("prism.hadamard.block_size", Value::U32(96)), "expected a power of two");
    let block = |e: &mut Edit| {
        e.set("prism.hadamard.block_size", Value::U32(512)).set("prism.hadamard.sign_mode", text("identity"));
    };
    refused(&block, "512 does not divide the 256 columns");
    refused(&|e| _ = e.set("prism.hadamard.transform", text("dct")), "\"dct\", expected normalized-sylvester");
    refused(&|e| _ = e.set("prism.hadamard.axis", text("rows")), "expected input-last-dimension");
    refused(&|e| _ = e.remove("prism.hadamard.weight_names"), "weight_names: missing or empty");
    refused(&|e| _ = e.remove("prism.hadamard.sign_widths"), "sign_widths: missing or empty");
    refused(&|e| _ = e.remove("prism.hadamard.sign_values"), "signs left");
    let values = |e: &mut Edit, first: i64| {
        e.set("prism.hadamard.sign_widths", Value::Array(Array::I64(vec![64])));
        e.set("prism.hadamard.sign_values", Value::Array(Array::I64([vec![first], vec![1; 63]].concat())));
    };
    refused(&|e| values(e, 0), "sign_values: 0, expected 1 or -1");
    refused(&|e| values(e, i64::MIN), "sign_values: -9223372036854775808, expected 1 or -1");
    let names = |names: &[&str]| Value::Array(Array::String(names.iter().map(|n| (*n).to_owned()).collect()));
    let weights = "prism.hadamard.weight_names";
    refused(&|e| _ = e.set(weights, names(&["blk.0.attn_norm.weight"])), "is no matrix that may be rotated");
    refused(&|e| _ = e.set(weights, names(&["blk.9.attn_q.weight"])), "there is no such tensor");
    refused(&|e| _ = e.set(weights, names(&["output.weight", "output.weight"])), "stands twice");
    let inverse = "prism.hadamard.inverse_weight_names";
    refused(&|e| _ = e.set(inverse, names(&["output.weight"])), "expected token_embd.weight alone");
}

/// Weights of PrismML's types are rotated; a file that does not say how is refused, unless it says that its are not.
#[test]
fn prism_types_without_a_word_are_refused() {
    let mut edit = Edit::golden("llama-256");
    let tensor = edit.tensor("blk.0.attn_q.weight");
    let n = (tensor.dims[0] * tensor.dims[1]) as usize;
    // 128 zeros under scale 1.
    let block: Vec<u8> = [0x00, 0x3c].into_iter().chain([0b01_01_01_01; 32]).collect();
    (tensor.type_id, tensor.bytes) = (142, block.repeat(n / 128));
    let error = load(&edit.container()).err().unwrap();
    assert!(error.contains("prism.hadamard.version: missing") && error.contains("PQ2_0"), "{error}");
    edit.set("trinity.hadamard.folded", Value::Bool(false));
    load(&edit.container()).unwrap();
}
