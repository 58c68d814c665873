//! Adapters and control vectors: bytes do not depend on steps, and what is not for a model is refused by name.

use gguf::{Container, Value};
use kernels::{Isa, Kernels};
use model::{LoadOptions, Model};

use crate::{
    edit::Edit,
    session::{golden_path, golden_prompt, load, logits},
};

const MODEL: &str = "golden2/llama-adapters";

fn edit(name: &str) -> Edit {
    Edit::of(&Container::open(&testkit::data(&format!("golden2/llama-adapters-{name}.gguf"))).unwrap())
}

fn loaded(container: &Container) -> Model {
    let options = LoadOptions { kv_positions: Some(64), step_rows_max: 64, ..LoadOptions::DEFAULT };
    Model::load(container, Kernels::new(None, 1).unwrap(), &options).unwrap()
}

#[test]
fn an_adapted_model_says_the_same_on_every_level_in_any_chunks() {
    let prompt = golden_prompt(MODEL);
    let mut first: Option<Vec<f32>> = None;
    for (isa, n_threads, chunk) in Isa::available().flat_map(|isa| [(isa, 1, 64), (isa, 3, 5)]) {
        let mut model = load(&golden_path(MODEL), Some(isa), n_threads);
        model.adapt(&edit("b.lora").container(), 0.7).unwrap();
        model.steer(&edit("steer.cvec").container(), 0.3, None).unwrap();
        let got = logits(&mut model, &prompt, 0, chunk);
        let first = first.get_or_insert_with(|| got.clone());
        testkit::assert_same_f32(&format!("{} in chunks of {chunk}", isa.name()), &got, first);
    }
}

/// Q, K and V in one tensor, as other converters write them: each piece has its rows of the adapter.
#[test]
fn an_adapter_of_a_fused_matrix_is_cut_as_the_matrix_is() {
    let prompt = golden_prompt("phi3");
    let base = Edit::golden("phi3").container();
    let rank = 3;
    let name = "blk.0.attn_qkv.weight";
    let rows = base.tensor(name).unwrap().n_rows();
    let cols = base.tensor(name).unwrap().cols();
    let mut rng = testkit::Rng::new(5);
    let (down, up) = (rng.normals(rank * cols), rng.normals(rows * rank));
    let mut adapter = edit("a.lora");
    adapter.tensors.clear();
    adapter.set("general.architecture", Value::String("phi3".to_owned()));
    adapter.set("adapter.lora.alpha", Value::F32(0.3));
    adapter.add(&format!("{name}.lora_a"), &[cols as u64, rank as u64], &down);
    adapter.add(&format!("{name}.lora_b"), &[rank as u64, rows as u64], &up);
    let mut adapted = loaded(&base);
    adapted.adapt(&adapter.container(), 0.5).unwrap();
    // The same, merged into the weights.
    let mut merged = Edit::golden("phi3");
    let bytes = &mut merged.tensor(name).bytes;
    for (i, value) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let (row, col) = (i / cols, i % cols);
        let product: f32 = (0..rank).map(|r| up[row * rank + r] * down[r * cols + col]).sum();
        *value = (f32::from_le_bytes(*value) + 0.5 * 0.3 / rank as f32 * product).to_le_bytes();
    }
    let got = logits(&mut adapted, &prompt, 0, 64);
    let expected = logits(&mut loaded(&merged.container()), &prompt, 0, 64);
    assert!(testkit::nmse(&got, &expected) < 1e-6, "{}", testkit::nmse(&got, &expected));
    assert!(testkit::nmse(&logits(&mut loaded(&base), &prompt, 0, 64), &expected) > 1e-4);
}

#[test]
fn what_is_not_for_the_model_is_refused() {
    let mut model = load(&golden_path(MODEL), None, 1);
    let mut check = |expected: &str, scale: f32, change: &dyn Fn(&mut Edit)| {
        let mut adapter = edit("a.lora");
        change(&mut adapter);
        let error = model.adapt(&adapter.container(), scale).unwrap_err().to_string();
        assert_eq!(error, format!("edited.gguf: {expected}"));
    };
    check("metadata general.architecture: \"qwen3\", but the model is of \"llama\"", 1.0, &|e| {
        e.set("general.architecture", Value::String("qwen3".to_owned()));
    });
    check("metadata adapter.lora.alpha: missing", 1.0, &|e| {
        e.remove("adapter.lora.alpha");
    });
    check("a scale of NaN", f32::NAN, &|_| ());
    check("tensor blk.1.attn_q.weight.lora_b: missing", 1.0, &|e| {
        e.drop_tensors("blk.1.attn_q.weight.lora_b");
    });
    check("tensor blk.2.attn_v.weight.lora_a: missing", 1.0, &|e| {
        e.drop_tensors("blk.2.attn_v.weight.lora_a");
    });
    check("tensor blk.0.attn_q.weight.lora_a: shape [24, 8], expected [48, 4]", 1.0, &|e| {
        e.tensor("blk.0.attn_q.weight.lora_a").dims = vec![24, 8];
    });
    check("tensor blk.9.attn_q.weight.lora_a: the model has no matrix that this is for", 1.0, &|e| {
        e.tensor("blk.3.attn_q.weight.lora_a").name = "blk.9.attn_q.weight.lora_a".to_owned();
        e.tensor("blk.3.attn_q.weight.lora_b").name = "blk.9.attn_q.weight.lora_b".to_owned();
    });
    check("tensor token_embd.weight.lora_a: adapters of the embedding are not supported", 1.0, &|e| {
        e.add("token_embd.weight.lora_a", &[4, 128], &[0.0; 512]);
    });
    let mut check = |expected: &str, layers: Option<(usize, usize)>, change: &dyn Fn(&mut Edit)| {
        let mut vector = edit("steer.cvec");
        change(&mut vector);
        let layers = layers.map(|(first, last)| first..=last);
        let error = model.steer(&vector.container(), 1.0, layers).unwrap_err().to_string();
        assert_eq!(error, format!("edited.gguf: {expected}"));
    };
    check("layers 2-4 of 0-3", Some((2, 4)), &|_| ());
    check("tensor direction.2: shape [24], expected [48]", None, &|e| {
        let direction = e.tensor("direction.2");
        direction.dims = vec![24];
        direction.bytes.truncate(24 * 4);
    });
    check("tensor direction.7: layer 7 of a model of 4", None, &|e| {
        e.tensor("direction.3").name = "direction.7".to_owned();
    });
    let error = model.steer(&edit("a.lora").container(), 1.0, None).unwrap_err().to_string();
    assert_eq!(error, "edited.gguf: a LoRA adapter, expected a control vector");
    let error = model.adapt(&Edit::golden(MODEL).container(), 1.0).unwrap_err().to_string();
    assert_eq!(error, "edited.gguf: a model, expected a LoRA adapter");
}
