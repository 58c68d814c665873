//! Bytes are the same whatever the chunking, the neighbours, the threads and the instruction set.

use kernels::Isa;
use model::{Forward, KvType, KvTypes, Logits, LogitsWanted, StateId, Step, StepSpan};
use quant::ternarise::Mode;

use crate::session::{golden_path, golden_prompt, load, load_with, logits, pages};

/// Models with one of each kind of layer: dense, experts, windows, quantised, norms behind the rotary embedding,
/// queries that grow with their position, learned sinks and biases of experts, a sigmoid router beside a shared expert,
/// states, layer norms, blocks side by side, networks without a gate, layers with heads of their own, with the keys of
/// others, and beside experts.
const MODELS: &[&str] = &[
    "llama",
    "qwen3moe",
    "gemma3",
    "phi3",
    "bitnet",
    "llama-256-Q4_K_S",
    "llama-256-Q8_0",
    "llama-256-ternary-TQ1_0",
    "golden2/hunyuan-dense",
    "golden2/mistral3",
    "golden2/gpt-oss",
    "golden2/glm4moe",
    "golden2/lfm2",
    "golden2/cohere2",
    "golden2/phi2",
    "golden2/qwen35",
    "golden2/qwen3next",
    "golden2/granitehybrid-moe",
    "golden2/nemotron_h",
    "golden2/nemotron_h_moe",
    "golden2/mamba2",
    "golden2/rwkv7",
    "golden2/gemma4-e",
    "golden2/gemma4-moe",
    "golden2/deepseek2",
];

#[test]
fn chunks_do_not_change_the_bytes() {
    for name in MODELS {
        let (mut model, prompt) = (load(&golden_path(name), None, 2), golden_prompt(name));
        let whole = logits(&mut model, &prompt, 0, 64);
        for chunk in [1, 2, 7, 31, 32, 33] {
            let chunked = logits(&mut model, &prompt, 0, chunk);
            testkit::assert_same_f32(&format!("{name} in chunks of {chunk}"), &chunked, &whole);
        }
    }
}

#[test]
fn threads_and_levels_do_not_change_the_bytes() {
    for name in MODELS {
        let prompt = golden_prompt(name);
        let reference = logits(&mut load(&golden_path(name), Some(Isa::Scalar), 1), &prompt, 0, 64);
        // A level that this CPU lacks cannot be loaded.
        let levels: Vec<Isa> =
            Isa::ALL.into_iter().filter(|isa| kernels::Kernels::new(Some(*isa), 1).is_ok()).collect();
        assert!(levels.contains(&Isa::Scalar) && levels.contains(&Isa::best()), "{levels:?}");
        for isa in levels {
            for n_threads in [1, 2, 3] {
                let got = logits(&mut load(&golden_path(name), Some(isa), n_threads), &prompt, 0, 64);
                testkit::assert_same_f32(&format!("{name} on {isa:?} with {n_threads} threads"), &got, &reference);
            }
        }
    }
}

#[test]
fn neighbours_do_not_change_the_bytes() {
    for name in MODELS {
        let (mut model, prompt) = (load(&golden_path(name), None, 2), golden_prompt(name));
        let alone = logits(&mut model, &prompt, 0, 64);
        let n_vocab = model.n_vocab();
        // Three sequences at different places, all in one step: tokens 20.. of the first, 0..9 of the second, 30.. of
        // the third.
        let tables = [pages(0, 48), pages(4, 48), pages(8, 48)];
        let starts = [20, 0, 30];
        let mut out = Logits::default();
        let span = |i: usize, start: usize, end: usize| {
            StepSpan::new(&prompt[start..end], start, &tables[i]).with_state(StateId(i as u32))
        };
        for (i, start) in starts.into_iter().enumerate().filter(|(_, start)| *start > 0) {
            let span = span(i, 0, start).wanting(LogitsWanted::None);
            model.forward(&Step::new(&[span]), &mut out);
            assert_eq!(out.n_rows(), 0);
        }
        let ends = [40, 9, 31];
        let spans: Vec<_> = (0..3).map(|i| span(i, starts[i], ends[i])).collect();
        model.forward(&Step::new(&spans), &mut out);
        for (row, end) in ends.into_iter().enumerate() {
            testkit::assert_same_f32(
                &format!("{name}, sequence {row}"),
                out.row(row),
                &alone[(end - 1) * n_vocab..end * n_vocab],
            );
        }
    }
}

#[test]
fn cache_types_and_rotation_depend_on_no_level_thread_or_chunk() {
    let lsq = KvType::T2(Mode::LeastSquares);
    for (name, kv_types) in [
        ("gemma3", KvTypes { keys: KvType::Q4_0, values: lsq, is_rotated: true }),
        ("llama", KvTypes { is_rotated: true, ..lsq.into() }),
        ("phi3", KvTypes { keys: KvType::T2(Mode::Rms), values: KvType::T2(Mode::Max), is_rotated: false }),
    ] {
        let prompt = golden_prompt(name);
        let load = |isa, n_threads| load_with(&golden_path(name), isa, n_threads, kv_types);
        let reference = logits(&mut load(Some(Isa::Scalar), 1), &prompt, 0, 64);
        for isa in Isa::available() {
            for (n_threads, chunk) in [(1, 64), (2, 7), (3, 33)] {
                let got = logits(&mut load(Some(isa), n_threads), &prompt, 0, chunk);
                testkit::assert_same_f32(
                    &format!("{name}, {kv_types:?} on {isa:?}, {n_threads} threads"),
                    &got,
                    &reference,
                );
            }
        }
    }
}
