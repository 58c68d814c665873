//! What every request passes before a route is looked for, in this order: a name for it, the length of its URL, the
//! Host, a browser's question, the page that sends it, the page that a browser asks for, the key, whether the server is
//! serving. A panic on the way, or in the handler, becomes a 500.
//!
//! It stands around the router, not in it, so that no spelling of a path gets past it.

mod body;
mod panic;
mod received;
mod request_id;

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, header},
    response::{IntoResponse, Response},
};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

pub(crate) use body::GatedBody;
use received::ReceivedBody;
pub use request_id::RequestId;

use crate::{
    app::App,
    auth,
    blocking::TENANT,
    error::{ApiError, ErrorKind},
    lifecycle::Phase,
    limits::URL_BYTES_MAX,
    log::Access,
    page,
    refusal::{self, Shape},
    router::{RouteName, Routes, Shapes},
    transport::places::{Seat, Work},
};

/// Label of metrics for what reached no route.
const NO_ROUTE: &str = "none";

/// The status in the log where the client left before there was one, as with nginx.
const CLIENT_LEFT: u16 = 499;

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    /// A client over TCP.
    Tcp(SocketAddr),
    /// A client over a Unix socket.
    Unix,
}

/// A number that the requests of one connection have in common, as an extension.
#[derive(Clone, Copy)]
struct Connection(u64);

impl Connection {
    fn next() -> Self {
        static N: AtomicU64 = AtomicU64::new(1);
        Self(N.fetch_add(1, Ordering::Relaxed))
    }
}

impl Access {
    /// The line of a request that is not answered yet.
    fn of(peer: Peer, seen: &Seen) -> Self {
        Self {
            request_id: seen.id.clone().into_text(),
            peer: match peer {
                Peer::Tcp(address) => address.to_string(),
                Peer::Unix => "unix".to_owned(),
            },
            method: seen.method.to_string(),
            path: seen.path.clone(),
            status: CLIENT_LEFT,
            bytes: 0,
            is_complete: false,
            is_page_file: false,
            duration: Duration::ZERO,
        }
    }
}

impl Peer {
    /// Whether the connection comes from this machine.
    fn is_loopback(self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix => true,
        }
    }
}

/// The router and all that stands around it.
#[derive(Clone)]
pub(crate) struct Gate {
    app: App,
    router: TowerToHyperService<Router>,
    shapes: Arc<Shapes>,
}

/// What is still needed of a request when it has been handed on.
struct Seen {
    method: Method,
    path: String,
    headers: HeaderMap,
    id: RequestId,
    /// The shape in which errors of this path are spelled.
    shape: Shape,
}

impl Gate {
    pub(crate) fn new(app: App, routes: Routes) -> Self {
        let (router, shapes) = routes.finish(app.clone());
        Self { app, router: TowerToHyperService::new(router), shapes: Arc::new(shapes) }
    }

    /// The answer to a request, whatever it is.
    pub(crate) async fn answer(
        &self,
        request: Request,
        peer: Peer,
        work: Work,
    ) -> Result<Response<GatedBody>, Infallible> {
        let guard = self.app.metrics().request_started();
        let seen = Seen {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
            id: RequestId::of(request.headers()),
            shape: self.shapes.of(request.uri().path()),
        };
        // Before the answer is begun, so that a client that leaves without one has its line, too.
        let mut held = body::Held {
            access: Access::of(peer, &seen),
            guard,
            caller: None,
            work,
            metrics: self.app.metrics().clone(),
        };
        let answered = panic::catch(self.pass(request, peer, &seen, &held.work, &mut held.caller)).await;
        let response = match answered {
            Some(Ok(response)) => response,
            Some(Err(refusal)) => refusal.into_response(),
            None => {
                self.app.metrics().count_panic();
                ApiError::new(ErrorKind::Internal, "something went wrong in the server").into_response()
            }
        };
        let route = response.extensions().get::<RouteName>().map(|name| name.0.clone());
        let mut response = refusal::reshape(response, seen.shape, seen.id.as_str());
        self.set_headers(&seen, response.headers_mut());
        let status = response.status().as_u16();
        held.guard.answered(route.as_ref().map_or(NO_ROUTE, |r| r.as_str()), seen.method.as_str(), status);
        held.access.status = status;
        held.access.is_page_file = response.extensions().get::<page::PageFile>().is_some();
        Ok(response.map(|body| GatedBody::new(body, held)))
    }

    /// Passes a request through the checks, then to the router.
    async fn pass(
        &self,
        mut request: Request,
        peer: Peer,
        seen: &Seen,
        work: &Work,
        held: &mut Option<auth::Caller>,
    ) -> Result<Response, ApiError> {
        let options = self.app.options();
        let length = request.uri().path_and_query().map_or(0, |p| p.as_str().len());
        if length > URL_BYTES_MAX {
            let message = format!("the URL: {length} bytes, the limit is {URL_BYTES_MAX}");
            return Err(ApiError::new(ErrorKind::Invalid, message).with_code("url_too_long"));
        }
        if let Peer::Tcp(_) = peer {
            // No browser comes over a Unix socket.
            options.origins.check_host(request.version(), request.uri(), request.headers())?;
        }
        if let Some(answer) = options.origins.preflight(request.method(), request.headers())? {
            return Ok(answer);
        }
        options.origins.check_page(request.method(), request.headers())?;
        if let Some(page) = self.page(&seen.method, &seen.path, request.headers()) {
            return Ok(page);
        }
        if !auth::is_public(&seen.method, &seen.path) {
            let is_local = auth::is_local(request.headers(), peer.is_loopback());
            let mut caller = auth::admit(request.headers(), &seen.path, is_local, &self.app.keys(), options)?;
            if let (None, Some(Connection(number))) = (&caller.key_id, request.extensions().get()) {
                caller.tenant = u128::from(*number);
            }
            work.admit(caller.key_id.is_some());
            *held = Some(caller.clone());
            request.extensions_mut().insert(caller);
            self.check_phase(&seen.path)?;
        }
        request.extensions_mut().insert(seen.id.clone());
        let tenant = held.as_ref().map_or(0, |caller| caller.tenant);
        let Ok(response) = TENANT.scope(tenant, self.router.call(request)).await;
        Ok(response)
    }

    /// The page, if a browser asks for it.
    fn page(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
        let page = self.app.options().page?;
        if path == "/" && (method == Method::GET || method == Method::HEAD) { page(headers) } else { None }
    }

    /// Refuses a request while the server is not serving, unless it is for the operator's figures.
    fn check_phase(&self, path: &str) -> Result<(), ApiError> {
        let what = match self.app.lifecycle().phase() {
            Phase::Ready => return Ok(()),
            _ if path == "/metrics" => return Ok(()),
            Phase::Starting => "starting",
            Phase::Draining | Phase::Cancelled => "stopping",
        };
        Err(ApiError::new(ErrorKind::Unavailable, format!("the server is {what}"))
            .with_code("unavailable")
            .with_retry_after(Duration::from_secs(1)))
    }

    fn set_headers(&self, seen: &Seen, headers: &mut HeaderMap) {
        headers.insert("x-request-id", seen.id.to_header());
        if seen.shape == Shape::Anthropic {
            // The name that Anthropic's clients look for.
            headers.insert("request-id", seen.id.to_header());
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.app.options().origins.allow(&seen.headers, headers);
        if self.app.lifecycle().phase() >= Phase::Draining {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// The gate as hyper calls it, for one connection; `has_asked` is set at its first request.
pub(crate) fn service(
    gate: Arc<Gate>,
    peer: Peer,
    has_asked: Arc<AtomicBool>,
    seat: Seat,
) -> impl Service<
    hyper::Request<hyper::body::Incoming>,
    Response = Response<GatedBody>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<GatedBody>, Infallible>> + Send,
> {
    let connection = Connection::next();
    hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(connection);
        has_asked.store(true, Ordering::SeqCst);
        let (gate, work) = (Arc::clone(&gate), seat.begin());
        let request = request.map(|body| Body::new(ReceivedBody::new(body, work.receiving())));
        async move { gate.answer(request, peer, work).await }
    })
}
