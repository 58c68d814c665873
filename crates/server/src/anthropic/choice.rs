//! `tools` and `tool_choice`.

use chat::{Tool, ToolChoice};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::ApiError,
    json,
    wire::{Ignored, named_tool, tool, tools_of, unsupported},
};

/// A tool of the client's own. Arguments are held to as much of the schema as can be enforced; `strict` refuses a tool
/// where that is not all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolWire {
    #[serde(default, rename = "type")]
    _kind: Option<String>,
    name: String,
    #[serde(default)]
    description: Option<String>,
    input_schema: Value,
    #[serde(default)]
    input_examples: Option<Vec<Value>>,
    #[serde(default)]
    defer_loading: Option<bool>,
    #[serde(default)]
    allowed_callers: Option<Vec<String>>,
    #[serde(default)]
    strict: Option<bool>,
    // Arguments are streamed as they are written, which is what this asks for.
    #[serde(default, rename = "eager_input_streaming")]
    _eager_input_streaming: Option<bool>,
    #[serde(default, rename = "cache_control")]
    _cache_control: Ignored,
}

/// Reads all tools of a request.
pub(super) fn tools(wires: Option<Vec<Value>>) -> Result<Vec<Tool>, ApiError> {
    tools_of(wires.unwrap_or_default(), one)
}

fn one(wire: Value, path: &str) -> Result<Tool, ApiError> {
    match wire.get("type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind == "custom" => {}
        Some(kind) => {
            let kind: String = kind.to_string().chars().take(64).collect();
            let why = format!("{kind} is not supported; tools are the caller's own");
            return Err(unsupported(&format!("{path}.type"), &why));
        }
    }
    let wire: ToolWire = json::from_value(wire, path)?;
    if wire.defer_loading == Some(true) {
        return Err(unsupported(&format!("{path}.defer_loading"), "this server has no search for tools"));
    }
    if wire.allowed_callers.is_some_and(|callers| callers.iter().any(|caller| caller != "direct")) {
        return Err(unsupported(&format!("{path}.allowed_callers"), "this server runs no code that could call tools"));
    }
    let description = match wire.input_examples.filter(|examples| !examples.is_empty()) {
        None => wire.description,
        Some(examples) => {
            let examples: Vec<String> = examples.iter().map(Value::to_string).collect();
            let text = wire.description.map(|d| d + "\n").unwrap_or_default();
            Some(format!("{text}Examples of arguments:\n{}", examples.join("\n")))
        }
    };
    let is_strict = wire.strict.unwrap_or(false);
    Ok(Tool { is_strict, ..tool(wire.name, description, Some(wire.input_schema), path, "input_schema")? })
}

/// The `tool_choice` of a request.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct ChoiceWire {
    #[serde(rename = "type")]
    kind: ChoiceWord,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
enum ChoiceWord {
    Auto,
    Any,
    Tool,
    None,
}

/// The tools that may be called, and how.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) tools: Vec<Tool>,
    pub(super) choice: ToolChoice,
    pub(super) parallel: Option<bool>,
}

/// Returns the tools that may be called now, and whether one must be.
pub(super) fn choose(tools: &[Tool], wire: Option<ChoiceWire>) -> Result<Chosen, ApiError> {
    let refused = |param: &str, why: &str| Err(ApiError::invalid(param, format!("{param}: {why}")));
    let Some(ChoiceWire { kind, name, disable_parallel_tool_use }) = wire else {
        let choice = if tools.is_empty() { ToolChoice::None } else { ToolChoice::Auto };
        return Ok(Chosen { tools: tools.to_vec(), choice, parallel: None });
    };
    let parallel = disable_parallel_tool_use.map(|disabled| !disabled);
    let all = |choice| Chosen { tools: tools.to_vec(), choice, parallel };
    if kind != ChoiceWord::Tool && name.is_some() {
        return refused("tool_choice.name", "only with the type tool");
    }
    match (kind, name) {
        (ChoiceWord::Auto, _) if tools.is_empty() => Ok(all(ToolChoice::None)),
        (ChoiceWord::Auto, _) => Ok(all(ToolChoice::Auto)),
        (ChoiceWord::None, _) => Ok(all(ToolChoice::None)),
        (ChoiceWord::Any, _) if tools.is_empty() => {
            refused("tool_choice", "a tool is required, but there are no tools")
        }
        (ChoiceWord::Any, _) => Ok(all(ToolChoice::Required)),
        (ChoiceWord::Tool, None) => refused("tool_choice.name", "missing"),
        (ChoiceWord::Tool, Some(name)) => {
            // That one call.
            let tools = vec![named_tool(tools, &name)?];
            Ok(Chosen { tools, choice: ToolChoice::Named(name), parallel: Some(false) })
        }
    }
}
