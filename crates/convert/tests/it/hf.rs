//! Hugging Face folders against golden data.

mod adapters;
mod gemma4;
mod latent;
mod layouts;
mod mutations;
mod pipeline;
mod refusals;
mod round_trip;
mod safetensors;
mod support;
mod ternary;
mod tokenizer_settings;
mod tokenizers;
mod transformers;
