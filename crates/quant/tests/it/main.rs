//! Golden and property tests of the block formats.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod decode;
mod encode;
mod lookup;
mod ternary;
