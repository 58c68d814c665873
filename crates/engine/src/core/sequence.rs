//! [`Sequence`]: one line of tokens, how far it is computed, the pages that hold its keys and values.

use std::sync::Arc;

use model::{PageId, StateId, TokenId};

use super::prefix_tree::NodeId;
use crate::{CacheScope, TenantId};

/// The name of a sequence for as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SeqId(pub(crate) u64);

/// The turn of a sequence at places, the lowest first: how many its tenant has before it, its rank, its name.
pub(crate) type Turn = (usize, i64, SeqId);

/// The rows of a sequence that it is computed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Goal {
    /// Logits of the last row, each of which gives one more token.
    Tokens,
    /// Hidden states of all rows.
    HiddenStates,
    /// The score of the whole.
    Score,
}

/// A sequence that arrives, as far as the scheduler must know it.
pub(crate) struct NewSequence {
    /// Tokens of the prompt.
    pub(crate) tokens: Vec<TokenId>,
    /// Tenant for whom it is computed.
    pub(crate) tenant: TenantId,
    /// Scope whose cached prefixes it may read.
    pub(crate) scope: CacheScope,
    /// Whether it reads and leaves cached prefixes.
    pub(crate) use_cache: bool,
    /// Rank, of which the lowest comes first: microseconds of arrival, less those that its priority is worth.
    pub(crate) rank: i64,
    /// Rows that it is computed for.
    pub(crate) goal: Goal,
    /// First position whose logits are wanted although the token after it is known.
    pub(crate) logits_from: Option<usize>,
    /// Whether nothing is computed for it before [`Scheduler::release`](super::Scheduler::release).
    pub(crate) is_held: bool,
    /// How strongly adapters are added to it ([`Request::adapters`](crate::Request::adapters)).
    pub(crate) adapters: Option<Arc<[f32]>>,
}

/// A line of tokens. The first `nodes.len()` pages of its table belong to the prefix tree and are locked; the others
/// are its own.
pub(crate) struct Sequence {
    pub(crate) id: SeqId,
    pub(crate) tenant: TenantId,
    n_prompt: usize,
    /// Tokens of the prompt, and those generated.
    pub(crate) tokens: Vec<TokenId>,
    /// Number of guesses at what follows that are to be verified with the newest token.
    pub(crate) n_drafts_wanted: usize,
    /// Number of positions whose keys and values are in the pages.
    pub(crate) n_computed: usize,
    /// Largest number of computed positions there has been, those of the last step among them.
    pub(crate) n_reached: usize,
    /// Number of positions that were cached when the sequence was admitted first.
    pub(crate) n_cached: Option<usize>,
    /// Page table of the sequence.
    pub(crate) table: Vec<PageId>,
    pub(crate) nodes: Vec<NodeId>,
    /// State of the sequence while it runs, in models that have states. It has seen `n_computed` positions.
    pub(crate) state: Option<StateId>,
    /// Positions, ends of pages, at which a snapshot of the state is to be taken; of those that are computed already
    /// nothing is left.
    pub(crate) stops: Vec<usize>,
    /// Number of positions that its state had seen when it was preempted and the state was saved.
    pub(crate) n_saved: Option<usize>,
    /// Node with the newest snapshot of what follows the prompt, which the next one replaces.
    pub(crate) newest_snapshot: Option<NodeId>,
    /// End of the pages `n_sink_pages..n_dropped` of the table that were given back: the attention window has passed
    /// them.
    pub(crate) n_dropped: usize,
    pub(crate) scope: CacheScope,
    pub(crate) use_cache: bool,
    pub(crate) rank: i64,
    pub(crate) goal: Goal,
    /// First position whose logits are still wanted although the token after it is known: what is cached spares only
    /// those before it.
    pub(crate) logits_from: Option<usize>,
    /// Whether it waits until another has computed the prompt they share.
    pub(crate) is_held: bool,
    /// Whether its reader is behind, so that nothing is computed for it.
    pub(crate) is_paused: bool,
    pub(crate) is_running: bool,
    /// Number of sequences of its tenant that come before it, as the step is planned; the largest there can be while
    /// its reader is behind.
    pub(crate) index: usize,
    /// Time at which it was last planned to decode.
    pub(crate) planned_us: u64,
    /// Whether it gave way to a more urgent one, which no sequence is asked twice.
    pub(crate) has_yielded: bool,
    /// How strongly adapters are added to it.
    pub(crate) adapters: Option<Arc<[f32]>>,
}

impl Sequence {
    pub(crate) fn new(id: SeqId, new: NewSequence) -> Self {
        Self {
            id,
            tenant: new.tenant,
            n_prompt: new.tokens.len(),
            tokens: new.tokens,
            n_drafts_wanted: 0,
            n_computed: 0,
            n_reached: 0,
            n_cached: None,
            table: Vec::new(),
            nodes: Vec::new(),
            state: None,
            stops: Vec::new(),
            n_saved: None,
            newest_snapshot: None,
            n_dropped: 0,
            scope: new.scope,
            use_cache: new.use_cache,
            rank: new.rank,
            goal: new.goal,
            logits_from: new.logits_from,
            is_held: new.is_held,
            is_paused: false,
            is_running: false,
            index: 0,
            planned_us: 0,
            has_yielded: false,
            adapters: new.adapters,
        }
    }

    /// Number of tokens that are known and not computed.
    pub(crate) fn n_pending(&self) -> usize {
        self.tokens.len() - self.n_computed
    }

    /// Whether nothing but the lack of room keeps it in the queue.
    pub(crate) fn may_start(&self) -> bool {
        !self.is_paused && !self.is_held
    }

    /// Returns the turn of the sequence.
    pub(crate) fn turn(&self) -> Turn {
        (self.index, self.rank, self.id)
    }

    /// Number of tokens of the prompt.
    pub(crate) fn n_prompt(&self) -> usize {
        self.n_prompt
    }

    /// Whether something of it was told to its reader.
    pub(crate) fn is_under_way(&self) -> bool {
        self.tokens.len() > self.n_prompt
    }

    /// Number of positions that need not be computed if they are cached: one is always left, and all whose logits are
    /// wanted.
    pub(crate) fn n_usable(&self) -> usize {
        self.logits_from.unwrap_or(usize::MAX).min(self.tokens.len() - 1)
    }

    /// Whether only the newest token is missing: a row of it gives the next one.
    pub(crate) fn is_decoding(&self) -> bool {
        self.goal == Goal::Tokens && self.n_computed > 0 && self.n_pending() == 1
    }

    /// Returns the pages that belong to it alone, where the window never passes the first `n_sink_pages`.
    pub(crate) fn own_pages(&self, n_sink_pages: usize) -> impl Iterator<Item = PageId> + '_ {
        let own = self.table.iter().enumerate().skip(self.nodes.len());
        own.filter(move |(i, _)| *i < n_sink_pages || *i >= self.n_dropped).map(|(_, page)| *page)
    }
}
