//! Tests of the crate from outside, one binary.

#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod bytecode;
mod engines;
mod fmt;
mod generate;
mod generated_specs;
mod judged;
mod legacy;
mod limits;
mod operations;
mod oracle;
mod pipeline;
mod schema;
mod std;
mod textmate;
mod toolchains;
mod trees;
mod ui;
mod upgrade;
