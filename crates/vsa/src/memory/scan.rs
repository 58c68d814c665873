//! The search: the first dimensions of all rows, then more of those that may still be among the best.

use super::{Certificate, ItemId, Layout, Scan, soft::Searched};
use crate::theory::Screen;
use kernels::bits::{Bits, Element, Line};
use std::{cell::LazyCell, cmp::Reverse, collections::BinaryHeap, ops::Range};

/// Queries that read a row together.
pub(super) const QUERIES: usize = 8;

/// Rows that are read on together, and then judged: their sums stay in the nearest cache.
const BLOCK: usize = 512;

/// A query on its way through the rows.
struct Search<'a> {
    layout: &'a Layout,
    lines: &'a [Line],
    screened: Option<Screened>,
    /// Nonzero positions from each bound on.
    rest: Vec<u32>,
    /// What `k` rows have at least that were computed ahead.
    floor: Option<i32>,
    best: Best,
    certificate: Certificate,
    bytes_read: u64,
}

/// The `k` best rows for each of at most [`QUERIES`] queries.
pub(super) fn best(layout: &Layout, queries: &[&[Line]], k: usize, how: Scan) -> Vec<Searched> {
    let mut searches: Vec<_> = queries.iter().map(|lines| Search::new(layout, lines, k)).collect();
    let n_rows = layout.n_rows();
    if n_rows > 0 && k > 0 && !queries.is_empty() {
        // All queries read the same first chunks, as many as the one that needs most.
        let prefixes: Vec<_> = searches.iter().map(|search| search.prefix(how)).collect();
        let first = prefixes.iter().copied().flatten().max().unwrap_or(1);
        for (search, prefix) in searches.iter_mut().zip(&prefixes) {
            search.count(first_bytes(layout, first));
            search.screened = prefix.and_then(|_| search.screened(first, how));
            if let (Some(_), Scan::Screened { miss_max, .. }) = (&search.screened, how) {
                search.certificate = Certificate::MissAtMost(miss_max);
            }
        }
        let mut dots = first_dots(&mut searches, queries, first);
        searches.iter_mut().for_each(|search| search.set_bar(first));
        for (block, dots) in blocks(n_rows).zip(dots.chunks_mut(BLOCK * queries.len())) {
            rest_of_block(&mut searches, queries, dots, first, block);
        }
    }
    searches.into_iter().map(Search::finish).collect()
}

/// Products over the first chunks, `[row, query]`; each search learns which rows look best.
fn first_dots(searches: &mut [Search<'_>], queries: &[&[Line]], first: usize) -> Vec<i32> {
    let Some(layout) = searches.first().map(|search| search.layout) else { return Vec::new() };
    let mut dots = vec![0; layout.n_rows() * queries.len()];
    for (block, dots) in blocks(layout.n_rows()).zip(dots.chunks_mut(BLOCK * queries.len())) {
        for chunk in 0..first {
            tile_of(layout, queries, chunk, block.clone(), dots);
        }
        if first < layout.n_chunks() {
            for (q, (search, most)) in searches.iter_mut().zip(most(dots, queries.len())).enumerate() {
                if search.best.takes(most) {
                    let dots = dots.iter().skip(q).step_by(queries.len());
                    block.clone().zip(dots).for_each(|(row, dot)| search.look_at(row, *dot));
                }
            }
        }
    }
    dots
}

/// The most of each column of `dots`, which has so many.
fn most(dots: &[i32], n_columns: usize) -> [i32; QUERIES] {
    fn of<const N: usize>(dots: &[i32]) -> [i32; QUERIES] {
        let mut most = [i32::MIN; N];
        for row in dots.as_chunks::<N>().0 {
            most.iter_mut().zip(row).for_each(|(most, dot)| *most = (*most).max(*dot));
        }
        let mut all = [i32::MIN; QUERIES];
        all[..N].copy_from_slice(&most);
        all
    }
    // Loops whose length is known become vector code.
    match n_columns {
        1 => of::<1>(dots),
        2 => of::<2>(dots),
        3 => of::<3>(dots),
        4 => of::<4>(dots),
        5 => of::<5>(dots),
        6 => of::<6>(dots),
        7 => of::<7>(dots),
        _ => of::<QUERIES>(dots),
    }
}

fn first_bytes(layout: &Layout, first: usize) -> u64 {
    (0..first).map(|chunk| size_of_val(layout.rows(chunk, 0..layout.n_rows())) as u64).sum()
}

fn blocks(n_rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n_rows).step_by(BLOCK).map(move |start| start..(start + BLOCK).min(n_rows))
}

/// Adds to `dots` `[row of rows, query]` the products over a chunk.
fn tile_of(layout: &Layout, queries: &[&[Line]], chunk: usize, rows: Range<usize>, dots: &mut [i32]) {
    let mut parts: [&[Line]; QUERIES] = [&[]; QUERIES];
    for (part, query) in parts.iter_mut().zip(queries) {
        *part = layout.part(chunk, query);
    }
    Bits::current().scan_tile(layout.element, &parts[..queries.len()], layout.rows(chunk, rows), dots);
}

/// Reads the rows of a block to their end that may still be among the best of a query; `dots` is `[row, query]`.
fn rest_of_block(
    searches: &mut [Search<'_>],
    queries: &[&[Line]],
    dots: &mut [i32],
    first: usize,
    block: Range<usize>,
) {
    let Some(layout) = searches.first().map(|search| search.layout) else { return };
    let n_queries = queries.len();
    let at = |row: u32, q: usize| (row as usize - block.start) * n_queries + q;
    let passes = |(q, search): (usize, &Search<'_>)| search.pass(block.clone(), |row| dots[at(row, q)]);
    let mut alive: Vec<Option<Vec<u32>>> = searches.iter().enumerate().map(passes).collect();
    let mut alone = [0; BLOCK];
    for chunk in first..layout.n_chunks() {
        let least = LazyCell::new(|| dots.iter().copied().min().unwrap_or(0));
        for ((q, search), alive) in searches.iter().enumerate().zip(&mut alive) {
            search.drop_hopeless(alive, block.clone(), chunk, &least, |row| dots[at(row, q)]);
        }
        // While most rows live for all, reading them in one go is cheaper than choosing.
        if alive.iter().flatten().all(|alive| alive.len() * 4 >= block.len() * 3) {
            tile_of(layout, queries, chunk, block.clone(), dots);
            let bytes = size_of_val(layout.rows(chunk, block.clone())) as u64;
            searches.iter_mut().for_each(|search| search.count(bytes));
            continue;
        }
        for ((q, search), alive) in searches.iter_mut().enumerate().zip(&mut alive) {
            let alive = alive.get_or_insert_with(|| ids(block.clone()).collect());
            for run in alive.chunk_by(|a, b| a + 1 == *b) {
                let rows = run[0] as usize..run[0] as usize + run.len();
                let alone = &mut alone[..run.len()];
                alone.fill(0);
                tile_of(layout, &[search.lines], chunk, rows.clone(), alone);
                run.iter().zip(&*alone).for_each(|(row, dot)| dots[at(*row, q)] += dot);
                search.count(size_of_val(layout.rows(chunk, rows)) as u64);
            }
        }
    }
    for ((q, search), (alive, most)) in searches.iter_mut().enumerate().zip(alive.iter().zip(most(dots, n_queries))) {
        match alive {
            _ if !search.best.takes(most) => {}
            Some(alive) => alive.iter().for_each(|row| search.offer(dots[at(*row, q)], ItemId(*row))),
            None => ids(block.clone()).for_each(|row| search.offer(dots[at(row, q)], ItemId(row))),
        }
    }
}

fn ids(rows: Range<usize>) -> Range<u32> {
    rows.start as u32..rows.end as u32
}

/// The screen of a query: what a row's product over the first chunks must be.
enum Screened {
    /// One bound for all rows, as those of signs have no zeros.
    All { dot_min: i32 },
    /// By the row's nonzero positions.
    Each { per_root_nonzero: f64, margin: f64 },
}

impl Screened {
    fn dot_min(&self, layout: &Layout, row: usize) -> i32 {
        match *self {
            Self::All { dot_min } => dot_min,
            Self::Each { per_root_nonzero, margin } => {
                (per_root_nonzero * f64::from(layout.rest(row, 0)).sqrt() - margin).floor() as i32
            }
        }
    }
}

/// Agreements behind the end of bipolar vectors, which kernels count, in front of a bound.
fn padding_before(layout: &Layout, bound: usize) -> i32 {
    let last = bound == layout.n_chunks();
    if last && layout.element == Element::Bipolar { layout.dim.padding() } else { 0 }
}

impl<'a> Search<'a> {
    fn new(layout: &'a Layout, lines: &'a [Line], k: usize) -> Self {
        let (screened, rest, certificate) = (None, layout.rest_of(lines), Certificate::Exact);
        Self { layout, lines, screened, rest, floor: None, best: Best::new(k), certificate, bytes_read: 0 }
    }

    /// Number of first chunks whose screen reads least, if any rules rows out.
    fn prefix(&self, how: Scan) -> Option<usize> {
        let Scan::Screened { cosine_min, miss_max } = how else { return None };
        let layout = self.layout;
        // The rows' own lengths are taken where they are judged; which prefix is best, their mean says.
        let sum: u64 = (0..layout.n_rows()).map(|row| u64::from(layout.rest(row, 0))).sum();
        let mean = sum.checked_div(layout.n_rows() as u64)? as u32;
        let prefixes: Vec<u32> = (1..layout.n_chunks()).map(|bound| layout.dims_before(bound)).collect();
        let screen = Screen::best(layout.dim, &prefixes, [self.rest[0], mean], cosine_min, miss_max)?;
        prefixes.iter().position(|dims| *dims == screen.dims).map(|at| at + 1)
    }

    /// The screen over the first `chunks`.
    fn screened(&self, chunks: usize, how: Scan) -> Option<Screened> {
        let Scan::Screened { cosine_min, miss_max } = how else { return None };
        let (dim, dims) = (self.layout.dim, self.layout.dims_before(chunks));
        let screen = Screen::new(dim, dims, [self.rest[0]; 2], cosine_min, miss_max);
        let share = f64::from(dims) / f64::from(dim.to_u32());
        let per_root_nonzero = cosine_min * f64::from(self.rest[0]).sqrt() * share;
        let each = Screened::Each { per_root_nonzero, margin: screen.margin };
        let all = self.layout.element == Element::Bipolar;
        Some(if all { Screened::All { dot_min: each.dot_min(self.layout, 0) } } else { each })
    }

    fn count(&mut self, bytes: u64) {
        self.bytes_read += bytes;
    }

    /// The rows that are there and whose products over the first chunks pass the screen; none if those are all.
    fn pass(&self, rows: Range<usize>, dot: impl Fn(u32) -> i32) -> Option<Vec<u32>> {
        let all = self.screened.is_none() && self.layout.n_present == self.layout.n_rows();
        (!all).then(|| ids(rows).filter(|row| self.passes(*row as usize, dot(*row))).collect())
    }

    /// Is a row there, and does its product over the first chunks pass the screen?
    fn passes(&self, row: usize, dot: i32) -> bool {
        let layout = self.layout;
        layout.is_present(row) && self.screened.as_ref().is_none_or(|screened| dot >= screened.dot_min(layout, row))
    }

    /// Keeps in mind the rows that look best after the first chunks.
    fn look_at(&mut self, row: usize, dot: i32) {
        if self.best.takes(dot) && self.passes(row, dot) {
            self.best.offer(dot, ItemId(row as u32));
        }
    }

    /// The least product with which a row may come among the best; none while there is room for any.
    fn bar(&self) -> Option<i32> {
        self.best.worst().max(self.floor)
    }

    /// Computes the rows that look best after the first chunks, so that others can be ruled out by them.
    ///
    /// They are computed once more in their blocks: what stands among the best is only what is offered there.
    fn set_bar(&mut self, first: usize) {
        let none = Best::new(self.best.k);
        let looked = std::mem::replace(&mut self.best, none);
        if looked.worst().is_none() {
            return;
        }
        for Reverse((dot, Reverse(id))) in looked.rows {
            let (row, mut dot) = (id.0 as usize, [dot]);
            for chunk in first..self.layout.n_chunks() {
                tile_of(self.layout, &[self.lines], chunk, row..row + 1, &mut dot);
                self.count(size_of_val(self.layout.rows(chunk, row..row + 1)) as u64);
            }
            self.floor = Some(self.floor.map_or(dot[0], |floor| floor.min(dot[0])));
        }
    }

    /// Takes from `alive`, rows of a block or all, those that cannot come among the best, whatever follows from the
    /// bound on; no product of the block is below `least` so far.
    fn drop_hopeless(
        &self,
        alive: &mut Option<Vec<u32>>,
        block: Range<usize>,
        bound: usize,
        least: &LazyCell<i32, impl FnOnce() -> i32>,
        dot: impl Fn(u32) -> i32,
    ) {
        let Some(bar) = self.bar() else { return };
        // Rest of the row, rest of the query: at best all of the shorter agree.
        let (layout, rest) = (self.layout, self.rest[bound]);
        let padding_to_come = padding_before(layout, layout.n_chunks()) - padding_before(layout, bound);
        let stay = |dot: i32| dot + rest as i32 + padding_to_come >= bar;
        if layout.element == Element::Bipolar && (stay(-(layout.dims_before(bound) as i32)) || stay(**least)) {
            return;
        }
        alive.get_or_insert_with(|| ids(block).collect()).retain(|row| {
            let most = layout.rest(*row as usize, bound).min(rest) as i32;
            dot(*row) + padding_to_come + most >= bar
        });
    }

    fn offer(&mut self, dot: i32, id: ItemId) {
        if self.best.takes(dot) {
            self.best.offer(dot, id);
        }
    }

    fn finish(self) -> Searched {
        let padding = padding_before(self.layout, self.layout.n_chunks());
        let best = self.best.rows.into_sorted_vec();
        let best = best.into_iter().map(|Reverse((dot, Reverse(id)))| (i64::from(dot - padding), id)).collect();
        Searched { best, certificate: self.certificate, bytes_read: self.bytes_read }
    }
}

/// The best rows so far.
struct Best {
    k: usize,
    /// The worst of them on top.
    rows: BinaryHeap<Reverse<(i32, Reverse<ItemId>)>>,
    /// What a row that comes behind all of them must have at least.
    least: i32,
}

impl Best {
    fn new(k: usize) -> Self {
        Self { k, rows: BinaryHeap::new(), least: i32::MIN }
    }

    /// The product of the worst, if there are as many as wanted.
    fn worst(&self) -> Option<i32> {
        self.rows.peek().filter(|_| self.rows.len() == self.k).map(|Reverse((dot, _))| *dot)
    }

    /// Is a row of that product among the best, if it comes behind all of them?
    fn takes(&self, dot: i32) -> bool {
        dot >= self.least
    }

    /// Takes a row behind all that came, which [`Self::takes`] has let in, in place of the worst if there is no room.
    fn offer(&mut self, dot: i32, id: ItemId) {
        if self.rows.len() == self.k {
            self.rows.pop();
        }
        self.rows.push(Reverse((dot, Reverse(id))));
        if let Some(worst) = self.worst() {
            self.least = worst.saturating_add(1);
        }
    }
}
