//! From what the engine tells to lines of JSON.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::{Completion, Event, FinishReason, Logprobs, Sink};
use reply::Reply;
use serde_json::{Map, Value, json};
use tokenizer::{TokenId, Tokenizer};

use crate::{Error, output::Output};

/// What the engine told of one request, and nobody took yet.
enum Letter {
    Begun(usize),
    Text { choice: usize, token: Option<(TokenId, Option<Logprobs>)>, text: String },
    End { choice: usize, end: Result<Completion, engine::Error> },
}

/// Letters of all requests, each with its slot, in the order in which they came.
#[derive(Clone, Default)]
pub(crate) struct Mailbox(Arc<Mutex<Vec<(u64, Letter)>>>);

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Letter)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// The end of the engine that the request of `slot` writes to.
    pub(crate) fn sink(&self, slot: u64) -> Box<dyn Sink> {
        Box::new(Letters { mailbox: self.clone(), slot, n_begun: 0 })
    }

    /// Turns all letters into lines of the requests that `open` holds; those that have ended are taken out.
    pub(crate) fn lines(&self, open: &mut Vec<Open>, tokenizer: &Tokenizer) -> (String, i32) {
        let letters = std::mem::take(&mut *self.lock());
        let (mut text, mut n) = (String::new(), 0);
        for (slot, letter) in letters {
            let Some(request) = open.iter_mut().find(|request| request.slot == slot) else { continue };
            for line in request.lines(letter, tokenizer) {
                text.push_str(&Value::Object(line).to_string());
                text.push('\n');
                n += 1;
            }
            open.retain(|request| request.n_running > 0);
        }
        (text, n)
    }
}

struct Letters {
    mailbox: Mailbox,
    slot: u64,
    n_begun: usize,
}

impl Letters {
    fn put(&self, letter: Letter) {
        self.mailbox.lock().push((self.slot, letter));
    }
}

impl Sink for Letters {
    fn event(&mut self, event: Event<'_>) -> ControlFlow<()> {
        let Event { choice, token, text, logprobs } = event;
        if token.is_some() || !text.is_empty() {
            let token = token.map(|id| (id, logprobs.cloned()));
            self.put(Letter::Text { choice, token, text: text.to_owned() });
        }
        ControlFlow::Continue(())
    }

    fn begun(&mut self, n_cached: usize) {
        // Of several choices the first says what was cached of their prompt.
        if self.n_begun == 0 {
            self.put(Letter::Begun(n_cached));
        }
        self.n_begun += 1;
    }

    fn finish(&mut self, choice: usize, end: Result<Completion, engine::Error>) {
        self.put(Letter::End { choice, end });
    }
}

/// A request that has not ended, as its lines need it.
pub(crate) struct Open {
    /// The page's name of it; texts of one call of `embed` share one.
    pub(crate) id: u32,
    /// Its own name, for its letters.
    slot: u64,
    /// The engine's name of it.
    pub(crate) engine: engine::RequestId,
    n_running: usize,
    outputs: Vec<Output>,
    stops: Vec<String>,
    tells_logprobs: bool,
    /// Which text of its call it is, if it is one of `embed`.
    embedding: Option<usize>,
}

impl Open {
    /// A request for `n` choices.
    pub(crate) fn completion(
        (id, slot): (u32, u64),
        engine: engine::RequestId,
        n: usize,
        reply: Option<(&Reply, bool)>,
        request: &engine::Request,
    ) -> Self {
        let output = |choice: usize| Output::new(reply, format!("call_{id}_{choice}_"));
        Self {
            id,
            slot,
            engine,
            n_running: n,
            outputs: (0..n).map(output).collect(),
            stops: request.stop.clone(),
            tells_logprobs: request.top_logprobs.is_some(),
            embedding: None,
        }
    }

    /// The `index`th text of a call of `embed`.
    pub(crate) fn embedding((id, slot): (u32, u64), engine: engine::RequestId, index: usize) -> Self {
        let (outputs, stops) = (Vec::new(), Vec::new());
        Self { id, slot, engine, n_running: 1, outputs, stops, tells_logprobs: false, embedding: Some(index) }
    }

    fn lines(&mut self, letter: Letter, tokenizer: &Tokenizer) -> Vec<Map<String, Value>> {
        match letter {
            Letter::Begun(_) if self.embedding.is_some() => Vec::new(),
            Letter::Begun(n_cached) => self.line(0, json!({"type": "begun", "cached_tokens": n_cached})),
            Letter::Text { choice, token, text } => {
                let mut lines = Vec::new();
                if let Some((id, Some(logprobs))) = token.as_ref().filter(|_| self.tells_logprobs) {
                    lines.extend(self.line(choice, token_part(*id, logprobs, tokenizer)));
                }
                let Some(output) = self.outputs.get_mut(choice) else { return lines };
                let parts = output.push(&text, token.is_some());
                lines.extend(parts.into_iter().flat_map(|part| self.line(choice, part)));
                lines
            }
            Letter::End { choice, end } => self.ended(choice, end),
        }
    }

    fn ended(&mut self, choice: usize, end: Result<Completion, engine::Error>) -> Vec<Map<String, Value>> {
        self.n_running = self.n_running.saturating_sub(1);
        let completion = match end {
            Ok(completion) => completion,
            Err(error) => return self.line(choice, json!({"type": "error", "error": Error::from(error).to_json()})),
        };
        if let Some(index) = self.embedding {
            return self.line(0, embedded(index, completion));
        }
        let (mut parts, mut n_reasoning, mut has_calls) = (Vec::new(), 0, false);
        if let Some(output) = self.outputs.get_mut(choice) {
            parts = output.finish();
            (n_reasoning, has_calls) = (output.n_reasoning, output.n_calls > 0);
        }
        let stop = completion.stop_string.and_then(|i| self.stops.get(i));
        parts.push(json!({
            "type": "done",
            "finish_reason": finish_word(completion.finish_reason, has_calls),
            "stop": stop,
            "usage": {
                "prompt_tokens": completion.n_prompt,
                "cached_tokens": completion.n_cached,
                "completion_tokens": completion.n_completion,
                "reasoning_tokens": n_reasoning,
            },
            "timings": {
                "queue_ms": completion.queue_seconds * 1000.0,
                "prompt_ms": completion.prefill_seconds * 1000.0,
                "decode_ms": completion.decode_seconds * 1000.0,
            },
        }));
        parts.into_iter().flat_map(|part| self.line(choice, part)).collect()
    }

    /// The line of a `part`: at most one, as an object whose first fields say whose it is.
    fn line(&self, choice: usize, part: Value) -> Vec<Map<String, Value>> {
        let mut line = Map::new();
        line.insert("id".to_owned(), self.id.into());
        if self.embedding.is_none() {
            line.insert("choice".to_owned(), choice.into());
        }
        if let Value::Object(part) = part {
            line.extend(part);
        }
        vec![line]
    }
}

fn finish_word(reason: FinishReason, has_calls: bool) -> &'static str {
    match reason {
        FinishReason::EndOfGeneration | FinishReason::StopString if has_calls => "tool_calls",
        FinishReason::EndOfGeneration | FinishReason::StopString => "stop",
        FinishReason::Length => "length",
        FinishReason::Repetition => "repetition",
        FinishReason::Cancelled => "cancelled",
        FinishReason::TimedOut => "time_limit",
    }
}

fn text_of(id: TokenId, tokenizer: &Tokenizer) -> String {
    // As it stands in the middle of a text: a whole text's decoding loses its first space.
    String::from_utf8_lossy(&tokenizer.token_bytes(id)).into_owned()
}

fn token_part(id: TokenId, logprobs: &Logprobs, tokenizer: &Tokenizer) -> Value {
    let top =
        |(id, logprob): &(TokenId, f32)| json!({"token": id.0, "text": text_of(*id, tokenizer), "logprob": logprob});
    json!({
        "type": "token",
        "token": id.0,
        "text": text_of(id, tokenizer),
        "logprob": logprobs.picked,
        "top": logprobs.top.iter().map(top).collect::<Vec<_>>(),
    })
}

/// An embedding, scaled to length 1; one of zeros stays as it is.
fn embedded(index: usize, completion: Completion) -> Value {
    let mut vector = completion.embedding.unwrap_or_default();
    let length = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    if length > 0.0 && length.is_finite() {
        vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
    let usage = json!({"prompt_tokens": completion.n_prompt});
    json!({"type": "embedding", "index": index, "embedding": vector, "usage": usage})
}
