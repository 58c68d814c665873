//! Every number that Trinity prints: perplexity, logits, bench.
//!
//! Each function measures what it returns, in this process, on the model it is given; progress goes to a callback that may break off.

pub mod bench;
mod error;
pub mod logits;
pub mod machine;
pub mod perplexity;
mod session;

pub use error::Error;
