//! `cargo xtask kg-train` and `kg-similar`: the figures of link prediction and of likeness, by `kg`'s examples.

use crate::{
    Outcome,
    command::{cargo, succeed},
};

/// Trains on a benchmark and prints its filtered ranks: `kg-train FOLDER PRESET [KEY=VALUE …]`.
pub(crate) fn train(arguments: &[String]) -> Outcome {
    example("train", arguments)
}

/// Measures recall and speed of `similar`: `kg-similar FOLDER [DIM [ENTITIES]]`.
pub(crate) fn similar(arguments: &[String]) -> Outcome {
    example("similar", arguments)
}

fn example(name: &str, arguments: &[String]) -> Outcome {
    let mut command = cargo(&["run", "--quiet", "--release", "--locked", "-p", "kg", "--example", name, "--"]);
    command.args(arguments);
    succeed(&mut command)
}
