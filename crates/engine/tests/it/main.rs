//! The engine on the hash model and on the smallest real one.

mod hash_model;
mod hashed;
mod stories;
