//! Pulls against a server on this machine, a pip made for the test, and a made-up cache.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cache;
mod disk;
mod fixture;
mod http;
mod packages;
mod repositories;
mod store;
