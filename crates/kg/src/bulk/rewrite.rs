//! All blocks and the dictionary, written anew from the store, its changes and chunks.

use std::cell::Cell;
use std::sync::Arc;

use super::chunk::{Chunk, Quads};
use super::rows::{InMemory, Merged, Rows, Stored, sorted};
use super::spill::RowFile;
use super::terms::{self, Late, Spellings};
use crate::block::writer::Writer;
use crate::delta::{self, Run, Side};
use crate::error::Error;
use crate::order::{Order, Row};
use crate::state::State;
use crate::statistics::Statistics;
use crate::store::rebuild::Rebuild;
use crate::store::{Seq, Writing};
use crate::term::{Place, TermId};

/// What was written.
pub(super) struct Rewritten {
    pub(super) seq: Seq,
    pub(super) n_terms: u64,
}

/// The new ids of a store's terms.
struct NewIds<'a> {
    state: &'a State,
    /// By the place in the dictionary as it was.
    sorted: Vec<TermId>,
    /// By the number of a late term.
    late: Vec<TermId>,
}

impl NewIds<'_> {
    fn id(&self, old: TermId) -> Result<TermId, Error> {
        let found = match old.place() {
            None | Some(Place::Inline) => Some(&old),
            Some(Place::Sorted(class, rank)) => {
                usize::try_from(self.state.base.terms.before(class) + rank).ok().and_then(|i| self.sorted.get(i))
            }
            Some(Place::Late(number)) => usize::try_from(number).ok().and_then(|i| self.late.get(i)),
        };
        found.copied().ok_or(Error::UnknownTerm(old))
    }

    fn row(&self, [a, b, c, d]: Row) -> Result<Row, Error> {
        Ok([self.id(a)?, self.id(b)?, self.id(c)?, self.id(d)?])
    }
}

/// Named graphs of at least one fact in this many have a sorted copy of their own.
const NAMED_ENOUGH: u64 = 100;

/// The store's blocks and dictionary, its changes and the chunks become new blocks and a new dictionary: one commit.
///
/// With `repaired`, blocks that cannot be read are made from the other orders and counted there.
pub(super) fn rewrite(
    writing: &Writing<'_>,
    before: &Arc<State>,
    chunks: Vec<Chunk>,
    repaired: Option<&Cell<u64>>,
) -> Result<Rewritten, Error> {
    let mut rebuild = Rebuild::new(writing.0)?;
    let late = before.late.committed.0.since(0);
    let mut by_spelling: Vec<usize> = (0..late.len()).collect();
    by_spelling.sort_unstable_by(|&a, &b| late[a].cmp(&late[b]));
    let sorted_late = by_spelling.iter().map(|&i| Arc::clone(&late[i])).collect();

    let mut capacities = Vec::new();
    let mut sources: Vec<Box<dyn Spellings + '_>> = Vec::new();
    let n_stored = before.base.terms.n_terms() as usize;
    if n_stored + late.len() > 0 {
        capacities.extend([n_stored, late.len()]);
        sources.push(Box::new(terms::Stored::new(before)));
        sources.push(Box::new(Late(sorted_late, usize::MAX)));
    }
    for chunk in &chunks {
        capacities.push(chunk.n_terms());
        sources.push(chunk.spellings()?);
    }
    let (fences, ids) = terms::merge(sources, &capacities, &mut |number, page| rebuild.put_page(number, page))?;
    let mut ids = ids.into_iter();
    let mut new = NewIds { state: before, sorted: Vec::new(), late: vec![TermId::DEFAULT_GRAPH; late.len()] };
    if n_stored + late.len() > 0 {
        new.sorted = ids.next().unwrap_or_default();
        for (i, id) in by_spelling.into_iter().zip(ids.next().unwrap_or_default()) {
            new.late[i] = id;
        }
    }
    let statistics = write_orders(&mut rebuild, (before, repaired), &new, chunks, ids)?;
    rebuild.renumber_sources(|row| new.row(row))?;
    let n_terms = fences.n_terms();
    let seq = rebuild.commit(before.seq, &fences, &statistics)?;
    Ok(Rewritten { seq, n_terms })
}

/// The facts of chunks: those of one in memory, those of several in files for each order.
enum Given {
    One(Quads),
    Many(Vec<Vec<RowFile>>),
}

fn write_orders(
    rebuild: &mut Rebuild<'_>,
    (before, repaired): (&Arc<State>, Option<&Cell<u64>>),
    new: &NewIds<'_>,
    chunks: Vec<Chunk>,
    ids: impl Iterator<Item = Vec<TermId>>,
) -> Result<Statistics, Error> {
    let (given, n_given_named) = given(rebuild, chunks, ids)?;
    let changes = delta::whole(&before.runs);
    let mut statistics = Statistics::default();
    let named = |rows: &[Row]| rows.iter().filter(|row| row[3] != TermId::DEFAULT_GRAPH).count() as u64;
    let n_named = before.base.statistics.named + n_given_named + named(changes.rows(Order::Spog, Side::Added));
    let n_quads = before.n_quads();
    let mut given = given;
    for order in Order::ALL {
        if order == Order::Gspo && (n_named == 0 || n_named < statistics.quads().max(n_quads) / NAMED_ENOUGH) {
            continue;
        }
        let mut sources: Vec<Box<dyn Rows + '_>> = Vec::new();
        if before.fences(Order::Spog)?.n_blocks() > 0 {
            sources.push(stored((before, repaired), order, new, &changes)?);
        }
        let mut added = Vec::new();
        for row in changes.rows(Order::Spog, Side::Added) {
            added.push(order.row(&Order::Spog.quad(&new.row(*row)?)));
        }
        added.sort_unstable();
        if !added.is_empty() {
            sources.push(Box::new(InMemory(added)));
        }
        match &mut given {
            Some(Given::One(quads)) => sources.push(sorted(quads, order)),
            Some(Given::Many(files)) => {
                let files = std::mem::take(&mut files[order as usize]);
                sources.extend(files.into_iter().map(|file| Box::new(file) as Box<dyn Rows>));
            }
            None => {}
        }
        write_order(rebuild, order, Merged::new(sources), &mut statistics)?;
    }
    Ok(statistics)
}

/// The rows of a store's blocks that are still facts, with their new ids.
fn stored<'a>(
    (before, repaired): (&'a Arc<State>, Option<&'a Cell<u64>>),
    order: Order,
    new: &'a NewIds<'_>,
    changes: &Run,
) -> Result<Box<dyn Rows + 'a>, Error> {
    let new_id = |id| new.id(id);
    let removed = changes.rows(order, Side::Removed).to_vec();
    if before.fences(order).is_ok() {
        let removed = removed.into_iter().peekable();
        return Ok(Box::new(Stored { state: before, order, block: 0, repaired, removed, new_id }));
    }
    // An order that was not kept comes from the first, sorted in memory.
    let removed = changes.rows(Order::Spog, Side::Removed).to_vec().into_iter().peekable();
    let mut first = Stored { state: before, order: Order::Spog, block: 0, repaired, removed, new_id };
    let (mut rows, mut batch) = (Vec::new(), Vec::new());
    loop {
        batch.clear();
        first.fill(&mut batch)?;
        if batch.is_empty() {
            break;
        }
        rows.extend(batch.iter().map(|row| order.row(&Order::Spog.quad(row))));
    }
    rows.sort_unstable();
    Ok(Box::new(InMemory(rows)))
}

fn given(
    rebuild: &Rebuild<'_>,
    chunks: Vec<Chunk>,
    mut ids: impl Iterator<Item = Vec<TermId>>,
) -> Result<(Option<Given>, u64), Error> {
    let n_chunks = chunks.len();
    let mut n_named = 0;
    let mut files: Vec<Vec<RowFile>> = Order::ALL.iter().map(|_| Vec::new()).collect();
    let mut one = None;
    for chunk in chunks {
        let quads = chunk.quads(ids.next().unwrap_or_default())?;
        n_named += quads.n_named();
        match rebuild.folder() {
            Some(folder) if n_chunks > 1 => {
                for order in Order::ALL {
                    files[order as usize].push(RowFile::write(folder, sorted(&quads, order).as_mut())?);
                }
            }
            _ => one = Some(Given::One(quads)),
        }
    }
    let many = (one.is_none() && n_chunks > 0).then_some(Given::Many(files));
    Ok((one.or(many), n_named))
}

fn write_order(
    rebuild: &mut Rebuild<'_>,
    order: Order,
    mut rows: Merged<'_>,
    statistics: &mut Statistics,
) -> Result<(), Error> {
    let (mut writer, mut batch, mut last) = (Writer::default(), Vec::new(), None);
    while rows.fill(&mut batch)? {
        for row in &batch {
            statistics.count(order, last.as_ref(), row);
            last = Some(*row);
        }
        writer.push(&batch, &mut |number, bytes| rebuild.put_block(order, number, bytes))?;
        batch.clear();
    }
    let fences = writer.finish(&mut |number, bytes| rebuild.put_block(order, number, bytes))?;
    rebuild.put_fences(order, &fences)
}
