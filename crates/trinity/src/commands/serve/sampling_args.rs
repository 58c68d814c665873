//! How tokens are picked for requests that do not say.

use clap::Args;
use engine::SamplingDefaults;

use crate::{cli::group, failure::Failure};

/// A request goes before these, and these go before what a model's file says.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::SAMPLING)]
pub(crate) struct ServeSamplingArgs {
    /// Divides logits; 0 always takes the most likely token [default: the model's own, else the API's]
    #[arg(long, value_name = "T", env = "TRINITY_TEMPERATURE", allow_negative_numbers = true)]
    temperature: Option<f32>,
    /// Keep this many best tokens; 0 keeps all [default: the model's own, else the API's]
    #[arg(long, value_name = "K", env = "TRINITY_TOP_K")]
    top_k: Option<usize>,
    /// Keep the best tokens whose probabilities reach this sum [default: the model's own, else the API's]
    #[arg(long, value_name = "P", env = "TRINITY_TOP_P", allow_negative_numbers = true)]
    top_p: Option<f32>,
    /// Drop tokens less likely than this fraction of the best [default: the model's own, else the API's]
    #[arg(long, value_name = "P", env = "TRINITY_MIN_P", allow_negative_numbers = true)]
    min_p: Option<f32>,
    /// Divides the logits of recent tokens [default: the model's own, else the API's]
    #[arg(long, value_name = "R", env = "TRINITY_REPEAT_PENALTY", allow_negative_numbers = true)]
    repeat_penalty: Option<f32>,
}

impl ServeSamplingArgs {
    /// Refuses what is out of range before anything is loaded.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.defaults().check().map_err(|e| Failure::usage(e.to_string().replace('_', "-")))
    }

    /// Sampling defaults that the operator sets.
    pub(super) fn defaults(&self) -> SamplingDefaults {
        let Self { temperature, top_k, top_p, min_p, repeat_penalty } = *self;
        SamplingDefaults { temperature, top_k, top_p, min_p, repeat_penalty, repeat_last_n: None }
    }
}
