//! The crate from outside.

mod limits;
mod w3c;
mod w3c_syntax;
