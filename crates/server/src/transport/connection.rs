//! One connection: HTTP/1.1 with limits of size and time, and an end when the server stops.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};

use super::{
    places::Seat,
    stream::{Left, Watch, bounded},
};
use crate::{
    app::App,
    gate::{self, Gate, Peer},
    lifecycle::Phase,
    limits::{HEAD_BYTES_MAX, HEADERS_MAX},
    metrics::ConnectionGuard,
};

/// Time that an answer has to end after it was told that its time is over.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// What all connections share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections {
    app: App,
    gate: Arc<Gate>,
    /// A channel whose receivers are held by the connections that were open before the drain; those of `all` by every
    /// connection.
    early: Arc<watch::Sender<()>>,
    all: Arc<watch::Sender<()>>,
}

/// The mark of an open connection.
pub(crate) struct Open {
    /// The receiver of a connection that the drain waits for; `None` for one that came after the drain began, or had
    /// asked nothing before: those are turned away, and nobody waits for them.
    early: Option<watch::Receiver<()>>,
    _all: watch::Receiver<()>,
    _count: ConnectionGuard,
    seat: Seat,
}

impl Connections {
    pub(crate) fn new(app: App, gate: Arc<Gate>) -> Self {
        Self { app, gate, early: Arc::new(watch::Sender::new(())), all: Arc::new(watch::Sender::new(())) }
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Counts a connection that was just accepted, and has its place.
    pub(crate) fn open(&self, seat: Seat) -> Open {
        let is_early = self.app.lifecycle().phase() < Phase::Draining;
        Open {
            early: is_early.then(|| self.early.subscribe()),
            _all: self.all.subscribe(),
            _count: self.app.metrics().connection_opened(),
            seat,
        }
    }

    /// Returns when the connections that were open when the drain began are closed.
    pub(crate) async fn drained(&self) {
        self.early.closed().await;
    }

    /// Returns when all connections are closed.
    pub(crate) async fn closed(&self) {
        self.all.closed().await;
    }

    /// Answers what comes over `stream` until it ends, or the server does.
    pub(crate) async fn serve<S>(&self, stream: S, peer: Peer, mut open: Open)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let options = self.app.options();
        let lifecycle = self.app.lifecycle();
        let (stream, watch) = bounded(stream, options.write_timeout);
        let io = TokioIo::new(stream);
        let has_asked = Arc::new(AtomicBool::new(false));
        let seat = open.seat.clone();
        let service = gate::service(Arc::clone(&self.gate), peer, Arc::clone(&has_asked), seat.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(options.head_timeout)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            // A client that closes its half has left: what runs for it ends.
            .half_close(false)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = watched(connection.as_mut(), &watch, &seat) => Some(ended),
            () = lifecycle.reached(Phase::Draining) => None,
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            if has_asked.load(Ordering::SeqCst) {
                // The answer under way is finished, then the connection closes.
                connection.as_mut().graceful_shutdown();
            } else {
                // A first request may be on its way, and gets an answer that says why it is refused.
                open.early = None;
            }
            let ended = tokio::select! {
                ended = watched(connection.as_mut(), &watch, &seat) => Some(ended),
                () = lifecycle.reached(Phase::Cancelled) => None,
            };
            if let Some(ended) = ended {
                ended
            } else {
                // Answers under way end with an error that says why; one whose client does not read it is cut off.
                connection.as_mut().graceful_shutdown();
                let last = watched(connection, &watch, &seat);
                tokio::time::timeout(LAST_WORDS_TIMEOUT, last).await.unwrap_or(Ended::Connection(Ok(())))
            }
        };
        // Whatever a client does to its connection is no trouble of ours.
        match ended {
            Ended::Connection(Ok(())) => {}
            Ended::Connection(Err(error)) => tracing::debug!(%error, ?peer, "connection ended"),
            Ended::Left(how) => tracing::debug!(?how, ?peer, "the client left before its answer"),
        }
        drop(open);
    }
}

/// How a connection ended.
enum Ended {
    /// The connection ended by itself.
    Connection(hyper::Result<()>),
    /// The client has gone, and what runs for it goes too.
    Left(Left),
}

/// Runs `connection` to its end, or until its client leaves an answer that is under way. HTTP's own reader looks no
/// further than what has been sent before, so it does not see a client that sends another request and leaves.
async fn watched<C, S>(mut connection: Pin<&mut C>, watch: &Watch<S>, seat: &Seat) -> Ended
where
    C: Future<Output = hyper::Result<()>>,
    S: AsyncRead + Unpin,
{
    poll_fn(|context| {
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            return Poll::Ready(Ended::Connection(ended));
        }
        if seat.is_answering() { watch.poll_left(context).map(Ended::Left) } else { Poll::Pending }
    })
    .await
}
