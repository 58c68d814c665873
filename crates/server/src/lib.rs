//! HTTP surfaces of the engine: OpenAI, llama.cpp, Ollama and Anthropic APIs, limits, metrics, chat page.

pub mod error;
pub mod json;
pub mod page;
