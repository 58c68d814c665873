//! Golden and invariance tests of the forward pass.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod allocations;
mod golden;
mod invariance;
mod session;
