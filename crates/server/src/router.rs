//! All routes: each API gives its own, here they are put together.

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{Method, Uri},
    middleware::{self, Next},
    response::Response,
};

use crate::{
    anthropic,
    app::App,
    error::{ApiError, ErrorKind},
    llamacpp, ollama, openai, operations, page,
};

/// What `/` lists: method and path of every route. A test asks each.
pub const ENDPOINTS: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/api/ps"),
    ("GET", "/api/tags"),
    ("GET", "/api/version"),
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("GET", "/metrics"),
    ("GET", "/model_info"),
    ("GET", "/server_info"),
    ("GET", "/v1/loads"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{id}"),
    ("GET", "/version"),
    ("POST", "/api/chat"),
    ("POST", "/api/embed"),
    ("POST", "/api/embeddings"),
    ("POST", "/api/generate"),
    ("POST", "/api/pull"),
    ("POST", "/api/show"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/chat/completions/render"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/responses"),
];

/// The routes of every API.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(operations::routes())
        .merge(openai::routes())
        .merge(anthropic::routes())
        .merge(ollama::routes())
        .merge(llamacpp::routes())
        .merge(page::routes())
}

/// The pattern of the route that answered, for metrics: a path that a client made up must not become a label.
#[derive(Clone)]
pub(crate) struct RouteName(pub(crate) MatchedPath);

/// `routes` with an answer for what is not there.
pub(crate) fn finish(routes: Router<App>, app: App) -> Router {
    routes
        .route_layer(middleware::from_fn(name_route))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app)
}

async fn name_route(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(matched) = matched {
        response.extensions_mut().insert(RouteName(matched));
    }
    response
}

async fn not_found(method: Method, uri: Uri) -> ApiError {
    let message = format!("no route {method} {}", crate::log::escape(uri.path()));
    ApiError::new(ErrorKind::NotFound, message).with_code("route_not_found")
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} has no method {method}", crate::log::escape(uri.path()));
    ApiError::new(ErrorKind::MethodNotAllowed, message).with_code("method_not_allowed")
}
