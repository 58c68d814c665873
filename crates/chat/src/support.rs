//! What a template can express, found by rendering small conversations and looking for their words.

use serde_json::{Value as Json, json};

use crate::{DateTime, Inputs, Template};

/// The kinds of conversation that a template can express.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "independent answers, not a state")]
pub struct Support {
    /// A system message is rendered, not refused or dropped.
    pub system: bool,
    /// The tools that a model may call are rendered.
    pub tools: bool,
    /// Calls that the model made are rendered.
    pub tool_calls: bool,
    /// A list of text parts as content is rendered like the text itself.
    pub parts: bool,
    /// What the model thought before an earlier answer is rendered with it.
    pub reasoning: bool,
}

/// A word that no template has in itself.
const PROBE: &str = "qzprobeword";

impl Support {
    pub(crate) fn of(template: &Template) -> Self {
        let user = json!({"role": "user", "content": "Hi"});
        let shows = |messages: &[Json], tools: Option<&[Json]>| {
            let inputs = Inputs {
                tools,
                bos_token: Some("<s>"),
                eos_token: Some("</s>"),
                ..Inputs::new(messages, DateTime::constant(2000, 1, 1, 0, 0, 0, 0))
            };
            template.render(&inputs).is_ok_and(|text| text.contains(PROBE) && !text.contains("'text'"))
        };
        let tool = json!({"type": "function", "function": {
            "name": PROBE, "description": "A probe.",
            "parameters": {"type": "object", "properties": {"a": {"type": "string", "description": "A."}}, "required": ["a"]},
        }});
        let call = json!({"role": "assistant", "content": "", "tool_calls": [
            {"id": "abcdefghi", "type": "function", "function": {"name": PROBE, "arguments": {"a": "b"}}},
        ]});
        let answer = json!({"role": "tool", "tool_call_id": "abcdefghi", "name": PROBE, "content": "c"});
        Self {
            system: shows(&[json!({"role": "system", "content": PROBE}), user.clone()], None),
            tools: shows(std::slice::from_ref(&user), Some(std::slice::from_ref(&tool))),
            reasoning: shows(
                &[
                    user.clone(),
                    json!({"role": "assistant", "content": "Yes.", "reasoning_content": PROBE}),
                    user.clone(),
                ],
                None,
            ),
            tool_calls: shows(
                &[user, call, answer],
                Some(&[json!({"type": "function", "function": {
                    "name": "other", "description": "Another.", "parameters": {"type": "object", "properties": {}},
                }})]),
            ),
            parts: shows(&[json!({"role": "user", "content": [{"type": "text", "text": PROBE}]})], None),
        }
    }
}
