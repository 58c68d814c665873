//! Grouped-query attention of one step over paged keys and values.
//!
//! Each query row is computed on its own in an order fixed by absolute positions: tiles of [`PAGE_LEN`] keys with online softmax inside
//! segments of [`SEGMENT`] positions, segments merged in order. So its bytes depend neither on how the prompt was cut into steps nor on which
//! thread did what.
//!
//! Sources: Dao et al. 2022 (arXiv 2205.14135) algorithm 1; paging: Kwon et al. 2023 (arXiv 2309.06180).

use crate::{
    AttentionShape, KvPages, PAGE_LEN, Span,
    isa::{Level, multiversion},
    math::{exp, fold, tanh},
    pool::{Output, Pool, Tile},
};
use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

mod tile;

/// Positions whose partial softmax is finished before it is merged with those before.
const SEGMENT: usize = 512;

/// Most query rows in one task.
const TASK_ROWS: usize = 16;

/// Buffers of one worker, as large as the largest task seen.
#[derive(Default)]
pub(crate) struct AttentionScratch {
    /// `[Dk, P]`
    keys: Vec<f32>,
    /// `[P, Dv]`
    values: Vec<f32>,
    /// Query rows of the task, `[N, Dk]`.
    queries: Vec<f32>,
    /// The segment at work.
    segment: Partial,
    /// Segments before.
    total: Partial,
    /// `[N, P]` of the tile: scores, then weights.
    weights: Vec<tile::Row>,
    /// `[N]`, what the tile does to the sums before it.
    decay: Vec<f32>,
    /// Positions of the tile that each query sees.
    visible: Vec<(usize, usize)>,
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

/// The whole operation: `q` `[T, H, Dk]` → `out` `[T, H, Dv]`.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub(crate) kv: &'a KvPages,
    pub(crate) layer: usize,
    pub(crate) spans: &'a [Span<'a>],
    pub(crate) shape: &'a AttentionShape,
    pub(crate) q: &'a [f32],
}

impl Attention<'_> {
    pub(crate) fn run(&self, level: Level, pool: &Pool, scratch: &[Mutex<AttentionScratch>], out: &mut [f32]) {
        let layout = self.kv.layout();
        let n_heads = self.shape.n_heads;
        assert!(
            n_heads > 0 && n_heads.is_multiple_of(layout.n_kv_heads),
            "{n_heads} heads for {} kv heads",
            layout.n_kv_heads
        );
        let n_rows = self.q.len() / (n_heads * layout.key_dim);
        assert_eq!(self.q.len(), n_rows * n_heads * layout.key_dim, "queries of {n_heads} heads of {}", layout.key_dim);
        assert_eq!(out.len(), n_rows * n_heads * layout.value_dim, "output of {n_rows} rows");
        for span in self.spans {
            assert!(span.row_first + span.n_rows <= n_rows, "rows {}..+{} of {n_rows}", span.row_first, span.n_rows);
        }
        if n_rows == 0 {
            return;
        }
        let group = n_heads / layout.n_kv_heads;
        let tile_rows = n_rows.div_ceil(4 * pool.n_threads()).min(TASK_ROWS);
        let outputs = [Output::new(out, n_heads * layout.value_dim, group * layout.value_dim, tile_rows)];
        pool.for_tiles(&outputs, |mut tile, worker| {
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            for span in self.spans {
                let rows = tile.rows.start.max(span.row_first)..tile.rows.end.min(span.row_first + span.n_rows);
                if !rows.is_empty() {
                    self.rows(level, &mut scratch, span, rows, &mut tile);
                }
            }
        });
    }

    /// The query heads of one kv head in some rows of one span.
    fn rows(
        &self,
        level: Level,
        scratch: &mut AttentionScratch,
        span: &Span<'_>,
        rows: Range<usize>,
        out: &mut Tile<'_, f32>,
    ) {
        let layout = self.kv.layout();
        let (key_dim, value_dim) = (layout.key_dim, layout.value_dim);
        let group = self.shape.n_heads / layout.n_kv_heads;
        let kv_head = out.cols.start / (group * value_dim);
        let n_queries = rows.len() * group;
        scratch.keys.resize(key_dim * PAGE_LEN, 0.0);
        scratch.values.resize(value_dim * PAGE_LEN, 0.0);
        scratch.queries.clear();
        for row in rows.clone() {
            let heads = (row * self.shape.n_heads + kv_head * group) * key_dim;
            scratch.queries.extend_from_slice(&self.q[heads..][..group * key_dim]);
        }
        let position = |row: usize| span.position_first + (row - span.row_first);
        let window = self.shape.window.unwrap_or(usize::MAX);
        // A query at p sees first(p)..=p.
        let first = |position: usize| (position + 1).saturating_sub(window);
        let (position_min, position_max) = (position(rows.start), position(rows.end - 1));

        scratch.total.reset(n_queries, value_dim);
        let mut tile_first = first(position_min) / PAGE_LEN * PAGE_LEN;
        while tile_first <= position_max {
            scratch.segment.reset(n_queries, value_dim);
            let segment_end = (tile_first / SEGMENT + 1) * SEGMENT;
            while tile_first < segment_end && tile_first <= position_max {
                scratch.visible.clear();
                for row in rows.clone() {
                    let end = (position(row) + 1).clamp(tile_first, tile_first + PAGE_LEN) - tile_first;
                    let start = first(position(row)).clamp(tile_first, tile_first + PAGE_LEN) - tile_first;
                    scratch.visible.extend((0..group).map(|_| (start.min(end), end)));
                }
                let page = span.page(tile_first);
                self.kv.read_keys(level, page, self.layer, kv_head, &mut scratch.keys);
                self.kv.read_values(level, page, self.layer, kv_head, &mut scratch.values);
                attend(level, self.shape, scratch);
                tile_first += PAGE_LEN;
            }
            merge(level, &mut scratch.total, &scratch.segment);
        }
        for (r, row) in rows.enumerate() {
            let out = out.row(row - out.rows.start);
            finish(
                level,
                &scratch.total.acc[r * group * value_dim..][..group * value_dim],
                &scratch.total.sum[r * group..][..group],
                out,
            );
        }
    }
}

/// One tile of keys `[Dk, P]` and values `[P, Dv]` for all queries `[N, Dk]`.
fn attend(level: Level, shape: &AttentionShape, scratch: &mut AttentionScratch) {
    let AttentionScratch { keys, values, queries, weights, decay, segment, visible, .. } = scratch;
    weights.resize(visible.len(), [0.0; PAGE_LEN]);
    decay.resize(visible.len(), 0.0);
    tile::scores(level, keys.as_chunks().0, queries, weights);
    weigh_all(level, shape, visible, weights, decay, segment);
    let value_dim = values.len() / PAGE_LEN;
    let mut first = 0;
    while first < visible.len() {
        let (start, end) = visible[first];
        // Queries that see the same positions go together.
        let n = visible[first..].iter().take_while(|v| **v == (start, end)).count();
        if start < end {
            let acc = &mut segment.acc[first * value_dim..][..n * value_dim];
            tile::accumulate(level, &weights[first..][..n], &decay[first..][..n], values, start..end, acc);
        }
        first += n;
    }
}

multiversion! {
    /// Scores to weights, in place, and the decay of what was accumulated before.
    fn weigh_all(
        shape: &AttentionShape,
        visible: &[(usize, usize)],
        scores: &mut [tile::Row],
        decay: &mut [f32],
        state: &mut Partial,
    ) {
        for (i, &(start, end)) in visible.iter().enumerate() {
            if start < end {
                let weights = weigh(shape, scores[i], start, end, &mut state.max[i], &mut state.sum[i]);
                scores[i] = weights.of;
                decay[i] = weights.decay;
            }
        }
    }
}

/// What a tile does to the running softmax of one query.
struct Weights {
    /// `e^(score - max)` of each position, 0 where masked.
    of: [f32; PAGE_LEN],
    /// Factor of everything accumulated before.
    decay: f32,
}

/// Scores of a tile to weights; moves `max` and `sum` on.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled inside each instruction set's version")]
fn weigh(
    shape: &AttentionShape,
    mut scores: [f32; PAGE_LEN],
    start: usize,
    end: usize,
    max: &mut f32,
    sum: &mut f32,
) -> Weights {
    for s in &mut scores {
        *s *= shape.scale;
    }
    if let Some(cap) = shape.soft_cap {
        for s in &mut scores {
            *s = cap * tanh(*s / cap);
        }
    }
    for (p, s) in scores.iter_mut().enumerate() {
        *s = if p >= start && p < end { *s } else { f32::NEG_INFINITY };
    }
    let mut tile_max = scores;
    let mut n = PAGE_LEN;
    while n > 1 {
        n /= 2;
        for i in 0..n {
            tile_max[i] = if tile_max[i + n] > tile_max[i] { tile_max[i + n] } else { tile_max[i] };
        }
    }
    let new_max = if tile_max[0] > *max { tile_max[0] } else { *max };
    let decay = exp(*max - new_max);
    for s in &mut scores {
        *s = exp(*s - new_max);
    }
    *max = new_max;
    *sum = sum.mul_add(decay, fold(scores));
    Weights { of: scores, decay }
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
            total.sum[i] = total.sum[i].mul_add(before, segment.sum[i] * now);
            let segment = &segment.acc[i * value_dim..][..value_dim];
            for (total, &segment) in total.acc[i * value_dim..][..value_dim].iter_mut().zip(segment) {
                *total = total.mul_add(before, segment * now);
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
            out.iter_mut().zip(acc).for_each(|(out, &a)| *out = a.mul_add(scale, 0.0));
        }
    }
}

#[cfg(test)]
mod tests;
