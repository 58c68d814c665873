//! Adapters and control vectors: bytes do not depend on steps, and what is not for a model is refused by name.

use gguf::{Container, Value};
use kernels::{Isa, Kernels};
use model::{Forward, LoadOptions, Logits, LogitsWanted, Model, PageId, Step, StepSpan};

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

/// The rows of the embedding that are looked up; a head that shares them stays as it is.
#[test]
fn an_adapter_of_the_embedding_is_added_to_what_tokens_become() {
    for (name, has_head) in [("phi3", true), ("qwen3", false)] {
        let prompt = golden_prompt(name);
        let base = Edit::golden(name).container();
        let embedding = "token_embd.weight";
        assert_eq!(base.tensor("output.weight").is_some(), has_head, "{name}");
        let (rows, cols, rank) = (base.tensor(embedding).unwrap().n_rows(), base.tensor(embedding).unwrap().cols(), 3);
        let mut rng = testkit::Rng::new(9);
        let (of_tokens, up) = (rng.normals(rows * rank), rng.normals(cols * rank));
        let mut adapter = edit("a.lora");
        adapter.tensors.clear();
        adapter.set("general.architecture", Value::String(name.to_owned()));
        adapter.set("adapter.lora.alpha", Value::F32(0.3));
        adapter.add(&format!("{embedding}.lora_a"), &[rank as u64, rows as u64], &of_tokens);
        adapter.add(&format!("{embedding}.lora_b"), &[rank as u64, cols as u64], &up);
        let mut adapted = loaded(&base);
        adapted.adapt(&adapter.container(), 0.5).unwrap();
        // The same, merged into the embedding, beside the head as it was.
        let mut merged = Edit::golden(name);
        if !has_head {
            let bytes = merged.tensor(embedding).bytes.clone();
            let head: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            merged.add("output.weight", &[cols as u64, rows as u64], &head);
        }
        for (i, value) in merged.tensor(embedding).bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let (token, col) = (i / cols, i % cols);
            let product: f32 = (0..rank).map(|r| up[col * rank + r] * of_tokens[token * rank + r]).sum();
            *value = (f32::from_le_bytes(*value) + 0.5 * 0.3 / rank as f32 * product).to_le_bytes();
        }
        let got = logits(&mut adapted, &prompt, 0, 64);
        let expected = logits(&mut loaded(&merged.container()), &prompt, 0, 64);
        assert!(testkit::nmse(&got, &expected) < 1e-6, "{name}: {}", testkit::nmse(&got, &expected));
        assert!(testkit::nmse(&logits(&mut loaded(&base), &prompt, 0, 64), &expected) > 1e-4, "{name}");
    }
}

/// Adds adapters of random matrices to all weights of the first layer, the head and the embedding of `base`.
fn random_adapter(base: &Container, architecture: &str, seed: u64) -> Edit {
    let mut rng = testkit::Rng::new(seed);
    let mut adapter = edit("a.lora");
    adapter.tensors.clear();
    adapter.set("general.architecture", Value::String(architecture.to_owned()));
    adapter.set("adapter.lora.alpha", Value::F32(0.5));
    for tensor in base.tensors().iter().filter(|t| t.dims.len() > 1 && !t.name.ends_with("norm.weight")) {
        let (cols, n) = (tensor.dims[0], tensor.dims.get(2).copied().unwrap_or(1));
        let rows = tensor.dims[1];
        let (down, up) = if tensor.name.starts_with("token_embd") {
            ([2, rows, 1], [2, cols, 1])
        } else {
            ([cols, 2, n], [2, rows, n])
        };
        for (dims, end) in [(down, "lora_a"), (up, "lora_b")] {
            let values: Vec<f32> = rng.normals(dims.iter().product::<u64>() as usize);
            let n_dims = if n > 1 { 3 } else { 2 };
            adapter.add(&format!("{}.{end}", tensor.name), &dims[..n_dims], &values);
        }
    }
    adapter
}

/// Texts with scales of their own in one step: each is what it is alone, and what the scales say, in a model with
/// experts and with a head of its own.
#[test]
fn each_text_of_a_step_has_its_own_scales() {
    let name = "qwen3moe";
    let base = Edit::golden(name).container();
    let adapters = [random_adapter(&base, name, 1).container(), random_adapter(&base, name, 2).container()];
    let with_defaults = |defaults: [f32; 2]| {
        let mut model = loaded(&base);
        adapters.iter().zip(defaults).for_each(|(adapter, scale)| model.adapt(adapter, scale).unwrap());
        model
    };
    let prompt = &golden_prompt(name)[..20];
    let all = [[1.0, 0.0], [0.0, 0.5], [0.0, 0.0], [-0.25, 1.0], [1.0, 0.0]];
    let mut model = with_defaults([1.0, 0.0]);
    assert_eq!(model.n_adapters(), 2);
    let pages: Vec<Vec<PageId>> = (0..2).map(|i| vec![PageId(i)]).collect();
    let mut out = Logits::default();
    let mut texts: Vec<Vec<f32>> = Vec::new();
    for [first, second] in [[0, 1], [2, 3], [4, 0]] {
        let span = |i: usize, pages| {
            let wanted = if i == 3 { LogitsWanted::Last } else { LogitsWanted::All };
            // What the model was given them with is what a step has that says nothing.
            let scales = if i == 4 { None } else { Some(&all[i][..]) };
            StepSpan::new(prompt, 0, pages).wanting(wanted).with_adapters(scales)
        };
        model.forward(&Step::new(&[span(first, &pages[0]), span(second, &pages[1])]), &mut out);
        let rows: Vec<&[f32]> = (0..out.n_rows()).map(|row| out.row(row)).collect();
        texts.push(rows[..prompt.len()].concat());
        texts.push(rows[prompt.len()..].concat());
    }
    for (text, scales) in texts.iter().zip(all) {
        let expected = logits(&mut with_defaults(scales), prompt, 0, 64);
        testkit::assert_same_f32(&format!("{scales:?}"), text, &expected[expected.len() - text.len()..]);
    }
    testkit::assert_same_f32("without scales", &texts[4], &texts[0]);
    assert!(testkit::nmse(&texts[1], &texts[0]) > 1e-4 && testkit::nmse(&texts[2], &texts[0]) > 1e-4);
    testkit::assert_same_f32("with both off", &texts[2], &logits(&mut loaded(&base), prompt, 0, 64));
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
    let pairs = "a pair of NAME.lora_a and NAME.lora_b for each matrix that it changes";
    check(&format!("no tensor, expected {pairs}"), 1.0, &|e| e.tensors.clear());
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
    check("tensor token_embd.weight.lora_b: missing", 1.0, &|e| {
        e.add("token_embd.weight.lora_a", &[4, 128], &[0.0; 512]);
    });
    check("tensor token_embd.weight.lora_a: shape [48, 4], expected [4, 128]", 1.0, &|e| {
        e.add("token_embd.weight.lora_a", &[48, 4], &[0.0; 192]);
        e.add("token_embd.weight.lora_b", &[4, 128], &[0.0; 512]);
    });
    let activated = "an adapter of what follows certain tokens alone is not supported";
    check(&format!("metadata adapter.alora.invocation_tokens: {activated}"), 1.0, &|e| {
        e.set("adapter.alora.invocation_tokens", Value::Array(gguf::Array::U32(vec![3, 4])));
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
