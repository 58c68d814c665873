//! Mistral 3 (Ministral 3, Devstral 2): llama with queries that grow with their position.

use kernels::RopePairs;

use super::base;
use crate::{
    LoadError,
    keys::Keys,
    spec::{ModelSpec, QueryTemperature},
};

pub(super) fn spec(keys: &Keys<'_>, n_vocab: usize) -> Result<ModelSpec, LoadError> {
    let base = base::spec(keys, n_vocab, RopePairs::Adjacent)?;
    let period = keys.width_or("rope.scaling.original_context_length", base.context_len)?;
    let scale = keys.positive_or_none("attention.temperature_scale")?;
    Ok(ModelSpec { query_temperature: scale.map(|scale| QueryTemperature { scale, period }), ..base })
}
