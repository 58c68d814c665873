//! One connection: HTTP/1.1 with limits of size and time, and an end when the server stops.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};

use super::stream::Bounded;
use crate::{
    app::App,
    gate::{self, Gate, Peer},
    lifecycle::Phase,
    limits::{HEAD_BYTES_MAX, HEADERS_MAX},
    metrics::ConnectionGuard,
};

/// How long an answer may take to end after it was told that its time is over.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// What connections share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Connections {
    app: App,
    gate: Arc<Gate>,
    /// Receivers of these are held by connections that were open before the drain, and by all.
    early: Arc<watch::Sender<()>>,
    all: Arc<watch::Sender<()>>,
}

/// Held by a connection while it is open.
pub(crate) struct Open {
    /// None for one that came after the drain began, or had asked nothing before: those are told off, and nobody waits for them.
    early: Option<watch::Receiver<()>>,
    _all: watch::Receiver<()>,
    _count: ConnectionGuard,
}

impl Connections {
    pub(crate) fn new(app: App, gate: Arc<Gate>) -> Self {
        Self { app, gate, early: Arc::new(watch::Sender::new(())), all: Arc::new(watch::Sender::new(())) }
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Counts a connection that was just accepted.
    pub(crate) fn open(&self) -> Open {
        let is_early = self.app.lifecycle().phase() < Phase::Draining;
        Open {
            early: is_early.then(|| self.early.subscribe()),
            _all: self.all.subscribe(),
            _count: self.app.metrics().connection_opened(),
        }
    }

    /// Returns when the connections that were open when the drain began are closed.
    pub(crate) async fn drained(&self) {
        self.early.closed().await;
    }

    /// Returns when all are.
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
        let io = TokioIo::new(Bounded::new(stream, options.write_timeout));
        let has_asked = Arc::new(AtomicBool::new(false));
        let service = gate::service(Arc::clone(&self.gate), peer, Arc::clone(&has_asked));
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
            ended = connection.as_mut() => Some(ended),
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
                ended = connection.as_mut() => Some(ended),
                () = lifecycle.reached(Phase::Cancelled) => None,
            };
            if let Some(ended) = ended {
                ended
            } else {
                // Answers under way end with an error that says why; one whose client does not read it is cut off.
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(LAST_WORDS_TIMEOUT, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            // Whatever a client does to its connection is no trouble of ours.
            tracing::debug!(%error, ?peer, "connection ended");
        }
        drop(open);
    }
}
