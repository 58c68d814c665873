//! Every number that Trinity prints: perplexity, KL divergence, multiple choice, importance, noise, comparisons,
//! logits, bench.
//!
//! Each function measures what it returns, in this process, on the model it is given; progress goes to a callback that
//! may break off.

pub mod bench;
pub mod choice;
pub mod compare;
mod error;
pub mod imatrix;
pub mod kl;
pub mod logits;
pub mod machine;
mod mean;
pub mod noise;
pub mod paired;
pub mod perplexity;
mod session;
mod softmax;
mod windows;

pub use error::Error;
