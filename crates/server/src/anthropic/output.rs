//! Answers: blocks of content as the model writes them, and the message they are part of.

use serde_json::{Map, Value, json};

use super::request::Answer;
use crate::{
    generation::{EndReason, Ended, Piece, TokensUsed},
    ids,
};

/// The head of an answer: what all parts of it repeat.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) model: String,
}

/// An event of a stream: its name, which is also its `type`, and the whole.
pub(super) type Event = (&'static str, Value);

#[derive(Clone, PartialEq, Debug)]
enum Block {
    Text(String),
    Thinking(String),
    ToolUse { id: String, name: String, arguments: String },
}

/// The blocks of content so far.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    list: Vec<Block>,
    is_open: bool,
    omits_thinking: bool,
}

impl Blocks {
    pub(super) fn new(answer: &Answer) -> Self {
        Self { omits_thinking: answer.omits_thinking, ..Self::default() }
    }

    /// Appends a piece of output; the events that a stream tells of it go to `events`.
    pub(super) fn push(&mut self, piece: Piece, events: &mut Vec<Event>) {
        let delta = match piece {
            Piece::Text(text) => {
                if !matches!(self.current(), Some(Block::Text(_))) {
                    self.open(Block::Text(String::new()), &json!({"type": "text", "text": ""}), events);
                }
                let delta = json!({"type": "text_delta", "text": text});
                if let Some(Block::Text(into)) = self.list.last_mut() {
                    into.push_str(&text);
                }
                delta
            }
            Piece::Reasoning(text) => {
                if !matches!(self.current(), Some(Block::Thinking(_))) {
                    let start = json!({"type": "thinking", "thinking": "", "signature": ""});
                    self.open(Block::Thinking(String::new()), &start, events);
                }
                if self.omits_thinking {
                    return;
                }
                let delta = json!({"type": "thinking_delta", "thinking": text});
                if let Some(Block::Thinking(into)) = self.list.last_mut() {
                    into.push_str(&text);
                }
                delta
            }
            Piece::ToolCallStart { id, name, .. } => {
                let id = id.replacen("call_", "toolu_", 1);
                let start =
                    json!({"type": "tool_use", "id": id, "name": name, "input": {}, "caller": {"type": "direct"}});
                return self.open(Block::ToolUse { id, name, arguments: String::new() }, &start, events);
            }
            Piece::ToolCallArguments { text, .. } => {
                let delta = json!({"type": "input_json_delta", "partial_json": text});
                if let Some(Block::ToolUse { arguments, .. }) = self.list.last_mut() {
                    arguments.push_str(&text);
                }
                delta
            }
        };
        let index = self.list.len().saturating_sub(1);
        events.push(("content_block_delta", json!({"type": "content_block_delta", "index": index, "delta": delta})));
    }

    /// Returns the block that more can be added to.
    fn current(&self) -> Option<&Block> {
        self.list.last().filter(|_| self.is_open)
    }

    fn open(&mut self, block: Block, start: &Value, events: &mut Vec<Event>) {
        self.close(events);
        let index = self.list.len();
        self.list.push(block);
        self.is_open = true;
        events.push((
            "content_block_start",
            json!({"type": "content_block_start", "index": index, "content_block": start}),
        ));
        if index == 0 {
            events.push(("ping", json!({"type": "ping"})));
        }
    }

    /// Ends the last block, to which nothing more comes.
    pub(super) fn close(&mut self, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.is_open, false) {
            return;
        }
        let index = self.list.len().saturating_sub(1);
        if let Some(Block::Thinking(text)) = self.list.last() {
            let delta = json!({"type": "signature_delta", "signature": signature(text)});
            events
                .push(("content_block_delta", json!({"type": "content_block_delta", "index": index, "delta": delta})));
        }
        events.push(("content_block_stop", json!({"type": "content_block_stop", "index": index})));
    }

    /// Returns the content of a whole answer.
    pub(super) fn into_content(self) -> Vec<Value> {
        let content = |block: Block| match block {
            Block::Text(text) => json!({"type": "text", "text": text}),
            Block::Thinking(text) => {
                json!({"type": "thinking", "thinking": text, "signature": signature(&text)})
            }
            Block::ToolUse { id, name, arguments } => {
                // Cut off by the end of the tokens, which `stop_reason` says.
                let input: Map<String, Value> = serde_json::from_str(&arguments).unwrap_or_default();
                json!({"type": "tool_use", "id": id, "name": name, "input": input, "caller": {"type": "direct"}})
            }
        };
        self.list.into_iter().map(content).collect()
    }
}

/// Makes the signature of a block of thinking. Clients want one to send back; here nothing depends on it.
fn signature(text: &str) -> String {
    format!("{:016x}", ids::hash(text.bytes()))
}

/// Writes the message, whole or as a stream begins it. The reason why it ended is null until it has; whatever else has
/// no value is left out, as Anthropic leaves it out: parsers of clients that take an absent key refuse null.
pub(super) fn message(head: &Head, content: &[Value], ended: Option<&Ended>, usage: &Value, answer: &Answer) -> Value {
    let (reason, sequence) = ended.map_or((None, None), |ended| {
        let (reason, sequence) = stop_reason(ended, answer);
        (Some(reason), sequence)
    });
    let mut usage = usage.clone();
    usage["service_tier"] = "standard".into();
    json!({
        "id": head.id, "type": "message", "role": "assistant", "model": head.model, "content": content,
        "stop_reason": reason, "stop_sequence": sequence, "usage": usage,
    })
}

/// Returns Anthropic's word for the reason why an answer ended, and the stop sequence if it was one.
pub(super) fn stop_reason<'a>(ended: &Ended, answer: &'a Answer) -> (&'static str, Option<&'a str>) {
    match ended.reason {
        EndReason::EndOfGeneration => ("end_turn", None),
        EndReason::StopString(which) => {
            let sequence = which.and_then(|i| answer.stop_sequences.get(i));
            ("stop_sequence", sequence.map(String::as_str))
        }
        EndReason::Length if ended.usage.n_completion < answer.max_tokens => ("model_context_window_exceeded", None),
        EndReason::Length | EndReason::Repetition | EndReason::TimedOut => ("max_tokens", None),
        EndReason::ToolCalls => ("tool_use", None),
    }
}

/// Writes the counts of tokens, as a stream ends with them. What was cached is counted beside the input, not in it.
pub(super) fn usage(used: &TokensUsed) -> Value {
    json!({
        "input_tokens": used.n_prompt.saturating_sub(used.n_cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": used.n_cached,
        "output_tokens": used.n_completion,
        "output_tokens_details": {"thinking_tokens": used.n_reasoning},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> Vec<Piece> {
        let text = |t: &str| Piece::Text(t.to_owned());
        let start =
            |index, name: &str| Piece::ToolCallStart { index, id: format!("call_{index}"), name: name.to_owned() };
        let arguments = |index, t: &str| Piece::ToolCallArguments { index, text: t.to_owned() };
        vec![
            Piece::Reasoning("Let ".to_owned()),
            Piece::Reasoning("me".to_owned()),
            text("I "),
            text("look"),
            start(0, "one"),
            arguments(0, "{\"a\""),
            arguments(0, ": 1}"),
            start(1, "two"),
            arguments(1, "{}"),
            text("Done"),
        ]
    }

    fn run(omits_thinking: bool) -> (Vec<String>, Vec<Value>) {
        let mut blocks = Blocks { omits_thinking, ..Blocks::default() };
        let mut events = Vec::new();
        pieces().into_iter().for_each(|piece| blocks.push(piece, &mut events));
        blocks.close(&mut events);
        let short = |(name, event): &Event| {
            let name = name.trim_start_matches("content_block_");
            let detail = event["delta"]["type"].as_str().or_else(|| event["content_block"]["type"].as_str());
            format!("{name} {} {}", event["index"], detail.unwrap_or_default()).trim_end().to_owned()
        };
        (events.iter().map(short).collect(), blocks.into_content())
    }

    #[test]
    fn blocks_come_one_after_the_other() {
        let (events, content) = run(false);
        let expected = "start 0 thinking, ping null, delta 0 thinking_delta, delta 0 thinking_delta, delta 0 signature_delta, stop 0, \
             start 1 text, delta 1 text_delta, delta 1 text_delta, stop 1, \
             start 2 tool_use, delta 2 input_json_delta, delta 2 input_json_delta, stop 2, \
             start 3 tool_use, delta 3 input_json_delta, stop 3, start 4 text, delta 4 text_delta, stop 4";
        assert_eq!(events.join(", "), expected);
        assert_eq!(
            Value::from(content),
            json!([
                {"type": "thinking", "thinking": "Let me", "signature": signature("Let me")},
                {"type": "text", "text": "I look"},
                {"type": "tool_use", "id": "toolu_0", "name": "one", "input": {"a": 1}, "caller": {"type": "direct"}},
                {"type": "tool_use", "id": "toolu_1", "name": "two", "input": {}, "caller": {"type": "direct"}},
                {"type": "text", "text": "Done"},
            ])
        );
    }

    #[test]
    fn omitted_thinking_leaves_an_empty_block() {
        let (events, content) = run(true);
        assert!(events.join(", ").starts_with("start 0 thinking, ping null, delta 0 signature_delta, stop 0, start 1"));
        assert_eq!(content[0]["thinking"], "");
    }
}
