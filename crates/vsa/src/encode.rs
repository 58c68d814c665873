//! From things to vectors: text, sequences, sets, records, trees and graphs as exact sums of bound items.
//!
//! Every encoder writes into a [`crate::Bundler`], so several may share a bundle, and what was added can be removed.
//! Keys and items are bipolar, whose binding loses nothing. How much a bundle of `k` parts may hold for its parts to be
//! found among `n` items with a given probability: [`crate::theory::dims_for`].

mod structure;
mod text;

pub use structure::{Graph, Record, Sequence, Tree};
pub use text::Text;
