//! Token ids in, text events out: sequences, samplers, stop strings, the decode loop.
//!
//! [`Engine`] (`generate.rs`) is where to start. `core/` decides with ids and numbers only; `sampler/` picks tokens; `text/` turns
//! them into what may be shown.

mod core;
mod error;
mod generate;
pub mod grammar;
mod request;
pub mod sampler;
mod text;

pub use error::Error;
pub use generate::Engine;
pub use request::{Completion, Event, FinishReason, Logprobs, Request};
pub use sampler::{Sampler, Sampling};
pub use text::StopFilter;
