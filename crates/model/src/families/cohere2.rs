//! Command R7B and Command A: attention and feed-forward side by side behind one layer norm; three layers of four have
//! a window, and a rotary embedding.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, NormNames, RopeLayers},
};

/// Period of the layers that see everything: one in four.
const PERIOD: usize = 4;

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::with_layer_norms(keys, n_vocab, RopePairs::Adjacent, false)?;
    let Some(window) = base::window(keys, None, PERIOD, base.n_layers)? else {
        return keys.refuse("attention.sliding_window", "missing, or 0");
    };
    Ok(ModelSpec {
        norms: NormNames::SHARED,
        has_parallel_blocks: true,
        window: Some(window),
        rope_layers: RopeLayers::Local,
        logit_scale: keys.positive("logit_scale")?,
        ..base
    })
}
