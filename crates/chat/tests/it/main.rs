//! Tests of the crate as its users see it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is a failed test")]

mod clock;
mod conversations;
mod formats;
mod goldens;
mod grammars;
mod jinja2;
mod limits;
mod mutation;
mod replies;
mod round_trip;
