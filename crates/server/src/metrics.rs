//! What is counted: requests by the gate, tokens and times by whoever generates, pages and steps by the engines, asked
//! when `/metrics` is.
//!
//! Guards count for as long as they live, so that a leak shows as a gauge that does not go back to zero.

mod compat;
mod histogram;
mod model;
mod render;
mod running;
mod text;
mod window;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Instant,
};

pub use compat::Compat;
pub(crate) use compat::usage;
use histogram::{Histogram, REQUEST_SECONDS};
pub use model::{Finish, ModelMetrics, StreamGuard};
pub(crate) use render::render;
pub(crate) use running::RunningGuard;
use window::Window;

/// Most names of models that are told apart; more share one row.
const MODELS_MAX: usize = 256;

/// All that is counted. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Default)]
struct Inner {
    answered: Mutex<BTreeMap<Answered, u64>>,
    durations: Mutex<BTreeMap<Arc<str>, Arc<Histogram>>>,
    models: RwLock<BTreeMap<String, Arc<ModelMetrics>>>,
    window: Arc<Window>,
    requests: AtomicU64,
    active: AtomicI64,
    connections: AtomicI64,
    connections_total: AtomicU64,
    connections_displaced: AtomicU64,
    connections_refused: AtomicU64,
    streams: Arc<AtomicI64>,
    panics: AtomicU64,
}

/// Labels of an answered request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Answered {
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

/// The figures that `/` shows.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Live {
    pub(crate) total_requests: u64,
    pub(crate) active_requests: i64,
    pub(crate) total_tokens: u64,
    pub(crate) throughput_tok_s: f64,
}

impl Metrics {
    /// Counts a request that has come, until the guard is dropped: when its answer is sent or lost.
    pub(crate) fn request_started(&self) -> RequestGuard {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        self.0.active.fetch_add(1, Ordering::Relaxed);
        RequestGuard { metrics: self.clone(), started: Instant::now(), answered: None }
    }

    /// Counts a connection as open until the guard is dropped.
    pub(crate) fn connection_opened(&self) -> ConnectionGuard {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
        self.0.connections_total.fetch_add(1, Ordering::Relaxed);
        ConnectionGuard(self.clone())
    }

    /// Counts a connection that did nothing and gave way to another.
    pub(crate) fn count_displaced_connection(&self) {
        self.0.connections_displaced.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that found no place, as its address has all that it may have.
    pub(crate) fn count_refused_connection(&self) {
        self.0.connections_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a panic that was caught.
    pub fn count_panic(&self) {
        self.0.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of panics caught so far.
    pub fn n_panics(&self) -> u64 {
        self.0.panics.load(Ordering::Relaxed)
    }

    /// Number of requests in flight at this moment.
    pub fn n_active(&self) -> i64 {
        self.0.active.load(Ordering::Relaxed)
    }

    /// Number of connections open at this moment.
    pub fn n_connections(&self) -> i64 {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// Number of streams open at this moment.
    pub fn n_streams(&self) -> i64 {
        self.0.streams.load(Ordering::Relaxed)
    }

    /// The counters of a model. To be asked for once a request, and kept.
    pub fn model(&self, id: &str) -> Arc<ModelMetrics> {
        let models = self.0.models.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = models.get(id) {
            return Arc::clone(model);
        }
        drop(models);
        let mut models = self.0.models.write().unwrap_or_else(PoisonError::into_inner);
        let id = if models.len() < MODELS_MAX { id } else { "other" };
        let new = || Arc::new(ModelMetrics::new(Arc::clone(&self.0.window), Arc::clone(&self.0.streams)));
        Arc::clone(models.entry(id.to_owned()).or_insert_with(new))
    }

    /// The figures that `/` shows.
    pub(crate) fn live(&self) -> Live {
        let models = self.0.models.read().unwrap_or_else(PoisonError::into_inner);
        Live {
            total_requests: self.0.requests.load(Ordering::Relaxed),
            active_requests: self.n_active(),
            total_tokens: models.values().map(|m| m.n_tokens()).sum(),
            throughput_tok_s: self.0.window.per_second(Instant::now()),
        }
    }

    fn count_answer(&self, answered: Answered, seconds: f64) {
        let histogram = {
            let mut durations = self.0.durations.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Histogram::new(REQUEST_SECONDS));
            Arc::clone(durations.entry(Arc::clone(&answered.route)).or_insert_with(new))
        };
        histogram.record(seconds);
        *self.0.answered.lock().unwrap_or_else(PoisonError::into_inner).entry(answered).or_default() += 1;
    }
}

/// Counts a request as in flight while it lives.
pub(crate) struct RequestGuard {
    metrics: Metrics,
    started: Instant,
    answered: Option<Answered>,
}

impl RequestGuard {
    /// Says what the answer is; `route` is a pattern of ours, never a client's path.
    pub(crate) fn answered(&mut self, route: &str, method: &str, status: u16) {
        const METHODS: [&str; 7] = ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"];
        let method = METHODS.into_iter().find(|m| *m == method).unwrap_or("other");
        self.answered = Some(Answered { route: route.into(), method, status });
    }

    /// Time since the request came.
    pub(crate) fn elapsed(&self) -> std::time::Duration {
        self.started.elapsed()
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.metrics.0.active.fetch_sub(1, Ordering::Relaxed);
        if let Some(answered) = self.answered.take() {
            self.metrics.count_answer(answered, self.started.elapsed().as_secs_f64());
        }
    }
}

/// Counts a connection as open while it lives.
pub(crate) struct ConnectionGuard(Metrics);

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
