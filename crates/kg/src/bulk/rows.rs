//! Sorted rows from several places, as one.

use std::cell::Cell;
use std::sync::Arc;

use super::chunk::Quads;
use crate::error::Error;
use crate::order::{Order, Row};
use crate::state::State;
use crate::term::TermId;

/// Sorted rows that come in batches.
pub(super) trait Rows {
    /// Appends the next rows; none at the end.
    fn fill(&mut self, out: &mut Vec<Row>) -> Result<(), Error>;
}

/// Sorted rows in memory.
pub(super) struct InMemory(pub(super) Vec<Row>);

impl Rows for InMemory {
    fn fill(&mut self, out: &mut Vec<Row>) -> Result<(), Error> {
        out.append(&mut self.0);
        Ok(())
    }
}

/// The rows of a store's blocks less those that were removed, with new ids, which are in the order of the old.
pub(super) struct Stored<'a, F> {
    pub(super) state: &'a Arc<State>,
    pub(super) order: Order,
    pub(super) block: usize,
    /// Counts blocks that cannot be read and are made from other orders; without it such a block is an error.
    pub(super) repaired: Option<&'a Cell<u64>>,
    /// Rows that are no more, sorted.
    pub(super) removed: std::iter::Peekable<std::vec::IntoIter<Row>>,
    pub(super) new_id: F,
}

impl<F: Fn(TermId) -> Result<TermId, Error>> Rows for Stored<'_, F> {
    fn fill(&mut self, out: &mut Vec<Row>) -> Result<(), Error> {
        let fences = self.state.fences(self.order)?;
        let n_blocks = fences.n_blocks();
        let n_before = out.len();
        while out.len() == n_before && self.block < n_blocks {
            let rows = match (self.state.rows_of_file(self.order, fences, self.block), self.repaired) {
                (Err(error @ Error::Damaged(_)), Some(repaired)) => {
                    repaired.set(repaired.get() + 1);
                    self.state.rows_of_others(self.order, fences, self.block).ok_or(error)?
                }
                (rows, _) => rows?,
            };
            self.block += 1;
            for row in rows {
                while self.removed.next_if(|removed| *removed < row).is_some() {}
                if self.removed.peek() != Some(&row) {
                    let [a, b, c, d] = row;
                    let new = &self.new_id;
                    out.push([new(a)?, new(b)?, new(c)?, new(d)?]);
                }
            }
        }
        Ok(())
    }
}

/// A number of some bits, into which the terms of a row are packed so that it sorts as the row does.
trait Key: Copy + Ord {
    fn push(self, value: u32, bits: u32) -> Self;
    fn pop(self, bits: u32) -> (Self, u32);
    const ZERO: Self;
}

macro_rules! key {
    ($type:ty) => {
        impl Key for $type {
            const ZERO: Self = 0;

            fn push(self, value: u32, bits: u32) -> Self {
                self << bits | Self::from(value)
            }

            fn pop(self, bits: u32) -> (Self, u32) {
                (self >> bits, (self & ((1 << bits) - 1)) as u32)
            }
        }
    };
}

key!(u64);
key!(u128);

/// The facts of a chunk in an order.
struct Packed<'a, K> {
    quads: &'a Quads,
    order: Order,
    keys: std::vec::IntoIter<K>,
    last: Option<K>,
}

/// The most rows of a batch.
const BATCH: usize = 4096;

impl<K: Key> Packed<'_, K> {
    fn new(quads: &Quads, order: Order) -> Packed<'_, K> {
        let (places, bits) = (order.places(), quads.bits());
        // Which of subject, predicate, object and graph is at each place.
        let mut at = [0; 4];
        places.iter().enumerate().for_each(|(term, &place)| at[place] = term);
        let key = |quad: &[u32; 4]| at.iter().fold(K::ZERO, |key, &term| key.push(quad[term], bits[term]));
        let mut keys: Vec<K> = quads.facts.iter().map(key).collect();
        keys.sort_unstable();
        Packed { quads, order, keys: keys.into_iter(), last: None }
    }
}

impl<K: Key> Rows for Packed<'_, K> {
    fn fill(&mut self, out: &mut Vec<Row>) -> Result<(), Error> {
        let (places, bits) = (self.order.places(), self.quads.bits());
        let mut at = [0; 4];
        places.iter().enumerate().for_each(|(term, &place)| at[place] = term);
        let until = out.len() + BATCH;
        while out.len() < until {
            let Some(key) = self.keys.next() else { return Ok(()) };
            if self.last.replace(key) == Some(key) {
                continue;
            }
            let (mut rest, mut row) = (key, [TermId::DEFAULT_GRAPH; 4]);
            for place in (0..4).rev() {
                let (more, value) = rest.pop(bits[at[place]]);
                row[place] = self.quads.id(at[place], value);
                rest = more;
            }
            out.push(row);
        }
        Ok(())
    }
}

/// The facts of a chunk, sorted in an order, each once.
pub(super) fn sorted(quads: &Quads, order: Order) -> Box<dyn Rows + '_> {
    if quads.bits().iter().sum::<u32>() <= u64::BITS {
        Box::new(Packed::<u64>::new(quads, order))
    } else {
        Box::new(Packed::<u128>::new(quads, order))
    }
}

/// Sorted rows of several sources, merged, each once.
pub(super) struct Merged<'a> {
    sources: Vec<Source<'a>>,
    last: Option<Row>,
}

struct Source<'a> {
    rows: Box<dyn Rows + 'a>,
    batch: Vec<Row>,
    at: usize,
}

impl Source<'_> {
    fn refill(&mut self) -> Result<bool, Error> {
        if self.at == self.batch.len() {
            self.batch.clear();
            self.at = 0;
            self.rows.fill(&mut self.batch)?;
        }
        Ok(!self.batch.is_empty())
    }
}

impl<'a> Merged<'a> {
    pub(super) fn new(sources: Vec<Box<dyn Rows + 'a>>) -> Self {
        let source = |rows| Source { rows, batch: Vec::new(), at: 0 };
        Self { sources: sources.into_iter().map(source).collect(), last: None }
    }

    /// Appends the next rows up to where a source must be read again; false at the end.
    pub(super) fn fill(&mut self, out: &mut Vec<Row>) -> Result<bool, Error> {
        let mut i = 0;
        while i < self.sources.len() {
            if self.sources[i].refill()? { i += 1 } else { drop(self.sources.swap_remove(i)) }
        }
        // What is not above the least last row of all batches can be merged without reading more.
        let Some(limit) = self.sources.iter().filter_map(|source| source.batch.last()).min().copied() else {
            return Ok(false);
        };
        if let [source] = self.sources.as_mut_slice() {
            for row in &source.batch[source.at..] {
                if self.last.replace(*row) != Some(*row) {
                    out.push(*row);
                }
            }
            source.at = source.batch.len();
            return Ok(true);
        }
        loop {
            let heads = self.sources.iter().enumerate().filter_map(|(i, s)| Some((*s.batch.get(s.at)?, i)));
            let Some((row, i)) = heads.min() else { return Ok(true) };
            if row > limit {
                return Ok(true);
            }
            self.sources[i].at += 1;
            if self.last.replace(row) != Some(row) {
                out.push(row);
            }
        }
    }
}
