//! The body of `/v1/completions`.

use tokenizer::TokenId;

use crate::{
    Caller,
    error::ApiError,
    generation::GenerationRequest,
    limits,
    models::Lease,
    openai::{
        constraint::ResponseFormat,
        fields::{Ignored, StreamOptions, common_fields, count, out_of_range, request_type, unsupported},
        values::{Inputs, TextOrIds},
    },
    prompt::{self, FillParts},
};

/// Tokens of a completion that does not say how many it wants: OpenAI's default.
const MAX_TOKENS_DEFAULT: usize = 16;

common_fields!(request_type! {
    /// Everything that can be asked; what is not listed is refused by name.
    struct CompletionRequest {
        model: Option<String>,
        prompt: Inputs,
        suffix: Option<String>,
        stream: Option<bool>,
        stream_options: Option<StreamOptions>,
        max_tokens: Option<i64>,
        logprobs: Option<i64>,
        echo: Option<bool>,
        best_of: Option<i64>,
        /// Not OpenAI's here, but of other servers.
        response_format: Option<ResponseFormat>,
        #[serde(rename = "user")]
        _user: Ignored,
    }
});

/// How the answer is to be written.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) is_stream: bool,
    pub(super) include_usage: bool,
    /// Choices of each prompt.
    pub(super) n_choices: usize,
    /// What stands before the output, for each prompt.
    pub(super) echoes: Vec<String>,
    pub(super) has_logprobs: bool,
}

pub(super) struct Prepared {
    pub(super) requests: Vec<GenerationRequest>,
    pub(super) answer: Answer,
}

impl CompletionRequest {
    /// Checks everything and turns the prompts into ids. Long work: not for the threads that serve.
    pub(super) fn prepare(mut self, lease: &Lease, caller: &Caller) -> Result<Prepared, ApiError> {
        let is_stream = self.stream.unwrap_or(false);
        let include_usage = StreamOptions::include_usage(self.stream_options.take(), is_stream)?;
        let mut request = GenerationRequest::new(Vec::new(), "prompt");
        self.take_common().apply(&mut request, caller)?;
        request.max_tokens =
            Some(self.max_tokens.map_or(Ok(MAX_TOKENS_DEFAULT), |n| count("max_tokens", n, 0, usize::MAX))?);
        let max = limits::TOP_LOGPROBS_MAX;
        request.top_logprobs = self.logprobs.map(|n| count("logprobs", n, 0, max)).transpose()?;
        if let Some(source) = self.response_format.take().map(ResponseFormat::source).transpose()?.flatten() {
            if let Some((_, other)) = &request.grammar {
                let message = format!("response_format: {other} already says what the output must look like");
                return Err(ApiError::invalid("response_format", message));
            }
            request.grammar = Some((source, "response_format"));
        }
        let n_choices = request.n_choices;
        let has_logprobs = request.top_logprobs.is_some();
        self.apply_best_of(&mut request, is_stream)?;
        if self.echo == Some(true) && has_logprobs {
            return Err(unsupported("echo", "together with logprobs: this server keeps none of the prompt"));
        }
        let n_prompts = self.prompt.list.len();
        if n_prompts == 0 || n_prompts > limits::PROMPTS_MAX {
            return Err(out_of_range(
                "prompt",
                format!("{n_prompts} prompts"),
                &format!("1 to {}", limits::PROMPTS_MAX),
            ));
        }
        let mut answer = Answer { is_stream, include_usage, n_choices, echoes: Vec::new(), has_logprobs };
        let mut requests = Vec::with_capacity(n_prompts);
        for input in std::mem::take(&mut self.prompt.list) {
            if self.echo == Some(true) {
                answer.echoes.push(text_of(&input, lease));
            }
            requests.push(GenerationRequest { prompt: self.ids(input, lease)?, ..request.clone() });
        }
        Ok(Prepared { requests, answer })
    }

    /// More choices are computed than are answered; the most probable are kept.
    fn apply_best_of(&self, request: &mut GenerationRequest, is_stream: bool) -> Result<(), ApiError> {
        let Some(best_of) = self.best_of else { return Ok(()) };
        let best_of = count("best_of", best_of, request.n_choices, limits::CHOICES_MAX)?;
        if best_of > request.n_choices {
            if is_stream {
                return Err(unsupported("best_of", "together with stream: the best is known at the end"));
            }
            request.n_choices = best_of;
            request.top_logprobs = request.top_logprobs.or(Some(0));
        }
        Ok(())
    }

    fn ids(&self, input: TextOrIds, lease: &Lease) -> Result<Vec<TokenId>, ApiError> {
        let tokenizer = lease.handle.tokenizer();
        match (input, self.suffix.as_deref().filter(|s| !s.is_empty())) {
            (TextOrIds::Text(prefix), Some(suffix)) => {
                prompt::encode_fill(tokenizer, &FillParts { prefix: &prefix, suffix, ..FillParts::default() })
            }
            (TextOrIds::Ids(_), Some(_)) => Err(unsupported("suffix", "only with a prompt of text")),
            (TextOrIds::Text(text), None) => Ok(prompt::encode_text(tokenizer, &text)),
            (TextOrIds::Ids(ids), None) => Ok(ids.into_iter().map(TokenId).collect()),
        }
    }
}

fn text_of(input: &TextOrIds, lease: &Lease) -> String {
    match input {
        TextOrIds::Text(text) => text.clone(),
        TextOrIds::Ids(ids) => {
            let ids: Vec<TokenId> = ids.iter().copied().map(TokenId).collect();
            String::from_utf8_lossy(&lease.handle.tokenizer().decode(&ids, true)).into_owned()
        }
    }
}
