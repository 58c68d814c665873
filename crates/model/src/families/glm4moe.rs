//! GLM 4.5 and 4.6: experts behind a sigmoid, chosen by a bias, beside a shared one; the first layers are dense, and
//! the last one of the file predicts a second token.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{Gating, ModelSpec, NormNames, QkNorm},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    // With sections (GLM 4.5V) the elements of a head turn by more than one position.
    keys.absent("rope.dimension_sections")?;
    let experts = base::routed_experts(keys, Gating::Sigmoid)?;
    let base = base::with_experts(keys, n_vocab, RopePairs::Halves, Some(experts))?;
    // Of the published models, the larger ones have norms on q and k.
    let has_qk_norm = keys.has_tensor("blk.0.attn_q_norm.weight");
    let qk_norm = if has_qk_norm { QkNorm::PerHead } else { QkNorm::None };
    Ok(ModelSpec { norms: NormNames::BEFORE_AS_POST, qk_norm, ..base })
}
