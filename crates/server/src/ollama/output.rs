//! Answers of `/api/generate` and `/api/chat`: the same, but for where the text stands.

use std::time::{Duration, Instant};

use axum::response::Response;
use serde_json::{Map, Value, json};
use tokenizer::Tokenizer;

use super::names;
use crate::{
    App,
    error::ApiError,
    generation::{EndReason, Ended, Generation, Piece, Update},
    refusal::{self, Shape},
    sse::{self, Framing},
    wire::{self, ContentLogprob, json_response},
};

/// The route that answers, which decides where the text stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Generate,
    Chat,
}

/// The head of an answer: what all lines of it repeat, and when it began.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) form: Form,
    /// Name of the model as the client spelled it.
    pub(super) model: String,
    pub(super) started: Instant,
    pub(super) load_time: Duration,
    /// Prompt, if the answer is to say how to go on from it.
    pub(super) context: Option<Vec<u32>>,
}

/// The output since the last line.
#[derive(Debug, Default)]
struct Said {
    text: String,
    thinking: String,
    calls: Vec<Value>,
    logprobs: Vec<ContentLogprob>,
}

impl Said {
    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.thinking.is_empty() && self.calls.is_empty()
    }
}

/// A reader of one choice's output.
#[derive(Debug, Default)]
struct Reader {
    said: Said,
    /// Call whose arguments are not complete: number, id, name, arguments.
    open: Option<(usize, String, String, String)>,
    tokens: Vec<u32>,
}

impl Reader {
    fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.said.text += &text,
            Piece::Reasoning(text) => self.said.thinking += &text,
            Piece::ToolCallStart { index, id, name } => {
                self.close();
                self.open = Some((index, id, name, String::new()));
            }
            Piece::ToolCallArguments { text, .. } => {
                if let Some((.., arguments)) = &mut self.open {
                    arguments.push_str(&text);
                }
            }
        }
    }

    /// Ends an open call, which is told when it is complete; one that the end of the tokens cut off is none.
    fn close(&mut self) {
        let Some((index, id, name, arguments)) = self.open.take() else { return };
        if let Ok(arguments) = serde_json::from_str::<Map<String, Value>>(&arguments) {
            let function = json!({"index": index, "name": name, "arguments": arguments});
            self.said.calls.push(json!({"id": id, "function": function}));
        }
    }

    fn update(&mut self, update: Update, tokenizer: &Tokenizer) -> Option<Ended> {
        match update {
            Update::Progress { token, pieces, .. } => {
                if let Some(token) = token {
                    self.said.logprobs.extend(wire::content(tokenizer, &token));
                    self.tokens.push(token.id.0);
                }
                pieces.into_iter().for_each(|piece| self.push(piece));
                None
            }
            Update::Finished { ended, .. } => {
                self.close();
                Some(ended)
            }
        }
    }
}

/// Answers in lines or in one piece.
pub(super) async fn respond(
    app: &App,
    head: Head,
    mut generation: Generation,
    is_stream: bool,
) -> Result<Response, ApiError> {
    let lease = generation.lease().clone();
    let mut reader = Reader::default();
    if !is_stream {
        while let Some(update) = generation.next().await {
            if let Some(ended) = reader.update(update?, lease.handle.tokenizer()) {
                return json_response(&head.last(reader, &ended, lease.handle.tokenizer()));
            }
        }
        return Err(refusal::internal());
    }
    let guard = app.metrics().model(&lease.id).open_stream();
    let on_panic = refusal::json_of(&refusal::internal(), Shape::Ollama, None);
    Ok(sse::respond(Framing::JsonLines, app.metrics(), &on_panic, |writer| async move {
        let _guard = guard;
        let tokenizer = lease.handle.tokenizer();
        while let Some(update) = generation.next().await {
            match update.map(|update| reader.update(update, tokenizer)) {
                Ok(None) if reader.said.is_empty() => {}
                Ok(None) => {
                    let said = std::mem::take(&mut reader.said);
                    writer.data(&head.line(said)).await;
                }
                Ok(Some(ended)) => {
                    if !reader.said.is_empty() {
                        let said = std::mem::take(&mut reader.said);
                        writer.data(&head.line(said)).await;
                    }
                    writer.data(&head.last(std::mem::take(&mut reader), &ended, tokenizer)).await;
                }
                Err(error) => {
                    writer.data(&refusal::json_of(&error, Shape::Ollama, None)).await;
                    return;
                }
            }
        }
    }))
}

impl Head {
    /// Writes a line before the last.
    fn line(&self, said: Said) -> Value {
        Value::Object(self.entries(said, false))
    }

    /// Writes the last line, or the whole answer.
    fn last(&self, reader: Reader, ended: &Ended, tokenizer: &Tokenizer) -> Value {
        let Reader { said, tokens, .. } = reader;
        let mut entries = self.entries(said, true);
        let reason = match ended.reason {
            EndReason::EndOfGeneration | EndReason::StopString(_) | EndReason::ToolCalls => "stop",
            EndReason::Length | EndReason::Repetition | EndReason::TimedOut => "length",
        };
        entries.insert("done_reason".to_owned(), reason.into());
        if let Some(prompt) = &self.context {
            // The end of the turn is part of what the model reads next time.
            let end = tokenizer.eos().filter(|_| ended.reason == EndReason::EndOfGeneration).map(|id| id.0);
            let context: Vec<u32> = prompt.iter().copied().chain(tokens).chain(end).collect();
            entries.insert("context".to_owned(), context.into());
        }
        let figures = [
            ("total_duration", nanoseconds(self.started.elapsed())),
            ("load_duration", nanoseconds(self.load_time)),
            ("prompt_eval_count", ended.usage.n_prompt as u64),
            ("prompt_eval_duration", nanoseconds_of(ended.prefill_seconds)),
            ("eval_count", ended.usage.n_completion as u64),
            ("eval_duration", nanoseconds_of(ended.decode_seconds)),
        ];
        entries.extend(figures.map(|(name, value)| (name.to_owned(), value.into())));
        Value::Object(entries)
    }

    /// Writes an answer without a generation: the model was loaded or unloaded.
    pub(super) fn without_output(&self, reason: &str) -> Value {
        let mut entries = self.entries(Said::default(), true);
        entries.insert("done_reason".to_owned(), reason.into());
        Value::Object(entries)
    }

    fn entries(&self, said: Said, is_done: bool) -> Map<String, Value> {
        let Said { text, thinking, calls, logprobs } = said;
        let mut content = Map::new();
        let text_name = match self.form {
            Form::Generate => "response",
            Form::Chat => {
                content.insert("role".to_owned(), "assistant".into());
                "content"
            }
        };
        content.insert(text_name.to_owned(), text.into());
        if !thinking.is_empty() {
            content.insert("thinking".to_owned(), thinking.into());
        }
        if !calls.is_empty() {
            content.insert("tool_calls".to_owned(), calls.into());
        }
        let mut entries = Map::new();
        entries.insert("model".to_owned(), self.model.as_str().into());
        entries.insert("created_at".to_owned(), names::now().into());
        match self.form {
            Form::Generate => entries.extend(content),
            Form::Chat => {
                entries.insert("message".to_owned(), content.into());
            }
        }
        if !logprobs.is_empty() {
            entries.insert("logprobs".to_owned(), json!(logprobs));
        }
        entries.insert("done".to_owned(), is_done.into());
        entries
    }
}

/// Returns a time in nanoseconds, as Ollama counts it.
pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn nanoseconds_of(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds).map_or(0, nanoseconds)
}
