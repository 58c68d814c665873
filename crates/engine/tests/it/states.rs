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
        // By a clock that stands still while states and pages are copied, it is always worth it.
        let clock = if seed % 2 == 0 { model.clock() } else { ticking() };
        let stats = simulate_on((model, clock), seed, &world, options, 30);
        prop_assert_eq!(stats.n_drafted, 0);
        if n_states == 1 {
            prop_assert_eq!(stats.n_cached_tokens, 0);
            prop_assert_eq!(stats.pages_free, stats.pages_total, "no page is kept that nobody could go on from");
        }
    }
}

/// Requests of random mixes that are preempted, swapped, begin alike, and are asked again after a restart.
#[test]
fn what_is_swapped_and_what_is_read_from_disk_is_what_was_saved() {
    let (mut n_preempted, mut n_loaded, mut n_cached) = (0, [0; 2], [0; 2]);
    for seed in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        let rng = &mut testkit::Rng::new(seed);
        let world = World { n_pages: 6 + rng.below(14), step_rows_max: 8 + rng.below(60), window: None };
        let (n_states, n_running_max) = (2 + rng.below(14), 1 + rng.below(8));
        for start in 0..2 {
            let model = hash_model(world.n_pages, world.step_rows_max, None).with_states(n_states);
            let cache = DiskCache { folder: folder.path().into(), bytes_max: 1 << 20, model: [5; 32], owners: None };
            let options = EngineOptions {
                n_running_max,
                swap_bytes_max: [1 << 20, 600, 0][seed as usize % 3],
                disk_cache: (seed % 3 > 0).then_some(cache),
                ..EngineOptions::default()
            };
            let clock = model.clock();
            let stats = simulate_on((model, clock), seed, &world, options, 64);
            n_preempted += stats.n_preempted;
            n_loaded[start] += stats.n_loaded_states;
            n_cached[start] += stats.n_cached_tokens;
        }
    }
    assert!(n_preempted > 100, "{n_preempted}");
    assert!(n_loaded[0] > 100 && n_loaded[1] > n_loaded[0], "{n_loaded:?}");
    assert!(n_cached[1] > n_cached[0], "warm after a restart: {n_cached:?}");
}

#[test]
fn a_preempted_sequence_goes_on_where_it_stood() {
    let long = Request { max_tokens: Some(45), ..greedy((0..70).map(|i| i * 7 % 400)) };
    let urgent = Request { priority: 1000, max_tokens: Some(2), ..greedy(410..450) };
    let n_rows = 70 + 44 + 40 + 1;
    // Numbers of preemptions, of states that came back, and of rows that were computed again: without swap, and with.
    let mut counts = [[0; 3]; 2];
    for (swap_bytes_max, n_before) in [0, 1 << 20].into_iter().flat_map(|swap| (1..52).map(move |n| (swap, n))) {
        let model = hash_model(20, 16, None).with_states(3);
        let options = EngineOptions { n_running_max: 1, swap_bytes_max, ..EngineOptions::default() };
        let clock = model.clock();
        let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, clock).unwrap();
        let log = submit(&mut runner, &long);
        if (0..n_before).any(|_| runner.step() == Progress::Idle) {
            continue;
        }
        submit(&mut runner, &urgent);
        while runner.step() != Progress::Idle {
            runner.check().unwrap();
        }
        let mut all = long.prompt.clone();
        (0..45).for_each(|_| all.push(next(all.iter().copied(), N_VOCAB)));
        assert_eq!(log.tokens(0), &all[70..]);
        let stats = runner.stats();
        let counts = &mut counts[usize::from(swap_bytes_max > 0)];
        let new = [stats.n_preempted, stats.n_loaded_states, stats.n_rows - n_rows];
        counts.iter_mut().zip(new).for_each(|(count, n)| *count += n);
    }
    // Where there is a snapshot none need come back.
    let [[n_without, 0, n_again], [n_preempted, n_loaded, 0]] = counts else { panic!("{counts:?}") };
    assert!(n_preempted == n_without && n_again > 500, "{counts:?}");
    assert!(n_loaded > 30 && n_loaded + 5 > n_preempted, "{counts:?}");
}

#[test]
fn states_come_back_from_memory_and_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache { folder: folder.path().to_owned(), bytes_max: 1 << 20, model: [1; 32], owners: None };
    let run = |options: EngineOptions| {
        let model = hash_model(12, 64, None).with_states(4);
        let clock = model.clock();
        let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, clock).unwrap();
        // Three prompts in turn, of which the arena holds one.
        for i in [0, 1, 2, 0, 1, 2] {
            let prompt = (0..300).map(|j| (i * 100 + j) % 499);
            let log = submit(&mut runner, &Request { max_tokens: Some(5), ..greedy(prompt.clone()) });
            while runner.step() != Progress::Idle {
                runner.check().unwrap();
            }
            let mut all: Vec<TokenId> = prompt.map(TokenId).collect();
            (0..5).for_each(|_| all.push(next(all.iter().copied(), N_VOCAB)));
            assert_eq!(log.tokens(0), &all[300..]);
        }
        runner.close_cache();
        runner.stats()
    };
    let n_computed = |stats: engine::Stats| (stats.n_computed_prompt_tokens, stats.n_loaded_states);
    assert_eq!(n_computed(run(EngineOptions::default())), (6 * 300, 0));
    let from_swap = run(EngineOptions { swap_bytes_max: 1 << 20, ..EngineOptions::default() });
    assert_eq!(n_computed(from_swap), (3 * 300 + 3 * 12, 3));
    let on_disk = || EngineOptions { disk_cache: Some(cache.clone()), ..EngineOptions::default() };
    run(on_disk());
    let warm = run(on_disk());
    assert_eq!(n_computed(warm), (6 * 12, 6), "{warm:?}");
    // Files that are not what they say are computed again.
    for entry in std::fs::read_dir(folder.path().join("01".repeat(32))).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let n = bytes.len();
        bytes[n - 33] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let damaged = run(EngineOptions { disk_cache: Some(cache.clone()), ..EngineOptions::default() });
    assert!(damaged.n_computed_prompt_tokens >= 3 * 300, "{damaged:?}");
    // Another model's are nobody's.
    let other = DiskCache { model: [2; 32], ..cache };
    let other = run(EngineOptions { disk_cache: Some(other), ..EngineOptions::default() });
    assert!(other.n_computed_prompt_tokens >= 3 * 300, "{other:?}");
}

fn greedy(prompt: impl Iterator<Item = u32>) -> Request {
    Request { sampling: Sampling::greedy(), ignore_eos: true, ..Request::new(prompt.map(TokenId).collect()) }
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
    let mut options = EngineOptions { swap_bytes_max: 1, drafter: Drafter::Lookup, ..EngineOptions::default() };
    assert!(options.restrict_to_states() && matches!(options.drafter, Drafter::None));
    assert!(!options.restrict_to_states() && options.swap_bytes_max == 1);
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
