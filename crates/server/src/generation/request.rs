//! [`GenerationRequest`]: what every API turns its requests into.

use std::time::Duration;

use chat::{OutputFormat, Tool, ToolChoice};
use engine::{
    CacheScope, RepetitionBounds, Request, Sampling,
    grammar::{Grammar, GrammarSource},
};
use tokenizer::{TokenId, Tokenizer};

/// How the output is to be read.
#[derive(Clone, Debug)]
pub enum Output {
    /// As text.
    Text,
    /// As the reply of a chat model: reasoning and tool calls are taken apart.
    Chat(ChatOutput),
}

/// What becomes of what a model thinks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Thoughts {
    /// Pieces of their own.
    #[default]
    Apart,
    /// In the text, between the model's own marks.
    InText,
    /// Counted, and not shown.
    Hidden,
}

/// The reply of a chat model.
#[derive(Clone, Debug)]
pub struct ChatOutput {
    /// How the model writes after this prompt ([`OutputFormat::after_prompt`]).
    pub format: OutputFormat,
    /// The tools it may call.
    pub tools: Vec<Tool>,
    /// Whether it may or must call one.
    pub choice: ToolChoice,
    /// Whether it may call more than one. Where nobody says, it is held to one where a grammar can hold it, because small models that are
    /// made to call go on calling; what it calls beyond that where none can is passed on.
    pub parallel: Option<bool>,
}

impl ChatOutput {
    /// The tools that a call can be of.
    pub(super) fn callable(&self) -> &[Tool] {
        if self.choice == ToolChoice::None { &[] } else { &self.tools }
    }
}

/// A prompt, and what is to be generated after it.
#[derive(Clone, Debug)]
pub struct GenerationRequest {
    /// Token ids, beginning token included.
    pub prompt: Vec<TokenId>,
    /// The field that the prompt came from, for errors: `messages`.
    pub prompt_param: &'static str,
    /// How tokens are picked; the seed is replaced by the next field's.
    pub sampling: Sampling,
    /// Of the random stream; the operator's if `None`, else a new one.
    pub seed: Option<u64>,
    /// Most tokens generated; up to the end of the context if `None`.
    pub max_tokens: Option<usize>,
    /// Strings that end the output; they are not part of it.
    pub stop: Vec<String>,
    /// Tokens that end the output; they are not part of it.
    pub stop_tokens: Vec<TokenId>,
    /// Go on past the model's end tokens.
    pub ignore_eos: bool,
    /// Break off an output that repeats itself so.
    pub repetition: Option<RepetitionBounds>,
    /// Report log-probabilities of the token, and of so many best ones.
    pub top_logprobs: Option<usize>,
    /// The same of the tokens of the prompt.
    pub prompt_logprobs: Option<usize>,
    /// Report the token that ends the output, too.
    pub tell_end: bool,
    /// How many outputs.
    pub n_choices: usize,
    /// Higher first.
    pub priority: i32,
    /// Ends the request when it is over.
    pub time_limit: Option<Duration>,
    /// Who shares cached prefixes with it.
    pub scope: CacheScope,
    /// Read and leave cached prefixes.
    pub use_cache: bool,
    /// Let the engine guess tokens ahead, where it can; the output is the same.
    pub speculate: bool,
    /// What the output must look like, and the field that asks for it.
    pub grammar: Option<(GrammarSource, &'static str)>,
    /// How the output is read.
    pub output: Output,
    /// How thoughts are shown, where it is read as a chat model's.
    pub thoughts: Thoughts,
}

impl GenerationRequest {
    /// One output of text after `prompt`, by the defaults.
    pub fn new(prompt: Vec<TokenId>, prompt_param: &'static str) -> Self {
        Self {
            prompt,
            prompt_param,
            sampling: Sampling::default(),
            seed: None,
            max_tokens: None,
            stop: Vec::new(),
            stop_tokens: Vec::new(),
            ignore_eos: false,
            repetition: None,
            top_logprobs: None,
            prompt_logprobs: None,
            tell_end: false,
            n_choices: 1,
            priority: 0,
            time_limit: None,
            scope: CacheScope::default(),
            use_cache: true,
            speculate: true,
            grammar: None,
            output: Output::Text,
            thoughts: Thoughts::default(),
        }
    }

    /// Control tokens that the reader of the output must see.
    fn spelled(&self, tokenizer: &Tokenizer) -> Vec<TokenId> {
        match &self.output {
            Output::Text => Vec::new(),
            Output::Chat(output) => {
                output.format.control_markers().iter().filter_map(|marker| control_id(tokenizer, marker)).collect()
            }
        }
    }

    /// For the engine.
    pub(super) fn into_engine(self, grammar: Option<Grammar>, tokenizer: &Tokenizer) -> Request {
        Request {
            spelled: self.spelled(tokenizer),
            sampling: self.sampling,
            max_tokens: self.max_tokens,
            stop: self.stop,
            stop_tokens: self.stop_tokens,
            ignore_eos: self.ignore_eos,
            repetition: self.repetition,
            top_logprobs: self.top_logprobs,
            prompt_logprobs: self.prompt_logprobs,
            tell_end: self.tell_end,
            n_choices: self.n_choices,
            priority: self.priority,
            time_limit: self.time_limit,
            scope: self.scope,
            use_cache: self.use_cache,
            speculate: self.speculate,
            grammar,
            ..Request::new(self.prompt)
        }
    }

    /// Decides on the seed, where the request leaves that to the operator's `default` or to chance.
    pub(super) fn settle_seed(&mut self, default: Option<u64>) {
        self.sampling.seed = self.seed.or(default).unwrap_or_else(crate::ids::random_u64);
    }

    /// A number that differs between requests that differ in prompt or seed, and is the same for equal ones.
    pub(super) fn fingerprint(&self) -> u64 {
        // The seed of a greedy request says nothing, and is often another one every time.
        let seed = if self.sampling.temperature == 0.0 { 0 } else { self.sampling.seed };
        let bytes = self.prompt.iter().flat_map(|id| id.0.to_le_bytes()).chain(seed.to_le_bytes());
        crate::ids::hash(bytes)
    }
}

/// The control token that is spelled so.
pub(super) fn control_id(tokenizer: &Tokenizer, spelling: &str) -> Option<TokenId> {
    tokenizer.id_of(spelling).filter(|id| tokenizer.is_control(*id))
}
