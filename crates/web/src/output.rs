//! [`Output`]: the text of one choice, taken apart as it comes.

use chat::{OutputParser, OutputPiece};
use reply::Reply;
use serde_json::{Value, json};

/// Reads the text of one choice into parts of events.
pub(crate) struct Output {
    parser: Option<OutputParser>,
    is_parallel: bool,
    /// First part of the ids of calls.
    prefix: String,
    is_reasoning: bool,
    pub(crate) n_reasoning: usize,
    pub(crate) n_calls: usize,
    read: Vec<OutputPiece>,
}

impl Output {
    /// Makes a reader of plain text, or of a reply and whether a grammar says what its answer is; `prefix` begins the
    /// ids of its calls.
    pub(crate) fn new(reply: Option<(&Reply, bool)>, prefix: String) -> Self {
        Self {
            parser: reply.map(|(reply, is_constrained)| reply.parser(is_constrained)),
            is_parallel: reply.and_then(|(reply, _)| reply.parallel).unwrap_or(true),
            prefix,
            is_reasoning: false,
            n_reasoning: 0,
            n_calls: 0,
            read: Vec::new(),
        }
    }

    /// Takes more text and gives what is certain by it; `is_token` says whether the text came with a token.
    pub(crate) fn push(&mut self, text: &str, is_token: bool) -> Vec<Value> {
        let Some(parser) = &mut self.parser else {
            return if text.is_empty() { Vec::new() } else { vec![json!({"type": "text", "text": text})] };
        };
        parser.push(text, &mut self.read);
        let parts = self.take();
        self.n_reasoning += usize::from(is_token && self.is_reasoning);
        parts
    }

    /// Ends the text and gives what was held back.
    pub(crate) fn finish(&mut self) -> Vec<Value> {
        if let Some(parser) = &mut self.parser {
            parser.finish(&mut self.read);
        }
        self.take()
    }

    fn take(&mut self) -> Vec<Value> {
        let mut parts = Vec::new();
        for piece in std::mem::take(&mut self.read) {
            self.is_reasoning = matches!(piece, OutputPiece::Reasoning(_));
            // Where one call is allowed, more than one are none of the page's.
            let is_allowed = |index: usize| self.is_parallel || index == 0;
            match piece {
                OutputPiece::Content(text) | OutputPiece::Reasoning(text) if text.is_empty() => {}
                OutputPiece::Content(text) => parts.push(json!({"type": "text", "text": text})),
                OutputPiece::Reasoning(text) => parts.push(json!({"type": "reasoning", "text": text})),
                OutputPiece::ToolCallStart { index, name } => {
                    self.n_calls += 1;
                    if is_allowed(index) {
                        let call_id = format!("{}{index}", self.prefix);
                        parts.push(json!({"type": "tool_call", "index": index, "call_id": call_id, "name": name}));
                    }
                }
                OutputPiece::ToolCallArguments { index, text } if is_allowed(index) => {
                    parts.push(json!({"type": "tool_arguments", "index": index, "text": text}));
                }
                OutputPiece::ToolCallArguments { .. } => {}
            }
        }
        parts
    }
}
