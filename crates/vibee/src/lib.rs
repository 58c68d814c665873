//! VIBEE: specifications that run.
//!
//! A file goes through these in order:
//!
//! 1. [`source`] holds texts; the reader makes [`tree`] of them, every comment and unknown key kept.
//! 2. The schema reads items of the tree, the parser their expressions, the checker types them: the [`typed`] tree.
//! 3. The evaluator runs that tree and is the definition of the language; bytecode and VM run it fast; generators
//!    write it in other languages.
//!
//! What goes wrong on the way is a [`diagnostic`]; what goes wrong when running is a [`value::Fault`]. Nothing here
//! reads a file, a clock or the environment.

pub mod ast;
pub mod bytecode;
pub mod check;
pub mod codes;
pub mod compile;
pub mod decimal;
pub mod diagnostic;
pub mod eval;
pub mod fmt;
#[doc(hidden)]
pub mod fuzzed;
pub mod generate;
pub mod intrinsic;
pub mod json;
pub mod legacy;
pub mod limits;
pub mod load;
mod nearest;
pub mod order;
pub mod protocol;
pub mod random;
pub mod reader;
pub mod reference;
pub mod render;
pub mod run;
pub mod schema;
pub mod show;
pub mod source;
pub mod spec;
pub mod standard;
pub mod syntax;
#[doc(hidden)]
pub mod testing;
pub mod textmate;
pub mod tree;
pub mod typed;
pub mod types;
pub mod upgrade;
pub mod value;
pub mod vm;
