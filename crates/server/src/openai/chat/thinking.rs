//! Whether and how much a model shall think, in the words of several servers: one setting, which templates know as
//! `enable_thinking` and `reasoning_effort`.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    error::ApiError,
    generation::Thoughts,
    ignored::{self, Api},
    openai::fields::unsupported,
};

const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// The object `reasoning`, as clients of OpenRouter send it.
#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasoningWire {
    #[serde(default)]
    effort: Option<String>,
    #[serde(default)]
    enabled: Option<bool>,
    /// Whether the thoughts are left out of the answer.
    #[serde(default)]
    exclude: Option<bool>,
    #[serde(default)]
    max_tokens: Option<i64>,
    #[serde(default)]
    summary: Option<Value>,
}

/// The object `thinking`, as Anthropic, DeepSeek and others have it.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThinkingWire {
    #[serde(rename = "type")]
    kind: ThinkingWord,
    #[serde(default)]
    budget_tokens: Option<i64>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum ThinkingWord {
    Enabled,
    Disabled,
    /// The model decides, which is what its template says.
    Adaptive,
    Auto,
}

/// The `reasoning_format` of llama.cpp's server.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReasoningFormat {
    /// Thoughts stand in the text, between the model's own marks.
    None,
    Auto,
    Deepseek,
}

/// What a request says of thinking, with the fields that said it.
#[derive(Debug, Default)]
pub(crate) struct Thinking<'a> {
    effort: Option<(&'static str, &'a str)>,
    is_on: Option<(&'static str, bool)>,
}

impl<'a> Thinking<'a> {
    /// Takes a word for the effort, of which `none` switches thinking off.
    pub(crate) fn effort(mut self, field: &'static str, effort: Option<&'a str>) -> Result<Self, ApiError> {
        let Some(effort) = effort else { return Ok(self) };
        if !EFFORTS.contains(&effort) {
            return Err(ApiError::invalid(field, format!("{field}: expected one of {}", EFFORTS.join(", "))));
        }
        match self.effort {
            Some((other, said)) if said != effort => return Err(disagree(field, effort, other, said)),
            _ => self.effort = Some((field, effort)),
        }
        if effort == "none" { self.switched(field, Some(false)) } else { Ok(self) }
    }

    /// Takes yes or no.
    pub(crate) fn switched(mut self, field: &'static str, is_on: Option<bool>) -> Result<Self, ApiError> {
        let Some(is_on) = is_on else { return Ok(self) };
        match self.is_on {
            Some((other, said)) if said != is_on => Err(disagree(field, is_on, other, said)),
            _ => {
                self.is_on = Some((field, is_on));
                Ok(self)
            }
        }
    }

    /// Takes the object `reasoning` of OpenRouter.
    pub(crate) fn reasoning(self, wire: Option<&'a ReasoningWire>) -> Result<Self, ApiError> {
        let Some(wire) = wire else { return Ok(self) };
        if wire.max_tokens.is_some() {
            ignored::note(Api::OpenAi, "reasoning.max_tokens");
        }
        if wire.summary.is_some() {
            ignored::note(Api::OpenAi, "reasoning.summary");
        }
        self.effort("reasoning.effort", wire.effort.as_deref())?.switched("reasoning.enabled", wire.enabled)
    }

    /// Takes the object `thinking` of Anthropic.
    pub(crate) fn thinking(self, wire: Option<&ThinkingWire>) -> Result<Self, ApiError> {
        let Some(wire) = wire else { return Ok(self) };
        if wire.budget_tokens.is_some() {
            ignored::note(Api::OpenAi, "thinking.budget_tokens");
        }
        let is_on = match wire.kind {
            ThinkingWord::Enabled => Some(true),
            ThinkingWord::Disabled => Some(false),
            ThinkingWord::Adaptive | ThinkingWord::Auto => None,
        };
        self.switched("thinking.type", is_on)
    }

    /// Takes the `think` of Ollama: yes, no, or a word.
    pub(crate) fn think(self, wire: Option<&'a Value>) -> Result<Self, ApiError> {
        match wire {
            None => Ok(self),
            Some(Value::Bool(is_on)) => self.switched("think", Some(*is_on)),
            Some(Value::String(effort)) => self.effort("think", Some(effort)),
            Some(_) => Err(ApiError::invalid("think", "think: expected true, false or an effort")),
        }
    }

    /// Returns the template's variables, with those of `chat_template_kwargs` that have no field of their own.
    pub(crate) fn variables(self, more: Option<&Map<String, Value>>) -> Result<Map<String, Value>, ApiError> {
        const TAKEN: &[&str] = &["messages", "tools", "add_generation_prompt", "bos_token", "eos_token"];
        if let (Some((field, effort)), Some((other, false))) = (self.effort, self.is_on)
            && effort != "none"
        {
            return Err(disagree(field, effort, other, false));
        }
        let mut variables = Map::new();
        if let Some((_, effort)) = self.effort {
            variables.insert("reasoning_effort".to_owned(), effort.into());
        }
        if let Some((_, is_on)) = self.is_on {
            variables.insert("enable_thinking".to_owned(), is_on.into());
        }
        for (name, value) in more.into_iter().flatten() {
            if TAKEN.contains(&name.as_str()) {
                let param = format!("chat_template_kwargs.{name}");
                return Err(ApiError::invalid(param.clone(), format!("{param}: has a field of its own")));
            }
            variables.insert(name.clone(), value.clone());
        }
        Ok(variables)
    }
}

/// Decides where the thoughts go: fields of OpenRouter and vLLM leave them out, llama.cpp's puts them into the text.
pub(crate) fn thoughts(
    include: Option<bool>,
    reasoning: Option<&ReasoningWire>,
    format: Option<ReasoningFormat>,
) -> Result<Thoughts, ApiError> {
    let is_excluded = include == Some(false) || reasoning.is_some_and(|r| r.exclude == Some(true));
    match format {
        Some(ReasoningFormat::None) if is_excluded => {
            Err(unsupported("reasoning_format", "none puts into the text what another field leaves out"))
        }
        Some(ReasoningFormat::None) => Ok(Thoughts::InText),
        _ if is_excluded => Ok(Thoughts::Hidden),
        _ => Ok(Thoughts::Apart),
    }
}

fn disagree(field: &str, said: impl std::fmt::Display, other: &str, otherwise: impl std::fmt::Display) -> ApiError {
    ApiError::invalid(field, format!("{field}: {said}, but {other} is {otherwise}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Checks the variables of a body with these fields.
    fn check(body: &Value, expected: Result<Value, &str>) {
        let text = |field: &str| body.get(field).and_then(Value::as_str);
        let reasoning = body.get("reasoning").map(|v| ReasoningWire::deserialize(v).unwrap());
        let thinking = body.get("thinking").map(|v| ThinkingWire::deserialize(v).unwrap());
        let got = Thinking::default()
            .effort("reasoning_effort", text("reasoning_effort"))
            .and_then(|t| t.reasoning(reasoning.as_ref()))
            .and_then(|t| t.thinking(thinking.as_ref()))
            .and_then(|t| t.think(body.get("think")))
            .and_then(|t| t.switched("enable_thinking", body.get("enable_thinking").and_then(Value::as_bool)))
            .and_then(|t| t.variables(body.get("chat_template_kwargs").and_then(Value::as_object)));
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(Value::Object(got), expected, "{body}"),
            (Err(got), Err(expected)) => assert_eq!(got.message, expected, "{body}"),
            (got, expected) => panic!("{body}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn all_words_for_it_are_one_setting() {
        check(&json!({}), Ok(json!({})));
        let off = json!({"enable_thinking": false});
        for body in [
            json!({"think": false}),
            json!({"enable_thinking": false}),
            json!({"thinking": {"type": "disabled"}}),
            json!({"reasoning": {"enabled": false}}),
        ] {
            check(&body, Ok(off.clone()));
        }
        let none = json!({"enable_thinking": false, "reasoning_effort": "none"});
        check(&json!({"reasoning_effort": "none"}), Ok(none.clone()));
        check(&json!({"reasoning": {"effort": "none"}, "think": false}), Ok(none));
        check(&json!({"think": "low", "reasoning": {"effort": "low"}}), Ok(json!({"reasoning_effort": "low"})));
        check(&json!({"thinking": {"type": "enabled", "budget_tokens": 9}}), Ok(json!({"enable_thinking": true})));
        check(&json!({"thinking": {"type": "adaptive"}}), Ok(json!({})));
        let more = json!({"think": true, "chat_template_kwargs": {"enable_thinking": false, "a": 1}});
        check(&more, Ok(json!({"enable_thinking": false, "a": 1})));
    }

    #[test]
    fn what_disagrees_is_refused() {
        check(&json!({"think": true, "enable_thinking": false}), Err("enable_thinking: false, but think is true"));
        check(&json!({"think": "low", "reasoning_effort": "high"}), Err("think: low, but reasoning_effort is high"));
        check(&json!({"think": false, "reasoning_effort": "high"}), Err("reasoning_effort: high, but think is false"));
        check(&json!({"think": 5}), Err("think: expected true, false or an effort"));
        let efforts = "reasoning.effort: expected one of none, minimal, low, medium, high, xhigh, max";
        check(&json!({"reasoning": {"effort": "much"}}), Err(efforts));
    }
}
