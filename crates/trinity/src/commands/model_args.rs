//! [`ModelArgs`]: how a model is loaded, by the flags of every command that computes with one.

use clap::{Args, ValueEnum};
use gguf::Container;
use model::{AttentionWindow, HeadShortcut, LoadOptions, Model};

use super::{adapter_args::AdapterArgs, context_plan::ContextPlan, machine, opened};
pub(crate) use super::{
    i2s_order::I2sArgs,
    storage_args::{KvTypeName, StorageArgs},
};
use crate::{
    cli::{Global, group},
    failure::{Failure, Kind},
    terminal,
};

/// Rows of a prompt computed in one step.
pub(crate) const STEP_ROWS_MAX: usize = LoadOptions::DEFAULT.step_rows_max;

/// How to load a model.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::CONTEXT)]
pub(crate) struct ModelArgs {
    /// Threads; by default as many as affinity and the cgroup quota allow
    #[arg(help_heading = group::MACHINE, short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Let the system move compute threads between cores; otherwise each keeps one where there are as many as threads
    #[arg(help_heading = group::MACHINE, long)]
    pub(crate) no_pin: bool,
    /// Longest context in tokens [default: the model's own, at most 8192]
    #[arg(short, long, value_name = "TOKENS")]
    pub(crate) context: Option<usize>,
    /// Let each token see only the last so many and the sinks: a context may then be longer than the model's own
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attention_window: Option<u32>,
    /// First tokens of a context that stay in sight of all behind an attention window, without which models lose their
    /// way
    #[arg(long, value_name = "N", default_value_t = 4, requires = "attention_window")]
    pub(crate) sinks: u32,
    /// Type of cached keys and values
    #[arg(long, value_enum, value_name = "TYPE", default_value = "f16")]
    pub(crate) kv_type: KvTypeName,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
    #[command(flatten)]
    pub(crate) i2s: I2sArgs,
    #[command(flatten)]
    pub(crate) adapters: AdapterArgs,
    /// Whether steps that need only the best tokens (temperature 0, or top-k) skip the rest of the vocabulary; the
    /// tokens are the same
    #[arg(help_heading = group::RESEARCH, long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) head_shortcut: HeadShortcutName,
    /// Keep weights in the order in which kernels read them as well, if this many MiB are enough for all; 0 for never.
    /// The tokens are the same
    #[arg(help_heading = group::MACHINE, long, value_name = "MIB", env = "TRINITY_PACK_MAX", default_value = "1024")]
    pub(crate) pack_max: u32,
}

/// Spelling of `HeadShortcut` on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum HeadShortcutName {
    /// Where it saves time
    Auto,
    /// Never
    Off,
    /// Always
    On,
}

impl From<HeadShortcutName> for HeadShortcut {
    fn from(name: HeadShortcutName) -> Self {
        match name {
            HeadShortcutName::Auto => Self::Auto,
            HeadShortcutName::Off => Self::Off,
            HeadShortcutName::On => Self::On,
        }
    }
}

impl ModelArgs {
    /// The container of a model that is to be computed with, by name or path; the one in the program without either.
    pub(crate) fn open(&self, reference: Option<&str>, global: &Global) -> Result<Container, Failure> {
        self.ready(opened::find(reference, global)?)
    }

    /// The container ready to be computed with: refused if it is of no model, I2_S weights in the order that they are
    /// in.
    pub(crate) fn ready(&self, mut container: Container) -> Result<Container, Failure> {
        model::check_kind(&container)?;
        self.i2s.apply(&mut container, self.threads)?;
        Ok(container)
    }

    /// What tokens see, if not all before them.
    pub(crate) fn attention_window(&self) -> Option<AttentionWindow> {
        let len = self.attention_window? as usize;
        Some(AttentionWindow { len, sinks: self.sinks as usize })
    }

    /// Loads a model that generates text, and refuses an encoder; else as [`ModelArgs::load_any`].
    pub(super) fn load(&self, container: &Container, plan: ContextPlan) -> Result<(Model, usize), Failure> {
        check_generates(container)?;
        self.load_any(container, plan)
    }

    /// Loads weights, KV cache and scratch for what `plan` says; also the number of threads.
    pub(super) fn load_any(&self, container: &Container, plan: ContextPlan) -> Result<(Model, usize), Failure> {
        let (mut kernels, n_threads) = machine::kernels(self.threads)?;
        if !self.no_pin {
            kernels.pin_threads();
        }
        let options = self.options(plan);
        let mut model = Model::load(container, kernels, &options)?.with_head_shortcut(self.head_shortcut.into());
        self.adapters.apply(&mut model)?;
        say_requantised(&model);
        Ok((model, n_threads))
    }

    /// What the flags make of a model.
    fn options(&self, plan: ContextPlan) -> LoadOptions {
        let mut options = LoadOptions {
            attention_window: self.attention_window(),
            step_rows_max: STEP_ROWS_MAX,
            pack_bytes_max: u64::from(self.pack_max) << 20,
            ..LoadOptions::DEFAULT
        };
        plan.apply(&mut options);
        self.storage.apply(self.kv_type, &mut options);
        options
    }
}

/// Refuses an encoder, which no text comes out of.
pub(super) fn check_generates(container: &Container) -> Result<(), Failure> {
    let spec = model::spec_of_head(container)?;
    if !spec.is_encoder {
        return Ok(());
    }
    let (what, hint) = if spec.has_rank_head() {
        ("scores pairs of texts", "trinity serve answers /v1/rerank with it")
    } else {
        ("gives embeddings of texts", "trinity embed and trinity serve give them")
    };
    let message = format!("{}: {} is an encoder, which {what} and generates none", container.name(), spec.architecture);
    Err(Failure::new(Kind::Failure, message).with_hint(hint))
}

/// What was requantised, and what it truly saves.
fn say_requantised(model: &Model) {
    let text = |n| terminal::bytes_text(n);
    if let Some(done) = model.requantised_embedding() {
        terminal::say(&format!(
            "embedding: {} in place of {}, held beside the file's own, which stays mapped\n",
            text(done.new_bytes),
            text(done.file_bytes)
        ));
    }
    if let Some(done) = model.requantised_norms() {
        terminal::say(&format!(
            "norms: ternary, {} in place of {} if a file held them so; computed with in f32\n",
            text(done.new_bytes),
            text(done.file_bytes)
        ));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        load: ModelArgs,
    }

    fn options(flags: &[&str]) -> LoadOptions {
        let command = Command::try_parse_from(["trinity"].iter().chain(flags)).unwrap();
        command.load.options(ContextPlan { context_len_max: Some(100), kv_positions: None, n_states: 3 })
    }

    #[test]
    fn flags_reach_the_model() {
        assert_eq!(options(&["--pack-max", "0"]).pack_bytes_max, 0);
        assert_eq!(options(&["--pack-max", "3"]).pack_bytes_max, 3 << 20);
        assert_eq!(options(&[]).n_states, 3);
        assert_eq!((options(&[]).context_len_max, options(&[]).kv_positions), (Some(100), None));
        let behind_window = options(&["--attention-window", "50", "--sinks", "2"]);
        assert_eq!(behind_window.attention_window, Some(AttentionWindow { len: 50, sinks: 2 }));
    }
}
