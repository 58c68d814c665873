//! Multiple choice: scores against their definition, and independent of what is shared between endings.

use eval::choice::{Format, Item, Question, Scorer, parse};
use model::{Forward, Logits, LogitsWanted, Model, PAGE_LEN, PageId, Step, StepSpan, TokenId};
use tokenizer::{ControlTokens, Tokenizer};

use crate::stories;

/// Computes by one pass the sum of ln p of the tokens of `ending`, their number, and whether all are the most probable.
fn by_definition(model: &mut Model, tokenizer: &Tokenizer, context: &str, ending: &str) -> (f64, usize, bool) {
    let encode = |text: &str| {
        let mut tokens: Vec<TokenId> = tokenizer.bos().into_iter().collect();
        tokenizer.encode(text, ControlTokens::AsText, false, &mut tokens);
        tokens
    };
    let (tokens, first) = (encode(&format!("{context}{ending}")), encode(context).len());
    let pages: Vec<PageId> = (0..tokens.len().div_ceil(PAGE_LEN) as u32).map(PageId).collect();
    let mut out = Logits::default();
    let span = StepSpan::new(&tokens, 0, &pages).wanting(LogitsWanted::All);
    model.forward(&Step::new(&[span]), &mut out);
    let (mut sum, mut is_greedy) = (0.0, true);
    for position in first..tokens.len() {
        let log_p = testkit::log_softmax(out.row(position - 1));
        sum += log_p[tokens[position].0 as usize];
        is_greedy &= log_p.iter().all(|p| *p <= log_p[tokens[position].0 as usize]);
    }
    (sum, tokens.len() - first, is_greedy)
}

#[test]
fn scores_are_their_definition() {
    let ((mut model, tokenizer), (mut whole, _)) = (stories(7), stories(100));
    let question = |context: &str, endings: &[&str]| Question {
        context: context.to_owned(),
        endings: endings.iter().map(|ending| (*ending).to_owned()).collect(),
        gold: 0,
        line: 1,
    };
    let questions = [
        question("Once upon a", &[" time, there was", " dog", " time"]),
        question("", &["The dog was happy.", "The dog happy was."]),
        question("One day, a little girl named Lily found a", &[" needle"]),
        question("She was very", &[" happy", " happy"]),
    ];
    let mut n_greedy = 0;
    for question in &questions {
        let item = Item::new(&tokenizer, question);
        let scores = Scorer::new(&mut model).score(&item).unwrap();
        for (score, ending) in scores.iter().zip(&question.endings) {
            let (sum, n, is_greedy) = by_definition(&mut whole, &tokenizer, &question.context, ending);
            assert!((f64::from(score.log_probability) - sum).abs() < 1e-4, "{ending}: {score:?}, {sum} by definition");
            assert_eq!((score.n_tokens as usize, score.is_greedy), (n, is_greedy), "{ending}");
            n_greedy += usize::from(is_greedy);
        }
        // The same alone, without anything shared.
        for (score, ending) in scores.iter().zip(&question.endings) {
            let alone = Question { endings: vec![ending.clone()], ..question.clone() };
            assert_eq!(Scorer::new(&mut model).score(&Item::new(&tokenizer, &alone)).unwrap(), [*score]);
        }
    }
    assert!((1..8).contains(&n_greedy), "{n_greedy}");
}

#[test]
fn every_file_is_understood() {
    let count = |name: &str, labels: Option<&str>| {
        let text = testkit::read_text(&format!("eval-text/{name}"));
        let labels = labels.map(|name| testkit::read_text(&format!("eval-text/{name}")));
        let format = Format::detect(&text).unwrap();
        (format, parse(format, &text, labels.as_deref(), None).unwrap().len())
    };
    assert_eq!(count("lambada-openai-test.jsonl", None), (Format::Lambada, 5153));
    assert_eq!(count("piqa-form.jsonl", Some("piqa-form-labels.lst")), (Format::Piqa, 12));
    let mut n_blimp = 0;
    for entry in std::fs::read_dir(testkit::data("eval-text/blimp")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert_eq!(count(&format!("blimp/{name}"), None), (Format::Blimp, 200), "{name}");
        n_blimp += 1;
    }
    assert_eq!(n_blimp, 67);
}

#[test]
fn a_question_longer_than_the_context_is_refused() {
    let (mut model, tokenizer) = stories(100);
    let question =
        Question { context: "Once upon a time ".repeat(300), endings: vec![" the".to_owned()], gold: 0, line: 1 };
    let item = Item::new(&tokenizer, &question);
    let error = Scorer::new(&mut model).score(&item).unwrap_err().to_string();
    assert!(error.contains(&item.context_len().to_string()) && error.contains(&model.context_len_max().to_string()));
}
