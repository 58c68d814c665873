//! Mamba-2: layers that carry a state, without attention and without feed-forward networks. Other families have such
//! layers beside attention.

use kernels::{MambaShape, RopePairs};

use super::base::{self, Sizes};
use crate::{
    LoadError,
    keys::{Keys, WIDTH_MAX},
    spec::{Block, ModelSpec, Recurrence, RecurrenceSpec},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    for name in ["attention.head_count", "feed_forward_length", "expert_count"] {
        if let Some(n) = keys.count_or_none(name)? {
            return keys.refuse(name, format!("{n}, expected 0: layers of this architecture have a state alone"));
        }
    }
    let base = base::with_sizes(keys, n_vocab, RopePairs::Halves, Sizes::default())?;
    Ok(ModelSpec {
        lone_blocks: Some(vec![Block::Mixer; base.n_layers]),
        recurrence: Some(RecurrenceSpec { kind: scan(keys)?, layers: vec![true; base.n_layers] }),
        ..base
    })
}

/// Reads the taps of the convolution, and the heads.
pub(super) fn scan(keys: &Keys<'_>) -> Result<Recurrence, LoadError> {
    let (n_heads, n_groups) = (keys.count("ssm.time_step_rank")?, keys.count("ssm.group_count")?);
    if !n_heads.is_multiple_of(n_groups) {
        let what = format!("{n_heads}, expected a multiple of ssm.group_count {n_groups}");
        return keys.refuse("ssm.time_step_rank", what);
    }
    let inner = keys.width("ssm.inner_size")?;
    if !inner.is_multiple_of(n_heads) {
        let what = format!("{inner}, expected a multiple of ssm.time_step_rank {n_heads}");
        return keys.refuse("ssm.inner_size", what);
    }
    let n_state_rows = keys.width("ssm.state_size")?;
    let rest = WIDTH_MAX - inner;
    if n_state_rows > rest / (2 * n_groups) {
        let what = format!(
            "{n_state_rows} twice for each of {n_groups} groups, but beside ssm.inner_size {inner} there may be {rest}"
        );
        return keys.refuse("ssm.state_size", what);
    }
    let heads = MambaShape { n_heads, n_groups, dim: inner / n_heads, n_state_rows };
    Ok(Recurrence::Mamba2 { n_taps: keys.count("ssm.conv_kernel")?, heads })
}
