//! What becomes of a step whose forward pass panicked: each sequence's part of it once more, alone.
//!
//! A step that was broken off has changed nothing but keys and values at positions that no other sequence reads before
//! they are published ([`Scheduler::advance`](crate::core::Scheduler::advance)), and a row's bytes depend on its own
//! sequence alone: computed again, they are what they would have been. In models with states it has changed these, too,
//! which cannot go back: there a sequence is computed from its last snapshot or its beginning on, over the same pages
//! with the same bytes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use model::{LogitsWanted, Step, StepSpan};

use super::{Runner, spans};
use crate::core::Planned;

impl Runner {
    /// Computes and takes what was planned, one sequence after the other: those whose pass panics again fail, the
    /// others lose nothing but time. What it takes says nothing of other steps, so nobody learns from it.
    pub(super) fn retry(&mut self, planned: &[Planned]) {
        if let [alone] = planned {
            return self.contain_panic_of(&[alone.id], (self.clock)());
        }
        self.stats.n_panics += 1;
        for p in planned {
            // Ended by a sibling whose sink broke off: its pages are somebody else's.
            if !self.running.contains_key(&p.id) {
                continue;
            }
            let is_computed = self.compute_alone(*p);
            let now = (self.clock)();
            if is_computed {
                self.take_all(&[*p], now);
            } else {
                self.contain_panic_of(&[p.id], now);
            }
        }
    }

    /// Makes the forward pass over one sequence's part; returns `false` if it panicked.
    fn compute_alone(&mut self, p: Planned) -> bool {
        let Self { model, scheduler, running, tokens, logits, .. } = self;
        let sequence = scheduler.sequence(p.id);
        let mut catch_up = || {
            let Some(state) = sequence.state else { return };
            let (start, snapshot) = scheduler.last_snapshot(sequence);
            if let Some(snapshot) = snapshot {
                model.copy_state(snapshot, state);
            }
            let rows_max = model.step_rows_max();
            for (i, chunk) in sequence.tokens[start..p.position_first].chunks(rows_max).enumerate() {
                let span = StepSpan::new(chunk, start + i * rows_max, &sequence.table)
                    .with_state(state)
                    .with_adapters(sequence.adapters.as_deref());
                model.forward(&Step::new(&[span.wanting(LogitsWanted::None)]), logits);
            }
        };
        if catch_unwind(AssertUnwindSafe(&mut catch_up)).is_err() {
            return false;
        }
        let spans = spans(&[p], scheduler, running, tokens);
        catch_unwind(AssertUnwindSafe(|| model.forward(&Step::new(&spans), logits))).is_ok()
    }
}
