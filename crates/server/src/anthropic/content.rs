//! Blocks of content as clients send them.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{
    error::ApiError,
    json,
    wire::{Arguments, Ignored, text_or_list, unsupported},
};

/// A callback that is told the names of fields that are not known.
pub(super) type Skipped<'a> = &'a dyn Fn(&str);

/// The content of a message: text, or blocks. Blocks stay JSON until their `type` is known, so that an error can name
/// its field.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Content {
    Text(String),
    Blocks(Vec<Value>),
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_list(deserializer, "a string or a list of content blocks", Self::Text, Self::Blocks)
    }
}

/// A block of content that was read.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Block {
    Text(String),
    Thinking(String),
    /// A block of thinking that only its maker can read.
    RedactedThinking,
    ToolUse {
        id: Option<String>,
        name: String,
        /// Arguments of the call as JSON.
        input: String,
    },
    ToolResult {
        tool_use_id: Option<String>,
        text: String,
    },
}

// Blocks may be parts of answers of other servers, so what is not known in them is skipped.

#[derive(Deserialize)]
struct TextBlock {
    #[serde(rename = "type")]
    _kind: String,
    text: String,
    #[serde(default, rename = "cache_control")]
    _cache_control: Ignored,
    /// Sources of the text of an earlier answer.
    #[serde(default, rename = "citations")]
    _citations: Ignored,
}

#[derive(Deserialize)]
struct ThinkingBlock {
    #[serde(rename = "type")]
    _kind: String,
    thinking: String,
    #[serde(default, rename = "signature")]
    _signature: Option<String>,
}

#[derive(Deserialize)]
struct RedactedThinkingBlock {
    #[serde(rename = "type")]
    _kind: String,
    #[serde(rename = "data")]
    _data: String,
}

#[derive(Deserialize)]
struct ToolUseBlock {
    #[serde(rename = "type")]
    _kind: String,
    #[serde(default)]
    id: Option<String>,
    name: String,
    #[serde(default)]
    input: Option<Arguments>,
    #[serde(default, rename = "cache_control")]
    _cache_control: Ignored,
    #[serde(default, rename = "caller")]
    _caller: Option<DirectCaller>,
}

/// The caller of a tool. Only the model itself calls tools here, not code that it runs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectCaller {
    #[serde(rename = "type")]
    _kind: DirectWord,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum DirectWord {
    Direct,
}

#[derive(Deserialize)]
struct ToolResultBlock {
    #[serde(rename = "type")]
    _kind: String,
    #[serde(default)]
    tool_use_id: Option<String>,
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    is_error: Option<bool>,
    #[serde(default, rename = "cache_control")]
    _cache_control: Ignored,
}

impl Block {
    /// Reads the block that stands at `path`; fields that are not known go to `skipped`.
    fn read(value: &Value, path: &str, skipped: Skipped<'_>) -> Result<Self, ApiError> {
        let param = format!("{path}.type");
        let kind = value.get("type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| ApiError::invalid(param.clone(), format!("{param}: missing")))?;
        let value = value.clone();
        Ok(match kind {
            "text" => Self::Text(json::from_value_noting::<TextBlock>(value, path, skipped)?.text),
            "thinking" => Self::Thinking(json::from_value_noting::<ThinkingBlock>(value, path, skipped)?.thinking),
            "redacted_thinking" => {
                json::from_value_noting::<RedactedThinkingBlock>(value, path, skipped)?;
                Self::RedactedThinking
            }
            "tool_use" => {
                let ToolUseBlock { id, name, input, .. } = json::from_value_noting(value, path, skipped)?;
                Self::ToolUse { id, name, input: input.map_or_else(|| "{}".to_owned(), |input| input.0) }
            }
            "tool_result" => {
                let result: ToolResultBlock = json::from_value_noting(value, path, skipped)?;
                let text = |content: &Content| content.text(&format!("{path}.content"), skipped);
                let text = result.content.as_ref().map_or(Ok(String::new()), text)?;
                // Templates have no place for a flag.
                let text = if result.is_error == Some(true) { format!("Error: {text}") } else { text };
                Self::ToolResult { tool_use_id: result.tool_use_id, text }
            }
            kind => {
                let kind: String = kind.chars().take(64).collect();
                return Err(unsupported(
                    &param,
                    &format!("{kind:?} is not supported; this server reads text, thinking and tool calls"),
                ));
            }
        })
    }
}

impl Content {
    /// Reads all blocks; a string is one block of text.
    pub(super) fn blocks(&self, path: &str, skipped: Skipped<'_>) -> Result<Vec<Block>, ApiError> {
        match self {
            Self::Text(text) => Ok(vec![Block::Text(text.clone())]),
            Self::Blocks(blocks) => {
                let read = |(i, block): (usize, &Value)| Block::read(block, &format!("{path}[{i}]"), skipped);
                blocks.iter().enumerate().map(read).collect()
            }
        }
    }

    /// Reads the text, where nothing else may stand; blocks stand on lines of their own.
    pub(super) fn text(&self, path: &str, skipped: Skipped<'_>) -> Result<String, ApiError> {
        let text = |(i, block): (usize, Block)| match block {
            Block::Text(text) => Ok(text),
            _ => Err(unsupported(&format!("{path}[{i}].type"), "only text is supported here")),
        };
        let texts: Vec<String> =
            self.blocks(path, skipped)?.into_iter().enumerate().map(text).collect::<Result<_, _>>()?;
        Ok(texts.join("\n"))
    }
}
