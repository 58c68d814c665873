//! The loop that accepts connections, as many as there are places for.

use std::{
    io,
    net::IpAddr,
    pin::pin,
    sync::{Arc, LazyLock},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time,
};

use super::{
    connection::Connections,
    places::{Entry, Places, Seat},
    stream::bounded,
    tls::Tls,
    unix::UnixEndpoint,
};
use crate::{
    error::{ApiError, ErrorKind},
    gate::Peer,
    lifecycle::Phase,
    refusal::openai_json,
};

/// Pause before accepting again when the system has no more file descriptors.
const RETRY: Duration = Duration::from_millis(50);

/// Most connections that are told at once why they get no place; more are closed without a word.
const REFUSALS_MAX: usize = 64;

/// A socket that accepts connections.
pub(crate) enum Listener {
    /// A TCP socket.
    Tcp(TcpListener),
    /// A Unix socket, whose file is removed with this.
    Unix(UnixEndpoint),
}

/// Accepts until the app is told to cut off what runs. Each connection has a place while it lives; where every place is
/// at work, more wait with the system.
pub(crate) async fn run(listener: Listener, tls: Option<Tls>, connections: Connections, places: Arc<Places>) {
    let lifecycle = connections.app().lifecycle().clone();
    let mut is_failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = lifecycle.reached(Phase::Cancelled) => return,
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // A client that left between knocking and opening is its own affair; the rest is said once and not a
                // thousand times a second.
                let is_client = error.kind() == io::ErrorKind::ConnectionAborted;
                if !is_client && !is_failing {
                    tracing::warn!(%error, "cannot accept a connection");
                    is_failing = true;
                }
                if !is_client {
                    // There are no more file descriptors, most likely: one that does nothing is given back.
                    places.make_room();
                }
                time::sleep(RETRY).await;
                continue;
            }
        };
        is_failing = false;
        let seat = tokio::select! {
            seat = seat(&places, accepted.address()) => seat,
            () = lifecycle.reached(Phase::Cancelled) => return,
        };
        let Some(seat) = seat else {
            connections.app().metrics().count_refused_connection();
            if let (Accepted::Tcp(stream, _), None) = (accepted, &tls) {
                tokio::spawn(refuse(stream, places.n_address_max()));
            }
            continue;
        };
        // Before the task begins to run, so that a drain that starts now waits for it.
        let open = connections.open(seat.clone());
        tokio::spawn(serve(accepted, tls.clone(), connections.clone(), seat, open));
    }
}

/// Waits for a place for a connection from `address`; `None` if its address has as many as it may.
async fn seat(places: &Arc<Places>, address: Option<IpAddr>) -> Option<Seat> {
    loop {
        let mut changed = pin!(places.changed());
        changed.as_mut().enable();
        match places.enter(address) {
            Entry::Place(seat) => return Some(seat),
            Entry::AddressFull => return None,
            Entry::Full => changed.await,
        }
    }
}

async fn serve(
    accepted: Accepted,
    tls: Option<Tls>,
    connections: Connections,
    seat: Seat,
    open: super::connection::Open,
) {
    let app = connections.app().clone();
    let served = async move {
        match (accepted, tls) {
            (Accepted::Tcp(stream, peer), Some(tls)) => {
                let limit = connections.app().options().handshake_timeout;
                let shaken = time::timeout(limit, tls.accept(stream)).await;
                if let Ok(Ok(stream)) = shaken {
                    connections.serve(stream, peer, open).await;
                }
            }
            (Accepted::Tcp(stream, peer), None) => connections.serve(stream, peer, open).await,
            (Accepted::Unix(stream), _) => connections.serve(stream, Peer::Unix, open).await,
        }
    };
    tokio::select! {
        () = served => {}
        () = seat.lost() => app.metrics().count_displaced_connection(),
    }
}

/// Tells a client, which may not read it, why there is no place.
async fn refuse(stream: TcpStream, n_max: usize) {
    static REFUSALS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(REFUSALS_MAX));
    let Ok(_permit) = REFUSALS.try_acquire() else { return };
    let message = format!("this address has {n_max} connections with requests under way, the most that one may have");
    let body =
        openai_json(&ApiError::new(ErrorKind::Unavailable, message).with_code("too_many_connections")).to_string();
    let head =
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-type: application/json";
    let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (mut stream, _) = bounded(stream, RETRY);
    // Whoever has left does not need it.
    if stream.write_all(text.as_bytes()).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}

enum Accepted {
    Tcp(TcpStream, Peer),
    Unix(tokio::net::UnixStream),
}

impl Accepted {
    fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, Peer::Tcp(address)) => Some(address.ip()),
            _ => None,
        }
    }
}

async fn accept(listener: &Listener) -> io::Result<Accepted> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, address) = listener.accept().await?;
            // Tokens go out one by one.
            stream.set_nodelay(true)?;
            Ok(Accepted::Tcp(stream, Peer::Tcp(address)))
        }
        Listener::Unix(endpoint) => Ok(Accepted::Unix(endpoint.accept().await?)),
    }
}
