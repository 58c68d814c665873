//! `t_max_predict_ms`: a generation that has written a line and takes too long is stopped.

use std::time::{Duration, Instant};

use crate::{
    error::ApiError,
    generation::{Generation, Joined, Joiner, Piece, Update},
};

/// Looks on while a request is generated.
pub(super) struct Watch {
    limit: Option<Duration>,
    first_token: Option<Instant>,
    /// Which choices still have their first line to write.
    in_first_line: Vec<bool>,
}

impl Watch {
    pub(super) fn new(limit: Option<Duration>, n_choices: usize) -> Self {
        Self { limit, first_token: None, in_first_line: vec![true; n_choices] }
    }

    /// Stops `generation` if with this update it has had its time. The clock starts with the first token, and nobody is stopped before
    /// the first line is complete.
    pub(super) fn see(&mut self, generation: &Generation, update: &Update) {
        let Some(limit) = self.limit else { return };
        match update {
            Update::Progress { choice, pieces, .. } => {
                let has_newline = pieces.iter().any(|p| matches!(p, Piece::Text(text) if text.contains('\n')));
                if let Some(in_first_line) = self.in_first_line.get_mut(*choice).filter(|_| has_newline) {
                    *in_first_line = false;
                }
            }
            Update::Finished { choice, .. } => {
                if let Some(in_first_line) = self.in_first_line.get_mut(*choice) {
                    *in_first_line = false;
                }
            }
        }
        let first_token = *self.first_token.get_or_insert_with(Instant::now);
        if first_token.elapsed() >= limit && !self.in_first_line.contains(&true) {
            generation.stop();
        }
    }

    /// Waits for everything.
    pub(super) async fn join(mut self, mut generation: Generation) -> Result<Joined, ApiError> {
        let mut joiner = Joiner::new(self.in_first_line.len());
        while let Some(update) = generation.next().await {
            let update = update?;
            self.see(&generation, &update);
            joiner.add(update);
        }
        joiner.finish()
    }
}
