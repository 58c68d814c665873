//! OLMo 2 and 3: norms only after attention and feed-forward, and over all heads of q and of k together.
//!
//! OLMo 3 is this with a window on three layers of four; those have a rotary embedding without YaRN.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, NormNames, QkNorm},
};

/// Period of the layers that see everything, if there is a window: one in four.
const PERIOD: usize = 4;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Halves)?;
    let window = base::window(keys, None, PERIOD, base.n_layers)?;
    keys.only("rope.freq_base_swa", base.rope.base)?;
    Ok(ModelSpec {
        norms: NormNames::AFTER,
        qk_norm: QkNorm::FullWidth,
        rope_local: window.is_some().then(|| base::plain_rope(&base.rope, base.rope.base)),
        window,
        ..base
    })
}
