//! The smallest real models against llama.cpp's stored outputs.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use engine::{Engine, Logprobs, Request, Sampling};
use gguf::Container;
use kernels::Kernels;
use model::{KvType, LoadOptions, Model, TokenId};
use tokenizer::{ControlTokens, Tokenizer};

/// llama.cpp's kernels round activations to 8 bits, ours differently or not at all.
const LOGPROB_TOLERANCE: f64 = 0.05;

pub(crate) fn tokenizer() -> Arc<Tokenizer> {
    let container = Container::open(&testkit::shared("tiny-models/stories260K-q8_0.gguf")).unwrap();
    Arc::new(Tokenizer::from_gguf(container.metadata()).unwrap())
}

fn load(path: &Path) -> (Engine, Arc<Tokenizer>) {
    let container = Container::open(path).unwrap();
    let options = LoadOptions { context_len_max: Some(512), kv_type: KvType::F16, kv_positions: None, step_rows_max: 128 };
    let model = Model::load(&container, Kernels::new(None, 2).unwrap(), &options).unwrap();
    let tokenizer = Arc::new(Tokenizer::from_gguf(container.metadata()).unwrap());
    (Engine::new(Box::new(model), Arc::clone(&tokenizer)), tokenizer)
}

/// Follows the reference's tokens one by one and compares log-probabilities; says at how many steps our own choice would differ.
fn check(path: &Path, prompts: &serde_json::Value) -> usize {
    let (mut engine, tokenizer) = load(path);
    let mut n_differ = 0;
    for (text, reference) in prompts.as_object().unwrap() {
        let mut prompt = Vec::new();
        tokenizer.encode(text, ControlTokens::AsText, true, &mut prompt);
        assert_eq!(prompt.len() as u64, reference["prompt_tokens"], "{text:?}");
        for (i, step) in reference["steps"].as_array().unwrap().iter().enumerate() {
            let request = Request {
                sampling: Sampling::greedy(),
                max_tokens: Some(1),
                ignore_eos: true,
                top_logprobs: Some(20),
                ..Request::new(prompt.clone())
            };
            let mut found: Option<(TokenId, Logprobs)> = None;
            let generated = engine.generate(&request, &mut |event| {
                found = found.take().or(event.token.zip(event.logprobs.cloned()));
                ControlFlow::Continue(())
            });
            generated.unwrap();
            let (token, logprobs) = found.unwrap();
            let expected = TokenId(step["id"].as_u64().unwrap() as u32);
            let of = |id| logprobs.top.iter().find(|(t, _)| *t == id).map_or(f64::NEG_INFINITY, |(_, p)| f64::from(*p));
            let difference = (of(expected) - step["logprob"].as_f64().unwrap()).abs();
            assert!(difference <= LOGPROB_TOLERANCE, "{}, {text:?}, step {i}: {} against {step}", path.display(), of(expected));
            n_differ += usize::from(token != expected);
            prompt.push(expected);
        }
    }
    n_differ
}

#[test]
fn stories_are_those_of_the_reference() {
    let reference = testkit::read_json("tiny-models/stories260K-llamacpp-reference.json");
    for (file, prompts) in reference["models"].as_object().unwrap() {
        let n_differ = check(&testkit::shared(&format!("tiny-models/{file}")), prompts);
        assert_eq!(n_differ, 0, "{file}: greedy tokens differ");
    }
}

#[test]
fn smollm2_answers_as_the_reference() {
    let reference = testkit::read_json("tiny-models/SmolLM2-135M-Q4_1-llamacpp-reference.json");
    let n_differ = check(&testkit::smollm2_path(), &reference["prompts"]);
    assert_eq!(n_differ, 0, "greedy tokens differ");
}
