//! What a loaded model is, and who opens its file.

use std::{fmt, ops::ControlFlow, time::SystemTime};

use chat::{OutputFormat, Template};
use engine::{Handle, SamplingDefaults, grammar::GrammarCompiler};
use gguf::FileChange;
use model::Pooling;
use prompt::{Guard, can_fill};

use crate::error::ApiError;

/// Opens model files: implemented by the binary, which knows the hub, the containers, the kernels and the flags.
pub trait Loader: Send + Sync {
    /// All models that can be asked for, in a fixed order; the first is the one meant by a request that names none.
    fn known(&self) -> Vec<KnownModel>;
    /// Loads one of [`known`](Self::known) by its id. Takes long; called on a thread of its own.
    fn load(&self, id: &str) -> Result<LoadedModel, LoadFailure>;
    /// Whether the file of one of [`known`](Self::known) is still what was loaded. Quick: asked before each use.
    fn change(&self, _id: &str) -> Option<FileChange> {
        None
    }
    /// What the file of one of [`known`](Self::known) says of itself. Reads its head only; None where that cannot be
    /// had without loading it.
    fn describe(&self, _id: &str) -> Option<Description> {
        None
    }
}

/// The task that a model is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModelTask {
    /// The model generates text; its hidden states are embeddings, too.
    Generate,
    /// The model is an encoder, whose hidden states are embeddings.
    Embed,
    /// The model is an encoder that scores pairs of texts.
    Rank,
}

impl ModelTask {
    /// The task of a model that `generates`, or is an encoder that `has_scores` or not.
    pub fn of(generates: bool, has_scores: bool) -> Self {
        match (generates, has_scores) {
            (true, _) => Self::Generate,
            (false, true) => Self::Rank,
            (false, false) => Self::Embed,
        }
    }
}

/// A model as it would be loaded.
#[derive(Clone, Debug)]
pub struct Description {
    /// What the model is.
    pub details: ModelDetails,
    /// What the model is for.
    pub task: ModelTask,
    /// Longest context that would be served, in tokens.
    pub context_len_max: usize,
    /// Entries of the vocabulary.
    pub n_vocab: usize,
    /// The source of the model's own chat template, if it has one.
    pub template: Option<String>,
    /// How tokens are picked where a request does not say.
    pub sampling: SamplingDefaults,
    /// Whether the model spells out what it thinks.
    pub has_reasoning: bool,
    /// Whether the model has tokens for filling in code.
    pub fills_in: bool,
}

impl LoadedModel {
    /// What the model is for.
    pub fn task(&self) -> ModelTask {
        ModelTask::of(self.handle.generates(), self.handle.has_scores())
    }

    /// Refuses to generate text with an encoder.
    pub(crate) fn check_generates(&self) -> Result<(), ApiError> {
        let what = match self.task() {
            ModelTask::Generate => return Ok(()),
            ModelTask::Embed => "gives embeddings of texts",
            ModelTask::Rank => "scores pairs of texts",
        };
        let Self { id, details: ModelDetails { architecture, .. }, .. } = self;
        let message = format!("model: {id} ({architecture}) is an encoder, which {what} and generates none");
        Err(ApiError::invalid("model", message).with_code("unsupported_parameter"))
    }

    /// Refuses to score pairs of texts with a model that has no head for it.
    pub(crate) fn check_ranks(&self) -> Result<(), ApiError> {
        if self.handle.has_scores() {
            return Ok(());
        }
        let Self { id, details: ModelDetails { architecture, .. }, .. } = self;
        let message = format!("model: {id} ({architecture}) is no reranker: it has no head that scores pairs of texts");
        Err(ApiError::invalid("model", message).with_code("unsupported_parameter"))
    }

    /// Describes a model that is loaded.
    pub fn description(&self) -> Description {
        Description {
            details: self.details.clone(),
            task: self.task(),
            context_len_max: self.handle.context_len_max(),
            n_vocab: self.handle.n_vocab(),
            template: self.template.as_ref().map(|t| t.source().to_owned()),
            sampling: self.sampling,
            has_reasoning: self.format.has_reasoning(),
            fills_in: can_fill(self.handle.tokenizer()),
        }
    }
}

/// Downloads models of a catalogue: implemented by the binary, given to the server only where the operator allows it.
pub trait Puller: fmt::Debug + Send + Sync {
    /// The catalogue's full name for what a client calls a model, if the catalogue has it.
    fn find(&self, name: &str) -> Option<String>;
    /// The full names of all models of the catalogue.
    fn names(&self) -> Vec<String>;
    /// Downloads and verifies a model by its full name, and makes it known to the [`Loader`]. Takes long; called on a
    /// thread for long work.
    fn pull(&self, name: &str, report: &mut dyn FnMut(PullProgress<'_>) -> ControlFlow<()>) -> Result<(), LoadFailure>;
}

/// How far a download is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PullProgress<'a> {
    /// What is being done, in words.
    Status(&'a str),
    /// How much of a file is there.
    Bytes {
        /// SHA-256 of the file, in hex.
        digest: &'a str,
        /// Bytes that are there already.
        completed: u64,
        /// Bytes of the whole file, if that is known.
        total: Option<u64>,
    },
}

/// A model that can be asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownModel {
    /// The model's name in the API.
    pub id: String,
    /// Other names of the model.
    pub aliases: Vec<String>,
    /// When the model's file was written.
    pub created: SystemTime,
    /// Bytes that the model will take when loaded, as far as its file tells.
    pub bytes: u64,
    /// Whether the model is loaded at start and never unloaded.
    pub is_pinned: bool,
}

/// A model that is ready to compute.
pub struct LoadedModel {
    /// The model's name in the API.
    pub id: String,
    /// The engine that runs it.
    pub handle: Handle,
    /// The template that messages are written with, if the model has one that can be used.
    pub template: Option<Template>,
    /// Why the template cannot be used, if the model has one.
    pub template_error: Option<String>,
    /// How the model spells tool calls and reasoning.
    pub format: OutputFormat,
    /// Keeps what users typed from becoming control tokens.
    pub guard: Guard,
    /// The compiler of grammars for the model's vocabulary.
    pub grammars: GrammarCompiler,
    /// How hidden states become an embedding, where the model's file or the operator says so.
    pub pooling: Option<Pooling>,
    /// How tokens are picked where a request does not say: the operator's flags, else what the file says of it.
    pub sampling: SamplingDefaults,
    /// What the model is.
    pub details: ModelDetails,
}

impl fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModel").field("id", &self.id).field("details", &self.details).finish_non_exhaustive()
    }
}

/// What a model's file says of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ModelDetails {
    /// Architecture of the model, `general.architecture`.
    pub architecture: String,
    /// Name that its makers gave it (`general.name`).
    pub name: Option<String>,
    /// The type of most of its weights: `Q4_1`.
    pub file_type: String,
    /// Number of weights.
    pub n_parameters: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of weights, cache and scratch in memory.
    pub memory_bytes: u64,
    /// Tokens of one sequence that the model was trained for.
    pub context_len_trained: usize,
    /// Number of layers.
    pub n_layers: usize,
    /// Width of a hidden row.
    pub width: usize,
    /// A name for all that its outputs depend on: what the file holds, and how the operator has it computed.
    pub fingerprint: u64,
}

/// Why a model could not be loaded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct LoadFailure {
    /// One line for the log: it may name the file.
    pub message: String,
}
