//! Tools that a request declares.

use chat::Tool;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{out_of_range, unsupported};
use crate::{error::ApiError, limits};

/// Bytes of a tool's name.
pub(crate) const TOOL_NAME_BYTES_MAX: usize = 64;

/// A tool as OpenAI's chat completions spell it, and Ollama after them. Arguments are held to as much of the schema as
/// can be enforced; `strict` refuses where that is not all.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolWire {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    function: Option<FunctionWire>,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
struct FunctionWire {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Value>,
    #[serde(default)]
    strict: Option<bool>,
}

impl ToolWire {
    fn tool(self, path: &str) -> Result<Tool, ApiError> {
        only_functions(&self.kind, path)?;
        let param = format!("{path}.function");
        let function = self.function.ok_or_else(|| ApiError::invalid(param.clone(), format!("{param}: missing")))?;
        let is_strict = function.strict.unwrap_or(false);
        let tool = tool(function.name, function.description, function.parameters, &param, "parameters")?;
        Ok(Tool { is_strict, ..tool })
    }
}

fn only_functions(kind: &str, path: &str) -> Result<(), ApiError> {
    if kind == "function" {
        return Ok(());
    }
    let kind: String = kind.chars().take(64).collect();
    Err(unsupported(&format!("{path}.type"), &format!("{kind:?} is not supported; tools are functions of the caller")))
}

/// The tools of a request whose tools are [`ToolWire`]s.
pub(crate) fn function_tools(wires: Option<Vec<ToolWire>>) -> Result<Vec<Tool>, ApiError> {
    tools_of(wires.unwrap_or_default(), ToolWire::tool)
}

/// Checks a tool. `path` is where it stands, `schema_field` the API's name for the schema of its arguments.
pub(crate) fn tool(
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
    path: &str,
    schema_field: &str,
) -> Result<Tool, ApiError> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || name.len() > TOOL_NAME_BYTES_MAX || !name.chars().all(is_word) {
        let param = format!("{path}.name");
        let message = format!("{param}: expected 1 to {TOOL_NAME_BYTES_MAX} letters, digits, _ - or .");
        return Err(ApiError::invalid(param, message));
    }
    let parameters = parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    if !parameters.is_object() {
        let param = format!("{path}.{schema_field}");
        return Err(ApiError::invalid(param.clone(), format!("{param}: a schema is an object")));
    }
    Ok(Tool { name, description, parameters, is_strict: false })
}

/// Reads the tools of a request by `tool`: at most [`limits::TOOLS_MAX`], each name once.
pub(crate) fn tools_of<T>(
    wires: Vec<T>,
    mut tool: impl FnMut(T, &str) -> Result<Tool, ApiError>,
) -> Result<Vec<Tool>, ApiError> {
    if wires.len() > limits::TOOLS_MAX {
        let expected = format!("at most {}", limits::TOOLS_MAX);
        return Err(out_of_range("tools", format!("{} tools", wires.len()), &expected));
    }
    let mut tools: Vec<Tool> = Vec::with_capacity(wires.len());
    for (i, wire) in wires.into_iter().enumerate() {
        let tool = tool(wire, &format!("tools[{i}]"))?;
        if tools.iter().any(|t| t.name == tool.name) {
            return Err(ApiError::invalid(format!("tools[{i}]"), format!("tools[{i}]: {:?} twice", tool.name)));
        }
        tools.push(tool);
    }
    Ok(tools)
}

/// The tool that `tool_choice` names, or the error that there is none.
pub(crate) fn named_tool(tools: &[Tool], name: &str) -> Result<Tool, ApiError> {
    let shown: String = name.chars().take(64).collect();
    let missing = || ApiError::invalid("tool_choice", format!("tool_choice: there is no tool {shown:?} in tools"));
    tools.iter().find(|t| t.name == name).cloned().ok_or_else(missing)
}
