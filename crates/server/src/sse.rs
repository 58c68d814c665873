//! Streamed answers: a task writes, the response's body carries what it wrote, and the end of either ends the other.
//!
//! Events are whole JSON texts, so a character is never split. A client that goes away drops the body, which aborts the
//! task at its next wait; a task that panics ends the stream with an error the client can read.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use hyper::body::{Bytes, Frame};
use serde::Serialize;
use tokio::{sync::mpsc, task::JoinHandle, time::Sleep};

use crate::metrics::Metrics;

/// Time without an event after which a comment tells proxies and clients that the connection lives.
pub const PING_AFTER: Duration = Duration::from_secs(15);

/// Most events that wait for the connection before the writer does.
const EVENTS_QUEUED_MAX: usize = 32;

/// Most events joined into one write.
const EVENTS_JOINED_MAX: usize = 32;

/// How events are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// `text/event-stream` (the HTML standard, section 9.2).
    EventStream,
    /// `text/event-stream` where every event has a name, pings and failures too: Anthropic's.
    NamedEvents,
    /// Lines of JSON, one text a line.
    JsonLines,
}

impl Framing {
    fn content_type(self) -> &'static str {
        match self {
            Self::EventStream | Self::NamedEvents => "text/event-stream",
            Self::JsonLines => "application/x-ndjson",
        }
    }

    fn ping(self) -> Option<&'static str> {
        match self {
            Self::EventStream => Some(": ping\n\n"),
            Self::NamedEvents => Some("event: ping\ndata: {\"type\":\"ping\"}\n\n"),
            Self::JsonLines => None,
        }
    }
}

/// Writes events. If nobody reads any more, what is written vanishes, and the task is soon aborted.
#[derive(Clone, Debug)]
pub struct Writer {
    sender: mpsc::Sender<String>,
    framing: Framing,
}

impl Writer {
    /// Writes an event without a name, or a line.
    pub async fn data(&self, value: &impl Serialize) {
        self.text(&json(value)).await;
    }

    /// Writes an event with a name.
    pub async fn event(&self, name: &str, value: &impl Serialize) {
        self.put(format!("event: {name}\ndata: {}\n\n", json(value))).await;
    }

    /// Writes the event that ends OpenAI's streams.
    pub async fn done(&self) {
        self.text("[DONE]").await;
    }

    async fn text(&self, text: &str) {
        match self.framing {
            Framing::EventStream | Framing::NamedEvents => self.put(format!("data: {text}\n\n")).await,
            Framing::JsonLines => self.put(format!("{text}\n")).await,
        }
    }

    async fn put(&self, text: String) {
        // The body went away: so will this task.
        let _ = self.sender.send(text).await;
    }
}

fn json(value: &impl Serialize) -> String {
    // Our own types have string keys and finite numbers.
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

/// A response whose body is what `produce` writes. `on_panic` is the event that says it failed.
pub fn respond<F>(
    framing: Framing,
    metrics: &Metrics,
    on_panic: &impl Serialize,
    produce: impl FnOnce(Writer) -> F,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let body = EventBody::start(framing, metrics.clone(), PING_AFTER, json(on_panic), produce);
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(framing.content_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies in front (nginx) otherwise collect the stream.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct EventBody {
    receiver: mpsc::Receiver<String>,
    task: Option<JoinHandle<()>>,
    metrics: Metrics,
    on_panic: String,
    framing: Framing,
    ping_after: Duration,
    ping: Pin<Box<Sleep>>,
}

impl EventBody {
    fn start<F>(
        framing: Framing,
        metrics: Metrics,
        ping_after: Duration,
        on_panic: String,
        produce: impl FnOnce(Writer) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(EVENTS_QUEUED_MAX);
        let task = tokio::spawn(produce(Writer { sender, framing }));
        let ping = Box::pin(tokio::time::sleep(ping_after));
        Self { receiver, task: Some(task), metrics, on_panic, framing, ping_after, ping }
    }

    /// Polls, after the last event, whether the task came to its end; what is left to write if it did not.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Option<String>> {
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let Poll::Ready(ended) = Pin::new(task).poll(context) else { return Poll::Pending };
        self.task = None;
        let is_panic = ended.is_err_and(|e| e.is_panic());
        if is_panic {
            self.metrics.count_panic();
        }
        Poll::Ready(is_panic.then(|| match self.framing {
            Framing::EventStream => format!("data: {}\n\n", self.on_panic),
            Framing::NamedEvents => format!("event: error\ndata: {}\n\n", self.on_panic),
            Framing::JsonLines => format!("{}\n", self.on_panic),
        }))
    }
}

impl hyper::body::Body for EventBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let frame = |text: String| Poll::Ready(Some(Ok(Frame::data(Bytes::from(text)))));
        let mut events = Vec::new();
        if let Poll::Ready(n) = this.receiver.poll_recv_many(context, &mut events, EVENTS_JOINED_MAX) {
            if n == 0 {
                return match this.poll_end(context) {
                    Poll::Ready(Some(text)) => frame(text),
                    Poll::Ready(None) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                };
            }
            let next_ping = tokio::time::Instant::now() + this.ping_after;
            this.ping.as_mut().reset(next_ping);
            return frame(events.concat());
        }
        if let Some(ping) = this.framing.ping()
            && this.ping.as_mut().poll(context).is_ready()
        {
            let next_ping = tokio::time::Instant::now() + this.ping_after;
            this.ping.as_mut().reset(next_ping);
            return frame(ping.to_owned());
        }
        Poll::Pending
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    /// The next frame; as much silence as a ping waits for has to follow before one comes.
    async fn next(body: &mut EventBody) -> Bytes {
        let asked = tokio::time::Instant::now();
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(body.ping.deadline() >= asked + body.ping_after, "after {frame:?}");
        frame
    }

    async fn text(mut body: EventBody) -> String {
        let mut text = String::new();
        while let Some(frame) = body.frame().await {
            text += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
        text
    }

    #[tokio::test]
    async fn events_in_both_framings() {
        let produce = |writer: Writer| async move {
            writer.data(&"a\nb é").await;
            writer.event("x", &1).await;
            writer.done().await;
        };
        let body = EventBody::start(Framing::EventStream, Metrics::default(), PING_AFTER, String::new(), produce);
        assert_eq!(text(body).await, "data: \"a\\nb é\"\n\nevent: x\ndata: 1\n\ndata: [DONE]\n\n");
        let lines = |writer: Writer| async move { writer.data(&[1]).await };
        assert_eq!(
            text(EventBody::start(Framing::JsonLines, Metrics::default(), PING_AFTER, String::new(), lines)).await,
            "[1]\n"
        );
    }

    #[tokio::test]
    async fn silence_is_filled_with_comments() {
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let produce = |writer: Writer| async move {
            released.await.unwrap();
            writer.data(&1).await;
        };
        let soon = Duration::from_millis(1);
        let mut body = EventBody::start(Framing::EventStream, Metrics::default(), soon, String::new(), produce);
        for _ in 0..3 {
            assert_eq!(next(&mut body).await, ": ping\n\n");
        }
        release.send(()).unwrap();
        assert!(text(body).await.ends_with("data: 1\n\n"));
    }

    #[tokio::test]
    async fn an_event_ends_a_silence() {
        let produce = |writer: Writer| async move {
            writer.data(&1).await;
            std::future::pending::<()>().await;
        };
        let mut body = EventBody::start(Framing::EventStream, Metrics::default(), PING_AFTER, String::new(), produce);
        // So that the silence before it is longer than no time at all.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(next(&mut body).await, "data: 1\n\n");
    }

    #[tokio::test]
    async fn lines_of_json_have_no_pings() {
        let produce = |writer: Writer| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            writer.data(&1).await;
        };
        let soon = Duration::from_millis(1);
        let body = EventBody::start(Framing::JsonLines, Metrics::default(), soon, String::new(), produce);
        assert_eq!(text(body).await, "1\n");
    }

    #[tokio::test]
    async fn a_panic_ends_the_stream_with_an_error() {
        let produce = |writer: Writer| async move {
            writer.data(&1).await;
            panic!("as the test asks");
        };
        for (framing, expected) in [
            (Framing::EventStream, "data: 1\n\ndata: \"sorry\"\n\n"),
            (Framing::NamedEvents, "data: 1\n\nevent: error\ndata: \"sorry\"\n\n"),
            (Framing::JsonLines, "1\n\"sorry\"\n"),
        ] {
            let body = EventBody::start(framing, Metrics::default(), PING_AFTER, "\"sorry\"".to_owned(), produce);
            assert_eq!(text(body).await, expected);
        }
    }

    #[tokio::test]
    async fn who_goes_away_ends_the_task() {
        struct Flag(Arc<AtomicBool>);
        impl Drop for Flag {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Flag(Arc::clone(&is_over));
        let produce = |writer: Writer| async move {
            let _flag = flag;
            loop {
                writer.data(&1).await;
            }
        };
        let mut body = EventBody::start(Framing::EventStream, Metrics::default(), PING_AFTER, String::new(), produce);
        assert!(body.frame().await.is_some());
        drop(body);
        while !is_over.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }
}
