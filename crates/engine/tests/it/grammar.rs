//! Constrained output: what is allowed, what is refused, and what it costs.

mod fuzz;
mod gbnf;
mod limits;
mod loosen;
mod matching;
mod random;
mod schema;
mod support;
mod tokens;
