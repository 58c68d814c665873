//! Finding and loading a model: what `run`, `chat`, `eval` and `bench` share.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use engine::{Engine, SamplingDefaults};
use gguf::Container;
use hub::{Hub, Resolved};
use kernels::{Isa, Kernels};
use model::{AttentionWindow, HeadShortcut, LoadOptions, Model, PAGE_LEN};
use tokenizer::Tokenizer;

use super::template_args::{ChatTemplate, TemplateArgs};
pub(crate) use super::{
    i2s_order::I2sArgs,
    storage_args::{KvTypeName, StorageArgs},
};
use crate::{
    cli::{Global, group},
    failure::{Failure, Kind},
    terminal,
};

pub(crate) use hub::EMBEDDED;

/// Rows of a prompt computed in one step.
pub(crate) const STEP_ROWS_MAX: usize = 512;

/// Context used where the model allows more and the user does not say: bounds the KV cache.
pub(crate) const CONTEXT_LEN_DEFAULT: usize = 8192;

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
    /// First tokens of a context that stay in sight of all behind an attention window, without which models lose their way
    #[arg(long, value_name = "N", default_value_t = 4, requires = "attention_window")]
    pub(crate) sinks: u32,
    /// Type of cached keys and values
    #[arg(long, value_enum, value_name = "TYPE", default_value = "f16")]
    pub(crate) kv_type: KvTypeName,
    #[command(flatten)]
    pub(crate) storage: StorageArgs,
    #[command(flatten)]
    pub(crate) i2s: I2sArgs,
    /// Whether steps that need only the best tokens (temperature 0, or top-k) skip the rest of the vocabulary; the tokens are the same
    #[arg(help_heading = group::RESEARCH, long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) head_shortcut: HeadShortcutName,
    /// Keep weights in the order in which kernels read them as well, if this many MiB are enough for all; 0 for never. The tokens are the same
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

/// A model ready to run.
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) engine: Engine,
    pub(crate) tokenizer: Arc<Tokenizer>,
    /// What it is talked to with.
    pub(crate) template: ChatTemplate,
    /// How its file says that tokens are picked.
    pub(crate) sampling: SamplingDefaults,
}

impl Loaded {
    /// An engine error in terms of the model.
    pub(crate) fn failure(&self, error: &engine::Error) -> Failure {
        Failure::new(Kind::Failure, format!("{}: {error}", self.name))
    }
}

/// Opens the container of a model by name or path; the embedded one without either.
pub(crate) fn open(reference: Option<&str>, global: &Global) -> Result<Container, Failure> {
    let Some(reference) = reference else {
        return Ok(Container::from_static(EMBEDDED, hub::embedded())?);
    };
    container(&Hub::from_environment(global.offline)?.resolve(reference)?)
}

/// The container of a model that was found.
pub(crate) fn container(found: &Resolved) -> Result<Container, Failure> {
    match found {
        Resolved::Embedded => Ok(Container::from_static(EMBEDDED, hub::embedded())?),
        Resolved::File(path) => Ok(Container::open(path)?),
    }
}

impl ModelArgs {
    /// Opens the container of a model that is to be computed with.
    pub(crate) fn open(&self, reference: Option<&str>, global: &Global) -> Result<Container, Failure> {
        let mut container = open(reference, global)?;
        model::check_kind(&container)?;
        self.i2s.apply(&mut container, self.threads)?;
        Ok(container)
    }

    /// The kernels that `TRINITY_ISA` and `--threads` ask for, and the number of threads.
    pub(crate) fn kernels_of(threads: Option<u16>) -> Result<(Kernels, usize), Failure> {
        let n_threads = threads.map_or_else(kernels::default_threads, usize::from);
        let configuration = |message: String| Failure::new(Kind::Configuration, format!("TRINITY_ISA: {message}"));
        let isa = match std::env::var("TRINITY_ISA") {
            Ok(name) => {
                Some(Isa::from_name(&name).ok_or_else(|| configuration(format!("no level is called {name:?}")))?)
            }
            Err(_) => None,
        };
        Ok((Kernels::new(isa, n_threads).map_err(|e| configuration(e.to_string()))?, n_threads))
    }

    /// What tokens see, if not all before them.
    pub(crate) fn attention_window(&self) -> Option<AttentionWindow> {
        let len = self.attention_window? as usize;
        Some(AttentionWindow { len, sinks: self.sinks as usize })
    }

    fn kernels(&self) -> Result<(Kernels, usize), Failure> {
        let (mut kernels, n_threads) = Self::kernels_of(self.threads)?;
        if !self.no_pin {
            kernels.pin_threads();
        }
        Ok((kernels, n_threads))
    }

    /// Weights, KV cache and scratch.
    pub(crate) fn load_model(
        &self,
        container: &Container,
        context_len_max: Option<usize>,
    ) -> Result<(Model, usize), Failure> {
        self.load_model_for(container, context_len_max, None)
    }

    /// For a measurement over windows of `window_len` tokens. LongRoPE's factors depend on the context, so the model is loaded with the one
    /// that `run` and `serve` give it: what is measured is what is used.
    pub(crate) fn load_to_measure(&self, container: &Container, window_len: usize) -> Result<(Model, usize), Failure> {
        let context = default_context(container)?.max(window_len);
        self.load_model_for(container, Some(context), Some(window_len))
    }

    /// For texts of at most `longest` tokens, each in a context of its own: as long as was asked for, else the model's own as above, longer
    /// where a text needs it and the model allows it.
    pub(crate) fn load_to_answer(&self, container: &Container, longest: usize) -> Result<(Model, usize), Failure> {
        let own = model::context_len(container)?;
        let context = self.context.unwrap_or(default_context(container)?.max(longest.min(own)));
        self.load_model_for(container, Some(context), Some(longest.clamp(1, context.max(1))))
    }

    /// The same with room for more positions than one sequence can take.
    pub(crate) fn load_model_for(
        &self,
        container: &Container,
        context_len_max: Option<usize>,
        kv_positions: Option<usize>,
    ) -> Result<(Model, usize), Failure> {
        let (kernels, n_threads) = self.kernels()?;
        let options = self.options(context_len_max, kv_positions);
        let model = Model::load(container, kernels, &options)?.with_head_shortcut(self.head_shortcut.into());
        say_requantised(&model);
        Ok((model, n_threads))
    }

    /// What the flags make of a model.
    fn options(&self, context_len_max: Option<usize>, kv_positions: Option<usize>) -> LoadOptions {
        let attention_window = self.attention_window();
        let mut options = LoadOptions {
            context_len_max,
            attention_window,
            // Who says nothing keeps whole sequences.
            kv_positions: kv_positions.or(context_len_max.filter(|_| attention_window.is_some())),
            step_rows_max: STEP_ROWS_MAX,
            pack_bytes_max: u64::from(self.pack_max) << 20,
            ..LoadOptions::DEFAULT
        };
        self.storage.apply(self.kv_type, &mut options);
        options
    }

    /// Everything that generation needs.
    pub(crate) fn load(
        &self,
        reference: Option<&str>,
        template: &TemplateArgs,
        global: &Global,
    ) -> Result<Loaded, Failure> {
        let spinner = terminal::spinner("loading");
        let container = self.open(reference, global)?;
        let template = template.choose(&container)?;
        let tokenizer = Arc::new(tokenizer(&container)?);
        let (model, _) = if let Some(window) = self.attention_window() {
            // The engine gives pages back that the window has passed: the sequence may grow for ever.
            let positions = window.pages_max(STEP_ROWS_MAX).saturating_mul(PAGE_LEN);
            self.load_model_for(&container, self.context, Some(positions))?
        } else {
            self.load_model(&container, Some(self.context.map_or_else(|| default_context(&container), Ok)?))?
        };
        spinner.finish_and_clear();
        template.warn(container.name());
        let engine = Engine::new(Box::new(model), Arc::clone(&tokenizer));
        let sampling = own_sampling(&container);
        Ok(Loaded { name: container.name().to_owned(), engine, tokenizer, template, sampling })
    }
}

/// The context of a model where the user does not say.
pub(crate) fn default_context(container: &Container) -> Result<usize, Failure> {
    Ok(model::context_len(container)?.min(CONTEXT_LEN_DEFAULT))
}

/// How a file says that tokens are picked; what it cannot mean is said once.
fn own_sampling(container: &Container) -> SamplingDefaults {
    let (own, warnings) = SamplingDefaults::of_model(container.metadata());
    for warning in warnings {
        terminal::warn(&format!("{}: {warning}", container.name()));
    }
    own
}

/// The tokenizer of a file; what it cannot mean is said once.
pub(crate) fn tokenizer(container: &Container) -> Result<Tokenizer, Failure> {
    let tokenizer = Tokenizer::from_gguf(container.metadata())?;
    for warning in tokenizer.warnings() {
        terminal::warn(&format!("{}: {warning}", container.name()));
    }
    Ok(tokenizer)
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
        command.load.options(Some(100), None)
    }

    /// LongRoPE's factors depend on the context; this model's turn to the long ones beyond 64.
    #[test]
    fn what_is_measured_is_loaded_with_the_context_of_what_is_run() {
        use model::Forward;

        let container = Container::open(&testkit::data("golden/phi3.gguf")).unwrap();
        let load =
            |flags: &[&str]| Command::try_parse_from(["trinity", "--threads", "1"].iter().chain(flags)).unwrap().load;
        let lens = |loaded: Result<(Model, usize), Failure>| {
            let (model, _) = loaded.unwrap();
            (model.context_len_max(), model.n_pages() * PAGE_LEN)
        };
        let (plain, short) = (load(&[]), load(&["--context", "64"]));
        assert_eq!(default_context(&container).unwrap(), 512);
        assert_eq!(lens(plain.load_to_measure(&container, 32)), (512, 32));
        assert_eq!(lens(short.load_to_measure(&container, 64)), (512, 64), "the length of windows is not the context");
        assert_eq!(lens(plain.load_to_answer(&container, 20)), (512, 32));
        assert_eq!(lens(short.load_to_answer(&container, 20)), (64, 32));
    }

    #[test]
    fn flags_reach_the_model() {
        assert_eq!(options(&["--pack-max", "0"]).pack_bytes_max, 0);
        assert_eq!(options(&["--pack-max", "3"]).pack_bytes_max, 3 << 20);
        assert_eq!(options(&[]).kv_positions, None);
        let behind_window = options(&["--attention-window", "50", "--sinks", "2"]);
        assert_eq!(behind_window.attention_window, Some(AttentionWindow { len: 50, sinks: 2 }));
        assert_eq!(behind_window.kv_positions, Some(100));
    }
}
