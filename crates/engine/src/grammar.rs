//! Output that must match a JSON schema, a regular expression, a grammar or a list of choices.
//!
//! [`GrammarCompiler`] turns a [`GrammarSource`] into a [`Grammar`]; a [`Matcher`] follows one completion through it
//! and says before each token which ones may come ([`TokenMask`]). The automata are those of the crate `llguidance`.
//!
//! What always holds: what a source asks for is enforced or refused by name, never ignored (whoever wants as much of a
//! schema as can be enforced asks [`GrammarCompiler::loosen`] first); compiling and matching cost bounded time and
//! memory ([`limits`]); equal tokens give equal masks, whatever else ran; text never becomes a control token, and a
//! completion ends only where the grammar may end.
//!
//! Start reading at `compile.rs`; `schema.rs` says what of JSON Schema is understood, `gbnf.rs` translates llama.cpp's
//! language.

mod compile;
mod error;
mod gbnf;
mod lark;
pub mod limits;
mod mask;
mod matcher;
mod nesting;
mod oracle;
mod regex;
mod schema;
mod vocabulary;

pub use compile::{Grammar, GrammarCompiler, GrammarSource};
pub use error::GrammarError;
pub use mask::TokenMask;
pub use matcher::Matcher;
#[doc(hidden)]
pub use oracle::oracle;
pub use schema::Loosened;
