//! [`App`]: what every handler needs. Cheap to clone; the state of the router.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{http::HeaderMap, response::Response};
use tokio::sync::Semaphore;

use crate::{
    auth::{CacheScoping, Keys, ScopeSalt},
    blocking::Workers,
    kept::KeptResponses,
    lifecycle::Lifecycle,
    limits,
    metrics::{Compat, Metrics},
    models::{Models, Puller},
    notices::Notices,
    origin::Origins,
    page,
};

/// The page for `/`, if these headers say that a browser wants one. It needs no key, so it holds nothing of anybody's.
pub type Page = fn(&HeaderMap) -> Option<Response>;

/// What the operator decided: the settings of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The keys that open the server at its start; without any, everybody may ask. [`App::replace_keys`] puts others in
    /// their place.
    pub keys: Keys,
    /// Whether every caller is an operator where no keys are asked for, not only those on this machine.
    pub open_admin: bool,
    /// Whether `/metrics` answers callers on this machine without a key, where keys are asked for.
    pub open_metrics: bool,
    /// The salt that turns keys into cache scopes; it is kept by whoever keeps prefixes beyond this process.
    pub scope_salt: ScopeSalt,
    /// Whether callers share cached prefixes.
    pub cache_scoping: CacheScoping,
    /// Which hosts this server answers for, and which pages may read what it answers.
    pub origins: Origins,
    /// Names that metrics get in addition to ours.
    pub metrics_compat: Vec<Compat>,
    /// Paths and scales of the LoRA adapters that models were loaded with.
    pub adapters: Vec<(String, f32)>,
    /// The page that a browser gets at `/`; `None` gives it the figures, as everybody.
    pub page: Option<Page>,
    /// Most tokens of an output whose request does not say; `None` is to the end of the context.
    pub max_tokens: Option<usize>,
    /// Seed of outputs whose request names none; `None` draws one for each.
    pub seed: Option<u64>,
    /// The downloader of models that clients ask for, where the operator allows it.
    pub puller: Option<Arc<dyn Puller>>,
    /// Most answers of `/v1/responses` that are kept, 0 for none: [`limits::RESPONSES_MAX`], unless the operator says
    /// otherwise.
    pub responses_max: usize,
    /// Most bytes of those answers: [`limits::RESPONSES_BYTES_MAX`], unless the operator says otherwise.
    pub responses_bytes_max: usize,
    /// How long streams may run on after the signal to stop.
    pub drain_timeout: Duration,
    /// Most connections at once: [`limits::CONNECTIONS_MAX`], unless the operator says otherwise.
    pub connections_max: usize,
    /// Most connections of one address at once; `None` is half of all, where this machine's own addresses are not
    /// counted.
    pub connections_per_address_max: Option<usize>,
    /// Most bytes of a request's body: [`limits::BODY_BYTES_MAX`], unless the operator says otherwise.
    pub body_bytes_max: usize,
    /// Number of threads for long work: [`limits::WORKERS_MAX`], unless a test needs fewer.
    pub workers_max: usize,
    /// Most requests that wait for such a thread: [`limits::WORK_QUEUED_MAX`], unless a test needs fewer.
    pub work_queued_max: usize,
    /// Longest time for a request's head: [`limits::HEAD_TIMEOUT`], unless a test is in a hurry.
    pub head_timeout: Duration,
    /// Longest time for a request's body: [`limits::BODY_TIMEOUT`], unless a test is in a hurry.
    pub body_timeout: Duration,
    /// Longest time that a client may take nothing of an answer: [`limits::WRITE_TIMEOUT`], unless a test is in a
    /// hurry.
    pub write_timeout: Duration,
    /// Longest time for a TLS handshake: [`limits::HANDSHAKE_TIMEOUT`], unless a test is in a hurry.
    pub handshake_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            keys: Keys::default(),
            open_admin: false,
            open_metrics: false,
            scope_salt: ScopeSalt::default(),
            cache_scoping: CacheScoping::Key,
            origins: Origins::default(),
            metrics_compat: Vec::new(),
            adapters: Vec::new(),
            page: Some(|headers| page::is_wanted(headers).then(|| page::index(headers))),
            max_tokens: None,
            seed: None,
            puller: None,
            responses_max: limits::RESPONSES_MAX,
            responses_bytes_max: limits::RESPONSES_BYTES_MAX,
            drain_timeout: Duration::from_secs(30),
            connections_max: limits::CONNECTIONS_MAX,
            connections_per_address_max: None,
            body_bytes_max: limits::BODY_BYTES_MAX,
            workers_max: limits::WORKERS_MAX,
            work_queued_max: limits::WORK_QUEUED_MAX,
            head_timeout: limits::HEAD_TIMEOUT,
            body_timeout: limits::BODY_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
        }
    }
}

/// A model as the operator's routes show it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ModelStatus {
    /// The name by which the model is asked for.
    pub id: String,
    /// The file or the name that the model was loaded from, without its folder.
    pub source: String,
    /// Longest context, in tokens.
    pub context_len_max: usize,
    /// Entries of the vocabulary.
    pub n_vocab: usize,
    /// Architecture, as the file names it: `llama`.
    pub architecture: String,
    /// Whether messages can be asked for (there is a chat template).
    pub has_template: bool,
    /// Most sequences that run at once.
    pub n_running_max: usize,
    /// The engine's gauges; `None` while the model is not loaded.
    pub gauges: Option<EngineGauges>,
}

/// What an engine says about itself.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct EngineGauges {
    /// The engine's figures; counters run from its start.
    pub stats: engine::Stats,
    /// Whether the engine's thread lives.
    pub is_alive: bool,
}

type StatusSource = dyn Fn() -> Vec<ModelStatus> + Send + Sync;

/// Everything a handler needs.
#[derive(Clone)]
pub struct App(Arc<AppInner>);

struct AppInner {
    options: ServerOptions,
    keys: RwLock<Keys>,
    /// Scales of adapters that took the place of those they were given with.
    adapter_scales: RwLock<Option<Arc<[f32]>>>,
    models: Models,
    workers: Arc<Workers>,
    statuses: Box<StatusSource>,
    metrics: Metrics,
    kept: KeptResponses,
    pulls: Arc<Semaphore>,
    notices: Notices,
    lifecycle: Lifecycle,
    started: Instant,
    started_at: SystemTime,
}

impl App {
    /// An app that is starting: `lifecycle().advance(Phase::Ready)` opens it. `statuses` is asked whenever metrics or
    /// loads are, must not block, and names each model once.
    pub fn new(
        options: ServerOptions,
        models: Models,
        statuses: impl Fn() -> Vec<ModelStatus> + Send + Sync + 'static,
    ) -> Self {
        let kept = KeptResponses::new(options.responses_max, options.responses_bytes_max);
        let workers = Arc::new(Workers::new(options.workers_max, options.work_queued_max));
        Self(Arc::new(AppInner {
            keys: RwLock::new(options.keys.clone()),
            adapter_scales: RwLock::default(),
            options,
            models,
            workers,
            statuses: Box::new(statuses),
            metrics: Metrics::default(),
            kept,
            pulls: Arc::new(Semaphore::new(limits::PULLS_MAX)),
            notices: Notices::default(),
            lifecycle: Lifecycle::default(),
            started: Instant::now(),
            started_at: SystemTime::now(),
        }))
    }

    /// The settings, which the operator decided.
    pub fn options(&self) -> &ServerOptions {
        &self.0.options
    }

    /// The keys that open the server now.
    pub fn keys(&self) -> Keys {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts `keys` in the place of those that open the server. Keys that stay go on with what they have used up;
    /// requests under way are not concerned.
    pub fn replace_keys(&self, keys: &Keys) {
        let mut current = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        *current = keys.going_on_from(&current);
    }

    /// How strongly adapters are added for a request that asks for `asked`, which is what was set last if that is
    /// `None`; `None` for what models were given them with.
    pub(crate) fn adapter_scales(&self, asked: Option<Arc<[f32]>>) -> Option<Arc<[f32]>> {
        let set = || self.0.adapter_scales.read().unwrap_or_else(PoisonError::into_inner).clone();
        let scales = asked.or_else(set)?;
        let given = self.options().adapters.iter().map(|(_, scale)| *scale);
        (!given.eq(scales.iter().copied())).then_some(scales)
    }

    /// Sets how strongly adapters are added for requests that ask for nothing else.
    pub(crate) fn set_adapter_scales(&self, scales: Arc<[f32]>) {
        *self.0.adapter_scales.write().unwrap_or_else(PoisonError::into_inner) = Some(scales);
    }

    /// The models that can be asked for.
    pub fn models(&self) -> &Models {
        &self.0.models
    }

    /// The models and the present figures of their engines.
    pub fn statuses(&self) -> Vec<ModelStatus> {
        (self.0.statuses)()
    }

    /// The metrics, where what happens is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The threads for long work.
    pub(crate) fn workers(&self) -> &Arc<Workers> {
        &self.0.workers
    }

    /// The answers that later requests can go on from.
    pub(crate) fn kept(&self) -> &KeptResponses {
        &self.0.kept
    }

    /// The permits of models that may be pulled at once, over all clients.
    pub(crate) fn pulls(&self) -> &Arc<Semaphore> {
        &self.0.pulls
    }

    /// The notices that the log says once.
    pub(crate) fn notices(&self) -> &Notices {
        &self.0.notices
    }

    /// The lifecycle: whether the server is starting, serving or stopping.
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.0.lifecycle
    }

    /// Time since the start.
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// The present time in seconds since 1970; never before the start, whatever is done to the clock.
    pub fn now_unix(&self) -> u64 {
        self.started_at_unix() + self.uptime().as_secs()
    }

    /// The time of the start in seconds since 1970.
    pub fn started_at_unix(&self) -> u64 {
        self.0.started_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}
