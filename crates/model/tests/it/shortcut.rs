//! The shortcut through the vocabulary head gives what the whole head gives.

use model::{Forward, HeadShortcut, Logits, LogitsWanted, Step, StepSpan, TokenId};

use crate::session::{argmax, golden_prompt, load, pages};

/// Plain, with a scale and a soft cap behind the head, quantised.
const MODELS: &[&str] = &["llama", "granite", "gemma2", "llama-256-Q8_0", "llama-256-Q6_K", "llama-256-ternary-TQ1_0"];

#[test]
fn the_best_logits_are_those_of_the_whole_head() {
    let (mut n_rows, mut n_rows_whole) = (0, 0);
    for name in MODELS {
        let path = testkit::shared(&format!("golden/{name}.gguf"));
        let mut whole = load(&path, None, 2).with_head_shortcut(HeadShortcut::Off);
        let mut short = load(&path, None, 2).with_head_shortcut(HeadShortcut::On);
        assert!(whole.head_stats().is_none(), "{name}");
        let prompt = golden_prompt(name);
        let table = pages(0, prompt.len());
        let (mut all, mut best) = (Logits::default(), Logits::default());
        for (i, token) in prompt.iter().enumerate() {
            let n_best = [1, 3, 40][i % 3];
            let span =
                |logits| StepSpan { tokens: std::slice::from_ref(token), position_first: i, pages: &table, logits };
            whole.forward(&Step { spans: &[span(LogitsWanted::Last)] }, &mut all);
            short.forward(&Step { spans: &[span(LogitsWanted::Best(n_best))] }, &mut best);
            assert!(all.is_complete() && !best.is_complete(), "{name}, step {i}");
            assert_eq!(argmax(best.row(0)), argmax(all.row(0)), "{name}, step {i}");
            let mut order = all.row(0).to_vec();
            order.sort_unstable_by(|a, b| b.total_cmp(a));
            let least = order[n_best - 1];
            let expected: Vec<f32> =
                all.row(0).iter().map(|&x| if x < least { f32::NEG_INFINITY } else { x }).collect();
            testkit::assert_same_f32(&format!("{name}, step {i}, {n_best} best"), best.row(0), &expected);
        }
        let stats = short.head_stats().unwrap();
        assert_eq!(stats.n_steps, prompt.len() as u64, "{name}");
        n_rows += stats.n_rows;
        n_rows_whole += stats.n_steps * short.n_vocab() as u64;
    }
    assert!(2 * n_rows < n_rows_whole, "{n_rows} of {n_rows_whole} rows were computed");
}

#[test]
fn steps_that_want_more_get_all() {
    let path = testkit::shared("golden/llama-256-Q8_0.gguf");
    let mut model = load(&path, None, 2).with_head_shortcut(HeadShortcut::On);
    let prompt = golden_prompt("llama-256-Q8_0");
    let table = pages(0, prompt.len());
    let mut logits = Logits::default();
    for wanted in [LogitsWanted::Last, LogitsWanted::All] {
        let span = StepSpan { tokens: &prompt[..4], position_first: 0, pages: &table, logits: wanted };
        model.forward(&Step { spans: &[span] }, &mut logits);
        assert!(logits.is_complete() && logits.first_non_finite().is_none());
    }
    assert_eq!(model.head_stats().unwrap().n_steps, 0);
}

/// SmolLM2's head, 30 MB: nearly every row would have to be computed (docs/lab-notes.md).
#[test]
fn auto_tries_a_part_and_rests_where_it_saves_nothing() {
    let mut model = load(&testkit::smollm2_path(), None, 2).with_head_shortcut(HeadShortcut::Auto);
    let table = pages(0, 64);
    let mut logits = Logits::default();
    let mut token = TokenId(1);
    for position_first in 0..40 {
        let tokens = [token];
        let span = StepSpan { tokens: &tokens, position_first, pages: &table, logits: LogitsWanted::Best(1) };
        model.forward(&Step { spans: &[span] }, &mut logits);
        assert!(logits.is_complete());
        token = TokenId(argmax(logits.row(0)));
    }
    let stats = model.head_stats().unwrap();
    assert_eq!(stats.n_steps, 0);
    assert!((1..1 << 20).contains(&stats.coarse_bytes), "{stats:?}");
}
