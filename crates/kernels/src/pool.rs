//! The worker pool: parallel regions over disjoint pieces of `&mut` buffers.
//!
//! A region hands its tasks out one by one, so a slow core holds nobody up, and the caller works too: a worker that the
//! system does not let run takes no task and is not waited for. Workers spin briefly between regions, then sleep. Which
//! thread ran a task never shows in the result. A panic in a task ends the region, reaches the caller, and leaves the
//! pool usable.
#![allow(
    unsafe_code,
    reason = "cuts one `&mut` buffer into disjoint tiles; lends a closure to the workers for one region"
)]

use std::{
    marker::PhantomData,
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

#[cfg(not(target_family = "wasm"))]
mod affinity;
#[cfg(not(target_family = "wasm"))]
mod sync;
#[cfg(not(target_family = "wasm"))]
mod workers;
#[cfg(target_family = "wasm")]
mod workers {
    //! Without threads the caller does everything.
    pub(super) struct Workers;
    impl Workers {
        pub(super) fn new(_n_threads: usize) -> Self {
            Self
        }
        pub(super) fn n_threads(&self) -> usize {
            1
        }
        pub(super) fn pin(&mut self) -> bool {
            false
        }
        pub(super) fn run(&self, work: &(impl Fn(usize) + Sync)) {
            work(0);
        }
    }
}

/// Threads that the system offers this process (1 if it does not say).
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A pool of `n_threads`, the caller of a region being one of them.
pub(crate) struct Pool {
    workers: workers::Workers,
}

impl Pool {
    pub(crate) fn new(n_threads: usize) -> Self {
        Self { workers: workers::Workers::new(n_threads.max(1)) }
    }

    pub(crate) fn n_threads(&self) -> usize {
        self.workers.n_threads()
    }

    /// Gives each thread a core of its own, the caller of a region included; `false` where the process has more or
    /// fewer cores than threads.
    pub(crate) fn pin(&mut self) -> bool {
        self.workers.pin()
    }

    /// Runs `task(i, worker)` for every `i` below `n_tasks`, each once; returns when all are done.
    pub(crate) fn run(&self, n_tasks: usize, task: impl Fn(usize, usize) + Sync) {
        if n_tasks <= 1 || self.n_threads() == 1 {
            (0..n_tasks).for_each(|i| task(i, 0));
            return;
        }
        let next = Counter(AtomicUsize::new(0));
        let done = Counter(AtomicUsize::new(0));
        self.workers.run(&|worker| {
            let mut n_done = 0;
            loop {
                let i = next.0.fetch_add(1, Ordering::Relaxed);
                if i >= n_tasks {
                    break;
                }
                task(i, worker);
                n_done += 1;
            }
            done.0.fetch_add(n_done, Ordering::Relaxed);
        });
        assert_eq!(done.0.into_inner(), n_tasks, "a region ended before its tasks");
    }

    /// Runs `task(tile, worker)` for every tile of every output.
    pub(crate) fn for_tiles<T: Send>(&self, outputs: &[Output<'_, T>], task: impl Fn(Tile<'_, T>, usize) + Sync) {
        let n_tasks = outputs.iter().map(Output::n_tiles).sum();
        self.run(n_tasks, |mut i, worker| {
            for (index, output) in outputs.iter().enumerate() {
                if i < output.n_tiles() {
                    // SAFETY: `run` gives every task index once, and the tiles of an output do not overlap.
                    task(unsafe { output.tile(i, index) }, worker);
                    return;
                }
                i -= output.n_tiles();
            }
        });
    }

    /// Runs `task(tile, tile)` for every tile of `a` and the one of `b` at its place, of which there are as many; on
    /// the calling thread alone if it `is_little`.
    pub(crate) fn for_tile_pairs<T: Send>(
        &self,
        a: &Output<'_, T>,
        b: &Output<'_, T>,
        is_little: bool,
        task: impl Fn(Tile<'_, T>, Tile<'_, T>) + Sync,
    ) {
        assert_eq!(a.n_tiles(), b.n_tiles(), "tiles that have no other");
        let pair = |i: usize, _: usize| {
            // SAFETY: every index comes once, and the tiles of an output do not overlap.
            let of_a = unsafe { a.tile(i, 0) };
            // SAFETY: as above.
            task(of_a, unsafe { b.tile(i, 1) });
        };
        if is_little { (0..a.n_tiles()).for_each(|i| pair(i, 0)) } else { self.run(a.n_tiles(), pair) }
    }

    /// Runs `task(first row, rows)` over pieces of whole rows of `data` `[_, row_len]`, at least `rows_min` rows each.
    pub(crate) fn for_rows<T: Send>(
        &self,
        data: &mut [T],
        row_len: usize,
        rows_min: usize,
        task: impl Fn(usize, &mut [T], usize) + Sync,
    ) {
        assert!(row_len > 0, "rows of no elements");
        assert_eq!(data.len() % row_len, 0, "{} elements are no whole rows of {row_len}", data.len());
        let n_rows = data.len() / row_len;
        let per_thread = n_rows.div_ceil(4 * self.n_threads());
        let tile_rows = per_thread.max(rows_min).max(1);
        let outputs = [Output::new(data, row_len * tile_rows, row_len * tile_rows, 1)];
        self.for_tiles(&outputs, |mut tile, worker| task(tile.rows.start * tile_rows, tile.row(0), worker));
    }
}

/// Alone on its cache lines: what every task writes must not share one with what every task reads.
#[repr(align(128))]
struct Counter(AtomicUsize);

/// A buffer `[n_rows, n_cols]` to be filled tile by tile.
pub(crate) struct Output<'a, T> {
    data: *mut T,
    len: usize,
    n_cols: usize,
    tile_cols: usize,
    tile_rows: usize,
    tiles_across: usize,
    n_tiles: usize,
    _lifetime: PhantomData<&'a mut [T]>,
}

// SAFETY: shared only to be cut into disjoint tiles, each used by one thread: as if `&mut [T]` pieces were sent.
unsafe impl<T: Send> Sync for Output<'_, T> {}

impl<'a, T> Output<'a, T> {
    /// `data` as rows of `n_cols` (the last may be short), cut into tiles of `tile_rows × tile_cols`.
    pub(crate) fn new(data: &'a mut [T], n_cols: usize, tile_cols: usize, tile_rows: usize) -> Self {
        assert!(n_cols > 0 && tile_cols > 0 && tile_rows > 0, "tiles of {tile_rows} x {tile_cols} of {n_cols} columns");
        let len = data.len();
        let tiles_across = n_cols.div_ceil(tile_cols);
        let n_tiles = len.div_ceil(n_cols).div_ceil(tile_rows) * tiles_across;
        Self {
            data: data.as_mut_ptr(),
            len,
            n_cols,
            tile_cols,
            tile_rows,
            tiles_across,
            n_tiles,
            _lifetime: PhantomData,
        }
    }

    fn n_rows(&self) -> usize {
        self.len.div_ceil(self.n_cols)
    }

    fn n_tiles(&self) -> usize {
        self.n_tiles
    }

    /// Tile `i`, rows of tiles first: neighbouring tasks share their rows.
    ///
    /// # Safety
    /// No two tiles of one index may live at the same time.
    unsafe fn tile(&self, i: usize, output: usize) -> Tile<'_, T> {
        let row_first = i / self.tiles_across * self.tile_rows;
        let col_first = i % self.tiles_across * self.tile_cols;
        Tile {
            output,
            rows: row_first..(row_first + self.tile_rows).min(self.n_rows()),
            cols: col_first..(col_first + self.tile_cols).min(self.n_cols),
            data: self.data,
            len: self.len,
            n_cols: self.n_cols,
            _lifetime: PhantomData,
        }
    }
}

/// Some rows and columns of an [`Output`], owned by one task.
pub(crate) struct Tile<'a, T> {
    /// Index of the output.
    pub(crate) output: usize,
    /// The tile's rows in the output.
    pub(crate) rows: Range<usize>,
    /// The tile's columns in the output.
    pub(crate) cols: Range<usize>,
    data: *mut T,
    len: usize,
    n_cols: usize,
    _lifetime: PhantomData<&'a mut [T]>,
}

impl<'a, T> Tile<'a, T> {
    /// All of `data`, as one row.
    pub(crate) fn of(data: &'a mut [T]) -> Self {
        let len = data.len();
        Self { output: 0, rows: 0..1, cols: 0..len, data: data.as_mut_ptr(), len, n_cols: len, _lifetime: PhantomData }
    }

    /// Row `r` of the tile, counted from its first: its columns.
    pub(crate) fn row(&mut self, r: usize) -> &mut [T] {
        assert!(r < self.rows.len(), "row {r} of a tile of {}", self.rows.len());
        let start = (self.rows.start + r) * self.n_cols + self.cols.start;
        let end = (start + self.cols.len()).min(self.len);
        // SAFETY: `start..end` lies in the buffer (the row exists, `end` is clipped to its length).
        let first = unsafe { self.data.add(start) };
        // SAFETY: the columns of this tile's rows belong to no other tile, and `&mut self` lends one row at a time.
        unsafe { std::slice::from_raw_parts_mut(first, end - start) }
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests;
