//! [`ModelDrafter`]: drafts by a smaller model.

use std::collections::HashMap;

use model::{Forward, Logits, LogitsWanted, PAGE_LEN, PageId, Step, StepSpan, TokenId, best_token};

use super::DraftRequest;
use crate::core::{PagePool, SeqId};

/// The state of a sequence in the draft model: what it has computed of it.
#[derive(Default)]
struct Followed {
    tokens: Vec<TokenId>,
    pages: Vec<PageId>,
    last_used: u64,
}

/// The draft model with its own arena. It follows each sequence as far as its pages go; when they run out, the sequence
/// not drafted for longest is forgotten.
pub(crate) struct ModelDrafter {
    model: Box<dyn Forward + Send>,
    pool: PagePool,
    followed: HashMap<SeqId, Followed>,
    logits: Logits,
    tick: u64,
}

impl ModelDrafter {
    pub(crate) fn new(model: Box<dyn Forward + Send>) -> Self {
        let pool = PagePool::new(model.n_pages());
        Self { model, pool, followed: HashMap::new(), logits: Logits::default(), tick: 0 }
    }

    pub(crate) fn forget(&mut self, id: SeqId) {
        if let Some(followed) = self.followed.remove(&id) {
            self.pool.release(followed.pages);
        }
    }

    /// Catches up with every sequence, then guesses on, all sequences together.
    pub(crate) fn draft(&mut self, requests: &[DraftRequest<'_>], drafts: &mut [Vec<TokenId>]) {
        self.tick += 1;
        let mut active: Vec<usize> = (0..requests.len()).filter(|i| self.follow(&requests[*i])).collect();
        // The first pass gives a token after the newest one; each further pass one more.
        for (i, drafts) in drafts.iter_mut().enumerate() {
            if active.contains(&i) {
                drafts.extend(self.first_draft(&requests[i]));
            }
        }
        let n_passes = requests.iter().map(|r| r.n_max).max().unwrap_or(0);
        for n_drafted in 1..n_passes {
            active.retain(|i| drafts[*i].len() == n_drafted && n_drafted < requests[*i].n_max);
            active.retain(|i| self.reserve(requests[*i].id, 1));
            if active.is_empty() {
                return;
            }
            let tokens: Vec<TokenId> = active.iter().filter_map(|i| drafts[*i].last().copied()).collect();
            for (chunk, tokens) in
                active.chunks(self.model.step_rows_max()).zip(tokens.chunks(self.model.step_rows_max()))
            {
                let ids: Vec<SeqId> = chunk.iter().map(|i| requests[*i].id).collect();
                self.pass(&ids, tokens);
                for (row, i) in chunk.iter().enumerate() {
                    drafts[*i].extend(best_token(self.logits.row(row)));
                }
            }
        }
    }

    /// Computes one more token of each sequence.
    fn pass(&mut self, ids: &[SeqId], tokens: &[TokenId]) {
        let Self { model, followed, logits, .. } = self;
        let mut spans = Vec::with_capacity(ids.len());
        for (id, tokens) in ids.iter().zip(tokens.chunks(1)) {
            let Some(followed) = followed.get(id) else { return };
            let position_first = followed.tokens.len();
            spans.push(StepSpan::new(tokens, position_first, &followed.pages).wanting(LogitsWanted::Best(1)));
        }
        model.forward(&Step::new(&spans), logits);
        for (id, token) in ids.iter().zip(tokens) {
            if let Some(followed) = followed.get_mut(id) {
                followed.tokens.push(*token);
            }
        }
    }

    /// Drops what the draft model guessed and the target did not say, and makes room for what it missed; returns
    /// `false` if there is none.
    fn follow(&mut self, request: &DraftRequest<'_>) -> bool {
        if request.n_max == 0 || request.tokens.len() + request.n_max > self.model.context_len_max() {
            return false;
        }
        let tick = self.tick;
        let followed = self.followed.entry(request.id).or_default();
        followed.last_used = tick;
        let common = followed.tokens.iter().zip(request.tokens).take_while(|(a, b)| a == b).count();
        // At least the newest token is computed, for its logits.
        followed.tokens.truncate(common.min(request.tokens.len() - 1));
        let n_missed = request.tokens.len() - followed.tokens.len();
        self.reserve(request.id, n_missed)
    }

    /// Makes room for `n` more tokens.
    fn reserve(&mut self, id: SeqId, n: usize) -> bool {
        loop {
            let Some(followed) = self.followed.get_mut(&id) else { return false };
            if followed.pages.len() * PAGE_LEN >= followed.tokens.len() + n {
                return true;
            }
            if let Some(page) = self.pool.allocate() {
                followed.pages.push(page);
                continue;
            }
            let idle = self.followed.iter().filter(|(_, f)| f.last_used < self.tick);
            let Some(oldest) = idle.min_by_key(|(_, f)| f.last_used).map(|(id, _)| *id) else { return false };
            self.forget(oldest);
        }
    }

    /// Computes what was missed up to the newest token; returns the guess that follows it.
    fn first_draft(&mut self, request: &DraftRequest<'_>) -> Option<TokenId> {
        let Self { model, followed, logits, .. } = self;
        let followed = followed.get_mut(&request.id)?;
        let missed = request.tokens.get(followed.tokens.len()..)?;
        for tokens in missed.chunks(model.step_rows_max()) {
            let position_first = followed.tokens.len();
            let span = StepSpan::new(tokens, position_first, &followed.pages).wanting(LogitsWanted::Best(1));
            model.forward(&Step::new(&[span]), logits);
            followed.tokens.extend_from_slice(tokens);
        }
        best_token(logits.row(0))
    }
}
