//! A request at work: on a thread of its own, stopped when its client leaves or its time is over. What it writes is
//! sent while it is computed; an answer that cannot be finished is broken off, so that no client takes it for whole.

use std::{
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{FromRequestParts, Path, rejection::ExtensionRejection},
    http::{HeaderValue, StatusCode, Version, header, request::Parts},
    response::Response,
};
use http_body::Frame;
use server::{
    App, Caller,
    error::{ApiError, ErrorKind},
    lifecycle::Phase,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::{Instant, timeout_at},
};

use crate::{
    graphs::{Graph, Graphs},
    refusal,
};

/// Bytes of an answer that are sent together. One that fails before it has so many is refused with its own status.
const PIECE_BYTES: usize = 64 << 10;
/// Most bytes of an answer over HTTP/1.0, which cannot tell a whole answer from one that was cut off, so that it is
/// collected first.
const COLLECTED_BYTES_MAX: usize = 64 << 20;
/// Pieces that wait for the connection.
const PIECES_QUEUED: usize = 2;
/// Time that work has to notice that it must stop, before its client is told without it.
const GRACE: Duration = Duration::from_millis(25);

/// Why work was stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The client has left.
    Left = 1,
    /// The time of the request is over.
    Time = 2,
    /// The server stops.
    Stopping = 3,
}

/// Tells work to stop, once.
#[derive(Debug)]
pub(crate) struct Stopper {
    /// Whether the work must stop.
    pub(crate) is_stopped: AtomicBool,
    why: AtomicU8,
    /// The time that the work had.
    pub(crate) time_max: Duration,
}

impl Stopper {
    fn new(time_max: Duration) -> Self {
        Self { is_stopped: AtomicBool::new(false), why: AtomicU8::new(0), time_max }
    }

    fn stop(&self, why: Why) {
        if self.why.compare_exchange(0, why as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            self.is_stopped.store(true, Ordering::SeqCst);
        }
    }

    /// Whether the work must stop.
    pub(crate) fn is_now(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// Why the work was stopped, if it was.
    pub(crate) fn why(&self) -> Option<Why> {
        [Why::Left, Why::Time, Why::Stopping].into_iter().find(|why| *why as u8 == self.why.load(Ordering::SeqCst))
    }
}

/// Stops the work when the request is dropped, which it is when its answer is sent or its client has left.
struct Guard {
    stopper: Arc<Stopper>,
    timer: AbortHandle,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.timer.abort();
        self.stopper.stop(Why::Left);
    }
}

/// The graph that a request's path names, and who asks.
pub(crate) struct Called {
    pub(crate) app: App,
    pub(crate) graphs: Arc<Graphs>,
    caller: Caller,
    graph: Arc<Graph>,
}

impl FromRequestParts<App> for Called {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let lacks = |error: ExtensionRejection| refusal::internal(&error.to_string());
        let Extension(graphs) = Extension::<Arc<Graphs>>::from_request_parts(parts, app).await.map_err(lacks)?;
        let Extension(caller) = Extension::<Caller>::from_request_parts(parts, app).await.map_err(lacks)?;
        let name = Path::<String>::from_request_parts(parts, app).await;
        let Path(name) = name.map_err(|error| ApiError::invalid("name", format!("name: {error}")))?;
        let graph = graphs.get(&name)?;
        Ok(Self { app: app.clone(), graphs, caller, graph })
    }
}

impl Called {
    /// Refuses a change, unless graphs may be changed and the caller may do it.
    pub(crate) fn check_writes(&self) -> Result<(), ApiError> {
        self.graphs.check_writes(&self.caller)
    }

    /// Work on the graph; `writes` where it changes it.
    pub(crate) fn job(self, version: Version, writes: bool) -> Job {
        let Self { app, graphs, caller, graph } = self;
        Job { app, caller, graphs, graph, version, writes }
    }
}

/// A request that is to be worked on.
pub(crate) struct Job {
    pub(crate) app: App,
    caller: Caller,
    pub(crate) graphs: Arc<Graphs>,
    graph: Arc<Graph>,
    version: Version,
    /// Whether it changes the graph.
    writes: bool,
}

/// Counts a request at work as long as it lives.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Job {
    /// Answers with what `work` writes, as soon as there is something to send.
    pub(crate) async fn answer(
        self,
        work: impl FnOnce(&Graph, &Arc<Stopper>, &mut Reply) -> Result<(), ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let Self { app, caller, graphs, graph, version, writes } = self;
        let time_max = graphs.settings().time_max;
        let deadline = Instant::now() + time_max;
        let stopper = Arc::new(Stopper::new(time_max));
        let late = |stopper: &Stopper| {
            stopper.stop(Why::Time);
            refusal::of_stop(stopper.why().unwrap_or(Why::Time), stopper)
        };
        // The writers' turn first, so that writers who wait take no thread from readers.
        let turn = async { if writes { Some(Arc::clone(&graph.writing).lock_owned().await) } else { None } };
        let writing = timeout_at(deadline, turn).await.map_err(|_| late(&stopper))?;
        let permit = timeout_at(deadline, graphs.workers.enter(caller.tenant)).await.map_err(|_| late(&stopper))??;
        let timer = tokio::spawn(watch(Arc::clone(&stopper), app.clone(), deadline)).abort_handle();
        let guard = Guard { stopper: Arc::clone(&stopper), timer };
        let (first, begun) = oneshot::channel();
        let mut reply = Reply::new(first, deadline, version);
        let (running, metrics, stopping) =
            (Running::begin(&graphs.running), app.metrics().clone(), Arc::clone(&stopper));
        tokio::task::spawn_blocking(move || {
            let worked = catch_unwind(AssertUnwindSafe(|| work(&graph, &stopping, &mut reply)));
            let result = worked.unwrap_or_else(|_| {
                metrics.count_panic();
                Err(refusal::internal("a panic in a request to a graph"))
            });
            reply.finish(result);
            // What the client waits for is done; what follows is for the next ones.
            if writing.is_some()
                && graph.store.wants_merge()
                && let Err(error) = graph.store.merge()
            {
                tracing::error!(%error, "a graph could not be merged");
            }
            drop((writing, running, permit));
        });
        // Work that does not notice in time goes on for a moment, without its client.
        let first = timeout_at(deadline + GRACE, begun).await.map_err(|_| late(&guard.stopper))?;
        match first.unwrap_or_else(|_| Err(refusal::internal("a thread of a graph ended")))? {
            First::Whole(head, bytes) => Ok(head.response(Body::from(bytes))),
            First::Begun(head, bytes, rest) => {
                Ok(head.response(Body::new(Streamed { _guard: guard, first: Some(bytes), rest })))
            }
        }
    }
}

/// Stops work when its time is over, or the server's is.
async fn watch(stopper: Arc<Stopper>, app: App, deadline: Instant) {
    let lifecycle = app.lifecycle().clone();
    let why = tokio::select! {
        () = tokio::time::sleep_until(deadline) => Why::Time,
        () = lifecycle.reached(Phase::Cancelled) => Why::Stopping,
    };
    stopper.stop(why);
}

/// Status and form of an answer.
#[derive(Clone, Debug)]
struct Head {
    status: StatusCode,
    content_type: String,
}

impl Head {
    fn response(self, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::try_from(self.content_type) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.append(header::VARY, HeaderValue::from_static("accept"));
        response
    }
}

/// What a client gets first.
enum First {
    /// All of a short answer.
    Whole(Head, Vec<u8>),
    /// The beginning of a long one, and the rest as it comes.
    Begun(Head, Bytes, mpsc::Receiver<Piece>),
}

/// What follows the beginning of an answer; without an end it is broken off.
enum Piece {
    Data(Bytes),
    End,
}

/// Where work writes its answer.
pub(crate) struct Reply {
    head: Head,
    first: Option<oneshot::Sender<Result<First, ApiError>>>,
    rest: Option<mpsc::Sender<Piece>>,
    buffer: Vec<u8>,
    deadline: Instant,
    is_collected: bool,
}

impl Reply {
    fn new(first: oneshot::Sender<Result<First, ApiError>>, deadline: Instant, version: Version) -> Self {
        let head = Head { status: StatusCode::OK, content_type: "application/json".to_owned() };
        let is_collected = version < Version::HTTP_11;
        Self { head, first: Some(first), rest: None, buffer: Vec::new(), deadline, is_collected }
    }

    /// Says what will be written, before anything is.
    pub(crate) fn is(&mut self, status: StatusCode, content_type: String) {
        self.head = Head { status, content_type };
    }

    fn send(&mut self) -> io::Result<()> {
        let left = || io::Error::new(io::ErrorKind::BrokenPipe, "nobody waits for the answer");
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        if let Some(first) = self.first.take() {
            let (sender, rest) = mpsc::channel(PIECES_QUEUED);
            self.rest = Some(sender);
            return first.send(Ok(First::Begun(self.head.clone(), bytes, rest))).map_err(|_| left());
        }
        let Some(rest) = &self.rest else { return Err(left()) };
        self.put(rest, Piece::Data(bytes))
    }

    /// Waits for a reader that is slow, as long as there is time.
    fn put(&self, rest: &mpsc::Sender<Piece>, piece: Piece) -> io::Result<()> {
        let sent = Handle::current().block_on(timeout_at(self.deadline, rest.send(piece)));
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the client takes the answer too slowly");
        sent.map_err(late)?.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody waits for the answer"))
    }

    fn finish(&mut self, result: Result<(), ApiError>) {
        match (result, self.first.take()) {
            // That nobody waits any more is no trouble of ours.
            (Ok(()), Some(first)) => {
                let _ = first.send(Ok(First::Whole(self.head.clone(), std::mem::take(&mut self.buffer))));
            }
            (Err(error), Some(first)) => drop(first.send(Err(error))),
            (Ok(()), None) => {
                let sent = if self.buffer.is_empty() { Ok(()) } else { self.send() };
                if let (Ok(()), Some(rest)) = (sent, self.rest.take()) {
                    let _ = self.put(&rest, Piece::End);
                }
            }
            // Without its end the answer is broken off.
            (Err(error), None) => tracing::info!(%error, "an answer of a graph was broken off"),
        }
        self.rest = None;
    }
}

impl Write for Reply {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.is_collected {
            if self.buffer.len() > COLLECTED_BYTES_MAX {
                let message =
                    format!("more than {COLLECTED_BYTES_MAX} bytes, which HTTP/1.0 cannot get; ask in HTTP/1.1");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        } else if self.buffer.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Serializers flush at their ends; the end of the answer sends what is left.
        Ok(())
    }
}

/// The body of a long answer.
struct Streamed {
    /// What stops the work when this is dropped; before the rest, so that the work knows why it cannot send.
    _guard: Guard,
    first: Option<Bytes>,
    rest: mpsc::Receiver<Piece>,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = ApiError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ApiError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        self.rest.poll_recv(context).map(|piece| match piece {
            Some(Piece::Data(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => None,
            None => Some(Err(ApiError::new(ErrorKind::Unavailable, "the answer was broken off"))),
        })
    }
}
