//! `trinity bench MODEL`: prompt processing and generation speed, rows named as llama-bench names them.

use clap::Args;
use eval::bench;

use super::model_args::{self, ModelArgs};
use crate::{cli::Global, failure::{Failure, Kind}, terminal};

/// Arguments of `bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// The model, by name or path
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// Prompt lengths in tokens, one row each
    #[arg(short = 'p', long, value_name = "TOKENS", value_delimiter = ',', default_value = "512")]
    n_prompt: Vec<usize>,
    /// Generation lengths in tokens, one row each
    #[arg(short = 'n', long, value_name = "TOKENS", value_delimiter = ',', default_value = "128")]
    n_gen: Vec<usize>,
    /// Measured repetitions of each row, after one that is not counted
    #[arg(short, long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
    /// As JSON: a list of objects with test, tokens_per_second, samples
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    load: ModelArgs,
}
