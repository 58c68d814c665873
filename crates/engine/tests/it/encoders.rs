//! Models that see a text whole: it is computed in one step, beside whatever others, and nothing is generated.

use std::ops::ControlFlow;

use engine::{Engine, EngineOptions, Error, Progress, Request, Runner, Task, TenantId};
use model::{PAGE_LEN, Pooling, TokenId};
use proptest::prelude::*;

use crate::{
    hash_model::{HashModel, hidden_in_text, score},
    log::{N_VOCAB, submit, ticking},
    stories,
};

/// Returns what `request` shall give.
fn expected(request: &Request) -> Vec<f32> {
    let text = &request.prompt;
    let row = |position| hidden_in_text(text, position);
    let rows = || (0..text.len()).map(row);
    match request.task {
        Task::Embed(Pooling::First) => row(0).to_vec(),
        Task::Embed(Pooling::Last) => row(text.len() - 1).to_vec(),
        Task::Embed(Pooling::None) => rows().flatten().collect(),
        Task::Embed(_) => {
            let mut sum = [0.0f64; 4];
            rows().for_each(|row| sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(x)));
            sum.iter().map(|sum| (sum / text.len() as f64) as f32).collect()
        }
        Task::Score | Task::Generate => vec![score(text)],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_text_is_computed_whole(
        seed in any::<u64>(),
        n_pages in 2usize..24,
        step_rows_max in 1usize..200,
        n_running_max in 1usize..12,
    ) {
        let mut rng = testkit::Rng::new(seed);
        let model = HashModel::new(n_pages, N_VOCAB, step_rows_max).with_whole_texts();
        let options = EngineOptions { n_running_max, ..EngineOptions::default() };
        let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap();
        let len_max = runner.context_len_max();
        prop_assert_eq!(len_max, step_rows_max.min(n_pages * PAGE_LEN));
        let request = |rng: &mut testkit::Rng| Request {
            task: if rng.below(4) == 0 { Task::Score } else { Task::Embed(Pooling::ALL[rng.below(4)]) },
            tenant: TenantId(rng.below(3) as u128),
            ..Request::new((0..=rng.below(len_max)).map(|_| TokenId(rng.below(N_VOCAB) as u32)).collect())
        };
        let mut logs = Vec::new();
        for _ in 0..40 {
            for _ in 0..rng.below(4) {
                let request = request(&mut rng);
                logs.push((submit(&mut runner, &request), request));
            }
            runner.step();
            runner.check().unwrap();
        }
        for _ in 0..2000 {
            if runner.step() == Progress::Idle {
                break;
            }
        }
        prop_assert!(runner.is_idle());
        for (log, request) in &logs {
            prop_assert_eq!(log.end(0).embedding, Some(expected(request)));
        }
        let stats = runner.stats();
        prop_assert_eq!(stats.n_cached_tokens, 0);
        prop_assert_eq!(stats.pages_free, stats.pages_total);
        prop_assert!(stats.n_steps <= stats.n_submitted, "{} steps for {}", stats.n_steps, stats.n_submitted);
    }
}

#[test]
fn texts_that_fit_share_a_step() {
    // Room for the rows of a step, and for the ends of pages of four texts.
    let model = HashModel::new(64 / PAGE_LEN + 4, N_VOCAB, 64).with_whole_texts();
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), EngineOptions::default(), ticking()).unwrap();
    let request = Request { task: Task::Embed(Pooling::Mean), ..Request::new(vec![TokenId(1); 16]) };
    let logs: Vec<_> = (0..8).map(|_| submit(&mut runner, &request)).collect();
    while runner.step() != Progress::Idle {}
    assert_eq!((logs.len(), runner.stats().n_steps), (8, 2));
}

#[test]
fn what_an_encoder_cannot_do_is_refused() {
    let mut encoder = Engine::new(Box::new(HashModel::new(40, N_VOCAB, 64).with_whole_texts()), stories::tokenizer());
    let mut decoder = Engine::new(Box::new(HashModel::new(40, N_VOCAB, 64)), stories::tokenizer());
    let ask = |engine: &mut Engine, task, n| {
        let request = Request { task, max_tokens: Some(1), ..Request::new(vec![TokenId(1); n]) };
        engine.generate(&request, &mut |_| ControlFlow::Continue(())).map(|done| done.embedding)
    };
    assert_eq!(ask(&mut encoder, Task::Generate, 3), Err(Error::GeneratesNothing));
    assert_eq!(ask(&mut decoder, Task::Score, 3), Err(Error::NoScores));
    let too_long = Error::PromptTooLong { n_prompt: 65, context_len_max: 64 };
    assert_eq!(too_long.to_string(), "the prompt has 65 tokens, but the context holds 64");
    assert_eq!(ask(&mut encoder, Task::Embed(Pooling::Mean), 65), Err(too_long));
    assert_eq!(ask(&mut encoder, Task::Score, 64), Ok(Some(vec![score(&[TokenId(1); 64])])));
    assert_eq!(ask(&mut decoder, Task::Generate, 65), Ok(None));
}
