//! ModernBERT: an encoder with norms before, whose first stands behind the embedding alone; one layer in three sees the
//! whole text, the others a window to both sides.

use kernels::{Gate, RopePairs};

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

/// Period of the layers that see everything: one in three.
const PERIOD: usize = 3;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::with_layer_norms(keys, n_vocab, RopePairs::Halves, false)?;
    let gate = match keys.text("hidden_activation")? {
        None | Some("gelu") => Gate::GeluErf,
        Some("silu") => Gate::Silu,
        Some(other) => return keys.refuse("hidden_activation", format!("{other:?}, expected gelu or silu")),
    };
    let rope_local = base::plain_rope(&base.rope, keys.positive_or("rope.freq_base_swa", 10_000.0)?);
    base::encoder(
        keys,
        ModelSpec {
            embedding_norm: Some("token_embd_norm"),
            skips_first_norm: true,
            window: base::symmetric_window(keys, PERIOD, base.n_layers, base::WholeLayer::First)?,
            rope_local: Some(rope_local),
            gate,
            ..base
        },
    )
}
