//! What all families share: shape, norms, rotary embedding, experts. A family's file changes what differs.

use kernels::{Gate, RopePairs};

use crate::{
    LoadError,
    keys::{Keys, WIDTH_MAX},
    spec::{
        ExpertGroups, ExpertSpec, Gating, ModelSpec, NormKind, NormNames, QkNorm, RopeLayers, RopeScaling, RopeSpec,
        WindowSpec,
    },
};

/// Key that says whether tokens see only those before them.
const CAUSAL: &str = "attention.causal";
/// Key that says how many layers there are to one with experts.
const INTERLEAVE: &str = "interleave_moe_layer_step";

/// Reads the spec of the plain pre-norm transformer with a SiLU gate; experts, if there are any, are in every layer.
pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize, pairs: RopePairs) -> Result<ModelSpec, LoadError> {
    keys.only("expert_weights_scale", 1.0)?;
    with(keys, n_vocab, pairs, kv_heads(keys)?, experts(keys)?)
}

/// Reads the spec of the plain pre-norm transformer with a SiLU gate and these experts.
pub(super) fn with_experts(
    keys: &Keys<'_>,
    n_vocab: usize,
    pairs: RopePairs,
    experts: Option<ExpertSpec>,
) -> Result<ModelSpec, LoadError> {
    with(keys, n_vocab, pairs, kv_heads(keys)?, experts)
}

/// Reads the spec of a transformer with layer norms, with a bias or without.
pub(super) fn with_layer_norms(
    keys: &Keys<'_>,
    n_vocab: usize,
    pairs: RopePairs,
    has_bias: bool,
) -> Result<ModelSpec, LoadError> {
    let sizes = Sizes::of_attention(keys, kv_heads(keys)?)?.followed_by(keys, None)?;
    build(keys, n_vocab, pairs, sizes, NormKind::Layer { has_bias })
}

fn kv_heads(keys: &Keys<'_>) -> Result<usize, LoadError> {
    keys.count_or("attention.head_count_kv", keys.count("attention.head_count")?)
}

/// Reads the number of KV heads where some layers have none, and which these are.
pub(super) fn hybrid_kv_heads(keys: &Keys<'_>) -> Result<(usize, Vec<bool>), LoadError> {
    const NAME: &str = "attention.head_count_kv";
    let counts = keys.counts(NAME, keys.count("block_count")?)?;
    let mut of_attention = counts.iter().copied().filter(|&n| n > 0);
    let Some(n_kv_heads) = of_attention.next() else {
        return keys.refuse(NAME, format!("{counts:?}: no layer with attention, expected one at least"));
    };
    if of_attention.any(|n| n != n_kv_heads) {
        return keys.refuse(NAME, format!("{counts:?}: layers with attention that differ are not supported"));
    }
    Ok((n_kv_heads, counts.iter().map(|&n| n == 0).collect()))
}

/// Reads the spec of a transformer with these KV heads and experts.
pub(super) fn with(
    keys: &Keys<'_>,
    n_vocab: usize,
    pairs: RopePairs,
    n_kv_heads: usize,
    experts: Option<ExpertSpec>,
) -> Result<ModelSpec, LoadError> {
    with_sizes(keys, n_vocab, pairs, Sizes::of_attention(keys, n_kv_heads)?.followed_by(keys, experts)?)
}

/// Reads the spec of a transformer of these sizes.
pub(super) fn with_sizes(
    keys: &Keys<'_>,
    n_vocab: usize,
    pairs: RopePairs,
    sizes: Sizes,
) -> Result<ModelSpec, LoadError> {
    build(keys, n_vocab, pairs, sizes, NormKind::Rms)
}

/// The sizes of attention and of what follows it in a layer, as [`ModelSpec`] calls them.
#[derive(Clone, Copy, Default)]
pub(super) struct Sizes {
    pub(super) n_heads: usize,
    pub(super) n_kv_heads: usize,
    pub(super) key_dim: usize,
    pub(super) value_dim: usize,
    pub(super) feed_forward: usize,
    pub(super) experts: Option<ExpertSpec>,
}

impl Sizes {
    /// Reads the heads of attention with these KV heads; nothing follows it.
    pub(super) fn of_attention(keys: &Keys<'_>, n_kv_heads: usize) -> Result<Self, LoadError> {
        let (width, n_heads) = (keys.width("embedding_length")?, keys.count("attention.head_count")?);
        Ok(Self {
            n_heads,
            n_kv_heads,
            key_dim: head_dim(keys, "attention.key_length", width, n_heads)?,
            value_dim: head_dim(keys, "attention.value_length", width, n_heads)?,
            ..Self::default()
        })
    }

    /// Adds experts, or the feed-forward network of all layers.
    fn followed_by(self, keys: &Keys<'_>, experts: Option<ExpertSpec>) -> Result<Self, LoadError> {
        // Where all layers have experts, the key (if it is there at all) speaks of what one of them or a dense twin
        // would have.
        let feed_forward = match experts {
            Some(ExpertSpec { feed_forward, n_dense_layers: 0, .. }) => feed_forward,
            _ => keys.width("feed_forward_length")?,
        };
        Ok(Self { feed_forward, experts, ..self })
    }
}

/// Reads the spec of a transformer of these sizes, with these norms.
pub(super) fn build(
    keys: &Keys<'_>,
    n_vocab: usize,
    pairs: RopePairs,
    sizes: Sizes,
    norm_kind: NormKind,
) -> Result<ModelSpec, LoadError> {
    let Sizes { n_heads, n_kv_heads, key_dim, value_dim, feed_forward, experts } = sizes;
    let width = keys.width("embedding_length")?;
    let context_len = keys.width("context_length")?;
    let n_blocks = keys.count("block_count")?;
    let n_prediction_layers = keys.count_or_none("nextn_predict_layers")?.unwrap_or(0);
    let Some(n_layers) = n_blocks.checked_sub(n_prediction_layers).filter(|&n| n > 0) else {
        return keys.refuse("nextn_predict_layers", format!("{n_prediction_layers} of {n_blocks} layers"));
    };
    Ok(ModelSpec {
        architecture: keys.architecture.to_owned(),
        n_layers,
        n_prediction_layers,
        width,
        n_vocab,
        context_len,
        n_heads,
        n_kv_heads,
        key_dim,
        value_dim,
        layer_heads: None,
        latent: None,
        kv_sources: None,
        feed_forward,
        layer_feed_forward: None,
        per_layer_inputs: None,
        has_layer_scales: false,
        experts,
        is_encoder: keys.flag(CAUSAL)? == Some(false),
        has_position_table: false,
        has_token_types: false,
        embedding_norm: None,
        output_norm: Some("output_norm"),
        norm_epsilon: keys.positive(match norm_kind {
            NormKind::Rms => "attention.layer_norm_rms_epsilon",
            NormKind::Layer { .. } => "attention.layer_norm_epsilon",
        })?,
        projection: None,
        norms: NormNames::BEFORE,
        skips_first_norm: false,
        norm_kind,
        has_parallel_blocks: false,
        has_sub_norms: false,
        qk_norm: QkNorm::None,
        has_value_norm: false,
        may_lack_values: false,
        has_attention_gate: false,
        rope: rope(keys, pairs, key_dim, context_len)?,
        rope_local: None,
        has_rope_factors: false,
        rope_layers: RopeLayers::All,
        has_linear_biases: false,
        query_temperature: None,
        window: None,
        lone_blocks: None,
        recurrence: None,
        attention_scale: 1.0 / (key_dim.max(1) as f32).sqrt(),
        has_learned_sinks: false,
        attention_soft_cap: None,
        logit_soft_cap: None,
        gate: Gate::Silu,
        is_gated: true,
        embedding_scale: 1.0,
        residual_scale: 1.0,
        logit_scale: 1.0,
        pooling: keys.pooling()?,
    })
}

/// Reads the width of a head: its key, or the model's width divided among the heads.
fn head_dim(keys: &Keys<'_>, name: &str, width: usize, n_heads: usize) -> Result<usize, LoadError> {
    match keys.count_or_none(name)? {
        Some(dim) => Ok(dim),
        None if width.is_multiple_of(n_heads) => Ok(width / n_heads),
        None => keys.refuse("attention.head_count", format!("{n_heads} heads do not divide the width {width}")),
    }
}

/// Reads the experts of which every layer has some, if there are any.
pub(super) fn experts(keys: &Keys<'_>) -> Result<Option<ExpertSpec>, LoadError> {
    if keys.count_or_none("expert_count")?.is_none() {
        return Ok(None);
    }
    let (n_experts, n_used) = (keys.count("expert_count")?, keys.count("expert_used_count")?);
    if n_used > n_experts {
        return keys.refuse("expert_used_count", format!("{n_used} of {n_experts} experts"));
    }
    let feed_forward = match keys.count_or_none("expert_feed_forward_length")? {
        Some(width) => width,
        None => keys.width("feed_forward_length")?,
    };
    Ok(Some(ExpertSpec {
        n_experts,
        n_used,
        feed_forward,
        n_dense_layers: 0,
        gating: Gating::Softmax,
        are_weights_normed: true,
        weight_scale: 1.0,
        shared: None,
        is_shared_gated: false,
        latent: None,
        groups: None,
        are_beside_dense: false,
    }))
}

/// Reads the experts of [`routed_experts`] beside a shared network with a gate.
pub(super) fn gated_experts(keys: &Keys<'_>, gating: Gating) -> Result<ExpertSpec, LoadError> {
    let experts = routed_experts(keys, gating)?;
    if experts.shared.is_none() {
        return keys.refuse("expert_shared_feed_forward_length", "missing, or 0");
    }
    Ok(ExpertSpec { is_shared_gated: true, ..experts })
}

/// Reads the experts of a family that may have dense layers before them, a shared network beside them, and another
/// function of scores than the softmax: `gating` where the file does not say.
pub(super) fn routed_experts(keys: &Keys<'_>, gating: Gating) -> Result<ExpertSpec, LoadError> {
    let Some(experts) = experts(keys)? else { return keys.refuse("expert_count", "missing, or 0") };
    let gating = match keys.count_or_none("expert_gating_func")? {
        None => gating,
        Some(1) => Gating::Softmax,
        Some(2) => Gating::Sigmoid,
        Some(other) => {
            return keys.refuse("expert_gating_func", format!("{other}, expected 1 (softmax) or 2 (sigmoid)"));
        }
    };
    if let Some(n) = keys.count_or_none(INTERLEAVE)?.filter(|&n| n > 1) {
        return keys.refuse(INTERLEAVE, format!("{n}, but only 1 is supported"));
    }
    let shared = match keys.count_or_none("expert_shared_feed_forward_length")? {
        Some(width) => Some(width),
        None => keys.count_or_none("expert_shared_count")?.map(|n| n.saturating_mul(experts.feed_forward)),
    };
    if shared.is_some_and(|width| width > WIDTH_MAX) {
        return keys.refuse("expert_shared_count", format!("experts of {}", experts.feed_forward));
    }
    Ok(ExpertSpec {
        n_dense_layers: keys.count_or_none("leading_dense_block_count")?.unwrap_or(0),
        gating,
        are_weights_normed: keys.flag("expert_weights_norm")?.unwrap_or(true),
        weight_scale: keys.positive_or_none("expert_weights_scale")?.unwrap_or(1.0),
        shared,
        groups: expert_groups(keys, &experts)?,
        ..experts
    })
}

/// Reads the groups of these experts, if there are more than one.
fn expert_groups(keys: &Keys<'_>, experts: &ExpertSpec) -> Result<Option<ExpertGroups>, LoadError> {
    const COUNT: &str = "expert_group_count";
    const USED: &str = "expert_group_used_count";
    let ExpertSpec { n_experts, n_used, .. } = *experts;
    let n_used_groups = keys.count_or_none(USED)?.unwrap_or(0);
    let Some(n_groups) = keys.count_or_none(COUNT)?.filter(|&n| n > 1) else {
        return if n_used_groups > 1 { keys.refuse(USED, format!("{n_used_groups} of 1 group")) } else { Ok(None) };
    };
    if !n_experts.is_multiple_of(n_groups) || n_experts < 2 * n_groups {
        return keys.refuse(COUNT, format!("{n_groups}, but {n_experts} experts, expected groups of 2 or more"));
    }
    if n_used_groups > n_groups || n_used_groups * (n_experts / n_groups) < n_used {
        let what = format!("{n_used_groups} of {n_groups} groups of {n_experts} experts, of which {n_used} are used");
        return keys.refuse(USED, what);
    }
    Ok(Some(ExpertGroups { n_groups, n_used: n_used_groups }))
}

/// Reads the window of key `attention.sliding_window` on the layers of `attention.sliding_window_pattern`, by default
/// all but every `period_default`-th; `None` where the file has no window.
pub(super) fn window(
    keys: &Keys<'_>,
    len_default: Option<usize>,
    period_default: usize,
    n_layers: usize,
) -> Result<Option<WindowSpec>, LoadError> {
    let Some(len) = keys.count_or_none("attention.sliding_window")?.or(len_default) else { return Ok(None) };
    let local_layers = keys.window_pattern("attention.sliding_window_pattern", period_default, n_layers)?;
    Ok(Some(WindowSpec { len, local_layers }))
}

/// The one of each period of layers that sees the whole text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WholeLayer {
    First,
    Last,
}

/// Reads the window of an encoder, whose length is that to both sides together, on all layers but one of each period;
/// `None` where the file has no window.
pub(super) fn symmetric_window(
    keys: &Keys<'_>,
    period_default: usize,
    n_layers: usize,
    whole: WholeLayer,
) -> Result<Option<WindowSpec>, LoadError> {
    let pattern = "attention.sliding_window_pattern";
    let Some(len) = keys.count_or_none("attention.sliding_window")? else { return Ok(None) };
    let mut local_layers = keys.window_pattern(pattern, period_default, n_layers)?;
    if whole == WholeLayer::First && !keys.is_array(pattern) {
        let period = keys.count_or(pattern, period_default)?;
        local_layers = (0..n_layers).map(|layer| !layer.is_multiple_of(period)).collect();
    }
    Ok(Some(WindowSpec { len: len / 2 + 1, local_layers }))
}

/// Makes an encoder of `spec`; a file that says that it is none is refused.
pub(super) fn encoder(keys: &Keys<'_>, spec: ModelSpec) -> Result<ModelSpec, LoadError> {
    match keys.flag(CAUSAL)? {
        Some(true) => keys.refuse(CAUSAL, "true, but this architecture is known as an encoder only"),
        _ => Ok(ModelSpec { is_encoder: true, ..spec }),
    }
}

/// Makes BERT of `spec`: an encoder whose layers norm the sums that they leave, with types of tokens where the file has
/// them.
pub(super) fn bert(keys: &Keys<'_>, spec: ModelSpec) -> Result<ModelSpec, LoadError> {
    encoder(
        keys,
        ModelSpec {
            has_token_types: keys.has_tensor("token_types.weight"),
            embedding_norm: Some("token_embd_norm"),
            output_norm: None,
            norms: NormNames::OF_SUMS,
            ..spec
        },
    )
}

/// Reads the window where the file says which layers have it: in some families the length alone stands in files that
/// mean no window.
pub(super) fn stated_window(keys: &Keys<'_>, n_layers: usize) -> Result<Option<WindowSpec>, LoadError> {
    let pattern = "attention.sliding_window_pattern";
    if keys.has(pattern) { window(keys, None, 1, n_layers) } else { Ok(None) }
}

/// Returns `rope` with another base and without any stretching, for layers that see only a window.
pub(super) fn plain_rope(rope: &RopeSpec, base: f32) -> RopeSpec {
    RopeSpec { base, scaling: RopeScaling::None, magnitude: 1.0, ..rope.clone() }
}

fn rope(keys: &Keys<'_>, pairs: RopePairs, key_dim: usize, context_len: usize) -> Result<RopeSpec, LoadError> {
    let factor = match keys.positive_or_none("rope.scaling.factor")? {
        Some(factor) => factor,
        None => keys.positive_or_none("rope.scale_linear")?.unwrap_or(1.0),
    };
    let scaling = match keys.text("rope.scaling.type")? {
        Some("none") => RopeScaling::None,
        None | Some("linear" | "longrope") if factor == 1.0 => RopeScaling::None,
        // LongRoPE's own factors are tensors; a factor here is linear on top of them.
        None | Some("linear" | "longrope") => RopeScaling::Linear { factor },
        Some("yarn") => yarn(keys, factor, context_len)?,
        Some(other) => {
            return keys.refuse("rope.scaling.type", format!("{other:?}, expected none, linear, yarn or longrope"));
        }
    };
    let magnitude = if matches!(scaling, RopeScaling::Yarn { .. }) { yarn_magnitude(keys, factor)? } else { 1.0 };
    Ok(RopeSpec {
        pairs,
        n_dims: keys.width_or("rope.dimension_count", key_dim)?,
        base: keys.positive_or("rope.freq_base", 10_000.0)?,
        scaling,
        magnitude: keys.positive_or("rope.scaling.attn_factor", 1.0)? * magnitude,
    })
}

/// Returns the factor on sine and cosine that undoes the part of YaRN's temperature that
/// `rope.scaling.yarn_log_multiplier` speaks of; `factor` is the extension of the context.
fn yarn_magnitude(keys: &Keys<'_>, factor: f32) -> Result<f32, LoadError> {
    let part = keys.positive_or_none("rope.scaling.yarn_log_multiplier")?.unwrap_or(0.0);
    Ok(1.0 / (1.0 + 0.1 * part * libm::logf(factor.max(1.0))))
}

fn yarn(keys: &Keys<'_>, factor: f32, context_len: usize) -> Result<RopeScaling, LoadError> {
    keys.only("rope.scaling.yarn_ext_factor", 1.0)?;
    keys.only("rope.scaling.yarn_attn_factor", 1.0)?;
    Ok(RopeScaling::Yarn {
        factor,
        original_context_len: keys.width_or("rope.scaling.original_context_length", context_len)?,
        beta_fast: keys.positive_or("rope.scaling.yarn_beta_fast", 32.0)?,
        beta_slow: keys.positive_or("rope.scaling.yarn_beta_slow", 1.0)?,
        // A key of `trinity convert`: GGUF has none.
        is_truncated: keys.flag("rope.scaling.yarn_truncate")?.unwrap_or(true),
    })
}
