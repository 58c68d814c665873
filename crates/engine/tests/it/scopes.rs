//! Cache scopes: what one request computes spares another of the same scope its work, in each of the ways there are,
//! and nobody else anything: to requests of other scopes it is as if a stranger's prompt had been computed, to the
//! microsecond.

use engine::{CacheScope, Completion, DiskCache, EngineOptions, Progress, Request, Runner, Sampling, TenantId};
use model::TokenId;

use crate::{
    log::{hash_model, submit},
    stories,
};

/// Two pages and a part of a third.
const N_PROMPT: u32 = 70;

/// Tokens that begin like no other prompt here.
fn prompt(first: u32, n: u32) -> Vec<TokenId> {
    (0..n).map(|i| TokenId((first + i * 7) % 499)).collect()
}

fn request(scope: u128) -> Request {
    Request {
        sampling: Sampling::greedy(),
        max_tokens: Some(5),
        ignore_eos: true,
        scope: CacheScope(scope),
        tenant: TenantId(scope),
        ..Request::new(prompt(1, N_PROMPT))
    }
}

/// How what was computed for one may come to another.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    /// The other one has ended: full pages are read in place, the last one is copied.
    Ended,
    /// It is being written to: its last page is copied.
    Running,
    /// Both come at once: one waits until the other has computed.
    Waiting,
    /// Its pages have left the arena for memory.
    Swapped,
    /// Another process has left them on disk.
    OnDisk,
}

const WAYS: [Way; 5] = [Way::Ended, Way::Running, Way::Waiting, Way::Swapped, Way::OnDisk];

/// What the second of two requests sees of the first.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    /// With the time in the queue and in the prompt, by the clock of the rows.
    end: Completion,
    n_steps: u64,
    n_copied_pages: u64,
    n_loaded_pages: u64,
}

fn turn(runner: &mut Runner) {
    while runner.step() != Progress::Idle {
        runner.check().unwrap();
    }
}

fn second_of(way: Way, first: &Request, second: &Request) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let model = hash_model(14, 48, None);
        let clock = model.clock();
        let cache = DiskCache { folder: folder.path().to_owned(), bytes_max: 1 << 20, model: [7; 32], owners: None };
        let options = EngineOptions {
            swap_bytes_max: if way == Way::Swapped { 1 << 20 } else { 0 },
            disk_cache: (way == Way::OnDisk).then_some(cache),
            ..EngineOptions::default()
        };
        Runner::new(Box::new(model), stories::tokenizer(), options, clock).unwrap()
    };
    let mut runner = start();
    let before = submit(&mut runner, first);
    match way {
        Way::Waiting => {}
        Way::Running => {
            while before.tokens(0).len() < 2 {
                runner.step();
            }
        }
        Way::Ended => turn(&mut runner),
        Way::Swapped => {
            turn(&mut runner);
            // As much as the arena holds, of nobody.
            let filler = Request { prompt: prompt(300, 14 * 32 - 8), use_cache: false, ..request(99) };
            submit(&mut runner, &filler);
            turn(&mut runner);
            assert_eq!(runner.stats().pages_cached, 0, "all of the first has left the arena");
        }
        Way::OnDisk => {
            turn(&mut runner);
            runner.close_cache();
            runner = start();
        }
    }
    let before = runner.stats();
    let log = submit(&mut runner, second);
    while log.ends.lock().unwrap().is_empty() {
        runner.step();
        runner.check().unwrap();
    }
    let after = runner.stats();
    Seen {
        end: log.end(0),
        n_steps: after.n_steps - before.n_steps,
        n_copied_pages: after.n_copied_pages - before.n_copied_pages,
        n_loaded_pages: after.n_loaded_pages - before.n_loaded_pages,
    }
}

/// What somebody sees whose prompt nobody else has.
fn stranger_of(way: Way, first: &Request, second: &Request) -> Seen {
    second_of(way, first, &Request { prompt: prompt(200, N_PROMPT), ..second.clone() })
}

#[test]
fn one_scope_shares_in_every_way() {
    for way in WAYS {
        let seen = second_of(way, &request(1), &request(1));
        let (n_cached, n_copied, n_loaded) = match way {
            // All but the token whose row gives the next one.
            Way::Ended | Way::Running | Way::Waiting => (69, 1, 0),
            Way::Swapped | Way::OnDisk => (64, 0, 2),
        };
        let got = (seen.end.n_cached, seen.n_copied_pages, seen.n_loaded_pages);
        assert_eq!(got, (n_cached, n_copied, n_loaded), "{way:?}");
        let stranger = stranger_of(way, &request(1), &request(1));
        assert_eq!((stranger.end.n_cached, stranger.n_copied_pages, stranger.n_loaded_pages), (0, 0, 0), "{way:?}");
        assert!(seen.end.prefill_seconds < stranger.end.prefill_seconds, "{way:?}: {seen:?}, {stranger:?}");
    }
}

#[test]
fn another_scope_sees_nothing_in_any_way() {
    // Scopes that differ in their owner alone, and in what lies below it alone.
    for (first, second) in [(1, 2), (0, 1), (1, 0), (1 << 64, 2 << 64), (5 << 64, 5 << 64 | 1)] {
        for way in WAYS {
            let (first, second) = (request(first), request(second));
            let seen = second_of(way, &first, &second);
            assert_eq!(seen, stranger_of(way, &first, &second), "{way:?}, {:?}, {:?}", first.scope, second.scope);
            assert_eq!((seen.end.n_cached, seen.n_copied_pages, seen.n_loaded_pages), (0, 0, 0), "{way:?}");
        }
    }
}

#[test]
fn who_shares_nothing_neither_leaves_nor_finds_anything() {
    for (first, second) in [(false, false), (false, true), (true, false)] {
        for way in WAYS {
            let [first, second] = [first, second].map(|use_cache| Request { use_cache, ..request(1) });
            let seen = second_of(way, &first, &second);
            assert_eq!(seen, stranger_of(way, &first, &second), "{way:?}: {} {}", first.use_cache, second.use_cache);
        }
    }
}

#[test]
fn choices_of_one_that_shares_nothing_share_among_themselves_and_leave_nothing() {
    let model = hash_model(40, 48, None);
    let clock = model.clock();
    let mut runner = Runner::new(Box::new(model), stories::tokenizer(), EngineOptions::default(), clock).unwrap();
    let log = submit(&mut runner, &Request { use_cache: false, n_choices: 3, ..request(1) });
    turn(&mut runner);
    assert_eq!([0, 1, 2].map(|choice| log.end(choice).n_cached), [0, 69, 69]);
    let stats = runner.stats();
    assert_eq!((stats.pages_cached, stats.pages_free), (0, stats.pages_total));
}
