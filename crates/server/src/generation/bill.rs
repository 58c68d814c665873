//! [`Bill`]: what a request took is counted towards its key, however it ends.

use crate::{Caller, auth::Account};

/// Of one request: its prompt is counted once for all choices.
#[derive(Default)]
pub(super) struct Bill {
    account: Account,
    n_prompt: usize,
}

impl Bill {
    pub(super) fn of(caller: &Caller) -> Self {
        Self { account: caller.account(), n_prompt: 0 }
    }

    /// A choice has ended: so much of the prompt was computed or cached, and so many tokens written.
    pub(super) fn charge(&mut self, n_prompt: usize, n_completion: usize) {
        let n_more = n_prompt.saturating_sub(self.n_prompt);
        self.n_prompt += n_more;
        self.account.record_tokens(n_more + n_completion);
    }
}
