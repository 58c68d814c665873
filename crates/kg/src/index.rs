//! What vectors find in the facts of a snapshot: [`neighbours`] ranks entities by the neighbourhoods that they share.
//!
//! An index stands at the commit it was made of; what it finds is looked up in the store before it is shown.

pub mod neighbours;

pub use neighbours::{Neighbours, Search, Similar, SimilarError};
