//! What would change the models of the server: refused by name.

use crate::error::{ApiError, ErrorKind};

fn refused(what: &str) -> ApiError {
    ApiError::new(ErrorKind::Forbidden, format!("this server {what} over HTTP")).with_code("unsupported_route")
}

/// Refuses `/api/create`, and the files for it.
pub(super) async fn create() -> ApiError {
    refused("makes no models")
}

/// Refuses `/api/copy`: models are not copied over HTTP.
pub(super) async fn copy() -> ApiError {
    refused("copies no models")
}

/// Refuses `/api/push`: models are not pushed over HTTP.
pub(super) async fn push() -> ApiError {
    refused("sends no models anywhere")
}

/// Refuses `/api/delete`: models are not deleted over HTTP.
pub(super) async fn delete() -> ApiError {
    refused("deletes no models")
}
