//! Ollama's API against a real server with real models.

mod chat;
mod embed;
mod generate;
mod models;
mod pull;
mod refusals;
pub(crate) mod support;
