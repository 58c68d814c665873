//! [`Drafter`]: guesses at the next tokens, which one step of the model then verifies together (speculative decoding).
//!
//! A draft is kept exactly where the request would have picked the same token by itself: each row of the verification
//! is sampled by the request's own chain and random stream, as if there had been no draft, and what follows the first
//! difference is thrown away. So texts are the same to the byte, greedy or sampled. For drafts that are single guesses,
//! as all here are, this accepts as often as the rejection sampling of Leviathan et al. 2023 (arXiv 2211.17192): with
//! the target's probability of the guess.

use std::collections::HashMap;

use model::{Forward, Logits, PageId, TokenId};

use crate::core::SeqId;

pub(crate) use pace::{Pace, Payoff};

mod early_exit;
mod lookup;
mod model_drafter;
mod pace;

/// Largest number of drafts of a sequence in a step.
pub(crate) const N_DRAFTS_MAX: usize = 16;

/// The way in which tokens are guessed.
#[allow(missing_docs, reason = "the comment of a variant says what its fields are")]
#[derive(Default)]
pub enum Drafter {
    /// Nothing is guessed.
    #[default]
    None,
    /// Guesses are what followed the last tokens where they stood before (prompt lookup; Saxena 2023).
    Lookup,
    /// Guesses are those of the model's own first `n_layers` layers (self-speculation by early exit; Elhoushi et al.
    /// 2024, arXiv 2404.16710).
    EarlyExit { n_layers: usize },
    /// Guesses are those of a smaller model of the same vocabulary, with a KV arena of its own; one with states guesses
    /// nothing.
    Model(Box<dyn Forward + Send>),
}

impl std::fmt::Debug for Drafter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Lookup => f.write_str("Lookup"),
            Self::EarlyExit { n_layers } => write!(f, "EarlyExit({n_layers})"),
            Self::Model(_) => f.write_str("Model"),
        }
    }
}

/// A sequence that wants drafts.
pub(crate) struct DraftRequest<'a> {
    pub(crate) id: SeqId,
    /// Tokens of the sequence that are known; the last is not computed yet.
    pub(crate) tokens: &'a [TokenId],
    /// Pages of the target, with room for the drafts.
    pub(crate) pages: &'a [PageId],
    /// How strongly the target's adapters are added to it.
    pub(crate) adapters: Option<&'a [f32]>,
    /// Largest number of drafts.
    pub(crate) n_max: usize,
}

/// A [`Drafter`] at work.
pub(crate) enum Drafting {
    None,
    Lookup(HashMap<SeqId, lookup::Index>),
    EarlyExit(early_exit::EarlyExit),
    Model(Box<model_drafter::ModelDrafter>),
}

impl Drafting {
    pub(crate) fn new(drafter: Drafter) -> Self {
        match drafter {
            Drafter::None => Self::None,
            Drafter::Lookup => Self::Lookup(HashMap::new()),
            Drafter::EarlyExit { n_layers } => Self::EarlyExit(early_exit::EarlyExit::new(n_layers)),
            // It could not take back what the target did not say.
            Drafter::Model(model) if model.n_states() > 0 => Self::None,
            Drafter::Model(model) => Self::Model(Box::new(model_drafter::ModelDrafter::new(model))),
        }
    }

    /// Whether anything is ever guessed.
    pub(crate) fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Pushes guesses for each of `requests` to the vector at the same index, which is empty.
    pub(crate) fn draft(
        &mut self,
        target: &mut dyn Forward,
        logits: &mut Logits,
        requests: &[DraftRequest<'_>],
        drafts: &mut [Vec<TokenId>],
    ) {
        match self {
            Self::None => {}
            Self::Lookup(indices) => {
                for (request, drafts) in requests.iter().zip(drafts) {
                    indices.entry(request.id).or_default().draft(request.tokens, request.n_max, drafts);
                }
            }
            Self::EarlyExit(exit) => exit.draft(target, logits, requests, drafts),
            Self::Model(model) => model.draft(requests, drafts),
        }
    }

    /// Forgets a sequence that has ended.
    pub(crate) fn forget(&mut self, id: SeqId) {
        match self {
            Self::None | Self::EarlyExit(_) => {}
            Self::Lookup(indices) => {
                indices.remove(&id);
            }
            Self::Model(model) => model.forget(id),
        }
    }
}
