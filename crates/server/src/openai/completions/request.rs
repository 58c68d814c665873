//! The body of `/v1/completions`.

use engine::Logprobs;
use prompt::FillParts;
use tokenizer::{TokenId, Tokenizer};

use crate::{
    blocking::Asked,
    error::ApiError,
    generation::GenerationRequest,
    limits,
    models::Lease,
    openai::{
        constraint::ResponseFormat,
        fields::{Ignored, StreamOptions, common_fields, count, out_of_range, request_type, unsupported},
        logprobs::{CompletionLogprobs, check_prompt_logprobs},
        values::{Inputs, TextOrIds},
    },
    wire::first_tokens_max,
};

/// Largest number of tokens of a completion that does not say how many it wants: OpenAI's default.
const MAX_TOKENS_DEFAULT: usize = 16;

common_fields!(request_type! {
    /// The body of `/v1/completions`; a field that is not listed is refused by name.
    struct CompletionRequest {
        model: Option<String>,
        prompt: Inputs,
        suffix: Option<String>,
        stream: Option<bool>,
        stream_options: Option<StreamOptions>,
        max_tokens: Option<i64>,
        /// Largest number of tokens by llama.cpp's name of it.
        n_predict: Option<i64>,
        logprobs: Option<i64>,
        echo: Option<bool>,
        /// Number of tokens reported beside each of the prompt, in vLLM's form.
        prompt_logprobs: Option<i64>,
        best_of: Option<i64>,
        /// Format of the output, a field of other servers for this route.
        response_format: Option<ResponseFormat>,
        #[serde(rename = "user")]
        _user: Ignored,
    }
});

/// The way in which the answer is to be written.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) is_stream: bool,
    pub(super) include_usage: bool,
    /// Number of choices of each prompt.
    pub(super) n_choices: usize,
    /// Text that stands before the output, for each prompt.
    pub(super) echoes: Vec<Echo>,
    /// Number of the best tokens reported with each token.
    pub(super) logprobs: Option<usize>,
    /// Number of the best tokens reported with each token of the prompts, in the form of vLLM's `prompt_logprobs`.
    pub(super) prompt_logprobs: Option<usize>,
    pub(super) prompts: Vec<Vec<TokenId>>,
}

/// A prompt that is echoed before its output.
#[derive(Clone, Debug)]
pub(super) struct Echo {
    pub(super) text: String,
    /// Whether control tokens are part of the text.
    pub(super) spells_control: bool,
}

impl Answer {
    /// Begins the log-probabilities of a choice of the prompt at index `prompt`, with those of the prompt if it is
    /// echoed; returns them and the character at which the output begins.
    pub(super) fn begin(
        &self,
        prompt: usize,
        tokenizer: &Tokenizer,
        of_prompt: &[Logprobs],
    ) -> (CompletionLogprobs, usize) {
        let mut logprobs = CompletionLogprobs::default();
        let Some(echo) = self.echoes.get(prompt) else { return (logprobs, 0) };
        if let (Some(n_top), Some(prompt)) = (self.logprobs, self.prompts.get(prompt)) {
            logprobs.push_prompt(tokenizer, prompt, of_prompt, n_top, echo.spells_control);
        }
        (logprobs, echo.text.chars().count())
    }

    /// Returns the text before the output of a prompt.
    pub(super) fn echo(&self, prompt: usize) -> &str {
        self.echoes.get(prompt).map_or("", |echo| echo.text.as_str())
    }
}

pub(super) struct Prepared {
    pub(super) requests: Vec<GenerationRequest>,
    pub(super) answer: Answer,
}

impl CompletionRequest {
    /// Checks all fields and turns the prompts into ids. Takes long, so it must not run on the threads that serve.
    pub(super) fn prepare(mut self, asked: Asked<'_>) -> Result<Prepared, ApiError> {
        let Asked { lease, caller, .. } = asked;
        let is_stream = self.stream.unwrap_or(false);
        let include_usage = StreamOptions::include_usage(self.stream_options.take(), is_stream)?;
        let mut request = GenerationRequest::new(Vec::new(), "prompt");
        self.take_common().apply(&mut request, lease, caller)?;
        let given = [("max_tokens", self.max_tokens), ("n_predict", self.n_predict)];
        request.engine.max_tokens = first_tokens_max(&given, 0, Some(MAX_TOKENS_DEFAULT))?;
        let max = limits::TOP_LOGPROBS_MAX;
        let logprobs = self.logprobs.map(|n| count("logprobs", n, 0, max)).transpose()?;
        request.engine.top_logprobs = logprobs.or(request.engine.top_logprobs);
        let prompt_logprobs = self.prompt_logprobs.map(|n| count("prompt_logprobs", n, 0, max)).transpose()?;
        if prompt_logprobs.is_some() && is_stream {
            return Err(unsupported("prompt_logprobs", "not in a stream, which echo together with logprobs can be"));
        }
        let is_echo = self.echo == Some(true);
        let logprobs = request.engine.top_logprobs;
        if is_echo && logprobs.is_some() && self.suffix.as_deref().is_some_and(|suffix| !suffix.is_empty()) {
            return Err(unsupported("suffix", "together with echo and logprobs: it is no part of the text"));
        }
        request.engine.prompt_logprobs = logprobs.filter(|_| is_echo).max(prompt_logprobs);
        // Clients that score a prompt take away the one token that they had to ask for: it must be there, even if it
        // ends the text.
        request.engine.tell_end = is_echo && logprobs.is_some();
        if let Some(source) = self.response_format.take().map(ResponseFormat::source).transpose()?.flatten() {
            if let Some((_, other)) = &request.grammar {
                let message = format!("response_format: {other} already says what the output must look like");
                return Err(ApiError::invalid("response_format", message));
            }
            request.grammar = Some((source, "response_format"));
        }
        let n_choices = request.engine.n_choices;
        self.apply_best_of(&mut request, is_stream)?;
        let n_prompts = self.prompt.list.len();
        if n_prompts == 0 || n_prompts > limits::PROMPTS_MAX {
            return Err(out_of_range(
                "prompt",
                format!("{n_prompts} prompts"),
                &format!("1 to {}", limits::PROMPTS_MAX),
            ));
        }
        let mut answer = Answer { is_stream, include_usage, n_choices, logprobs, prompt_logprobs, ..Answer::default() };
        let mut requests = Vec::with_capacity(n_prompts);
        for input in std::mem::take(&mut self.prompt.list) {
            if is_echo {
                answer.echoes.push(Echo::new(&input, lease));
            }
            let prompt = self.ids(input, lease)?;
            if request.engine.prompt_logprobs.is_some() {
                answer.prompts.push(prompt.clone());
            }
            requests.push(request.with_prompt(prompt));
        }
        if let Some(n_top) = request.engine.prompt_logprobs {
            let n_tokens = answer.prompts.iter().map(Vec::len).sum();
            check_prompt_logprobs(if is_echo { "logprobs" } else { "prompt_logprobs" }, n_tokens, n_top)?;
        }
        Ok(Prepared { requests, answer })
    }

    /// Sets the number of choices that are computed; more than are answered with `best_of`, of which the most probable
    /// are kept.
    fn apply_best_of(&self, request: &mut GenerationRequest, is_stream: bool) -> Result<(), ApiError> {
        let Some(best_of) = self.best_of else { return Ok(()) };
        let best_of = count("best_of", best_of, request.engine.n_choices, limits::CHOICES_MAX)?;
        if best_of > request.engine.n_choices {
            if is_stream {
                return Err(unsupported("best_of", "together with stream: the best is known at the end"));
            }
            request.engine.n_choices = best_of;
            request.engine.top_logprobs = request.engine.top_logprobs.or(Some(0));
        }
        Ok(())
    }

    fn ids(&self, input: TextOrIds, lease: &Lease) -> Result<Vec<TokenId>, ApiError> {
        let tokenizer = lease.handle.tokenizer();
        match (input, self.suffix.as_deref().filter(|s| !s.is_empty())) {
            (TextOrIds::Text(prefix), Some(suffix)) => {
                lease.fill(&FillParts { prefix: &prefix, suffix, ..FillParts::default() }, usize::MAX)
            }
            (TextOrIds::Ids(_), Some(_)) => Err(unsupported("suffix", "only with a prompt of text")),
            (TextOrIds::Text(text), None) => Ok(prompt::encode_text(tokenizer, &text)),
            (TextOrIds::Ids(ids), None) => Ok(ids.into_iter().map(TokenId).collect()),
        }
    }
}

impl Echo {
    fn new(input: &TextOrIds, lease: &Lease) -> Self {
        match input {
            TextOrIds::Text(text) => Self { text: text.clone(), spells_control: false },
            TextOrIds::Ids(ids) => {
                let ids: Vec<TokenId> = ids.iter().copied().map(TokenId).collect();
                let text = String::from_utf8_lossy(&lease.handle.tokenizer().decode(&ids, true)).into_owned();
                Self { text, spells_control: true }
            }
        }
    }
}
