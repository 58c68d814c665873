//! The `response_format` of a request.

use engine::grammar::GrammarSource;
use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// The `response_format` of OpenAI's chat completions.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct ResponseFormat {
    #[serde(rename = "type")]
    kind: FormatKind,
    #[serde(default)]
    json_schema: Option<JsonSchema>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
enum FormatKind {
    Text,
    JsonObject,
    JsonSchema,
}

/// A schema with a name. It is enforced whether it is `strict` or not.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
struct JsonSchema {
    #[serde(default, rename = "name")]
    _name: Option<String>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, deserialize_with = "super::schema")]
    schema: Option<Value>,
    #[serde(default, rename = "strict")]
    _strict: Option<bool>,
}

impl ResponseFormat {
    /// The grammar, if the output is not just text.
    pub(super) fn source(self) -> Result<Option<GrammarSource>, Error> {
        match (self.kind, self.json_schema) {
            (FormatKind::Text, None) => Ok(None),
            (FormatKind::JsonObject, None) => Ok(Some(GrammarSource::JsonObject)),
            (FormatKind::JsonSchema, Some(JsonSchema { schema: Some(schema), .. })) => {
                Ok(Some(GrammarSource::JsonSchema(schema)))
            }
            (FormatKind::JsonSchema, _) => Err(Error::field("response_format.json_schema.schema", "missing")),
            (_, Some(_)) => Err(Error::field("response_format.json_schema", "only with the type json_schema")),
        }
    }
}
