//! The answer of chat completions in chunks.

use axum::response::Response;
use serde::Serialize;
use tokenizer::Tokenizer;

use super::request::Answer;
use crate::{
    App,
    generation::{Generation, Piece, TokensUsed, Update},
    openai::Head,
    openai::{
        finish_reason,
        logprobs::{self, ChatLogprobs, ContentLogprob},
        usage::{Usage, UsageField},
    },
    refusal,
    sse::{self, Framing, Writer},
    wire::Timings,
};

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    service_tier: &'static str,
    system_fingerprint: &'a str,
    choices: &'a [ChunkChoice<'a>],
    #[serde(skip_serializing_if = "UsageField::is_absent")]
    usage: UsageField,
    /// Times of the request, at the end of a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    timings: Option<Timings>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: usize,
    delta: Delta<'a>,
    logprobs: Option<ChatLogprobs>,
    finish_reason: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

fn delta(piece: &Piece) -> Delta<'_> {
    let call = |call| Delta { tool_calls: Some([call]), ..Delta::default() };
    match piece {
        Piece::Text(text) => Delta { content: Some(text), ..Delta::default() },
        Piece::Reasoning(text) => Delta { reasoning_content: Some(text), ..Delta::default() },
        Piece::ToolCallStart { index, id, name } => call(CallDelta {
            index: *index,
            id: Some(id),
            kind: Some("function"),
            function: FunctionDelta { name: Some(name), arguments: "" },
        }),
        Piece::ToolCallArguments { index, text } => call(CallDelta {
            index: *index,
            id: None,
            kind: None,
            function: FunctionDelta { name: None, arguments: text },
        }),
    }
}

/// Starts the stream of an answer.
pub(super) fn respond(app: &App, head: Head, mut generation: Generation, answer: Answer) -> Response {
    let guard = app.metrics().model(&head.model).open_stream();
    sse::respond(Framing::EventStream, app.metrics(), &refusal::internal_json(), |writer| async move {
        let _guard = guard;
        let tokenizer = std::sync::Arc::clone(generation.lease().handle.tokenizer());
        let mut chunks =
            Chunks { head, answer, writer, states: Vec::new(), used: TokensUsed::default(), timings: None };
        while let Some(update) = generation.next().await {
            match update {
                Ok(update) => chunks.update(&tokenizer, update).await,
                Err(error) => {
                    chunks.writer.data(&refusal::openai_json(&error)).await;
                    return;
                }
            }
        }
        chunks.end().await;
    })
}

struct Chunks {
    head: Head,
    answer: Answer,
    writer: Writer,
    states: Vec<ChoiceState>,
    used: TokensUsed,
    /// Times for the chunk that is written next.
    timings: Option<Timings>,
}

#[derive(Default)]
struct ChoiceState {
    has_begun: bool,
    /// Log-probabilities of the tokens whose text is still held back.
    logprobs: Vec<ContentLogprob>,
}

impl Chunks {
    async fn update(&mut self, tokenizer: &Tokenizer, update: Update) {
        let (Update::Progress { choice, .. } | Update::Finished { choice, .. }) = &update;
        let index = *choice;
        if self.states.len() <= index {
            self.states.resize_with(index + 1, ChoiceState::default);
        }
        let Some(state) = self.states.get_mut(index) else { return };
        if !std::mem::replace(&mut state.has_begun, true) {
            self.chunk(index, Delta { role: Some("assistant"), content: Some(""), ..Delta::default() }, None, None)
                .await;
        }
        match update {
            Update::Progress { token, pieces, .. } => {
                let entry = token.and_then(|token| logprobs::content(tokenizer, &token));
                if let Some(state) = self.states.get_mut(index) {
                    state.logprobs.extend(entry);
                }
                for piece in &pieces {
                    let logprobs = self.take_logprobs(index);
                    self.chunk(index, delta(piece), logprobs, None).await;
                }
            }
            Update::Finished { ended, .. } => {
                self.used = self.used.with(&ended.usage);
                self.timings = Some(Timings::from(&ended));
                let logprobs = self.take_logprobs(index);
                self.chunk(index, Delta::default(), logprobs, Some(finish_reason(ended.reason))).await;
                self.timings = None;
            }
        }
    }

    fn take_logprobs(&mut self, index: usize) -> Option<ChatLogprobs> {
        let entries = self.states.get_mut(index).map(|state| std::mem::take(&mut state.logprobs)).unwrap_or_default();
        (!entries.is_empty()).then(|| logprobs::chat(entries))
    }

    async fn chunk(
        &self,
        index: usize,
        delta: Delta<'_>,
        logprobs: Option<ChatLogprobs>,
        finish_reason: Option<&'static str>,
    ) {
        self.write(&[ChunkChoice { index, delta, logprobs, finish_reason }], None).await;
    }

    async fn write(&self, choices: &[ChunkChoice<'_>], usage: Option<Usage>) {
        let chunk = Chunk {
            id: &self.head.id,
            object: "chat.completion.chunk",
            created: self.head.created,
            model: &self.head.model,
            service_tier: "default",
            system_fingerprint: &self.head.fingerprint,
            choices,
            usage: UsageField::in_stream(self.answer.include_usage, usage),
            timings: self.timings,
        };
        self.writer.data(&chunk).await;
    }

    async fn end(&self) {
        if self.answer.include_usage {
            self.write(&[], Some(self.used.into())).await;
        }
        self.writer.done().await;
    }
}
