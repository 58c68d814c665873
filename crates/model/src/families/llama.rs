//! Llama 1 to 3, CodeLlama, Mistral, Mixtral, SmolLM2, TinyLlama, Falcon3: all of GGUF's `llama`.

use kernels::RopePairs;

use super::base;
use crate::{LoadError, keys::Keys, spec::ModelSpec};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    base::spec(keys, n_vocab, RopePairs::Adjacent)
}
