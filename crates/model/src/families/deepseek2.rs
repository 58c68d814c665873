//! DeepSeek V2 and V3, and what is made like them: latent attention, and experts, perhaps in groups, behind dense
//! layers.

use kernels::RopePairs;

use super::base::{self, Sizes};
use crate::{
    LoadError,
    keys::Keys,
    spec::{ExpertSpec, Gating, LatentSpec, ModelSpec, QueryTemperature, RopeScaling, RopeSpec},
};

/// Numbers of layers, and vocabulary, of GLM 4.7 Flash, whose first files do not say that its router has a sigmoid.
const GLM_FLASH: ([usize; 2], usize) = ([47, 48], 154_880);

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let latent = latent(keys)?;
    let experts = experts(keys, n_vocab)?;
    let feed_forward = match experts {
        Some(ExpertSpec { feed_forward, n_dense_layers: 0, .. }) => feed_forward,
        _ => keys.width("feed_forward_length")?,
    };
    let sizes = Sizes {
        n_heads: keys.count("attention.head_count")?,
        n_kv_heads: 1,
        key_dim: latent.row_dim(),
        value_dim: latent.kv_rank,
        feed_forward,
        experts,
    };
    let base = base::with_sizes(keys, n_vocab, RopePairs::Adjacent, sizes)?;
    let (rope, warmth) = rope(keys, &base.rope)?;
    Ok(ModelSpec {
        latent: Some(latent),
        rope,
        query_temperature: temperature(keys)?,
        attention_scale: warmth * warmth / (latent.query_dim() as f32).sqrt(),
        ..base
    })
}

/// Reads the widths of attention.
fn latent(keys: &Keys<'_>) -> Result<LatentSpec, LoadError> {
    const TURNED: &str = "rope.dimension_count";
    let turned_dim = keys.width(TURNED)?;
    // Files from before keys and values had a matrix each have the widths of heads under the plain names.
    let is_kv_fused = keys.has_tensor("blk.0.attn_kv_b.weight");
    let suffix = if is_kv_fused { "" } else { "_mla" };
    let key_name = format!("attention.key_length{suffix}");
    let (query_dim, value_dim) = (keys.width(&key_name)?, keys.width(&format!("attention.value_length{suffix}"))?);
    let kv_rank = keys.width("attention.kv_lora_rank")?;
    let Some(plain_dim) = query_dim.checked_sub(turned_dim).filter(|&n| n > 0) else {
        return keys.refuse(TURNED, format!("{turned_dim}, expected less than {key_name} {query_dim}"));
    };
    let query_rank = keys.count_or_none("attention.q_lora_rank")?;
    let latent = LatentSpec { query_rank, kv_rank, plain_dim, turned_dim, value_dim, is_kv_fused };
    let n_kv_heads = if is_kv_fused { keys.count("attention.head_count")? } else { 1 };
    let lengths = [("key", latent.row_dim()), ("value", kv_rank)].map(|(of, n)| (format!("attention.{of}_length"), n));
    let lengths = lengths.into_iter().filter(|_| !is_kv_fused);
    for (name, expected) in lengths.chain([("attention.head_count_kv".to_owned(), n_kv_heads)]) {
        let found = keys.width_or(&name, expected)?;
        if found != expected {
            return keys.refuse(&name, format!("{found}, expected {expected}"));
        }
    }
    Ok(latent)
}

/// Reads the rotation, which YaRN makes no longer, and the root of what YaRN makes of scores.
fn rope(keys: &Keys<'_>, rope: &RopeSpec) -> Result<(RopeSpec, f32), LoadError> {
    keys.only("rope.scaling.attn_factor", 1.0)?;
    let RopeScaling::Yarn { factor, .. } = rope.scaling else { return Ok((rope.clone(), 1.0)) };
    let log = libm::logf(factor.max(1.0));
    let warmth = 1.0 + keys.positive("rope.scaling.yarn_log_multiplier")? * log;
    Ok((RopeSpec { magnitude: 1.0 / (1.0 + 0.1 * log), ..rope.clone() }, warmth))
}

fn temperature(keys: &Keys<'_>) -> Result<Option<QueryTemperature>, LoadError> {
    let Some(scale) = keys.positive_or_none("attention.temperature_scale")? else { return Ok(None) };
    Ok(Some(QueryTemperature { scale, period: keys.width("attention.temperature_length")? }))
}

fn experts(keys: &Keys<'_>, n_vocab: usize) -> Result<Option<ExpertSpec>, LoadError> {
    if keys.count_or_none("expert_count")?.is_none() {
        return Ok(None);
    }
    let (n_layers, of_flash) = GLM_FLASH;
    let is_flash = n_vocab == of_flash && n_layers.contains(&keys.count("block_count")?);
    let experts = base::routed_experts(keys, if is_flash { Gating::Sigmoid } else { Gating::Softmax })?;
    let are_weights_normed = keys.flag("expert_weights_norm")?.unwrap_or(false);
    Ok(Some(ExpertSpec { are_weights_normed, ..experts }))
}
