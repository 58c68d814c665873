//! Pages, prefixes, chunks, lengths and cancelling, against what the hash says.

use std::{ops::ControlFlow, sync::Arc};

use engine::{Completion, Engine, Error, FinishReason, Request, Sampling};
use model::{PAGE_LEN, TokenId};
use proptest::prelude::*;
use tokenizer::Tokenizer;

use crate::{
    hash_model::{HashModel, next},
    stories,
};

const N_VOCAB: usize = 500;

fn engine(n_pages: usize, step_rows_max: usize, tokenizer: &Arc<Tokenizer>) -> Engine {
    Engine::new(Box::new(HashModel::new(n_pages, N_VOCAB, step_rows_max)), Arc::clone(tokenizer))
}

fn request(prompt: &[u32], max_tokens: Option<usize>) -> Request {
    let prompt = prompt.iter().map(|id| TokenId(*id)).collect();
    Request { sampling: Sampling::greedy(), max_tokens, ignore_eos: true, ..Request::new(prompt) }
}

fn generate(engine: &mut Engine, request: &Request) -> (Vec<TokenId>, Completion) {
    let mut tokens = Vec::new();
    let completion = engine.generate(request, &mut |event| {
        tokens.extend(event.token);
        ControlFlow::Continue(())
    });
    (tokens, completion.unwrap())
}

/// What the hash says follows.
fn expected(prompt: &[TokenId], n: usize) -> Vec<TokenId> {
    let mut all = prompt.to_vec();
    (0..n).for_each(|_| all.push(next(all.iter().copied(), N_VOCAB)));
    all.split_off(prompt.len())
}

#[test]
fn the_context_ends_a_completion_and_refuses_a_prompt() {
    let tokenizer = stories::tokenizer();
    let mut engine = engine(2, 16, &tokenizer);
    let context = 2 * PAGE_LEN;
    let (tokens, completion) = generate(&mut engine, &request(&[1; 60], None));
    assert_eq!((tokens.len(), completion.finish_reason), (context - 60, FinishReason::Length));
    let (tokens, completion) = generate(&mut engine, &request(&vec![1; context], Some(5)));
    assert_eq!((tokens.len(), completion.finish_reason), (0, FinishReason::Length));
    let refused = engine.generate(&request(&vec![1; context + 1], None), &mut |_| ControlFlow::Continue(()));
    assert_eq!(refused, Err(Error::PromptTooLong { n_prompt: context + 1, context_len_max: context }));
    let refused = engine.generate(&request(&[], None), &mut |_| ControlFlow::Continue(()));
    assert_eq!(refused, Err(Error::EmptyPrompt));
    let refused = engine.generate(&request(&[N_VOCAB as u32], None), &mut |_| ControlFlow::Continue(()));
    assert_eq!(refused, Err(Error::UnknownToken { id: N_VOCAB as u32, n_vocab: N_VOCAB }));
}

#[test]
fn a_cancelled_request_leaves_the_engine_as_good_as_new() {
    let tokenizer = stories::tokenizer();
    let mut engine = engine(4, 4, &tokenizer);
    for cancel_at in 0..12 {
        let mut n_events = 0;
        let cancelled = engine.generate(&request(&[7; 21], Some(6)), &mut |_| {
            n_events += 1;
            if n_events > cancel_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(n_events > cancel_at, cancelled.unwrap().finish_reason == FinishReason::Cancelled);
        let other = request(&[7, 7, 7, cancel_at as u32], Some(100));
        let (tokens, _) = generate(&mut engine, &other);
        assert_eq!(tokens, expected(&other.prompt, 100), "after a cancel at event {cancel_at}");
    }
}

proptest! {
    #[test]
    fn whatever_came_before_the_output_is_that_of_the_lonely_run(
        prompts in proptest::collection::vec((proptest::collection::vec(1u32..4, 1..50), 0usize..40), 1..8),
        step_rows_max in 1usize..40,
    ) {
        let tokenizer = stories::tokenizer();
        let mut engine = engine(3, step_rows_max, &tokenizer);
        for (prompt, n) in &prompts {
            let request = request(prompt, Some(*n));
            let (tokens, completion) = generate(&mut engine, &request);
            prop_assert_eq!(tokens, expected(&request.prompt, *n));
            prop_assert!(completion.n_cached < prompt.len());
        }
        // The same again: all but the last token of the prompt is cached.
        let (prompt, n) = prompts.last().unwrap();
        let (_, completion) = generate(&mut engine, &request(prompt, Some(*n)));
        prop_assert_eq!(completion.n_cached, prompt.len() - 1);
    }
}
