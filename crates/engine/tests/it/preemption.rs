//! A sequence that is preempted says what it would have said, whatever it gathers on its way: each kind of request,
//! preempted at each of its steps, with everything of it computed anew.

use std::sync::Arc;

use engine::{EngineOptions, Progress, Request, Runner, Sampling, Task};
use model::{Pooling, TokenId};

use crate::{
    log::{World, hash_model, lonely, submit, ticking},
    simulation::{GRAMMAR, drafter},
    stories,
};

const WORLD: World = World { n_pages: 20, step_rows_max: 16, window: None };

fn plain() -> Request {
    Request {
        sampling: Sampling::greedy(),
        max_tokens: Some(12),
        ignore_eos: true,
        ..Request::new((0..70).map(|i| TokenId(i * 7 % 400)).collect())
    }
}

/// Returns requests with every kind of state that a sequence gathers.
pub(crate) fn kinds() -> Vec<(&'static str, Request)> {
    let drawn = Sampling { temperature: 2.0, seed: 5, ..Sampling::unchanged() };
    let penalties = Sampling { repeat_penalty: 1.5, frequency_penalty: 0.5, repeat_last_n: 30, ..drawn.clone() };
    let mut kinds = vec![
        ("greedy", plain()),
        ("drawn", Request { sampling: drawn.clone(), ..plain() }),
        ("penalties", Request { sampling: penalties, ..plain() }),
        ("log-probabilities", Request { top_logprobs: Some(3), ..plain() }),
        ("log-probabilities of the prompt", Request { prompt_logprobs: Some(2), n_choices: 2, ..plain() }),
        ("choices", Request { n_choices: 3, sampling: drawn.clone(), ..plain() }),
        ("a grammar", Request { grammar: Some(GRAMMAR.clone()), sampling: drawn.clone(), ..plain() }),
    ];
    let whole = lonely(&plain(), &WORLD, &stories::tokenizer()).choices.lock().unwrap()[&0].text.clone();
    let end: String = whole.chars().skip(whole.chars().count() / 2).take(3).collect();
    kinds.push(("a stop string that comes", Request { stop: vec![end.clone()], ..plain() }));
    // All of the text is held back until its end.
    kinds.push(("a stop string that does not", Request { stop: vec![format!("{whole}x")], ..plain() }));
    for pooling in [Pooling::Mean, Pooling::None, Pooling::First, Pooling::Last] {
        kinds.push(("an embedding", Request { task: Task::Embed(pooling), ..plain() }));
    }
    kinds
}

#[test]
fn each_kind_preempted_at_each_step_says_the_same() {
    let tokenizer = stories::tokenizer();
    let urgent = Request { prompt: vec![TokenId(450); 40], priority: 1000, max_tokens: Some(2), ..plain() };
    for (kind, request) in kinds() {
        let alone = lonely(&request, &WORLD, &tokenizer);
        for (n_drafter, n_states) in [(0, 0), (2, 0), (2, 1)] {
            let mut n_preempted = 0;
            for n_before in 1.. {
                let options =
                    EngineOptions { n_running_max: 1, drafter: drafter(n_drafter), ..EngineOptions::default() };
                let model = hash_model(WORLD.n_pages, WORLD.step_rows_max, None).with_states(n_states);
                let mut runner = Runner::new(Box::new(model), Arc::clone(&tokenizer), options, ticking()).unwrap();
                let log = submit(&mut runner, &request);
                if (0..n_before).any(|_| runner.step() == Progress::Idle) {
                    break;
                }
                let at = format!("{kind}, preempted after step {n_before}, drafter {n_drafter}, {n_states} states");
                // What it has computed so far is gone when it comes back.
                let first = submit(&mut runner, &urgent);
                runner.step();
                runner.clear_cache();
                while runner.step() != Progress::Idle {
                    runner.check().unwrap_or_else(|wrong| panic!("{at}: {wrong}"));
                }
                log.check(&alone, &request, false, &at);
                assert_eq!(first.tokens(0).len(), 2);
                n_preempted += runner.stats().n_preempted;
            }
            assert!(n_preempted >= 4, "{kind}: {n_preempted} preemptions");
        }
    }
}
