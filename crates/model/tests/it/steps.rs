//! What a step gives and what it asserts.

use std::panic::{AssertUnwindSafe, catch_unwind};

use model::{Forward, Logits, LogitsWanted, Model, PageId, Step, StepSpan, TokenId};
use testkit::assert_same_f32;

use crate::session::{golden_prompt, load, logits, pages};

fn model() -> Model {
    load(&testkit::data("golden/llama.gguf"), None, 1)
}

#[test]
fn only_wanted_rows_have_logits() {
    let (mut model, prompt, pages) = (model(), golden_prompt("llama"), pages(0, 48));
    let all = logits(&mut model, &prompt, 0, 64);
    let mut out = Logits::default();
    for (wanted, n_rows) in [(LogitsWanted::None, 0), (LogitsWanted::Last, 1), (LogitsWanted::All, 48)] {
        let span = StepSpan::new(&prompt, 0, &pages).wanting(wanted);
        model.forward(&Step::new(&[span]), &mut out);
        assert_eq!(out.n_rows(), n_rows, "{wanted:?}");
        if n_rows > 0 {
            assert_same_f32(&format!("{wanted:?}"), out.row(n_rows - 1), &all[47 * 128..]);
        }
    }
    model.forward(&Step::new(&[]), &mut out);
    assert_eq!(out.n_rows(), 0);
}

#[test]
fn a_step_that_breaks_the_rules_panics_and_the_model_lives_on() {
    let (mut model, prompt, table) = (model(), golden_prompt("llama"), pages(0, 48));
    let before = logits(&mut model, &prompt, 0, 64);
    let long = vec![TokenId(1); 65];
    let cases: [(&[TokenId], usize, &[PageId], &str); 4] = [
        (&[TokenId(128)], 0, &table, "token 128 of a vocabulary of 128"),
        (&[TokenId(1)], 512, &table, "position 513 beyond the context of 512"),
        (&[TokenId(1)], 64, &table, "65 positions in 2 pages"),
        (&long, 0, &table, "65 rows in a step of at most 64"),
    ];
    for (tokens, position_first, pages, words) in cases {
        let span = StepSpan::new(tokens, position_first, pages).wanting(LogitsWanted::Last);
        let result = catch_unwind(AssertUnwindSafe(|| model.forward(&Step::new(&[span]), &mut Logits::default())));
        let message = *result.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains(words), "{message:?} does not say {words:?}");
    }
    assert_same_f32("after the panics", &logits(&mut model, &prompt, 0, 64), &before);
}

#[test]
fn the_first_value_that_is_no_number_is_named() {
    let mut out = Logits::default();
    out.resize(3, 5).fill(1.0);
    assert_eq!(out.first_non_finite(), None);
    out.resize(3, 5)[7] = f32::NEG_INFINITY;
    assert_eq!(out.first_non_finite(), Some((1, TokenId(2), f32::NEG_INFINITY)));
}
