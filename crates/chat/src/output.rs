//! What a model writes: text, reasoning and tool calls, in the spelling that its template shows.
//!
//! [`OutputFormat::detect`] finds the spelling by rendering calls through the template and reading them back. One table
//! (`output/table.rs`) serves the parser, the grammar that forces calls, and the text that stands for calls where a
//! template has no place for them.

mod call_object;
mod conversation;
mod detect;
mod gemma;
mod grammar;
mod json_scanner;
mod literals;
mod oracle;
mod parser;
mod reasoning;
mod search;
mod syntax;
mod table;
mod tool;

pub use conversation::Conversation;
pub use grammar::{ANSWER_RULE, CallRules};
#[doc(hidden)]
pub use oracle::parser_oracle;
pub use parser::OutputParser;
pub use tool::{Tool, ToolChoice};

use reasoning::Reasoning;
use syntax::Syntax;

/// A part of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputPiece {
    /// Text for the reader.
    Content(String),
    /// Text that the model thought.
    Reasoning(String),
    /// A call begins; its arguments follow.
    ToolCallStart {
        /// Which call of the reply, from 0.
        index: usize,
        /// The tool's name.
        name: String,
    },
    /// More of the JSON text of a call's arguments, an object.
    ToolCallArguments {
        /// Which call of the reply, from 0.
        index: usize,
        /// Text that follows what came before.
        text: String,
    },
}

/// How a model spells tool calls and reasoning, and what its template can say of them.
#[derive(Clone, Debug)]
pub struct OutputFormat {
    syntax: &'static Syntax,
    reasoning: Option<&'static Reasoning>,
    start: Start,
    /// The template tells the model which tools there are.
    declares_tools: bool,
    /// The template renders earlier calls and their results.
    renders_calls: bool,
    /// The template renders results of tools as the model knows them.
    renders_results: bool,
    /// The template drops or refuses all calls of a message but the first.
    one_call_per_message: bool,
    /// The template has a place for a system message.
    has_system: bool,
    /// The template wants the arguments of earlier calls as JSON text, not as an object.
    arguments_as_text: bool,
    control_markers: Vec<&'static str>,
}

/// Where in a reply the model starts to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Text,
    /// The prompt opened the reasoning.
    Reasoning,
    /// The prompt opened a call.
    Call,
}

impl OutputFormat {
    /// The format for replies to `rendered`, a prompt of this model: it may end within reasoning.
    #[must_use]
    pub fn after_prompt(&self, rendered: &str) -> Self {
        let end = rendered.trim_end();
        let start = if self.reasoning.is_some_and(|r| end.ends_with(r.open.trim_end())) {
            Start::Reasoning
        } else if self.syntax.opens.iter().any(|open| end.ends_with(open)) {
            Start::Call
        } else {
            Start::Text
        };
        Self { start, ..self.clone() }
    }

    /// A parser of one reply that may call `tools`; without any, what looks like a call is text.
    pub fn parser(&self, tools: &[Tool]) -> OutputParser {
        OutputParser::new(self, tools)
    }

    /// The name of the spelling of tool calls.
    pub fn name(&self) -> &'static str {
        self.syntax.name
    }

    /// Whether the template itself tells the model about tools. If not, [`Self::conversation`] does.
    pub fn declares_tools(&self) -> bool {
        self.declares_tools
    }

    /// Whether the model spells out what it thinks.
    pub fn has_reasoning(&self) -> bool {
        self.reasoning.is_some()
    }

    /// What stands before and after what the model thinks.
    pub fn reasoning_marks(&self) -> Option<(&'static str, &'static str)> {
        self.reasoning.map(|reasoning| (reasoning.open, reasoning.close))
    }

    /// Whether replies begin within reasoning that the prompt opened.
    pub fn starts_in_reasoning(&self) -> bool {
        self.start == Start::Reasoning
    }

    /// Spellings that the parser needs to see even where they are control tokens, whose text is not part of a reply
    /// otherwise.
    pub fn control_markers(&self) -> &[&'static str] {
        &self.control_markers
    }
}
