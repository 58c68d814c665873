//! Mamba-2, as other families have it beside attention.

use kernels::MambaShape;

use crate::{
    LoadError,
    keys::{Keys, WIDTH_MAX},
    spec::Recurrence,
};

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
