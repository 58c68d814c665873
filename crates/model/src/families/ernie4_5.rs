//! ERNIE 4.5, the dense models: llama with a width of heads of its own.

use kernels::RopePairs;

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    base::spec(keys, n_vocab, RopePairs::Adjacent)
}
