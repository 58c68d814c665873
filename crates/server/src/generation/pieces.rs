//! From the text of one output to its pieces.

use chat::{OutputParser, OutputPiece};
use engine::Completion;

use super::{Ended, GenerationRequest, Output, Thoughts};
use crate::{error::ApiError, ids};

/// A piece of output, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Text of the answer.
    Text(String),
    /// Text of the reasoning.
    Reasoning(String),
    /// The beginning of a call of a tool.
    ToolCallStart {
        /// Index of the call in the output, from 0.
        index: usize,
        /// Id of the call, for its result to refer to.
        id: String,
        /// Name of the tool.
        name: String,
    },
    /// More of the JSON of a call's arguments.
    ToolCallArguments {
        /// Index of the call in the output.
        index: usize,
        /// The piece of JSON.
        text: String,
    },
}

/// Reads the text of one output into pieces.
pub(super) struct ChoiceParser {
    parser: Option<OutputParser>,
    thoughts: Thoughts,
    /// The marks that stand around thoughts which are shown in the text.
    marks: (&'static str, &'static str),
    is_parallel: bool,
    fingerprint: u64,
    choice: usize,
    n_tool_calls: usize,
    n_reasoning: usize,
    is_reasoning: bool,
    read: Vec<OutputPiece>,
}

impl ChoiceParser {
    pub(super) fn new(request: &GenerationRequest, choice: usize) -> Self {
        let (parser, marks, is_parallel) = match &request.output {
            Output::Text => (None, None, true),
            Output::Chat(output) => {
                let parser = output.parser(request.grammar.is_some());
                (Some(parser), output.format.reasoning_marks(), output.parallel.unwrap_or(true))
            }
        };
        Self {
            parser,
            thoughts: request.thoughts,
            marks: marks.unwrap_or_default(),
            is_parallel,
            fingerprint: request.fingerprint(),
            choice,
            n_tool_calls: 0,
            n_reasoning: 0,
            is_reasoning: false,
            read: Vec::new(),
        }
    }

    /// Takes more text and gives the pieces that are certain by it; `is_token` says whether the text came with a token.
    pub(super) fn push(&mut self, text: &str, is_token: bool) -> Vec<Piece> {
        let Some(parser) = &mut self.parser else {
            return if text.is_empty() { Vec::new() } else { vec![Piece::Text(text.to_owned())] };
        };
        parser.push(text, &mut self.read);
        let pieces = self.take();
        if is_token && self.is_reasoning {
            self.n_reasoning += 1;
        }
        pieces
    }

    /// Ends the text and gives the pieces that were held back.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        if let Some(parser) = &mut self.parser {
            parser.finish(&mut self.read);
        }
        self.take()
    }

    /// The end of this output, from what the engine says of it.
    pub(super) fn ended(&self, completion: &Completion, is_stopped: bool) -> Result<Ended, ApiError> {
        Ended::new(completion, self.n_reasoning, self.n_tool_calls > 0, is_stopped)
    }

    fn take(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(self.read.len());
        for piece in std::mem::take(&mut self.read) {
            // Where one call is allowed, more than one are none of the client's.
            let is_parallel = self.is_parallel;
            let is_allowed = |index: usize| is_parallel || index == 0;
            match piece {
                OutputPiece::Content(text) => {
                    self.end_thought(&mut pieces);
                    pieces.push(Piece::Text(text));
                }
                OutputPiece::Reasoning(text) => self.thought(text, &mut pieces),
                OutputPiece::ToolCallStart { index, name } => {
                    self.end_thought(&mut pieces);
                    self.n_tool_calls += 1;
                    if is_allowed(index) {
                        pieces.push(Piece::ToolCallStart { index, id: self.call_id(index), name });
                    }
                }
                OutputPiece::ToolCallArguments { index, text } if is_allowed(index) => {
                    pieces.push(Piece::ToolCallArguments { index, text });
                }
                OutputPiece::ToolCallArguments { .. } => {}
            }
        }
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) | Piece::Reasoning(text) if text.is_empty()));
        pieces
    }

    fn thought(&mut self, text: String, pieces: &mut Vec<Piece>) {
        let is_first = !std::mem::replace(&mut self.is_reasoning, true);
        match self.thoughts {
            Thoughts::Apart => pieces.push(Piece::Reasoning(text)),
            Thoughts::InText => {
                let open = if is_first { self.marks.0 } else { "" };
                pieces.push(Piece::Text(format!("{open}{text}")));
            }
            Thoughts::Hidden => {}
        }
    }

    fn end_thought(&mut self, pieces: &mut Vec<Piece>) {
        if std::mem::replace(&mut self.is_reasoning, false) && self.thoughts == Thoughts::InText {
            pieces.push(Piece::Text(self.marks.1.to_owned()));
        }
    }

    /// The id of a call. Equal requests get equal ids, because the next prompt may contain them.
    fn call_id(&self, index: usize) -> String {
        let numbers = [self.fingerprint, self.choice as u64, index as u64];
        let half = |salt: u64| ids::hash(numbers.iter().chain([&salt]).flat_map(|n| n.to_le_bytes()));
        format!("call_{:016x}{:08x}", half(0), half(1) >> 32)
    }
}
