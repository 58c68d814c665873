//! The crate from outside.

mod w3c_syntax;
