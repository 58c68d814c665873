//! OpenAI's API against a real server with real models.

mod chat;
mod completions;
mod dialects;
mod embeddings;
mod kept;
mod load;
mod models;
mod prompt_logprobs;
mod refusals;
mod responses;
mod sharing;
pub(crate) mod support;
