//! Routes for operators and routers: health, metrics, what runs here.

mod health;
mod info;
mod metrics;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use serde_json::Value;

use crate::{openapi, refusal::Shape, router::Routes};

/// The routes for operators and routers.
pub(crate) fn routes() -> Routes {
    Routes::of(Shape::OpenAi)
        .route("/", get(info::root))
        .route("/health", get(health::ready))
        .route("/v1/health", get(health::ready))
        .route("/health/live", get(health::live))
        .route("/metrics", get(metrics::show))
        .route("/version", get(info::version))
        .route("/server_info", get(info::server))
        .route("/get_server_info", get(info::server))
        .route("/model_info", get(info::model))
        .route("/get_model_info", get(info::model))
        .route("/v1/loads", get(info::loads))
        .route("/openapi.json", get(openapi::show))
}

/// Those of them that need no model to mean something.
pub(crate) fn routes_without_models() -> Routes {
    Routes::of(Shape::OpenAi)
        .route("/health", get(health::ready))
        .route("/health/live", get(health::live))
        .route("/metrics", get(metrics::show))
        .route("/version", get(info::version))
}

/// An answer of JSON that is true now and must not be kept.
fn answer_with(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
