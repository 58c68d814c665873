//! Tests of the command, as a user types it.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod commands;
mod generated;
mod implementations;
mod program;
mod tutorial;
