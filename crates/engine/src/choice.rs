//! [`Choice`]: one completion of a request, from logits to text.

use std::sync::Arc;

use model::TokenId;
use tokenizer::{Detokenizer, Tokenizer};

use crate::{
    Error, Event, FinishReason, Logprobs, Request, Sampler, StopFilter, constraint::Constraint, logprobs::LogprobsOf,
    repetition::Repetition, request::Sink,
};

/// The outcome of a row of logits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// This token comes next.
    Token(TokenId),
    /// The completion is over, perhaps by the stop string of this index.
    End(FinishReason, Option<usize>),
    /// The sink broke the request off.
    Broken,
}

/// A completion of a request: everything about it but its keys and values.
pub(crate) struct Choice {
    index: usize,
    sampler: Sampler,
    constraint: Option<Constraint>,
    tokenizer: Arc<Tokenizer>,
    detokenizer: Detokenizer<Arc<Tokenizer>>,
    filter: StopFilter,
    repetition: Option<Repetition>,
    logprobs_of: Option<LogprobsOf>,
    ignore_eos: bool,
    tell_end: bool,
    stop_tokens: Vec<TokenId>,
    n_completion: usize,
    n_max: usize,
    decoded: String,
    certain: String,
}

impl Choice {
    /// Begins the `index`-th completion of `request`, of a model with `n_vocab` tokens and a context of
    /// `context_len_max`.
    pub(crate) fn new(
        request: &Request,
        index: usize,
        tokenizer: &Arc<Tokenizer>,
        n_vocab: usize,
        context_len_max: usize,
    ) -> Result<Self, Error> {
        let sampler = Sampler::for_choice(&request.sampling, index, n_vocab, context_len_max)?;
        let mut sampler = sampler.with_tokenizer(Arc::clone(tokenizer));
        request.prompt.iter().for_each(|token| sampler.accept(*token));
        let room = context_len_max.saturating_sub(request.prompt.len());
        Ok(Self {
            index,
            sampler,
            constraint: request.grammar.as_ref().map(Constraint::new),
            detokenizer: Detokenizer::new(Arc::clone(tokenizer)).with_spelled(request.spelled.clone()),
            tokenizer: Arc::clone(tokenizer),
            filter: StopFilter::new(&request.stop),
            repetition: request.repetition.map(Repetition::new),
            logprobs_of: request.top_logprobs.map(|n_top| LogprobsOf::new(n_top.min(n_vocab))),
            ignore_eos: request.ignore_eos,
            tell_end: request.tell_end,
            stop_tokens: request.stop_tokens.clone(),
            n_completion: 0,
            n_max: request.max_tokens.unwrap_or(room).min(room),
            decoded: String::new(),
            certain: String::new(),
        })
    }

    /// Number of tokens generated.
    pub(crate) fn n_completion(&self) -> usize {
        self.n_completion
    }

    /// Number of tokens that may still be generated.
    pub(crate) fn n_left(&self) -> usize {
        self.n_max - self.n_completion
    }

    /// Number of the largest logits that are enough; all if `None`. Log-probabilities are parts of a sum over all.
    pub(crate) fn n_best(&self) -> Option<usize> {
        if self.logprobs_of.is_some() || self.constraint.is_some() { None } else { self.sampler.n_best() }
    }

    /// Returns the grammar that is followed.
    pub(crate) fn constraint(&mut self) -> Option<&mut Constraint> {
        self.constraint.as_mut()
    }

    /// Picks the next token by `logits` `[V]`, all finite or left out, and tells the sink.
    pub(crate) fn take(&mut self, logits: &[f32], sink: &mut dyn Sink) -> Result<Taken, Error> {
        if self.n_left() == 0 {
            return Ok(self.end(FinishReason::Length, sink));
        }
        let mask = self.constraint.as_mut().map(Constraint::mask).transpose()?;
        let token = self.sampler.sample_of(logits, mask).ok_or(Error::NothingLeft)?;
        self.sampler.accept(token);
        let is_finished = self.constraint.as_mut().map_or(Ok(false), |c| c.accept(token))?;
        // A model that says its beginning token starts another text: llama2.c's stories end so.
        let is_end = self.tokenizer.is_end_of_generation(token) || Some(token) == self.tokenizer.bos();
        let is_end = is_end && (!self.ignore_eos || is_finished) || self.stop_tokens.contains(&token);
        if is_end {
            if self.tell_end {
                self.n_completion += 1;
                let logprobs = self.logprobs_of.as_mut().map(|l| l.compute(logits, token));
                if tell(sink, self.index, Some(token), "", logprobs) {
                    return Ok(Taken::Broken);
                }
            }
            return Ok(self.end(FinishReason::EndOfGeneration, sink));
        }
        self.n_completion += 1;
        let logprobs = self.logprobs_of.as_mut().map(|l| l.compute(logits, token));
        self.decoded.clear();
        self.certain.clear();
        self.detokenizer.push(token, &mut self.decoded);
        let stop = self.filter.push(&self.decoded, &mut self.certain);
        if tell(sink, self.index, Some(token), &self.certain, logprobs) {
            return Ok(Taken::Broken);
        }
        if stop.is_some() {
            return Ok(Taken::End(FinishReason::StopString, stop));
        }
        if is_finished {
            return Ok(self.end(FinishReason::EndOfGeneration, sink));
        }
        if self.repetition.as_mut().is_some_and(|repetition| repetition.push(token)) {
            return Ok(self.end(FinishReason::Repetition, sink));
        }
        if self.n_left() == 0 {
            return Ok(self.end(FinishReason::Length, sink));
        }
        Ok(Taken::Token(token))
    }

    /// Tells the sink that something was computed, so that it may break off.
    pub(crate) fn pass(&self, sink: &mut dyn Sink) -> bool {
        tell(sink, self.index, None, "", None)
    }

    /// Ends the text: what was held back is certain now, unless it completes a stop string.
    pub(crate) fn end(&mut self, reason: FinishReason, sink: &mut dyn Sink) -> Taken {
        self.decoded.clear();
        self.certain.clear();
        self.detokenizer.finish(&mut self.decoded);
        let stop = self.filter.push(&self.decoded, &mut self.certain);
        if stop.is_none() {
            self.filter.finish(&mut self.certain);
        }
        if !self.certain.is_empty() && tell(sink, self.index, None, &self.certain, None) {
            return Taken::Broken;
        }
        if stop.is_some() { Taken::End(FinishReason::StopString, stop) } else { Taken::End(reason, None) }
    }
}

/// Tells the sink of a token and its text; returns whether the sink breaks off.
fn tell(sink: &mut dyn Sink, choice: usize, token: Option<TokenId>, text: &str, logprobs: Option<&Logprobs>) -> bool {
    sink.event(Event { choice, token, text, logprobs }).is_break()
}
