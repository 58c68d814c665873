//! Requests without a prompt: they load a model, or unload it.

use std::time::{Duration, Instant};

use axum::response::Response;

use super::{
    names,
    options::{KeepAliveWire, Options},
    output::{Form, Head},
};
use crate::{App, Caller, error::ApiError, models::KeepAlive, wire::json_response};

/// Loads the model, or unloads it if it is to be kept for no time. Answers one line, streamed or not.
pub(super) async fn respond(
    app: &App,
    caller: &Caller,
    form: Form,
    model: String,
    keep_alive: Option<KeepAliveWire>,
    options: Option<&Options>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let reason = if keep_alive == Some(KeepAliveWire(KeepAlive::For(Duration::ZERO))) {
        caller.rights.check_operator("keep_alive: unloading a model")?;
        unload(app, &model).await?;
        "unload"
    } else {
        names::acquire(app, caller, &model, keep_alive, options).await?;
        "load"
    };
    let head = Head { form, model, started, load_time: started.elapsed(), context: None };
    json_response(&head.without_output(reason))
}

/// Unloads the model: at once if nobody uses it, else when the last request is over.
async fn unload(app: &App, model: &str) -> Result<(), ApiError> {
    let (models, name) = (app.models(), names::find(app.models(), model));
    let entry = models.entry(&name)?;
    if entry.is_pinned {
        let message = format!("keep_alive: the model {} is pinned, so it stays loaded", entry.id);
        return Err(ApiError::invalid("keep_alive", message));
    }
    if !models.unload(&name)? && entry.loaded.is_some() {
        drop(models.acquire_for(Some(&name), Some(KeepAlive::For(Duration::ZERO))).await?);
    }
    Ok(())
}
