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
        n_states in 1usize..8,
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
        prop_assert_eq!((stats.n_cached_tokens, stats.n_loaded_pages, stats.n_drafted), (0, 0, 0));
        prop_assert_eq!(stats.pages_free, stats.pages_total, "no page is kept that nobody could go on from");
    }
}

#[test]
fn requests_take_turns_at_states() {
    let model = hash_model(200, 64, None).with_states(2);
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), EngineOptions::default(), ticking()).unwrap();
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

#[test]
fn what_states_rule_out_is_named_and_off() {
    let disk_cache = DiskCache { folder: "nowhere".into(), bytes_max: 1, model: [0; 32], owners: None };
    let mut options = EngineOptions {
        swap_bytes_max: 1,
        disk_cache: Some(disk_cache),
        drafter: Drafter::Lookup,
        ..EngineOptions::default()
    };
    assert_eq!(options.restrict_to_states(), ["cached prefixes", "swap", "the cache folder", "drafts"]);
    assert!(!options.prefix_cache && options.swap_bytes_max == 0 && options.disk_cache.is_none());
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
