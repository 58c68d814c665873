//! Which row of the checkpoint each of GGUF's is.

use std::sync::Arc;

use super::RowOrder;
use crate::hf::{config::Config, family::Order};

/// Returns the order of `n` rows out of `of`, in each of several matrices.
pub(super) fn of_rows(config: &Config, order: Order, n: usize, of: usize) -> RowOrder {
    let state = &config.state;
    let (n_keys, n_values, dim) = (state.n_groups.max(1), state.n_heads, state.dim);
    let per_key = n_values / n_keys;
    let strided = |start, step| RowOrder::Strided { n: n.max(1), of, start, step };
    let listed = |rows: &mut dyn Iterator<Item = usize>| {
        let rows: Arc<[u32]> = rows.map(|row| row as u32).collect();
        RowOrder::Listed(rows)
    };
    // Rows of value head `i · keys + key`, which is the key's `i`-th: GGUF's order.
    let values = |first: usize, unit: usize| {
        (0..n_values).flat_map(move |head| {
            let (key, at) = (head % n_keys, head / n_keys);
            let start = first + (key * per_key + at) * unit;
            start..start + unit
        })
    };
    // Of Qwen3-Next, all rows of one key: a query, a key, values and gates.
    let per_group = 2 * dim + 2 * per_key * dim;
    let parts = |start: usize, len: usize| {
        (0..n_keys).flat_map(move |key| key * per_group + start..key * per_group + start + len)
    };
    match order {
        Order::Same => RowOrder::Same,
        Order::FirstHalf => strided(0, 1),
        Order::SecondHalf => strided(n, 1),
        Order::Even => strided(0, 2),
        Order::Odd => strided(1, 2),
        Order::ValueHeads => listed(&mut values(0, n / n_values.max(1))),
        Order::BehindKeys => {
            let first = 2 * n_keys * state.n_rows;
            listed(&mut (0..first).chain(values(first, dim)))
        }
        Order::GroupedQkv => listed(&mut parts(0, dim).chain(parts(dim, dim)).chain(parts(2 * dim, per_key * dim))),
        Order::GroupedGate => listed(&mut parts(2 * dim + per_key * dim, per_key * dim)),
    }
}
