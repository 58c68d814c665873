//! The pipeline on models made for it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod quantise;
mod roundtrip;
mod support;
