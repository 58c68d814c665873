//! Loading weights, one `ModelSpec` per family, one forward pass over a step.
//!
//! The seam to the engine is [`Forward`] (`step.rs`): token ids and page tables in, logits out. A family is data
//! (`families/`); `load.rs` checks the file against it; `forward.rs` is the one pass that reads it.

mod adapters;
mod attention;
mod cost;
mod encoder;
mod error;
mod experts;
mod families;
mod forward;
mod keys;
mod latent;
mod linear;
mod load;
mod memory;
mod observe;
mod per_layer;
mod recurrent;
mod requantise;
mod rope;
mod rotation;
mod scan;
mod scratch;
mod shortcut;
mod spec;
mod states;
mod step;
mod weights;
mod window;
mod wkv;

pub use adapters::check_adapter;
pub use cost::{StepCost, step_cost};
pub use error::LoadError;
pub use families::ARCHITECTURES;
pub use forward::Model;
pub use gguf::TokenId;
pub use kernels::{ActivationRule, KvHeads, KvType, KvTypes, PAGE_LEN, PageId};
pub use load::{LoadOptions, check_kind, context_len, n_vocab, spec_of_head, stored_matrix};
pub use memory::{MemoryPlan, memory_plan, memory_plan_of_head, memory_plan_with};
pub use observe::{MatmulInput, Observer};
pub use requantise::{EmbeddingConversion, EmbeddingType, NormType, Requantised};
pub use scan::{BadWeight, scan_weights};
pub use shortcut::{HeadShortcut, HeadStats};
pub use spec::{
    ExpertGroups, ExpertSpec, Gating, LatentSpec, ModelSpec, NormKind, NormNames, PerLayerInputs, Pooling, QkNorm,
    QueryTemperature, Recurrence, RecurrenceSpec, RopeLayers, RopeScaling, RopeSpec, WindowSpec, WkvRanks,
};
pub use states::StateId;
pub use step::{Forward, Logits, LogitsWanted, PageArena, Step, StepSpan, best_token, logits_rows_max};
pub use window::{AttentionWindow, POSITIONS_MAX};
