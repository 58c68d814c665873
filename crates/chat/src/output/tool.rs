//! A tool as a client declares it, and which tool it wants called.

use serde_json::{Map, Value, json};

/// A function that the model may ask to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// What the model calls it by.
    pub name: String,
    /// What it does, in words for the model.
    pub description: Option<String>,
    /// JSON schema of its arguments, which are an object.
    pub parameters: Value,
    /// Calls are held to the whole schema, or the request is refused; else to what of it can be enforced.
    pub is_strict: bool,
}

/// Whether the model may, must or must not call tools.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// The model must not call tools.
    None,
    /// As the model likes.
    #[default]
    Auto,
    /// At least one call, of any tool.
    Required,
    /// A call of this tool.
    Named(String),
}

impl Tool {
    /// The tool as templates see it, in the shape of OpenAI's API.
    pub fn to_json(&self) -> Value {
        let mut function = Map::new();
        function.insert("name".into(), self.name.as_str().into());
        // Templates concatenate the description, so there is always one.
        function.insert("description".into(), self.description.clone().unwrap_or_default().into());
        function.insert("parameters".into(), self.schema().into_owned());
        json!({"type": "function", "function": function})
    }

    /// The schema of the arguments; a client that sends none means an object without properties.
    pub fn schema(&self) -> std::borrow::Cow<'_, Value> {
        match &self.parameters {
            Value::Object(object) if !object.is_empty() => std::borrow::Cow::Borrowed(&self.parameters),
            _ => std::borrow::Cow::Owned(json!({"type": "object", "properties": {}})),
        }
    }

    /// The schema of one argument, if the tool declares it.
    pub(crate) fn property(&self, key: &str) -> Option<&Value> {
        self.parameters.get("properties")?.get(key)
    }
}

/// Whether values of `schema` are written as bare text by formats that do not quote: the schema says string, and
/// nothing else.
pub(crate) fn is_text(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name == "string",
        Some(Value::Array(names)) => !names.is_empty() && names.iter().all(|n| n == "string"),
        _ => schema.get("enum").and_then(Value::as_array).is_some_and(|e| e.iter().all(Value::is_string)),
    }
}
