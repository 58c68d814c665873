//! Models that see a text whole: bytes depend neither on the texts beside it nor on threads and levels, every token
//! sees those after it, and what is no whole text is a bug that is seen.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gguf::Value;
use kernels::{Isa, Kernels};
use model::{
    AttentionWindow, Forward, KvType, KvTypes, LoadOptions, Logits, LogitsWanted, Model, Step, StepSpan, TokenId,
    memory_plan_with,
};

use crate::{
    edit::Edit,
    session::{golden_path, golden_prompt, load, pages},
};

/// Encoders of every kind.
const MODELS: &[&str] = &[
    "golden2/bert",
    "golden2/bert-rerank",
    "golden2/nomic-bert",
    "golden2/jina-bert-v2",
    "golden2/modern-bert",
    "golden2/gemma-embedding",
];

/// Returns the hidden states of each text `[n, width]`, all computed in one step.
fn hidden(model: &mut Model, texts: &[&[TokenId]]) -> Vec<Vec<f32>> {
    let tables: Vec<_> = (0u32..).zip(texts).map(|(i, text)| pages(4 * i, text.len())).collect();
    let spans: Vec<_> = texts.iter().zip(&tables).map(|(text, table)| StepSpan::new(text, 0, table)).collect();
    let spans: Vec<_> = spans.into_iter().map(|span| span.wanting(LogitsWanted::Hidden)).collect();
    let (mut out, mut row) = (Logits::default(), 0);
    model.forward(&Step::new(&spans), &mut out);
    let of_text = |text: &&[TokenId]| {
        row += text.len();
        (row - text.len()..row).flat_map(|row| out.hidden_row(row).to_vec()).collect()
    };
    texts.iter().map(of_text).collect()
}

#[test]
fn levels_threads_and_neighbours_do_not_change_the_bytes() {
    for name in MODELS {
        let prompt = golden_prompt(name);
        let texts = [&prompt[..1], &prompt[3..36], &prompt[10..33]];
        let mut scalar = load(&golden_path(name), Some(Isa::Scalar), 1);
        let alone: Vec<Vec<f32>> = texts.iter().map(|text| hidden(&mut scalar, &[text]).remove(0)).collect();
        for isa in Isa::available() {
            for n_threads in [1, 2, 3] {
                let together = hidden(&mut load(&golden_path(name), Some(isa), n_threads), &texts);
                for (i, (got, expected)) in together.iter().zip(&alone).enumerate() {
                    testkit::assert_same_f32(
                        &format!("{name} on {isa:?}, {n_threads} threads, text {i}"),
                        got,
                        expected,
                    );
                }
            }
        }
    }
}

#[test]
fn scores_are_the_same_beside_other_texts() {
    let (name, mut out) = ("golden2/bert-rerank", Logits::default());
    let (mut model, prompt) = (load(&golden_path(name), None, 2), golden_prompt(name));
    assert!(model.has_scores() && !load(&golden_path("golden2/bert"), None, 1).has_scores());
    let texts = [&prompt[..20], &prompt[7..30], &prompt[..5]];
    let tables: Vec<_> = (0..3).map(|i| pages(4 * i, 32)).collect();
    let span = |i: usize, wanted| StepSpan::new(texts[i], 0, &tables[i]).wanting(wanted);
    let alone = [0, 1, 2].map(|i| {
        model.forward(&Step::new(&[span(i, LogitsWanted::Score)]), &mut out);
        out.score(0)
    });
    let wanted = [LogitsWanted::Score, LogitsWanted::Hidden, LogitsWanted::Score];
    let spans: Vec<_> = (0..3).map(|i| span(i, wanted[i])).collect();
    model.forward(&Step::new(&spans), &mut out);
    assert_eq!([out.score(0), out.score(1)], [alone[0], alone[2]]);
    assert_eq!(out.n_hidden_rows(), 23);
}

#[test]
fn the_first_token_sees_the_last() {
    for name in MODELS {
        let (mut model, prompt) = (load(&golden_path(name), None, 1), golden_prompt(name));
        let (near, mut other) = (&prompt[..6], prompt[..6].to_vec());
        other[5] = TokenId((other[5].0 + 1) % 128);
        let (width, texts) = (model.width(), hidden(&mut model, &[near, &other]));
        assert_ne!(texts[0][..width], texts[1][..width], "{name}");
    }
}

#[test]
fn matrices_behind_the_last_norm_are_applied_to_each_row() {
    let name = "golden2/gemma-embedding";
    let prompt = golden_prompt(name);
    let (width, inner) = (40, 60);
    let mut rng = testkit::Rng::new(9);
    let (up, down) = (rng.normals(width * inner), rng.normals(inner * width));
    let mut edit = Edit::golden(name);
    edit.set("gemma-embedding.dense_2_feat_out", Value::U32(60));
    edit.add("dense_2.weight", &[40, 60], &up).add("dense_3.weight", &[60, 40], &down);
    let options = LoadOptions { kv_types: KvTypes::both(KvType::F32), ..LoadOptions::DEFAULT };
    let mut model = Model::load(&edit.container(), Kernels::new(None, 2).unwrap(), &options).unwrap();
    let got = hidden(&mut model, &[&prompt[..20], &prompt[..3]]);
    let plain = hidden(&mut load(&golden_path(name), None, 2), &[&prompt[..20], &prompt[..3]]);
    let product = |w: &[f32], x: &[f32]| -> Vec<f32> {
        w.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| f64::from(w * x)).sum::<f64>() as f32).collect()
    };
    for (got, plain) in got.iter().zip(&plain) {
        let expected: Vec<f32> = plain.chunks(width).flat_map(|row| product(&down, &product(&up, row))).collect();
        let nmse = testkit::nmse(got, &expected);
        assert!(nmse < 1e-11, "NMSE {nmse:e}");
    }
}

#[test]
fn what_is_no_whole_text_is_a_bug_that_is_seen() {
    for name in MODELS {
        let (mut model, prompt) = (load(&golden_path(name), None, 1), golden_prompt(name));
        assert!(model.is_encoder(), "{name}");
        let (table, mut out) = (pages(0, 64), Logits::default());
        let mut fails = |span: StepSpan<'_>| {
            catch_unwind(AssertUnwindSafe(|| model.forward(&Step::new(&[span]), &mut out))).is_err()
        };
        assert!(fails(StepSpan::new(&prompt[..4], 0, &table)), "{name}: logits");
        assert!(fails(StepSpan::new(&prompt[..4], 4, &table).wanting(LogitsWanted::Hidden)), "{name}: a part");
        assert!(!fails(StepSpan::new(&prompt[..4], 0, &table).wanting(LogitsWanted::Hidden)), "{name}");
    }
}

#[test]
fn steps_hold_the_longest_text_and_windows_are_refused() {
    let container = Edit::golden("golden2/bert").container();
    let load = |options: &LoadOptions| Model::load(&container, Kernels::new(None, 1).unwrap(), options);
    let options = LoadOptions { step_rows_max: 8, ..LoadOptions::DEFAULT };
    let model = load(&options).unwrap();
    assert_eq!((model.step_rows_max(), model.context_len_max()), (64, 64));
    let scratch = |rows| {
        let options = LoadOptions { step_rows_max: rows, ..options };
        memory_plan_with(&container, &options).unwrap().scratch_bytes
    };
    assert_eq!(scratch(8), scratch(64));
    let short = LoadOptions { context_len_max: Some(20), ..options };
    assert_eq!(load(&short).unwrap().step_rows_max(), 20);
    let window = LoadOptions { attention_window: Some(AttentionWindow { len: 16, sinks: 0 }), ..options };
    let error = load(&window).err().unwrap().to_string();
    assert!(error.contains("edited.gguf") && error.contains("an encoder, which sees a text whole"), "{error}");
}

#[test]
fn a_decoder_that_is_said_to_see_everything_does() {
    let (name, prompt) = ("golden2/qwen3-embedding", golden_prompt("golden2/qwen3-embedding"));
    let mut edit = Edit::golden(name);
    edit.set("qwen3.attention.causal", Value::Bool(false));
    let mut model = Model::load(&edit.container(), Kernels::new(None, 1).unwrap(), &LoadOptions::DEFAULT).unwrap();
    assert!(model.is_encoder());
    let width = model.width();
    let mut first = |n: usize| hidden(&mut model, &[&prompt[..n]]).remove(0)[..width].to_vec();
    assert_ne!(first(5), first(6));
    let mut causal = load(&golden_path(name), None, 1);
    let mut first = |n: usize| hidden(&mut causal, &[&prompt[..n]]).remove(0)[..width].to_vec();
    assert_eq!(first(5), first(6));
}
