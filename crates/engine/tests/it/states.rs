//! Models whose sequences have states: each has one of its own while it runs, from its beginning on, and what cannot be
//! done with states is off. Every output is that of the same model without states.

use std::sync::Arc;

use engine::{DiskCache, Drafter, EngineOptions, Progress, Request, Runner, Sampling};
use model::{Forward, Logits, PAGE_LEN, PageId, StateId, Step, StepSpan, TokenId};
use proptest::prelude::*;

use crate::{
    hash_model::{HashModel, next},
    log::{N_VOCAB, World, hash_model, submit, ticking},
    simulation::{drafter, simulate_on},
    stories,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_output_is_that_of_the_lonely_run(
        seed in any::<u64>(),
        n_pages in 5usize..24,
        step_rows_max in 1usize..80,
        n_running_max in 1usize..12,
        n_states in 1usize..16,
        kind in 0usize..4,
    ) {
        let world = World { n_pages, step_rows_max, window: None };
        let model = hash_model(n_pages, step_rows_max, None).with_states(n_states);
        let options = EngineOptions {
            n_running_max,
            drafter: drafter(kind),
            swap_bytes_max: 1 << 20,
            ..EngineOptions::default()
        };
        let stats = simulate_on(model, seed, &world, options, 30);
        prop_assert_eq!((stats.n_loaded_pages, stats.n_drafted), (0, 0));
        if n_states == 1 {
            prop_assert_eq!(stats.n_cached_tokens, 0);
            prop_assert_eq!(stats.pages_free, stats.pages_total, "no page is kept that nobody could go on from");
        }
    }
}

#[test]
fn requests_take_turns_at_states() {
    let model = hash_model(200, 64, None).with_states(3);
    let options = EngineOptions { prefix_cache: false, ..EngineOptions::default() };
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap();
    let request = |i: u32| Request {
        sampling: Sampling::greedy(),
        max_tokens: Some(30),
        ignore_eos: true,
        n_choices: 2,
        // All but the last token in common, which nobody may take from another.
        ..Request::new((0..70).map(TokenId).chain([TokenId(i)]).collect())
    };
    let logs: Vec<_> = (0..5).map(|i| submit(&mut runner, &request(i))).collect();
    let mut n_running_max = 0;
    while runner.step() != Progress::Idle {
        runner.check().unwrap();
        n_running_max = n_running_max.max(runner.stats().n_running);
    }
    assert_eq!(n_running_max, 2);
    assert_eq!(runner.stats().n_computed_prompt_tokens, 10 * 71, "each choice from its beginning");
    for (i, log) in logs.iter().enumerate() {
        let mut all = request(i as u32).prompt;
        (0..30).for_each(|_| all.push(next(all.iter().copied(), N_VOCAB)));
        assert_eq!([log.tokens(0), log.tokens(1)], [&all[71..], &all[71..]]);
    }
}

/// A runner over a model with states, and what its requests say.
struct Talk(Runner);

impl Talk {
    fn new(n_pages: usize, n_states: usize) -> Self {
        let model = hash_model(n_pages, 64, None).with_states(n_states);
        let options = EngineOptions::default();
        Self(Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap())
    }

    /// Asks for `n` tokens after `prompt`; returns the number of tokens that were cached, and prompt and answer.
    fn ask(&mut self, prompt: impl IntoIterator<Item = u32>, n: usize) -> (usize, Vec<TokenId>) {
        let prompt: Vec<TokenId> = prompt.into_iter().map(TokenId).collect();
        let request = Request {
            sampling: Sampling::greedy(),
            max_tokens: Some(n),
            ignore_eos: true,
            ..Request::new(prompt.clone())
        };
        let log = submit(&mut self.0, &request);
        let before = self.0.stats().n_cached_tokens;
        while self.0.step() != Progress::Idle {
            self.0.check().unwrap();
        }
        let mut all = prompt;
        (0..n).for_each(|_| all.push(next(all.iter().copied(), N_VOCAB)));
        assert_eq!(log.tokens(0), &all[all.len() - n..]);
        ((self.0.stats().n_cached_tokens - before) as usize, all)
    }
}

#[test]
fn a_shared_beginning_is_computed_once() {
    let mut talk = Talk::new(200, 32);
    let shared = || (0..1000u32).map(|i| i % 200);
    let (cached, _) = talk.ask(shared().chain(200..230), 5);
    assert_eq!(cached, 0);
    let (cached, _) = talk.ask(shared().chain(300..310), 5);
    assert_eq!(cached, 960, "at most two pages before the place where they part");
    let (cached, _) = talk.ask(shared().chain(320..330), 5);
    assert_eq!(cached, 31 * PAGE_LEN, "where they part, to the page");
    let (cached, _) = talk.ask(shared().take(700).chain(340..350), 5);
    assert_eq!(cached, 512, "as far from the end as twice the place where they part, at most");
    let (cached, _) = talk.ask(shared().take(700).chain(350..360), 5);
    assert_eq!(cached, 21 * PAGE_LEN);
}

#[test]
fn the_next_turn_goes_on_where_the_last_one_ended() {
    let mut talk = Talk::new(200, 4);
    let mut said = Vec::new();
    for turn in 0..6u32 {
        let n_before = said.len();
        let prompt: Vec<u32> = said.iter().map(|t: &TokenId| t.0).chain(turn * 10..turn * 10 + 40).collect();
        let (cached, all) = talk.ask(prompt, 130);
        assert!(cached + 2 * PAGE_LEN + 1 >= n_before, "turn {turn}: {cached} of {n_before}");
        assert!(cached <= n_before);
        said = all;
    }
}

#[test]
fn snapshots_give_way_to_those_that_run_and_to_newer_ones() {
    let mut talk = Talk::new(400, 4);
    for i in 0..40u32 {
        talk.ask((0..100).map(|j| (i * 7 + j) % 200), 3);
    }
    let (cached, _) = talk.ask((0..100).map(|j| (39 * 7 + j) % 200), 3);
    assert_eq!(cached, 96);
    let (cached, _) = talk.ask((0..100).map(|j| j % 200), 3);
    assert_eq!(cached, 0);
    // As many at once as may run: all snapshots but theirs are gone, and each says what it must.
    let request = |i: u32| Request {
        sampling: Sampling::greedy(),
        max_tokens: Some(70),
        ignore_eos: true,
        ..Request::new((0..90).map(|j| TokenId((i * 31 + j) % 200)).collect())
    };
    let logs: Vec<_> = (0..9).map(|i| submit(&mut talk.0, &request(i))).collect();
    while talk.0.step() != Progress::Idle {
        talk.0.check().unwrap();
    }
    for (i, log) in logs.iter().enumerate() {
        let mut all = request(i as u32).prompt;
        (0..70).for_each(|_| all.push(next(all.iter().copied(), N_VOCAB)));
        assert_eq!(log.tokens(0), &all[90..]);
    }
}

#[test]
fn who_waits_for_a_beginning_finds_a_snapshot_where_they_part() {
    let model = hash_model(200, 64, None).with_states(16);
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), EngineOptions::default(), ticking()).unwrap();
    let request = |i: u32| Request {
        sampling: Sampling::greedy(),
        max_tokens: Some(10),
        ignore_eos: true,
        ..Request::new((0..300).chain(400 + i..500).map(|t| TokenId(t % 256)).collect())
    };
    let logs: Vec<_> = (0..4).map(|i| submit(&mut runner, &request(i))).collect();
    while runner.step() != Progress::Idle {
        runner.check().unwrap();
    }
    assert_eq!(runner.stats().n_cached_tokens, 3 * 288);
    for (i, log) in logs.iter().enumerate() {
        let mut all = request(i as u32).prompt;
        let n = all.len();
        (0..10).for_each(|_| all.push(next(all.iter().copied(), N_VOCAB)));
        assert_eq!(log.tokens(0), &all[n..]);
    }
}

#[test]
fn what_states_rule_out_is_named_and_off() {
    let disk_cache = DiskCache { folder: "nowhere".into(), bytes_max: 1, model: [0; 32], owners: None };
    let mut options = EngineOptions {
        swap_bytes_max: 1,
        disk_cache: Some(disk_cache),
        drafter: Drafter::Lookup,
        ..EngineOptions::default()
    };
    assert_eq!(options.restrict_to_states(), ["swap", "the cache folder", "drafts"]);
    assert!(options.swap_bytes_max == 0 && options.disk_cache.is_none());
    assert!(matches!(options.drafter, Drafter::None));
    assert_eq!(options.restrict_to_states(), <[&str; 0]>::default());
}

#[test]
fn a_draft_model_with_states_guesses_nothing() {
    let of_draft = HashModel::new(9, N_VOCAB, 7).with_states(4);
    let options = EngineOptions { drafter: Drafter::Model(Box::new(of_draft)), ..EngineOptions::default() };
    let model = hash_model(20, 64, None);
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap();
    let request = Request { max_tokens: Some(40), ignore_eos: true, ..Request::new(vec![TokenId(3); 9]) };
    let log = submit(&mut runner, &request);
    while runner.step() != Progress::Idle {}
    assert_eq!((log.tokens(0).len(), runner.stats().n_drafted), (40, 0));
}

/// What the simulations rest on: each mistake with a state changes what the hash model says.
#[test]
fn a_mistake_with_a_state_changes_what_is_said() {
    let prompt: Vec<TokenId> = (0..10).map(TokenId).collect();
    let pages: Vec<PageId> = (0..4).map(PageId).collect();
    let said = |spans: &[(usize, usize, u32)]| {
        let mut model = HashModel::new(4, N_VOCAB, 64).with_states(2);
        let mut logits = Logits::default();
        // Two pages for each of two sequences.
        let tables = [Arc::new(pages[..2].to_vec()), Arc::new(pages[2..].to_vec())];
        for (first, end, state) in spans {
            let table = &tables[usize::from(*first == 0 && *end == 3)];
            let span = StepSpan::new(&prompt[*first..*end], *first, table).with_state(StateId(*state));
            model.forward(&Step::new(&[span]), &mut logits);
        }
        model::best_token(logits.row(0)).unwrap()
    };
    assert!(prompt.len() < PAGE_LEN);
    let right = said(&[(0, 10, 0)]);
    assert_eq!(right, next(prompt.iter().copied(), N_VOCAB));
    assert_eq!(said(&[(0, 4, 1), (4, 9, 1), (9, 10, 1)]), right);
    assert_eq!(said(&[(0, 3, 0), (0, 10, 0)]), right, "a state begins anew");
    assert_ne!(said(&[(0, 9, 0), (8, 10, 0)]), right, "a token fed twice");
    assert_ne!(said(&[(0, 8, 1), (0, 8, 0), (8, 9, 1), (9, 10, 0)]), right, "a token left out");
    assert_ne!(said(&[(0, 9, 0), (9, 10, 1)]), right, "the state of nobody");
    assert_ne!(said(&[(0, 9, 0), (0, 3, 0), (9, 10, 0)]), right, "a state that two share");
}
