//! What changed since the last merge, in memory: sorted runs, the newest last.
//!
//! A row is in a run's `added` only if it was no fact of what is older, and in `removed` only if it was one. So a row's
//! additions less its removals, over all runs, say whether it is a fact more or less than the blocks hold.

use std::sync::{Arc, OnceLock};

use crate::order::{Order, Row};
use crate::term::TermId;

/// The changes of one commit, or of several that were put together.
#[derive(Debug, Default)]
pub(crate) struct Run {
    added: Sorted,
    removed: Sorted,
    adds_named: bool,
}

/// Rows in every order that was asked for; the first is always there.
#[derive(Debug, Default)]
struct Sorted([OnceLock<Vec<Row>>; Order::ALL.len()]);

impl Sorted {
    fn new(spog: Vec<Row>) -> Self {
        debug_assert!(spog.is_sorted());
        let sorted = Self::default();
        sorted.0[Order::Spog as usize].get_or_init(|| spog);
        sorted
    }

    fn rows(&self, order: Order) -> &[Row] {
        self.0[order as usize].get_or_init(|| {
            let spog = self.0[Order::Spog as usize].get().map_or(&[][..], Vec::as_slice);
            let mut rows: Vec<Row> = spog.iter().map(|row| order.row(&Order::Spog.quad(row))).collect();
            rows.sort_unstable();
            rows
        })
    }
}

/// Which rows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Added,
    Removed,
}

impl Run {
    /// The run of these rows, which are sorted as [`Order::Spog`] sorts.
    pub(crate) fn new(added: Vec<Row>, removed: Vec<Row>) -> Self {
        let adds_named = added.iter().any(|row| row[3] != TermId::DEFAULT_GRAPH);
        Self { added: Sorted::new(added), removed: Sorted::new(removed), adds_named }
    }

    /// Whether it adds facts to named graphs.
    pub(crate) fn adds_named(&self) -> bool {
        self.adds_named
    }

    pub(crate) fn rows(&self, order: Order, side: Side) -> &[Row] {
        match side {
            Side::Added => self.added.rows(order),
            Side::Removed => self.removed.rows(order),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows(Order::Spog, Side::Added).len() + self.rows(Order::Spog, Side::Removed).len()
    }

    /// Facts more, less facts fewer.
    pub(crate) fn balance(&self) -> i64 {
        self.rows(Order::Spog, Side::Added).len() as i64 - self.rows(Order::Spog, Side::Removed).len() as i64
    }

    /// What `self` and then `newer` do, in one run.
    pub(crate) fn then(&self, newer: &Self) -> Self {
        let rows = |run: &'_ Self, side| run.rows(Order::Spog, side).to_vec();
        let (old_added, old_removed) = (rows(self, Side::Added), rows(self, Side::Removed));
        let (new_added, new_removed) = (rows(newer, Side::Added), rows(newer, Side::Removed));
        let added = union(without(&old_added, &new_removed), without(&new_added, &old_removed));
        let removed = union(without(&old_removed, &new_added), without(&new_removed, &old_added));
        Self::new(added, removed)
    }
}

fn without(rows: &[Row], less: &[Row]) -> Vec<Row> {
    let mut less = less.iter().peekable();
    let is_kept = |row: &&Row| {
        while less.next_if(|other| other < row).is_some() {}
        less.peek() != Some(row)
    };
    rows.iter().filter(is_kept).copied().collect()
}

fn union(mut rows: Vec<Row>, more: Vec<Row>) -> Vec<Row> {
    if !more.is_empty() {
        rows.extend(more);
        rows.sort();
    }
    rows
}

/// The runs with one more; small ones are put together, so that their number grows with the logarithm of their rows.
pub(crate) fn with_run(runs: &[Arc<Run>], run: Run) -> Vec<Arc<Run>> {
    let mut runs = runs.to_vec();
    let mut last = run;
    while let Some(before) = runs.pop_if(|before| before.len() < 2 * last.len()) {
        last = before.then(&last);
    }
    if last.len() > 0 {
        runs.push(Arc::new(last));
    }
    runs
}

/// The runs as one.
pub(crate) fn whole(runs: &[Arc<Run>]) -> Run {
    runs.iter().rev().fold(Run::default(), |newer, older| older.then(&newer))
}

/// The rows of some runs within bounds, in an order, each with its additions less its removals.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    order: Order,
    heads: Vec<Head>,
    next: Option<(Row, i32)>,
}

#[derive(Debug, Clone)]
struct Head {
    run: Arc<Run>,
    side: Side,
    at: usize,
    end: usize,
}

impl Head {
    fn rest(&self, order: Order) -> &[Row] {
        &self.run.rows(order, self.side)[self.at..self.end]
    }
}

impl Cursor {
    /// The rows from `low` to `high`, both included.
    pub(crate) fn new(runs: &[Arc<Run>], order: Order, low: &Row, high: &Row) -> Self {
        let mut heads = Vec::new();
        for run in runs {
            for side in [Side::Added, Side::Removed] {
                let rows = run.rows(order, side);
                let at = rows.partition_point(|row| row < low);
                let end = at + rows[at..].partition_point(|row| row <= high);
                if at < end {
                    heads.push(Head { run: Arc::clone(run), side, at, end });
                }
            }
        }
        let mut cursor = Self { order, heads, next: None };
        cursor.advance();
        cursor
    }

    pub(crate) fn peek(&self) -> Option<(Row, i32)> {
        self.next
    }

    pub(crate) fn advance(&mut self) {
        let least = self.heads.iter().filter_map(|head| head.rest(self.order).first()).min().copied();
        self.next = least.map(|row| {
            let mut balance = 0;
            for head in &mut self.heads {
                if head.rest(self.order).first() == Some(&row) {
                    head.at += 1;
                    balance += if head.side == Side::Added { 1 } else { -1 };
                }
            }
            (row, balance)
        });
    }

    /// Rows before `target` are passed.
    pub(crate) fn seek(&mut self, target: &Row) {
        if self.next.is_none_or(|(row, _)| row >= *target) {
            return;
        }
        for head in &mut self.heads {
            head.at += head.rest(self.order).partition_point(|row| row < target);
        }
        self.advance();
    }

    /// Additions less removals of all rows that are left.
    pub(crate) fn balance(&self) -> i64 {
        let rest = |head: &Head| {
            let n = (head.end - head.at) as i64;
            if head.side == Side::Added { n } else { -n }
        };
        self.next.map_or(0, |(_, balance)| i64::from(balance)) + self.heads.iter().map(rest).sum::<i64>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::term::{TermId, TermKind};

    fn row(n: u64) -> Row {
        [n / 3, n % 3, n % 5, 0].map(|n| TermId::new(TermKind::Iri, n))
    }

    proptest! {
        #[test]
        fn runs_put_together_or_not_say_what_the_commits_did(
            commits in prop::collection::vec(prop::collection::vec((any::<bool>(), 0..40_u64), 0..9), 0..12),
        ) {
            let (mut facts, mut runs) = (BTreeSet::new(), Vec::new());
            for commit in &commits {
                let before: BTreeSet<Row> = facts.clone();
                for &(is_added, n) in commit {
                    if is_added { facts.insert(row(n)) } else { facts.remove(&row(n)) };
                }
                let run = |a: &BTreeSet<Row>, b: &BTreeSet<Row>| a.difference(b).copied().collect::<Vec<Row>>();
                runs = with_run(&runs, Run::new(run(&facts, &before), run(&before, &facts)));
            }
            prop_assert!(runs.len() <= 7);
            for order in Order::ALL {
                let sorted: BTreeSet<Row> = facts.iter().map(|row| order.row(&Order::Spog.quad(row))).collect();
                let (low, high) = ([TermId::DEFAULT_GRAPH; 4], [TermId::LAST; 4]);
                let mut cursor = Cursor::new(&runs, order, &low, &high);
                prop_assert_eq!(cursor.balance(), sorted.len() as i64);
                let mut found = Vec::new();
                while let Some((row, balance)) = cursor.peek() {
                    prop_assert!(balance == 0 || balance == 1);
                    found.extend((balance == 1).then_some(row));
                    cursor.advance();
                }
                prop_assert_eq!(found, sorted.into_iter().collect::<Vec<_>>());
            }
            prop_assert_eq!(whole(&runs).rows(Order::Spog, Side::Added).len(), facts.len());
            prop_assert_eq!(whole(&runs).balance(), facts.len() as i64);
        }
    }
}
