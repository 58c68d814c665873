//! GLM 4: norms before and after; a fused gate and up, which the loader cuts; a part of each head turns.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, NormNames},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    // With sections (GLM 4.1V) the elements of a head are paired in another way.
    keys.absent("rope.dimension_sections")?;
    Ok(ModelSpec { norms: NormNames::AROUND, ..base::spec(keys, n_vocab, RopePairs::Adjacent)? })
}
