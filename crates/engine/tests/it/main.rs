//! The engine on the hash model and on the smallest real one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that lacks its data fails")]

mod encoders;
mod ends;
mod fairness;
mod fragile;
mod grammar;
mod hash_model;
mod hashed;
mod log;
mod preemption;
mod scopes;
mod service;
mod simulation;
mod states;
mod stories;
mod suppressed;
