//! HTTP surfaces of the engine: OpenAI, llama.cpp, Ollama and Anthropic APIs, limits, metrics, chat page.
//!
//! `serve.rs` listens; `gate.rs` is what every request passes before `router.rs` finds its handler: request id, Host,
//! CORS, drain, key, and a net for panics. Handlers get an [`App`] and a [`Caller`]; what they refuse is an
//! [`error::ApiError`], which `refusal.rs` spells as each API does.

mod anthropic;
pub mod app;
pub mod auth;
pub mod blocking;
pub mod body;
pub mod error;
#[doc(hidden)]
pub mod for_specs;
mod gate;
pub mod generation;
pub mod ids;
mod ignored;
pub mod json;
mod kept;
pub mod lifecycle;
pub mod limits;
mod llamacpp;
pub mod log;
pub mod metrics;
pub mod models;
pub mod notices;
mod ollama;
mod openai;
pub mod openapi;
mod operations;
pub mod origin;
pub mod page;
pub mod refusal;
pub mod router;
pub mod serve;
pub mod sse;
mod tally;
mod transport;
pub mod web_files;
mod wire;

pub use app::{App, EngineGauges, ModelStatus, ServerOptions};
pub use auth::Caller;
pub use body::Json;
pub use gate::RequestId;
