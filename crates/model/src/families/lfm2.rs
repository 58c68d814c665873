//! LFM2: gated short convolutions, with grouped-query attention in a few layers between them.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ExpertSpec, Gating, ModelSpec, QkNorm, Recurrence, RecurrenceSpec, WindowSpec},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    build(keys, n_vocab, None)
}

/// Reads the spec of LFM2 with experts, chosen by a bias behind a sigmoid, in all layers but the first ones.
pub(super) fn with_experts(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    build(keys, n_vocab, Some(base::routed_experts(keys, Gating::Sigmoid)?))
}

fn build(keys: &Keys<'_>, n_vocab: usize, experts: Option<ExpertSpec>) -> Result<ModelSpec, LoadError> {
    let (n_kv_heads, layers) = base::hybrid_kv_heads(keys)?;
    let base = base::with(keys, n_vocab, RopePairs::Halves, n_kv_heads, experts)?;
    let n_taps = keys.count("shortconv.l_cache")?;
    // The window is of all layers that attend.
    let window = keys.count_or_none("attention.sliding_window")?;
    Ok(ModelSpec {
        qk_norm: QkNorm::PerHead,
        window: window.map(|len| WindowSpec { len, local_layers: vec![true; base.n_layers] }),
        recurrence: Some(RecurrenceSpec { kind: Recurrence::ShortConvolution { n_taps }, layers }),
        // A name of the first converter that all files have kept.
        output_norm: Some("token_embd_norm"),
        ..base
    })
}
