//! Test support: golden readers, seeded generators, comparisons, a loopback server. Depends on no crate of ours.

mod compare;
mod data;
mod derived;
mod judged;
mod lookup_layouts;
mod loopback;
mod models;
mod packs;
mod rng;
#[path = "../../vibee_cli/runners/vibee_runner.rs"]
pub mod runner;
pub mod samples;
mod wordpieces;

pub use compare::{assert_same_f32, log_softmax, nmse};
pub use data::{data, inputs, read_bytes, read_f32, read_json, read_text};
pub use judged::answer_specs;
pub use lookup_layouts::Tiled;
pub use loopback::{Answer, Loopback, Request};
pub use models::smollm2_path;
pub use rng::Rng;
pub use wordpieces::wordpieces;
