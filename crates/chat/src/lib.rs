//! Chat templates rendered under limits, and the guard that keeps what users typed from becoming control tokens.
//!
//! [`Template`] is the model's own Jinja source, compiled once (`template.rs`); what Python's Jinja does and minijinja does not is in
//! `python.rs`. A template is a program from a file: it sees only [`Inputs`], and runs out of fuel, depth or output before it does harm.

mod builtin;
mod guard;
pub mod limits;
mod message;
mod oracle;
mod python;
mod template;

pub use builtin::BUILTIN_NAMES;
pub use guard::{Segment, protect, segments};
pub use message::{Inputs, Message};
pub use oracle::oracle;
pub use template::{Error, Template};
