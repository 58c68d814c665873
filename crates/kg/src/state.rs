//! One commit: blocks, the changes since, and the terms of both.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::cache::{Cache, Decoded};
use crate::delta::{Cursor, Run};
use crate::dictionary::fences::{RowFences, TermFences};
use crate::dictionary::late::Late;
use crate::dictionary::page::Page;
use crate::dictionary::spelling::{Class, Parts};
use crate::error::{Damage, Error};
use crate::order::{Order, Row};
use crate::statistics::Statistics;
use crate::store::Seq;
use crate::store::tables::Tables;
use crate::term::{Place, TermId, inline};

/// The number of the dictionary among the tables of blocks; the orders are before it.
pub(crate) const TERMS: u8 = Order::ALL.len() as u8;

/// What the last merge wrote, and what of it is decoded.
#[derive(Debug)]
pub(crate) struct Base {
    /// Nothing for an order that is not kept.
    pub(crate) orders: [Option<RowFences>; Order::ALL.len()],
    pub(crate) terms: TermFences,
    pub(crate) statistics: Statistics,
    pub(crate) cache: Cache,
}

/// The terms that came after the last merge: those committed, and those of a transaction.
#[derive(Debug, Clone)]
pub(crate) struct LateTerms {
    pub(crate) committed: (Arc<Late>, u64),
    pub(crate) own: Option<(Arc<Late>, u64)>,
}

/// Everything of one commit, or of a transaction so far.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) seq: Seq,
    pub(crate) base: Arc<Base>,
    pub(crate) tables: Arc<Tables>,
    pub(crate) runs: Vec<Arc<Run>>,
    pub(crate) late: LateTerms,
}

impl State {
    pub(crate) fn n_quads(&self) -> u64 {
        let base = self.base.orders[Order::Spog as usize].as_ref().map_or(0, RowFences::n_rows);
        base.saturating_add_signed(self.runs.iter().map(|run| run.balance()).sum())
    }

    /// Whether any fact may be in a named graph.
    pub(crate) fn may_have_named(&self) -> bool {
        self.base.statistics.named > 0 || self.runs.iter().any(|run| run.adds_named())
    }

    pub(crate) fn fences(&self, order: Order) -> Result<&RowFences, Error> {
        self.base.orders[order as usize].as_ref().ok_or(Error::NoOrder(order))
    }

    /// The rows of a block.
    pub(crate) fn rows(&self, order: Order, block: usize) -> Result<Arc<Vec<Row>>, Error> {
        let key = (order as u8, block as u64);
        if let Some(Decoded::Rows(rows)) = self.base.cache.get(key) {
            return Ok(rows);
        }
        let fences = self.fences(order)?;
        let rows = Arc::new(self.rows_of_file(order, fences, block)?);
        self.base.cache.put(key, Decoded::Rows(Arc::clone(&rows)));
        Ok(rows)
    }

    /// The rows of a block as the file has them, not through the cache, which is for readers.
    pub(crate) fn rows_of_file(&self, order: Order, fences: &RowFences, block: usize) -> Result<Vec<Row>, Error> {
        let rows = self.tables.rows(order, block as u64)?;
        let n_rows = fences.starts[block + 1] - fences.starts[block];
        if rows.len() as u64 != n_rows || rows[0] != fences.first[block] {
            let why = format!("{} rows, but {n_rows} that begin with another were written", rows.len());
            return Err(Damage { table: order.name(), block: block as u64, why }.into());
        }
        Ok(rows)
    }

    /// The rows of a block that cannot be read, from what the other orders say of its facts; none if a fact that it
    /// had is in no block that can be read.
    pub(crate) fn rows_of_others(&self, order: Order, fences: &RowFences, block: usize) -> Option<Vec<Row>> {
        let n_rows = fences.starts[block + 1] - fences.starts[block];
        let (first, next) = (fences.first[block], fences.first.get(block + 1));
        let mut rows = BTreeSet::new();
        for other in Order::ALL.into_iter().filter(|other| *other != order) {
            let Ok(others) = self.fences(other) else { continue };
            for number in 0..others.n_blocks() {
                let Ok(found) = self.rows_of_file(other, others, number) else { continue };
                let found = found.iter().map(|row| order.row(&other.quad(row)));
                rows.extend(found.filter(|row| first <= *row && next.is_none_or(|next| row < next)));
            }
            if rows.len() as u64 >= n_rows {
                break;
            }
        }
        (rows.len() as u64 == n_rows).then(|| rows.into_iter().collect())
    }

    pub(crate) fn page(&self, number: usize) -> Result<Arc<Page>, Error> {
        let key = (TERMS, number as u64);
        if let Some(Decoded::Page(page)) = self.base.cache.get(key) {
            return Ok(page);
        }
        let page = Arc::new(self.tables.page(number as u64)?);
        let starts = self.base.terms.starts();
        if page.len() as u64 != starts[number + 1] - starts[number] {
            let why = format!("{} terms, but {} were written", page.len(), starts[number + 1] - starts[number]);
            return Err(Damage { table: "terms", block: number as u64, why }.into());
        }
        self.base.cache.put(key, Decoded::Page(Arc::clone(&page)));
        Ok(page)
    }

    /// The id of a term that the store knows.
    pub(crate) fn id(&self, parts: Parts<'_>) -> Result<Option<TermId>, Error> {
        if let Some(id) = inline::encode(parts) {
            return Ok(Some(id));
        }
        let mut spelling = Vec::new();
        match parts.write(&mut spelling) {
            Ok(()) => self.id_of(&spelling),
            // What cannot be written is not in the store.
            Err(_) => Ok(None),
        }
    }

    /// The id of a spelling that is not in the id itself.
    pub(crate) fn id_of(&self, spelling: &[u8]) -> Result<Option<TermId>, Error> {
        let in_late = |(late, end): &(Arc<Late>, u64)| late.id(spelling, *end);
        if let Some(id) = in_late(&self.late.committed).or_else(|| self.late.own.as_ref().and_then(in_late)) {
            return Ok(Some(id));
        }
        let Some((number, start)) = self.base.terms.page_of(spelling) else { return Ok(None) };
        let page = self.page(number)?;
        let found = page.find(spelling).map_err(|why| damaged_page(number, why))?;
        let class = spelling.first().and_then(|&class| Class::of(class));
        Ok(found.zip(class).and_then(|(i, class)| self.base.terms.id(class, start + i as u64)))
    }

    /// What `read` makes of the term of an id.
    pub(crate) fn with_term<T>(&self, id: TermId, read: impl FnOnce(Parts<'_>) -> T) -> Result<T, Error> {
        let spelling = match id.place() {
            None => return Err(Error::UnknownTerm(id)),
            Some(Place::Inline) => {
                return inline::decode(id, &mut String::new()).map(read).ok_or(Error::UnknownTerm(id));
            }
            Some(Place::Late(number)) => {
                let in_late = |(late, end): &(Arc<Late>, u64)| late.spelling(number, *end);
                let found = in_late(&self.late.committed).or_else(|| self.late.own.as_ref().and_then(in_late));
                found.ok_or(Error::UnknownTerm(id))?.to_vec()
            }
            Some(Place::Sorted(class, rank)) => {
                let (number, i) = self.base.terms.page_at(class, rank).ok_or(Error::UnknownTerm(id))?;
                self.page(number)?.get(i).map_err(|why| damaged_page(number, why))?
            }
        };
        Parts::read(&spelling).map(read).ok_or(Error::UnknownTerm(id))
    }

    /// The number of rows before `row` in the blocks.
    fn rank(&self, order: Order, row: &Row, is_after: bool) -> Result<u64, Error> {
        let fences = self.fences(order)?;
        if fences.n_blocks() == 0 {
            return Ok(0);
        }
        let block = fences.block_of(row);
        let rows = self.rows(order, block)?;
        let within = rows.partition_point(|other| other < row || is_after && other == row);
        Ok(fences.starts[block] + within as u64)
    }

    /// The exact number of facts from `low` to `high`, both included.
    pub(crate) fn count(&self, order: Order, low: &Row, high: &Row) -> Result<u64, Error> {
        let base = self.rank(order, high, true)? - self.rank(order, low, false)?;
        Ok(base.saturating_add_signed(Cursor::new(&self.runs, order, low, high).balance()))
    }

    /// Whether the row, in the first order, is a fact.
    pub(crate) fn contains(&self, row: &Row) -> Result<bool, Error> {
        for run in self.runs.iter().rev() {
            for (side, is_fact) in [(crate::delta::Side::Added, true), (crate::delta::Side::Removed, false)] {
                if run.rows(Order::Spog, side).binary_search(row).is_ok() {
                    return Ok(is_fact);
                }
            }
        }
        let fences = self.fences(Order::Spog)?;
        if fences.n_blocks() == 0 {
            return Ok(false);
        }
        Ok(self.rows(Order::Spog, fences.block_of(row))?.binary_search(row).is_ok())
    }
}

pub(crate) fn damaged_page(number: usize, why: &str) -> Error {
    Damage { table: "terms", block: number as u64, why: why.to_owned() }.into()
}

/// The rows that begin with these terms: the first and the last that there could be.
pub(crate) fn bounds(prefix: &[TermId]) -> Range<Row> {
    let (mut low, mut high) = ([TermId::DEFAULT_GRAPH; 4], [TermId::LAST; 4]);
    for ((low, high), term) in low.iter_mut().zip(&mut high).zip(prefix) {
        (*low, *high) = (*term, *term);
    }
    low..high
}
