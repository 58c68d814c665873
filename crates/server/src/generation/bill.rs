//! [`Bill`]: what a request took is counted towards its key, however it ends, and for its line in the log.

use std::sync::Arc;

use crate::{Caller, auth::Account, tally::Tally};

/// What one prompt and its choices take; the prompt is counted once for all choices.
#[derive(Default)]
pub(super) struct Bill {
    account: Account,
    tally: Arc<Tally>,
    n_prompt: usize,
    has_begun: bool,
}

impl Bill {
    /// The bill of a prompt of `n_prompt` tokens for `model`.
    pub(super) fn of(caller: &Caller, model: &str, n_prompt: usize) -> Self {
        caller.tally.prompt(model, n_prompt);
        Self { account: caller.account(), tally: Arc::clone(&caller.tally), n_prompt: 0, has_begun: false }
    }

    /// Notes that a choice began. What the first one finds cached is what was there before the request.
    pub(super) fn begun(&mut self, n_cached: usize) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.tally.cached(n_cached);
        }
    }

    /// Notes a generated token.
    pub(super) fn token(&self) {
        self.tally.token();
    }

    /// Charges a choice that ended: `n_prompt` tokens of the prompt were computed or cached, `n_completion` were
    /// generated.
    pub(super) fn charge(&mut self, n_prompt: usize, n_completion: usize) {
        let n_more = n_prompt.saturating_sub(self.n_prompt);
        self.n_prompt += n_more;
        self.account.record_tokens(n_more + n_completion);
    }
}
