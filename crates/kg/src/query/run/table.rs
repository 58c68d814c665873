//! Rows by the hash of their keys, and the joins that look them up.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::{Rows, Runner, Sink, WEIGHT};
use crate::query::error::QueryError;
use crate::query::expression::Expr;
use crate::query::limits::Meter;
use crate::query::words::{UNBOUND, Word};

/// The end of a chain.
const END: u32 = u32::MAX;

/// Rows, chained by the hash of their keys.
pub(crate) struct Table {
    rows: Rows,
    keys: Vec<usize>,
    heads: FxHashMap<u64, u32>,
    next: Vec<u32>,
}

fn hash(row: &[Word], keys: &[usize]) -> u64 {
    let mut hasher = FxHasher::default();
    keys.iter().for_each(|&key| row[key].hash(&mut hasher));
    hasher.finish()
}

impl Table {
    pub(crate) fn new(rows: Rows, keys: &[usize], meter: &Meter) -> Result<Self, QueryError> {
        if rows.len() >= END as usize {
            return Err(QueryError::TooLarge { what: "rows in a join", found: rows.len(), max: END as usize });
        }
        meter.hold(rows.len() * 24, "hash join")?;
        let mut heads: FxHashMap<u64, u32> = FxHashMap::default();
        let mut next = Vec::with_capacity(rows.len());
        // From the last, so that a chain runs forward.
        for n in (0..rows.len()).rev() {
            meter.tick("hash join")?;
            let head = heads.insert(hash(rows.row(n), keys), n as u32);
            next.push(head.unwrap_or(END));
        }
        next.reverse();
        Ok(Self { rows, keys: keys.to_vec(), heads, next })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// The rows whose keys have the hash of this row's.
    fn candidates(&self, row: &[Word]) -> impl Iterator<Item = &[Word]> {
        let mut at = self.heads.get(&hash(row, &self.keys)).copied().unwrap_or(END);
        std::iter::from_fn(move || {
            let row = (at != END).then(|| self.rows.row(at as usize))?;
            at = self.next[at as usize];
            Some(row)
        })
    }
}

/// Appends the row that both are, if they agree where both have a term.
fn append_merged(left: &[Word], right: &[Word], out: &mut Vec<Word>) -> bool {
    let start = out.len();
    out.push(left[WEIGHT].saturating_mul(right[WEIGHT]));
    for (&l, &r) in left[1..].iter().zip(&right[1..]) {
        if l != r && l != UNBOUND && r != UNBOUND {
            out.truncate(start);
            return false;
        }
        out.push(l | if l == UNBOUND { r } else { UNBOUND });
    }
    true
}

impl Runner {
    /// Joins rows with those of a table; those that find none are kept if `keeps_left`.
    pub(crate) fn probe(
        &self,
        rows: &Rows,
        table: &Table,
        filter: Option<&Expr>,
        keeps_left: bool,
        sink: &mut Sink<'_>,
    ) -> Result<bool, QueryError> {
        let mut out = self.out(sink);
        for row in rows.iter() {
            let mut found = false;
            for other in table.candidates(row) {
                self.meter.tick("hash join")?;
                let start = out.rows.words.len();
                if !append_merged(row, other, &mut out.rows.words) {
                    continue;
                }
                if let Some(filter) = filter
                    && filter.holds(&out.rows.words[start..], self)? != Some(true)
                {
                    out.rows.words.truncate(start);
                    continue;
                }
                found = true;
                if !out.full()? {
                    return Ok(false);
                }
            }
            if keeps_left && !found && !out.push(row)? {
                return Ok(false);
            }
        }
        out.flush()
    }

    /// The rows with which no row of the table agrees in a term.
    pub(crate) fn minus(
        &self,
        rows: &Rows,
        table: &Table,
        shared: u128,
        sink: &mut Sink<'_>,
    ) -> Result<bool, QueryError> {
        let shared: Vec<usize> = crate::query::plan::algebra::slots_of(shared);
        let mut out = self.out(sink);
        for row in rows.iter() {
            let mut goes = false;
            for other in table.candidates(row) {
                self.meter.tick("MINUS")?;
                let mut both = shared.iter().filter(|&&s| row[s] != UNBOUND && other[s] != UNBOUND).peekable();
                if both.peek().is_some() && both.all(|&s| row[s] == other[s]) {
                    goes = true;
                    break;
                }
            }
            if !goes && !out.push(row)? {
                return Ok(false);
            }
        }
        out.flush()
    }
}
