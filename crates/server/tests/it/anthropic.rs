//! Anthropic's API against a real server with real models.

mod conversation;
mod messages;
mod refusals;
pub(crate) mod support;
mod thinking;
mod tools;

pub(crate) use thinking::thinker;
