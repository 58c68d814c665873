//! What a document shows of a program: samples, and whether they are what the program prints.
//!
//! A sample is a line `$ COMMAND` in a block of code (indented, or fenced as `console`) and the lines below it, which
//! are its output. White space is one space; `…` is any text.

mod compare;
mod document;

pub use compare::{UNITS, compare};
pub use document::{Block, Document, Sample};
