//! [`Meter`]: what a request does is counted in the metrics as it does it.

use std::{sync::Arc, time::Instant};

use super::{EndReason, Ended};
use crate::metrics::{Finish, ModelMetrics, RunningGuard};

/// The counts of one request. Where it is dropped before the end, choices that are still open count as cancelled.
pub(super) struct Meter {
    metrics: Arc<ModelMetrics>,
    started: Instant,
    has_prompt: bool,
    choices: Vec<Progress>,
    running: Vec<RunningGuard>,
}

#[derive(Clone, Copy, Default)]
struct Progress {
    last_token: Option<Instant>,
    is_over: bool,
}

impl Meter {
    pub(super) fn new(metrics: Arc<ModelMetrics>, started: Instant, n_choices: usize, n_prompt: usize) -> Self {
        let running = metrics.running().enter(n_prompt, n_choices);
        let choices = vec![Progress::default(); n_choices];
        Self { metrics, started, has_prompt: false, choices, running }
    }

    /// Counts a token of a choice.
    pub(super) fn token(&mut self, choice: usize) {
        let now = Instant::now();
        let is_first = self.choices.iter().all(|c| c.last_token.is_none());
        if is_first {
            self.metrics.record_ttft((now - self.started).as_secs_f64());
        }
        let Some(progress) = self.choices.get_mut(choice) else { return };
        if let Some(last) = progress.last_token.replace(now) {
            self.metrics.record_inter_token((now - last).as_secs_f64());
        }
        self.metrics.record_completion(1);
        if let Some(running) = self.running.get(choice) {
            running.count_token();
        }
    }

    /// Counts the end of a choice.
    pub(super) fn ended(&mut self, choice: usize, ended: &Ended) {
        let usage = &ended.usage;
        if !std::mem::replace(&mut self.has_prompt, true) {
            self.metrics.record_prompt(usage.n_prompt as u64, usage.n_cached as u64);
            self.metrics.record_queue(ended.queue_seconds);
        }
        let finish = match ended.reason {
            EndReason::EndOfGeneration | EndReason::StopString(_) | EndReason::ToolCalls => Finish::Stop,
            EndReason::Length | EndReason::Repetition => Finish::Length,
            EndReason::TimedOut => Finish::TimedOut,
        };
        self.close(choice, finish, ended.prefill_seconds, ended.decode_seconds);
    }

    /// Counts the failure of the request.
    pub(super) fn failed(&mut self) {
        self.close_all(Finish::Failed);
    }

    fn close_all(&mut self, finish: Finish) {
        (0..self.choices.len()).for_each(|choice| self.close(choice, finish, 0.0, 0.0));
    }

    fn close(&mut self, choice: usize, finish: Finish, prefill_seconds: f64, decode_seconds: f64) {
        if let Some(progress) = self.choices.get_mut(choice).filter(|p| !p.is_over) {
            progress.is_over = true;
            if let Some(running) = self.running.get_mut(choice) {
                running.leave();
            }
            let seconds = self.started.elapsed().as_secs_f64();
            self.metrics.record_finish(finish, seconds, prefill_seconds, decode_seconds);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.close_all(Finish::Cancelled);
    }
}
