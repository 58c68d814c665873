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

/// Returns the tokens that follow by the hash.
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

/// Returns the text of all events, and how it ended.
fn text(engine: &mut Engine, request: &Request) -> (String, FinishReason) {
    let mut text = String::new();
    let completion = engine.generate(request, &mut |event| {
        text.push_str(event.text);
        ControlFlow::Continue(())
    });
    (text, completion.unwrap().finish_reason)
}

#[test]
fn stop_strings_end_the_text_wherever_tokens_end() {
    let mut engine = engine(8, 8, &stories::tokenizer());
    for first in 0..60 {
        let free = request(&[first, 3, 1], Some(60));
        let (whole, _) = text(&mut engine, &free);
        let letters: Vec<char> = whole.chars().collect();
        for n in [1, 2, 3, 5, 8] {
            let start = testkit::Rng::new(u64::from(first) + n as u64).below(letters.len() - n);
            let stop: String = letters[start..start + n].iter().collect();
            let expected = whole.split(&stop).next().unwrap().to_owned();
            let stopped = text(&mut engine, &Request { stop: vec![stop.clone()], ..free.clone() });
            assert_eq!(stopped, (expected, FinishReason::StopString), "{stop:?} in {whole:?}");
        }
        let free = Request { stop: vec!["nowhere to be found".to_owned()], ..free };
        assert_eq!(text(&mut engine, &free), (whole, FinishReason::Length));
    }
}

#[test]
fn a_stop_token_ends_the_text_before_it() {
    let mut engine = engine(8, 8, &stories::tokenizer());
    for first in 0..20 {
        let free = Request { ignore_eos: true, ..request(&[first, 3, 1], Some(40)) };
        let (tokens, _) = generate(&mut engine, &free);
        for at in [0, 1, 7, 39] {
            let stop = tokens[at];
            let n_before = tokens.iter().position(|token| *token == stop).unwrap();
            let stopping = Request { stop_tokens: vec![TokenId(u32::MAX), stop], ..free.clone() };
            let (stopped, completion) = generate(&mut engine, &stopping);
            assert_eq!(stopped, tokens[..n_before], "{stop:?} of {tokens:?}");
            assert_eq!(completion.finish_reason, FinishReason::EndOfGeneration);
        }
    }
}

#[test]
fn an_end_token_ends_the_completion_unless_ignored() {
    let mut engine = engine(8, 8, &stories::tokenizer());
    let eos = stories::tokenizer().eos().unwrap();
    let sampling = Sampling { logit_bias: vec![(eos, 100.0)], ..Sampling::greedy() };
    let ignoring = Request { sampling, ..request(&[5, 6, 7], Some(8)) };
    assert_eq!(generate(&mut engine, &ignoring).0, [eos; 8]);
    let (tokens, completion) = generate(&mut engine, &Request { ignore_eos: false, ..ignoring });
    assert_eq!((tokens, completion.finish_reason), (vec![], FinishReason::EndOfGeneration));
}

#[test]
fn tokens_of_the_prompt_and_of_the_completion_are_penalised() {
    let mut engine = engine(8, 8, &stories::tokenizer());
    let prompt: Vec<u32> = (0..40).map(|i| i * 7 % 300).collect();
    let mut penalised = request(&prompt, Some(100));
    penalised.sampling.presence_penalty = 2.0;
    penalised.sampling.repeat_penalty = 100.0;
    penalised.sampling.repeat_last_n = usize::MAX;
    let (tokens, _) = generate(&mut engine, &penalised);
    let all = [penalised.prompt.clone(), tokens].concat();
    let repeated = (40..140).find(|&i| all[..i].contains(&all[i]));
    assert_eq!(repeated, None, "picked in spite of the penalty");
}

#[test]
fn logits_that_are_no_numbers_are_an_error_and_no_prefix_of_the_next_request() {
    let model = HashModel::new(4, N_VOCAB, 8).with_nan_from(12);
    let mut engine = Engine::new(Box::new(model), stories::tokenizer());
    let error = engine.generate(&request(&[5; 10], Some(20)), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, Error::NonFiniteLogits { position: 11, .. }), "{error}");
    let again = request(&[5; 8], Some(3));
    let (tokens, completion) = generate(&mut engine, &again);
    assert_eq!((tokens, completion.n_cached), (expected(&again.prompt, 3), 0));
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
