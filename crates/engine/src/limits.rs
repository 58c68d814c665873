//! [`Limits`]: what a request may ask of a model; checked by whoever submits, before the engine sees it.

use crate::{Error, Request, Sampler};

/// Of a loaded model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// Tokens of the vocabulary.
    pub(crate) n_vocab: usize,
    /// Longest prompt and completion together.
    pub(crate) context_len_max: usize,
}

impl Limits {
    /// Refuses what cannot be computed.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Error> {
        request.check()?;
        let Self { n_vocab, context_len_max } = *self;
        let n_prompt = request.prompt.len();
        if n_prompt == 0 {
            return Err(Error::EmptyPrompt);
        }
        if n_prompt > context_len_max {
            return Err(Error::PromptTooLong { n_prompt, context_len_max });
        }
        if let Some(unknown) = request.prompt.iter().find(|t| t.0 as usize >= n_vocab) {
            return Err(Error::UnknownToken { id: unknown.0, n_vocab });
        }
        Sampler::check(&request.sampling, n_vocab)
    }
}
