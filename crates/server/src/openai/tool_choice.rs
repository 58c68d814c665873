//! `tool_choice`, and which tools it leaves.

use std::fmt;

use chat::{Tool, ToolChoice};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{error::ApiError, wire::named_tool};

/// The `tool_choice` of a request: a word, a tool, or a set of allowed ones.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum ToolChoiceWire {
    Word(ChoiceWord),
    Named(String),
    Allowed { mode: ChoiceWord, names: Vec<String> },
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChoiceWord {
    None,
    Auto,
    Required,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoiceObject {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    function: Option<NameOnly>,
    #[serde(default)]
    allowed_tools: Option<AllowedTools>,
    #[serde(default)]
    mode: Option<ChoiceWord>,
    #[serde(default)]
    tools: Option<Vec<AllowedTool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameOnly {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowedTools {
    mode: ChoiceWord,
    tools: Vec<AllowedTool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowedTool {
    #[serde(rename = "type")]
    _kind: super::chat::FunctionWord,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    function: Option<NameOnly>,
}

impl<'de> Deserialize<'de> for ToolChoiceWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = ToolChoiceWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("none, auto, required, or an object that names a tool")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<ToolChoiceWire, E> {
                let word = match word {
                    "none" => ChoiceWord::None,
                    "auto" => ChoiceWord::Auto,
                    "required" => ChoiceWord::Required,
                    other => return Err(E::unknown_variant(other, &["none", "auto", "required"])),
                };
                Ok(ToolChoiceWire::Word(word))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ToolChoiceWire, A::Error> {
                let object = ChoiceObject::deserialize(MapAccessDeserializer::new(map))?;
                let missing = |what: &str| A::Error::custom(format_args!("missing field `{what}`"));
                match object.kind.as_str() {
                    "function" | "custom" => {
                        let name = object.function.map(|f| f.name).or(object.name).ok_or_else(|| missing("name"))?;
                        Ok(ToolChoiceWire::Named(name))
                    }
                    "allowed_tools" => {
                        let (mode, tools) = match (object.allowed_tools, object.mode, object.tools) {
                            (Some(allowed), None, None) => (allowed.mode, allowed.tools),
                            (None, Some(mode), Some(tools)) => (mode, tools),
                            _ => return Err(missing("allowed_tools")),
                        };
                        let name = |tool: AllowedTool| tool.function.map(|f| f.name).or(tool.name);
                        let names: Option<Vec<String>> = tools.into_iter().map(name).collect();
                        Ok(ToolChoiceWire::Allowed { mode, names: names.ok_or_else(|| missing("name"))? })
                    }
                    other => Err(A::Error::unknown_variant(other, &["function", "custom", "allowed_tools"])),
                }
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// Returns whether there may be several calls, if the request decides that: a call that is forced by name is one call.
pub(super) fn parallel(asked: Option<bool>, choice: &ToolChoice) -> Option<bool> {
    if matches!(choice, ToolChoice::Named(_)) { Some(false) } else { asked }
}

/// Returns the tools that may be called now, and whether one must be.
pub(super) fn choose(tools: &[Tool], choice: Option<ToolChoiceWire>) -> Result<(Vec<Tool>, ToolChoice), ApiError> {
    let is_there = |name: &str| named_tool(tools, name);
    let needs_tools = |choice: ToolChoice| {
        if tools.is_empty() && choice != ToolChoice::Auto {
            return Err(ApiError::invalid("tool_choice", "tool_choice: a tool is required, but there are no tools"));
        }
        Ok((tools.to_vec(), choice))
    };
    let of_word = |word: ChoiceWord| match word {
        ChoiceWord::None => ToolChoice::None,
        ChoiceWord::Auto => ToolChoice::Auto,
        ChoiceWord::Required => ToolChoice::Required,
    };
    match choice {
        None => Ok((tools.to_vec(), if tools.is_empty() { ToolChoice::None } else { ToolChoice::Auto })),
        Some(ToolChoiceWire::Word(ChoiceWord::None)) => Ok((tools.to_vec(), ToolChoice::None)),
        Some(ToolChoiceWire::Word(word)) => needs_tools(of_word(word)),
        Some(ToolChoiceWire::Named(name)) => Ok((vec![is_there(&name)?], ToolChoice::Named(name))),
        Some(ToolChoiceWire::Allowed { mode, names }) => {
            let allowed: Vec<Tool> = names.iter().map(|name| is_there(name)).collect::<Result<_, _>>()?;
            if allowed.is_empty() {
                return Err(ApiError::invalid("tool_choice", "tool_choice: an empty list of allowed tools"));
            }
            Ok((allowed, of_word(mode)))
        }
    }
}
