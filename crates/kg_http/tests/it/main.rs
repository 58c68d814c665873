//! The HTTP face of graphs against a real server on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod data;
mod gate;
#[path = "../../../server/tests/it/loopback.rs"]
#[allow(dead_code, reason = "the server's own tests use all of it")]
mod loopback;
mod protocol;
mod support;
mod time;
