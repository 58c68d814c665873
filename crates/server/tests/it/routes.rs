//! Routes that misbehave on request.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension,
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http_body::Frame;
use serde_json::Value;
use server::{Caller, Json, error::ApiError, router::Routes};

/// The observations of the routes.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    /// Number of bytes that streams gave out.
    pub(crate) streamed: Arc<AtomicU64>,
    /// Number of streams that live.
    pub(crate) streams: Arc<AtomicU64>,
    /// Whether timed streams end.
    pub(crate) finish: Arc<AtomicBool>,
}

impl Seen {
    /// Waits until no stream lives.
    pub(crate) fn wait_for_no_stream(&self) {
        crate::loopback::wait("all streams to end", || self.streams.load(Ordering::SeqCst) == 0);
    }
}

/// Makes the routes, which a server has beside its own.
pub(crate) fn routes(seen: &Seen) -> Routes {
    let (flood, drip) = (seen.clone(), seen.clone());
    server::router::routes()
        .route("/test/echo", post(echo))
        .route("/test/scope", get(|Extension(caller): Extension<Caller>| async move { caller.scope.to_string() }))
        .route("/test/tokens/{n}", get(tokens))
        .route("/test/panic", get(panic))
        .route("/test/forever", get(std::future::pending::<&'static str>))
        .route("/test/panic-late", get(|| async { Response::new(Body::new(PanicBody(None))) }))
        .route("/test/flood", get(move || async move { stream(&flood, None) }))
        .route("/test/drip", get(move || async move { stream(&drip, Some(Duration::from_millis(10))) }))
}

async fn echo(Json(value): Json<Value>) -> Result<Response, ApiError> {
    if value.get("refuse").is_some() {
        return Err(ApiError::invalid("refuse", "refuse: as asked"));
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response())
}

async fn tokens(
    Extension(caller): Extension<Caller>,
    axum::extract::Path(n): axum::extract::Path<u64>,
) -> &'static str {
    caller.record_tokens(n);
    "counted"
}

async fn panic() -> &'static str {
    let zero = std::hint::black_box(0);
    assert!(zero == 1, "a panic that was asked for");
    "unreachable"
}

/// A body that gives a piece, and panics when that has had time to leave.
struct PanicBody(Option<Pin<Box<tokio::time::Sleep>>>);

impl http_body::Body for PanicBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(pause) = &mut self.0 {
            std::task::ready!(pause.as_mut().poll(context));
            panic!("a panic that was asked for");
        }
        self.0 = Some(Box::pin(tokio::time::sleep(Duration::from_millis(50))));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"first")))))
    }
}

fn stream(seen: &Seen, pace: Option<Duration>) -> Response {
    seen.streams.fetch_add(1, Ordering::SeqCst);
    let interval = pace.map(tokio::time::interval);
    Response::new(Body::new(StreamBody { seen: seen.clone(), interval }))
}

/// A body that gives bytes for ever: as fast as they are taken, or at a pace and until it is told to finish.
struct StreamBody {
    seen: Seen,
    interval: Option<tokio::time::Interval>,
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        static FLOOD: [u8; 16 << 10] = [b'x'; 16 << 10];
        let piece = match &mut self.interval {
            None => Bytes::from_static(&FLOOD),
            Some(interval) => {
                std::task::ready!(interval.poll_tick(context));
                if self.seen.finish.load(Ordering::SeqCst) {
                    return Poll::Ready(None);
                }
                Bytes::from_static(b"drop")
            }
        };
        self.seen.streamed.fetch_add(piece.len() as u64, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        self.seen.streams.fetch_sub(1, Ordering::SeqCst);
    }
}
