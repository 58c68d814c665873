//! [`GenerationRequest`]: what every API turns its requests into.

use engine::{
    Request, TenantId,
    grammar::{Grammar, GrammarSource},
};
use reply::Reply;
use tokenizer::{TokenId, Tokenizer};

/// How the output is to be read.
#[derive(Clone, Debug)]
pub enum Output {
    /// The output is read as text.
    Text,
    /// The output is read as the reply of a chat model: reasoning and tool calls are taken apart.
    Chat(Reply),
}

/// How a model's thoughts are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Thoughts {
    /// Thoughts are pieces of their own.
    #[default]
    Apart,
    /// Thoughts stand in the text, between the model's own marks.
    InText,
    /// Thoughts are counted, and not shown.
    Hidden,
}

/// A request to the engine, with what the engine does not know of it: who shall read the output, and which fields of
/// the API asked for what.
#[derive(Clone, Debug)]
pub struct GenerationRequest {
    /// What the engine computes. Three of its fields are filled in when the request is submitted: the seed of
    /// `sampling` (from [`seed`](Self::seed)), `grammar` (from [`grammar`](Self::grammar)) and `spelled` (from
    /// [`output`](Self::output)).
    pub engine: Request,
    /// The field that the prompt came from, for errors: `messages`.
    pub prompt_param: &'static str,
    /// Seed of the random stream; where it is `None`, the operator's, else a random one.
    pub seed: Option<u64>,
    /// What the output must look like, and the field that asks for it.
    pub grammar: Option<(GrammarSource, &'static str)>,
    /// How the output is read.
    pub output: Output,
    /// How thoughts are shown, where the output is read as a chat model's.
    pub thoughts: Thoughts,
}

impl GenerationRequest {
    /// A request for one output of text after `prompt`, by the engine's defaults.
    pub fn new(prompt: Vec<TokenId>, prompt_param: &'static str) -> Self {
        Self {
            engine: Request::new(prompt),
            prompt_param,
            seed: None,
            grammar: None,
            output: Output::Text,
            thoughts: Thoughts::default(),
        }
    }

    /// This request for another prompt.
    #[must_use]
    pub fn with_prompt(&self, prompt: Vec<TokenId>) -> Self {
        let mut request = self.clone();
        request.engine.prompt = prompt;
        request
    }

    /// The control tokens that the engine spells out, because the reader of the output must see them.
    fn spelled(&self, tokenizer: &Tokenizer) -> Vec<TokenId> {
        match &self.output {
            Output::Text => Vec::new(),
            Output::Chat(reply) => reply.spelled(tokenizer),
        }
    }

    /// What is submitted for `tenant`, with the compiled `grammar`.
    pub(super) fn into_engine(self, tenant: TenantId, grammar: Option<Grammar>, tokenizer: &Tokenizer) -> Request {
        Request { tenant, spelled: self.spelled(tokenizer), grammar, ..self.engine }
    }

    /// Puts the seed into the engine's request, where the client leaves that to the operator's `default` or to chance.
    pub(super) fn settle_seed(&mut self, default: Option<u64>) {
        self.engine.sampling.seed = self.seed.or(default).unwrap_or_else(crate::ids::random_u64);
    }

    /// A number that differs between requests that differ in prompt or seed, and is the same for equal ones.
    pub(super) fn fingerprint(&self) -> u64 {
        // The seed of a greedy request says nothing, and is often another one every time.
        let Request { prompt, sampling, .. } = &self.engine;
        let seed = if sampling.temperature == 0.0 { 0 } else { sampling.seed };
        let bytes = prompt.iter().flat_map(|id| id.0.to_le_bytes()).chain(seed.to_le_bytes());
        crate::ids::hash(bytes)
    }
}
