//! Facts in an order, merged from the blocks and what changed since.

use std::sync::Arc;

use crate::delta::Cursor;
use crate::error::Error;
use crate::order::{Order, Row};
use crate::state::{State, bounds};
use crate::term::TermId;

/// The facts that begin with some terms, sorted, each once. It reads its snapshot, whatever is written meanwhile.
#[derive(Debug, Clone)]
pub struct Scan {
    state: Arc<State>,
    order: Order,
    high: Row,
    /// The number of the block that is read next.
    next_block: usize,
    rows: Arc<Vec<Row>>,
    at: usize,
    /// Where the rows of this scan end in the block.
    end: usize,
    delta: Cursor,
}

impl Scan {
    pub(crate) fn new(state: Arc<State>, order: Order, prefix: &[TermId]) -> Result<Self, Error> {
        let range = bounds(prefix);
        let next_block = state.fences(order)?.block_of(&range.start);
        let delta = Cursor::new(&state.runs, order, &range.start, &range.end);
        let rows = Arc::default();
        let mut scan = Self { state, order, high: range.end, next_block, rows, at: 0, end: 0, delta };
        scan.load()?;
        scan.at = scan.rows[..scan.end].partition_point(|row| *row < range.start);
        Ok(scan)
    }

    /// The order of the rows.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Reads the next block, if one can hold rows of this scan.
    fn load(&mut self) -> Result<bool, Error> {
        let fences = self.state.fences(self.order)?;
        if fences.first.get(self.next_block).is_none_or(|first| *first > self.high) {
            return Ok(false);
        }
        self.rows = self.state.rows(self.order, self.next_block)?;
        self.at = 0;
        let is_whole = self.rows.last().is_some_and(|last| *last <= self.high);
        self.end = if is_whole { self.rows.len() } else { self.rows.partition_point(|row| *row <= self.high) };
        self.next_block += 1;
        Ok(true)
    }

    fn stored(&mut self) -> Result<Option<Row>, Error> {
        while self.at == self.end {
            if !self.load()? {
                return Ok(None);
            }
        }
        Ok(Some(self.rows[self.at]))
    }

    /// The next row, which stays the next.
    pub fn peek(&mut self) -> Result<Option<Row>, Error> {
        loop {
            let stored = self.stored()?;
            let Some((changed, balance)) = self.delta.peek() else { return Ok(stored) };
            match stored {
                Some(stored) if stored < changed => return Ok(Some(stored)),
                Some(stored) if stored == changed && balance >= 0 => return Ok(Some(stored)),
                Some(stored) if stored == changed => {
                    self.at += 1;
                    self.delta.advance();
                }
                _ if balance > 0 => return Ok(Some(changed)),
                _ => self.delta.advance(),
            }
        }
    }

    /// Goes on to the first row that is not before these terms; it never goes back.
    pub fn seek(&mut self, to: &[TermId]) -> Result<(), Error> {
        let target = bounds(to).start;
        self.delta.seek(&target);
        if self.rows[self.at..self.end].last().is_none_or(|last| *last < target) {
            let fences = self.state.fences(self.order)?;
            let ahead = fences.first.get(self.next_block..).unwrap_or_default();
            // Gallop: what is sought is more often near than far.
            let mut reach = 1;
            while ahead.get(reach).is_some_and(|first| *first <= target) {
                reach *= 2;
            }
            let near = &ahead[..ahead.len().min(reach)];
            self.next_block += near.partition_point(|first| *first <= target).saturating_sub(1);
            (self.at, self.end) = (0, 0);
            self.load()?;
        }
        let rest = &self.rows[self.at..self.end];
        let mut reach = 1;
        while rest.get(reach).is_some_and(|row| *row < target) {
            reach *= 2;
        }
        self.at += rest[..rest.len().min(reach + 1)].partition_point(|row| *row < target);
        Ok(())
    }

    /// Appends at most `rows_max` rows; fewer only at the end.
    pub fn read(&mut self, rows_max: usize, out: &mut Vec<Row>) -> Result<(), Error> {
        let until = out.len() + rows_max;
        while out.len() < until {
            if self.delta.peek().is_none() && self.stored()?.is_some() {
                let n = (until - out.len()).min(self.end - self.at);
                out.extend_from_slice(&self.rows[self.at..self.at + n]);
                self.at += n;
                continue;
            }
            let Some(row) = self.peek()? else { return Ok(()) };
            self.pass(&row);
            out.push(row);
        }
        Ok(())
    }

    /// Goes behind the row that [`Self::peek`] gave.
    fn pass(&mut self, row: &Row) {
        if self.rows[self.at..self.end].first() == Some(row) {
            self.at += 1;
        }
        if self.delta.peek().is_some_and(|(changed, _)| changed == *row) {
            self.delta.advance();
        }
    }
}

impl Iterator for Scan {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.peek().transpose()?;
        if let Ok(row) = &row {
            self.pass(row);
        }
        Some(row)
    }
}
