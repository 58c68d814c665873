//! [`Stats`]: what an engine has done and holds.

/// Counters since the start, and gauges; all of one moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Number of sequences being computed.
    pub n_running: u64,
    /// Number of sequences in the queue.
    pub n_waiting: u64,
    /// Number of requests submitted and not ended.
    pub n_active: u64,
    /// Number of requests submitted.
    pub n_submitted: u64,
    /// Number of choices that ended by themselves.
    pub n_finished: u64,
    /// Number of choices whose client went away, was too slow, or whose time was up.
    pub n_cancelled: u64,
    /// Number of choices that ended with an error.
    pub n_failed: u64,
    /// Number of pages of the KV arena.
    pub pages_total: u64,
    /// Number of pages that hold nothing.
    pub pages_free: u64,
    /// Number of pages of cached prefixes that nobody reads now: they are given up when pages are needed.
    pub pages_cached: u64,
    /// Bytes of a page, all layers.
    pub page_bytes: u64,
    /// Number of positions in a page.
    pub page_len: u64,
    /// Number of states that sequences have in models with layers that carry one.
    pub states_total: u64,
    /// Number of states that nobody has.
    pub states_free: u64,
    /// Number of states that are snapshots of cached prefixes: they are given up when states are needed.
    pub states_cached: u64,
    /// Number of bytes of a state as it is saved.
    pub state_bytes: u64,
    /// Number of tokens of the prompts of admitted sequences.
    pub n_prompt_tokens: u64,
    /// Number of prompt tokens whose keys and values were cached.
    pub n_cached_tokens: u64,
    /// Number of prompt tokens computed, those that were computed again included.
    pub n_computed_prompt_tokens: u64,
    /// Number of tokens of choices that have ended.
    pub n_completion_tokens: u64,
    /// Number of tokens generated.
    pub n_sampled: u64,
    /// Number of forward passes.
    pub n_steps: u64,
    /// Number of rows of all forward passes.
    pub n_rows: u64,
    /// Time in forward passes, in microseconds.
    pub step_us: u64,
    /// Number of sequences that went back to the queue: pages ran out, or a place was due to another.
    pub n_preempted: u64,
    /// Number of cached pages given up.
    pub n_evicted: u64,
    /// Number of pages copied because sequences part within them.
    pub n_copied_pages: u64,
    /// Number of pages brought back from memory or disk.
    pub n_loaded_pages: u64,
    /// Number of states brought back from memory or disk.
    pub n_loaded_states: u64,
    /// Number of tokens that a drafter proposed.
    pub n_drafted: u64,
    /// Number of proposed tokens that were right.
    pub n_accepted: u64,
    /// Number of panics in steps: in a forward pass, each time it panics, over a row, or elsewhere.
    pub n_panics: u64,
}

impl Stats {
    /// Number of pages that running sequences hold, those they share with the cache included.
    pub fn pages_used(&self) -> u64 {
        self.pages_total.saturating_sub(self.pages_free + self.pages_cached)
    }
}
