//! Several requests that are answered together.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use super::{Generation, Update};
use crate::error::ApiError;

/// Several generations that are answered together, whose updates are taken as they come.
pub struct Batch {
    generations: Vec<Generation>,
    /// Index of the generation that is polled first next time, so that none waits behind a busy one.
    first: usize,
}

impl Batch {
    /// A batch of `generations`.
    pub fn new(generations: Vec<Generation>) -> Self {
        Self { generations, first: 0 }
    }

    /// The generation of this index.
    pub fn get(&self, index: usize) -> Option<&Generation> {
        self.generations.get(index)
    }

    /// The next update with the index of its generation; `None` when all are complete.
    pub async fn next(&mut self) -> Option<(usize, Result<Update, ApiError>)> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<(usize, Result<Update, ApiError>)>> {
        let n = self.generations.len();
        let mut is_over = true;
        for i in (self.first..n).chain(0..self.first) {
            let Some(generation) = self.generations.get_mut(i) else { continue };
            match generation.poll_next(context) {
                Poll::Ready(Some(update)) => {
                    self.first = (i + 1) % n;
                    return Poll::Ready(Some((i, update)));
                }
                Poll::Ready(None) => {}
                Poll::Pending => is_over = false,
            }
        }
        if is_over { Poll::Ready(None) } else { Poll::Pending }
    }
}
