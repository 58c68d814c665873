//! The whole answer of chat completions.

use serde::Serialize;
use tokenizer::Tokenizer;

use super::request::Answer;
use crate::{
    generation::{Choice, Joined, ToolCall},
    openai::Head,
    openai::{
        finish_reason,
        logprobs::{self, ChatLogprobs, PromptLogprobs},
        usage::Usage,
    },
    wire::Timings,
};

#[derive(Serialize)]
pub(super) struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<ChoiceWire<'a>>,
    usage: Usage,
    service_tier: &'static str,
    system_fingerprint: &'a str,
    /// Times of the request, by which frontends of llama.cpp show how fast a model is; clients of OpenAI pass over
    /// them.
    #[serde(skip_serializing_if = "Option::is_none")]
    timings: Option<Timings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_logprobs: Option<PromptLogprobs>,
}

#[derive(Serialize)]
struct ChoiceWire<'a> {
    index: usize,
    message: MessageWire<'a>,
    logprobs: Option<ChatLogprobs>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct MessageWire<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<()>,
    annotations: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<Vec<ToolCallOut<'a>>>,
}

/// A call of a tool in an answer.
#[derive(Serialize)]
struct ToolCallOut<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionOut<'a>,
}

#[derive(Serialize)]
struct FunctionOut<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> From<&'a ToolCall> for ToolCallOut<'a> {
    fn from(call: &'a ToolCall) -> Self {
        let function = FunctionOut { name: &call.name, arguments: &call.arguments };
        Self { id: &call.id, kind: "function", function }
    }
}

/// Makes the whole answer.
pub(super) fn completion<'a>(
    head: &'a Head,
    joined: &'a Joined,
    tokenizer: &Tokenizer,
    answer: &Answer,
) -> Completion<'a> {
    // Of the first choice, whose prompt all of them share.
    let timings = joined.choices.first().map(|choice| Timings::from(&choice.ended));
    let choices = joined.choices.iter().enumerate().map(|(index, choice)| wire(index, choice, tokenizer)).collect();
    Completion {
        id: &head.id,
        object: "chat.completion",
        created: head.created,
        model: &head.model,
        choices,
        usage: joined.usage().into(),
        service_tier: "default",
        system_fingerprint: &head.fingerprint,
        timings,
        prompt_logprobs: answer
            .prompt_logprobs
            .as_ref()
            .map(|(prompt, n_top)| PromptLogprobs::new(tokenizer, prompt, &joined.prompt_logprobs, *n_top)),
    }
}

fn wire<'a>(index: usize, choice: &'a Choice, tokenizer: &Tokenizer) -> ChoiceWire<'a> {
    let content: Vec<_> = choice.tokens.iter().filter_map(|token| logprobs::content(tokenizer, token)).collect();
    let calls: Vec<ToolCallOut<'_>> = choice.tool_calls.iter().map(ToolCallOut::from).collect();
    let message = MessageWire {
        role: "assistant",
        // Nothing is said where tools are called without a word.
        content: (calls.is_empty() || !choice.text.is_empty()).then_some(choice.text.as_str()),
        refusal: None,
        annotations: [],
        reasoning_content: (!choice.reasoning.is_empty()).then_some(choice.reasoning.as_str()),
        tool_calls: (!calls.is_empty()).then_some(calls),
    };
    let logprobs = (!content.is_empty()).then(|| logprobs::chat(content));
    ChoiceWire { index, message, logprobs, finish_reason: finish_reason(choice.ended.reason) }
}
