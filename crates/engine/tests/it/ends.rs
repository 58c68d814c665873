//! Clients that break off, and sinks that panic, at each point of a step: nobody else notices.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engine::{Completion, EngineOptions, Error, Event, FinishReason, Progress, Request, Runner, Sampling, Sink, Task};
use model::{Pooling, TokenId};

use crate::{
    log::{Log, LogSink, World, hash_model, lonely, submit, ticking},
    stories,
};

const WORLD: World = World { n_pages: 60, step_rows_max: 16, window: None };

fn request(first: u32, n_prompt: u32, max_tokens: usize) -> Request {
    let prompt = (0..n_prompt).map(|i| TokenId((first + i * 7) % 400)).collect();
    Request { sampling: Sampling::greedy(), max_tokens: Some(max_tokens), ignore_eos: true, ..Request::new(prompt) }
}

fn runner(prefix_cache: bool) -> Runner {
    let options = EngineOptions { prefix_cache, ..EngineOptions::default() };
    let model = hash_model(WORLD.n_pages, WORLD.step_rows_max, None);
    Runner::new(Box::new(model), stories::tokenizer(), options, ticking()).unwrap()
}

/// Runs two requests beside one of several choices whose sink breaks off at an event of its own: at each, until it
/// comes to its end.
fn break_off_everywhere(leaves: &Request, prefix_cache: bool) {
    let tokenizer = stories::tokenizer();
    let stay = [request(1, 20, 30), request(2, 40, 12)];
    let alone: Vec<Arc<Log>> = stay.iter().map(|request| lonely(request, &WORLD, &tokenizer)).collect();
    let left_alone = lonely(leaves, &WORLD, &tokenizer);
    for breaks_at in 1.. {
        let at = format!("breaks off at event {breaks_at}, with the prefix cache {prefix_cache}: {leaves:?}");
        let mut runner = runner(prefix_cache);
        let before = submit(&mut runner, &stay[0]);
        let log = Arc::new(Log::default());
        log.breaks_at.store(breaks_at, Ordering::Relaxed);
        runner.submit(leaves, Box::new(LogSink(Arc::clone(&log)))).unwrap();
        let after = submit(&mut runner, &stay[1]);
        while runner.step() != Progress::Idle {
            runner.check().unwrap_or_else(|wrong| panic!("{at}: {wrong}"));
        }
        for (log, (alone, request)) in [before, after].iter().zip(alone.iter().zip(&stay)) {
            log.check(alone, request, false, &at);
        }
        log.check(&left_alone, leaves, log.has_broken_off(), &at);
        let stats = runner.stats();
        assert_eq!((stats.n_panics, stats.n_failed, stats.n_active), (0, 0, 0), "{at}");
        if !log.has_broken_off() {
            // Embeddings are told at their end alone.
            assert!(breaks_at > 10 || leaves.task != Task::Generate, "{at}: so few events");
            return;
        }
    }
}

#[test]
fn whoever_breaks_off_within_a_group_hurts_nobody_else() {
    let generate = Request { n_choices: 3, ..request(3, 50, 12) };
    let embed = Request { n_choices: 4, task: Task::Embed(Pooling::Mean), ..request(3, 150, 0) };
    for leaves in [
        generate.clone(),
        Request { n_choices: 2, ..request(3, 9, 12) },
        Request { prompt_logprobs: Some(1), ..generate },
        embed,
    ] {
        for prefix_cache in [true, false] {
            break_off_everywhere(&leaves, prefix_cache);
        }
    }
}

#[test]
fn who_leaves_within_the_prompt_is_charged_for_what_was_computed_of_it() {
    let long = request(1, 200, 5);
    let alone = lonely(&long, &WORLD, &stories::tokenizer());
    // Chunks of 16, and none of it cached.
    for (n_steps, n_charged) in [(0, 0), (1, 16), (5, 80), (12, 192), (13, 200)] {
        let mut runner = runner(true);
        let log = submit(&mut runner, &long);
        (0..n_steps).for_each(|_| {
            runner.step();
        });
        log.is_closed.store(true, Ordering::Relaxed);
        while runner.step() != Progress::Idle {}
        let (charges, n_told) = (log.charges.lock().unwrap().clone(), log.tokens(0).len());
        assert_eq!((charges, n_told), (vec![(n_charged, n_told)], usize::from(n_steps == 13)), "after {n_steps} steps");
        log.check(&alone, &long, true, "left within the prompt");
    }
}

/// Time jumps for a process that was suspended, as the lid of a laptop does, or a machine that slept.
#[test]
fn a_clock_that_jumps_ends_nobody_whose_time_is_not_up() {
    let stay = request(1, 20, 30);
    let alone = lonely(&stay, &WORLD, &stories::tokenizer());
    let now = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&now);
    let ticking = Box::new(move || Duration::from_millis(clock.fetch_add(1, Ordering::Relaxed)));
    let model = hash_model(WORLD.n_pages, WORLD.step_rows_max, None);
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), EngineOptions::default(), ticking).unwrap();
    let (runs, sleeps) = (submit(&mut runner, &stay), submit(&mut runner, &stay));
    let late = submit(&mut runner, &Request { time_limit: Some(Duration::from_mins(1)), ..stay.clone() });
    for _ in 0..10 {
        runner.step();
    }
    sleeps.is_stalled.store(true, Ordering::Relaxed);
    for _ in 0..2 {
        runner.step();
    }
    now.fetch_add(3_600_000, Ordering::Relaxed);
    // Its reader was suspended with it.
    runner.step();
    sleeps.is_stalled.store(false, Ordering::Relaxed);
    while runner.step() != Progress::Idle {}
    for log in [runs, sleeps] {
        log.check(&alone, &stay, false, "after an hour");
        let end = log.end(0);
        let seconds = [end.queue_seconds, end.prefill_seconds, end.decode_seconds];
        assert!(seconds.iter().all(|seconds| (0.0..4000.0).contains(seconds)), "{seconds:?}");
    }
    assert_eq!(late.end(0).finish_reason, FinishReason::TimedOut);
}

/// A sink that panics at an event.
struct Breaking(usize);

impl Sink for Breaking {
    fn event(&mut self, _event: Event<'_>) -> ControlFlow<()> {
        self.0 = self.0.checked_sub(1).expect("no bug: a test of what one costs");
        ControlFlow::Continue(())
    }

    fn finish(&mut self, _choice: usize, end: Result<Completion, Error>) {
        assert_eq!(end, Err(Error::Internal));
    }
}

#[test]
fn a_panic_over_a_row_costs_its_own_sequence_only() {
    let stay = request(1, 20, 30);
    let alone = lonely(&stay, &WORLD, &stories::tokenizer());
    for at in [0, 1, 3, 7] {
        let mut runner = runner(true);
        let before = submit(&mut runner, &stay);
        runner.submit(&request(3, 50, 30), Box::new(Breaking(at))).unwrap();
        let after = submit(&mut runner, &stay);
        while runner.step() != Progress::Idle {
            runner.check().unwrap();
        }
        for log in [before, after] {
            log.check(&alone, &stay, false, "beside a panic");
        }
        let stats = runner.stats();
        assert_eq!((stats.n_panics, stats.n_failed, stats.n_finished, stats.n_active), (1, 1, 2, 0));
    }
}
