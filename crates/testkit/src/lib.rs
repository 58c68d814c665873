//! Test support: golden readers, seeded generators, comparisons. Depends on no crate of ours.

mod compare;
mod data;
mod models;
mod rng;

pub use compare::{assert_same_f32, log_softmax, nmse};
pub use data::{read_f32, read_gz, read_json, read_text, shared};
pub use models::smollm2_path;
pub use rng::Rng;
