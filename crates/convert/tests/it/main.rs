//! Conversion against golden data: one binary for all of it.

mod mutations;
mod refusals;
mod round_trip;
mod safetensors;
mod support;
mod ternary;
mod tokenizers;
