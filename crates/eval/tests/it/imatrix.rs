//! Importance matrices against their definition.

use eval::{
    Error,
    imatrix::{self, Collect, Options},
};
use gguf::{Container, ImportanceMatrix};
use kernels::Kernels;
use model::{KvType, KvTypes, LoadOptions, Model, TokenId};

use crate::GO_ON;

fn load(container: &Container) -> Model {
    let options = LoadOptions { kv_types: KvTypes::both(KvType::F32), step_rows_max: 20, ..LoadOptions::DEFAULT };
    Model::load(container, Kernels::new(None, 2).unwrap(), &options).unwrap()
}

/// Collects importance on 3 windows of 32 tokens.
fn collect(container: &Container, with_head: bool) -> ImportanceMatrix {
    let tokens: Vec<TokenId> = (0..100u32).map(|i| TokenId(i * 37 % 96 + 1)).collect();
    let options = Options { window_len: 32, n_chunks: None, first: Some(TokenId(1)) };
    let what = Collect { tokens: &tokens, dataset: "numbers", options, with_head };
    let mut n_told = 0;
    let matrix = imatrix::collect(&mut load(container), &what, &mut |n_done| {
        n_told = n_done;
        GO_ON
    });
    let matrix = matrix.unwrap();
    assert_eq!((n_told, matrix.chunk_count, matrix.chunk_size), (3, 3, 32));
    assert_eq!(matrix.datasets, ["numbers"]);
    matrix
}

fn golden(name: &str) -> Container {
    Container::open(&testkit::data(&format!("golden/{name}.gguf"))).unwrap()
}

/// Returns the values of an F32 tensor.
fn floats(container: &Container, name: &str) -> Vec<f32> {
    let bytes = container.bytes(container.tensor(name).unwrap());
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

#[test]
fn the_first_matrices_see_the_normed_embeddings() {
    let container = Container::open(&testkit::data("tiny-models/stories260K-f32.gguf")).unwrap();
    let matrix = collect(&container, false);
    let (embedding, norm) = (floats(&container, "token_embd.weight"), floats(&container, "blk.0.attn_norm.weight"));
    let width = norm.len();
    let mut expected = vec![0.0f64; width];
    for position in 0..96u32 {
        let token = if position % 32 == 0 { 1 } else { position * 37 % 96 + 1 } as usize;
        let row = &embedding[token * width..][..width];
        let rms = (row.iter().map(|x| f64::from(x * x)).sum::<f64>() / width as f64 + 1e-5).sqrt();
        for ((sum, x), weight) in expected.iter_mut().zip(row).zip(&norm) {
            *sum += (f64::from(x * weight) / rms).powi(2) / 96.0;
        }
    }
    for name in ["blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"] {
        let got = matrix.tensors[name].mean_squares(0).unwrap();
        let expected: Vec<f32> = expected.iter().map(|x| *x as f32).collect();
        let nmse = testkit::nmse(&got, &expected);
        assert!(nmse < 1e-9, "{name}: NMSE {nmse:e}");
    }
    // Every matrix of the layers, and nothing else.
    let matrices = container.tensors().iter().filter(|t| t.dims.len() == 2 && t.name.starts_with("blk."));
    assert!(matrices.map(|t| &t.name).all(|name| matrix.tensors.contains_key(name)));
    assert!(matrix.tensors.keys().all(|name| name.starts_with("blk.")));
    let with_head = collect(&container, true);
    assert_eq!(with_head.tensors.len(), matrix.tensors.len() + 1);
    assert!(matrix.tensors.iter().all(|(name, importance)| with_head.tensors[name] == *importance));
}

#[test]
fn experts_count_their_own_tokens() {
    let container = golden("qwen3moe");
    let matrix = collect(&container, false);
    let metadata = container.metadata();
    let n_used = metadata.u64("qwen3moe.expert_used_count").unwrap().unwrap() as usize;
    for name in ["ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"] {
        let name = format!("blk.0.{name}.weight");
        let mut bytes = Vec::new();
        matrix.write(&mut bytes).unwrap();
        let written = Container::from_bytes("imatrix", bytes).unwrap();
        let counts = floats(&written, &format!("{name}.counts"));
        assert_eq!(counts.len() as u64, container.tensor(&name).unwrap().dims[2]);
        assert_eq!(counts.iter().sum::<f32>(), (96 * n_used) as f32, "{name}: {counts:?}");
        assert_eq!(matrix.tensors[&name].n_cols() as u64, container.tensor(&name).unwrap().dims[0]);
        assert_eq!(ImportanceMatrix::read(&written).unwrap(), matrix);
    }
}

#[test]
fn a_tensor_of_several_matrices_is_seen_once() {
    let matrix = collect(&golden("phi3"), false);
    for name in ["blk.0.attn_qkv.weight", "blk.0.ffn_up.weight", "blk.0.attn_output.weight"] {
        let mut bytes = Vec::new();
        matrix.write(&mut bytes).unwrap();
        let written = Container::from_bytes("imatrix", bytes).unwrap();
        assert_eq!(floats(&written, &format!("{name}.counts")), [96.0], "{name}");
    }
}

#[test]
fn activations_that_are_no_numbers_are_refused() {
    let path = testkit::data("tiny-models/stories260K-f32.gguf");
    let mut bytes = std::fs::read(&path).unwrap();
    let container = Container::open(&path).unwrap();
    let at = container.tensor("token_embd.weight").unwrap().offset as usize + 4 * 64;
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let container = Container::from_bytes("nan.gguf", bytes).unwrap();
    let options = Options { window_len: 32, n_chunks: None, first: Some(TokenId(1)) };
    let what = Collect { tokens: &[TokenId(1); 32], dataset: "", options, with_head: false };
    let error = imatrix::collect(&mut load(&container), &what, &mut |_| GO_ON).unwrap_err();
    assert!(matches!(error, Error::Importance { .. }) && error.to_string().contains("NaN"), "{error}");
}
