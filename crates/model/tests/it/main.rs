//! Golden, refusal and invariance tests of loading and of the forward pass.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod adapters;
mod allocations;
mod broken;
mod deepseek2;
mod dequantised;
mod edit;
mod encoders;
mod gemma4;
mod golden;
mod golden2;
mod invariance;
mod mutations;
mod pages;
mod refusals;
mod requantised;
mod rotations;
mod session;
mod shortcut;
mod states;
mod steps;
mod variants;
mod window;
