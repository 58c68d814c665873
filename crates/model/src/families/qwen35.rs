//! Qwen 3.5 and Qwen3-Next: gated delta nets, and attention with an output gate in every fourth layer.

use kernels::{DeltaShape, RopePairs};

use super::base;
use crate::{
    LoadError,
    keys::{Keys, WIDTH_MAX},
    spec::{ExpertSpec, Gating, ModelSpec, NormNames, QkNorm, Recurrence, RecurrenceSpec},
};

/// Period of the layers with attention.
const PERIOD: usize = 4;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    build(keys, n_vocab, None, false)
}

/// Reads the spec of Qwen 3.5 with experts, beside a shared one with a gate.
pub(super) fn with_experts(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    build(keys, n_vocab, Some(base::gated_experts(keys, Gating::Softmax)?), false)
}

/// Reads the spec of Qwen3-Next: neighbouring heads share a key, and the factors of the delta nets stand together.
pub(super) fn next(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    build(keys, n_vocab, Some(base::gated_experts(keys, Gating::Softmax)?), true)
}

fn build(
    keys: &Keys<'_>,
    n_vocab: usize,
    experts: Option<ExpertSpec>,
    is_grouped: bool,
) -> Result<ModelSpec, LoadError> {
    let base = base::with_experts(keys, n_vocab, RopePairs::Halves, experts)?;
    if base.value_dim != base.key_dim {
        let what = format!("{}, expected attention.key_length {}", base.value_dim, base.key_dim);
        return keys.refuse("attention.value_length", what);
    }
    let (n_taps, heads) = delta_net(keys, is_grouped)?;
    Ok(ModelSpec {
        qk_norm: QkNorm::PerHead,
        has_attention_gate: true,
        norms: NormNames::BEFORE_AS_POST,
        recurrence: Some(RecurrenceSpec {
            kind: Recurrence::GatedDeltaNet { n_taps, heads },
            layers: layers(keys, base.n_layers)?,
        }),
        ..base
    })
}

/// Reads which layers are delta nets: all but every n-th.
fn layers(keys: &Keys<'_>, n_layers: usize) -> Result<Vec<bool>, LoadError> {
    const NAME: &str = "full_attention_interval";
    let period = keys.count_or(NAME, PERIOD)?;
    if !(2..=n_layers).contains(&period) {
        let what = format!("{period}, but layers of both kinds need 2 to block_count {n_layers}");
        return keys.refuse(NAME, what);
    }
    Ok((1..=n_layers).map(|layer| !layer.is_multiple_of(period)).collect())
}

/// Reads the taps of the convolution, and the heads.
fn delta_net(keys: &Keys<'_>, is_grouped: bool) -> Result<(usize, DeltaShape), LoadError> {
    let dim = keys.width("ssm.state_size")?;
    let heads = DeltaShape {
        n_key_heads: keys.count("ssm.group_count")?,
        n_value_heads: keys.count("ssm.time_step_rank")?,
        dim,
        is_grouped,
    };
    let DeltaShape { n_key_heads, n_value_heads, .. } = heads;
    if !n_value_heads.is_multiple_of(n_key_heads) {
        let what = format!("{n_value_heads}, expected a multiple of ssm.group_count {n_key_heads}");
        return keys.refuse("ssm.time_step_rank", what);
    }
    let n_heads = 2 * n_key_heads + n_value_heads;
    if dim > WIDTH_MAX / n_heads {
        let what = format!("{dim}, but {n_heads} heads may have {WIDTH_MAX} elements together");
        return keys.refuse("ssm.state_size", what);
    }
    let inner = keys.width("ssm.inner_size")?;
    if inner != heads.value_len() {
        let what = format!("{inner}, expected {n_value_heads} heads of ssm.state_size {dim}");
        return keys.refuse("ssm.inner_size", what);
    }
    Ok((keys.count("ssm.conv_kernel")?, heads))
}
