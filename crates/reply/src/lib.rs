//! What the reply of a chat model may be: the tools that may be called, and the grammar that holds the output to them
//! and to what else was asked for. The server's APIs and the module for pages read requests in their own words, and
//! meet here.

mod grammar;
mod tools;

use chat::{OutputFormat, OutputParser, Tool, ToolChoice};
use tokenizer::{TokenId, Tokenizer};

pub use grammar::{Asked, Compiler, Refusal};
pub use tools::{TOOL_NAME_BYTES_MAX, TOOLS_MAX, ToolFault, named, tool};

/// How the reply of a chat model is read.
#[derive(Clone, Debug)]
pub struct Reply {
    /// How the model writes after this prompt ([`OutputFormat::after_prompt`]).
    pub format: OutputFormat,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// Whether the model may or must call a tool.
    pub choice: ToolChoice,
    /// Whether the model may call more than one tool. Where nobody says, it is held to one call where a grammar can
    /// hold it, because small models that are made to call go on calling; where no grammar can, further calls are
    /// passed on.
    pub parallel: Option<bool>,
}

impl Reply {
    /// The tools that the model can call: none where it may call none.
    pub fn callable(&self) -> &[Tool] {
        if self.choice == ToolChoice::None { &[] } else { &self.tools }
    }

    /// The reader of the output; `is_constrained` tells whether a grammar says what the answer is.
    pub fn parser(&self, is_constrained: bool) -> OutputParser {
        let parser = self.format.parser(self.callable());
        if is_constrained { parser.of_calls_or_answer() } else { parser }
    }

    /// The control tokens that the output is read by: they are spelled out in its text.
    pub fn spelled(&self, tokenizer: &Tokenizer) -> Vec<TokenId> {
        self.format.control_markers().iter().filter_map(|marker| control_id(tokenizer, marker)).collect()
    }
}

/// The control token that is spelled `spelling`, if there is one.
fn control_id(tokenizer: &Tokenizer, spelling: &str) -> Option<TokenId> {
    tokenizer.id_of(spelling).filter(|id| tokenizer.is_control(*id))
}
