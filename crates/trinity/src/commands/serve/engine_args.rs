//! How the engine of each model shares itself out: flags of `serve`.

use std::path::PathBuf;

use clap::Args;
use engine::{DiskCache, Drafter, EngineOptions, StepBound};
use gguf::Container;
use hub::Hub;
use model::{AttentionWindow, Forward, ModelSpec, PAGE_LEN, POSITIONS_MAX, Pooling};
use tokenizer::Tokenizer;

use crate::{
    cli::group,
    commands::{
        adapter_args::AdapterArgs,
        context_plan::{CONTEXT_LEN_DEFAULT, ContextPlan, positions_seen},
        digest,
        model_args::{ModelArgs, STEP_ROWS_MAX},
        opened,
        pooling_name::PoolingName,
    },
    failure::{Failure, Kind},
};

/// Contexts that the KV cache has room for, unless `--kv-tokens` says how many positions.
const CONTEXTS_DEFAULT: usize = 4;

/// Most bytes of the states of all sequences at once, where four need no more.
const STATES_BYTES_MAX: u64 = 1 << 30;

/// Changes whenever the same model no longer computes the same keys and values, or states.
const NUMERICS: &[u8] = b"trinity kv 2";

const MIB: u64 = 1 << 20;

/// The model that an engine is made for.
pub(super) struct Target<'a> {
    pub(super) container: &'a Container,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) n_layers: usize,
    /// Most tokens of a sequence of the model.
    pub(super) longest: usize,
    /// Owners of the prefixes that may be read from the cache folder again.
    pub(super) cache_owners: &'a [u64],
}

/// Flags by which the engine of each model shares itself out.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::CONTEXT)]
pub(crate) struct EngineArgs {
    /// Sequences computed at once, for each model
    #[arg(help_heading = group::LOAD, long, value_name = "N", env = "TRINITY_MAX_RUNNING", default_value = "64", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) max_running: u16,
    /// Sequences that may wait, for each model, each choice of each prompt for itself; more are answered 503
    #[arg(help_heading = group::LOAD, long, value_name = "N", env = "TRINITY_MAX_QUEUED", default_value = "1024")]
    max_queued: u32,
    /// Longest step in milliseconds: so long a new request waits for its first step [default: six times what writing
    /// takes, or 200]
    #[arg(help_heading = group::LOAD, long, value_name = "MS", env = "TRINITY_MAX_STEP_MS", value_parser = clap::value_parser!(u32).range(1..))]
    max_step_ms: Option<u32>,
    /// Positions that the KV cache has room for, all requests of a model together [default: four contexts]
    #[arg(long, value_name = "TOKENS", env = "TRINITY_KV_TOKENS", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=POSITIONS_MAX as u64))]
    kv_tokens: Option<usize>,
    /// Compute every prompt from its beginning
    #[arg(long)]
    no_prefix_cache: bool,
    /// Memory in MiB for cached prefixes that the KV cache has no room for
    #[arg(long, value_name = "MIB", env = "TRINITY_SWAP", default_value = "0")]
    swap: u64,
    /// Keep cached prefixes in this folder, for the next start
    ///
    /// A server that starts again begins warm. The folder holds what users wrote, in readable form, and loses at the
    /// next start what belongs to API keys that are gone.
    #[arg(long, value_name = "FOLDER", env = "TRINITY_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Most MiB of files in that folder, for each model, and for all that nobody serves together
    #[arg(long, value_name = "MIB", env = "TRINITY_CACHE_DIR_SIZE", default_value = "4096", requires = "cache_dir")]
    cache_dir_size: u64,
    /// Guess tokens by what stood there before: the same text, sooner
    ///
    /// What followed the last tokens before is guessed to follow again, and several guesses are verified at once.
    #[arg(help_heading = group::MACHINE, long, conflicts_with_all = ["draft", "draft_layers"])]
    lookup: bool,
    /// Guess tokens by a smaller model of the same vocabulary
    #[arg(help_heading = group::MACHINE, long, value_name = "MODEL", env = "TRINITY_DRAFT", conflicts_with = "draft_layers")]
    draft: Option<String>,
    /// How hidden states become embeddings [default: as the model's file says, else mean]
    #[arg(help_heading = group::RESEARCH, long, value_name = "HOW", env = "TRINITY_POOLING", value_enum)]
    pooling: Option<PoolingName>,
    /// Guess tokens by the model's own first layers
    #[arg(help_heading = group::MACHINE, long, value_name = "N", env = "TRINITY_DRAFT_LAYERS")]
    draft_layers: Option<usize>,
}

impl EngineArgs {
    /// Positions of the KV cache of the model of `spec` where sequences have at most `longest` tokens, of which they
    /// see `window`, and `n_states` states.
    pub(super) fn positions(
        &self,
        spec: &ModelSpec,
        window: Option<AttentionWindow>,
        longest: usize,
        n_states: usize,
    ) -> usize {
        let one = match window {
            // What one sequence sees, and what may be shared of its beginning.
            Some(window) => {
                let n_shared = (window.len + window.sinks).div_ceil(PAGE_LEN);
                positions_seen(window).saturating_add(n_shared.saturating_mul(PAGE_LEN))
            }
            None => longest,
        };
        let mut chosen = one.saturating_mul(CONTEXTS_DEFAULT);
        if spec.is_encoder {
            // Nothing is kept of a text: a step of the longest or of many short ones, whose last pages are not full.
            let n_rows = longest.max(STEP_ROWS_MAX);
            chosen = n_rows.saturating_add(n_rows.min(usize::from(self.max_running)).saturating_mul(PAGE_LEN));
        }
        let mut all = self.kv_tokens.unwrap_or(chosen).max(one);
        if (0..spec.n_layers).all(|layer| !spec.has_kv(layer)) {
            // Pages that hold nothing are of use before a state alone, and what names them takes memory.
            all = all.min(one.saturating_mul(n_states));
        }
        all.checked_next_multiple_of(PAGE_LEN).unwrap_or(all)
    }

    /// Number of states of `state_bytes` that there is memory for: half of them for sequences at once, which have one
    /// each beside keys and values, the others for cached prefixes. What [`STATES_BYTES_MAX`] holds, but enough for
    /// four sequences, and for no more than may run.
    pub(super) fn n_states(&self, state_bytes: u64) -> usize {
        let n = STATES_BYTES_MAX.checked_div(state_bytes).unwrap_or(u64::MAX).max(2 * CONTEXTS_DEFAULT as u64);
        usize::try_from(n).unwrap_or(usize::MAX).min(2 * usize::from(self.max_running))
    }

    /// How hidden states become an embedding, where the operator says so.
    pub(super) fn pooling(&self) -> Option<Pooling> {
        self.pooling.map(Pooling::from)
    }

    /// The engine of the model of `target`.
    pub(super) fn options(&self, load: &ModelArgs, target: &Target<'_>, hub: &Hub) -> Result<EngineOptions, Failure> {
        let disk_cache = self.cache_dir.as_ref().map(|folder| DiskCache {
            folder: folder.clone(),
            bytes_max: self.cache_dir_size.saturating_mul(MIB),
            model: fingerprint(target.container, load),
            owners: Some(target.cache_owners.to_vec()),
        });
        Ok(EngineOptions {
            n_running_max: usize::from(self.max_running),
            n_queued_max: self.max_queued as usize,
            step: self.max_step_ms.map_or(StepBound::Chosen, |ms| StepBound::Aimed(f64::from(ms))),
            prefix_cache: !self.no_prefix_cache,
            swap_bytes_max: self.swap.saturating_mul(MIB),
            disk_cache,
            drafter: self.drafter(load, target, hub)?,
            ..EngineOptions::default()
        })
    }

    fn drafter(&self, load: &ModelArgs, target: &Target<'_>, hub: &Hub) -> Result<Drafter, Failure> {
        let Target { container, tokenizer, n_layers: of_model, longest, .. } = *target;
        if self.lookup {
            return Ok(Drafter::Lookup);
        }
        if let Some(n_layers) = self.draft_layers {
            return if (1..of_model).contains(&n_layers) {
                Ok(Drafter::EarlyExit { n_layers })
            } else {
                let message = format!(
                    "--draft-layers {n_layers}: {} has {of_model} layers, so 1 to {} can draft",
                    container.name(),
                    of_model.saturating_sub(1)
                );
                Err(Failure::new(Kind::Failure, message))
            };
        }
        let Some(name) = &self.draft else { return Ok(Drafter::None) };
        let draft = load.ready(opened::container(&hub.resolve(name)?)?)?;
        let of_draft = Tokenizer::from_gguf(draft.metadata())?;
        if digest::of_vocabulary(&of_draft) != digest::of_vocabulary(tokenizer) {
            let message = format!(
                "--draft {name}: its vocabulary of {} tokens is not that of {}, {} tokens",
                of_draft.n_vocab(),
                container.name(),
                tokenizer.n_vocab()
            );
            return Err(Failure::new(Kind::Failure, message));
        }
        let context = longest.min(model::context_len(&draft)?);
        let positions = self.positions(&model::spec_of_head(&draft)?, None, context.min(CONTEXT_LEN_DEFAULT), 1);
        let plan = ContextPlan { context_len_max: Some(context), kv_positions: Some(positions), n_states: 1 };
        // Adapters are of the model that is drafted for.
        let own = ModelArgs { attention_window: None, adapters: AdapterArgs::default(), ..load.clone() };
        let (model, _) = own.load(&draft, plan)?;
        if model.n_states() > 0 {
            let message = format!("--draft {name}: its layers carry states, which cannot take back a wrong guess");
            return Err(Failure::new(Kind::Failure, message));
        }
        let n_vocab = model.n_vocab();
        if n_vocab > tokenizer.n_vocab() {
            let message = format!("--draft {name}: its head gives {n_vocab} logits for {} tokens", tokenizer.n_vocab());
            return Err(Failure::new(Kind::Failure, message));
        }
        Ok(Drafter::Model(Box::new(model)))
    }
}

/// What the operator chose of how a model is computed, where that changes bytes: the types that keys and values are
/// cached in, the window, and so on.
pub(super) fn numerics(load: &ModelArgs) -> String {
    let adapters = load.adapters.identity();
    format!("{:?} {:?} {:?} {:?}{adapters}", load.kv_type, load.storage, load.i2s, load.attention_window())
}

/// Hash of everything that the bytes of keys, values and states depend on: weights, and how they are computed with.
fn fingerprint(container: &Container, load: &ModelArgs) -> [u8; 32] {
    hash(container, &numerics(load), usize::MAX).finalize().into()
}

/// Bytes of each tensor by which one set of weights is told from another of the same names and shapes.
const HEAD_BYTES: usize = 64;

/// Of everything that outputs depend on, as `chosen` by the operator, by the beginning of each tensor: reading all
/// weights would take as long as loading them.
pub(super) fn fingerprint_of_head(container: &Container, chosen: &str) -> u64 {
    let hash = hash(container, chosen, HEAD_BYTES).finalize();
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Hash of `chosen`, the metadata, and of each tensor at most `bytes_max` bytes.
fn hash(container: &Container, chosen: &str, bytes_max: usize) -> blake3::Hasher {
    let mut hash = blake3::Hasher::new();
    hash.update(NUMERICS);
    hash.update(chosen.as_bytes());
    for (key, value) in container.metadata().iter() {
        hash.update(format!("{key} {value:?}\n").as_bytes());
    }
    for tensor in container.tensors() {
        hash.update(format!("{} {} {:?}\n", tensor.name, tensor.type_name(), tensor.dims).as_bytes());
        let bytes = container.bytes(tensor);
        hash.update(bytes.get(..bytes.len().min(bytes_max)).unwrap_or_default());
    }
    hash
}
