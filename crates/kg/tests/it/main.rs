//! The crate from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod complete;
mod differential;
mod disk;
mod explain;
mod facts;
mod faults;
mod flips;
mod generate;
mod limits;
mod model;
mod opening;
mod power;
mod program;
mod readers;
mod w3c;
mod w3c_syntax;
