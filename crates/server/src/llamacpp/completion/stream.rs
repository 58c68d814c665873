//! The answer of completions in chunks.

use std::time::Instant;

use axum::response::Response;
use serde_json::{Value, json};

use super::{
    request::Answer,
    response::{self, End},
    watch::Watch,
};
use crate::{
    App,
    generation::{Batch, Generation, Piece, TokenReport, Update},
    models::Lease,
    refusal,
    sse::{self, Framing, Writer},
};

/// Starts the stream of an answer.
pub(super) fn respond(app: &App, lease: &Lease, generations: Vec<Generation>, answer: Answer) -> Response {
    let guard = app.metrics().model(&lease.id).open_stream();
    let on_panic = refusal::llamacpp_json(&refusal::internal());
    let lease = lease.clone();
    sse::respond(Framing::EventStream, app.metrics(), &on_panic, |writer| async move {
        let _guard = guard;
        let mut watches: Vec<Watch> = generations.iter().map(|_| Watch::new(&answer)).collect();
        let n_results = generations.len() * answer.n_choices;
        let n_prompt: Vec<usize> = generations.iter().map(Generation::n_prompt).collect();
        let mut batch = Batch::new(generations);
        let states = (0..n_results).map(|_| ChoiceState::default()).collect();
        let mut chunks = Chunks { lease, answer, writer, states, n_prompt };
        while let Some((prompt, update)) = batch.next().await {
            match update {
                Ok(mut update) => {
                    if let (Some(watch), Some(generation)) = (watches.get_mut(prompt), batch.get(prompt)) {
                        watch.see(generation, &mut update);
                    }
                    chunks.update(prompt, update).await;
                }
                Err(error) => {
                    chunks.writer.data(&refusal::llamacpp_json(&error)).await;
                    return;
                }
            }
        }
    })
}

#[derive(Default)]
struct ChoiceState {
    /// Tokens whose text is still held back.
    tokens: Vec<TokenReport>,
    n_predicted: usize,
    first_token: Option<Instant>,
    has_new_line: bool,
}

struct Chunks {
    lease: Lease,
    answer: Answer,
    writer: Writer,
    states: Vec<ChoiceState>,
    n_prompt: Vec<usize>,
}

impl Chunks {
    async fn update(&mut self, prompt: usize, update: Update) {
        let (Update::Progress { choice, .. } | Update::Finished { choice, .. }) = &update;
        let index = prompt * self.answer.n_choices + choice;
        let Some(state) = self.states.get_mut(index) else { return };
        match update {
            Update::Progress { token, pieces, .. } => {
                if let Some(token) = token {
                    state.n_predicted += 1;
                    state.first_token.get_or_insert_with(Instant::now);
                    state.tokens.push(token);
                }
                let text: String = pieces.iter().map(|piece| if let Piece::Text(t) = piece { t } else { "" }).collect();
                state.has_new_line |= text.contains('\n');
                if !text.is_empty() {
                    let chunk = self.chunk(prompt, index, &text);
                    self.writer.data(&chunk).await;
                }
            }
            Update::Finished { ended, .. } => {
                let (has_new_line, has_left) = (state.has_new_line, !state.tokens.is_empty());
                if has_left {
                    // Tokens without text of their own: part of a stop string, or of a character that never became
                    // whole.
                    let chunk = self.chunk(prompt, index, "");
                    self.writer.data(&chunk).await;
                }
                let end = End { lease: &self.lease, answer: &self.answer, prompt, index, has_new_line, ended: &ended };
                let last = response::selected(end.to_json("", &[]), self.answer.response_fields.as_deref());
                self.writer.data(&last).await;
            }
        }
    }

    fn chunk(&mut self, prompt: usize, index: usize, content: &str) -> Value {
        let tokenizer = self.lease.handle.tokenizer();
        let Some(state) = self.states.get_mut(index) else { return Value::Null };
        let tokens = std::mem::take(&mut state.tokens);
        let mut chunk = json!({
            "index": index,
            "content": content,
            "tokens": tokens.iter().map(|token| token.id.0).collect::<Vec<_>>(),
            "stop": false,
            "id_slot": self.answer.id_slot,
            "tokens_predicted": state.n_predicted,
            "tokens_evaluated": self.n_prompt.get(prompt),
        });
        let Some(fields) = chunk.as_object_mut() else { return chunk };
        if let (true, Some(first)) = (self.answer.timings_per_token, state.first_token) {
            let (n, ms) = (state.n_predicted, first.elapsed().as_secs_f64() * 1000.0);
            // What the prompt took is known to the engine alone until the end.
            fields.insert("timings".to_owned(), json!({"predicted_n": n, "predicted_ms": ms}));
        }
        if self.answer.has_probs {
            let probs = tokens.iter().filter_map(|token| response::probability(tokenizer, token)).collect();
            fields.insert("completion_probabilities".to_owned(), Value::Array(probs));
        }
        chunk
    }
}
