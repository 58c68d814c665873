//! What every API asks of the tools that a request declares.

use std::fmt;

use chat::Tool;
use serde_json::{Value, json};

/// Tools of a request.
pub const TOOLS_MAX: usize = 128;
/// Bytes of a tool's name.
pub const TOOL_NAME_BYTES_MAX: usize = 64;

/// What is wrong with a tool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ToolFault {
    /// The name is empty, too long, or no word.
    Name,
    /// The schema of the arguments is no object.
    Schema,
}

impl fmt::Display for ToolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(f, "expected 1 to {TOOL_NAME_BYTES_MAX} letters, digits, _ - or ."),
            Self::Schema => f.write_str("a schema is an object"),
        }
    }
}

/// Makes a tool that is not strict, whose arguments are any object if nothing is said of them.
pub fn tool(name: String, description: Option<String>, parameters: Option<Value>) -> Result<Tool, ToolFault> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() || name.len() > TOOL_NAME_BYTES_MAX || !name.chars().all(is_word) {
        return Err(ToolFault::Name);
    }
    let parameters = parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    if !parameters.is_object() {
        return Err(ToolFault::Schema);
    }
    Ok(Tool { name, description, parameters, is_strict: false })
}

/// The tool that is called `name`; the error says that there is none.
pub fn named(tools: &[Tool], name: &str) -> Result<Tool, String> {
    let missing = || {
        let shown: String = name.chars().take(TOOL_NAME_BYTES_MAX).collect();
        format!("there is no tool {shown:?} in tools")
    };
    tools.iter().find(|tool| tool.name == name).cloned().ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_a_word_for_a_name_and_an_object_for_a_schema() {
        let of = |name: &str, schema: Option<Value>| tool(name.to_owned(), None, schema);
        assert_eq!(of("a.b-c_1", None).unwrap().parameters, json!({"type": "object", "properties": {}}));
        for name in ["", "a b", "é", &"a".repeat(TOOL_NAME_BYTES_MAX + 1)] {
            assert_eq!(of(name, None).unwrap_err(), ToolFault::Name, "{name}");
        }
        of(&"a".repeat(TOOL_NAME_BYTES_MAX), Some(json!({}))).unwrap();
        assert_eq!(of("a", Some(json!([]))).unwrap_err(), ToolFault::Schema);
    }

    #[test]
    fn a_tool_is_found_by_its_name() {
        let tools = ["a", "b"].map(|name| tool(name.to_owned(), None, None).unwrap());
        assert_eq!(named(&tools, "b").unwrap().name, "b");
        let error = named(&tools, &"c".repeat(1000)).unwrap_err();
        assert_eq!(error, format!("there is no tool {:?} in tools", "c".repeat(TOOL_NAME_BYTES_MAX)));
    }
}
