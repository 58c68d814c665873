//! The outputs of a generation, whole instead of streamed.

use engine::Logprobs;

use super::{Ended, Generation, Piece, TokenReport, TokensUsed, Update};
use crate::error::{ApiError, ErrorKind};

/// A call of a tool, whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ToolCall {
    /// Id of the call, for its result to refer to.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// The arguments, as JSON text.
    pub arguments: String,
}

/// One output, complete.
#[derive(Clone, PartialEq, Debug)]
pub struct Choice {
    /// The text of the answer.
    pub text: String,
    /// The reasoning before it.
    pub reasoning: String,
    /// The calls of tools, in order.
    pub tool_calls: Vec<ToolCall>,
    /// The tokens that were generated, in order.
    pub tokens: Vec<TokenReport>,
    /// Why the output ended, and what it took.
    pub ended: Ended,
}

/// All outputs of a request, complete.
#[derive(Clone, PartialEq, Debug)]
pub struct Joined {
    /// The outputs, by their indices.
    pub choices: Vec<Choice>,
    /// Log-probabilities of the tokens of the prompt but the first, if they were asked for.
    pub prompt_logprobs: Vec<Logprobs>,
}

impl Joined {
    /// Tokens that all outputs took together; the prompt counts once.
    pub fn usage(&self) -> TokensUsed {
        self.choices.iter().fold(TokensUsed::default(), |sum, choice| sum.with(&choice.ended.usage))
    }
}

impl TokensUsed {
    /// These tokens and those of another output of the same prompt, which counts once.
    #[must_use]
    pub fn with(self, other: &Self) -> Self {
        Self {
            n_prompt: self.n_prompt.max(other.n_prompt),
            // Further outputs share the first one's prompt; what was cached before the request is what the first found.
            n_cached: if self.n_prompt == 0 { other.n_cached } else { self.n_cached.min(other.n_cached) },
            n_completion: self.n_completion + other.n_completion,
            n_reasoning: self.n_reasoning + other.n_reasoning,
            n_drafted: self.n_drafted + other.n_drafted,
            n_accepted: self.n_accepted + other.n_accepted,
        }
    }
}

impl TokensUsed {
    /// These tokens and those of another prompt.
    #[must_use]
    pub fn beside(self, other: &Self) -> Self {
        Self {
            n_prompt: self.n_prompt + other.n_prompt,
            n_cached: self.n_cached + other.n_cached,
            n_completion: self.n_completion + other.n_completion,
            n_reasoning: self.n_reasoning + other.n_reasoning,
            n_drafted: self.n_drafted + other.n_drafted,
            n_accepted: self.n_accepted + other.n_accepted,
        }
    }
}

#[derive(Default)]
struct Partial {
    text: String,
    reasoning: String,
    tool_calls: Vec<ToolCall>,
    tokens: Vec<TokenReport>,
    ended: Option<Ended>,
}

impl Partial {
    fn add(&mut self, piece: Piece) {
        match piece {
            Piece::Text(text) => self.text += &text,
            Piece::Reasoning(text) => self.reasoning += &text,
            Piece::ToolCallStart { id, name, .. } => {
                self.tool_calls.push(ToolCall { id, name, arguments: String::new() });
            }
            Piece::ToolCallArguments { index, text } => {
                if let Some(call) = self.tool_calls.get_mut(index) {
                    call.arguments += &text;
                }
            }
        }
    }
}

/// Joins updates to whole outputs.
pub struct Joiner(Vec<Partial>);

impl Joiner {
    /// A joiner for `n_choices` outputs.
    pub fn new(n_choices: usize) -> Self {
        Self((0..n_choices).map(|_| Partial::default()).collect())
    }

    /// Adds an update.
    pub fn add(&mut self, update: Update) {
        match update {
            Update::Progress { choice, token, pieces } => {
                if let Some(partial) = self.0.get_mut(choice) {
                    partial.tokens.extend(token);
                    pieces.into_iter().for_each(|piece| partial.add(piece));
                }
            }
            Update::Finished { choice, ended } => {
                if let Some(partial) = self.0.get_mut(choice) {
                    partial.ended = Some(ended);
                }
            }
        }
    }

    /// The whole outputs, after the last update.
    pub fn finish(self) -> Result<Joined, ApiError> {
        let choice = |p: Partial| {
            let Partial { text, reasoning, tool_calls, tokens, ended } = p;
            Some(Choice { text, reasoning, tool_calls, tokens, ended: ended? })
        };
        let choices: Option<Vec<Choice>> = self.0.into_iter().map(choice).collect();
        let lost = || ApiError::new(ErrorKind::Internal, "the engine lost an output");
        Ok(Joined { choices: choices.ok_or_else(lost)?, prompt_logprobs: Vec::new() })
    }
}

impl Generation {
    /// Waits for all outputs, and joins them.
    pub async fn join(mut self) -> Result<Joined, ApiError> {
        let mut joiner = Joiner::new(self.choices.len());
        while let Some(update) = self.next().await {
            joiner.add(update?);
        }
        let prompt_logprobs = std::mem::take(&mut self.prompt_logprobs);
        Ok(Joined { prompt_logprobs, ..joiner.finish()? })
    }
}
