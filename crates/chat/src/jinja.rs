//! Jinja as chat templates use it, with the results of Python's jinja2 (immutable sandbox, `trim_blocks`,
//! `lstrip_blocks`, loop controls) and a budget that everything asks before it takes time or memory.
//!
//! Why not a ready engine: minijinja 3.1 does work that its fuel does not count, so that a short template can end or
//! hold up the process; `Markup` and one-shot generators, on which real templates depend, it does not have.
//!
//! Start reading at [`parser`] (source → [`ast`]) and [`machine`] (ast → text).

mod arguments;
pub(crate) mod ast;
mod attribute;
mod clock;
mod compare;
mod filters;
mod format;
mod json;
mod lexer;
mod machine;
mod meter;
mod methods;
mod named;
mod number;
mod operators;
mod parser;
mod predicates;
mod printf;
mod repr;
mod text;
mod value;

pub(crate) use json::from_json;
pub(crate) use machine::Machine;
pub(crate) use parser::{Dialect, parse};
pub(crate) use value::Value;

use crate::error::Error;

pub(crate) type Result<T> = std::result::Result<T, Error>;
