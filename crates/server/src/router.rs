//! All routes: each API gives its own, with the shape that its errors have; here they are put together.

use std::collections::BTreeMap;

use axum::{
    Extension, Router,
    extract::{MatchedPath, Request},
    http::{Method, Uri},
    middleware::{self, Next},
    response::Response,
    routing::MethodRouter,
};

use crate::{
    anthropic,
    app::App,
    error::{ApiError, ErrorKind},
    llamacpp, ollama, openai,
    openapi::Document,
    operations, page,
    refusal::Shape,
};

/// Routes, each with the shape in which its errors are spelled.
#[derive(Clone, Debug)]
pub struct Routes {
    router: Router<App>,
    shape: Shape,
    shapes: Shapes,
    /// Parts of `/openapi.json` beside those of this crate.
    documents: Vec<&'static str>,
}

/// The shapes of errors, by path: refusals come also before a path has found its route, and where it has none.
#[derive(Clone, Default, Debug)]
pub(crate) struct Shapes {
    /// The shape of each route, by its pattern.
    paths: BTreeMap<&'static str, Shape>,
    /// The shape of paths that begin so and are no route without a variable.
    prefixes: Vec<(&'static str, Shape)>,
}

impl Routes {
    /// An API that spells errors in `shape`, without any route yet.
    pub fn of(shape: Shape) -> Self {
        Self { router: Router::new(), shape, shapes: Shapes::default(), documents: Vec::new() }
    }

    /// Adds a route of this API.
    #[must_use]
    pub fn route(mut self, path: &'static str, methods: MethodRouter<App>) -> Self {
        self.shapes.paths.insert(path, self.shape);
        Self { router: self.router.route(path, methods), ..self }.below(path.split('{').next().filter(|p| *p != path))
    }

    /// Adds a part of `/openapi.json` that describes routes of another crate, in the words of [`crate::openapi`].
    #[must_use]
    pub fn documented(mut self, part: &'static str) -> Self {
        self.documents.push(part);
        self
    }

    /// Takes what begins with `prefix` and is no route for a mistake of this API's clients.
    #[must_use]
    pub fn below(mut self, prefix: impl Into<Option<&'static str>>) -> Self {
        self.shapes.prefixes.extend(prefix.into().map(|prefix| (prefix, self.shape)));
        self
    }

    /// Adds the routes of another API.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.shapes.paths.extend(other.shapes.paths);
        self.shapes.prefixes.extend(other.shapes.prefixes);
        self.documents.extend(other.documents);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// The patterns of all routes, each with the shape of its errors.
    pub fn paths(&self) -> impl Iterator<Item = (&'static str, Shape)> {
        self.shapes.paths.iter().map(|(path, shape)| (*path, *shape))
    }

    /// The shapes of errors.
    #[cfg(test)]
    pub(crate) fn shapes(self) -> Shapes {
        self.shapes
    }

    /// The router, with an answer for what is not there, and the shapes of errors.
    pub(crate) fn finish(self, app: App) -> (Router, Shapes) {
        let router = self
            .router
            .route_layer(middleware::from_fn(name_route))
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(Extension(Document::with(&self.documents)))
            .with_state(app);
        (router, self.shapes)
    }
}

impl Shapes {
    /// The shape that clients of `path` read. What belongs to no API is spelled as OpenAI's.
    pub(crate) fn of(&self, path: &str) -> Shape {
        let of_prefix = || {
            let mut known = self.prefixes.iter().filter(|(prefix, _)| path.starts_with(prefix));
            known.next().map(|(_, shape)| *shape)
        };
        self.paths.get(path).copied().or_else(of_prefix).unwrap_or(Shape::OpenAi)
    }
}

/// The routes of every API.
pub fn routes() -> Routes {
    operations::routes()
        .merge(openai::routes())
        .merge(anthropic::routes())
        .merge(ollama::routes())
        .merge(llamacpp::routes())
        .merge(page::routes())
}

/// The routes of a server that has no model and is no page: health, metrics, version.
pub fn routes_without_models() -> Routes {
    operations::routes_without_models()
}

/// The pattern of the route that answered, for metrics: a path that a client made up must not become a label.
#[derive(Clone)]
pub(crate) struct RouteName(pub(crate) MatchedPath);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_shape_of_the_api_that_was_asked() {
        let shapes = routes().shapes;
        let check = |path: &str, expected: Shape| assert_eq!(shapes.of(path), expected, "{path}");
        for path in ["/v1/chat/completions", "/v1/models/a/b", "/health", "/page/app.js", "/tokenizer_info"] {
            check(path, Shape::OpenAi);
        }
        for path in ["/v1/messages", "/v1/messages/count_tokens", "/v1/messages/batches", "/v1/messages/"] {
            check(path, Shape::Anthropic);
        }
        for path in ["/api/chat", "/api/blobs/sha256:0", "/api/", "/api/no/such"] {
            check(path, Shape::Ollama);
        }
        for path in ["/completion", "/slots", "/slots/1", "/slots/1/2", "/v1/reranking", "/embeddings"] {
            check(path, Shape::LlamaCpp);
        }
        for path in ["", "*", "/", "/v1/messagesx", "/api", "/completion/", "/slotsx", "/no/such"] {
            check(path, Shape::OpenAi);
        }
    }

    #[test]
    fn no_path_is_claimed_by_two_apis() {
        let shapes = routes().shapes;
        for (prefix, shape) in &shapes.prefixes {
            for (other, claimed) in &shapes.prefixes {
                assert!(!other.starts_with(prefix) || claimed == shape, "{prefix} and {other}");
            }
            for (path, own) in &shapes.paths {
                assert!(!path.starts_with(prefix) || own == shape, "{prefix} and {path}");
            }
        }
    }
}
