//! What the output must look like: `response_format`, `text.format`, vLLM's `structured_outputs`.

use engine::grammar::GrammarSource;
use serde::Deserialize;
use serde_json::Value;

use super::values::Refused;
use crate::{error::ApiError, wire::schema as schema_at};

/// The `response_format` of chat completions.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponseFormat {
    #[serde(rename = "type")]
    kind: FormatKind,
    #[serde(default)]
    json_schema: Option<JsonSchema>,
    /// Schema of a `json_object`, a field of llama.cpp and Together.
    #[serde(default)]
    schema: Option<Value>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FormatKind {
    Text,
    JsonObject,
    JsonSchema,
}

/// A JSON schema with a name. It is enforced whether it is `strict` or not.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonSchema {
    #[serde(default, rename = "name")]
    _name: Option<String>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    schema: Option<Value>,
    #[serde(default, rename = "strict")]
    _strict: Option<bool>,
}

impl ResponseFormat {
    /// Returns the grammar, if the output is not just text.
    pub(crate) fn source(self) -> Result<Option<GrammarSource>, ApiError> {
        let schema = self.schema.map(|schema| schema_at(schema, "response_format.schema")).transpose()?;
        match (self.kind, self.json_schema) {
            (FormatKind::Text | FormatKind::JsonSchema, _) if schema.is_some() => {
                let message = "response_format.schema: only with the type json_object";
                Err(ApiError::invalid("response_format.schema", message))
            }
            (FormatKind::JsonObject, None) if schema.is_some() => Ok(schema),
            (FormatKind::Text, None) => Ok(None),
            (FormatKind::JsonObject, None) => Ok(Some(GrammarSource::JsonObject)),
            (FormatKind::JsonSchema, Some(JsonSchema { schema: Some(schema), .. })) => {
                schema_at(schema, "response_format.json_schema.schema").map(Some)
            }
            (FormatKind::JsonSchema, None) => {
                Err(ApiError::invalid("response_format.json_schema", "response_format.json_schema: missing"))
            }
            (FormatKind::JsonSchema, Some(_)) => {
                let param = "response_format.json_schema.schema";
                Err(ApiError::invalid(param, format!("{param}: missing")))
            }
            (_, Some(_)) => {
                let message = "response_format.json_schema: only with the type json_schema";
                Err(ApiError::invalid("response_format.json_schema", message))
            }
        }
    }
}

/// The `text.format` of responses: a `response_format` that is written flat.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextFormat {
    #[serde(rename = "type")]
    pub(super) kind: FormatKind,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    schema: Option<Value>,
    #[serde(default)]
    strict: Option<bool>,
}

impl TextFormat {
    /// Returns the format as it was sent, for the answer.
    pub(crate) fn echo(&self) -> Value {
        match self.kind {
            FormatKind::Text => serde_json::json!({"type": "text"}),
            FormatKind::JsonObject => serde_json::json!({"type": "json_object"}),
            FormatKind::JsonSchema => serde_json::json!({
                "type": "json_schema", "name": self.name, "description": self.description,
                "schema": self.schema, "strict": self.strict,
            }),
        }
    }

    /// Returns the grammar, if the output is not just text.
    pub(crate) fn source(self) -> Result<Option<GrammarSource>, ApiError> {
        match (self.kind, self.schema) {
            (FormatKind::Text, None) => Ok(None),
            (FormatKind::JsonObject, None) => Ok(Some(GrammarSource::JsonObject)),
            (FormatKind::JsonSchema, Some(schema)) => schema_at(schema, "text.format.schema").map(Some),
            (FormatKind::JsonSchema, None) => {
                Err(ApiError::invalid("text.format.schema", "text.format.schema: missing"))
            }
            (_, Some(_)) => {
                Err(ApiError::invalid("text.format.schema", "text.format.schema: only with the type json_schema"))
            }
        }
    }
}

/// The `structured_outputs` of vLLM: exactly one of its kinds.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct StructuredOutputs {
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    choice: Option<Vec<String>>,
    #[serde(default)]
    grammar: Option<String>,
    #[serde(default)]
    json_object: Option<bool>,
    #[serde(default, rename = "structural_tag")]
    _structural_tag: Option<Refused>,
}

impl StructuredOutputs {
    /// Returns the grammar; none if nothing is given.
    pub(crate) fn source(self) -> Result<Option<GrammarSource>, ApiError> {
        let Self { json, regex, choice, grammar, json_object, _structural_tag: _ } = self;
        let mut given = [
            json.map(|schema| schema_at(schema, "structured_outputs.json")).transpose()?,
            regex.map(GrammarSource::Regex),
            choice.map(GrammarSource::Choice),
            grammar.map(GrammarSource::Lark),
            json_object.filter(|wanted| *wanted).map(|_| GrammarSource::JsonObject),
        ]
        .into_iter()
        .flatten();
        let first = given.next();
        if given.next().is_some() {
            return Err(ApiError::invalid("structured_outputs", "structured_outputs: more than one kind"));
        }
        Ok(first)
    }
}
