//! What is likely though nobody said it: link prediction over triples of numbers.
//!
//! - [`triples`]: what is learnt from, independent of any store; [`graph`] makes it of a snapshot.
//! - [`names`]: what the numbers stand for, and the reader of benchmarks' files.
//! - [`trainer`]: ComplEx or DistMult, entities trained as they are stored: ternary.
//! - [`model`]: what training leaves, and [`file`](mod@file) its bytes.
//! - [`mod@evaluate`]: filtered ranks, both directions, ties averaged.
//! - [`rules`]: paths of length one and two with confidence: the baseline, and what is shown beside a prediction.
//! - [`mod@calibrate`]: scores as probabilities.
//! - [`predict`]: the answer to `S P ?` and `? P O`.
//!
//! Seeds, threads and cancellation are arguments; equal seeds give equal bytes, whatever the number of threads.

pub mod calibrate;
mod compose;
pub mod evaluate;
pub mod file;
pub mod graph;
pub mod model;
pub mod names;
pub mod predict;
pub mod rules;
pub mod settings;
pub mod trainer;
pub mod triples;

pub use calibrate::Calibration;
pub use evaluate::{Metrics, evaluate};
pub use file::ModelFileError;
pub use graph::GraphTriples;
pub use model::Model;
pub use names::{NamedTriples, Vocabulary};
pub use predict::{Ask, Predicted, Trained, calibrate};
pub use rules::{MineSettings, RuleScore, Rules};
pub use settings::{EntityWeights, Optimiser, Scorer, Settings};
pub use trainer::{Progress, Stopped, Trainer, train};
pub use triples::{Split, Triple, Triples};
