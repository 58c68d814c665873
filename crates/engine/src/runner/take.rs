//! What a [`Runner`] makes of the rows that a step computed: tokens, log-probabilities, embeddings, and ends.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::Runner;
use crate::{
    Error, FinishReason,
    choice::Taken,
    core::{Planned, SeqId, Wanted},
};

impl Runner {
    /// Takes what a step computed, one sequence after the other. One that has ended meanwhile, with a sibling whose
    /// sink broke off, is passed over, but not its rows; a panic costs the sequence whose rows they are.
    pub(super) fn take_all(&mut self, planned: &[Planned], now: Duration) {
        let (mut row, mut hidden_row, mut score) = (0, 0, 0);
        for p in planned {
            let rows = match p.wanted {
                Wanted::Nothing => row..row,
                Wanted::Last | Wanted::Drafts => row..row + 1 + p.n_drafts,
                Wanted::All => row..row + p.n_tokens,
                Wanted::Hidden => hidden_row..hidden_row + p.n_tokens,
                Wanted::Score => score..score + 1,
            };
            let next = match p.wanted {
                Wanted::Hidden => &mut hidden_row,
                Wanted::Score => &mut score,
                _ => &mut row,
            };
            *next = rows.end;
            if !self.running.contains_key(&p.id) {
                continue;
            }
            let has_mask = !self.spoiled.contains(&p.id);
            let taken = has_mask && catch_unwind(AssertUnwindSafe(|| self.take(*p, rows, now))).is_ok();
            if !taken {
                self.contain_panic_of(&[p.id], now);
            }
        }
    }

    fn take(&mut self, p: Planned, rows: Range<usize>, now: Duration) {
        match p.wanted {
            Wanted::Nothing => self.pass(p, now),
            Wanted::Last | Wanted::Drafts => self.take_rows(p, rows, now),
            Wanted::All => self.take_prompt(p, rows.start, now),
            Wanted::Hidden => self.take_hidden(p, rows.start, now),
            Wanted::Score => self.take_score(p, rows.start, now),
        }
    }

    /// Tells the sink that a part of a prompt was computed, so that it may break off.
    fn pass(&mut self, p: Planned, now: Duration) {
        self.scheduler.advance(p, 0);
        let Some((running, group)) = self.of(p.id) else { return };
        if running.choice.pass(&mut *group.sink) {
            self.end(p.id, Ok((FinishReason::Cancelled, None)), now);
        }
    }

    /// Gathers the log-probabilities of what stands in the prompt; the last row of a prompt gives the next token.
    fn take_prompt(&mut self, p: Planned, row_first: usize, now: Duration) {
        for (position, row) in (p.position_first..).zip(row_first..row_first + p.n_tokens) {
            let Some(&token) = self.scheduler.sequence(p.id).tokens.get(position + 1) else {
                return self.take_rows(p, row..row + 1, now);
            };
            if let Some(error) = self.non_finite_at(row, position) {
                self.scheduler.distrust(p.id);
                return self.end(p.id, Err(error), now);
            }
            let Self { running, logits, scheduler, .. } = self;
            let Some(gathered) = running.get_mut(&p.id).and_then(|r| r.prompt_logprobs.as_mut()) else { return };
            if gathered.next_position() == Some(position) {
                gathered.add(logits.row(row), token);
                scheduler.set_logits_from(p.id, gathered.next_position());
            }
        }
        self.pass(p, now);
    }

    /// Tells the log-probabilities of the prompt, if they are wanted and were not told yet; then its other choices may
    /// start.
    fn tell_prompt(&mut self, id: SeqId) {
        let Some((running, group)) = self.of(id) else { return };
        let Some(gathered) = running.prompt_logprobs.take() else { return };
        group.sink.prompt(gathered.into_vec());
        let siblings = group.open.clone();
        siblings.into_iter().for_each(|id| self.scheduler.release(id));
    }

    /// Picks a token by each row for as long as the drafts were right.
    fn take_rows(&mut self, p: Planned, rows: Range<usize>, now: Duration) {
        self.tell_prompt(p.id);
        let mut end = None;
        let mut n_accepted = 0;
        for row in rows {
            let position = p.position_first + p.n_tokens - 1 + n_accepted;
            if let Some(error) = self.non_finite_at(row, position) {
                self.scheduler.distrust(p.id);
                return self.end(p.id, Err(error), now);
            }
            let Self { running, groups, logits, scheduler, .. } = self;
            let Some(running) = running.get_mut(&p.id) else { return };
            let Some(group) = groups.get_mut(&running.request) else { return };
            running.prefilled.get_or_insert(now);
            match running.choice.take(logits.row(row), &mut *group.sink) {
                Ok(Taken::Token(token)) => {
                    scheduler.push(p.id, token);
                    self.stats.n_sampled += 1;
                    if running.drafts.get(n_accepted) != Some(&token) {
                        break;
                    }
                    n_accepted += 1;
                }
                Ok(Taken::End(reason, stop)) => {
                    end = Some(Ok((reason, stop)));
                    break;
                }
                Ok(Taken::Broken) => {
                    end = Some(Ok((FinishReason::Cancelled, None)));
                    break;
                }
                Err(error) => {
                    end = Some(Err(error));
                    break;
                }
            }
        }
        if let Some(running) = self.running.get_mut(&p.id) {
            running.n_drafted += p.n_drafts;
            running.n_accepted += n_accepted;
            running.pace.iter_mut().for_each(|pace| pace.learn(p.n_drafts, n_accepted));
            self.stats.n_drafted += p.n_drafts as u64;
            self.stats.n_accepted += n_accepted as u64;
        }
        self.scheduler.advance(p, n_accepted);
        if let Some(end) = end {
            self.end(p.id, end, now);
        }
    }

    /// Returns the error of a row whose logits hold something that is no number, those left out apart.
    fn non_finite_at(&self, row: usize, position: usize) -> Option<Error> {
        let allowed = if self.logits.is_complete() { 0.0 } else { f32::NEG_INFINITY };
        let token = first_non_finite(self.logits.row(row), allowed)?;
        let value = self.logits.row(row)[token].to_string();
        Some(Error::NonFiniteLogits { position, token: token as u32, value })
    }

    /// Adds hidden states to the embedding; ends the task after the last.
    fn take_hidden(&mut self, p: Planned, row: usize, now: Duration) {
        self.scheduler.advance(p, 0);
        let is_last = self.scheduler.sequence(p.id).n_pending() == 0;
        let Self { running, logits, .. } = self;
        let Some(pool) = running.get_mut(&p.id).and_then(|r| r.pool.as_mut()) else { return };
        for (position, row) in (p.position_first..).zip(row..row + p.n_tokens) {
            let hidden = logits.hidden_row(row);
            if let Some(broken) = first_non_finite(hidden, 0.0) {
                let error = Error::NonFiniteHidden { position, value: hidden[broken].to_string() };
                return self.end(p.id, Err(error), now);
            }
            pool.add(position, hidden);
        }
        if is_last {
            self.end(p.id, Ok((FinishReason::EndOfGeneration, None)), now);
        }
    }

    /// Ends a task with its score.
    fn take_score(&mut self, p: Planned, index: usize, now: Duration) {
        self.scheduler.advance(p, 0);
        let score = self.logits.score(index);
        let Some(pool) = self.running.get_mut(&p.id).and_then(|r| r.pool.as_mut()) else { return };
        pool.add(0, &[score]);
        let end = if score.is_finite() {
            Ok((FinishReason::EndOfGeneration, None))
        } else {
            Err(Error::NonFiniteHidden { position: 0, value: score.to_string() })
        };
        self.end(p.id, end, now);
    }
}

/// Returns where the first NaN or infinity stands that is not `allowed`. Almost always there is none, and a loop
/// without exits is a few vector instructions.
fn first_non_finite(x: &[f32], allowed: f32) -> Option<usize> {
    const EXPONENT: u32 = 0x7f80_0000;
    let is_bad = |x: &f32| (x.to_bits() & EXPONENT == EXPONENT) & (x.to_bits() != allowed.to_bits());
    if x.iter().fold(0, |bad, x| bad | u32::from(is_bad(x))) == 0 {
        return None;
    }
    x.iter().position(is_bad)
}

#[cfg(test)]
mod tests {
    use super::first_non_finite;

    #[test]
    fn each_place_is_looked_at_and_what_is_allowed_passes() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for i in 0..37 {
                let mut x = [f32::MAX; 37];
                assert_eq!(first_non_finite(&x, 0.0), None);
                x[i] = bad;
                assert_eq!(first_non_finite(&x, 0.0), Some(i), "{bad}");
                let left = (bad != f32::NEG_INFINITY).then_some(i);
                assert_eq!(first_non_finite(&x, f32::NEG_INFINITY), left, "{bad}, minus infinity allowed");
            }
        }
    }
}
