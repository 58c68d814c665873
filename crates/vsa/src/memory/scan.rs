//! The search: the first dimensions of all rows, then more of those that may still be among the best.

use super::{Certificate, ItemId, Layout, Scan, soft::Searched};
use crate::theory::Screen;
use kernels::bits::{Bits, Element, Line};
use std::{cmp::Reverse, collections::BinaryHeap, ops::Range};

/// Queries that read a row together.
pub(super) const QUERIES: usize = 8;

/// Rows that are read on together, and then judged: their sums stay in the nearest cache.
const BLOCK: usize = 512;

/// A query on its way through the rows.
struct Search<'a> {
    layout: &'a Layout,
    lines: &'a [Line],
    /// Nonzero positions from each bound on.
    rest: Vec<u32>,
    k: usize,
    /// What `k` rows have at least that were computed ahead.
    floor: Option<i32>,
    /// The best so far, the worst of them on top.
    best: BinaryHeap<Reverse<(i32, Reverse<ItemId>)>>,
    certificate: Certificate,
    bytes_read: u64,
}

/// The `k` best rows for each of at most [`QUERIES`] queries.
pub(super) fn best(layout: &Layout, queries: &[&[Line]], k: usize, how: Scan) -> Vec<Searched> {
    let mut searches: Vec<_> = queries.iter().map(|lines| Search::new(layout, lines, k)).collect();
    // All queries read the same first chunks, as many as the one that needs most.
    let prefixes: Vec<_> = searches.iter().map(|search| search.prefix(how)).collect();
    let first = prefixes.iter().copied().flatten().max().unwrap_or(1);
    let dots = first_dots(layout, queries, first);
    let n_rows = layout.n_rows();
    let mut alive: Vec<Vec<u32>> = Vec::with_capacity(queries.len());
    for ((search, prefix), dots) in searches.iter_mut().zip(&prefixes).zip(dots.chunks(n_rows.max(1))) {
        search.count(first_bytes(layout, first));
        let screened = prefix.and_then(|_| search.screened(first, how));
        if let (Some(_), Scan::Screened { miss_max, .. }) = (&screened, how) {
            search.certificate = Certificate::MissAtMost(miss_max);
        }
        let passes = |row: &usize| {
            let dot_min = screened.as_ref().map(|screened| screened.dot_min(layout, *row));
            layout.is_present(*row) && dot_min.is_none_or(|dot_min| dots[*row] >= dot_min)
        };
        let rows: Vec<u32> = (0..n_rows).filter(passes).map(|row| row as u32).collect();
        search.set_bar(&rows, dots, first);
        alive.push(rows);
    }
    for block in blocks(n_rows) {
        rest_of_block(&mut searches, &alive, &dots, first, block);
    }
    searches.into_iter().map(Search::finish).collect()
}

/// Products over the first chunks, `[query, row]`.
fn first_dots(layout: &Layout, queries: &[&[Line]], first: usize) -> Vec<i32> {
    let n_rows = layout.n_rows();
    let mut dots = vec![0; queries.len() * n_rows];
    let mut tile = vec![0; queries.len() * BLOCK];
    for block in blocks(n_rows) {
        let tile = &mut tile[..queries.len() * block.len()];
        tile.fill(0);
        for chunk in 0..first {
            tile_of(layout, queries, chunk, block.clone(), tile);
        }
        for (to, from) in dots.chunks_mut(n_rows).zip(tile.chunks(block.len())) {
            to[block.clone()].copy_from_slice(from);
        }
    }
    dots
}

fn first_bytes(layout: &Layout, first: usize) -> u64 {
    (0..first).map(|chunk| size_of_val(layout.rows(chunk, 0..layout.n_rows())) as u64).sum()
}

fn blocks(n_rows: usize) -> impl Iterator<Item = Range<usize>> {
    (0..n_rows).step_by(BLOCK).map(move |start| start..(start + BLOCK).min(n_rows))
}

/// Adds to `dots` `[query, row of rows]` the products over a chunk.
fn tile_of(layout: &Layout, queries: &[&[Line]], chunk: usize, rows: Range<usize>, dots: &mut [i32]) {
    let mut parts: [&[Line]; QUERIES] = [&[]; QUERIES];
    for (part, query) in parts.iter_mut().zip(queries) {
        *part = layout.part(chunk, query);
    }
    Bits::current().scan_tile(layout.element, &parts[..queries.len()], layout.rows(chunk, rows), dots);
}

/// Reads the rows of a block to their end that may still be among the best of a query.
fn rest_of_block(searches: &mut [Search<'_>], alive: &[Vec<u32>], dots: &[i32], first: usize, block: Range<usize>) {
    let Some(layout) = searches.first().map(|search| search.layout) else { return };
    let n_rows = layout.n_rows();
    let rows_of = |alive: &Vec<u32>| {
        let start = alive.partition_point(|row| (*row as usize) < block.start);
        let end = alive.partition_point(|row| (*row as usize) < block.end);
        alive[start..end].to_vec()
    };
    let mut alive: Vec<Vec<u32>> = alive.iter().map(rows_of).collect();
    let mut tile: Vec<i32> = dots.chunks(n_rows).flat_map(|dots| &dots[block.clone()]).copied().collect();
    for chunk in first..=layout.n_chunks() {
        for ((search, alive), tile) in searches.iter().zip(&mut alive).zip(tile.chunks(block.len())) {
            search.drop_hopeless(alive, chunk, |row| tile[row - block.start]);
        }
        if chunk == layout.n_chunks() {
            break;
        }
        // While most rows live for all, reading them in one go is cheaper than choosing.
        if alive.iter().all(|alive| alive.len() * 4 >= block.len() * 3) {
            let lines: Vec<_> = searches.iter().map(|search| search.lines).collect();
            tile_of(layout, &lines, chunk, block.clone(), &mut tile);
            let bytes = size_of_val(layout.rows(chunk, block.clone())) as u64;
            searches.iter_mut().for_each(|search| search.count(bytes));
            continue;
        }
        for ((search, alive), tile) in searches.iter_mut().zip(&alive).zip(tile.chunks_mut(block.len())) {
            for run in alive.chunk_by(|a, b| a + 1 == *b) {
                let rows = run[0] as usize..run[0] as usize + run.len();
                let at = rows.start - block.start..rows.end - block.start;
                tile_of(layout, &[search.lines], chunk, rows.clone(), &mut tile[at]);
                search.count(size_of_val(layout.rows(chunk, rows)) as u64);
            }
        }
    }
    for ((search, alive), tile) in searches.iter_mut().zip(&alive).zip(tile.chunks(block.len())) {
        for row in alive {
            search.offer(tile[*row as usize - block.start], ItemId(*row));
        }
    }
}

/// The screen of a query: what a row's product over the first chunks must be.
struct Screened {
    /// To be multiplied with the root of the row's nonzero positions.
    per_root_nonzero: f64,
    margin: f64,
}

impl Screened {
    fn dot_min(&self, layout: &Layout, row: usize) -> i32 {
        let nonzero = f64::from(layout.rest(row, 0));
        (self.per_root_nonzero * nonzero.sqrt() - self.margin).floor() as i32
    }
}

/// Agreements behind the end of bipolar vectors, which kernels count, in front of a bound.
fn padding_before(layout: &Layout, bound: usize) -> i32 {
    let last = bound == layout.n_chunks();
    if last && layout.element == Element::Bipolar { layout.dim.padding() } else { 0 }
}

impl<'a> Search<'a> {
    fn new(layout: &'a Layout, lines: &'a [Line], k: usize) -> Self {
        let (best, certificate) = (BinaryHeap::new(), Certificate::Exact);
        Self { layout, lines, rest: layout.rest_of(lines), k, floor: None, best, certificate, bytes_read: 0 }
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
        Some(Screened { per_root_nonzero, margin: screen.margin })
    }

    fn count(&mut self, bytes: u64) {
        self.bytes_read += bytes;
    }

    /// The least product with which a row may come among the best; none while there is room for any.
    fn bar(&self) -> Option<i32> {
        let worst = self.best.peek().filter(|_| self.best.len() == self.k).map(|Reverse((dot, _))| *dot);
        worst.max(self.floor)
    }

    /// Computes the rows that look best after the first chunks, so that others can be ruled out by them.
    ///
    /// They are computed once more in their blocks: what stands among the best is only what is offered there.
    fn set_bar(&mut self, alive: &[u32], dots: &[i32], first: usize) {
        if self.k == 0 || alive.len() <= self.k || first == self.layout.n_chunks() {
            return;
        }
        let mut rows = alive.to_vec();
        rows.select_nth_unstable_by_key(self.k - 1, |row| (Reverse(dots[*row as usize]), *row));
        for row in &rows[..self.k] {
            let row = *row as usize;
            let mut dot = [dots[row]];
            for chunk in first..self.layout.n_chunks() {
                tile_of(self.layout, &[self.lines], chunk, row..row + 1, &mut dot);
                self.count(size_of_val(self.layout.rows(chunk, row..row + 1)) as u64);
            }
            self.floor = Some(self.floor.map_or(dot[0], |floor| floor.min(dot[0])));
        }
    }

    /// Takes from `alive` the rows that cannot come among the best, whatever follows from the bound on.
    fn drop_hopeless(&self, alive: &mut Vec<u32>, bound: usize, dot: impl Fn(usize) -> i32) {
        if self.k == 0 {
            alive.clear();
        }
        let Some(bar) = self.bar() else { return };
        // Rest of the row, rest of the query: at best all of the shorter agree.
        let (layout, rest) = (self.layout, self.rest[bound]);
        let (done, padding) = (layout.dims_before(bound), padding_before(layout, bound));
        let padding_to_come = padding_before(layout, layout.n_chunks()) - padding;
        if layout.element == Element::Bipolar && rest as i32 - done as i32 >= bar {
            return;
        }
        alive.retain(|row| {
            let row = *row as usize;
            let most = layout.rest(row, bound).min(rest) as i32;
            dot(row) + padding_to_come + most >= bar
        });
    }

    /// The row is among the best if there is room or it is better than the worst of them.
    fn offer(&mut self, dot: i32, id: ItemId) {
        let entry = Reverse((dot, Reverse(id)));
        if self.best.len() < self.k {
            self.best.push(entry);
        } else if self.best.peek().is_some_and(|worst| entry.0 > worst.0) {
            self.best.pop();
            self.best.push(entry);
        }
    }

    fn finish(self) -> Searched {
        let padding = padding_before(self.layout, self.layout.n_chunks());
        let best = self.best.into_sorted_vec();
        let best = best.into_iter().map(|Reverse((dot, Reverse(id)))| (i64::from(dot - padding), id)).collect();
        Searched { best, certificate: self.certificate, bytes_read: self.bytes_read }
    }
}
