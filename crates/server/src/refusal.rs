//! An [`ApiError`] as HTTP: status, headers, and the JSON of the API whose path was asked.
//!
//! A handler returns `Result<_, ApiError>` and is done: the response carries the error along, and the gate gives it the
//! shape that clients of that path read, which the API's routes say ([`Routes::of`](crate::router::Routes::of)).

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::error::{ApiError, ContextExceeded, ErrorKind, THREAD_NOT_FOUND};

/// How an API spells errors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// `{"error": {"message", "type", "param", "code"}}`
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}, "request_id"}`
    Anthropic,
    /// `{"error": "…"}`, the message alone
    Ollama,
    /// `{"error": {"code", "message", "type"}}`, the code being the status
    LlamaCpp,
}

/// The word that OpenAI, and llama.cpp after it, has for a kind of error.
fn openai_type(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unauthorized => "authentication_error",
        ErrorKind::Forbidden => "permission_error",
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::RateLimited => "rate_limit_error",
        ErrorKind::Unavailable => "unavailable_error",
        ErrorKind::Internal => "server_error",
        ErrorKind::NotImplemented => "not_supported_error",
        _ => "invalid_request_error",
    }
}

/// The word that OpenAI itself has for a kind of error: none for what is not found, which the code says.
fn openai_own_type(kind: ErrorKind) -> &'static str {
    if kind == ErrorKind::NotFound { "invalid_request_error" } else { openai_type(kind) }
}

fn anthropic_type(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unauthorized => "authentication_error",
        ErrorKind::Forbidden => "permission_error",
        ErrorKind::NotFound => "not_found_error",
        ErrorKind::TooLarge => "request_too_large",
        ErrorKind::RateLimited => "rate_limit_error",
        ErrorKind::Unavailable => "overloaded_error",
        ErrorKind::Internal => "api_error",
        _ => "invalid_request_error",
    }
}

/// The JSON of an error in the middle of a stream of OpenAI's API.
pub(crate) fn openai_json(error: &ApiError) -> Value {
    json_of(error, Shape::OpenAi, None)
}

/// The JSON of an error in the middle of a stream of llama.cpp's API.
pub(crate) fn llamacpp_json(error: &ApiError) -> Value {
    json_of(error, Shape::LlamaCpp, None)
}

/// The JSON of a bug of ours in the middle of a stream of OpenAI's API.
pub(crate) fn internal_json() -> Value {
    openai_json(&internal())
}

/// The error that a client gets for a bug of ours.
pub(crate) fn internal() -> ApiError {
    ApiError::new(ErrorKind::Internal, "an internal error; the server's log says more")
}

/// The JSON of an error in the given shape; `request_id` is put in where clients read it there (Anthropic's).
pub(crate) fn json_of(error: &ApiError, shape: Shape, request_id: Option<&str>) -> Value {
    let message = message(error, shape);
    let mut json = match shape {
        Shape::OpenAi => json!({"error": {
            "message": message, "type": openai_own_type(error.kind), "param": error.param, "code": error.code,
        }}),
        Shape::Anthropic => {
            let kind = anthropic_type(error.kind);
            let mut body = json!({"type": kind, "message": message});
            // Of the codes the one that their clients act upon.
            if let Some(code) = error.code.filter(|code| *code == THREAD_NOT_FOUND) {
                body["details"] = json!({"error_code": code});
            }
            json!({"type": "error", "error": body, "request_id": request_id})
        }
        Shape::Ollama => json!({"error": message}),
        Shape::LlamaCpp => {
            let kind = if error.context.is_some() { "exceed_context_size_error" } else { openai_type(error.kind) };
            json!({"error": {"code": error.kind.status(), "message": message, "type": kind}})
        }
    };
    if let (Some(context), Shape::OpenAi | Shape::LlamaCpp) = (error.context, shape) {
        // llama.cpp's fields, on both of its APIs.
        json["error"]["n_prompt_tokens"] = context.n_prompt.into();
        json["error"]["n_ctx"] = context.n_context.into();
    }
    json
}

/// The message of an error. That of a prompt that is too long has the words by which agents know that they must shorten
/// their history: those of Anthropic, or those that OpenAI, vLLM and llama.cpp have in common.
fn message(error: &ApiError, shape: Shape) -> Cow<'_, str> {
    let Some(ContextExceeded { n_prompt, n_context }) = error.context else { return error.message.as_str().into() };
    match shape {
        Shape::Ollama => error.message.as_str().into(),
        Shape::Anthropic => format!("prompt is too long: {n_prompt} tokens > {n_context} maximum").into(),
        Shape::OpenAi | Shape::LlamaCpp => format!(
            "the prompt ({n_prompt} tokens) exceeds the available context size: this model's maximum context length is \
             {n_context} tokens"
        )
        .into(),
    }
}

/// The response for `error` in the given shape.
pub fn respond(error: &ApiError, shape: Shape) -> Response {
    let mut response = Response::new(Body::from(json_of(error, shape, None).to_string()));
    // Every kind has a status of the standard.
    *response.status_mut() = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(after) = error.retry_after {
        // Whole seconds, rounded up: a client that obeys must not come too early.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    match error.kind {
        ErrorKind::Unauthorized => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // What is left of the body is not read, so nothing more can come on this connection.
        ErrorKind::TooLarge | ErrorKind::Timeout => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

/// An error that a handler returned, for the gate to spell.
#[derive(Clone, Debug)]
pub(crate) struct Refused(pub(crate) ApiError);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = respond(&self, Shape::OpenAi);
        response.extensions_mut().insert(Refused(self));
        response
    }
}

/// Spells a refusal in the given shape; other responses stay as they are. Headers that were added stay too (`Allow`).
pub(crate) fn reshape(mut response: Response, shape: Shape, request_id: &str) -> Response {
    let Some(Refused(error)) = response.extensions_mut().remove::<Refused>() else { return response };
    if shape != Shape::OpenAi {
        let text = json_of(&error, shape, Some(request_id)).to_string();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(text);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{self, Shapes};
    use std::time::Duration;

    fn shapes() -> Shapes {
        router::routes().shapes()
    }

    fn check(path: &str, expected: &Value) {
        let error = ApiError::invalid("n", "n: 17, the limit is 16").with_code("out_of_range");
        assert_eq!(json_of(&error, shapes().of(path), Some("req_1")), *expected, "{path}");
    }

    #[test]
    fn each_api_has_its_own_shape() {
        let message = "n: 17, the limit is 16";
        let kind = "invalid_request_error";
        let openai = json!({"error": {"message": message, "type": kind, "param": "n", "code": "out_of_range"}});
        check("/v1/chat/completions", &openai);
        check("/v1/messagesx", &openai);
        let error = json!({"type": kind, "message": message});
        let anthropic = json!({"type": "error", "error": error, "request_id": "req_1"});
        check("/v1/messages", &anthropic);
        check("/v1/messages/count_tokens", &anthropic);
        check("/api/chat", &json!({"error": message}));
        check("/tokenize", &json!({"error": {"code": 400, "message": message, "type": kind}}));
    }

    #[test]
    fn a_prompt_that_is_too_long_is_said_in_the_words_of_each_api() {
        let context = ContextExceeded { n_prompt: 600, n_context: 512 };
        let error = ApiError::too_long("messages", "600 and 512", context);
        let of = |path: &str| json_of(&error, shapes().of(path), Some("req_1"));
        let anthropic = of("/v1/messages")["error"].clone();
        let said = "prompt is too long: 600 tokens > 512 maximum";
        assert_eq!(anthropic, json!({"type": "invalid_request_error", "message": said}));
        let (openai, llama_cpp) = (of("/v1/chat/completions")["error"].clone(), of("/completion")["error"].clone());
        assert_eq!((&openai["code"], &openai["param"]), (&json!("context_length_exceeded"), &json!("messages")));
        assert_eq!(openai["type"], "invalid_request_error");
        assert_eq!((&llama_cpp["code"], &llama_cpp["type"]), (&json!(400), &json!("exceed_context_size_error")));
        for error in [openai, llama_cpp] {
            assert_eq!((&error["n_prompt_tokens"], &error["n_ctx"]), (&json!(600), &json!(512)));
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("(600 tokens) exceeds the available context size"), "{message}");
            assert!(message.contains("maximum context length is 512 tokens"), "{message}");
        }
        assert_eq!(of("/api/chat"), json!({"error": "600 and 512"}));
        let other = json_of(&ApiError::invalid("n", "n"), Shape::OpenAi, None);
        assert!(other["error"].get("n_ctx").is_none(), "{other}");
    }

    #[test]
    fn retry_after_is_rounded_up_and_never_zero() {
        for (after, expected) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (59_001, "60")] {
            let error = ApiError::new(ErrorKind::RateLimited, "x").with_retry_after(Duration::from_millis(after));
            assert_eq!(respond(&error, Shape::OpenAi).headers()[header::RETRY_AFTER], expected);
        }
    }
}
