//! Grouped-query attention of one step over paged keys and values.
//!
//! Each query row is computed on its own in an order fixed by absolute positions: tiles of [`PAGE_LEN`] keys with
//! online softmax inside segments of [`SEGMENT`] positions, segments merged in order. So its bytes depend neither on
//! how the prompt was cut into steps nor on which thread did what. Pages that no row of a task sees are not touched:
//! with a window they may hold anything, and their ids may be any. Rows that see what comes after them
//! ([`AttentionShape::ahead`]) see no more of it than their span has: there the span is the whole text.
//!
//! Sources: Dao et al. 2022 (arXiv 2205.14135) algorithm 1; paging: Kwon et al. 2023 (arXiv 2309.06180); sinks: Xiao et
//! al. 2023 (arXiv 2309.17453).

use crate::{
    AttentionShape, KvHeads, KvPages, PAGE_LEN, Queries, Span, hadamard,
    isa::{Level, multiversion},
    kv::Side,
    math::{exp, fma},
    pool::{Output, Pool, Tile},
};
use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

mod tile;
mod weigh;

/// Positions whose partial softmax is finished before it is merged with those before.
const SEGMENT: usize = 512;

/// Most query rows in one task.
const TASK_ROWS: usize = 16;

/// Tasks a thread below which long contexts are cut into segments.
const TASKS_MIN: usize = 4;

/// Buffers of one worker, as large as the largest task seen.
#[derive(Default)]
pub(crate) struct AttentionScratch {
    /// Keys of a page `[Dk, P]`.
    keys: Vec<f32>,
    /// Values of a page `[P, Dv]`.
    values: Vec<f32>,
    /// Query rows of the task, `[N, Dk]`.
    queries: Vec<f32>,
    /// Query rows of the task as they meet sinks, `[N, Dk]`, or empty.
    sink_queries: Vec<f32>,
    /// The segment at work.
    segment: Partial,
    /// What the segments before came to.
    total: Partial,
    /// `[N, P]` of the tile: scores, then weights.
    weights: Vec<tile::Row>,
    /// `[N, P]`, scores of sinks.
    sink_scores: Vec<tile::Row>,
    /// `[N]`, what the tile does to the sums before it.
    decay: Vec<f32>,
    /// What each query sees of the tile.
    seen: Vec<Seen>,
    /// Results of segments, `[T, G, segments, H / G, 2 + Dv]`, which [`Attention::run_segments`] merges; the first
    /// worker's alone are used.
    parts: Vec<f32>,
}

/// Online softmax of `N` queries.
#[derive(Default)]
struct Partial {
    /// `[N]`, minus infinity while no key was seen.
    max: Vec<f32>,
    /// `[N]`, of `e^(score - max)`.
    sum: Vec<f32>,
    /// `[N, Dv]`, values weighted by `e^(score - max)`.
    acc: Vec<f32>,
}

impl Partial {
    fn reset(&mut self, n: usize, value_dim: usize) {
        self.max.clear();
        self.max.resize(n, f32::NEG_INFINITY);
        self.sum.clear();
        self.sum.resize(n, 0.0);
        self.acc.clear();
        self.acc.resize(n * value_dim, 0.0);
    }
}

/// What a query sees of a tile: positions `0..sinks` and `start..end` of it; `sinks <= start <= end`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    sinks: usize,
    start: usize,
    end: usize,
}

impl Seen {
    fn is_empty(self) -> bool {
        self.sinks == 0 && self.start == self.end
    }

    /// Is all of the tile seen?
    fn is_whole(self) -> bool {
        self.end == PAGE_LEN && self.start <= self.sinks
    }

    /// What is seen as ranges, as few as there can be.
    fn ranges(self) -> [Range<usize>; 2] {
        let Self { sinks, start, end } = self;
        if sinks == start { [0..0, 0..end] } else { [0..sinks, start..end] }
    }
}

/// The whole operation: `q` `[T, H, Dk]` → `out` `[T, H, Dv]`.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub(crate) kv: &'a KvPages,
    pub(crate) layer: usize,
    pub(crate) spans: &'a [Span<'a>],
    pub(crate) shape: &'a AttentionShape,
    pub(crate) q: Queries<'a>,
}

impl Attention<'_> {
    pub(crate) fn run(&self, level: Level, pool: &Pool, scratch: &[Mutex<AttentionScratch>], out: &mut [f32]) {
        let layout = self.heads();
        let n_heads = self.shape.n_heads;
        assert!(
            n_heads > 0 && n_heads.is_multiple_of(layout.n_kv_heads),
            "{n_heads} heads for {} kv heads",
            layout.n_kv_heads
        );
        let n_rows = self.q.all.len() / (n_heads * layout.key_dim);
        for q in std::iter::once(self.q.all).chain(self.q.to_sinks) {
            assert_eq!(q.len(), n_rows * n_heads * layout.key_dim, "queries of {n_heads} heads of {}", layout.key_dim);
        }
        assert_eq!(out.len(), n_rows * n_heads * layout.value_dim, "output of {n_rows} rows");
        for of_heads in [self.q.learned_sinks, self.q.slopes].into_iter().flatten() {
            assert_eq!(of_heads.len(), n_heads, "learned sinks or slopes of {n_heads} heads");
        }
        for span in self.spans {
            assert!(span.row_first + span.n_rows <= n_rows, "rows {}..+{} of {n_rows}", span.row_first, span.n_rows);
        }
        if n_rows == 0 {
            return;
        }
        let group = n_heads / layout.n_kv_heads;
        let tile_rows = n_rows.div_ceil(4 * pool.n_threads()).min(TASK_ROWS);
        let n_tasks = n_rows.div_ceil(tile_rows) * layout.n_kv_heads;
        if pool.n_threads() > 1 && n_tasks < TASKS_MIN * pool.n_threads() && self.longest() > SEGMENT {
            self.run_segments(level, pool, scratch, out);
            return;
        }
        let outputs = [Output::new(out, n_heads * layout.value_dim, group * layout.value_dim, tile_rows)];
        pool.for_tiles(&outputs, |mut tile, worker| {
            let mut scratch = lock(&scratch[worker]);
            for span in self.spans {
                let rows = tile.rows.start.max(span.row_first)..tile.rows.end.min(span.row_first + span.n_rows);
                if !rows.is_empty() {
                    let kv_head = tile.cols.start / (group * layout.value_dim);
                    self.rows(level, &mut scratch, span, rows, kv_head, &mut tile);
                }
            }
        });
    }

    /// Heads of keys and values of the layer.
    fn heads(&self) -> KvHeads {
        self.kv.heads(self.layer)
    }

    /// Positions that the row with most of them sees.
    fn longest(&self) -> usize {
        let window = self.shape.window.unwrap_or(usize::MAX).saturating_add(self.shape.ahead);
        let window = window.saturating_add(self.shape.sinks);
        self.spans.iter().map(|span| (span.position_first + span.n_rows).min(window)).max().unwrap_or(0)
    }

    /// Few rows with long contexts: each segment of a row is a task of its own.
    fn run_segments(&self, level: Level, pool: &Pool, scratch: &[Mutex<AttentionScratch>], out: &mut [f32]) {
        let layout = self.heads();
        let n_groups = layout.n_kv_heads;
        let group = self.shape.n_heads / n_groups;
        // Of each query: maximum, sum, accumulator.
        let state = 2 + layout.value_dim;
        // Both the sinks and the window may begin and end within a segment.
        let n_segments = self.longest() / SEGMENT + 2 + usize::from(self.shape.sinks > 0);
        let n_rows = out.len() / (self.shape.n_heads * layout.value_dim);
        let mut parts = std::mem::take(&mut lock(&scratch[0]).parts);
        parts.clear();
        parts.resize(n_rows * n_groups * n_segments * group * state, 0.0);
        let outputs = [Output::new(&mut parts, group * state, group * state, 1)];
        pool.for_tiles(&outputs, |mut tile, worker| {
            let unit = tile.rows.start;
            let (row, kv_head, index) =
                (unit / (n_groups * n_segments), unit / n_segments % n_groups, unit % n_segments);
            let Some(span) = self.spans.iter().find(|s| (s.row_first..s.row_first + s.n_rows).contains(&row)) else {
                return;
            };
            let part = tile.row(0);
            part.iter_mut().step_by(state).for_each(|max| *max = f32::NEG_INFINITY);
            if let Some(segment) = self.segments(span, row..row + 1).nth(index) {
                let mut scratch = lock(&scratch[worker]);
                self.gather(level, &mut scratch, row..row + 1, kv_head);
                self.segment(level, &mut scratch, span, row..row + 1, kv_head, segment);
                let Partial { max, sum, acc } = &scratch.segment;
                let states = part.chunks_exact_mut(state).zip(acc.chunks_exact(layout.value_dim));
                for ((to, acc), (max, sum)) in states.zip(max.iter().zip(sum)) {
                    (to[0], to[1]) = (*max, *sum);
                    to[2..].copy_from_slice(acc);
                }
            }
        });
        let mut merged = lock(&scratch[0]);
        let AttentionScratch { segment, total, .. } = &mut *merged;
        let heads = out.chunks_exact_mut(group * layout.value_dim);
        for (unit, (out, parts)) in heads.zip(parts.chunks_exact(n_segments * group * state)).enumerate() {
            total.reset(group, layout.value_dim);
            segment.reset(group, layout.value_dim);
            for part in parts.chunks_exact(group * state) {
                for (i, from) in part.chunks_exact(state).enumerate() {
                    (segment.max[i], segment.sum[i]) = (from[0], from[1]);
                    segment.acc[i * layout.value_dim..][..layout.value_dim].copy_from_slice(&from[2..]);
                }
                merge(level, total, segment);
            }
            // A row that no span has stays as it was.
            if total.sum[0] != 0.0 {
                self.add_learned_sinks(level, unit % n_groups, total, segment);
                self.finish(level, &total.acc, &total.sum, out);
            }
        }
        merged.parts = parts;
    }

    /// The query heads of one kv head in some rows of one span.
    fn rows(
        &self,
        level: Level,
        scratch: &mut AttentionScratch,
        span: &Span<'_>,
        rows: Range<usize>,
        kv_head: usize,
        out: &mut Tile<'_, f32>,
    ) {
        let layout = self.heads();
        let value_dim = layout.value_dim;
        let group = self.shape.n_heads / layout.n_kv_heads;
        self.gather(level, scratch, rows.clone(), kv_head);
        scratch.total.reset(rows.len() * group, value_dim);
        for segment in self.segments(span, rows.clone()) {
            self.segment(level, scratch, span, rows.clone(), kv_head, segment);
            merge(level, &mut scratch.total, &scratch.segment);
        }
        self.add_learned_sinks(level, kv_head, &mut scratch.total, &mut scratch.segment);
        for (r, row) in rows.enumerate() {
            let out = out.row(row - out.rows.start);
            self.finish(
                level,
                &scratch.total.acc[r * group * value_dim..][..group * value_dim],
                &scratch.total.sum[r * group..][..group],
                out,
            );
        }
    }

    /// Adds the learned sinks of the query heads of one kv head to their `total`, by way of `segment`: they are like
    /// one more segment, of one position each, whose values are zero.
    fn add_learned_sinks(&self, level: Level, kv_head: usize, total: &mut Partial, segment: &mut Partial) {
        let Some(sinks) = self.q.learned_sinks else { return };
        let KvHeads { value_dim, n_kv_heads, .. } = self.heads();
        let group = self.shape.n_heads / n_kv_heads;
        segment.reset(total.max.len(), value_dim);
        segment.sum.fill(1.0);
        for of_row in segment.max.chunks_exact_mut(group) {
            of_row.copy_from_slice(&sinks[kv_head * group..][..group]);
        }
        merge(level, total, segment);
    }

    /// Sums to outputs `[N, Dv]`, rotated back if values are stored rotated.
    fn finish(&self, level: Level, acc: &[f32], sum: &[f32], out: &mut [f32]) {
        finish(level, acc, sum, out);
        if self.kv.layout().types.is_rotated {
            hadamard::rotate(level, self.heads().rotated_dim(Side::Values), out);
        }
    }

    /// The queries of the rows, together, rotated as keys are.
    fn gather(&self, level: Level, scratch: &mut AttentionScratch, rows: Range<usize>, kv_head: usize) {
        let KvHeads { key_dim, n_kv_heads, .. } = self.heads();
        let group = self.shape.n_heads / n_kv_heads;
        scratch.sink_queries.clear();
        for (q, gathered) in [(Some(self.q.all), &mut scratch.queries), (self.q.to_sinks, &mut scratch.sink_queries)] {
            let Some(q) = q else { continue };
            gathered.clear();
            for row in rows.clone() {
                let heads = (row * self.shape.n_heads + kv_head * group) * key_dim;
                gathered.extend_from_slice(&q[heads..][..group * key_dim]);
            }
            if self.kv.layout().types.is_rotated {
                hadamard::rotate(level, self.heads().rotated_dim(Side::Keys), gathered);
            }
        }
    }

    /// First position of the window of a query at `position`.
    fn first(&self, position: usize) -> usize {
        (position + 1).saturating_sub(self.shape.window.unwrap_or(usize::MAX))
    }

    /// End of what a query of `span` at `position` sees.
    fn end(&self, span: &Span<'_>, position: usize) -> usize {
        (position + 1).saturating_add(self.shape.ahead).min(span.position_first + span.n_rows)
    }

    /// What a query of `span` at `position` sees of a tile.
    fn seen(&self, span: &Span<'_>, position: usize, tile_first: usize) -> Seen {
        let within = |p: usize| p.clamp(tile_first, tile_first + PAGE_LEN) - tile_first;
        let (sinks, end) = (within(self.shape.sinks.min(position + 1)), within(self.end(span, position)));
        Seen { sinks, start: within(self.first(position)).max(sinks).min(end), end }
    }

    /// Does any of the queries from the first of `positions` on see something of the tile, where they see nothing from
    /// `end` on?
    fn sees(&self, positions: &Range<usize>, end: usize, tile_first: usize) -> bool {
        let is_in_window = tile_first + PAGE_LEN > self.first(positions.start);
        tile_first < end && (tile_first < self.shape.sinks || is_in_window)
    }

    /// Positions of `rows`.
    fn positions(span: &Span<'_>, rows: &Range<usize>) -> Range<usize> {
        let position = |row: usize| span.position_first + (row - span.row_first);
        position(rows.start)..position(rows.end)
    }

    /// Segments that the rows see, in order.
    fn segments(&self, span: &Span<'_>, rows: Range<usize>) -> impl Iterator<Item = usize> {
        let positions = Self::positions(span, &rows);
        let end = self.end(span, positions.end - 1).div_ceil(SEGMENT);
        let sinks_end = self.shape.sinks.div_ceil(SEGMENT).min(end);
        (0..sinks_end).chain((self.first(positions.start) / SEGMENT).max(sinks_end)..end)
    }

    /// One segment of positions for the gathered queries.
    fn segment(
        &self,
        level: Level,
        scratch: &mut AttentionScratch,
        span: &Span<'_>,
        rows: Range<usize>,
        kv_head: usize,
        segment: usize,
    ) {
        let KvHeads { key_dim, value_dim, n_kv_heads, .. } = self.heads();
        let group = self.shape.n_heads / n_kv_heads;
        scratch.keys.resize(key_dim * PAGE_LEN, 0.0);
        scratch.values.resize(value_dim * PAGE_LEN, 0.0);
        scratch.segment.reset(rows.len() * group, value_dim);
        let positions = Self::positions(span, &rows);
        let end = self.end(span, positions.end - 1);
        let tiles = (segment * SEGMENT..(segment + 1) * SEGMENT).step_by(PAGE_LEN);
        let mut tiles = tiles.filter(|tile| self.sees(&positions, end, *tile)).peekable();
        let first_tile = tiles.peek().copied();
        while let Some(tile_first) = tiles.next() {
            scratch.seen.clear();
            for position in positions.clone() {
                let seen = self.seen(span, position, tile_first);
                scratch.seen.extend((0..group).map(|_| seen));
            }
            // The next tile, or where the next head begins, which is likely this thread's next task.
            if let Some(next) = tiles.peek() {
                self.kv.prefetch(span.page(*next), self.layer, kv_head);
            } else if let Some(first) = first_tile.filter(|_| kv_head + 1 < n_kv_heads) {
                self.kv.prefetch(span.page(first), self.layer, kv_head + 1);
            }
            let page = span.page(tile_first);
            self.kv.read_keys(level, page, self.layer, kv_head, &mut scratch.keys);
            self.kv.read_values(level, (page, self.layer, kv_head), &scratch.keys, &mut scratch.values);
            let slopes = self.q.slopes.map(|slopes| &slopes[kv_head * group..][..group]);
            attend(level, self.shape, scratch, |scores| {
                if let Some(slopes) = slopes {
                    add_biases(slopes, self.shape.scale, positions.clone(), tile_first, scores);
                }
            });
        }
    }
}

/// Takes from the scores `[rows, heads, P]` of a tile what [`Queries::slopes`] says, before the factor `scale`.
fn add_biases(slopes: &[f32], scale: f32, positions: Range<usize>, tile_first: usize, scores: &mut [tile::Row]) {
    for (of_row, position) in scores.chunks_exact_mut(slopes.len()).zip(positions) {
        for (scores, slope) in of_row.iter_mut().zip(slopes) {
            let slope = slope / scale;
            for (score, key) in scores.iter_mut().zip(tile_first..) {
                *score -= slope * position.abs_diff(key) as f32;
            }
        }
    }
}

fn lock(scratch: &Mutex<AttentionScratch>) -> std::sync::MutexGuard<'_, AttentionScratch> {
    scratch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One tile of keys `[Dk, P]` and values `[P, Dv]` for all queries `[N, Dk]`; `bias` changes their scores `[N, P]`.
fn attend(level: Level, shape: &AttentionShape, scratch: &mut AttentionScratch, bias: impl FnOnce(&mut [tile::Row])) {
    let AttentionScratch { keys, values, queries, sink_queries, weights, sink_scores, decay, segment, seen, .. } =
        scratch;
    weights.resize(seen.len(), [0.0; PAGE_LEN]);
    decay.resize(seen.len(), 0.0);
    tile::scores(level, keys.as_chunks().0, queries, weights);
    if !sink_queries.is_empty() && seen.iter().any(|seen| seen.sinks > 0) {
        sink_scores.resize(seen.len(), [0.0; PAGE_LEN]);
        tile::scores(level, keys.as_chunks().0, sink_queries, sink_scores);
        for ((scores, of_sinks), seen) in weights.iter_mut().zip(sink_scores).zip(&*seen) {
            scores[..seen.sinks].copy_from_slice(&of_sinks[..seen.sinks]);
        }
    }
    bias(weights);
    weigh::weigh_all(level, shape, seen, weights, decay, segment);
    let value_dim = values.len() / PAGE_LEN;
    let mut first = 0;
    while first < seen.len() {
        let of_first = seen[first];
        // Queries that see the same positions go together.
        let n = seen[first..].iter().take_while(|seen| **seen == of_first).count();
        let decay = &mut decay[first..][..n];
        for range in of_first.ranges().into_iter().filter(|range| !range.is_empty()) {
            let acc = &mut segment.acc[first * value_dim..][..n * value_dim];
            tile::accumulate(level, &weights[first..][..n], decay, values, range, acc);
            decay.fill(1.0);
        }
        first += n;
    }
}

multiversion! {
    /// Adds the finished segment to the total.
    fn merge(total: &mut Partial, segment: &Partial) {
        let value_dim = total.acc.len() / total.max.len();
        for i in 0..total.max.len() {
            if segment.sum[i] == 0.0 {
                continue;
            }
            let max = if segment.max[i] > total.max[i] { segment.max[i] } else { total.max[i] };
            let (before, now) = (exp(total.max[i] - max), exp(segment.max[i] - max));
            total.max[i] = max;
            total.sum[i] = fma(total.sum[i], before, segment.sum[i] * now);
            let segment = &segment.acc[i * value_dim..][..value_dim];
            for (total, &segment) in total.acc[i * value_dim..][..value_dim].iter_mut().zip(segment) {
                *total = fma(*total, before, segment * now);
            }
        }
    }
}

multiversion! {
    /// Divides by the sums: `acc` `[N, Dv]`, `sum` `[N]` → `out` `[N, Dv]`.
    fn finish(acc: &[f32], sum: &[f32], out: &mut [f32]) {
        let value_dim = acc.len() / sum.len();
        for ((acc, &sum), out) in acc.chunks_exact(value_dim).zip(sum).zip(out.chunks_exact_mut(value_dim)) {
            let scale = 1.0 / sum;
            // Adding zero makes -0 into +0: a skipped product and a product of zero end alike.
            out.iter_mut().zip(acc).for_each(|(out, &a)| *out = a * scale + 0.0);
        }
    }
}

#[cfg(test)]
mod tests;
