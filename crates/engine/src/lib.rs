//! Token ids in, text events out: sequences, samplers, stop strings, continuous batching.
//!
//! [`Runner`] (`runner.rs`) is where to start: it computes one step after the other, for all requests at once.
//! [`Handle`] (`service.rs`) is a runner on a thread of its own, [`Engine`] (`generate.rs`) one for a request at a
//! time; where there are no threads (wasm32), the caller steps a runner and gives it the time (`beside.rs`). `core/`
//! decides with ids and numbers only; `sampler/` picks tokens; `text/` and `choice.rs` turn them into what may be
//! shown.

mod beside;
mod choice;
mod clock;
mod constraint;
mod core;
mod drafter;
mod embedding;
mod error;
#[cfg(not(target_family = "wasm"))]
mod generate;
pub mod grammar;
pub mod limits;
mod logprobs;
mod memory;
mod options;
#[cfg(not(target_family = "wasm"))]
mod queue;
mod repetition;
mod request;
mod runner;
pub mod sampler;
#[cfg(not(target_family = "wasm"))]
mod service;
mod stats;
#[cfg(not(target_family = "wasm"))]
mod sync;
mod text;

pub use clock::Clock;
pub use drafter::Drafter;
pub use embedding::{POOLING_DEFAULT, unit};
pub use error::Error;
pub use memory::{DiskCache, DiskError};
pub use options::{EngineOptions, StepBound};
pub use repetition::RepetitionBounds;
pub use request::{CacheScope, Completion, Event, FinishReason, Logprobs, Request, Sink, Task, TenantId};
pub use runner::{Progress, RequestId, Runner};
pub use sampler::{Sampler, SamplerKind, Sampling, SamplingDefaults};
pub use stats::Stats;
pub use text::StopFilter;
#[cfg(not(target_family = "wasm"))]
pub use {
    generate::Engine,
    service::{Handle, SpawnError},
};
