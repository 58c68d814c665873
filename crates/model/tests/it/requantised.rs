//! Embeddings and norms in another type than the file's.

use gguf::{Array, Container, Value};
use kernels::Kernels;
use model::{EmbeddingType, KvType, KvTypes, LoadOptions, Model, NormType, Requantised, memory_plan_with};
use quant::ternarise::Mode;
use testkit::nmse;

use crate::{
    edit::Edit,
    session::{golden_prompt, logits},
};

const OPTIONS: LoadOptions = LoadOptions {
    kv_types: KvTypes::both(KvType::F32),
    kv_positions: Some(64),
    step_rows_max: 64,
    ..LoadOptions::DEFAULT
};

fn load(container: &Container, options: &LoadOptions) -> Model {
    Model::load(container, Kernels::new(None, 1).unwrap(), options).unwrap()
}

/// Returns the normalised distance of the logits to those of the file's own weights, and the model.
fn distance(name: &str, options: &LoadOptions) -> (f64, Model) {
    let container = Edit::golden(name).container();
    let own = logits(&mut load(&container, &OPTIONS), &golden_prompt(name), 0, 64);
    let mut model = load(&container, options);
    let got = logits(&mut model, &golden_prompt(name), 0, 64);
    (nmse(&got, &own), model)
}

#[test]
fn an_embedding_in_few_bits_is_a_smaller_copy_and_further_away() {
    // 256 rows of 256.
    for (embedding, bytes, bound) in [
        (EmbeddingType::F16, 256 * 512, 1e-3),
        (EmbeddingType::Q8_0, 256 * 8 * 34, 1e-3),
        (EmbeddingType::Q4_0, 256 * 8 * 18, 0.05),
        (EmbeddingType::T2(Mode::LeastSquares), 256 * 4 * 18, 0.9),
        (EmbeddingType::T2(Mode::Rms), 256 * 4 * 18, 0.9),
        (EmbeddingType::T2(Mode::AbsMean), 256 * 4 * 18, 0.9),
    ] {
        let options = LoadOptions { embedding_type: Some(embedding.into()), ..OPTIONS };
        let (distance, model) = distance("llama-256-Q8_0", &options);
        assert!(distance <= bound, "{embedding:?}: NMSE {distance:e}");
        let done = model.requantised_embedding().unwrap();
        assert_eq!(done, Requantised { file_bytes: 256 * 8 * 34, new_bytes: bytes }, "{embedding:?}");
        let plan = memory_plan_with(&Edit::golden("llama-256-Q8_0").container(), &options).unwrap();
        assert_eq!(plan.copy_bytes, bytes, "{embedding:?}");
    }
}

#[test]
fn a_ternary_embedding_has_ternary_rows() {
    // Weights that are ternary already, so that nothing may change.
    let mut edit = Edit::golden("llama-256-Q8_0");
    let tensor = edit.tensor("token_embd.weight");
    for (i, block) in tensor.bytes.as_chunks_mut::<34>().0.iter_mut().enumerate() {
        block[..2].copy_from_slice(&[0x00, 0x2c]);
        (2..34).for_each(|at| block[at] = [0, 1, 255][(i * i + at) % 3]);
    }
    let container = edit.container();
    let own = logits(&mut load(&container, &OPTIONS), &golden_prompt("llama-256-Q8_0"), 0, 64);
    for mode in [Mode::Max, Mode::Rms, Mode::LeastSquares] {
        let options = LoadOptions { embedding_type: Some(EmbeddingType::T2(mode).into()), ..OPTIONS };
        let got = logits(&mut load(&container, &options), &golden_prompt("llama-256-Q8_0"), 0, 64);
        let distance = nmse(&got, &own);
        assert!(distance < 1e-9, "{mode:?}: NMSE {distance:e}");
    }
}

#[test]
fn ternary_norms_are_counted_and_change_the_result() {
    let options = LoadOptions { norm_type: NormType::Ternary, ..OPTIONS };
    for name in ["llama", "gemma3", "olmo2", "qwen3", "bitnet"] {
        let (distance, model) = distance(name, &options);
        assert!(distance > 1e-7 && distance.is_finite(), "{name}: NMSE {distance:e}");
        let Requantised { file_bytes, new_bytes } = model.requantised_norms().unwrap();
        let norms =
            Edit::golden(name).tensors.iter().filter(|t| t.name.contains("norm")).map(|t| t.dims[0]).sum::<u64>();
        assert_eq!(file_bytes, 4 * norms, "{name}");
        assert!(new_bytes < file_bytes / 8, "{name}: {new_bytes} of {file_bytes}");
    }
}

#[test]
fn broken_rows_are_refused_by_name() {
    let mut edit = Edit::golden("llama-256-Q8_0");
    edit.tensor("token_embd.weight").bytes[5 * 8 * 34..][..2].copy_from_slice(&[0x00, 0x7e]);
    for to in [EmbeddingType::Q4_0, EmbeddingType::T2(Mode::LeastSquares)] {
        let options = LoadOptions { embedding_type: Some(to.into()), ..OPTIONS };
        let error = Model::load(&edit.container(), Kernels::new(None, 1).unwrap(), &options).err().unwrap().to_string();
        assert!(error.contains("token_embd.weight: row 5") && error.contains("NaN"), "{error}");
    }
}

#[test]
fn a_table_that_is_stored_rotated_stays_so() {
    let text = |text: &str| Value::String(text.to_owned());
    let names = |name: &str| Value::Array(Array::String(vec![name.to_owned()]));
    let mut edit = Edit::golden("llama-tied");
    let own = logits(&mut load(&edit.container(), &OPTIONS), &golden_prompt("llama-tied"), 0, 64);
    let kernels = Kernels::new(None, 1).unwrap();
    for name in ["token_embd.weight", "blk.0.attn_q.weight"] {
        let bytes = &mut edit.tensor(name).bytes;
        let mut values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        kernels.hadamard(64, &mut values);
        *bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    }
    for (key, value) in [
        ("version", Value::U32(2)),
        ("tied_output", Value::Bool(true)),
        ("transform", text("normalized-sylvester-walsh-hadamard")),
        ("axis", text("input-last-dimension")),
        ("block_size", Value::U32(64)),
        ("sign_mode", text("identity")),
        ("weight_names", names("blk.0.attn_q.weight")),
        ("inverse_weight_names", names("token_embd.weight")),
    ] {
        edit.set(&format!("prism.hadamard.{key}"), value);
    }
    for embedding_type in [None, Some(EmbeddingType::F16), Some(EmbeddingType::Q8_0)] {
        let options = LoadOptions { embedding_type: embedding_type.map(Into::into), ..OPTIONS };
        let got = logits(&mut load(&edit.container(), &options), &golden_prompt("llama-tied"), 0, 64);
        let distance = nmse(&got, &own);
        assert!(distance < 1e-3, "{embedding_type:?}: NMSE {distance:e}");
    }
}
