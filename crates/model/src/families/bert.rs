//! BERT: an encoder with positions out of a table, norms of the sums that layers leave, and networks without a gate.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, RopeLayers},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::with_layer_norms(keys, n_vocab, RopePairs::Halves, true)?;
    base::bert(
        keys,
        ModelSpec {
            has_position_table: true,
            rope_layers: RopeLayers::None,
            // BERT's own is the exact form; files are read as llama.cpp does.
            gate: Gate::GeluTanh,
            is_gated: false,
            ..base
        },
    )
}
