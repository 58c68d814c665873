//! Pulling from a loopback server with faults, from packages, caches and paths.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod http;
mod local;
mod server;
