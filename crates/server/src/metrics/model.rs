//! What is counted for each model.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{
    histogram::{FIRST_TOKEN_SECONDS, Histogram, INTER_TOKEN_SECONDS, REQUEST_SECONDS},
    running::Running,
    window::Window,
};

/// How a choice ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Finish {
    /// It met an end-of-generation token or a stop string.
    Stop,
    /// It met the limit of tokens or of the context.
    Length,
    /// The client left.
    Cancelled,
    /// Its time was over.
    TimedOut,
    /// Something went wrong.
    Failed,
}

impl Finish {
    pub(super) const ALL: [(Self, &'static str); 5] = [
        (Self::Stop, "stop"),
        (Self::Length, "length"),
        (Self::Cancelled, "abort"),
        (Self::TimedOut, "timeout"),
        (Self::Failed, "error"),
    ];
}

/// Counters and times of one model.
#[derive(Debug)]
pub struct ModelMetrics {
    window: Arc<Window>,
    streams_of_all: Arc<AtomicI64>,
    pub(super) streams: AtomicI64,
    pub(super) prompt_tokens: AtomicU64,
    pub(super) cached_tokens: AtomicU64,
    pub(super) completion_tokens: AtomicU64,
    pub(super) prefix_hits: AtomicU64,
    pub(super) finished: [AtomicU64; Finish::ALL.len()],
    pub(super) ttft: Histogram,
    pub(super) inter_token: Histogram,
    pub(super) request: Histogram,
    pub(super) queue: Histogram,
    pub(super) prefill: Histogram,
    pub(super) decode: Histogram,
    running: Running,
}

impl ModelMetrics {
    pub(super) fn new(window: Arc<Window>, streams_of_all: Arc<AtomicI64>) -> Self {
        Self {
            window,
            streams_of_all,
            streams: AtomicI64::new(0),
            prompt_tokens: AtomicU64::new(0),
            cached_tokens: AtomicU64::new(0),
            completion_tokens: AtomicU64::new(0),
            prefix_hits: AtomicU64::new(0),
            finished: Default::default(),
            ttft: Histogram::new(FIRST_TOKEN_SECONDS),
            inter_token: Histogram::new(INTER_TOKEN_SECONDS),
            request: Histogram::new(REQUEST_SECONDS),
            queue: Histogram::new(REQUEST_SECONDS),
            prefill: Histogram::new(REQUEST_SECONDS),
            decode: Histogram::new(REQUEST_SECONDS),
            running: Running::default(),
        }
    }

    /// The sequences that are being generated now.
    pub(crate) fn running(&self) -> &Running {
        &self.running
    }

    /// Counts a prompt, of whose tokens `n_cached` were found computed. Once a request.
    pub fn record_prompt(&self, n_prompt: u64, n_cached: u64) {
        self.prompt_tokens.fetch_add(n_prompt, Ordering::Relaxed);
        self.cached_tokens.fetch_add(n_cached, Ordering::Relaxed);
        self.prefix_hits.fetch_add(u64::from(n_cached > 0), Ordering::Relaxed);
    }

    /// Counts generated tokens, as they come, so that the rate of `/` is the present one.
    pub fn record_completion(&self, n_tokens: u64) {
        self.completion_tokens.fetch_add(n_tokens, Ordering::Relaxed);
        self.window.add(n_tokens, Instant::now());
    }

    /// Records the time from a request's arrival to its first token.
    pub fn record_ttft(&self, seconds: f64) {
        self.ttft.record(seconds);
    }

    /// Records the time from one token of a choice to the next.
    pub fn record_inter_token(&self, seconds: f64) {
        self.inter_token.record(seconds);
    }

    /// Records the time from a request's arrival to the first step that computed something of it.
    pub fn record_queue(&self, seconds: f64) {
        self.queue.record(seconds);
    }

    /// Records how a choice ended, and the times that it and its parts took.
    pub fn record_finish(&self, finish: Finish, seconds: f64, prefill_seconds: f64, decode_seconds: f64) {
        if let Some(count) = self.finished.get(finish as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.request.record(seconds);
        self.prefill.record(prefill_seconds);
        self.decode.record(decode_seconds);
    }

    /// Counts a stream as open until the guard is dropped.
    pub fn open_stream(self: &Arc<Self>) -> StreamGuard {
        self.streams.fetch_add(1, Ordering::Relaxed);
        self.streams_of_all.fetch_add(1, Ordering::Relaxed);
        StreamGuard(Arc::clone(self))
    }

    pub(super) fn n_tokens(&self) -> u64 {
        self.prompt_tokens.load(Ordering::Relaxed) + self.completion_tokens.load(Ordering::Relaxed)
    }
}

/// Counts a stream as open while it lives.
#[derive(Debug)]
pub struct StreamGuard(Arc<ModelMetrics>);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
        self.0.streams_of_all.fetch_sub(1, Ordering::Relaxed);
    }
}
