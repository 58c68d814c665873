//! Perplexity, logits and bench on the smallest real model.

#![allow(clippy::unwrap_used, reason = "a test that lacks its data fails")]

mod choice;
mod imatrix;
mod kl;
mod states;

use std::ops::ControlFlow;

use eval::{Error, bench, logits, perplexity};
use gguf::Container;
use kernels::Kernels;
use model::{
    AttentionWindow, Forward, KvType, KvTypes, LoadOptions, Logits, LogitsWanted, Model, PAGE_LEN, PageArena, PageId,
    StateId, Step, StepSpan, TokenId,
};
use tokenizer::{ControlTokens, Tokenizer};

fn stories(step_rows_max: usize) -> (Model, Tokenizer) {
    let container = Container::open(&testkit::data("tiny-models/stories260K-f32.gguf")).unwrap();
    let options = LoadOptions { kv_types: KvTypes::both(KvType::F32), step_rows_max, ..LoadOptions::DEFAULT };
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

/// Computes perplexity by its definition, with one forward pass a window.
fn by_definition(model: &mut Model, tokens: &[TokenId], n: usize, bos: TokenId) -> f64 {
    let pages: Vec<PageId> = (0..n.div_ceil(PAGE_LEN) as u32).map(PageId).collect();
    let mut surprises = Vec::new();
    for window in tokens.chunks_exact(n) {
        let mut fed = window.to_vec();
        fed[0] = bos;
        let mut out = Logits::default();
        let span = StepSpan::new(&fed, 0, &pages).wanting(LogitsWanted::All);
        model.forward(&Step::new(&[span]), &mut out);
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
    assert!(measure(3, None, 100).contains("window length 3"));
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
    let deep = bench::Test { depth: 20, n_sequences: 2, ..bench::Test::generation(5) };
    for (test, name) in
        [(bench::Test::prompt(120), "pp120"), (bench::Test::generation(9), "tg9"), (deep, "tg5 @ d20 x2")]
    {
        let mut n_runs = 0;
        let row = bench::measure(&mut model, test, 3, 2, &mut || {
            n_runs += 1;
            GO_ON
        });
        let row = row.unwrap();
        assert_eq!((row.test.as_str(), row.samples.len(), n_runs), (name, 3, 4));
        assert!(row.samples.iter().all(|s| *s > 0.0) && row.tokens_per_second > 0.0);
        assert_eq!(row.n_tokens, test.n_tokens * test.n_sequences);
    }
    for test in [bench::Test::prompt(1000), bench::Test { n_sequences: 90, ..bench::Test::prompt(60) }] {
        assert!(bench::measure(&mut model, test, 1, 2, &mut || GO_ON).is_err(), "{}", test.name());
    }
}

/// Perplexity that `llama-perplexity -c 512 --chunks 40` prints for the same file and text. Its kernels round
/// activations to 8 bits, and so do ours.
const SMOLLM2_PERPLEXITY: f64 = 21.4497;

#[test]
fn smollm2_has_the_perplexity_that_llama_cpp_measures() {
    let container = Container::open(&testkit::smollm2_path()).unwrap();
    let tokenizer = Tokenizer::from_gguf(container.metadata()).unwrap();
    let options = LoadOptions {
        context_len_max: Some(512),
        kv_types: KvTypes::both(KvType::F16),
        step_rows_max: 512,
        ..LoadOptions::DEFAULT
    };
    let mut model = Model::load(&container, Kernels::new(None, 2).unwrap(), &options).unwrap();
    let mut tokens = Vec::new();
    let text = testkit::read_text("eval-text/wikitext2-raw-test.txt");
    tokenizer.encode(&text, ControlTokens::AsText, true, &mut tokens);
    let options = perplexity::Options { window_len: 512, n_chunks: Some(40), first: tokenizer.added_first() };
    let result = perplexity::measure(&mut model, &tokens, &options, &mut |_, _| GO_ON).unwrap();
    let ratio = result.perplexity / SMOLLM2_PERPLEXITY;
    assert!((ratio - 1.0).abs() < 0.005, "{} ± {}, llama.cpp {SMOLLM2_PERPLEXITY}", result.perplexity, result.error);
}

#[test]
fn logits_are_the_reference_s() {
    let manifest = testkit::read_json("golden/manifest.json");
    let entry = manifest.as_array().unwrap().iter().find(|entry| entry["name"] == "qwen3").unwrap();
    let ids = entry["tokens"].as_array().unwrap().iter().map(|id| TokenId(id.as_u64().unwrap() as u32));
    let container = Container::open(&testkit::data("golden/qwen3.gguf")).unwrap();
    let options = LoadOptions { kv_types: KvTypes::both(KvType::F32), step_rows_max: 7, ..LoadOptions::DEFAULT };
    let mut model = Model::load(&container, Kernels::new(None, 2).unwrap(), &options).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("logits.f32");
    logits::write(&mut model, &ids.collect::<Vec<_>>(), &out, &mut |_| GO_ON).unwrap();
    let bytes = std::fs::read(&out).unwrap();
    let got: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let expected = testkit::read_f32(&format!("golden/{}", entry["logits"].as_str().unwrap()));
    let nmse = testkit::nmse(&got, &expected);
    assert!(nmse < 1e-6, "NMSE {nmse}");
}

#[test]
fn ids_that_the_model_does_not_have_are_named() {
    let (mut model, _) = stories(100);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("logits.f32");
    let refused = logits::write(&mut model, &[TokenId(1), TokenId(512)], &out, &mut |_| GO_ON).unwrap_err();
    assert_eq!(refused.to_string(), "token 1 is 512, but the vocabulary has 512");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A model that notes the rows of each step and the logits it is asked for.
#[derive(Default)]
struct Noting(Vec<(usize, usize, LogitsWanted)>);

impl PageArena for Noting {
    fn page_bytes(&self) -> usize {
        0
    }
    fn copy_page(&mut self, _: PageId, _: PageId) {}
    fn read_page(&self, _: PageId, _: &mut [u8]) {}
    fn write_page(&mut self, _: PageId, _: &[u8]) {}
}

impl Forward for Noting {
    fn n_vocab(&self) -> usize {
        512
    }
    fn context_len_max(&self) -> usize {
        1000
    }
    fn n_pages(&self) -> usize {
        4
    }
    fn n_states(&self) -> usize {
        0
    }
    fn copy_state(&mut self, from: StateId, to: StateId) {
        unreachable!("no state {from:?} for {to:?}");
    }
    fn step_rows_max(&self) -> usize {
        40
    }
    fn n_layers(&self) -> usize {
        1
    }
    fn width(&self) -> usize {
        1
    }
    fn attention_window(&self) -> Option<AttentionWindow> {
        None
    }
    fn forward(&mut self, step: &Step<'_>, logits: &mut Logits) {
        let [span] = step.spans else { panic!("one sequence, {} spans", step.spans.len()) };
        self.0.push((span.position_first, span.tokens.len(), span.logits));
        logits.resize(if span.logits == LogitsWanted::All { span.tokens.len() } else { 1 }, 512).fill(0.0);
    }
}

#[test]
fn bench_feeds_what_llama_bench_feeds() {
    use LogitsWanted::{Best, Last, None};
    let mut model = Noting::default();
    bench::measure(&mut model, bench::Test::prompt(100), 1, 2, &mut || GO_ON).unwrap();
    let prompt = [(0, 40, None), (40, 40, None), (80, 20, Last)];
    assert_eq!(model.0, [prompt, prompt].concat());
    let mut model = Noting::default();
    bench::measure(&mut model, bench::Test::generation(2), 1, 2, &mut || GO_ON).unwrap();
    assert_eq!(model.0, [(0, 1, Best(1)), (1, 1, Best(1))].repeat(2));
    let mut model = Noting::default();
    let deep = bench::Test { depth: 50, ..bench::Test::generation(2) };
    bench::measure(&mut model, deep, 1, 2, &mut || GO_ON).unwrap();
    let before = vec![(0, 40, None), (40, 10, Last)];
    assert_eq!(model.0, [before, [(50, 1, Best(1)), (51, 1, Best(1))].repeat(2)].concat());
}
