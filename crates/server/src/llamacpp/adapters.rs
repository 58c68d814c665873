//! `/lora-adapters`: what `--lora` added to the models, and how strongly.

use axum::{Extension, extract::State, response::Response};
use serde_json::json;

use crate::{
    App, Caller, Json,
    error::ApiError,
    wire::{
        json_response,
        lora::{AdapterScale, scales},
    },
};

/// Answers `GET /lora-adapters`: all of them, with the scale of requests that choose none.
pub(super) async fn adapters(State(app): State<App>) -> Result<Response, ApiError> {
    let scales = app.adapter_scales(None);
    let adapters = app.options().adapters.iter().enumerate().map(|(id, (path, scale))| {
        let scale = scales.as_deref().map_or(*scale, |scales| scales[id]);
        json!({"id": id, "path": path, "scale": scale, "task_name": "", "prompt_prefix": ""})
    });
    json_response(&adapters.collect::<Vec<_>>())
}

/// Answers `POST /lora-adapters`: requests that come from now on and choose none are computed with these scales. Those
/// under way are not concerned.
pub(super) async fn set_adapters(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Json(listed): Json<Vec<AdapterScale>>,
) -> Result<Response, ApiError> {
    caller.rights.check_operator("changing the adapters of all requests")?;
    app.set_adapter_scales(scales(&listed, app.options().adapters.len())?);
    json_response(&json!({"success": true}))
}
