//! What all families share: shape, norms, rotary embedding, experts. A family's file changes what differs.

use kernels::{Gate, RopePairs};

use crate::{
    LoadError,
    keys::Keys,
    spec::{ExpertSpec, ModelSpec, QkNorm, RopeScaling, RopeSpec},
};

/// The plain pre-norm transformer with a SiLU gate.
pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize, pairs: RopePairs) -> Result<ModelSpec, LoadError> {
    let width = keys.width("embedding_length")?;
    let n_heads = keys.count("attention.head_count")?;
    let n_kv_heads = keys.count_or("attention.head_count_kv", n_heads)?;
    if !width.is_multiple_of(n_heads) && keys.count_or_none("attention.key_length")?.is_none() {
        return keys.refuse("attention.head_count", format!("{n_heads} heads do not divide the width {width}"));
    }
    let key_dim = keys.width_or("attention.key_length", width / n_heads)?;
    let value_dim = keys.width_or("attention.value_length", width / n_heads)?;
    let context_len = keys.width("context_length")?;
    let feed_forward = keys.width_or("feed_forward_length", 0)?;
    let experts = match keys.count_or_none("expert_count")? {
        None => None,
        Some(_) => Some(ExpertSpec {
            n_experts: keys.count("expert_count")?,
            n_used: keys.count("expert_used_count")?,
            feed_forward: keys.width_or("expert_feed_forward_length", feed_forward)?,
        }),
    };
    if experts.is_none() && feed_forward == 0 {
        return keys.refuse("feed_forward_length", "missing");
    }
    Ok(ModelSpec {
        architecture: keys.architecture.to_owned(),
        n_layers: keys.count("block_count")?,
        width,
        n_vocab,
        context_len,
        n_heads,
        n_kv_heads,
        key_dim,
        value_dim,
        feed_forward,
        experts,
        norm_epsilon: keys.positive_or("attention.layer_norm_rms_epsilon", 1e-5)?,
        has_pre_norms: true,
        has_post_norms: false,
        has_sub_norms: false,
        qk_norm: QkNorm::None,
        rope: rope(keys, pairs, key_dim, context_len)?,
        rope_local: None,
        no_rope_every: None,
        window: None,
        global_every: 1,
        attention_scale: 1.0 / (key_dim as f32).sqrt(),
        attention_soft_cap: None,
        logit_soft_cap: None,
        gate: Gate::Silu,
        embedding_scale: 1.0,
        residual_scale: 1.0,
        logit_scale: 1.0,
    })
}

fn rope(keys: &Keys<'_>, pairs: RopePairs, key_dim: usize, context_len: usize) -> Result<RopeSpec, LoadError> {
    let factor = match keys.float("rope.scaling.factor")? {
        Some(factor) if factor > 0.0 => factor,
        // 0 is how some converters say that there is none.
        _ => keys.positive_or("rope.scale_linear", 1.0)?,
    };
    let scaling = match keys.text("rope.scaling.type")? {
        None | Some("linear") if factor == 1.0 => RopeScaling::None,
        None | Some("linear") => RopeScaling::Linear { factor },
        Some("none" | "longrope") => RopeScaling::None,
        Some("yarn") => RopeScaling::Yarn {
            factor,
            original_context_len: keys.width_or("rope.scaling.original_context_length", context_len)?,
            beta_fast: keys.positive_or("rope.scaling.yarn_beta_fast", 32.0)?,
            beta_slow: keys.positive_or("rope.scaling.yarn_beta_slow", 1.0)?,
        },
        Some(other) => {
            return keys.refuse("rope.scaling.type", format!("{other:?}, expected none, linear, yarn or longrope"));
        }
    };
    Ok(RopeSpec {
        pairs,
        n_dims: keys.width_or("rope.dimension_count", key_dim)?,
        base: keys.positive_or("rope.freq_base", 10_000.0)?,
        scaling,
        magnitude: keys.positive_or("rope.scaling.attn_factor", 1.0)?,
    })
}
