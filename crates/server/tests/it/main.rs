//! The HTTP surfaces against a real server on loopback.

mod loopback;
mod operations;
