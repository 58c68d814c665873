//! The tools of a response, flat as that API spells them: functions, functions in namespaces, tools that take free
//! text, and those that a server of OpenAI's would run itself.
//!
//! A model knows functions alone. So a namespaced function is offered as `namespace.name` and a free-text tool as a
//! function of one string; [`Spellings`] says how their calls are told to the client, and how earlier calls come back.

use std::borrow::Cow;

use chat::Tool;
use reply::TOOL_NAME_BYTES_MAX;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiError,
    ignored::{self, Api},
    openai::tool_choice::ToolChoiceWire,
    wire::{tool, tools_of, unsupported},
};

/// Types of tools that servers of OpenAI's run themselves, or whose form only its own models know. This server has none
/// of them; a model can answer without.
const HOSTED: &[&str] = &[
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use",
    "computer_use_preview",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "shell",
    "tool_search",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
];

/// Whether a type of tools is one of those that are left out.
fn is_hosted(kind: &str) -> bool {
    HOSTED.contains(&kind)
}

/// Name of the one argument of a free-text tool, as it is offered to the model.
const INPUT: &str = "input";

/// A tool as responses spell it; its fields depend on its type.
#[derive(Deserialize, Clone, Debug)]
pub(crate) struct FlatToolWire {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Value>,
    #[serde(default)]
    strict: Option<bool>,
    /// Tools of a namespace.
    #[serde(default)]
    tools: Option<Vec<FlatToolWire>>,
    /// Format of the text that a free-text tool takes.
    #[serde(default)]
    format: Option<Value>,
}

/// The client's spellings of calls of tools that are offered under another name or in another form.
#[derive(Clone, Debug, Default)]
pub(super) struct Spellings(Vec<Spelling>);

#[derive(Clone, Debug)]
struct Spelling {
    /// Name that the model knows.
    offered: String,
    namespace: Option<String>,
    name: String,
    is_free_text: bool,
}

/// A call as the client knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct CallOf<'a> {
    pub(super) namespace: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) is_free_text: bool,
}

impl Spellings {
    /// Returns the client's spelling of a call that the model made of the tool `offered`.
    pub(super) fn call_of<'a>(&'a self, offered: &'a str) -> CallOf<'a> {
        match self.0.iter().find(|spelling| spelling.offered == offered) {
            Some(Spelling { namespace, name, is_free_text, .. }) => {
                CallOf { namespace: namespace.as_deref(), name, is_free_text: *is_free_text }
            }
            None => CallOf { namespace: None, name: offered, is_free_text: false },
        }
    }

    /// Returns the name that the model knows of a tool as the client calls it.
    pub(super) fn offered<'a>(&'a self, namespace: Option<&str>, name: &'a str) -> Cow<'a, str> {
        let is_it = |s: &&Spelling| s.name == name && s.namespace.as_deref() == namespace;
        match (self.0.iter().find(is_it), namespace) {
            (Some(spelling), _) => Cow::Borrowed(&spelling.offered),
            (None, None) => Cow::Borrowed(name),
            // Of a tool that is no longer there.
            (None, Some(namespace)) => Cow::Owned(qualified(namespace, name)),
        }
    }

    /// Spells a choice in the names that the model knows; a namespaced function may be called by its own name alone.
    pub(super) fn choice(&self, choice: ToolChoiceWire) -> ToolChoiceWire {
        let offered = |name: String| {
            let mut found = self.0.iter().filter(|s| s.name == name);
            match (found.next(), found.next()) {
                (Some(one), None) => one.offered.clone(),
                _ => name,
            }
        };
        match choice {
            ToolChoiceWire::Named(name) => ToolChoiceWire::Named(offered(name)),
            ToolChoiceWire::Allowed { mode, names } => {
                ToolChoiceWire::Allowed { mode, names: names.into_iter().map(offered).collect() }
            }
            word @ ToolChoiceWire::Word(_) => word,
        }
    }
}

fn qualified(namespace: &str, name: &str) -> String {
    format!("{namespace}.{name}")
}

/// Returns the text that a free-text tool was called with, out of the arguments that the model wrote for it; arguments
/// that were cut off are returned as they stand.
pub(super) fn free_text(arguments: &str) -> String {
    let text = |value: Value| value.get(INPUT).and_then(Value::as_str).map(str::to_owned);
    serde_json::from_str(arguments).ok().and_then(text).unwrap_or_else(|| arguments.to_owned())
}

/// Makes the arguments that stand for the text of an earlier call.
pub(super) fn free_text_arguments(input: &str) -> String {
    json!({INPUT: input}).to_string()
}

/// Returns the tools that the model may be offered, and the client's spellings of their calls. Tools that OpenAI's
/// servers run are left out, which the log says.
pub(super) fn offer(wires: Vec<FlatToolWire>) -> Result<(Vec<Tool>, Spellings), ApiError> {
    let mut spellings = Vec::new();
    let mut flat = Vec::with_capacity(wires.len());
    for (i, wire) in wires.into_iter().enumerate() {
        let path = format!("tools[{i}]");
        match wire.kind.as_str() {
            "function" | "custom" => flat.push((path, wire)),
            "namespace" => open(wire, &path, &mut flat, &mut spellings)?,
            kind if is_hosted(kind) => {
                ignored::note(Api::OpenAi, &format!("tools: {kind}"));
            }
            kind => return Err(unknown_kind(kind, &path)),
        }
    }
    let spelled = &mut spellings;
    let tools = tools_of(flat, |(path, wire), _| one(wire, &path, spelled))?;
    Ok((tools, Spellings(spellings)))
}

/// Opens a namespace into its functions, under the names that they are offered by.
fn open(
    wire: FlatToolWire,
    path: &str,
    flat: &mut Vec<(String, FlatToolWire)>,
    spellings: &mut Vec<Spelling>,
) -> Result<(), ApiError> {
    let namespace = required(wire.name, path, "name")?;
    let mut about = wire.description;
    for (i, mut tool) in wire.tools.unwrap_or_default().into_iter().enumerate() {
        let path = format!("{path}.tools[{i}]");
        if tool.kind != "function" {
            return Err(unknown_kind(&tool.kind, &path));
        }
        let name = required(tool.name.take(), &path, "name")?;
        let full = qualified(&namespace, &name);
        let offered = if full.len() > TOOL_NAME_BYTES_MAX { name.clone() } else { full };
        // What is said of all stands with the first.
        tool.description = match (about.take(), tool.description) {
            (Some(all), Some(this)) => Some(format!("{all}\n\n{this}")),
            (all, this) => all.or(this),
        };
        tool.name = Some(offered.clone());
        spellings.push(Spelling { offered, namespace: Some(namespace.clone()), name, is_free_text: false });
        flat.push((path, tool));
    }
    Ok(())
}

fn one(wire: FlatToolWire, path: &str, spellings: &mut Vec<Spelling>) -> Result<Tool, ApiError> {
    let name = required(wire.name, path, "name")?;
    if wire.kind != "custom" {
        // Where nobody says, OpenAI is strict with what can be, which is what happens without it.
        let is_strict = wire.strict.unwrap_or(false);
        return Ok(Tool { is_strict, ..tool(name, wire.description, wire.parameters, path, "parameters")? });
    }
    if !spellings.iter().any(|s| s.offered == name) {
        spellings.push(Spelling { offered: name.clone(), namespace: None, name: name.clone(), is_free_text: true });
    }
    let description = match (wire.description, wire.format.as_ref().and_then(form)) {
        (Some(about), Some(form)) => Some(format!("{about}\n\n{form}")),
        (about, form) => about.or(form),
    };
    let parameters = json!({
        "type": "object", "properties": {INPUT: {"type": "string", "description": "The whole input, as it is"}},
        "required": [INPUT], "additionalProperties": false,
    });
    tool(name, description, Some(parameters), path, "parameters")
}

/// Says in words what a free-text tool's text must look like: inside a string of JSON no grammar of it can be enforced.
fn form(format: &Value) -> Option<String> {
    let definition = format.get("definition").and_then(Value::as_str)?;
    let syntax = format.get("syntax").and_then(Value::as_str).unwrap_or("given");
    Some(format!("The input follows this {syntax} grammar:\n{definition}"))
}

fn unknown_kind(kind: &str, path: &str) -> ApiError {
    let kind: String = kind.chars().take(64).collect();
    unsupported(&format!("{path}.type"), &format!("{kind:?} is not supported; tools are functions of the caller"))
}

fn required(value: Option<String>, path: &str, field: &str) -> Result<String, ApiError> {
    let param = format!("{path}.{field}");
    value.ok_or_else(|| ApiError::invalid(param.clone(), format!("{param}: missing")))
}

impl FlatToolWire {
    /// Returns the tool as it was sent, for the answer; `None` for one that is left out.
    pub(super) fn echo(&self) -> Option<Value> {
        let Self { kind, name, description, parameters, strict, tools, format } = self;
        match kind.as_str() {
            "function" => Some(json!({
                "type": kind, "name": name, "description": description, "parameters": parameters,
                "strict": strict.unwrap_or(true),
            })),
            "custom" => Some(json!({"type": kind, "name": name, "description": description, "format": format})),
            "namespace" => {
                let tools: Vec<Value> = tools.iter().flatten().filter_map(Self::echo).collect();
                Some(json!({"type": kind, "name": name, "description": description, "tools": tools}))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wires(value: Value) -> Vec<FlatToolWire> {
        Vec::deserialize(value).unwrap()
    }

    #[test]
    fn what_a_model_does_not_know_is_offered_as_a_function() {
        let function = |name: &str| json!({"type": "function", "name": name, "description": "Does.", "parameters": {"type": "object"}});
        let (tools, spellings) = offer(wires(json!([
            function("close"),
            {"type": "web_search", "external_web_access": false},
            {"type": "namespace", "name": "agents", "description": "Agents.", "tools": [function("close"), function("open")]},
            {"type": "custom", "name": "patch", "description": "Edits.", "format": {"type": "grammar", "syntax": "lark", "definition": "start: \"a\""}},
        ])))
        .unwrap();
        let names: Vec<&str> = tools.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["close", "agents.close", "agents.open", "patch"]);
        let about: Vec<&str> = tools.iter().map(|t| t.description.as_deref().unwrap()).collect();
        assert_eq!(about[1..3], ["Agents.\n\nDoes.", "Does."]);
        assert!(about[3].starts_with("Edits.") && about[3].ends_with("start: \"a\""), "{}", about[3]);
        let call = |offered| {
            let call = spellings.call_of(offered);
            (call.namespace, call.name.to_owned(), call.is_free_text)
        };
        assert_eq!(call("close"), (None, "close".to_owned(), false));
        assert_eq!(call("agents.close"), (Some("agents"), "close".to_owned(), false));
        assert_eq!(call("patch"), (None, "patch".to_owned(), true));
        assert_eq!(spellings.offered(Some("agents"), "open"), "agents.open");
        assert_eq!(spellings.offered(None, "close"), "close");
        assert_eq!(spellings.offered(Some("gone"), "close"), "gone.close");
        assert_eq!(
            spellings.choice(ToolChoiceWire::Named("open".to_owned())),
            ToolChoiceWire::Named("agents.open".to_owned())
        );
        assert_eq!(free_text(&free_text_arguments("a\n\"b\"")), "a\n\"b\"");
        assert_eq!(free_text("{\"inp"), "{\"inp");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |value: Value, param: &str| {
            assert_eq!(offer(wires(value.clone())).unwrap_err().param.as_deref(), Some(param), "{value}");
        };
        check(json!([{"type": "functoin", "name": "a"}]), "tools[0].type");
        check(json!([{"type": "function"}]), "tools[0].name");
        check(json!([{"type": "function", "name": "a"}, {"type": "custom", "name": "a"}]), "tools[1]");
        check(json!([{"type": "namespace", "tools": []}]), "tools[0].name");
        check(
            json!([{"type": "namespace", "name": "n", "tools": [{"type": "custom", "name": "a"}]}]),
            "tools[0].tools[0].type",
        );
        check(
            json!([{"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "a b"}]}]),
            "tools[0].tools[0].name",
        );
    }
}
