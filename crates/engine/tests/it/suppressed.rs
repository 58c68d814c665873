//! Tokens that a file suppresses are never said: texts are those of requests that ban them by a bias.

use std::{ops::ControlFlow, sync::Arc};

use engine::{Engine, EngineOptions, Progress, Request, Runner, Sampling};
use gguf::{Array, Container, Value};
use kernels::Kernels;
use model::{HeadShortcut, LoadOptions, Model, TokenId};
use tokenizer::Tokenizer;

use crate::{
    log::{submit, ticking},
    simulation::drafter,
};

fn model(container: &Container) -> Box<Model> {
    let options = LoadOptions { kv_positions: Some(256), step_rows_max: 32, ..LoadOptions::DEFAULT };
    let model = Model::load(container, Kernels::new(None, 1).unwrap(), &options).unwrap();
    // Only the best logits are computed where they are enough.
    Box::new(model.with_head_shortcut(HeadShortcut::On))
}

fn tokenizer(container: &Container, suppressed: &[i32]) -> Arc<Tokenizer> {
    let mut metadata = container.metadata().clone();
    metadata.set("tokenizer.ggml.suppress_tokens", Value::Array(Array::I32(suppressed.to_vec())));
    Arc::new(Tokenizer::from_gguf(&metadata).unwrap())
}

fn said(container: &Container, suppressed: &[i32], request: &Request) -> Vec<TokenId> {
    let mut tokens = Vec::new();
    let mut engine = Engine::new(model(container), tokenizer(container, suppressed));
    engine
        .generate(request, &mut |event| {
            tokens.extend(event.token);
            ControlFlow::Continue(())
        })
        .unwrap();
    tokens
}

#[test]
fn what_is_suppressed_is_banned_however_tokens_are_picked() {
    let container = Container::open(&testkit::data("tiny-models/stories260K-q8_0.gguf")).unwrap();
    let request = |sampling: Sampling| Request {
        sampling,
        max_tokens: Some(60),
        ignore_eos: true,
        ..Request::new([1, 403, 407, 261, 378].map(TokenId).to_vec())
    };
    let greedy = said(&container, &[], &request(Sampling::greedy()));
    // What is said most, so that it would be among the best.
    let mut often: Vec<(usize, TokenId)> =
        greedy.iter().map(|token| (greedy.iter().filter(|other| *other == token).count(), *token)).collect();
    often.sort_unstable();
    often.dedup();
    let ids: Vec<i32> = often.iter().rev().take(4).map(|(_, token)| token.0 as i32).collect();
    let bans: Vec<(TokenId, f32)> = ids.iter().map(|id| (TokenId(*id as u32), f32::NEG_INFINITY)).collect();
    for sampling in [
        Sampling::greedy(),
        Sampling { top_k: 3, seed: 5, ..Sampling::default() },
        Sampling { seed: 7, ..Sampling::unchanged() },
        Sampling { repeat_penalty: 1.3, ..Sampling::greedy() },
    ] {
        let banned = request(Sampling { logit_bias: bans.clone(), ..sampling.clone() });
        let expected = said(&container, &[], &banned);
        assert_ne!(expected, said(&container, &[], &request(sampling.clone())), "{sampling:?}");
        assert_eq!(said(&container, &ids, &request(sampling.clone())), expected, "{sampling:?}");
        // A bias does not bring them back.
        let wanted = ids.iter().map(|id| (TokenId(*id as u32), 1000.0)).collect();
        let wanted = request(Sampling { logit_bias: wanted, ..sampling.clone() });
        assert_eq!(said(&container, &ids, &wanted), expected, "{sampling:?}");
        for kind in [1, 2] {
            let options = EngineOptions { drafter: drafter(kind), ..EngineOptions::default() };
            let mut runner = Runner::new(model(&container), tokenizer(&container, &ids), options, ticking()).unwrap();
            let log = submit(&mut runner, &request(sampling.clone()));
            while runner.step() != Progress::Idle {}
            assert_eq!(log.tokens(0), expected, "drafter {kind}, {sampling:?}");
        }
    }
}
