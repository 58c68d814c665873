//! The shortcut through the vocabulary head gives what the whole head gives.

use gguf::Value;
use kernels::{Kernels, KvType, KvTypes};
use model::{Forward, HeadShortcut, HeadStats, LoadOptions, Logits, LogitsWanted, Model, Step, StepSpan, TokenId};

use crate::{
    edit::Edit,
    session::{argmax, golden_prompt, load, pages},
};

/// Models with plain heads, with a scale and a soft cap behind the head, and with quantised heads.
const MODELS: &[&str] = &["llama", "granite", "gemma2", "llama-256-Q8_0", "llama-256-Q6_K", "llama-256-ternary-TQ1_0"];

/// Feeds the golden prompt of `name` token by token to a model with its whole head and to one with the shortcut, and
/// compares their best logits.
///
/// Returns what the shortcut did, and logits that equal the least of the best without being wanted by number.
fn check(name: &str, whole: Model, short: Model) -> (HeadStats, usize) {
    let mut whole = whole.with_head_shortcut(HeadShortcut::Off);
    let mut short = short.with_head_shortcut(HeadShortcut::On);
    assert!(whole.head_stats().is_none(), "{name}");
    let prompt = golden_prompt(name);
    let table = pages(0, prompt.len());
    let (mut all, mut best) = (Logits::default(), Logits::default());
    let mut n_ties = 0;
    for (i, token) in prompt.iter().enumerate() {
        let n_best = [1, 3, 40][i % 3];
        let span = |logits| StepSpan::new(std::slice::from_ref(token), i, &table).wanting(logits);
        whole.forward(&Step::new(&[span(LogitsWanted::Last)]), &mut all);
        short.forward(&Step::new(&[span(LogitsWanted::Best(n_best))]), &mut best);
        assert!(all.is_complete() && !best.is_complete(), "{name}, step {i}");
        assert_eq!(argmax(best.row(0)), argmax(all.row(0)), "{name}, step {i}");
        let mut order = all.row(0).to_vec();
        order.sort_unstable_by(|a, b| b.total_cmp(a));
        let least = order[n_best - 1];
        n_ties += order[n_best..].iter().take_while(|&&x| x == least).count();
        let expected: Vec<f32> = all.row(0).iter().map(|&x| if x < least { f32::NEG_INFINITY } else { x }).collect();
        testkit::assert_same_f32(&format!("{name}, step {i}, {n_best} best"), best.row(0), &expected);
    }
    let stats = short.head_stats().unwrap();
    assert_eq!(stats.n_steps, prompt.len() as u64, "{name}");
    (stats, n_ties)
}

#[test]
fn the_best_logits_are_those_of_the_whole_head() {
    let (mut n_rows, mut n_rows_whole) = (0, 0);
    for name in MODELS {
        let path = testkit::data(&format!("golden/{name}.gguf"));
        let (whole, short) = (load(&path, None, 2), load(&path, None, 2));
        let n_vocab = short.n_vocab() as u64;
        let (stats, _) = check(name, whole, short);
        n_rows += stats.n_rows;
        n_rows_whole += stats.n_steps * n_vocab;
    }
    assert!(2 * n_rows < n_rows_whole, "{n_rows} of {n_rows_whole} rows were computed");
}

/// Far out a cap is flat: rows with different products have one logit, and all of them are among the best.
#[test]
fn rows_that_a_cap_makes_alike_are_all_there() {
    let mut n_ties = 0;
    for cap in [0.01, 0.1, 0.5] {
        let mut edit = Edit::golden("gemma2");
        edit.set("gemma2.final_logit_softcapping", Value::F32(cap));
        let container = edit.container();
        let options = LoadOptions { kv_types: KvTypes::both(KvType::F32), step_rows_max: 8, ..LoadOptions::DEFAULT };
        let load = || Model::load(&container, Kernels::new(None, 2).unwrap(), &options).unwrap();
        n_ties += check("gemma2", load(), load()).1;
    }
    assert!(n_ties > 50, "only {n_ties} logits were alike");
}

#[test]
fn steps_that_want_more_get_all() {
    let path = testkit::data("golden/llama-256-Q8_0.gguf");
    let mut model = load(&path, None, 2).with_head_shortcut(HeadShortcut::On);
    let prompt = golden_prompt("llama-256-Q8_0");
    let table = pages(0, prompt.len());
    let mut logits = Logits::default();
    for wanted in [LogitsWanted::Last, LogitsWanted::All] {
        let span = StepSpan::new(&prompt[..4], 0, &table).wanting(wanted);
        model.forward(&Step::new(&[span]), &mut logits);
        assert!(logits.is_complete() && logits.first_non_finite().is_none());
    }
    assert_eq!(model.head_stats().unwrap().n_steps, 0);
}

/// Size and width of a vocabulary that is large enough for `Auto`.
const VOCABULARY: [usize; 2] = [1 << 17, 64];

/// Runs greedy steps with and without the shortcut on the llama of the golden files, with these rows as embedding and
/// head; returns what the shortcut has done.
fn auto_and_off(rows: &[f32]) -> HeadStats {
    let dims = [VOCABULARY[1] as u64, VOCABULARY[0] as u64];
    let mut edit = Edit::golden("llama");
    for name in ["token_embd.weight", "output.weight"] {
        edit.drop_tensors(name).add(name, &dims, rows);
    }
    let container = edit.container();
    let load = |mode| {
        let options = LoadOptions {
            kv_types: KvTypes::both(KvType::F32),
            kv_positions: Some(128),
            step_rows_max: 8,
            ..LoadOptions::DEFAULT
        };
        Model::load(&container, Kernels::new(None, 2).unwrap(), &options).unwrap().with_head_shortcut(mode)
    };
    let (mut auto, mut off) = (load(HeadShortcut::Auto), load(HeadShortcut::Off));
    let table = pages(0, 128);
    let (mut best, mut all) = (Logits::default(), Logits::default());
    let mut token = TokenId(7);
    for position_first in 0..100 {
        let tokens = [token];
        let span = StepSpan::new(&tokens, position_first, &table).wanting(LogitsWanted::Best(1));
        auto.forward(&Step::new(&[span]), &mut best);
        off.forward(&Step::new(&[span]), &mut all);
        token = TokenId(argmax(all.row(0)));
        assert_eq!(argmax(best.row(0)), token.0, "step {position_first}");
    }
    auto.head_stats().unwrap()
}

#[test]
fn auto_copies_the_head_where_a_trial_says_that_it_pays() {
    let [rows, cols] = VOCABULARY;
    let mut rng = testkit::Rng::new(7);
    let normal = rng.normals(rows * cols);
    let stats = auto_and_off(&normal);
    assert!(stats.n_steps >= 20 && stats.n_rows < stats.n_steps * rows as u64 / 10, "{stats:?}");
    // Rows that differ by less than their rounding: no bound tells them apart.
    let alike: Vec<f32> = normal.iter().enumerate().map(|(i, w)| normal[i % cols] + 1e-4 * w).collect();
    let stats = auto_and_off(&alike);
    assert!(stats.n_steps == 0 && stats.coarse_bytes < 1 << 19, "{stats:?}");
}
