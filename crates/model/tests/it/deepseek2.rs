//! DeepSeek 2: one row a position for all heads, also of files whose keys and values are one matrix; experts in groups.

use gguf::Value;
use kernels::Kernels;
use model::{
    Gating, KvType, KvTypes, LoadOptions, Model, PAGE_LEN, PageArena, memory_plan, memory_plan_of_head, spec_of_head,
};
use testkit::assert_same_f32;

use crate::{
    edit::Edit,
    refusals::check,
    session::{golden_prompt, logits},
};

/// Two matrices of queries, groups of experts behind a sigmoid.
const V3: &str = "golden2/deepseek2";
/// One matrix of queries, experts behind a softmax.
const LITE: &str = "golden2/deepseek2-lite";

/// The shape of a model: layers, heads, elements of a query that do not turn and that do, width of what keys and values
/// are made of, width of a value.
struct Shape {
    name: &'static str,
    n_layers: usize,
    n_heads: usize,
    plain_dim: usize,
    turned_dim: usize,
    kv_rank: usize,
    value_dim: usize,
}

const SHAPES: [Shape; 2] = [
    Shape { name: V3, n_layers: 4, n_heads: 4, plain_dim: 16, turned_dim: 8, kv_rank: 16, value_dim: 16 },
    Shape { name: LITE, n_layers: 27, n_heads: 2, plain_dim: 8, turned_dim: 4, kv_rank: 12, value_dim: 8 },
];

fn run(name: &str, edit: &Edit) -> Vec<f32> {
    let kv_types = KvTypes::both(KvType::F32);
    let options = LoadOptions { kv_types, kv_positions: Some(64), step_rows_max: 64, ..LoadOptions::DEFAULT };
    let mut model = Model::load(&edit.container(), Kernels::new(None, 2).unwrap(), &options).unwrap();
    logits(&mut model, &golden_prompt(name), 0, 64)
}

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Makes of a model the file that older converters made: for each head its rows of keys, then those of values, and the
/// widths of heads under the plain names.
fn fused(shape: &Shape) -> Edit {
    let &Shape { name, n_layers, n_heads, plain_dim, turned_dim, kv_rank, value_dim } = shape;
    let mut edit = Edit::golden(name);
    for layer in 0..n_layers {
        let at = format!("blk.{layer}.attn_");
        let keys = f32s(&edit.tensor(&format!("{at}k_b.weight")).bytes);
        let values = f32s(&edit.tensor(&format!("{at}v_b.weight")).bytes);
        let mut both = Vec::new();
        for (keys, values) in keys.chunks(kv_rank * plain_dim).zip(values.chunks(value_dim * kv_rank)) {
            both.extend((0..plain_dim).flat_map(|i| keys.iter().skip(i).step_by(plain_dim)));
            both.extend(values);
        }
        let n_rows = n_heads * (plain_dim + value_dim);
        edit.add(&format!("{at}kv_b.weight"), &[kv_rank as u64, n_rows as u64], &both);
        edit.drop_tensors(&format!("{at}k_b")).drop_tensors(&format!("{at}v_b"));
    }
    for (key, n) in [("key_length", plain_dim + turned_dim), ("value_length", value_dim), ("head_count_kv", n_heads)] {
        edit.set(&format!("deepseek2.attention.{key}"), Value::U32(n as u32));
        edit.remove(&format!("deepseek2.attention.{key}_mla"));
    }
    edit
}

#[test]
fn older_files_with_keys_and_values_in_one_matrix_give_the_same_bytes() {
    for shape in SHAPES {
        let name = shape.name;
        let (plain, old) = (Edit::golden(name), fused(&shape));
        assert_same_f32(name, &run(name, &old), &run(name, &plain));
        // Keys are turned over into a copy beside the map.
        let copied = 4 * shape.n_layers * shape.n_heads * shape.plain_dim * shape.kv_rank;
        for (edit, bytes) in [(plain, 0), (old, copied)] {
            let container = edit.container();
            assert_eq!(memory_plan(&container, None).unwrap().copy_bytes, bytes as u64, "{name}");
            let of_head = memory_plan_of_head(&container, &LoadOptions::DEFAULT).unwrap();
            assert_eq!(of_head.copy_bytes, bytes as u64, "{name}, by its head");
        }
    }
}

#[test]
fn a_position_is_one_row_for_all_heads() {
    for Shape { name, n_layers, kv_rank, turned_dim, .. } in SHAPES {
        let options = LoadOptions { kv_types: KvTypes::both(KvType::F16), ..LoadOptions::DEFAULT };
        let model = Model::load(&Edit::golden(name).container(), Kernels::new(None, 1).unwrap(), &options).unwrap();
        let bytes = 2 * n_layers * (kv_rank + turned_dim);
        assert_eq!(model.kv_position_bytes(), bytes as u64, "{name}");
        assert_eq!(model.page_bytes(), PAGE_LEN * bytes, "{name}");
    }
}

#[test]
fn queries_may_grow_with_their_position() {
    let mut edit = Edit::golden(V3);
    let plain = run(V3, &edit);
    edit.set("deepseek2.attention.temperature_scale", Value::F32(0.5));
    edit.set("deepseek2.attention.temperature_length", Value::U32(20));
    let grown = run(V3, &edit);
    let n_vocab = 128;
    assert_same_f32("before", &grown[..20 * n_vocab], &plain[..20 * n_vocab]);
    assert_ne!(grown[20 * n_vocab..21 * n_vocab], plain[20 * n_vocab..21 * n_vocab]);
    check(V3, &["attention.temperature_length", "missing"], |e| {
        e.set("deepseek2.attention.temperature_scale", Value::F32(0.5));
    });
}

#[test]
fn all_experts_may_be_of_the_groups_in_use() {
    let mut edit = Edit::golden(V3);
    let of_two = run(V3, &edit);
    edit.set("deepseek2.expert_group_used_count", Value::U32(4));
    let of_all = run(V3, &edit);
    assert_ne!(of_all, of_two);
    edit.remove("deepseek2.expert_group_used_count").remove("deepseek2.expert_group_count");
    assert_same_f32("no groups", &run(V3, &edit), &of_all);
}

/// Source: llama.cpp, `src/models/deepseek2.cpp`: files of GLM 4.7 Flash from before converters wrote
/// `expert_gating_func`.
#[test]
fn files_that_do_not_say_the_function_of_scores_have_that_of_their_model() {
    const N_VOCAB: u64 = 154_880;
    for (n_layers, n_vocab, gating) in [
        (47, N_VOCAB, Gating::Sigmoid),
        (48, N_VOCAB, Gating::Sigmoid),
        (27, N_VOCAB, Gating::Softmax),
        (47, 128, Gating::Softmax),
    ] {
        let mut edit = Edit::golden(LITE);
        edit.set("deepseek2.block_count", Value::U32(n_layers));
        edit.remove("deepseek2.expert_gating_func");
        let table = edit.tensor("token_embd.weight");
        table.dims[1] = n_vocab;
        table.bytes.resize(24 * 4 * n_vocab as usize, 0);
        let spec = spec_of_head(&edit.container()).unwrap();
        assert_eq!(spec.experts.unwrap().gating, gating, "{n_layers} layers, {n_vocab} tokens");
    }
}

#[test]
fn impossible_deepseek_2() {
    let set = |key: &'static str, value: Value, words: &[&str]| {
        check(V3, &[&[key], words].concat(), |e| {
            e.set(&format!("deepseek2.{key}"), value);
        });
    };
    set("rope.dimension_count", Value::U32(24), &["24", "less than attention.key_length_mla 24"]);
    set("attention.key_length", Value::U32(32), &["32, expected 24"]);
    set("attention.value_length", Value::U32(8), &["8, expected 16"]);
    set("attention.head_count_kv", Value::U32(4), &["4, expected 1"]);
    set("rope.scaling.attn_factor", Value::F32(2.0), &["2, but only 1"]);
    set("expert_group_count", Value::U32(3), &["3, but 8 experts"]);
    set("expert_group_count", Value::U32(8), &["8, but 8 experts"]);
    set("expert_group_used_count", Value::U32(5), &["5 of 4 groups"]);
    set("expert_group_used_count", Value::U32(1), &["1 of 4 groups of 8 experts, of which 3 are used"]);
    check(V3, &["attention.head_count", "4 heads of 134217728"], |e| {
        e.set("deepseek2.attention.value_length_mla", Value::U32(1 << 27));
    });
    for key in [
        "attention.kv_lora_rank",
        "attention.key_length_mla",
        "attention.value_length_mla",
        "rope.dimension_count",
        "rope.scaling.yarn_log_multiplier",
    ] {
        check(V3, &[key, "missing"], |e| {
            e.remove(&format!("deepseek2.{key}"));
        });
    }
    check(V3, &["blk.0.attn_q.weight", "missing"], |e| {
        e.remove("deepseek2.attention.q_lora_rank");
    });
    for name in ["q_a", "q_a_norm", "q_b", "kv_a_mqa", "kv_a_norm", "k_b", "v_b", "output"] {
        let name = format!("blk.2.attn_{name}.weight");
        check(V3, &[&name, "missing"], |e| {
            e.drop_tensors(&name);
        });
    }
    check(V3, &["blk.1.attn_k_b.weight", "[8, 32, 4]", "expected [16, 16, 4]"], |e| {
        e.tensor("blk.1.attn_k_b.weight").dims = vec![8, 32, 4];
    });
    let mut old = fused(&SHAPES[1]);
    let both = old.tensor("blk.3.attn_kv_b.weight");
    both.dims = vec![24, 16];
    let error = memory_plan(&old.container(), None).unwrap_err().to_string();
    let words = ["blk.3.attn_kv_b.weight", "[24, 16]", "expected [12, 32]"];
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
}
