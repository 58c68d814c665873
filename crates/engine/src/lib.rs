//! Token ids in, text events out: sequences, samplers, stop strings, continuous batching.
//!
//! [`Handle`] (`service.rs`) is an engine for many requests at once, [`Engine`] (`generate.rs`) for one after the other; both turn the
//! same loop body, `runner.rs`, which is where to start. `core/` decides with ids and numbers only; `sampler/` picks tokens; `text/` and
//! `choice.rs` turn them into what may be shown.

mod choice;
mod core;
mod embedding;
mod error;
mod generate;
mod limits;
mod logprobs;
mod memory;
mod options;
mod request;
mod runner;
pub mod sampler;
mod service;
mod stats;
mod text;

pub use error::Error;
pub use generate::Engine;
pub use options::EngineOptions;
pub use request::{CacheScope, Completion, Event, FinishReason, Logprobs, Request, Sink, Task};
pub use runner::RequestId;
pub use sampler::{Sampler, Sampling};
pub use service::Handle;
pub use stats::Stats;
pub use text::StopFilter;
