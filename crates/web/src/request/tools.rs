//! Tools that a request declares, and which of them may or must be called.

use chat::{Tool, ToolChoice};
use reply::{TOOLS_MAX, ToolFault};
use serde::Deserialize;
use serde_json::Value;

use super::messages::FunctionWord;
use crate::Error;

/// A tool, as OpenAI's chat completions spell it.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolWire {
    #[serde(rename = "type")]
    _kind: FunctionWord,
    function: FunctionWire,
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

/// A `tool_choice`: a word, or a tool by its name.
#[derive(Deserialize, Clone, Debug)]
#[serde(untagged, expecting = "expected none, auto, required, or an object that names a function")]
pub(super) enum ToolChoiceWire {
    Word(ChoiceWord),
    Named(NamedTool),
}

#[derive(Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
pub(super) enum ChoiceWord {
    None,
    Auto,
    Required,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedTool {
    #[serde(rename = "type")]
    _kind: FunctionWord,
    function: NameOnly,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
struct NameOnly {
    name: String,
}

/// Reads the tools of a request: at most [`TOOLS_MAX`], each name once.
pub(super) fn read(wires: Vec<ToolWire>) -> Result<Vec<Tool>, Error> {
    if wires.len() > TOOLS_MAX {
        return Err(Error::range("tools", wires.len(), format_args!("at most {TOOLS_MAX}")));
    }
    let mut tools: Vec<Tool> = Vec::with_capacity(wires.len());
    for (i, ToolWire { function, .. }) in wires.into_iter().enumerate() {
        let FunctionWire { name, description, parameters, strict } = function;
        if tools.iter().any(|tool| tool.name == name) {
            return Err(Error::field(format!("tools[{i}]"), &format!("{name:?} twice")));
        }
        let tool = reply::tool(name, description, parameters).map_err(|fault| {
            let field = match fault {
                ToolFault::Name => "name",
                ToolFault::Schema => "parameters",
            };
            Error::field(format!("tools[{i}].function.{field}"), &fault.to_string())
        })?;
        tools.push(Tool { is_strict: strict.unwrap_or(false), ..tool });
    }
    Ok(tools)
}

/// The tools that may be called now, and whether one must be.
pub(super) fn choose(tools: &[Tool], choice: Option<ToolChoiceWire>) -> Result<(Vec<Tool>, ToolChoice), Error> {
    const FIELD: &str = "tool_choice";
    let all = || tools.to_vec();
    match choice {
        None | Some(ToolChoiceWire::Word(ChoiceWord::Auto)) if tools.is_empty() => Ok((all(), ToolChoice::None)),
        None | Some(ToolChoiceWire::Word(ChoiceWord::Auto)) => Ok((all(), ToolChoice::Auto)),
        Some(ToolChoiceWire::Word(ChoiceWord::None)) => Ok((all(), ToolChoice::None)),
        Some(ToolChoiceWire::Word(ChoiceWord::Required)) if tools.is_empty() => {
            Err(Error::field(FIELD, "a tool is required, but there are no tools"))
        }
        Some(ToolChoiceWire::Word(ChoiceWord::Required)) => Ok((all(), ToolChoice::Required)),
        Some(ToolChoiceWire::Named(NamedTool { function: NameOnly { name }, .. })) => {
            let tool = reply::named(tools, &name).map_err(|what| Error::field(FIELD, &what))?;
            Ok((vec![tool], ToolChoice::Named(name)))
        }
    }
}
