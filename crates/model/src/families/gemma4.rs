//! Gemma 4: layers with a window have other heads than those that see everything, and none has a factor on scores.
//!
//! The last layers of the small models (E) attend to the keys and values of earlier ones, and each layer adds something
//! of a vector of the token. The larger ones have experts beside a dense network, or the keys as values where a layer
//! sees everything.

use kernels::{Gate, KvHeads, RopePairs};

use super::base::{self, Sizes};
use crate::{
    LoadError,
    keys::Keys,
    spec::{ExpertSpec, ModelSpec, NormNames, PerLayerInputs, QkNorm, RopeSpec, WindowSpec},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let n_layers = keys.count("block_count")?;
    let Some(window) = window(keys, n_layers)? else { return keys.refuse("attention.sliding_window", "missing, or 0") };
    let layer_heads = heads(keys, &window.local_layers)?;
    let widths = keys.each_width("feed_forward_length", n_layers)?;
    let sizes = Sizes {
        feed_forward: widths.iter().copied().max().unwrap_or(0),
        experts: experts(keys)?,
        ..Sizes::of_attention(keys, layer_heads.iter().map(|heads| heads.n_kv_heads).max().unwrap_or(0))?
    };
    let base = base::with_sizes(keys, n_vocab, RopePairs::Halves, sizes)?;
    let local = base::plain_rope(&base.rope, keys.positive_or("rope.freq_base_swa", 10_000.0)?);
    let n_dims = keys.width_or("rope.dimension_count_swa", keys.width("attention.key_length_swa")?)?;
    let width = keys.count_or_none("embedding_length_per_layer_input")?;
    Ok(ModelSpec {
        norms: NormNames::AROUND,
        qk_norm: QkNorm::PerHead,
        has_value_norm: true,
        may_lack_values: true,
        kv_sources: Some(kv_sources(keys, &window.local_layers)?),
        layer_heads: Some(layer_heads),
        layer_feed_forward: Some(widths),
        per_layer_inputs: width.map(|width| PerLayerInputs { width }),
        has_layer_scales: true,
        rope_local: Some(RopeSpec { n_dims, ..local }),
        has_rope_factors: true,
        window: Some(window),
        attention_scale: 1.0,
        logit_soft_cap: keys.positive_or_none("final_logit_softcapping")?,
        gate: Gate::GeluTanh,
        embedding_scale: (base.width as f32).sqrt(),
        ..base
    })
}

fn window(keys: &Keys<'_>, n_layers: usize) -> Result<Option<WindowSpec>, LoadError> {
    const PATTERN: &str = "attention.sliding_window_pattern";
    if !keys.has(PATTERN) {
        return keys.refuse(PATTERN, "missing");
    }
    base::window(keys, None, 1, n_layers)
}

/// Reads the heads of keys and values of each layer, of which those in `local_layers` have a window.
fn heads(keys: &Keys<'_>, local_layers: &[bool]) -> Result<Vec<KvHeads>, LoadError> {
    let dim = |key: &str, value: &str| {
        let (key_dim, value_dim) = (keys.width(key)?, keys.width(value)?);
        // Both are normed by heads, and keys are the values where a layer has no matrix for them.
        if value_dim == key_dim {
            Ok(key_dim)
        } else {
            keys.refuse(value, format!("{value_dim}, expected {key} {key_dim}"))
        }
    };
    let whole = dim("attention.key_length", "attention.value_length")?;
    let local = dim("attention.key_length_swa", "attention.value_length_swa")?;
    let counts = keys.each_count("attention.head_count_kv", local_layers.len())?;
    let heads = |(n_kv_heads, is_local)| {
        let dim = if is_local { local } else { whole };
        KvHeads { n_kv_heads, key_dim: dim, value_dim: dim, are_values_in_keys: false }
    };
    Ok(counts.into_iter().zip(local_layers.iter().copied()).map(heads).collect())
}

/// Reads which layer's keys and values each layer attends to: the last ones to those of the last one before them that
/// sees as much.
fn kv_sources(keys: &Keys<'_>, local_layers: &[bool]) -> Result<Vec<usize>, LoadError> {
    const NAME: &str = "attention.shared_kv_layers";
    let n_layers = local_layers.len();
    let n_shared = keys.count_or_none(NAME)?.unwrap_or(0);
    let Some(n_own) = n_layers.checked_sub(n_shared).filter(|&n| n > 0) else {
        return keys.refuse(NAME, format!("{n_shared} of {n_layers} layers"));
    };
    let mut sources: Vec<usize> = (0..n_own).collect();
    for (layer, &is_local) in local_layers.iter().enumerate().skip(n_own) {
        let Some(source) = local_layers.iter().take(n_own).rposition(|&other| other == is_local) else {
            let sight = if is_local { "with" } else { "without" };
            let what = format!("{n_shared} of {n_layers} layers, but none before layer {layer} is {sight} a window");
            return keys.refuse(NAME, what);
        };
        sources.push(source);
    }
    Ok(sources)
}

fn experts(keys: &Keys<'_>) -> Result<Option<ExpertSpec>, LoadError> {
    keys.only("expert_weights_scale", 1.0)?;
    let experts = base::experts(keys)?;
    Ok(experts.map(|experts| ExpertSpec { are_beside_dense: true, ..experts }))
}
