//! What `specs/api_errors.vibee`, `specs/keep_alive.vibee` and `specs/rate_limiter.vibee` judge: `cargo xtask specs`.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderName, Response, header},
};
use serde_json::{Map, Value, json};
use server::{
    error::{ApiError, ContextExceeded, ErrorKind},
    for_specs,
    models::KeepAlive,
    refusal::{Shape, respond},
};
use testkit::runner::{Reply, float, to_float, to_int};

fn main() {
    testkit::answer_specs(&["api_errors", "keep_alive", "rate_limiter"], call);
}

fn call(function: &str, args: &Map<String, Value>) -> Option<Reply> {
    match function {
        "api_errors.refused" => refused(args),
        "keep_alive.of_text" => Some(kept(args.get("text")?.clone())),
        "keep_alive.of_number" => Some(kept(json!(to_float(args.get("seconds")?)?))),
        "rate_limiter.waits" => {
            let limit = u32::try_from(to_int(args.get("limit")?)?).ok()?;
            let number = |of: &Value, name: &str| u64::try_from(to_int(of.get(name)?)?).ok();
            let step = |of: &Value| Some((Duration::from_millis(number(of, "at_ms")?), number(of, "takes")?));
            let steps: Option<Vec<(Duration, u64)>> = args.get("steps")?.as_array()?.iter().map(step).collect();
            let told: Option<Value> = for_specs::waits(limit, &steps?).into_iter().map(told).collect();
            told.map(Reply::Ok)
        }
        _ => None,
    }
}

/// The seconds that a caller is told to wait, if it must.
fn told(wait: Duration) -> Option<Value> {
    if wait.is_zero() {
        return Some(Value::Null);
    }
    let error = ApiError::new(ErrorKind::RateLimited, "x").with_retry_after(wait);
    let seconds = text(&respond(&error, Shape::OpenAi), header::RETRY_AFTER)?;
    Some(json!({ "some": seconds.parse::<i64>().ok()? }))
}

fn kept(value: Value) -> Reply {
    match for_specs::keep_alive(value) {
        None => Reply::Err(json!("no_duration")),
        Some(KeepAlive::Forever) => Reply::Ok(json!("forever")),
        Some(KeepAlive::For(time)) => Reply::Ok(json!({ "for": { "seconds": float(time.as_secs_f64()) } })),
    }
}

/// The response to an error whose message is `m`, field `f` and code `c`: what of it clients read.
fn refused(args: &Map<String, Value>) -> Option<Reply> {
    let kind = match args.get("kind")?.as_str()? {
        "invalid" => ErrorKind::Invalid,
        "unauthorized" => ErrorKind::Unauthorized,
        "forbidden" => ErrorKind::Forbidden,
        "not_found" => ErrorKind::NotFound,
        "method_not_allowed" => ErrorKind::MethodNotAllowed,
        "timeout" => ErrorKind::Timeout,
        "too_large" => ErrorKind::TooLarge,
        "unsupported_media" => ErrorKind::UnsupportedMedia,
        "misdirected" => ErrorKind::Misdirected,
        "rate_limited" => ErrorKind::RateLimited,
        "unavailable" => ErrorKind::Unavailable,
        "internal" => ErrorKind::Internal,
        "not_implemented" => ErrorKind::NotImplemented,
        _ => return None,
    };
    let shape = match args.get("api")?.as_str()? {
        "openai" => Shape::OpenAi,
        "anthropic" => Shape::Anthropic,
        "ollama" => Shape::Ollama,
        "llamacpp" => Shape::LlamaCpp,
        _ => return None,
    };
    let mut error = ApiError { param: Some("f".to_owned()), ..ApiError::new(kind, "m").with_code("c") };
    if let Some(after) = args.get("retry_after_ms")?.get("some") {
        error = error.with_retry_after(Duration::from_millis(u64::try_from(to_int(after)?).ok()?));
    }
    if args.get("is_too_long")?.as_bool()? {
        error.context = Some(ContextExceeded { n_prompt: 600, n_context: 512 });
    }
    let response = respond(&error, shape);
    let optional = |name: HeaderName| text(&response, name).map_or(Value::Null, |of| json!({ "some": of }));
    let retry_after = match text(&response, header::RETRY_AFTER) {
        Some(seconds) => json!({ "some": seconds.parse::<i64>().ok()? }),
        None => Value::Null,
    };
    let mut answer = json!({
        "status": response.status().as_u16(),
        "retry_after": retry_after,
        "connection": optional(header::CONNECTION),
        "challenge": optional(header::WWW_AUTHENTICATE),
        "content_type": text(&response, header::CONTENT_TYPE)?,
    });
    let body = body(response)?;
    answer["word"] = match body.pointer("/error/type").and_then(Value::as_str) {
        Some(word) => json!({ "some": word }),
        None => Value::Null,
    };
    answer["fields"] = fields(&body, "");
    Some(Reply::Ok(answer))
}

/// Paths of all fields, in the order in which they stand.
fn fields(of: &Value, path: &str) -> Value {
    let mut paths = Vec::new();
    for (name, value) in of.as_object().into_iter().flatten() {
        paths.push(json!(format!("{path}{name}")));
        if let Value::Array(deeper) = fields(value, &format!("{path}{name}.")) {
            paths.extend(deeper);
        }
    }
    Value::Array(paths)
}

fn text(response: &Response<Body>, name: HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// The JSON of a response, which is there at once.
fn body(response: Response<Body>) -> Option<Value> {
    let bytes = pin!(to_bytes(response.into_body(), 1 << 16));
    match bytes.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(bytes)) => serde_json::from_slice(&bytes).ok(),
        _ => None,
    }
}
