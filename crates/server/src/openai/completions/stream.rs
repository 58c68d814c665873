//! The answer of completions in chunks.

use std::sync::Arc;

use axum::response::Response;
use engine::Logprobs;
use tokenizer::Tokenizer;

use super::{
    request::Answer,
    response::{ChoiceWire, Completion},
};
use crate::{
    App,
    generation::{Batch, Generation, Piece, TokensUsed, Update},
    models::Lease,
    openai::Head,
    openai::{
        finish_reason,
        logprobs::CompletionLogprobs,
        usage::{Usage, UsageField},
    },
    refusal,
    sse::{self, Framing, Writer},
    wire::Timings,
};

/// Starts the stream of an answer.
pub(super) fn respond(app: &App, head: Head, lease: &Lease, generations: Vec<Generation>, answer: Answer) -> Response {
    let guard = app.metrics().model(&head.model).open_stream();
    let tokenizer = Arc::clone(lease.handle.tokenizer());
    sse::respond(Framing::EventStream, app.metrics(), &refusal::internal_json(), |writer| async move {
        let _guard = guard;
        let n_prompts = generations.len();
        let mut batch = Batch::new(generations);
        let states = (0..n_prompts * answer.n_choices).map(|_| ChoiceState::default()).collect();
        let used = vec![TokensUsed::default(); n_prompts];
        let mut chunks = Chunks { head, answer, writer, states, used };
        while let Some((prompt, update)) = batch.next().await {
            match update {
                Ok(update) => {
                    let of_prompt = batch.get(prompt).map_or(&[][..], Generation::prompt_logprobs);
                    chunks.update(&tokenizer, prompt, of_prompt, update).await;
                }
                Err(error) => {
                    chunks.writer.data(&refusal::openai_json(&error)).await;
                    return;
                }
            }
        }
        chunks.end().await;
    })
}

#[derive(Default)]
struct ChoiceState {
    has_begun: bool,
    /// Log-probabilities of the tokens whose text is still held back.
    logprobs: CompletionLogprobs,
    offset: usize,
}

struct Chunks {
    head: Head,
    answer: Answer,
    writer: Writer,
    states: Vec<ChoiceState>,
    used: Vec<TokensUsed>,
}

impl Chunks {
    async fn update(&mut self, tokenizer: &Tokenizer, prompt: usize, of_prompt: &[Logprobs], update: Update) {
        let (Update::Progress { choice, .. } | Update::Finished { choice, .. }) = &update;
        let index = prompt * self.answer.n_choices + choice;
        let Some(state) = self.states.get_mut(index) else { return };
        let (mut text, mut timings) = (String::new(), None);
        if !std::mem::replace(&mut state.has_begun, true) {
            text += self.answer.echo(prompt);
            (state.logprobs, state.offset) = self.answer.begin(prompt, tokenizer, of_prompt);
        }
        let finish_reason = match update {
            Update::Progress { token, pieces, .. } => {
                if let Some(token) = token {
                    state.offset = state.logprobs.push(tokenizer, &token, state.offset);
                }
                for piece in pieces {
                    if let Piece::Text(piece) = piece {
                        text += &piece;
                    }
                }
                None
            }
            Update::Finished { ended, .. } => {
                if let Some(used) = self.used.get_mut(prompt) {
                    *used = used.with(&ended.usage);
                }
                timings = Some(Timings::from(&ended));
                Some(finish_reason(ended.reason))
            }
        };
        if text.is_empty() && finish_reason.is_none() {
            return;
        }
        let logprobs = std::mem::take(&mut state.logprobs);
        let logprobs = (!logprobs.is_empty()).then_some(logprobs);
        let choice = ChoiceWire { text, index, logprobs, finish_reason, prompt_logprobs: None };
        self.write(vec![choice], None, timings).await;
    }

    async fn write(&self, choices: Vec<ChoiceWire>, usage: Option<Usage>, timings: Option<Timings>) {
        let usage = UsageField::in_stream(self.answer.include_usage, usage);
        self.writer.data(&Completion { timings, ..Completion::new(&self.head, choices, usage) }).await;
    }

    async fn end(&self) {
        if self.answer.include_usage {
            let used = self.used.iter().fold(TokensUsed::default(), TokensUsed::beside);
            self.write(Vec::new(), Some(used.into()), None).await;
        }
        self.writer.done().await;
    }
}
