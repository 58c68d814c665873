//! Sorted dictionaries, merged into one.

use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::block::writer::Put;
use crate::dictionary::fences::TermFences;
use crate::dictionary::page::Writer;
use crate::dictionary::shared;
use crate::dictionary::spelling::Class;
use crate::error::{Damage, Error};
use crate::state::{State, damaged_page};
use crate::term::TermId;

/// Sorted spellings, one at a time.
pub(super) trait Spellings {
    /// Goes to the next; false at the end.
    fn advance(&mut self) -> Result<bool, Error>;
    /// The spelling that is reached.
    fn current(&self) -> &[u8];
}

/// The dictionary of a store, page by page.
pub(super) struct Stored<'a> {
    state: &'a State,
    page: usize,
    spellings: std::vec::IntoIter<Vec<u8>>,
    current: Vec<u8>,
}

impl<'a> Stored<'a> {
    pub(super) fn new(state: &'a State) -> Self {
        Self { state, page: 0, spellings: Vec::new().into_iter(), current: Vec::new() }
    }
}

impl Spellings for Stored<'_> {
    fn advance(&mut self) -> Result<bool, Error> {
        loop {
            if let Some(next) = self.spellings.next() {
                self.current = next;
                return Ok(true);
            }
            if self.page == self.state.base.terms.n_pages() {
                return Ok(false);
            }
            let mut spellings = Vec::new();
            let page = self.state.tables.page(self.page as u64)?;
            let read = page.each(|spelling| spellings.push(spelling.to_vec()));
            read.map_err(|why| damaged_page(self.page, why))?;
            self.spellings = spellings.into_iter();
            self.page += 1;
        }
    }

    fn current(&self) -> &[u8] {
        &self.current
    }
}

/// The late terms of a store.
pub(super) struct Late(pub(super) Vec<Arc<[u8]>>, pub(super) usize);

impl Spellings for Late {
    fn advance(&mut self) -> Result<bool, Error> {
        self.1 = self.1.wrapping_add(1);
        Ok(self.1 < self.0.len())
    }

    fn current(&self) -> &[u8] {
        self.0.get(self.1).map_or(&[], |spelling| spelling)
    }
}

/// Writes the dictionary of all sources through `put` (number and bytes of a page), and returns what finds its pages
/// and, for each source, the ids of its spellings.
pub(super) fn merge(
    mut sources: Vec<Box<dyn Spellings + '_>>,
    capacities: &[usize],
    put: &mut Put<'_>,
) -> Result<(TermFences, Vec<Vec<TermId>>), Error> {
    let mut ids: Vec<Vec<TermId>> = capacities.iter().map(|&n| Vec::with_capacity(n)).collect();
    let mut pages = Pages { put, writer: Writer::default(), from: Vec::new(), fences: TermFences::default() };
    if let [source] = sources.as_mut_slice() {
        while source.advance()? {
            ids[0].push(pages.push(source.current())?);
        }
        return Ok((pages.finish()?, ids));
    }
    // The least spelling first: the heap has the greatest on top.
    let mut heap = BinaryHeap::new();
    for (i, source) in sources.iter_mut().enumerate() {
        if source.advance()? {
            heap.push(std::cmp::Reverse((source.current().to_vec(), i)));
        }
    }
    let mut last: Option<TermId> = None;
    while let Some(mut least) = heap.peek_mut() {
        let std::cmp::Reverse((spelling, i)) = &mut *least;
        let i = *i;
        let id = match last {
            Some(id) if pages.writer.last() == spelling.as_slice() => id,
            _ => pages.push(spelling)?,
        };
        last = Some(id);
        ids[i].push(id);
        if sources[i].advance()? {
            spelling.clear();
            spelling.extend_from_slice(sources[i].current());
        } else {
            std::collections::binary_heap::PeekMut::pop(least);
        }
    }
    Ok((pages.finish()?, ids))
}

/// Pages as they fill.
struct Pages<'a> {
    put: &'a mut Put<'a>,
    writer: Writer,
    /// A string that is above all pages before and not above this one.
    from: Vec<u8>,
    fences: TermFences,
}

impl Pages<'_> {
    fn push(&mut self, spelling: &[u8]) -> Result<TermId, Error> {
        let class = spelling.first().and_then(|&class| Class::of(class)).ok_or_else(|| {
            let why = "a spelling without a class".to_owned();
            Error::Damaged(Damage { table: "terms", block: self.fences.n_pages() as u64, why })
        })?;
        if self.writer.len() == 0 {
            self.begin(spelling);
        }
        if !self.writer.push(spelling) {
            self.end()?;
            self.begin(spelling);
            self.writer.push(spelling);
        }
        Ok(TermId::in_dictionary(class, self.fences.count(class)))
    }

    fn begin(&mut self, first: &[u8]) {
        let n = shared(self.writer.last(), first) + 1;
        self.from = first[..n.min(first.len())].to_vec();
    }

    fn end(&mut self) -> Result<(), Error> {
        let n = self.writer.len();
        if n > 0 {
            let page = self.writer.finish();
            (self.put)(self.fences.n_pages() as u64, &page)?;
            self.fences.push(&self.from, n);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<TermFences, Error> {
        self.end()?;
        Ok(self.fences)
    }
}
