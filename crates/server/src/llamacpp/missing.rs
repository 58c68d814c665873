//! Routes of llama.cpp's server for what is not here: answered as it answers where it was started without them, so that
//! clients that look for a feature find out, and do not take it for another server.

use crate::error::{ApiError, ErrorKind};

fn missing(what: &str) -> ApiError {
    ApiError::new(ErrorKind::NotImplemented, format!("this server {what}")).with_code("not_supported")
}

/// Refuses `POST /slots/{id}`, whatever the action.
pub(super) async fn slot_action() -> ApiError {
    missing("saves, restores and erases no slots: it finds every cached prefix by itself (--cache-dir keeps them)")
}

/// Refuses `POST /props`: settings do not change over HTTP.
pub(super) async fn set_props() -> ApiError {
    missing("changes none of its properties while it runs")
}
