//! Tests of the crate as its users see it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is a failed test")]

mod formats;
mod goldens;
mod jinja2;
mod limits;
mod mutation;
