//! Every order in which the threads of `kernels::pool` may meet, tried by loom: `cargo xtask loom`.
#![cfg(test)]
#![allow(unsafe_code, reason = "the pool's own")]

mod affinity {
    //! Cores are no matter here.
    pub(super) fn cores(_n: usize) -> Option<Vec<usize>> {
        None
    }
    pub(super) fn pin(_core: usize) {}
}
mod sync;
#[path = "../../src/pool/workers.rs"]
#[allow(dead_code, reason = "the pool has more uses for it")]
mod workers;

use loom::sync::atomic::{AtomicUsize, Ordering};
use workers::Workers;

/// Tries all orders with at most `preemptions` switches that no thread asked for.
fn check(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(test);
}

/// One region that hands out `n_tasks`, as the pool does it; how many were done.
fn region(workers: &Workers, n_tasks: usize) -> usize {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    workers.run(&|_| {
        while next.fetch_add(1, Ordering::Relaxed) < n_tasks {
            done.fetch_add(1, Ordering::Relaxed);
        }
    });
    done.load(Ordering::Relaxed)
}

/// The closure borrows the caller's stack: a worker that ran it after `run` returned would touch what is gone.
#[test]
fn regions_end_with_all_tasks_done() {
    check(3, || {
        let workers = Workers::new(2);
        assert_eq!(region(&workers, 2), 2);
        assert_eq!(region(&workers, 1), 1);
    });
}

#[test]
fn three_threads() {
    check(2, || {
        let workers = Workers::new(3);
        assert_eq!(region(&workers, 2), 2);
    });
}

#[test]
fn a_pool_that_was_never_used_ends() {
    check(3, || drop(Workers::new(2)));
}
