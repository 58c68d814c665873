//! [`Request`]: what goes into an engine, and [`Sink`]: what comes out.

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use model::{Pooling, TokenId};

use crate::{
    Error, Sampling,
    grammar::Grammar,
    limits::{
        ADAPTER_SCALE, CHOICES_MAX, PRIORITY, PROMPT_TOP_LOGPROBS_MAX, STOP_BYTES_MAX, STOP_STRINGS_MAX,
        STOP_TOKENS_MAX, TOP_LOGPROBS_MAX,
    },
    repetition::RepetitionBounds,
};

/// The scope of cached prefixes: requests read each other's only within one. The upper half says who owns it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct CacheScope(pub u128);

impl CacheScope {
    /// Owner of the scope; 0 for nobody, or everybody.
    pub const fn owner(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// Returns the scope of the same owner for what is computed with adapters of these scales: no prefix crosses from
    /// one set of scales to another.
    pub(crate) fn with_adapters(self, scales: &[f32]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes());
        scales.iter().for_each(|scale| {
            hasher.update(&scale.to_bits().to_le_bytes());
        });
        let hash = hasher.finalize();
        let lower = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Self(u128::from(self.owner()) << 64 | u128::from(lower))
    }
}

/// The tenant for whom a request is computed: places and steps are shared out between tenants first, then among the
/// requests of each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct TenantId(pub u128);

/// The task of a request.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Task {
    /// Completions are to be generated.
    #[default]
    Generate,
    /// The final hidden states of the prompt are to be put together.
    Embed(Pooling),
    /// The prompt is a pair of texts that the model's head scores.
    Score,
}

/// A request for completions, an embedding or a score.
#[derive(Clone, Debug)]
pub struct Request {
    /// Token ids of the prompt, beginning token included.
    pub prompt: Vec<TokenId>,
    /// Settings by which tokens are picked.
    pub sampling: Sampling,
    /// Largest number of tokens generated; up to the end of the context if `None`.
    pub max_tokens: Option<usize>,
    /// Strings that end the completion; they are not part of it.
    pub stop: Vec<String>,
    /// Tokens that end the completion beside the model's own; they are not part of it.
    pub stop_tokens: Vec<TokenId>,
    /// Whether the completion goes on past the model's end tokens.
    pub ignore_eos: bool,
    /// Bounds beyond which a completion that repeats itself is broken off; never if `None`.
    pub repetition: Option<RepetitionBounds>,
    /// Number of best tokens whose log-probabilities are reported with that of each token; `None` for no report.
    pub top_logprobs: Option<usize>,
    /// Number of best tokens whose log-probabilities are reported with those of the prompt's tokens, told once for all
    /// choices ([`Sink::prompt`]); `None` for no report.
    pub prompt_logprobs: Option<usize>,
    /// Whether the token that ends the text is told, too: it counts as generated, and has no text.
    pub tell_end: bool,
    /// Number of completions of the prompt, each with a random stream of its own; the first is that of a request for
    /// one.
    pub n_choices: usize,
    /// Priority: the higher, the sooner; of equals, the first to come. One more is worth a minute of waiting. It
    /// decides among tenants that have as many sequences before it; of those that are written to, one a second gives
    /// way to it, and each once.
    pub priority: i32,
    /// Time after which the completion is ended, the queue included.
    pub time_limit: Option<Duration>,
    /// Tenant for whom the request is computed.
    pub tenant: TenantId,
    /// Scope whose cached prefixes the request may read and leave.
    pub scope: CacheScope,
    /// Whether the request reads and leaves cached prefixes.
    pub use_cache: bool,
    /// Whether drafts may be verified for it, where the engine has a drafter: the text is the same.
    pub speculate: bool,
    /// Control tokens that are spelled out in the text.
    pub spelled: Vec<TokenId>,
    /// Grammar that completions must be sentences of.
    pub grammar: Option<Grammar>,
    /// Task of the request: a completion, an embedding or a score.
    pub task: Task,
    /// How strongly each adapter of the model is added, as many as it has; `None` for what the model was given them
    /// with.
    pub adapters: Option<Arc<[f32]>>,
}

impl Request {
    /// Makes a request for `prompt` with the default settings.
    pub fn new(prompt: Vec<TokenId>) -> Self {
        Self {
            prompt,
            sampling: Sampling::default(),
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
            tenant: TenantId::default(),
            scope: CacheScope::default(),
            use_cache: true,
            speculate: true,
            spelled: Vec::new(),
            grammar: None,
            task: Task::Generate,
            adapters: None,
        }
    }

    /// Checks everything that can be refused without a model.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.sampling.check()?;
        if self.stop.len() > STOP_STRINGS_MAX {
            return Err(Error::Stop { what: format!("{} stop strings", self.stop.len()), max: STOP_STRINGS_MAX });
        }
        if let Some(long) = self.stop.iter().find(|s| s.len() > STOP_BYTES_MAX) {
            return Err(Error::Stop { what: format!("a stop string of {} bytes", long.len()), max: STOP_BYTES_MAX });
        }
        if self.stop_tokens.len() > STOP_TOKENS_MAX {
            return Err(Error::Stop { what: format!("{} stop tokens", self.stop_tokens.len()), max: STOP_TOKENS_MAX });
        }
        self.repetition.as_ref().map_or(Ok(()), RepetitionBounds::check)?;
        let refuse = |parameter, value: String, expected| Err(Error::Parameter { parameter, value, expected });
        if let Some(n) = self.top_logprobs.filter(|n| *n > TOP_LOGPROBS_MAX) {
            return refuse("top_logprobs", n.to_string(), format!("0 to {TOP_LOGPROBS_MAX}"));
        }
        if let Some(n) = self.prompt_logprobs.filter(|n| *n > PROMPT_TOP_LOGPROBS_MAX) {
            return refuse("prompt_logprobs", n.to_string(), format!("0 to {PROMPT_TOP_LOGPROBS_MAX}"));
        }
        if self.task == Task::Embed(Pooling::Rank) {
            return refuse("pooling", Pooling::Rank.to_string(), "none, mean, cls or last".to_owned());
        }
        let scales = self.adapters.as_deref().unwrap_or_default();
        if let Some(scale) = scales.iter().find(|scale| !ADAPTER_SCALE.contains(f64::from(**scale))) {
            return refuse("lora", format!("scale {scale}"), ADAPTER_SCALE.to_string());
        }
        if !(1..=CHOICES_MAX).contains(&self.n_choices) {
            return refuse("n", self.n_choices.to_string(), format!("1 to {CHOICES_MAX}"));
        }
        if !PRIORITY.contains(self.priority) {
            return refuse("priority", self.priority.to_string(), PRIORITY.to_string());
        }
        Ok(())
    }
}

/// Natural log-probabilities at one step, of the model's own distribution (before penalties and truncation).
#[derive(Clone, PartialEq, Debug)]
pub struct Logprobs {
    /// Log-probability of the token that was picked, or that stands in the prompt.
    pub picked: f32,
    /// Number of tokens that are at least as probable as the picked one, itself among them.
    pub rank: usize,
    /// The best tokens, best first.
    pub top: Vec<(TokenId, f32)>,
}

/// A moment between two steps: after a part of the prompt, after a token, or at the end, when held-back text becomes
/// certain.
#[derive(Clone, PartialEq, Debug)]
pub struct Event<'a> {
    /// Index of the completion among those of the request.
    pub choice: usize,
    /// The token that was generated, if one was.
    pub token: Option<TokenId>,
    /// Text that is now certain: whole characters that can no longer become part of a stop string. Often empty.
    pub text: &'a str,
    /// Log-probabilities of the token, if the request asks for them.
    pub logprobs: Option<&'a Logprobs>,
}

/// The receiver of a request's events. Called between two steps by the engine's thread, so it must not block.
pub trait Sink: Send {
    /// Takes an event; `Break` cancels the request.
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()>;
    /// Takes the log-probabilities of all tokens of the prompt but the first, where the request asks for them. Comes
    /// once, before the first event of any choice that has a token or text.
    fn prompt(&mut self, _logprobs: Vec<Logprobs>) {}
    /// Takes the first step of a choice, of whose prompt `n_cached` tokens were cached. Comes once for each, before its
    /// first event.
    fn begun(&mut self, _n_cached: usize) {}
    /// Takes the charge of a choice, however it ends: so many tokens of the prompt, those that were cached among them,
    /// and so many generated. Comes once for each, before its end.
    fn charge(&mut self, _n_prompt: usize, _n_completion: usize) {}
    /// Takes the end of a choice; comes exactly once for each.
    fn finish(&mut self, choice: usize, end: Result<Completion, Error>);
    /// Whether anybody still listens; if not, the request is cancelled before the next step.
    fn is_open(&self) -> bool {
        true
    }
    /// Whether there is room for the events of a step; if not, the request waits, but not for ever.
    fn has_room(&self) -> bool {
        true
    }
}

/// A reason why a completion ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FinishReason {
    /// The model's end token was picked.
    EndOfGeneration,
    /// A stop string was completed.
    StopString,
    /// The limit `max_tokens`, or the end of the context, was reached.
    Length,
    /// It repeated itself for too long, by the request's bounds.
    Repetition,
    /// The caller broke off, went away, or read too slowly.
    Cancelled,
    /// The time limit was reached.
    TimedOut,
}

/// The end of a completion, and what it took.
#[derive(Clone, PartialEq, Debug)]
pub struct Completion {
    /// Reason why the completion ended.
    pub finish_reason: FinishReason,
    /// Index of the request's stop string that ended it.
    pub stop_string: Option<usize>,
    /// Number of tokens of the prompt.
    pub n_prompt: usize,
    /// Number of tokens of the prompt whose keys and values were still cached.
    pub n_cached: usize,
    /// Number of tokens generated, the end token not counted unless it was told.
    pub n_completion: usize,
    /// Number of tokens that a drafter proposed.
    pub n_drafted: usize,
    /// Number of proposed tokens that were right.
    pub n_accepted: usize,
    /// The final hidden states of the prompt, if that was the task: one row, or without pooling one for each token; or
    /// the score alone, if that was.
    pub embedding: Option<Vec<f32>>,
    /// Time in the queue before anything was computed.
    pub queue_seconds: f64,
    /// Time to compute the prompt.
    pub prefill_seconds: f64,
    /// Time from the first token to the last.
    pub decode_seconds: f64,
}
