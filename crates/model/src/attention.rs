//! The attention of one layer: queries, keys and values of a step's rows, then what rows see of the cache.

use kernels::{AttentionShape, Kernels, KvHeads, Queries, Span};

use crate::{
    forward::{Model, in_place_norm},
    linear::{Input, is_finite},
    spec::{ModelSpec, QkNorm, QueryTemperature},
    weights::{Attention, Mixer},
    window::Sight,
};

/// Queries `[T, H·Dk]`, keys `[T, G·Dk]` and values `[T, G·Dv]` of a step's rows; keys and values are empty where a
/// layer has none of its own.
struct Heads<'a> {
    q: &'a mut [f32],
    k: &'a mut [f32],
    v: &'a mut [f32],
}

impl Model {
    /// Computes the attention of one layer.
    pub(crate) fn attend(&mut self, index: usize, n_rows: usize, spans: &[Span<'_>]) {
        let sight = Sight::new(&self.spec, index, self.attention_window);
        let Self { spec, weights, rope, rope_local, slopes, kernels, kv, scratch, .. } = self;
        let Some(Mixer::Attention(attention)) = &weights.layers[index].mixer else { return };
        let Attention { output, q_norm, k_norm, v_norm, sub_norm, learned_sinks, .. } = &**attention;
        let KvHeads { n_kv_heads, key_dim, value_dim, .. } = spec.heads(index);
        let kv_rows = if spec.has_kv(index) { n_rows } else { 0 };
        let Heads { q, k, v } = Heads {
            q: &mut scratch.q[..n_rows * spec.n_heads * key_dim],
            k: &mut scratch.k[..kv_rows * n_kv_heads * key_dim],
            v: &mut scratch.v[..kv_rows * n_kv_heads * value_dim],
        };
        let heads = Heads { q: &mut *q, k: &mut *k, v: &mut *v };
        project(kernels, key_dim, attention, &mut scratch.input, heads, &mut scratch.inner);
        let follows_rope = spec.qk_norm == QkNorm::PerHeadAfterRope;
        let (q_norm, k_norm) = (q_norm.as_deref(), k_norm.as_deref());
        heads_norm(kernels, spec, [(v, v_norm.as_deref())], &mut scratch.spare);
        if !follows_rope {
            heads_norm(kernels, spec, [(q, q_norm), (k, k_norm)], &mut scratch.spare);
        }
        let mut q_to_sinks = None;
        if spec.has_rope(index) {
            let rope = rope_local.as_ref().filter(|_| spec.window_len(index).is_some()).unwrap_or(rope);
            // Before a sequence has outgrown its window, both are the same.
            if sight.sinks > 0 && scratch.positions != scratch.sink_positions {
                let q_copy = &mut scratch.q_to_sinks[..q.len()];
                q_copy.copy_from_slice(q);
                kernels.rope_to_sinks(rope, &scratch.sink_positions, spec.n_heads, q_copy);
                q_to_sinks = Some(q_copy);
            }
            kernels.rope(rope, &scratch.positions, spec.n_heads, q);
            if !k.is_empty() {
                kernels.rope(rope, &scratch.positions, n_kv_heads, k);
            }
        }
        if follows_rope {
            heads_norm(kernels, spec, [(q, q_norm), (k, k_norm)], &mut scratch.spare);
            if let Some(q) = &mut q_to_sinks {
                heads_norm(kernels, spec, [(q, q_norm)], &mut scratch.spare);
            }
        }
        if let Some(temperature) = &spec.query_temperature {
            // Behind a window by the keys that are seen: all scores of a row have one temperature.
            temper(temperature, &scratch.sink_positions, q);
            if let Some(q) = &mut q_to_sinks {
                temper(temperature, &scratch.sink_positions, q);
            }
        }
        let kv_layer = spec.kv_index(index);
        if kv_rows > 0 {
            mark_broken(k, n_kv_heads * key_dim, v, n_kv_heads * value_dim);
            kernels.kv_write(kv, kv_layer, spans, k, v);
        }
        let shape = AttentionShape {
            n_heads: spec.n_heads,
            scale: spec.attention_scale,
            soft_cap: spec.attention_soft_cap,
            window: sight.window,
            ahead: sight.ahead,
            sinks: sight.sinks,
        };
        let o_cols = spec.n_heads * value_dim;
        let attended = scratch.input.room(n_rows, o_cols);
        let queries = Queries {
            all: q,
            to_sinks: q_to_sinks.as_deref(),
            learned_sinks: learned_sinks.as_deref(),
            slopes: slopes.as_deref(),
        };
        kernels.attention(kv, kv_layer, spans, &shape, queries, attended);
        if spec.has_attention_gate {
            kernels.times_sigmoid(attended, &scratch.inner[1][..n_rows * o_cols]);
        }
        if let Some(weight) = sub_norm {
            in_place_norm(kernels, spec, attended, weight, &mut scratch.spare);
        }
        scratch.input.fill(kernels);
        scratch.input.multiply(kernels, [(output, &mut scratch.block_out[..n_rows * spec.width])]);
    }
}

/// Computes queries, keys and values of the rows in `input`, and the gates of heads into the second of `inner`, by way
/// of the first, where the queries' matrix has rows for them.
fn project(
    kernels: &Kernels,
    key_dim: usize,
    attention: &Attention,
    input: &mut Input,
    heads: Heads<'_>,
    inner: &mut [Vec<f32>; 3],
) {
    let Attention { q, k, v, .. } = attention;
    let Heads { q: q_out, k: k_out, v: v_out } = heads;
    let n_rows = input.n_rows();
    let [with_gates, gates, _] = inner;
    let has_gates = n_rows * q.rows() > q_out.len();
    let to = if has_gates { &mut with_gates[..n_rows * q.rows()] } else { &mut *q_out };
    match (k, v) {
        (Some(k), Some(v)) => input.multiply(kernels, [(q, &mut *to), (k, k_out), (v, v_out)]),
        (Some(k), None) => {
            input.multiply(kernels, [(q, &mut *to), (k, &mut *k_out)]);
            v_out.copy_from_slice(k_out);
        }
        (None, _) => input.multiply(kernels, [(q, &mut *to)]),
    }
    if has_gates {
        let heads = q_out.chunks_exact_mut(key_dim).zip(gates.chunks_exact_mut(key_dim));
        for ((q, gate), both) in heads.zip(with_gates.chunks_exact(2 * key_dim)) {
            q.copy_from_slice(&both[..key_dim]);
            gate.copy_from_slice(&both[key_dim..]);
        }
    }
}

/// Makes the keys `[T, K]` and values `[T, V]` of a row that holds NaN or an infinity all infinite. A cache in `Q8_0`
/// forgets a NaN, but every type reads an infinity back as no number, so that rows that attend to this position later
/// show it.
fn mark_broken(keys: &mut [f32], key_width: usize, values: &mut [f32], value_width: usize) {
    for (key, value) in keys.chunks_exact_mut(key_width).zip(values.chunks_exact_mut(value_width)) {
        if !is_finite(key) || !is_finite(value) {
            key.fill(f32::INFINITY);
            value.fill(f32::INFINITY);
        }
    }
}

/// Applies to queries or keys the norm that they have, in place.
fn heads_norm<const N: usize>(
    kernels: &Kernels,
    spec: &ModelSpec,
    heads: [(&mut [f32], Option<&[f32]>); N],
    spare: &mut [f32],
) {
    for (x, weight) in heads {
        if let Some(weight) = weight {
            in_place_norm(kernels, spec, x, weight, spare);
        }
    }
}

/// Multiplies queries `[T, H·Dk]` by the factors of their positions `[T]`.
pub(crate) fn temper(temperature: &QueryTemperature, positions: &[u32], q: &mut [f32]) {
    let row_len = q.len() / positions.len().max(1);
    for (row, &position) in q.chunks_exact_mut(row_len.max(1)).zip(positions) {
        let factor = temperature.factor(position);
        row.iter_mut().for_each(|x| *x *= factor);
    }
}
