//! Llama 1 to 3, CodeLlama, Mistral, Mixtral, SmolLM2, TinyLlama, Falcon3: all of GGUF's `llama`.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, WindowSpec},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Adjacent)?;
    // Mistral 7B 0.1: a window on every layer. Few files state it; one that does means it.
    let len = keys.count_or_none("attention.sliding_window")?;
    let window = len.map(|len| WindowSpec { len, local_layers: vec![true; base.n_layers] });
    Ok(ModelSpec { window, ..base })
}
