//! Adapters as llama.cpp's server names them: each by its place among those of `--lora`, counted from 0.

use std::sync::Arc;

use engine::limits::ADAPTER_SCALE;
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{out_of_range, unsupported};
use crate::error::ApiError;

/// How strongly an adapter is added. What `GET /lora-adapters` says of it may stand beside it.
#[derive(Clone, Deserialize, Serialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdapterScale {
    pub(crate) id: i64,
    pub(crate) scale: f64,
    #[serde(default, rename = "path", skip_serializing)]
    _path: IgnoredAny,
    #[serde(default, rename = "task_name", skip_serializing)]
    _task_name: IgnoredAny,
    #[serde(default, rename = "prompt_prefix", skip_serializing)]
    _prompt_prefix: IgnoredAny,
}

/// Returns the scales of all `n` adapters; those that are not listed are not added.
pub(crate) fn scales(listed: &[AdapterScale], n: usize) -> Result<Arc<[f32]>, ApiError> {
    let mut scales: Vec<Option<f32>> = vec![None; n];
    for AdapterScale { id, scale, .. } in listed {
        let place = usize::try_from(*id).ok().and_then(|id| scales.get_mut(id));
        let Some(place) = place else {
            if n == 0 {
                return Err(unsupported(
                    "lora",
                    &format!("id {id}, but the server was started with no adapters (--lora)"),
                ));
            }
            return Err(out_of_range("lora", format!("id {id}"), &format!("0 to {}", n - 1)));
        };
        if !ADAPTER_SCALE.contains(*scale) {
            return Err(out_of_range("lora", format!("scale {scale}"), &ADAPTER_SCALE.to_string()));
        }
        if place.replace(*scale as f32).is_some() {
            return Err(ApiError::invalid("lora", format!("lora: id {id} twice")));
        }
    }
    Ok(scales.into_iter().map(Option::unwrap_or_default).collect())
}

/// Returns the scales that a request asks for; `None`, which is what the server adds, where it lists none.
pub(crate) fn of_request(listed: Option<&Vec<AdapterScale>>, n: usize) -> Result<Option<Arc<[f32]>>, ApiError> {
    listed.filter(|listed| !listed.is_empty()).map(|listed| scales(listed, n)).transpose()
}
