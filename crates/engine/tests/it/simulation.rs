//! Random requests, cancels, stalls, priorities and forks in tiny arenas: every output is that of the lonely run, and
//! every page is accounted for after every step.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, LazyLock, Mutex, atomic::Ordering},
    time::Duration,
};

use engine::{
    CacheScope, Completion, DiskCache, Drafter, EngineOptions, Error, Event, FinishReason, Progress, Request,
    RequestId, Runner, Sampling, Sink, Task, TenantId,
    grammar::{Grammar, GrammarCompiler, GrammarSource},
};
use model::{AttentionWindow, PAGE_LEN, Pooling, TokenId};
use proptest::prelude::*;
use testkit::Rng;

use crate::{
    hash_model::{self, HashModel},
    log::{Log, LogSink, N_VOCAB, World, hash_model, lonely, submit, ticking},
    stories,
};

/// Grammar of a name and a number, over and over.
pub(crate) static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    let compiler = GrammarCompiler::new(&stories::tokenizer()).unwrap();
    compiler
        .compile(&GrammarSource::Gbnf("root ::= (\"Lily \" | \"Tom and Anna \" | [0-9]+ \", \")*".to_owned()))
        .unwrap()
});

/// Makes a request with a prompt that begins like others'.
fn request(rng: &mut Rng, context: usize) -> Request {
    let base = rng.below(3) as u32;
    let n_shared = rng.below(3 * PAGE_LEN);
    let n_own = 1 + rng.below(PAGE_LEN);
    let shared = (0..n_shared as u32).map(|i| TokenId((i * 7 + base * 100) % 300));
    let mut prompt: Vec<TokenId> = shared.collect();
    prompt.extend((0..n_own).map(|_| TokenId(rng.below(4) as u32)));
    prompt.truncate(context);
    let temperature = if rng.below(2) == 0 { 0.0 } else { 3.0 };
    let sampling = Sampling { temperature, seed: rng.bits(), ..Sampling::unchanged() };
    let penalties = Sampling { repeat_penalty: 1.5, presence_penalty: 1.0, repeat_last_n: 40, ..Sampling::unchanged() };
    let stops = ["a", "the", "e o", "xyzzy"];
    Request {
        sampling: match rng.below(3) {
            0 => Sampling { temperature, seed: rng.bits(), ..penalties },
            _ => sampling,
        },
        stop: if rng.below(4) == 0 { vec![stops[rng.below(4)].to_owned()] } else { Vec::new() },
        top_logprobs: (rng.below(4) == 0).then(|| rng.below(3)),
        grammar: (rng.below(8) == 0).then(|| GRAMMAR.clone()),
        max_tokens: Some(rng.below(2 * PAGE_LEN)),
        ignore_eos: true,
        n_choices: 1 + rng.below(3),
        priority: rng.below(3) as i32 - 1,
        tenant: TenantId(rng.below(4) as u128),
        scope: CacheScope(rng.below(2) as u128),
        use_cache: rng.below(5) > 0,
        prompt_logprobs: (rng.below(3) == 0).then(|| rng.below(3)),
        adapters: [None, None, Some([0.0, 1.0]), Some([0.5, 1.0])][rng.below(4)]
            .map(|scales| Arc::from(scales.as_slice())),
        task: if rng.below(8) == 0 { Task::Embed(Pooling::ALL[rng.below(4)]) } else { Task::Generate },
        ..Request::new(prompt)
    }
}

struct Client {
    id: RequestId,
    request: Request,
    log: Arc<Log>,
    is_cancelled: bool,
}

/// Runs `n_requests`; all that happens follows from `seed`.
fn simulate(seed: u64, world: &World, options: EngineOptions, n_requests: usize) {
    let model = hash_model(world.n_pages, world.step_rows_max, world.window);
    simulate_on((model, ticking()), seed, world, options, n_requests);
}

/// Runs `n_requests` on the model, which is that of `world`, by the clock; all that happens follows from `seed`.
/// Returns the counts.
pub(crate) fn simulate_on(
    (model, clock): (HashModel, Box<engine::Clock>),
    seed: u64,
    world: &World,
    options: EngineOptions,
    n_requests: usize,
) -> engine::Stats {
    let mut rng = Rng::new(seed);
    let tokenizer = stories::tokenizer();
    let context = world.context();
    let mut runner = Runner::new(Box::new(model), Arc::clone(&tokenizer), options, clock).unwrap();
    let mut clients: Vec<Client> = Vec::new();
    let mut n_steps = 0;
    loop {
        n_steps += 1;
        assert!(n_steps < 200_000, "seed {seed}: a request never ends");
        if clients.len() < n_requests && rng.below(3) == 0 {
            let request = request(&mut rng, context);
            let log = Arc::new(Log::default());
            let breaks_at = if rng.below(6) == 0 { 1 + rng.below(30) } else { 0 };
            log.breaks_at.store(breaks_at, Ordering::Relaxed);
            let id = runner.submit(&request, Box::new(LogSink(Arc::clone(&log)))).unwrap();
            clients.push(Client { id, request, log, is_cancelled: false });
        }
        if !clients.is_empty() {
            let i = rng.below(clients.len());
            let client = &mut clients[i];
            match rng.below(60) {
                0 => {
                    client.is_cancelled = true;
                    runner.cancel(client.id);
                }
                1 => {
                    client.is_cancelled = true;
                    client.log.is_closed.store(true, Ordering::Relaxed);
                }
                2..6 => client.log.is_stalled.store(true, Ordering::Relaxed),
                6 => runner.clear_cache(),
                _ => client.log.is_stalled.store(false, Ordering::Relaxed),
            }
        }
        let progress = runner.step();
        if let Err(wrong) = runner.check() {
            panic!("seed {seed}, step {n_steps}: {wrong}");
        }
        if progress == Progress::Idle && clients.len() == n_requests {
            break;
        }
    }
    for (i, client) in clients.iter().enumerate() {
        let Client { request, log, is_cancelled, .. } = client;
        let alone = lonely(request, world, &tokenizer);
        let has_left = *is_cancelled || log.has_broken_off();
        log.check(&alone, request, has_left, &format!("seed {seed}, request {i}"));
    }
    let stats = runner.stats();
    assert_eq!((stats.n_running, stats.n_waiting, stats.n_active), (0, 0, 0), "seed {seed}");
    assert_eq!(stats.n_panics, 0, "seed {seed}");
    assert_eq!(stats.pages_free + stats.pages_cached, stats.pages_total, "seed {seed}");
    assert_eq!(stats.states_free + stats.states_cached, stats.states_total, "seed {seed}");
    runner.close_cache();
    runner.clear_cache();
    assert_eq!(runner.stats().pages_free, stats.pages_total, "seed {seed}");
    stats
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_output_is_that_of_the_lonely_run(
        seed in any::<u64>(),
        n_pages in 5usize..24,
        step_rows_max in 1usize..80,
        n_running_max in 1usize..12,
    ) {
        let world = World { n_pages, step_rows_max, window: None };
        simulate(seed, &world, EngineOptions { n_running_max, ..EngineOptions::default() }, 30);
    }
}

/// Makes a drafter for the hash model: none, prompt lookup, its first layer, or itself in a small arena of its own.
pub(crate) fn drafter(kind: usize) -> Drafter {
    match kind {
        0 => Drafter::None,
        1 => Drafter::Lookup,
        2 => Drafter::EarlyExit { n_layers: 1 },
        _ => Drafter::Model(Box::new(HashModel::new(9, N_VOCAB, 7))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn drafts_change_no_output(
        seed in any::<u64>(),
        n_pages in 5usize..24,
        step_rows_max in 1usize..80,
        kind in 1usize..4,
    ) {
        let options = EngineOptions { n_running_max: 8, drafter: drafter(kind), ..EngineOptions::default() };
        simulate(seed, &World { n_pages, step_rows_max, window: None }, options, 30);
    }

    #[test]
    fn behind_a_window_pages_are_given_back_and_nothing_changes(
        seed in any::<u64>(),
        n_pages in 0usize..12,
        step_rows_max in 1usize..60,
        len in 1usize..100,
        sinks in 0usize..40,
        kind in 0usize..3,
    ) {
        let window = AttentionWindow { len, sinks };
        let world = World {
            n_pages: window.pages_max(step_rows_max) + n_pages,
            step_rows_max,
            window: Some((window, 400)),
        };
        let options = EngineOptions { n_running_max: 6, drafter: drafter(kind), ..EngineOptions::default() };
        simulate(seed, &world, options, 15);
    }
}

/// Returns tokens and numbers of one request of `max_tokens` with a drafter.
fn speculate(kind: usize, sampling: Sampling, max_tokens: usize) -> (Vec<TokenId>, engine::Stats) {
    speculate_with(kind, Request { sampling, max_tokens: Some(max_tokens), ..Request::new(Vec::new()) })
}

/// Returns tokens and numbers of `request`, but for its prompt, with a drafter.
fn speculate_with(kind: usize, request: Request) -> (Vec<TokenId>, engine::Stats) {
    let options = EngineOptions { drafter: drafter(kind), ..EngineOptions::default() };
    let model = HashModel::new(40, N_VOCAB, 64);
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap();
    let log = Arc::new(Log::default());
    let request = Request { prompt: (0..40).map(TokenId).collect(), ignore_eos: true, ..request };
    runner.submit(&request, Box::new(LogSink(Arc::clone(&log)))).unwrap();
    while runner.step() != Progress::Idle {}
    let tokens = log.tokens(0);
    (tokens, runner.stats())
}

#[test]
fn right_drafts_save_steps() {
    let (plain, without) = speculate(0, Sampling::greedy(), 200);
    for kind in [2, 3] {
        let (tokens, stats) = speculate(kind, Sampling::greedy(), 200);
        assert_eq!(tokens, plain);
        assert!(stats.n_accepted > 50, "{:?}: {stats:?}", drafter(kind));
        assert!(stats.n_steps * 3 < without.n_steps * 2, "{:?}: {stats:?}", drafter(kind));
    }
    // The first layers of a model with adapters have the request's.
    let sampling = Sampling::greedy();
    let adapters = Some(vec![0.5, 1.0].into());
    let adapted = Request { sampling, adapters, max_tokens: Some(200), ..Request::new(Vec::new()) };
    let (tokens, without) = speculate_with(0, adapted.clone());
    assert_ne!(tokens, plain);
    let (drafted, stats) = speculate_with(2, adapted);
    assert_eq!(drafted, tokens);
    assert!(stats.n_accepted > 50 && stats.n_steps * 3 < without.n_steps * 2, "{stats:?}");
    // A bias to one token makes the text repeat itself.
    let repeating = Sampling { logit_bias: vec![(TokenId(7), 50.0)], ..Sampling::greedy() };
    let (tokens, stats) = speculate(1, repeating, 200);
    assert_eq!(tokens, [TokenId(7); 200]);
    assert!(stats.n_steps < 40 && stats.n_accepted > 160, "{stats:?}");
}

/// The distribution of the tokens that follow a prompt, drawn many times, is the same with drafts as without, by the
/// chi-squared statistic.
#[test]
fn drafts_leave_the_distribution_as_it_is() {
    const N: usize = 4000;
    let draw = |kind: usize| {
        let options = EngineOptions { drafter: drafter(kind), ..EngineOptions::default() };
        let model = HashModel::new(400, N_VOCAB, 512);
        let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap();
        let logs: Vec<Arc<Log>> = (0..N)
            .map(|i| {
                // A few tokens of the vocabulary, with the model's choice among them.
                let logit_bias = (0..N_VOCAB as u32).filter(|t| *t > 5).map(|t| (TokenId(t), f32::NEG_INFINITY));
                let seed = (kind * N + i) as u64;
                let sampling = Sampling { seed, logit_bias: logit_bias.collect(), ..Sampling::unchanged() };
                let prompt = vec![TokenId(1), TokenId(2), TokenId(3)];
                let request = Request { sampling, max_tokens: Some(4), ignore_eos: true, ..Request::new(prompt) };
                submit(&mut runner, &request)
            })
            .collect();
        while runner.step() != Progress::Idle {}
        let mut counts: BTreeMap<Vec<TokenId>, usize> = BTreeMap::new();
        for log in logs {
            *counts.entry(log.tokens(0)).or_default() += 1;
        }
        counts
    };
    let plain = draw(0);
    for kind in [2, 3] {
        let drafted = draw(kind);
        let (mut chi, mut n_cells) = (0.0, 0);
        for text in plain.keys().chain(drafted.keys().filter(|text| !plain.contains_key(*text))) {
            let (a, b) = (plain.get(text).copied().unwrap_or(0), drafted.get(text).copied().unwrap_or(0));
            if a + b >= 10 {
                chi += (a as f64 - b as f64).powi(2) / (a + b) as f64;
                n_cells += 1;
            }
        }
        // Mean n, variance 2 n: five deviations above it.
        let bound = f64::from(n_cells) + 5.0 * (2.0 * f64::from(n_cells)).sqrt();
        assert!(n_cells > 5 && chi < bound, "{:?}: chi-squared {chi} of {n_cells} cells", drafter(kind));
    }
}

#[test]
fn requests_that_begin_alike_compute_their_beginning_once() {
    let tokenizer = stories::tokenizer();
    let model = HashModel::new(200, N_VOCAB, 64);
    let mut runner = Runner::new(Box::new(model), tokenizer, EngineOptions::default(), ticking()).unwrap();
    let shared: Vec<TokenId> = (0..1000).map(|i| TokenId(i % 499)).collect();
    let logs: Vec<Arc<Log>> = (0..20u32)
        .map(|i| {
            let own = (0..10).map(|j| TokenId((i * 31 + j) % 300));
            let prompt = shared.iter().copied().chain(own).collect();
            let request = Request { max_tokens: Some(4), ignore_eos: true, ..Request::new(prompt) };
            submit(&mut runner, &request)
        })
        .collect();
    while runner.step() != Progress::Idle {}
    let stats = runner.stats();
    let n_all = 20 * 1010;
    assert_eq!(stats.n_prompt_tokens, n_all);
    assert_eq!(stats.n_cached_tokens + stats.n_computed_prompt_tokens, n_all, "{stats:?}");
    assert!(stats.n_computed_prompt_tokens <= 1010 + 19 * 10, "{stats:?}");
    for log in &logs[1..] {
        assert_eq!(log.end(0).n_cached, 1000);
    }
}

#[test]
fn choices_share_their_prompt_to_the_token() {
    let model = HashModel::new(40, N_VOCAB, 64);
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), EngineOptions::default(), ticking()).unwrap();
    let prompt: Vec<TokenId> = (0..50).map(TokenId).collect();
    let request = Request { max_tokens: Some(3), ignore_eos: true, n_choices: 8, ..Request::new(prompt) };
    runner.submit(&request, Box::new(LogSink(Arc::default()))).unwrap();
    while runner.step() != Progress::Idle {}
    let stats = runner.stats();
    assert_eq!(stats.n_computed_prompt_tokens, 50 + 7, "of each further choice the last token only: {stats:?}");
    assert_eq!(stats.n_copied_pages, 7);
}

#[test]
fn the_first_in_rank_goes_first_and_waiting_counts() {
    let order_of = |priorities: &[i32]| {
        let model = HashModel::new(40, N_VOCAB, 64);
        let options = EngineOptions { n_running_max: 1, ..EngineOptions::default() };
        let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap();
        let logs: Vec<Arc<Log>> = priorities
            .iter()
            .map(|priority| {
                let prompt = vec![TokenId(priority.unsigned_abs() + 9); 5];
                let request =
                    Request { max_tokens: Some(2), ignore_eos: true, priority: *priority, ..Request::new(prompt) };
                submit(&mut runner, &request)
            })
            .collect();
        let mut order = Vec::new();
        while runner.step() != Progress::Idle {
            let ended = (0..logs.len()).filter(|i| !logs[*i].ends.lock().unwrap().is_empty());
            order.extend(ended.filter(|i| !order.contains(i)).collect::<Vec<_>>());
        }
        order
    };
    assert_eq!(order_of(&[0, 0, 0]), [0, 1, 2]);
    assert_eq!(order_of(&[0, 1, -1, 1]), [1, 3, 0, 2]);
}

#[test]
fn what_pages_cannot_hold_waits_and_ends_all_the_same() {
    // Three sequences of 4 pages each in an arena of 5: all are preempted again and again.
    let model = HashModel::new(5, N_VOCAB, 64);
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), EngineOptions::default(), ticking()).unwrap();
    let logs: Vec<Arc<Log>> = (0..3)
        .map(|i| {
            let prompt = vec![TokenId(i); 10];
            let request = Request { max_tokens: Some(100), ignore_eos: true, ..Request::new(prompt) };
            submit(&mut runner, &request)
        })
        .collect();
    while runner.step() != Progress::Idle {
        runner.check().unwrap();
    }
    assert!(runner.stats().n_preempted > 0);
    for log in logs {
        assert_eq!(log.tokens(0).len(), 100);
    }
}

#[test]
fn a_sequence_grows_far_beyond_the_arena() {
    let window = AttentionWindow { len: 50, sinks: 4 };
    let model = hash_model(window.pages_max(16), 16, Some((window, 100_000)));
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), EngineOptions::default(), ticking()).unwrap();
    let prompt = (0..3000).map(|i| TokenId(i % 499)).collect();
    let request = Request { max_tokens: Some(5000), ignore_eos: true, ..Request::new(prompt) };
    let log = submit(&mut runner, &request);
    while runner.step() != Progress::Idle {
        runner.check().unwrap();
    }
    let world = World { n_pages: 250, step_rows_max: 8000, window: Some((window, 8000)) };
    let alone = lonely(&request, &world, &stories::tokenizer());
    assert_eq!(log.tokens(0), alone.tokens(0));
    assert_eq!(alone.tokens(0).len(), 5000);
}

#[test]
fn a_request_whose_time_is_up_or_whose_reader_sleeps_ends() {
    let options = EngineOptions { stall_limit: Duration::from_millis(50), ..EngineOptions::default() };
    let model = HashModel::new(40, N_VOCAB, 64);
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap();
    let late = Arc::new(Log::default());
    let request =
        Request { ignore_eos: true, time_limit: Some(Duration::from_millis(60)), ..Request::new(vec![TokenId(1)]) };
    runner.submit(&request, Box::new(LogSink(Arc::clone(&late)))).unwrap();
    let asleep = Arc::new(Log::default());
    asleep.is_stalled.store(true, Ordering::Relaxed);
    runner.submit(&Request { time_limit: None, ..request }, Box::new(LogSink(Arc::clone(&asleep)))).unwrap();
    while runner.step() != Progress::Idle {}
    let reason = |log: &Log| log.end(0).finish_reason;
    assert_eq!((reason(&late), reason(&asleep)), (FinishReason::TimedOut, FinishReason::Cancelled));
    assert!(!late.tokens(0).is_empty());
    assert_eq!(runner.stats().n_cancelled, 2);
}

#[test]
fn readers_who_sleep_hold_no_place_and_hide_nobody() {
    let options = EngineOptions { n_running_max: 2, ..EngineOptions::default() };
    let model = HashModel::new(400, N_VOCAB, 64);
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap();
    let submit = |runner: &mut Runner, first: u32| {
        let sampling = Sampling::greedy();
        let request =
            Request { sampling, max_tokens: Some(20), ignore_eos: true, ..Request::new(vec![TokenId(first)]) };
        submit(runner, &request)
    };
    // More than anybody looks at, two of which have begun.
    let asleep: Vec<Arc<Log>> = (0..100).map(|first| submit(&mut runner, first)).collect();
    runner.step();
    asleep.iter().for_each(|log| log.is_stalled.store(true, Ordering::Relaxed));
    let awake: Vec<Arc<Log>> = (100..104).map(|first| submit(&mut runner, first)).collect();
    (0..60).for_each(|_| {
        runner.step();
    });
    assert!(awake.iter().all(|log| log.tokens(0).len() == 20));
    assert!(asleep.iter().all(|log| log.ends.lock().unwrap().is_empty()));
    asleep.iter().for_each(|log| log.is_stalled.store(false, Ordering::Relaxed));
    while runner.step() != Progress::Idle {}
    for (first, log) in (0..).zip(&asleep) {
        let mut all = vec![TokenId(first)];
        (0..20).for_each(|_| all.push(hash_model::next(all.iter().copied(), N_VOCAB)));
        assert_eq!(log.tokens(0), all[1..]);
    }
}

#[test]
fn pages_come_back_from_memory_and_from_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk_cache = DiskCache { folder: folder.path().to_owned(), bytes_max: 1 << 20, model: [1; 32], owners: None };
    let run = |options: EngineOptions| {
        let model = hash_model(12, 64, None);
        let clock = model.clock();
        let mut runner = Runner::new(Box::new(model), stories::tokenizer(), options, clock).unwrap();
        let mut texts = Vec::new();
        // Three prompts in turn, of which the arena holds one.
        for i in [0, 1, 2, 0, 1, 2] {
            let prompt = (0..300).map(|j| TokenId((i * 100 + j) % 499)).collect();
            let request = Request { max_tokens: Some(5), ignore_eos: true, ..Request::new(prompt) };
            let log = submit(&mut runner, &request);
            while runner.step() != Progress::Idle {
                runner.check().unwrap();
            }
            texts.push(log.tokens(0));
        }
        runner.close_cache();
        (texts, runner.stats())
    };
    let (expected, without) = run(EngineOptions::default());
    assert_eq!(without.n_computed_prompt_tokens, 6 * 300);
    let (texts, stats) = run(EngineOptions { swap_bytes_max: 1 << 20, ..EngineOptions::default() });
    assert_eq!(texts, expected);
    assert!(stats.n_loaded_pages >= 3 * 8 && stats.n_computed_prompt_tokens < 3 * 300 + 3 * 50, "{stats:?}");
    let (texts, stats) = run(EngineOptions { disk_cache: Some(disk_cache.clone()), ..EngineOptions::default() });
    assert_eq!(texts, expected);
    let n_files = std::fs::read_dir(folder.path().join("01".repeat(32))).unwrap().count();
    assert_eq!(n_files, 27, "each full page once");
    // What was read again before the disk had it was computed again.
    let cold = stats.n_computed_prompt_tokens;
    let (texts, stats) = run(EngineOptions { disk_cache: Some(disk_cache), ..EngineOptions::default() });
    assert_eq!(texts, expected);
    assert!(
        stats.n_computed_prompt_tokens <= 6 * 50 && cold >= 3 * 300,
        "warm after a restart: {cold}, then {stats:?}"
    );
}

#[test]
fn a_grammar_is_followed_whoever_else_runs_and_its_forced_tokens_save_steps() {
    let tokenizer = stories::tokenizer();
    let compiler = GrammarCompiler::new(&tokenizer).unwrap();
    let schema = serde_json::json!({
        "type": "object",
        "properties": {"name_of_the_person": {"enum": ["Lily", "Tom"]}, "is_happy_today": {"type": "boolean"}},
        "required": ["name_of_the_person", "is_happy_today"],
        "additionalProperties": false,
    });
    let grammar = compiler.compile(&GrammarSource::JsonSchema(schema)).unwrap();
    let run = |speculate: bool, n_others: usize| {
        let model = hash_model(60, 64, None);
        let options = EngineOptions { drafter: drafter(2), ..EngineOptions::default() };
        let mut runner = Runner::new(Box::new(model), Arc::clone(&tokenizer), options, ticking()).unwrap();
        let texts = Arc::new(Mutex::new(String::new()));
        let request = Request {
            sampling: Sampling { temperature: 1.5, seed: 5, ..Sampling::unchanged() },
            grammar: Some(grammar.clone()),
            speculate,
            ..Request::new(vec![TokenId(1), TokenId(9)])
        };
        runner.submit(&request, Box::new(TextSink(Arc::clone(&texts)))).unwrap();
        for i in 0..n_others as u32 {
            let other = Request { max_tokens: Some(40), grammar: None, ..request.clone() };
            let other = Request { prompt: vec![TokenId(i); 20], ignore_eos: true, ..other };
            runner.submit(&other, Box::new(LogSink(Arc::default()))).unwrap();
        }
        while runner.step() != Progress::Idle {}
        (texts.lock().unwrap().clone(), runner.stats().n_steps)
    };
    let (text, n_steps) = run(false, 0);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(value["is_happy_today"].is_boolean() && value["name_of_the_person"].is_string(), "{text}");
    let (with_drafts, n_with_drafts) = run(true, 0);
    assert_eq!(with_drafts, text);
    assert!(n_with_drafts < n_steps, "{n_with_drafts} steps instead of {n_steps}");
    assert_eq!(run(true, 7).0, text);
}

/// A sink that joins the texts.
struct TextSink(Arc<Mutex<String>>);

impl Sink for TextSink {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        self.0.lock().unwrap().push_str(event.text);
        ControlFlow::Continue(())
    }

    fn finish(&mut self, _choice: usize, end: Result<Completion, Error>) {
        assert_eq!(end.unwrap().finish_reason, FinishReason::EndOfGeneration);
    }
}
