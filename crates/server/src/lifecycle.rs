//! Whether the server is starting, serving or stopping.

use std::sync::Arc;

use tokio::sync::watch;

/// Where in its life the server is; only forwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Models are being loaded: not ready, requests are answered 503.
    Starting,
    /// Ready: requests are answered.
    Ready,
    /// Told to stop: not ready, new requests are answered 503, what runs goes on.
    Draining,
    /// The time for that is over: what still runs is cut off.
    Cancelled,
}

/// The phase, watched by whoever must stop with it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lifecycle(Arc<watch::Sender<Phase>>);

impl Default for Lifecycle {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Starting)))
    }
}

impl Lifecycle {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Goes to `phase`, unless it is past it.
    pub fn advance(&self, phase: Phase) {
        self.0.send_if_modified(|now| {
            let is_later = phase > *now;
            *now = phase.max(*now);
            is_later
        });
    }

    /// Returns when `phase` is reached or past.
    pub async fn reached(&self, phase: Phase) {
        let mut receiver = self.0.subscribe();
        // The sender lives in `self`.
        let _ = receiver.wait_for(|now| *now >= phase).await;
    }
}
