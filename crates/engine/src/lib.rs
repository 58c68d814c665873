//! Token ids in, text events out: sequences, samplers, stop strings, continuous batching.
//!
//! [`Runner`] (`runner.rs`) is where to start: it computes one step after the other, for all requests at once. [`Handle`] (`service.rs`) is a
//! runner on a thread of its own, [`Engine`] (`generate.rs`) one for a request at a time. `core/` decides with ids and numbers only; `sampler/` picks tokens; `text/` and
//! `choice.rs` turn them into what may be shown.

mod choice;
mod constraint;
mod core;
mod drafter;
mod embedding;
mod error;
mod generate;
pub mod grammar;
mod limits;
mod logprobs;
mod memory;
mod options;
mod queue;
mod repetition;
mod request;
mod runner;
pub mod sampler;
mod service;
mod stats;
mod sync;
mod text;

pub use drafter::Drafter;
pub use error::Error;
pub use generate::Engine;
pub use memory::{DiskCache, DiskError};
pub use options::EngineOptions;
pub use repetition::RepetitionBounds;
pub use request::{CacheScope, Completion, Event, FinishReason, Logprobs, Request, Sink, Task, TenantId};
pub use runner::{Clock, Progress, RequestId, Runner};
pub use sampler::{Sampler, SamplerKind, Sampling, SamplingDefaults};
pub use service::{Handle, SpawnError};
pub use stats::Stats;
pub use text::StopFilter;
