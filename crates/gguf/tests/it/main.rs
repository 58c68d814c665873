//! Golden and property tests of the container.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod ambiguous;
mod edit;
mod imatrix;
mod limits;
mod malformed;
mod mutations;
mod seal;
mod split;
mod write;
