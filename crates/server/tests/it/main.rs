//! The HTTP surfaces against a real server on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod anthropic;
mod blame;
mod connections;
mod departures;
mod drain;
mod keys;
mod limits;
mod llamacpp;
mod loopback;
mod ollama;
mod openai;
mod openapi;
mod operations;
mod origins;
mod places;
mod rights;
mod routes;
mod sampling;
mod scopes;
mod seeds;
mod tls;
mod tools;
mod unix;
