//! Tools that a request declares.

use chat::Tool;
use reply::ToolFault;
use serde::Deserialize;
use serde_json::Value;

use super::{out_of_range, unsupported};
use crate::{error::ApiError, limits};

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
    reply::tool(name, description, parameters).map_err(|fault| {
        let field = match fault {
            ToolFault::Name => "name",
            ToolFault::Schema => schema_field,
        };
        ApiError::invalid(format!("{path}.{field}"), format!("{path}.{field}: {fault}"))
    })
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
    reply::named(tools, name).map_err(|what| ApiError::invalid("tool_choice", format!("tool_choice: {what}")))
}
