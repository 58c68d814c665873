//! Perplexity, logits and bench on the smallest real model.

use std::ops::ControlFlow;

use eval::{Error, bench, logits, perplexity};
use gguf::Container;
use kernels::Kernels;
use model::{Forward, KvType, LoadOptions, Logits, LogitsWanted, Model, PAGE_LEN, PageId, Step, StepSpan, TokenId};
use tokenizer::{ControlTokens, Tokenizer};

fn stories(step_rows_max: usize) -> (Model, Tokenizer) {
    let container = Container::open(&testkit::shared("tiny-models/stories260K-f32.gguf")).unwrap();
    let options = LoadOptions { context_len_max: None, kv_type: KvType::F32, kv_positions: None, step_rows_max };
    let model = Model::load(&container, Kernels::new(None, 2).unwrap(), &options).unwrap();
    (model, Tokenizer::from_gguf(container.metadata()).unwrap())
}

fn text(tokenizer: &Tokenizer) -> Vec<TokenId> {
    let text = testkit::read_text("story-corpus/tinystories-sample-0.9MB.txt");
    let mut tokens = Vec::new();
    tokenizer.encode(&text.chars().take(4000).collect::<String>(), ControlTokens::AsText, true, &mut tokens);
    tokens
}

const GO_ON: ControlFlow<()> = ControlFlow::Continue(());

/// Perplexity by its definition, on one forward pass a window.
fn by_definition(model: &mut Model, tokens: &[TokenId], n: usize, bos: TokenId) -> f64 {
    let pages: Vec<PageId> = (0..n.div_ceil(PAGE_LEN) as u32).map(PageId).collect();
    let mut surprises = Vec::new();
    for window in tokens.chunks_exact(n) {
        let mut fed = window.to_vec();
        fed[0] = bos;
        let mut out = Logits::default();
        let span = StepSpan { tokens: &fed, position_first: 0, pages: &pages, logits: LogitsWanted::All };
        model.forward(&Step { spans: &[span] }, &mut out);
        for position in n / 2..n - 1 {
            surprises.push(-testkit::log_softmax(out.row(position))[window[position + 1].0 as usize]);
        }
    }
    (surprises.iter().sum::<f64>() / surprises.len() as f64).exp()
}

#[test]
fn perplexity_is_its_definition_and_a_story_surprises_little() {
    let (mut model, tokenizer) = stories(100);
    let tokens = text(&tokenizer);
    let bos = tokenizer.bos().unwrap();
    let options = perplexity::Options { window_len: 64, n_chunks: None, first: Some(bos) };
    let mut n_told = 0;
    let result = perplexity::measure(&mut model, &tokens, &options, &mut |_, _| {
        n_told += 1;
        GO_ON
    });
    let result = result.unwrap();
    let expected = by_definition(&mut model, &tokens, 64, bos);
    assert!(
        (result.perplexity / expected - 1.0).abs() < 1e-5,
        "{} by the tool, {expected} by definition",
        result.perplexity
    );
    assert_eq!((result.n_chunks, n_told, result.n_scored), (tokens.len() / 64, result.n_chunks, result.n_chunks * 31));
    assert_eq!(result.running.last(), Some(&result.perplexity));
    assert!(result.perplexity < 10.0 && result.error < 1.0, "{result:?}");
    // The order of words matters to a language model.
    let mut shuffled = tokens.clone();
    shuffled.sort_unstable_by_key(|t| t.0.wrapping_mul(2_654_435_761));
    let noise = perplexity::measure(&mut model, &shuffled, &options, &mut |_, _| GO_ON).unwrap();
    assert!(noise.perplexity > 3.0 * result.perplexity);
}

#[test]
fn what_cannot_be_measured_is_named() {
    let (mut model, tokenizer) = stories(100);
    let tokens = text(&tokenizer);
    let mut measure = |window_len, n_chunks, n_tokens: usize| {
        let options = perplexity::Options { window_len, n_chunks, first: None };
        perplexity::measure(&mut model, &tokens[..n_tokens], &options, &mut |_, _| GO_ON).unwrap_err().to_string()
    };
    assert!(measure(513, None, 1000).contains("513") && measure(513, None, 1000).contains("512"));
    assert!(measure(64, Some(5), 100).contains("100"));
    assert!(measure(1, None, 100).contains("window length 1"));
    let options = perplexity::Options { window_len: 64, n_chunks: Some(2), first: None };
    let cancelled = perplexity::measure(&mut model, &tokens, &options, &mut |_, _| ControlFlow::Break(()));
    assert!(matches!(cancelled, Err(Error::Cancelled)));
}

#[test]
fn logits_do_not_depend_on_the_steps_and_appear_whole() {
    let folder = tempfile::tempdir().unwrap();
    let read = |step_rows_max, name: &str| {
        let (mut model, tokenizer) = stories(step_rows_max);
        let out = folder.path().join(name);
        logits::write(&mut model, &text(&tokenizer)[..70], &out, &mut |_| GO_ON).unwrap();
        std::fs::read(out).unwrap()
    };
    let whole = read(100, "whole");
    assert_eq!(whole.len(), 70 * 512 * 4);
    assert_eq!(whole, read(7, "in steps"));
    let (mut model, tokenizer) = stories(100);
    let out = folder.path().join("cancelled");
    let cancelled = logits::write(&mut model, &text(&tokenizer)[..70], &out, &mut |_| ControlFlow::Break(()));
    assert!(matches!(cancelled, Err(Error::Cancelled)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing half-written");
}

#[test]
fn bench_counts_its_samples() {
    let (mut model, _) = stories(100);
    for (test, name) in [(bench::Test::Prompt(120), "pp120"), (bench::Test::Generation(9), "tg9")] {
        let mut n_runs = 0;
        let row = bench::measure(&mut model, test, 3, 2, &mut || {
            n_runs += 1;
            GO_ON
        });
        let row = row.unwrap();
        assert_eq!((row.test.as_str(), row.samples.len(), n_runs), (name, 3, 4));
        assert!(row.samples.iter().all(|s| *s > 0.0) && row.tokens_per_second > 0.0);
    }
    assert!(bench::measure(&mut model, bench::Test::Prompt(1000), 1, 2, &mut || GO_ON).is_err());
}
