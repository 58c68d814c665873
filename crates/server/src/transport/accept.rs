//! The loop that accepts connections, as many as there are places for.

use std::{io, sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::Semaphore, time};

use super::{connection::Connections, tls::Tls, unix::UnixEndpoint};
use crate::{gate::Peer, lifecycle::Phase, limits::HANDSHAKE_TIMEOUT};

/// Before accepting again when the system has no more file descriptors.
const RETRY: Duration = Duration::from_millis(50);

/// Where connections come from.
pub(crate) enum Listener {
    /// TCP
    Tcp(TcpListener),
    /// A Unix socket; removed with this.
    Unix(UnixEndpoint),
}

/// Accepts until the app is told to cut off what runs. Each connection has a place while it lives; more wait with the system.
pub(crate) async fn run(listener: Listener, tls: Option<Tls>, connections: Connections, places: Arc<Semaphore>) {
    let lifecycle = connections.app().lifecycle().clone();
    let mut is_failing = false;
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = lifecycle.reached(Phase::Cancelled) => return,
        };
        let accepted = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // A client that left between knocking and opening is its own affair; the rest is said once and not a thousand times a second.
                if error.kind() != io::ErrorKind::ConnectionAborted && !is_failing {
                    tracing::warn!(%error, "cannot accept a connection");
                    is_failing = true;
                }
                time::sleep(RETRY).await;
                continue;
            }
        };
        is_failing = false;
        let (connections, tls) = (connections.clone(), tls.clone());
        // Before the task begins to run, so that a drain that starts now waits for it.
        let open = connections.open();
        tokio::spawn(async move {
            let _place = place;
            match (accepted, tls) {
                (Accepted::Tcp(stream, peer), Some(tls)) => {
                    let shaken = time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await;
                    if let Ok(Ok(stream)) = shaken {
                        connections.serve(stream, peer, open).await;
                    }
                }
                (Accepted::Tcp(stream, peer), None) => connections.serve(stream, peer, open).await,
                (Accepted::Unix(stream), _) => connections.serve(stream, Peer::Unix, open).await,
            }
        });
    }
}

enum Accepted {
    Tcp(tokio::net::TcpStream, Peer),
    Unix(tokio::net::UnixStream),
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
