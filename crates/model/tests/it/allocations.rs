//! What a model allocates: as much as the plan says when it is loaded, and nothing when it decodes.
#![allow(unsafe_code, reason = "a global allocator that counts has no safe form")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use kernels::{Isa, Kernels};
use model::{
    AttentionWindow, EmbeddingType, Forward, KvType, KvTypes, LoadOptions, Logits, LogitsWanted, MemoryPlan, Model,
    POSITIONS_MAX, Step, StepSpan, TokenId, memory_plan_with,
};
use quant::ternarise::Mode;

use crate::{
    edit::Edit,
    session::{golden_prompt, pages},
};

thread_local! {
    /// Counts of this thread: its allocations, and the bytes that it holds.
    static COUNT: Cell<(u64, i64)> = const { Cell::new((0, 0)) };
}

struct Counting;

impl Counting {
    fn note(n_allocations: u64, n_bytes: i64) {
        // A thread that is ending has no counter any more.
        let _ = COUNT.try_with(|c| c.set((c.get().0 + n_allocations, c.get().1 + n_bytes)));
    }
}

// SAFETY: hands every call to `System` unchanged; the counter neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(1, layout.size() as i64);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note(1, layout.size() as i64);
        // SAFETY: the caller keeps `alloc_zeroed`'s contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, n_bytes: usize) -> *mut u8 {
        Self::note(1, n_bytes as i64 - layout.size() as i64);
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { System.realloc(block, layout, n_bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Self::note(0, -(layout.size() as i64));
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_decode_step_allocates_nothing() {
    let f16 = KvTypes::both(KvType::F16);
    let lsq = KvType::T2(Mode::LeastSquares);
    let ternary = ("gemma3", KvTypes { keys: lsq, values: KvType::Q4_0, is_rotated: true });
    let plain = [
        "llama",
        "qwen3moe",
        "gemma3",
        "phi3",
        "olmo2",
        "bitnet",
        "llama-256-Q4_K_S",
        "llama-256-Q8_0",
        "golden2/lfm2",
        "golden2/qwen35",
        "golden2/granitehybrid",
        "golden2/nemotron_h_moe",
        "golden2/mamba2",
        "golden2/rwkv7",
        "golden2/gemma4-e",
        "golden2/gemma4-moe",
        "golden2/deepseek2",
    ];
    // The prompt outgrows the window.
    let window = Some(AttentionWindow { len: 20, sinks: 4 });
    let full =
        plain.map(|name| (name, f16)).into_iter().chain([ternary]).map(|(name, kv_types)| (name, kv_types, None));
    for (name, kv_types, attention_window) in full.chain([("llama", f16, window), ("gemma3", f16, window)]) {
        // On one thread everything happens on this one; with two, this one must do no more.
        for n_threads in [1, 2] {
            let options = LoadOptions {
                kv_types,
                attention_window,
                kv_positions: Some(512),
                step_rows_max: 48,
                ..LoadOptions::DEFAULT
            };
            let kernels = Kernels::new(None, n_threads).unwrap();
            let mut model = Model::load(&Edit::golden(name).container(), kernels, &options).unwrap();
            let (prompt, pages, mut logits) = (golden_prompt(name), pages(0, 512), Logits::default());
            let mut step = |tokens: &[TokenId], position_first| {
                let span = StepSpan::new(tokens, position_first, &pages).wanting(LogitsWanted::Last);
                model.forward(&Step::new(&[span]), &mut logits);
            };
            step(&prompt, 0);
            let before = COUNT.get();
            for position in prompt.len()..200 {
                step(&[TokenId(position as u32 % 100)], position);
            }
            assert_eq!(COUNT.get().0 - before.0, 0, "{name}, {n_threads} threads: allocations in 152 decode steps");
        }
    }
}

#[test]
fn the_plan_is_what_is_allocated() {
    let lsq = KvType::T2(Mode::LeastSquares);
    let window = Some(AttentionWindow { len: 300, sinks: 4 });
    for (name, kv_types, step_rows_max, embedding_type, attention_window) in [
        ("llama", KvTypes::both(KvType::F16), 48, None, None),
        ("llama-256-Q4_1", KvTypes::both(KvType::F16), 48, None, None),
        ("llama-256-Q8_0", KvType::F32.into(), 48, Some(EmbeddingType::T2(Mode::Rms)), None),
        ("qwen3moe", KvType::F32.into(), 48, None, None),
        ("llama-256-Q4_0", KvType::Q8_0.into(), 17, Some(EmbeddingType::F16), None),
        ("llama-256-Q4_0", KvTypes { keys: KvType::Q4_0, values: lsq, is_rotated: true }, 17, None, None),
        ("llama-256-Q4_0", KvType::F32.into(), 48, None, window),
        ("golden2/lfm2", KvType::F16.into(), 48, None, None),
        ("golden2/qwen35", KvType::F16.into(), 48, None, None),
        ("golden2/granitehybrid", KvType::F16.into(), 48, None, None),
        ("golden2/nemotron_h_moe", KvType::F16.into(), 48, None, None),
        ("golden2/mamba2", KvType::F16.into(), 48, None, None),
        ("golden2/rwkv7", KvType::F16.into(), 48, None, None),
        ("golden2/gemma4-e", KvType::F16.into(), 48, None, None),
        ("golden2/gemma4-moe", KvType::F16.into(), 48, None, None),
        ("golden2/deepseek2", KvType::F16.into(), 48, None, None),
    ] {
        let mut options = LoadOptions {
            kv_types,
            step_rows_max,
            embedding_type: embedding_type.map(Into::into),
            attention_window,
            // Enough for the states to be more than what is not in the plan.
            n_states: 2000,
            ..LoadOptions::DEFAULT
        };
        let container = Edit::golden(name).container();
        let MemoryPlan { kv_bytes, scratch_bytes, context_len, weight_bytes, copy_bytes, packed_bytes, state_bytes } =
            memory_plan_with(&container, &options).unwrap();
        let has_packed_kernels = Isa::best() >= Isa::Avx512 && Isa::best() <= Isa::Avx512Popcnt;
        assert_eq!(packed_bytes > 0, name.contains("256-Q") && has_packed_kernels, "{name}");
        // One byte less is not enough for all, so that there is none.
        options.pack_bytes_max = packed_bytes.saturating_sub(1);
        assert_eq!(memory_plan_with(&container, &options).unwrap().packed_bytes, 0);
        options.pack_bytes_max = packed_bytes;
        assert_eq!(weight_bytes, container.tensors().iter().map(|t| t.n_bytes).sum::<u64>());
        assert_eq!(context_len, if attention_window.is_some() { POSITIONS_MAX } else { 512 });
        let state_len = match name {
            // Five layers of two rows.
            "golden2/lfm2" => 5 * 2 * 48,
            // Six layers of three rows and four heads.
            "golden2/qwen35" => 6 * (3 * 128 + 4 * 16 * 16),
            // Four layers of three rows and four heads.
            "golden2/granitehybrid" => 4 * (3 * 96 + 4 * 16 * 16),
            // Three layers, whose rows have two groups.
            "golden2/nemotron_h_moe" => 3 * (3 * 128 + 4 * 16 * 16),
            // Four layers of six heads.
            "golden2/mamba2" => 4 * (3 * 128 + 6 * 16 * 16),
            // Three layers of two heads, and two rows.
            "golden2/rwkv7" => 3 * (2 * 32 * 32 + 2 * 64),
            _ => 0,
        };
        assert_eq!(state_bytes, 2000 * state_len * 4, "{name}");
        let lacks_attention = ["golden2/mamba2", "golden2/rwkv7"].contains(&name);
        assert_eq!(kv_bytes == 0, lacks_attention, "{name}: {kv_bytes} bytes of keys and values");
        assert_eq!(copy_bytes > 0, embedding_type.is_some(), "{name}");
        let kernels = Kernels::new(None, 1).unwrap();
        let before = COUNT.get().1;
        let mut model = Model::load(&container, kernels, &options).unwrap();
        assert_eq!(model.packed_bytes(), packed_bytes, "{name}");
        let pages = pages(0, 64);
        let prompt = golden_prompt(name);
        let span = StepSpan::new(&prompt[..step_rows_max], 0, &pages).wanting(LogitsWanted::Last);
        model.forward(&Step::new(&[span]), &mut Logits::default());
        let (planned, held) = (
            (kv_bytes + state_bytes + scratch_bytes + copy_bytes + packed_bytes) as f64,
            (COUNT.get().1 - before) as f64,
        );
        // Norms and biases, which are copied out of the file, and what the kernels hold per thread, are not in the
        // plan.
        let (least, most) = (0.95 * planned, 1.1 * planned + 256e3);
        assert!(held >= least && held <= most, "{name}: {held} bytes held, {least} to {most} expected");
    }
}

#[test]
fn a_model_may_move_to_another_thread() {
    fn is_send<T: Send + 'static>() {}
    is_send::<Model>();
}
