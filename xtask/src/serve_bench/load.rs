//! Many clients at once.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use serde_json::{Value, json};

use super::{
    client::{self, Streamed},
    statistics::{milliseconds, round},
};

/// The observations of a closed loop of clients.
pub(crate) struct Loaded {
    pub(crate) streams: Vec<Streamed>,
    /// Reasons of the requests that failed.
    pub(crate) failures: Vec<String>,
    pub(crate) seconds: f64,
}

/// Runs `n_clients` that each send the next request as soon as their last is answered, until there are none.
pub(crate) fn closed_loop(address: &str, n_clients: usize, requests: &[Value]) -> Loaded {
    let next = Mutex::new(requests.iter().enumerate());
    let results = Mutex::new(Vec::new());
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..n_clients {
            scope.spawn(|| {
                loop {
                    let request = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((index, request)) = request else { break };
                    let result = client::stream(address, request).map(|stream| Streamed { request: index, ..stream });
                    results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let (mut streams, mut failures) = (Vec::new(), Vec::new());
    for result in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
        match result {
            Ok(stream) => streams.push(stream),
            Err(why) => failures.push(why),
        }
    }
    Loaded { streams, failures, seconds }
}

impl Loaded {
    /// Returns the observations, or an error if any request failed.
    pub(crate) fn complete(self) -> Result<Self, String> {
        match self.failures.first() {
            None => Ok(self),
            Some(why) => Err(format!("{} requests failed; the first: {why}", self.failures.len())),
        }
    }

    pub(crate) fn tokens_per_second(&self) -> f64 {
        self.streams.iter().map(Streamed::n_tokens).sum::<u64>() as f64 / self.seconds
    }

    pub(crate) fn ttfts(&self) -> Vec<f64> {
        self.streams.iter().map(Streamed::ttft).collect()
    }

    pub(crate) fn gaps(&self) -> Vec<f64> {
        self.streams.iter().flat_map(Streamed::gaps).map(|(_, seconds)| seconds).collect()
    }

    /// Returns the figures for the receipt.
    pub(crate) fn figures(&self) -> Value {
        json!({
            "seconds": round(self.seconds),
            "requests": self.streams.len(),
            "failures": self.failures,
            "tokens_per_second": round(self.tokens_per_second()),
            "ttft": milliseconds(&self.ttfts()),
            "inter_token": milliseconds(&self.gaps()),
            "ttft_seconds": self.ttfts().iter().map(|s| round(*s)).collect::<Vec<_>>(),
        })
    }
}
