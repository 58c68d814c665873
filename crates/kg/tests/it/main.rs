//! The crate from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod facts;
mod limits;
mod model;
mod w3c;
mod w3c_syntax;
