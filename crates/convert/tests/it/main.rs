//! Conversion against golden data: one binary for all of it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod mutations;
mod refusals;
mod round_trip;
mod safetensors;
mod support;
mod ternary;
mod tokenizers;
