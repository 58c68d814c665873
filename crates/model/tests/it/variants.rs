//! What a file may say beside what the golden files say: windows, switches, scales, patterns.

use gguf::{Array, Value};
use kernels::{Gate, Kernels};
use model::{Forward, KvType, KvTypes, LoadOptions, Model, RopeScaling, TokenId};
use quant::ternarise::Mode;
use testkit::{assert_same_f32, nmse};

use crate::{
    edit::Edit,
    session::{golden_prompt, logits},
};

fn load_as(edit: &Edit, kv_types: impl Into<KvTypes>) -> Model {
    let options =
        LoadOptions { kv_types: kv_types.into(), kv_positions: Some(64), step_rows_max: 64, ..LoadOptions::DEFAULT };
    Model::load(&edit.container(), Kernels::new(None, 2).unwrap(), &options).unwrap()
}

fn load(edit: &Edit) -> Model {
    load_as(edit, KvType::F32)
}

/// Computes the logits of the golden prompt.
fn run(name: &str, edit: &Edit) -> Vec<f32> {
    logits(&mut load(edit), &golden_prompt(name), 0, 64)
}

fn bools(flags: &[bool]) -> Value {
    Value::Array(Array::Bool(flags.to_vec()))
}

/// Returns the positions at which the logits change when the first token does.
fn reach_of_first_token(edit: &Edit) -> Vec<usize> {
    let mut model = load(edit);
    let n_vocab = model.n_vocab();
    let mut prompt: Vec<TokenId> = golden_prompt("llama").into_iter().take(40).collect();
    let before = logits(&mut model, &prompt, 0, 64);
    prompt[0] = TokenId((prompt[0].0 + 1) % n_vocab as u32);
    let after = logits(&mut model, &prompt, 0, 64);
    (0..40).filter(|p| before[p * n_vocab..][..n_vocab] != after[p * n_vocab..][..n_vocab]).collect()
}

#[test]
fn a_window_ends_what_a_token_reaches() {
    let mut edit = Edit::golden("llama");
    assert_eq!(reach_of_first_token(&edit), (0..40).collect::<Vec<_>>());
    // Two layers, each of which looks three positions back.
    edit.set("llama.attention.sliding_window", Value::U32(4));
    assert_eq!(reach_of_first_token(&edit), (0..7).collect::<Vec<_>>());
    edit.set("llama.attention.sliding_window", Value::U32(64));
    assert_same_f32("a window longer than the prompt", &run("llama", &edit), &run("llama", &Edit::golden("llama")));
}

#[test]
fn olmo3_is_olmo2_with_windows() {
    let plain = run("olmo2", &Edit::golden("olmo2"));
    let mut edit = Edit::golden("olmo2");
    edit.set("olmo2.attention.sliding_window", Value::U32(64));
    assert_same_f32("a window longer than the prompt", &run("olmo2", &edit), &plain);
    edit.set("olmo2.attention.sliding_window", Value::U32(4));
    assert_eq!(load(&edit).spec().window_len(1), Some(4));
    assert_eq!(reach_of_first_token(&edit), (0..7).collect::<Vec<_>>());
    edit.set("olmo2.attention.sliding_window_pattern", bools(&[true, false]));
    assert_eq!([0, 1].map(|layer| load(&edit).spec().window_len(layer)), [Some(4), None]);
    assert_eq!(reach_of_first_token(&edit).len(), 40);
    // YaRN is for the layers that see everything.
    edit.set("olmo2.rope.scaling.type", Value::String("yarn".to_owned()));
    edit.set("olmo2.rope.scaling.factor", Value::F32(8.0));
    edit.set("olmo2.rope.scaling.attn_factor", Value::F32(1.5));
    let model = load(&edit);
    assert!(matches!(model.spec().rope.scaling, RopeScaling::Yarn { .. }));
    assert_eq!(model.spec().rope.magnitude, 1.5);
    let local = model.spec().rope_local.clone().unwrap();
    assert_eq!((local.scaling, local.magnitude, local.base), (RopeScaling::None, 1.0, 10_000.0));
    // With a window on both layers, nothing of YaRN is left.
    edit.set("olmo2.attention.sliding_window_pattern", bools(&[true, true]));
    edit.set("olmo2.attention.sliding_window", Value::U32(64));
    assert_same_f32("windows on all layers", &run("olmo2", &edit), &plain);
}

#[test]
fn gemma_window_patterns_may_be_stated() {
    for (name, stated) in [
        ("gemma2", Value::U32(2)),
        ("gemma2", bools(&[true, false, true, false])),
        ("gemma3", Value::U32(6)),
        ("gemma3", Value::Array(Array::I32(vec![1, 1, 1, 1, 1, 0]))),
    ] {
        let plain = run(name, &Edit::golden(name));
        let mut edit = Edit::golden(name);
        edit.set(&format!("{name}.attention.sliding_window_pattern"), stated);
        assert_same_f32(name, &run(name, &edit), &plain);
        edit.set(&format!("{name}.attention.sliding_window_pattern"), Value::U32(1));
        assert!(nmse(&run(name, &edit), &plain) > 1e-5, "{name}: no layer with a window is another model");
    }
}

#[test]
fn gemma2_windows_may_have_a_rotary_base_of_their_own() {
    let plain = run("gemma2", &Edit::golden("gemma2"));
    let mut edit = Edit::golden("gemma2");
    edit.set("gemma2.rope.freq_base_swa", Value::F32(10_000.0));
    assert_same_f32("the same base", &run("gemma2", &edit), &plain);
    edit.set("gemma2.rope.freq_base_swa", Value::F32(500.0));
    assert!(nmse(&run("gemma2", &edit), &plain) > 1e-6);
}

#[test]
fn granite_says_whether_it_has_a_rotary_embedding() {
    // One layer, so that without positions the order of the tokens before the last says nothing.
    let mut edit = Edit::golden("granite");
    edit.set("granite.block_count", Value::U32(1)).drop_tensors("blk.1.");
    let last = |edit: &Edit, order: [u32; 4]| {
        let out = logits(&mut load(edit), &order.map(TokenId), 0, 64);
        out[3 * 128..].to_vec()
    };
    let (a, b) = ([1, 2, 3, 4], [3, 1, 2, 4]);
    assert!(nmse(&last(&edit, a), &last(&edit, b)) > 1e-6);
    edit.set("granite.rope.scaling.finetuned", Value::Bool(false));
    assert!(nmse(&last(&edit, a), &last(&edit, b)) < 1e-11);
}

#[test]
fn bitnet_takes_its_activation_from_the_file() {
    let mut edit = Edit::golden("bitnet-b1.58");
    edit.rename_architecture("bitnet-b1.58", "bitnet");
    assert_eq!(load(&edit).spec().gate, Gate::Silu);
    edit.set("bitnet.hidden_activation", Value::String("relu2".to_owned()));
    let reference = testkit::read_f32("golden/bitnet-b1.58.logits.f32");
    assert!(nmse(&run("bitnet-b1.58", &edit), &reference) < 1e-5);
    edit.rename_architecture("bitnet", "bitnet-25").remove("bitnet-25.hidden_activation");
    assert!(nmse(&run("bitnet-b1.58", &edit), &reference) < 1e-5);
}

#[test]
fn experts_may_leave_their_width_out_and_bring_scales() {
    let plain = run("qwen3moe", &Edit::golden("qwen3moe"));
    let mut edit = Edit::golden("qwen3moe");
    // 96 wide, two experts a token: 48 each.
    edit.remove("qwen3moe.expert_feed_forward_length");
    assert_same_f32("width", &run("qwen3moe", &edit), &plain);
    // Weights a quarter as large and scales of four: powers of two round nowhere.
    let scales: Vec<f32> = (0..8).map(|i| if i % 2 == 0 { 4.0 } else { 0.5 }).collect();
    let tensor = edit.tensor("blk.0.ffn_down_exps.weight");
    let n = tensor.bytes.len() / 4 / 8;
    for (i, bytes) in tensor.bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *bytes = (f32::from_le_bytes(*bytes) / scales[i / n]).to_le_bytes();
    }
    assert!(nmse(&run("qwen3moe", &edit), &plain) > 1e-3);
    edit.add("blk.0.ffn_down_exps.scale", &[8], &scales);
    assert_same_f32("scales", &run("qwen3moe", &edit), &plain);
}

#[test]
fn longrope_factors_go_by_the_longest_context() {
    let container = Edit::golden("phi3").container();
    let run = |context_len_max| {
        let options = LoadOptions {
            context_len_max,
            kv_types: KvTypes::both(KvType::F32),
            kv_positions: Some(64),
            step_rows_max: 64,
            ..LoadOptions::DEFAULT
        };
        let mut model = Model::load(&container, Kernels::new(None, 1).unwrap(), &options).unwrap();
        logits(&mut model, &golden_prompt("phi3"), 0, 64)
    };
    // The reference ran with its whole context of 512, so with the long factors.
    let (short, long) = (run(Some(64)), run(Some(65)));
    assert_same_f32("long factors", &long, &run(None));
    assert!(nmse(&short, &long) > 1e-4);
}

#[test]
fn small_caches_stay_near_and_do_not_depend_on_chunks() {
    let lsq = KvType::T2(Mode::LeastSquares);
    for (name, kv_types, bound) in [
        ("llama", KvTypes::both(KvType::F16), 1e-5),
        ("llama-mha-hd32", KvType::F16.into(), 1e-5),
        ("llama-mha-hd32", KvType::Q8_0.into(), 1e-3),
        ("gemma3", KvType::Q8_0.into(), 1e-3),
        ("llama", KvTypes { is_rotated: true, ..KvType::F32.into() }, 1e-9),
        ("gemma3", KvTypes { is_rotated: true, ..KvType::Q8_0.into() }, 1e-3),
        ("gemma3", KvType::Q4_0.into(), 0.05),
        ("llama", lsq.into(), 0.9),
        ("llama-mha-hd32", KvTypes { keys: KvType::F16, values: lsq, is_rotated: true }, 0.9),
    ] {
        let edit = Edit::golden(name);
        let whole = logits(&mut load_as(&edit, kv_types), &golden_prompt(name), 0, 64);
        let distance = nmse(&whole, &run(name, &edit));
        assert!(distance > 0.0 && distance < bound, "{name}, {kv_types:?}: NMSE {distance:e}");
        for chunk in [1, 7, 32] {
            let chunked = logits(&mut load_as(&edit, kv_types), &golden_prompt(name), 0, chunk);
            assert_same_f32(&format!("{name}, {kv_types:?} in chunks of {chunk}"), &chunked, &whole);
        }
    }
}

/// Returns the product `[n, k]` of `a` `[n, m]` and `b` `[m, k]`, rows of weights after each other.
fn product(a: &[f32], b: &[f32], m: usize) -> Vec<f32> {
    let k = b.len() / m;
    let element = |row: &[f32], j: usize| row.iter().zip(b.chunks(k)).map(|(a, b)| a * b[j]).sum();
    a.chunks(m).flat_map(|row| (0..k).map(move |j| element(row, j))).collect()
}

#[test]
fn experts_behind_a_narrow_matrix_are_those_of_the_products() {
    // Width of the model, of experts, their number, and what they see of a row.
    const D: usize = 40;
    const F: usize = 24;
    const E: usize = 6;
    const L: usize = 12;
    let name = "golden2/nemotron_h_moe";
    let (mut narrow, mut plain) = (Edit::golden(name), Edit::golden(name));
    narrow.set("nemotron_h_moe.moe_latent_size", Value::U32(L as u32));
    let mut rng = testkit::Rng::new(5);
    let mut weights = |n: usize, scale: f32| rng.normals(n).iter().map(|x| x * scale).collect::<Vec<f32>>();
    for layer in [1, 4, 6] {
        let at = |part: &str| format!("blk.{layer}.ffn_{part}.weight");
        let (down, up) = (weights(L * D, 0.2), weights(D * L, 0.3));
        let (ups, downs) = (weights(E * F * L, 0.5), weights(E * L * F, 0.3));
        narrow.drop_tensors(&at("up_exps")).drop_tensors(&at("down_exps"));
        narrow.add(&at("latent_down"), &[D as u64, L as u64], &down);
        narrow.add(&at("latent_up"), &[L as u64, D as u64], &up);
        narrow.add(&at("up_exps"), &[L as u64, F as u64, E as u64], &ups);
        narrow.add(&at("down_exps"), &[F as u64, L as u64, E as u64], &downs);
        let downs: Vec<f32> = downs.chunks(L * F).flat_map(|down| product(&up, down, L)).collect();
        plain.drop_tensors(&at("up_exps")).drop_tensors(&at("down_exps"));
        plain.add(&at("up_exps"), &[D as u64, F as u64, E as u64], &product(&ups, &down, L));
        plain.add(&at("down_exps"), &[F as u64, D as u64, E as u64], &downs);
    }
    let (narrow, plain) = (run(name, &narrow), run(name, &plain));
    assert!(nmse(&narrow, &plain) < 1e-9, "{}", nmse(&narrow, &plain));
    let golden = run(name, &Edit::golden(name));
    assert!(nmse(&golden, &plain) > 1e-3, "experts that matter");
}
