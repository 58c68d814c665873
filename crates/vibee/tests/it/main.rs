//! Tests of the crate from outside, one binary.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod fmt;
mod generate;
mod legacy;
mod oracle;
mod pipeline;
mod schema;
mod trees;
mod ui;
