//! Nemotron-H and Nemotron 3: each layer is one of Mamba-2, attention, and a feed-forward network or experts, without
//! gates and without a rotary embedding.

use kernels::{Gate, RopePairs};

use super::{
    base::{self, Sizes},
    mamba2,
};
use crate::{
    LoadError,
    keys::Keys,
    spec::{Block, ExpertSpec, Gating, ModelSpec, NormNames, RecurrenceSpec, RopeLayers},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    build(keys, n_vocab, None)
}

/// Reads the spec of a model with experts in place of feed-forward networks.
pub(super) fn with_experts(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let latent = keys.count_or_none("moe_latent_size")?;
    build(keys, n_vocab, Some(ExpertSpec { latent, ..base::routed_experts(keys, Gating::Sigmoid)? }))
}

fn build(keys: &Keys<'_>, n_vocab: usize, experts: Option<ExpertSpec>) -> Result<ModelSpec, LoadError> {
    let (n_kv_heads, without_kv) = base::hybrid_kv_heads(keys)?;
    let (feed_forward, blocks) = blocks(keys, &without_kv)?;
    let sizes = Sizes { feed_forward, experts, ..Sizes::of_attention(keys, n_kv_heads)? };
    let layers = without_kv.iter().zip(&blocks).map(|(&without_kv, &block)| without_kv && block == Block::Mixer);
    let layers = layers.collect();
    Ok(ModelSpec {
        norms: NormNames::SHARED,
        gate: Gate::Relu2,
        is_gated: false,
        rope_layers: RopeLayers::AllButEvery(1),
        lone_blocks: Some(blocks),
        recurrence: Some(RecurrenceSpec { kind: mamba2::scan(keys)?, layers }),
        ..base::with_sizes(keys, n_vocab, RopePairs::Halves, sizes)?
    })
}

/// Reads the width of feed-forward networks, and the block of each layer: one that has such a network has no mixer.
fn blocks(keys: &Keys<'_>, without_kv: &[bool]) -> Result<(usize, Vec<Block>), LoadError> {
    const NAME: &str = "feed_forward_length";
    let widths = keys.widths(NAME, without_kv.len())?;
    let feed_forward = widths.iter().copied().find(|&width| width > 0).unwrap_or(0);
    for (layer, (&width, without_kv)) in widths.iter().zip(without_kv).enumerate() {
        if width != 0 && !without_kv {
            return keys.refuse(NAME, format!("{width} for layer {layer}, which has KV heads, too: expected 0"));
        }
        if width != 0 && width != feed_forward {
            let what =
                format!("{width} for layer {layer}, but {feed_forward} before: layers that differ are not supported");
            return keys.refuse(NAME, what);
        }
    }
    Ok((feed_forward, widths.iter().map(|&width| if width > 0 { Block::Mlp } else { Block::Mixer }).collect()))
}
