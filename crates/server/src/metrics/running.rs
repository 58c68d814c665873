//! [`Running`]: the sequences that are being generated now, with no word of what they say.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The sequences of one model that are being generated. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Running(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    n_entered: u64,
    sequences: BTreeMap<u64, Arc<Counts>>,
}

#[derive(Debug)]
struct Counts {
    n_prompt: usize,
    n_completion: AtomicU64,
}

/// A sequence at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RunningSequence {
    /// Number of the sequence; the first to come has the lowest.
    pub(crate) id: u64,
    /// Tokens of the prompt.
    pub(crate) n_prompt: usize,
    /// Tokens generated so far.
    pub(crate) n_completion: u64,
}

/// Keeps a sequence in the table.
#[derive(Debug)]
pub(crate) struct RunningGuard {
    id: u64,
    counts: Arc<Counts>,
    running: Running,
}

impl Running {
    /// Enters the sequences of one request.
    pub(crate) fn enter(&self, n_prompt: usize, n_choices: usize) -> Vec<RunningGuard> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let guard = |_| {
            table.n_entered += 1;
            let (id, counts) = (table.n_entered, Arc::new(Counts { n_prompt, n_completion: AtomicU64::new(0) }));
            table.sequences.insert(id, Arc::clone(&counts));
            RunningGuard { id, counts, running: self.clone() }
        };
        (0..n_choices).map(guard).collect()
    }

    /// The sequences that are being generated, in the order they came.
    pub(crate) fn list(&self) -> Vec<RunningSequence> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = |(id, counts): (&u64, &Arc<Counts>)| RunningSequence {
            id: *id,
            n_prompt: counts.n_prompt,
            n_completion: counts.n_completion.load(Ordering::Relaxed),
        };
        table.sequences.iter().map(sequence).collect()
    }
}

impl RunningGuard {
    /// Counts one more token of the sequence.
    pub(crate) fn count_token(&self) {
        self.counts.n_completion.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the sequence out of the table, because it ended.
    pub(crate) fn leave(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).sequences.remove(&self.id);
    }
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_listed_while_they_run() {
        let running = Running::default();
        let mut two = running.enter(7, 2);
        two[1].count_token();
        two[1].count_token();
        let one = running.enter(3, 1);
        let counts: Vec<(u64, usize, u64)> =
            running.list().iter().map(|s| (s.id, s.n_prompt, s.n_completion)).collect();
        assert_eq!(counts, [(1, 7, 0), (2, 7, 2), (3, 3, 0)]);
        two[0].leave();
        drop(one);
        assert_eq!(running.list().iter().map(|s| s.id).collect::<Vec<_>>(), [2]);
        drop(two);
        assert_eq!(running.list(), []);
    }
}
