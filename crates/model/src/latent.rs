//! Latent attention of one layer: what is kept of a position is one row, of which all heads' keys and values are made.
//!
//! A head's query `q` meets the key `K c` of a row `c` as `(Kᵀ q) · c`, and its value is `V` times the weighted sum of
//! rows. So attention is that of all query heads to one KV head, whose values are the first elements of its keys.

use kernels::{AttentionShape, Kernels, Queries, Rope, Span};

use crate::{
    attention::temper,
    forward::{Model, in_place_norm},
    linear::is_finite,
    scratch::Scratch,
    spec::{LatentSpec, ModelSpec},
    weights::{LatentAttention, Mixer},
    window::Sight,
};

impl Model {
    /// Computes the latent attention of one layer.
    pub(crate) fn attend_latent(&mut self, index: usize, n_rows: usize, spans: &[Span<'_>]) {
        let sight = Sight::new(&self.spec, index, self.attention_window);
        let Self { spec, weights, rope, kernels, kv, scratch, .. } = self;
        let (Some(Mixer::Latent(attention)), Some(latent)) = (&weights.layers[index].mixer, spec.latent) else {
            return;
        };
        project(kernels, spec, attention, &latent, scratch);
        turn(kernels, rope, &latent, scratch, To::Rows);
        meet_rows(kernels, spec, attention, &latent, scratch);
        // Before a sequence has outgrown its window, both are the same.
        let has_sinks = sight.sinks > 0 && scratch.positions != scratch.sink_positions;
        if has_sinks {
            let n = n_rows * spec.n_heads * latent.row_dim();
            scratch.q_to_sinks[..n].copy_from_slice(&scratch.q[..n]);
            turn(kernels, rope, &latent, scratch, To::SinkQueries(spec.n_heads));
        }
        turn(kernels, rope, &latent, scratch, To::Queries(spec.n_heads));
        let Scratch { q, q_to_sinks, k, spare, sink_positions, .. } = scratch;
        let row_dim = latent.row_dim();
        let (q, k) = (&mut q[..n_rows * spec.n_heads * row_dim], &mut k[..n_rows * row_dim]);
        let mut q_to_sinks = has_sinks.then(|| &mut q_to_sinks[..q.len()]);
        if let Some(temperature) = &spec.query_temperature {
            // Behind a window by the keys that are seen, as in attention that keeps keys of each head.
            temper(temperature, sink_positions, q);
            if let Some(q) = &mut q_to_sinks {
                temper(temperature, sink_positions, q);
            }
        }
        // A row that holds NaN is kept as infinite, which every type of cache reads back as no number.
        k.chunks_exact_mut(row_dim).filter(|row| !is_finite(row)).for_each(|row| row.fill(f32::INFINITY));
        let kv_layer = spec.kv_index(index);
        kernels.kv_write(kv, kv_layer, spans, k, &[]);
        let shape = AttentionShape {
            n_heads: spec.n_heads,
            scale: spec.attention_scale,
            soft_cap: spec.attention_soft_cap,
            window: sight.window,
            ahead: sight.ahead,
            sinks: sight.sinks,
        };
        let queries = Queries { all: q, to_sinks: q_to_sinks.as_deref(), learned_sinks: None, slopes: None };
        let seen = &mut spare[..n_rows * spec.n_heads * latent.kv_rank];
        kernels.attention(kv, kv_layer, spans, &shape, queries, seen);
        put_out(kernels, spec, attention, &latent, scratch);
    }
}

/// Copies `len` elements of each row of `from`, whose rows have a length and which begin at a place of it, to those of
/// `to`.
fn copy_parts(
    from: &[f32],
    (from_len, from_at): (usize, usize),
    to: &mut [f32],
    (to_len, to_at): (usize, usize),
    len: usize,
) {
    for (from, to) in from.chunks_exact(from_len).zip(to.chunks_exact_mut(to_len)) {
        to[to_at..to_at + len].copy_from_slice(&from[from_at..from_at + len]);
    }
}

/// Computes of the rows in the input the queries of heads, into the first of the inner buffers, and the rows that are
/// kept, into `k` but for what turns of them, which comes into the third.
fn project(
    kernels: &Kernels,
    spec: &ModelSpec,
    attention: &LatentAttention,
    latent: &LatentSpec,
    scratch: &mut Scratch,
) {
    let LatentAttention { narrow, queries, row, row_norm, .. } = attention;
    let Scratch { inner: [queries_out, rows_out, turned], input, k, spare, .. } = scratch;
    let n_rows = input.n_rows();
    let (kv_rank, turned_dim, row_dim) = (latent.kv_rank, latent.turned_dim, latent.row_dim());
    let rows_out = &mut rows_out[..n_rows * row_dim];
    if let Some((matrix, norm)) = narrow {
        let narrow = &mut queries_out[..n_rows * matrix.rows()];
        input.multiply(kernels, [(matrix, &mut *narrow), (row, &mut *rows_out)]);
        kernels.rms_norm(narrow, norm, spec.norm_epsilon, input.room(n_rows, matrix.rows()));
        input.fill(kernels);
        input.multiply(kernels, [(queries, &mut queries_out[..n_rows * queries.rows()])]);
    } else {
        input.multiply(kernels, [(queries, &mut queries_out[..n_rows * queries.rows()]), (row, &mut *rows_out)]);
    }
    let plain = &mut spare[..n_rows * kv_rank];
    copy_parts(rows_out, (row_dim, 0), plain, (kv_rank, 0), kv_rank);
    in_place_norm(kernels, spec, plain, row_norm, turned);
    copy_parts(plain, (kv_rank, 0), &mut k[..n_rows * row_dim], (row_dim, 0), kv_rank);
    copy_parts(rows_out, (row_dim, kv_rank), &mut turned[..n_rows * turned_dim], (turned_dim, 0), turned_dim);
}

/// What turns, and where it goes.
#[derive(Clone, Copy)]
enum To {
    /// Rows that are kept, in `k`.
    Rows,
    /// Queries of so many heads, in `q`.
    Queries(usize),
    /// Queries of so many heads as they meet attention sinks, in `q_to_sinks`.
    SinkQueries(usize),
}

/// Rotates what turns, which stands in the third of the inner buffers, and puts it behind what does not.
fn turn(kernels: &Kernels, rope: &Rope, latent: &LatentSpec, scratch: &mut Scratch, to: To) {
    let Scratch { inner: [_, room, turned], positions, sink_positions, q, q_to_sinks, k, .. } = scratch;
    let &LatentSpec { kv_rank, turned_dim, .. } = latent;
    let row_dim = latent.row_dim();
    let n_rows = positions.len();
    let (n_heads, out) = match to {
        To::Rows => (1, k),
        To::Queries(n_heads) => (n_heads, q),
        To::SinkQueries(n_heads) => (n_heads, q_to_sinks),
    };
    let n = n_rows * n_heads;
    let room = &mut room[..n * turned_dim];
    room.copy_from_slice(&turned[..n * turned_dim]);
    match to {
        To::Rows | To::Queries(_) => kernels.rope(rope, positions, n_heads, room),
        To::SinkQueries(_) => kernels.rope_to_sinks(rope, sink_positions, n_heads, room),
    }
    copy_parts(room, (turned_dim, 0), &mut out[..n * row_dim], (row_dim, kv_rank), turned_dim);
}

/// Computes of the queries of heads that stand in the first of the inner buffers what meets the rows, into `q` but for
/// what turns, which comes into the third.
fn meet_rows(
    kernels: &Kernels,
    spec: &ModelSpec,
    attention: &LatentAttention,
    latent: &LatentSpec,
    scratch: &mut Scratch,
) {
    let Scratch { inner: [queries, met, turned], input, q, .. } = scratch;
    let n_rows = input.n_rows();
    let &LatentSpec { kv_rank, plain_dim, turned_dim, .. } = latent;
    let (query_dim, row_dim) = (latent.query_dim(), latent.row_dim());
    let queries = &queries[..n_rows * spec.n_heads * query_dim];
    let (all_queries, all_rows) = (spec.n_heads * query_dim, spec.n_heads * row_dim);
    let (met, q) = (&mut met[..n_rows * kv_rank], &mut q[..n_rows * all_rows]);
    for (head, keys) in attention.keys.iter().enumerate() {
        let plain = input.room(n_rows, plain_dim);
        copy_parts(queries, (all_queries, head * query_dim), plain, (plain_dim, 0), plain_dim);
        input.fill(kernels);
        input.multiply(kernels, [(keys, &mut *met)]);
        copy_parts(met, (kv_rank, 0), q, (all_rows, head * row_dim), kv_rank);
    }
    let turned = &mut turned[..n_rows * spec.n_heads * turned_dim];
    copy_parts(queries, (query_dim, plain_dim), turned, (turned_dim, 0), turned_dim);
}

/// Computes of the weighted sums of rows `[T, H·C]` that stand in `spare` the values of heads and what is made of them,
/// into `block_out`.
fn put_out(
    kernels: &Kernels,
    spec: &ModelSpec,
    attention: &LatentAttention,
    latent: &LatentSpec,
    scratch: &mut Scratch,
) {
    let LatentAttention { values, output, .. } = attention;
    let Scratch { inner: [all, one, _], input, spare, block_out, .. } = scratch;
    let n_rows = input.n_rows();
    let &LatentSpec { kv_rank, value_dim, .. } = latent;
    let (seen_len, all_len) = (spec.n_heads * kv_rank, spec.n_heads * value_dim);
    let seen = &spare[..n_rows * seen_len];
    let (all, one) = (&mut all[..n_rows * all_len], &mut one[..n_rows * value_dim]);
    for (head, value) in values.iter().enumerate() {
        copy_parts(seen, (seen_len, head * kv_rank), input.room(n_rows, kv_rank), (kv_rank, 0), kv_rank);
        input.fill(kernels);
        input.multiply(kernels, [(value, &mut *one)]);
        copy_parts(one, (value_dim, 0), all, (all_len, head * value_dim), value_dim);
    }
    input.set(kernels, all, all_len);
    input.multiply(kernels, [(output, &mut block_out[..n_rows * spec.width])]);
}
