//! ORDER BY: rows are held with the values of their keys; where only the first are wanted, few are held.

use std::cmp::Ordering;
use std::rc::Rc;

use spareval::ExpressionTerm as Value;

use super::{Rows, Runner, Sink};
use crate::query::error::QueryError;
use crate::query::expression::Expr;
use crate::query::limits::Meter;
use crate::query::plan::Node;
use crate::query::value;
use crate::query::words::Word;

/// How many rows are sorted without asking the meter.
const RUN: usize = 512;
/// The fewest rows that are held before those behind the wanted ones are dropped.
const HELD_MIN: usize = 1024;

type Key = Option<Rc<Value>>;

struct Held {
    rows: Rows,
    /// As many keys as the order has, for each row.
    keys: Vec<Key>,
}

impl Runner {
    /// The rows of an operator in the order of the keys; only the first `keep`, if that is said.
    pub(crate) fn sort(
        &self,
        inner: &Node,
        by: &[(Expr, bool)],
        keep: Option<usize>,
        sink: &mut Sink<'_>,
    ) -> Result<bool, QueryError> {
        let mut held = Held { rows: Rows::new(self.width), keys: Vec::new() };
        let held_max = keep.map_or(usize::MAX, |keep| keep.saturating_mul(2).max(HELD_MIN));
        let row_bytes = (self.width + 4 * by.len()) * size_of::<u64>();
        // The first key of the last row that is wanted so far, once that is known.
        let mut last: Option<Key> = None;
        self.run(inner, &mut |rows| {
            let before = held.rows.len();
            for row in rows.iter() {
                self.meter.tick("ORDER BY")?;
                let mut keys = by.iter().map(|(key, _)| self.sort_key(key, row));
                let first = keys.next().transpose()?;
                if let (Some(last), Some(first), Some((_, is_descending))) = (&last, &first, by.first()) {
                    let order = directed(first, last, *is_descending);
                    if order.is_gt() {
                        continue;
                    }
                }
                held.rows.words.extend_from_slice(row);
                held.keys.extend(first);
                for key in keys {
                    held.keys.push(key?);
                }
            }
            self.meter.hold((held.rows.len() - before) * row_bytes, "ORDER BY")?;
            if held.rows.len() > held_max {
                let before = held.rows.len();
                held = held.first(keep.unwrap_or(usize::MAX), by, &self.meter)?;
                last = held.keys.len().checked_sub(by.len()).and_then(|at| held.keys.get(at).cloned());
                self.meter.release((before - held.rows.len()) * row_bytes);
            }
            Ok(true)
        })?;
        let mut out = self.out(sink);
        for n in held.order(by, &self.meter)? {
            if !out.push(held.rows.row(n))? {
                return Ok(false);
            }
        }
        out.flush()
    }

    fn sort_key(&self, key: &Expr, row: &[Word]) -> Result<Key, QueryError> {
        key.give(row, self)?.map(|given| given.value(&self.words)).transpose()
    }
}

/// The order of two keys.
fn directed(a: &Key, b: &Key, is_descending: bool) -> Ordering {
    let order = value::order(a.as_deref(), b.as_deref());
    if is_descending { order.reverse() } else { order }
}

impl Held {
    /// The numbers of the rows in their order; equal ones stay as they came.
    fn order(&self, by: &[(Expr, bool)], meter: &Meter) -> Result<Vec<usize>, QueryError> {
        let compare = |a: usize, b: usize| {
            let keys = |n: usize| &self.keys[n * by.len()..(n + 1) * by.len()];
            for ((a, b), (_, is_descending)) in keys(a).iter().zip(keys(b)).zip(by) {
                let order = directed(a, b, *is_descending);
                if order != Ordering::Equal {
                    return order;
                }
            }
            a.cmp(&b)
        };
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        for run in order.chunks_mut(RUN) {
            meter.ticks(run.len() * 4, "ORDER BY")?;
            run.sort_unstable_by(|a, b| compare(*a, *b));
        }
        let mut len = RUN;
        while len < order.len() {
            let mut merged = Vec::with_capacity(order.len());
            for pair in order.chunks(len * 2) {
                let (left, right) = pair.split_at(len.min(pair.len()));
                let (mut l, mut r) = (left.iter().peekable(), right.iter().peekable());
                while let (Some(&&a), Some(&&b)) = (l.peek(), r.peek()) {
                    meter.tick("ORDER BY")?;
                    let from = if compare(a, b).is_lt() { &mut l } else { &mut r };
                    merged.extend(from.next());
                }
                merged.extend(l.chain(r));
            }
            order = merged;
            len *= 2;
        }
        Ok(order)
    }

    fn first(&self, keep: usize, by: &[(Expr, bool)], meter: &Meter) -> Result<Self, QueryError> {
        let mut first = Self { rows: Rows::new(self.rows.width), keys: Vec::new() };
        for n in self.order(by, meter)?.into_iter().take(keep) {
            first.rows.words.extend_from_slice(self.rows.row(n));
            first.keys.extend_from_slice(&self.keys[n * by.len()..(n + 1) * by.len()]);
        }
        Ok(first)
    }
}
