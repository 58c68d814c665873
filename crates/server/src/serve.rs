//! [`Server`]: listens, answers, and stops in good order.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::net::{TcpListener, TcpSocket};

pub use crate::transport::{tls::Tls, unix::UnixEndpoint};
use crate::{
    app::App,
    gate::Gate,
    lifecycle::Phase,
    router::Routes,
    transport::{
        accept::{self, Listener},
        connection::Connections,
        places::Places,
    },
};

/// Time that connections have to close once they were told that their time is over.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is taken, or not one of this machine.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address that was asked for.
        address: String,
        /// The error of the system.
        source: io::Error,
    },
    /// There is no such host.
    #[error("cannot listen on {host:?}: no address is known for it")]
    Host {
        /// The host that was asked for.
        host: String,
    },
    /// Another server answers on the socket.
    #[error("cannot listen on {path}: another server does")]
    SocketInUse {
        /// Path of the socket.
        path: String,
    },
    /// The path is taken by something that is no socket.
    #[error("cannot listen on {path}: it exists and is no socket")]
    NotASocket {
        /// The path that was asked for.
        path: String,
    },
    /// The certificate or its key cannot be used.
    #[error("{path}: {message}")]
    Tls {
        /// Path of the file.
        path: String,
        /// What is wrong with it.
        message: String,
    },
}

/// A server that has its addresses and does not answer yet.
#[derive(Default)]
pub struct Server {
    listeners: Vec<(Listener, String)>,
    tls: Option<Tls>,
}

impl Server {
    /// A server without addresses; with `tls`, its TCP connections are encrypted.
    pub fn new(tls: Option<Tls>) -> Self {
        Self { listeners: Vec::new(), tls }
    }

    /// Listens on all addresses of `host` (a name, or an address without brackets); port 0 takes a free one.
    pub async fn listen_tcp(&mut self, host: &str, port: u16) -> Result<(), ServeError> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let no_host = || ServeError::Host { host: host.to_owned() };
        let found: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => tokio::net::lookup_host((bare, port)).await.map_err(|_| no_host())?.collect(),
        };
        let mut first_error = None;
        let mut has_one = false;
        let mut seen = Vec::new();
        for mut address in found {
            // A name with two addresses (localhost) gets the same free port on both.
            if let (0, Some(taken)) = (port, seen.first()) {
                address.set_port(SocketAddr::port(taken));
            }
            match bind(address).and_then(|l| Ok((l.local_addr()?, l))) {
                Ok((address, listener)) if !seen.contains(&address) => {
                    let scheme = if self.tls.is_some() { "https" } else { "http" };
                    self.listeners.push((Listener::Tcp(listener), format!("{scheme}://{address}")));
                    seen.push(address);
                    has_one = true;
                }
                Ok(_) => {}
                Err(source) => first_error = first_error.or(Some((address, source))),
            }
        }
        match first_error {
            // A machine may know ::1 by name and not have it.
            Some((address, source)) if !has_one || source.kind() == io::ErrorKind::AddrInUse => {
                Err(ServeError::Bind { address: address.to_string(), source })
            }
            _ if has_one => Ok(()),
            _ => Err(no_host()),
        }
    }

    /// Listens on a Unix socket. One that is left over is replaced, one that somebody answers on is not.
    pub async fn listen_unix(&mut self, path: &Path) -> Result<(), ServeError> {
        let endpoint = UnixEndpoint::bind(path).await?;
        self.listeners.push((Listener::Unix(endpoint), format!("unix:{}", path.display())));
        Ok(())
    }

    /// The addresses that the server listens on: `http://127.0.0.1:8080`, `unix:/run/trinity.sock`.
    pub fn addresses(&self) -> Vec<&str> {
        self.listeners.iter().map(|(_, address)| address.as_str()).collect()
    }

    /// Whether the server can be reached from this machine alone.
    pub fn is_loopback_only(&self) -> bool {
        self.listeners.iter().all(|(listener, _)| match listener {
            Listener::Tcp(listener) => listener.local_addr().is_ok_and(|a| a.ip().is_loopback()),
            Listener::Unix(_) => true,
        })
    }

    /// Answers until the app is told to drain and has drained, or `drain_timeout` has passed since.
    ///
    /// Listeners stay open while it drains, so that `/health` can say so; new requests are refused. To stop, let the
    /// app's lifecycle advance to [`Phase::Draining`].
    pub async fn run(self, app: App, routes: Routes) {
        let gate = Arc::new(Gate::new(app.clone(), routes));
        let connections = Connections::new(app.clone(), gate);
        let (n_max, n_address_max) = (app.options().connections_max, app.options().connections_per_address_max);
        let places = Arc::new(Places::new(n_max, n_address_max));
        let accepting: Vec<_> = self
            .listeners
            .into_iter()
            .map(|(listener, _)| {
                tokio::spawn(accept::run(listener, self.tls.clone(), connections.clone(), Arc::clone(&places)))
            })
            .collect();
        app.lifecycle().reached(Phase::Draining).await;
        let drained = connections.drained();
        if tokio::time::timeout(app.options().drain_timeout, drained).await.is_err() {
            tracing::warn!(active = app.metrics().n_active(), "the time to drain is over: what still runs is cut off");
        }
        app.lifecycle().advance(Phase::Cancelled);
        for task in accepting {
            // Ends by itself at Cancelled; a panic in it was already logged.
            let _ = task.await;
        }
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, connections.closed()).await;
    }
}

/// Clients that may wait with the system to be accepted: as many as come at once, as far as the system allows
/// (`net.core.somaxconn`).
pub(crate) const BACKLOG: u32 = 65_535;

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // What a server that was here before left to run out does not keep its port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The text of a path as errors show it.
pub(crate) fn path_text(path: &Path) -> String {
    crate::log::escape(&path.display().to_string())
}

/// Reads a certificate and its key from PEM files.
pub fn load_tls(certificate: &Path, key: &Path) -> Result<Tls, ServeError> {
    Tls::load(&PathBuf::from(certificate), &PathBuf::from(key))
}
