//! [`EngineOptions`]: how an engine shares itself out.

use std::time::Duration;

use crate::{DiskCache, Drafter};

/// How long a step may take, as far as that is a matter of how many rows of prompts are in it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum StepBound {
    /// Six times what decoding takes, or 200 ms where nobody decodes.
    #[default]
    Chosen,
    /// Milliseconds for a step, in which a prompt gets a few rows all the same, and so many that it takes at most a
    /// tenth longer than in the largest steps.
    Aimed(f64),
    /// Milliseconds for a step of more than one row, whatever a prompt loses by that.
    Held(f64),
}

/// The bounds and policies of an engine.
pub struct EngineOptions {
    /// Number of sequences computed at once; never more than a step has rows.
    pub n_running_max: usize,
    /// Number of sequences that may wait, each choice of a request for itself; more are refused, but of a tenant that
    /// has less than its share.
    pub n_queued_max: usize,
    /// How long a step may take.
    pub step: StepBound,
    /// Whether keys and values of earlier requests are kept for those that begin alike.
    pub prefix_cache: bool,
    /// Longest time for which a request's reader may take nothing before the request is cancelled.
    pub stall_limit: Duration,
    /// Bytes of ordinary memory for pages and states that leave their arenas; they come back where that takes less than
    /// computing them again.
    pub swap_bytes_max: u64,
    /// Folder in which cached prefixes outlive the process.
    pub disk_cache: Option<DiskCache>,
    /// Drafter that guesses tokens, so that a step can verify several.
    pub drafter: Drafter,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            n_running_max: 64,
            n_queued_max: 1024,
            step: StepBound::Chosen,
            prefix_cache: true,
            stall_limit: Duration::from_mins(1),
            swap_bytes_max: 0,
            disk_cache: None,
            drafter: Drafter::None,
        }
    }
}

impl EngineOptions {
    /// Turns off what cannot be done for models whose sequences have states
    /// ([`Forward::n_states`](model::Forward::n_states)), which cannot go back: drafts. Returns whether they were on. A
    /// [`Runner`](crate::Runner) does this by itself.
    pub fn restrict_to_states(&mut self) -> bool {
        !matches!(std::mem::take(&mut self.drafter), Drafter::None)
    }
}
