//! Conversion: the pipeline on models made for it, Hugging Face folders against golden data.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod containers;
mod hf;
mod i2_s_order;
mod quantise;
mod roundtrip;
mod support;
mod synth;
