//! Models whose layers carry a state from token to token: a state begins at position 0, is read and changed in order,
//! and belongs to one sequence. Files whose layers are not what their metadata says are refused.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gguf::{Array, Value};
use kernels::Kernels;
use model::{
    AttentionWindow, Forward, LoadOptions, Logits, LogitsWanted, Model, PAGE_LEN, PageArena, PageId, StateId, Step,
    StepSpan, TokenId, memory_plan, memory_plan_with,
};

use crate::{
    edit::Edit,
    session::{golden_path, golden_prompt, load, logits, pages},
};

/// Models with states.
const MODELS: &[&str] = &[
    "golden2/lfm2",
    "golden2/qwen35",
    "golden2/qwen3next",
    "golden2/granitehybrid",
    "golden2/nemotron_h",
    "golden2/mamba2",
    "golden2/rwkv7",
];

/// What a panic of `work` says; `None` if it does not panic.
fn panic_of(work: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(work)).err()?;
    Some(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| panic.downcast_ref::<&str>().unwrap().to_string()))
}

#[test]
fn a_state_begins_with_zeros_whoever_had_it_before() {
    for name in MODELS {
        let (mut model, prompt) = (load(&golden_path(name), None, 1), golden_prompt(name));
        let first = logits(&mut model, &prompt, 0, 64);
        let other: Vec<TokenId> = prompt.iter().rev().copied().collect();
        assert_ne!(logits(&mut model, &other, 0, 64), first, "{name}");
        testkit::assert_same_f32(name, &logits(&mut model, &prompt, 0, 5), &first);
    }
}

#[test]
fn a_token_that_is_skipped_or_fed_twice_is_a_bug_that_is_seen() {
    for name in MODELS {
        let (mut model, prompt) = (load(&golden_path(name), None, 1), golden_prompt(name));
        let (pages, mut out) = (pages(0, 64), Logits::default());
        let mut feed = |range: std::ops::Range<usize>, state: u32| {
            let span = StepSpan::new(&prompt[range.clone()], range.start, &pages).with_state(StateId(state));
            panic_of(|| model.forward(&Step::new(&[span]), &mut out))
        };
        assert_eq!(feed(0..8, 0), None);
        for (range, state, expected) in [(7..9, 0, "left: 7"), (9..10, 0, "right: 8"), (8..9, 1, "right: 0")] {
            let message = feed(range, state).unwrap();
            assert!(message.contains(expected), "{message:?} does not say {expected:?}");
        }
        assert_eq!(feed(8..9, 0), None, "what was refused has changed nothing");
        assert!(feed(0..1, 3).unwrap().contains("state 3 of 3"));
    }
}

#[test]
fn a_state_is_of_one_span_and_of_all_layers() {
    for name in MODELS {
        let (mut model, prompt) = (load(&golden_path(name), None, 1), golden_prompt(name));
        let (table, other, mut out) = (pages(0, 64), pages(2, 64), Logits::default());
        let (span, twice) = (StepSpan::new(&prompt[..8], 0, &table), StepSpan::new(&prompt[..8], 0, &other));
        let message = panic_of(|| model.forward(&Step::new(&[span, twice]), &mut out)).unwrap();
        assert!(message.contains("two spans of a step have state 0"), "{message}");
        // The step that was broken off leaves a state that nobody can go on with, only begin again.
        let next = StepSpan::new(&prompt[8..9], 8, &table);
        assert!(panic_of(|| model.forward(&Step::new(&[next]), &mut out)).is_some());
        let spans = [span];
        let exit = Step { n_layers: Some(1), ..Step::new(&spans) };
        assert!(panic_of(|| model.forward(&exit, &mut out)).unwrap().contains("early exit"));
        model.forward(&Step::new(&[span.wanting(LogitsWanted::None)]), &mut out);
        model.forward(&Step::new(&[next]), &mut out);
        let alone = logits(&mut load(&golden_path(name), None, 1), &prompt[..9], 0, 64);
        testkit::assert_same_f32(name, out.row(0), &alone[8 * model.n_vocab()..]);
    }
}

#[test]
fn a_sequence_goes_on_elsewhere_from_the_bytes_of_its_state_and_pages() {
    for name in MODELS {
        let (mut model, prompt) = (load(&golden_path(name), None, 1), golden_prompt(name));
        let (table, mut out) = (pages(0, 64), Logits::default());
        model.forward(&Step::new(&[StepSpan::new(&prompt[..9], 0, &table).with_state(StateId(1))]), &mut out);
        let (mut state, mut page) = (vec![0; model.saved_state_bytes()], vec![0; model.page_bytes()]);
        assert_eq!(state.len() as u64, 8 + model.state_bytes(), "{name}");
        model.read_state(StateId(1), &mut state);
        model.read_page(PageId(0), &mut page);
        model.forward(&Step::new(&[StepSpan::new(&prompt[9..12], 9, &table).with_state(StateId(1))]), &mut out);
        let expected = out.row(0).to_vec();
        let mut other = load(&golden_path(name), None, 2);
        other.write_state(StateId(2), &state);
        other.write_page(PageId(5), &page);
        let elsewhere = [PageId(5)];
        let mut go_on = |first: usize| {
            let span = StepSpan::new(&prompt[first..12], first, &elsewhere).with_state(StateId(2));
            panic_of(|| other.forward(&Step::new(&[span]), &mut out))
        };
        assert!(go_on(8).unwrap().contains("right: 9"), "{name}: the position is among the bytes");
        assert_eq!(go_on(9), None, "{name}");
        testkit::assert_same_f32(name, out.row(0), &expected);
    }
}

const OPTIONS: LoadOptions = LoadOptions { kv_positions: Some(64), step_rows_max: 8, ..LoadOptions::DEFAULT };

fn refusal(container: &gguf::Container, options: &LoadOptions) -> String {
    match Model::load(container, Kernels::new(None, 1).unwrap(), options) {
        Ok(_) => panic!("loaded"),
        Err(error) => error.to_string(),
    }
}

/// Loads the model as changed by `change`; the error must be `expected`, and one of the memory plan, too.
fn check(name: &str, expected: &str, change: impl FnOnce(&mut Edit)) {
    let mut edit = Edit::golden(name);
    change(&mut edit);
    let container = edit.container();
    let error = refusal(&container, &OPTIONS);
    assert!(error.ends_with(&format!("edited.gguf: {expected}")), "{error:?}, expected {expected:?}");
    assert_eq!(memory_plan(&container, None).unwrap_err().to_string(), error);
}

#[test]
fn layers_that_are_not_what_the_metadata_says_are_refused() {
    let check = |expected: &str, change: &dyn Fn(&mut Edit)| check("golden2/lfm2", expected, change);
    let counts = |expected: &str, values: &[i32]| {
        check(expected, &|e| {
            e.set("lfm2.attention.head_count_kv", Value::Array(Array::I32(values.to_vec())));
        });
    };
    let key = "metadata lfm2.attention.head_count_kv";
    counts(&format!("{key}: 6 values, expected one for each of 7 layers"), &[0, 0, 2, 0, 0, 2]);
    counts(&format!("{key}: -1, expected 0 to 4096"), &[0, 0, 2, 0, -1, 2, 0]);
    counts(&format!("{key}: [0, 0, 0, 0, 0, 0, 0]: no layer with attention, expected one at least"), &[0; 7]);
    counts(
        &format!("{key}: [0, 0, 2, 0, 0, 1, 0]: layers with attention that differ are not supported"),
        &[0, 0, 2, 0, 0, 1, 0],
    );
    counts("tensor blk.0.attn_q.weight: missing", &[2, 0, 2, 0, 0, 2, 0]);
    counts("tensor blk.2.shortconv.in_proj.weight: missing", &[0, 0, 0, 0, 0, 2, 0]);
    check(&format!("{key}: missing"), &|e| {
        e.remove("lfm2.attention.head_count_kv");
    });
    check("metadata lfm2.shortconv.l_cache: missing", &|e| {
        e.remove("lfm2.shortconv.l_cache");
    });
    check("metadata lfm2.shortconv.l_cache: 0, expected 1 to 4096", &|e| {
        e.set("lfm2.shortconv.l_cache", Value::U32(0));
    });
    check("tensor blk.0.shortconv.conv.weight: shape [3, 48], expected [4, 48]", &|e| {
        e.set("lfm2.shortconv.l_cache", Value::U32(4));
    });
    for name in ["blk.0.shortconv.in_proj.weight", "blk.1.shortconv.conv.weight", "token_embd_norm.weight"] {
        check(&format!("tensor {name}: missing"), &|e| {
            e.drop_tensors(name);
        });
    }
    check("tensor blk.0.shortconv.out_proj.weight: shape [48, 24], expected [48, 48]", &|e| {
        let tensor = e.tensor("blk.0.shortconv.out_proj.weight");
        tensor.dims = vec![48, 24];
        tensor.bytes.truncate(48 * 24 * 4);
    });
}

#[test]
fn delta_nets_that_do_not_fit_together_are_refused() {
    let check = |expected: &str, change: &dyn Fn(&mut Edit)| check("golden2/qwen35", expected, change);
    let key = |name: &str, value: u32, expected: &str| {
        check(&format!("metadata qwen35.{name}: {expected}"), &|e| {
            e.set(&format!("qwen35.{name}"), Value::U32(value));
        });
    };
    for name in ["ssm.conv_kernel", "ssm.inner_size", "ssm.state_size", "ssm.time_step_rank", "ssm.group_count"] {
        check(&format!("metadata qwen35.{name}: missing"), &|e| {
            e.remove(&format!("qwen35.{name}"));
        });
    }
    key("ssm.inner_size", 80, "80, expected 4 heads of ssm.state_size 16");
    key("ssm.state_size", 1 << 27, "134217728, but 8 heads may have 268435456 elements together");
    key("ssm.time_step_rank", 5, "5, expected a multiple of ssm.group_count 2");
    key("attention.value_length", 8, "8, expected attention.key_length 16");
    key("full_attention_interval", 1, "1, but layers of both kinds need 2 to block_count 8");
    key("full_attention_interval", 9, "9, but layers of both kinds need 2 to block_count 8");
    // What is a delta net by the metadata is attention in the file, and the other way round.
    check("tensor blk.2.attn_qkv.weight: shape [48, 128], expected [48, 192]", &|e| {
        e.set("qwen35.full_attention_interval", Value::U32(3));
    });
    check("tensor blk.3.attn_qkv.weight: missing", &|e| {
        e.set("qwen35.full_attention_interval", Value::U32(8));
    });
    check("tensor blk.0.ssm_conv1d.weight: shape [4, 128], expected [3, 128]", &|e| {
        e.set("qwen35.ssm.conv_kernel", Value::U32(3));
    });
    for name in ["blk.0.ssm_dt.bias", "blk.1.ssm_norm.weight", "blk.2.attn_gate.weight", "blk.0.ssm_beta.weight"] {
        check(&format!("tensor {name}: missing"), &|e| {
            e.drop_tensors(name);
        });
    }
}

#[test]
fn scans_that_do_not_fit_together_are_refused() {
    let check = |expected: &str, change: &dyn Fn(&mut Edit)| check("golden2/granitehybrid", expected, change);
    let key = |name: &str, value: u32, expected: &str| {
        check(&format!("metadata granitehybrid.{name}: {expected}"), &|e| {
            e.set(&format!("granitehybrid.{name}"), Value::U32(value));
        });
    };
    for name in ["ssm.conv_kernel", "ssm.inner_size", "ssm.state_size", "ssm.time_step_rank", "ssm.group_count"] {
        check(&format!("metadata granitehybrid.{name}: missing"), &|e| {
            e.remove(&format!("granitehybrid.{name}"));
        });
    }
    key("ssm.inner_size", 66, "66, expected a multiple of ssm.time_step_rank 4");
    check("metadata granitehybrid.ssm.time_step_rank: 4, expected a multiple of ssm.group_count 3", &|e| {
        e.set("granitehybrid.ssm.group_count", Value::U32(3));
    });
    let what = "134217728 twice for each of 1 groups, but beside ssm.inner_size 64 there may be 268435392";
    key("ssm.state_size", 1 << 27, what);
    check("tensor blk.0.ssm_in.weight: shape [32, 164], expected [32, 196]", &|e| {
        e.set("granitehybrid.ssm.group_count", Value::U32(2));
    });
    check("tensor blk.0.ssm_conv1d.weight: shape [4, 96], expected [3, 96]", &|e| {
        e.set("granitehybrid.ssm.conv_kernel", Value::U32(3));
    });
    check("tensor blk.1.ssm_d: shape [4], expected [1, 4]", &|e| e.tensor("blk.1.ssm_d").dims = vec![4]);
    check("tensor blk.1.ssm_norm.weight: shape [32, 2], expected [64, 1]", &|e| {
        e.tensor("blk.1.ssm_norm.weight").dims = vec![32, 2];
    });
    for name in ["ssm_conv1d.bias", "ssm_dt.bias", "ssm_a", "ssm_d", "ssm_norm.weight", "ssm_out.weight"] {
        check(&format!("tensor blk.1.{name}: missing"), &|e| {
            e.tensors.retain(|tensor| tensor.name != format!("blk.1.{name}"));
        });
    }
    // A layer with KV heads is attention, one without is a scan.
    let counts = |expected: &str, values: &[i32]| {
        check(expected, &|e| {
            e.set("granitehybrid.attention.head_count_kv", Value::Array(Array::I32(values.to_vec())));
        });
    };
    counts("tensor blk.1.attn_q.weight: missing", &[0, 2, 2, 0, 0, 2]);
    counts("tensor blk.2.ssm_in.weight: missing", &[0, 0, 0, 0, 0, 2]);
    check("metadata granitehybrid.logit_scale: missing, or 0", &|e| {
        e.remove("granitehybrid.logit_scale");
    });
}

#[test]
fn layers_of_one_block_that_are_not_what_the_metadata_says_are_refused() {
    let check = |expected: &str, change: &dyn Fn(&mut Edit)| check("golden2/nemotron_h", expected, change);
    let lists = |expected: &str, name: &str, values: &[i32]| {
        check(expected, &|e| {
            e.set(&format!("nemotron_h.{name}"), Value::Array(Array::I32(values.to_vec())));
        });
    };
    let key = "metadata nemotron_h.feed_forward_length";
    let widths = |expected: &str, values: &[i32]| lists(expected, "feed_forward_length", values);
    widths(&format!("{key}: 48 for layer 3, which has KV heads, too: expected 0"), &[0, 48, 0, 48, 48, 0, 0]);
    widths(
        &format!("{key}: 24 for layer 4, but 48 before: layers that differ are not supported"),
        &[0, 48, 0, 0, 24, 0, 0],
    );
    widths(&format!("{key}: 6 values, expected one for each of 7 layers"), &[0, 48, 0, 0, 48, 0]);
    widths(&format!("{key}: -48, expected 0 to 268435456"), &[0, -48, 0, 0, 48, 0, 0]);
    widths("tensor blk.1.ssm_in.weight: missing", &[0, 0, 0, 0, 48, 0, 0]);
    widths("tensor blk.0.ffn_up.weight: missing", &[48, 48, 0, 0, 48, 0, 0]);
    widths("tensor blk.1.ffn_up.weight: shape [40, 48], expected [40, 56]", &[0, 56, 0, 0, 56, 0, 0]);
    let counts = |expected: &str, values: &[i32]| lists(expected, "attention.head_count_kv", values);
    counts("tensor blk.3.ssm_in.weight: missing", &[0, 0, 0, 0, 0, 0, 2]);
    counts("tensor blk.2.attn_q.weight: missing", &[0, 0, 2, 2, 0, 0, 2]);
    check(&format!("{key}: missing"), &|e| {
        e.remove("nemotron_h.feed_forward_length");
    });
    check("tensor blk.0.ffn_norm.weight: not known for this architecture", &|e| {
        e.add("blk.0.ffn_norm.weight", &[40], &[1.0; 40]);
    });
    check("tensor blk.1.ffn_gate.weight: not known for this architecture", &|e| {
        e.add("blk.1.ffn_gate.weight", &[40, 48], &[0.0; 40 * 48]);
    });
}

#[test]
fn states_alone_are_not_beside_attention() {
    let check = |expected: &str, change: &dyn Fn(&mut Edit)| check("golden2/mamba2", expected, change);
    for name in ["attention.head_count", "feed_forward_length", "expert_count"] {
        check(
            &format!("metadata mamba2.{name}: 4, expected 0: layers of this architecture have a state alone"),
            &|e| {
                e.set(&format!("mamba2.{name}"), Value::U32(4));
            },
        );
    }
    check("tensor blk.0.attn_q.weight: not known for this architecture", &|e| {
        e.add("blk.0.attn_q.weight", &[48, 48], &[0.0; 48 * 48]);
    });
    check("tensor blk.0.ssm_in.weight: shape [48, 230], expected [48, 262]", &|e| {
        e.set("mamba2.ssm.group_count", Value::U32(2));
    });
}

#[test]
fn time_mix_that_does_not_fit_is_refused() {
    let check = |expected: &str, change: &dyn Fn(&mut Edit)| check("golden2/rwkv7", expected, change);
    let set = |name: &str, value: u32, what: &str| {
        check(&format!("metadata rwkv7.{name}: {what}"), &|e| {
            e.set(&format!("rwkv7.{name}"), Value::U32(value));
        });
    };
    let alone = "4, expected 0: layers of this architecture have a state alone";
    for name in ["attention.head_count", "expert_count", "rescale_every_n_layers"] {
        set(name, 4, alone);
    }
    set("token_shift_count", 3, "3, expected 2");
    set("wkv.head_size", 48, "48, expected a divisor of the width 64");
    for name in ["wkv.head_size", "attention.decay_lora_rank", "attention.iclr_lora_rank", "attention.gate_lora_rank"] {
        check(&format!("metadata rwkv7.{name}: missing"), &|e| {
            e.remove(&format!("rwkv7.{name}"));
        });
    }
    check("tensor blk.1.time_mix_v1.weight: shape [64, 8], expected [64, 9]", &|e| {
        e.set("rwkv7.attention.value_residual_mix_lora_rank", Value::U32(9));
    });
    for name in ["time_mix_w0", "time_mix_g2", "time_mix_ln", "time_mix_r_k", "channel_mix_lerp_k", "attn_norm_2"] {
        let name = format!("blk.2.{name}.weight");
        check(&format!("tensor {name}: missing"), &|e| {
            e.drop_tensors(&name);
        });
    }
    check("tensor blk.1.time_mix_lerp_fused.weight: shape [64, 1, 2, 3], expected [64, 1, 1, 6]", &|e| {
        e.tensor("blk.1.time_mix_lerp_fused.weight").dims = vec![64, 1, 2, 3];
    });
}

#[test]
fn the_first_layer_of_rwkv_has_its_own_values_and_dimensions_of_one_are_none() {
    let name = "golden2/rwkv7";
    let run = |edit: &Edit| {
        let mut model = Model::load(&edit.container(), Kernels::new(None, 1).unwrap(), &OPTIONS).unwrap();
        logits(&mut model, &golden_prompt(name), 0, 8)
    };
    let mut edit = Edit::golden(name);
    let plain = run(&edit);
    for part in ["v0", "v1", "v2"] {
        edit.drop_tensors(&format!("blk.0.time_mix_{part}.weight"));
    }
    edit.tensor("blk.1.channel_mix_lerp_k.weight").dims = vec![64, 1, 1];
    testkit::assert_same_f32(name, &run(&edit), &plain);
}

#[test]
fn a_model_without_attention_has_pages_of_nothing() {
    let mut model = load(&golden_path("golden2/mamba2"), None, 1);
    assert_eq!((model.spec().n_attention_layers(), model.page_bytes(), model.kv_position_bytes()), (0, 0, 0));
    assert_eq!(model.n_pages(), 1024 / PAGE_LEN, "pages are counted all the same");
    let (prompt, mut bytes) = (golden_prompt("golden2/mamba2"), []);
    let before = logits(&mut model, &prompt, 0, 64);
    model.copy_page(PageId(0), PageId(1));
    model.read_page(PageId(1), &mut bytes);
    model.write_page(PageId(0), &bytes);
    testkit::assert_same_f32("after copies of pages", &logits(&mut model, &prompt, 0, 64), &before);
}

/// Behind its first layers a file may have others, which predict further tokens: neither their states nor their keys
/// count.
#[test]
fn layers_that_are_not_computed_have_no_state() {
    let mut edit = Edit::golden("golden2/nemotron_h");
    edit.set("nemotron_h.nextn_predict_layers", Value::U32(3));
    let spec = Model::load(&edit.container(), Kernels::new(None, 1).unwrap(), &OPTIONS).unwrap().spec().clone();
    assert_eq!((spec.n_layers, spec.n_attention_layers(), spec.recurrence.unwrap().n_layers()), (4, 1, 2));
}

#[test]
fn experts_that_see_narrow_rows_are_refused_where_they_do_not_fit() {
    let check = |expected: &str, change: &dyn Fn(&mut Edit)| check("golden2/nemotron_h_moe", expected, change);
    check("tensor blk.1.ffn_latent_down.weight: missing", &|e| {
        e.set("nemotron_h_moe.moe_latent_size", Value::U32(20));
    });
    check("tensor blk.1.ffn_up_exps.weight: shape [40, 24, 6], expected [20, 24, 6]", &|e| {
        e.set("nemotron_h_moe.moe_latent_size", Value::U32(20));
        for layer in [1, 4, 6] {
            e.add(&format!("blk.{layer}.ffn_latent_down.weight"), &[40, 20], &[0.0; 800]);
            e.add(&format!("blk.{layer}.ffn_latent_up.weight"), &[20, 40], &[0.0; 800]);
        }
    });
    check("metadata nemotron_h_moe.moe_latent_size: 4294967295, expected at most 268435456", &|e| {
        e.set("nemotron_h_moe.moe_latent_size", Value::U32(u32::MAX));
    });
    check("tensor blk.1.ffn_latent_down.weight: not known for this architecture", &|e| {
        e.add("blk.1.ffn_latent_down.weight", &[40, 20], &[0.0; 800]);
    });
    check("metadata nemotron_h_moe.expert_count: missing, or 0", &|e| {
        e.remove("nemotron_h_moe.expert_count");
    });
}

#[test]
fn experts_beside_states_that_do_not_fit_are_refused() {
    check("golden2/qwen35moe-mtp", "metadata qwen35moe.expert_shared_feed_forward_length: missing, or 0", |e| {
        e.remove("qwen35moe.expert_shared_feed_forward_length");
    });
    check("golden2/qwen35moe-mtp", "tensor blk.1.ffn_gate_inp_shexp.weight: missing", |e| {
        e.drop_tensors("blk.1.ffn_gate_inp_shexp.weight");
    });
    check("golden2/qwen35moe-mtp", "tensor blk.0.ssm_alpha.weight: missing", |e| {
        e.drop_tensors("blk.0.ssm_alpha.weight");
    });
    check("golden2/qwen3next", "tensor blk.0.ssm_ba.weight: shape [32, 8], expected [32, 4]", |e| {
        e.set("qwen3next.ssm.time_step_rank", Value::U32(2));
        e.set("qwen3next.ssm.state_size", Value::U32(16));
        e.set("qwen3next.ssm.group_count", Value::U32(1));
    });
    check("golden2/lfm2moe", "tensor blk.1.ffn_gate_inp.weight: missing", |e| {
        e.set("lfm2moe.leading_dense_block_count", Value::U32(1));
    });
}

#[test]
fn options_that_states_rule_out_are_refused() {
    let container = Edit::golden("golden2/lfm2").container();
    for (options, expected) in [
        (LoadOptions { n_states: 0, ..OPTIONS }, "memory for 0 states, but each sequence needs one"),
        (
            LoadOptions { n_states: usize::MAX, ..OPTIONS },
            "the states of 18446744073709551615 sequences cannot be addressed",
        ),
        (
            LoadOptions { attention_window: Some(AttentionWindow { len: 30, sinks: 4 }), ..OPTIONS },
            "an attention window, but the model has layers whose states see everything",
        ),
    ] {
        let error = refusal(&container, &options);
        assert!(error.ends_with(&format!("edited.gguf: {expected}")), "{error:?}, expected {expected:?}");
    }
    let plan = |n_states| memory_plan_with(&container, &LoadOptions { n_states, ..OPTIONS }).unwrap();
    assert_eq!(plan(usize::MAX).state_bytes, u64::MAX);
    assert_eq!(plan(3).state_bytes, 3 * plan(1).state_bytes);
}
