//! [`ContextPlan`]: how long a sequence may get, and how many positions of keys and values there is memory for.
//!
//! What `run`, `chat` and `serve` do with `--context` and `--attention-window` is one rule, [`ContextPlan::to_talk`];
//! the others differ in what they compute, not in how the flags are read.

use gguf::Container;
use model::{AttentionWindow, LoadOptions, PAGE_LEN, POSITIONS_MAX};

use super::model_args::{ModelArgs, STEP_ROWS_MAX};
use crate::failure::Failure;

/// Context used where the model allows more and the user does not say: bounds the KV cache.
pub(super) const CONTEXT_LEN_DEFAULT: usize = 8192;

/// Lengths that a model is loaded for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ContextPlan {
    /// Longest sequence in tokens; `None` if it may grow for ever, which it can behind an attention window.
    pub(super) context_len_max: Option<usize>,
    /// Positions of the KV cache, over all sequences; `None` for one whole sequence.
    pub(super) kv_positions: Option<usize>,
    /// Sequences at once, where each has a state beside keys and values.
    pub(super) n_states: usize,
}

impl ContextPlan {
    /// The plan for one sequence, of which only what is seen is kept: as long as `--context` says, else as
    /// [`default_context`], or behind an attention window without end.
    pub(super) fn to_talk(load: &ModelArgs, container: &Container) -> Result<Self, Failure> {
        let context_len_max = match load.context {
            None if load.attention_window().is_none() => Some(default_context(container)?),
            asked => asked,
        };
        Ok(Self { context_len_max, kv_positions: load.attention_window().map(positions_seen), n_states: 1 })
    }

    /// The plan for a measurement over windows of `window_len` tokens, all of them kept. LongRoPE's factors depend on
    /// the context, so the model gets the one that it is used with: what is measured is what is used.
    pub(super) fn to_measure(container: &Container, window_len: usize) -> Result<Self, Failure> {
        let context = default_context(container)?.max(window_len);
        Ok(Self { context_len_max: Some(context), kv_positions: Some(window_len), n_states: 1 })
    }

    /// The plan for texts of at most `longest` tokens, each in a context of its own and all of it kept: as long as
    /// `--context` says, else as [`default_context`], longer where a text needs it and the model allows it.
    pub(super) fn to_answer(load: &ModelArgs, container: &Container, longest: usize) -> Result<Self, Failure> {
        let own = model::context_len(container)?;
        let context = load.context.unwrap_or(default_context(container)?.max(longest.min(own)));
        Ok(Self { context_len_max: Some(context), kv_positions: Some(longest.clamp(1, context.max(1))), n_states: 1 })
    }

    /// Most tokens of a sequence.
    pub(super) fn longest(self) -> usize {
        self.context_len_max.unwrap_or(POSITIONS_MAX)
    }

    /// Puts the lengths into `options`.
    pub(super) fn apply(self, options: &mut LoadOptions) {
        options.context_len_max = self.context_len_max;
        options.kv_positions = self.kv_positions;
        options.n_states = self.n_states;
    }
}

/// Positions that one sequence behind `window` needs at once, for the engine gives pages back that the window has
/// passed. Not fewer for a sequence that ends sooner: with less room prompts are computed in smaller steps.
pub(super) fn positions_seen(window: AttentionWindow) -> usize {
    window.pages_max(STEP_ROWS_MAX).saturating_mul(PAGE_LEN)
}

/// The context of a model where the user does not say: its own, at most [`CONTEXT_LEN_DEFAULT`].
pub(super) fn default_context(container: &Container) -> Result<usize, Failure> {
    Ok(model::context_len(container)?.min(CONTEXT_LEN_DEFAULT))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use model::Forward;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        load: ModelArgs,
    }

    /// LongRoPE's factors depend on the context; this model's turn to the long ones beyond 64. Its own is 512.
    fn model() -> Container {
        Container::open(&testkit::data("golden/phi3.gguf")).unwrap()
    }

    fn load(flags: &[&str]) -> ModelArgs {
        Command::try_parse_from(["trinity", "--threads", "1"].iter().chain(flags)).unwrap().load
    }

    /// The context of a model that is loaded by `plan`, and the positions of its KV cache.
    fn loaded(flags: &[&str], plan: impl Fn(&ModelArgs, &Container) -> Result<ContextPlan, Failure>) -> (usize, usize) {
        let (load, container) = (load(flags), model());
        let (model, _) = load.load(&container, plan(&load, &container).unwrap()).unwrap();
        (model.context_len_max(), model.n_pages() * PAGE_LEN)
    }

    #[test]
    fn what_is_measured_is_loaded_with_the_context_of_what_is_run() {
        assert_eq!(default_context(&model()).unwrap(), 512);
        let windows = |len| move |_: &ModelArgs, container: &Container| ContextPlan::to_measure(container, len);
        let texts = |len| move |load: &ModelArgs, container: &Container| ContextPlan::to_answer(load, container, len);
        let short = &["--context", "64"];
        assert_eq!(loaded(&[], windows(32)), (512, 32));
        assert_eq!(loaded(short, windows(64)), (512, 64), "the length of windows is not the context");
        assert_eq!(loaded(&[], texts(20)), (512, 32));
        assert_eq!(loaded(short, texts(20)), (64, 32));
        let behind_window = &["--attention-window", "50", "--sinks", "2"];
        assert_eq!(loaded(behind_window, windows(100)), (512, 128), "what is measured keeps whole sequences");
    }

    #[test]
    fn who_talks_keeps_what_is_seen() {
        let of = |flags: &[&str]| loaded(flags, ContextPlan::to_talk);
        assert_eq!(of(&[]), (512, 512));
        assert_eq!(of(&["--context", "64"]), (64, 64));
        let window = ["--attention-window", "50", "--sinks", "2"];
        let seen = load(&window).attention_window().unwrap().pages_max(512) * PAGE_LEN;
        assert_eq!(of(&window), (POSITIONS_MAX, seen), "without end");
        assert_eq!(of(&[&window[..], &["--context", "9000"]].concat()), (9000, seen));
        assert_eq!(of(&[&window[..], &["--context", "100"]].concat()), (100, seen), "steps as long as ever");
    }
}
