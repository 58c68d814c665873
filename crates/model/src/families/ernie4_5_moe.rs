//! ERNIE 4.5 with experts, which are chosen by a bias where the file has one; the first layers are dense.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{Gating, ModelSpec},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let experts = base::routed_experts(keys, Gating::Softmax)?;
    base::with_experts(keys, n_vocab, RopePairs::Adjacent, Some(experts))
}
