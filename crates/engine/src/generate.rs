//! [`Engine`]: prefill, decode, sample, detokenise, stop; one sequence at a time.

use std::{ops::ControlFlow, sync::Arc, time::Instant};

use model::{Forward, Logits, LogitsWanted, Step, StepSpan, TokenId};
use tokenizer::{Detokenizer, Tokenizer};

use crate::{
    Completion, Error, Event, FinishReason, Logprobs, Request, Sampler, StopFilter,
    core::{PagePool, Sequence},
    sampler::Candidates,
};

/// A model, its tokenizer, and the keys and values of the last sequence, which the next one goes on from where their tokens agree.
pub struct Engine {
    model: Box<dyn Forward + Send>,
    tokenizer: Arc<Tokenizer>,
    pool: PagePool,
    sequence: Sequence,
    logits: Logits,
}

impl Engine {
    /// Takes the model's whole KV arena.
    pub fn new(model: Box<dyn Forward + Send>, tokenizer: Arc<Tokenizer>) -> Self {
        let pool = PagePool::new(model.n_pages());
        Self { model, tokenizer, pool, sequence: Sequence::default(), logits: Logits::default() }
    }

    /// Longest prompt and completion together, in tokens.
    pub fn context_len_max(&self) -> usize {
        self.model.context_len_max().min(self.model.n_pages() * model::PAGE_LEN)
    }

    /// Generates until something ends it; `on_event` sees every token and may break off. The events' texts joined are the completion.
    pub fn generate(
        &mut self,
        request: &Request,
        on_event: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Completion, Error> {
        self.check(request)?;
        let mut sampler = Sampler::new(&request.sampling, self.model.n_vocab(), self.context_len_max())?;
        request.prompt.iter().for_each(|token| sampler.accept(*token));
        let n_prompt = request.prompt.len();
        let mut completion = Completion {
            finish_reason: FinishReason::Length,
            n_prompt,
            n_cached: self.sequence.reuse(&request.prompt, &mut self.pool),
            n_completion: 0,
            prefill_seconds: 0.0,
            decode_seconds: 0.0,
        };
        let start = Instant::now();
        if self.prefill(&request.prompt[completion.n_cached..], on_event)?.is_break() {
            completion.finish_reason = FinishReason::Cancelled;
            return Ok(completion);
        }
        completion.prefill_seconds = start.elapsed().as_secs_f64();
        let room = self.context_len_max() - n_prompt;
        let n_max = request.max_tokens.unwrap_or(room).min(room);
        let start = Instant::now();
        completion.finish_reason = self.decode(request, n_max, &mut sampler, &mut completion.n_completion, on_event)?;
        completion.decode_seconds = start.elapsed().as_secs_f64();
        Ok(completion)
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        request.check()?;
        let (n_prompt, context_len_max, n_vocab) = (request.prompt.len(), self.context_len_max(), self.model.n_vocab());
        if n_prompt == 0 {
            return Err(Error::EmptyPrompt);
        }
        if n_prompt > context_len_max {
            return Err(Error::PromptTooLong { n_prompt, context_len_max });
        }
        match request.prompt.iter().find(|t| t.0 as usize >= n_vocab) {
            Some(unknown) => Err(Error::UnknownToken { id: unknown.0, n_vocab }),
            None => Ok(()),
        }
    }

    /// Computes the prompt in steps of at most the model's size; between two the caller may break off.
    fn prefill(
        &mut self,
        tokens: &[TokenId],
        on_event: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let chunks = tokens.chunks(self.model.step_rows_max());
        let n_chunks = chunks.len();
        for (i, chunk) in chunks.enumerate() {
            let is_last = i + 1 == n_chunks;
            self.compute(chunk, if is_last { LogitsWanted::Last } else { LogitsWanted::None })?;
            if !is_last && on_event(Event { token: None, text: "", logprobs: None }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// One step of the sequence. The prompt fits the arena, and so does the completion: both were checked against it.
    fn compute(&mut self, tokens: &[TokenId], logits: LogitsWanted) -> Result<(), Error> {
        let has_room = self.sequence.reserve(tokens.len(), &mut self.pool);
        assert!(has_room, "{} more tokens after {}", tokens.len(), self.sequence.len());
        let span = StepSpan { tokens, position_first: self.sequence.len(), pages: self.sequence.pages(), logits };
        self.model.forward(&Step::new(&[span]), &mut self.logits);
        self.sequence.extend(tokens);
        if logits == LogitsWanted::None {
            return Ok(());
        }
        let is_left_out = |x: f32| !self.logits.is_complete() && x == f32::NEG_INFINITY;
        match (0..).zip(self.logits.row(0)).find(|(_, x)| !x.is_finite() && !is_left_out(**x)) {
            None => Ok(()),
            Some((token, value)) => {
                // Keys and values of a broken step are no prefix for another request.
                let position = self.sequence.len() - 1;
                self.sequence.truncate(0, &mut self.pool);
                Err(Error::NonFiniteLogits { position, token, value: value.to_string() })
            }
        }
    }

    fn decode(
        &mut self,
        request: &Request,
        n_max: usize,
        sampler: &mut Sampler,
        n_completion: &mut usize,
        on_event: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<FinishReason, Error> {
        let tokenizer = Arc::clone(&self.tokenizer);
        let mut detokenizer = Detokenizer::new(&tokenizer);
        let mut filter = StopFilter::new(&request.stop);
        // Log-probabilities are parts of a sum over all tokens.
        let n_best = if request.top_logprobs.is_none() { sampler.n_best() } else { None };
        let wanted = n_best.map_or(LogitsWanted::Last, LogitsWanted::Best);
        let mut logprobs_of = request.top_logprobs.map(LogprobsOf::new);
        let (mut decoded, mut certain) = (String::new(), String::new());
        let finish_reason = loop {
            if *n_completion == n_max {
                break FinishReason::Length;
            }
            let token = sampler.sample(self.logits.row(0)).ok_or(Error::NothingLeft)?;
            sampler.accept(token);
            // A model that says its beginning token starts another text: llama2.c's stories end so.
            let is_end = tokenizer.is_end_of_generation(token) || Some(token) == tokenizer.bos();
            if !request.ignore_eos && is_end {
                break FinishReason::EndOfGeneration;
            }
            *n_completion += 1;
            let logprobs = logprobs_of.as_mut().map(|l| l.compute(self.logits.row(0), token));
            decoded.clear();
            certain.clear();
            detokenizer.push(token, &mut decoded);
            let is_stopped = filter.push(&decoded, &mut certain);
            if on_event(Event { token: Some(token), text: &certain, logprobs }).is_break() {
                return Ok(FinishReason::Cancelled);
            }
            if is_stopped {
                return Ok(FinishReason::StopString);
            }
            if *n_completion < n_max {
                self.compute(&[token], wanted)?;
            }
        };
        decoded.clear();
        certain.clear();
        detokenizer.finish(&mut decoded);
        let is_stopped = filter.push(&decoded, &mut certain);
        if !is_stopped {
            filter.finish(&mut certain);
        }
        if !certain.is_empty() && on_event(Event { token: None, text: &certain, logprobs: None }).is_break() {
            return Ok(FinishReason::Cancelled);
        }
        Ok(if is_stopped { FinishReason::StopString } else { finish_reason })
    }
}

/// Computes [`Logprobs`] in the same space for every token.
struct LogprobsOf {
    n_top: usize,
    candidates: Candidates,
    logprobs: Logprobs,
}

impl LogprobsOf {
    fn new(n_top: usize) -> Self {
        let logprobs = Logprobs { picked: 0.0, top: Vec::with_capacity(n_top) };
        Self { n_top, candidates: Candidates::with_capacity(2 * n_top), logprobs }
    }

    /// Of the model's own distribution: `logits` `[V]`.
    fn compute(&mut self, logits: &[f32], token: TokenId) -> &Logprobs {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|x| f64::from((x - max).exp())).sum();
        let logprob = |logit: f32| (f64::from(logit - max) - sum.ln()) as f32;
        self.candidates.fill_likeliest(logits, self.n_top);
        self.logprobs.picked = logits.get(token.0 as usize).map_or(f32::NEG_INFINITY, |x| logprob(*x));
        self.logprobs.top.clear();
        self.logprobs.top.extend(self.candidates.as_slice().iter().map(|c| (c.id, logprob(c.logit))));
        &self.logprobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logprobs_are_the_log_softmax_of_the_row() {
        let logits = testkit::Rng::new(5).normals(300);
        let expected = testkit::log_softmax(&logits);
        let mut order: Vec<usize> = (0..300).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        for n_top in [0, 1, 7, 20] {
            let mut logprobs = LogprobsOf::new(n_top);
            for token in [17, 200] {
                let got = logprobs.compute(&logits, TokenId(token));
                assert!((f64::from(got.picked) - expected[token as usize]).abs() < 1e-5);
                assert_eq!(got.top.len(), n_top);
                for (&(id, logprob), &i) in got.top.iter().zip(&order) {
                    assert!(id.0 as usize == i && (f64::from(logprob) - expected[i]).abs() < 1e-5, "{id:?}, not {i}");
                }
            }
        }
    }
}
