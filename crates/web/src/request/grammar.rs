//! From what a request asks of its output to the grammar that enforces it.

use chat::{ANSWER_RULE, CallRules, Tool, ToolChoice};
use engine::grammar::{Grammar, GrammarCompiler, GrammarError, GrammarSource, Loosened};
use serde::Deserialize;
use serde_json::{Value, json};
use tokenizer::{TokenId, Tokenizer};

use crate::{Error, output::Reply};

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

/// The control token that is spelled `spelling`, if there is one.
pub(super) fn control_id(tokenizer: &Tokenizer, spelling: &str) -> Option<TokenId> {
    tokenizer.id_of(spelling).filter(|id| tokenizer.is_control(*id))
}

/// The grammar that the page wrote, and the field that it wrote it in.
type Asked = (GrammarSource, &'static str);

/// Compiles for one model.
pub(super) struct Compiler<'a> {
    pub(super) grammars: &'a GrammarCompiler,
    pub(super) tokenizer: &'a Tokenizer,
}

impl Compiler<'_> {
    /// The grammar of an output; `None` where nothing is to be enforced.
    pub(super) fn output(&self, asked: Option<&Asked>, reply: Option<&mut Reply>) -> Result<Option<Grammar>, Error> {
        // Alone first, for its refusals, which are about what the page wrote.
        let alone = asked.map(|(source, field)| self.compile(source, field)).transpose()?;
        match reply {
            None => Ok(alone),
            Some(reply) if reply.callable().is_empty() => self.after_thoughts(alone, asked, reply),
            Some(reply) => self.with_calls(asked, reply),
        }
    }

    fn compile(&self, source: &GrammarSource, field: &str) -> Result<Grammar, Error> {
        self.grammars.compile(source).map_err(|error| refused(field, &error))
    }

    fn control_token(&self, spelling: &str) -> Option<u32> {
        control_id(self.tokenizer, spelling).map(|id| id.0)
    }

    /// The grammar of an answer without calls, before which a model that thinks may think.
    fn after_thoughts(
        &self,
        alone: Option<Grammar>,
        asked: Option<&Asked>,
        reply: &Reply,
    ) -> Result<Option<Grammar>, Error> {
        let Some((source, field)) = asked else { return Ok(alone) };
        let rules = source.as_rules(ANSWER_RULE).map_err(|error| refused(field, &error))?;
        let lark = rules.and_then(|rules| reply.format.answer_grammar(&rules, &|s| self.control_token(s)));
        lark.map_or(Ok(alone), |lark| self.compile(&GrammarSource::Lark(lark), field).map(Some))
    }

    /// The grammar of calls, or (where none is forced) of the text that is asked for. Tools that are not strict are
    /// held to what of their schemas can be enforced; where even that is too much together, to any object, and at last
    /// to nothing.
    fn with_calls(&self, asked: Option<&Asked>, reply: &Reply) -> Result<Option<Grammar>, Error> {
        let mut answer = None;
        if let Some((source, field)) = asked {
            let rules = source.as_rules(ANSWER_RULE).map_err(|error| refused(field, &error))?;
            let why = "a grammar, together with tools only where tool_choice is none";
            answer = Some(rules.ok_or_else(|| Error::field(*field, why))?);
        }
        let is_forced = matches!(reply.choice, ToolChoice::Required | ToolChoice::Named(_));
        let enforced = self.schemas(&reply.tools)?;
        let mut last = None;
        for is_loose in [false, true] {
            let schema = |tool: &Tool| {
                let own = reply.tools.iter().zip(&enforced).find(|(known, _)| known.name == tool.name);
                let own = own.filter(|_| !is_loose || tool.is_strict);
                own.map_or_else(|| json!({"type": "object"}), |(_, schema)| schema.clone())
            };
            let rules = CallRules {
                choice: &reply.choice,
                parallel: reply.parallel.unwrap_or(false),
                schema: &schema,
                answer: answer.as_deref(),
            };
            let Some(lark) = reply.format.tool_grammar(&reply.tools, &rules, &|s| self.control_token(s)) else { break };
            match self.grammars.compile(&GrammarSource::Lark(lark)) {
                Ok(grammar) => return Ok(Some(grammar)),
                Err(error) => last = Some(error),
            }
        }
        match last {
            None if is_forced => {
                Err(Error::field("tool_choice", "this model has no format of tool calls that could be forced"))
            }
            Some(error) if is_forced || answer.is_some() || reply.tools.iter().any(|tool| tool.is_strict) => {
                Err(refused("tools", &error))
            }
            _ => Ok(None),
        }
    }

    /// The schema that the arguments of each tool are held to.
    fn schemas(&self, tools: &[Tool]) -> Result<Vec<Value>, Error> {
        for tool in tools.iter().filter(|tool| tool.is_strict) {
            let source = GrammarSource::JsonSchema(tool.schema().into_owned());
            self.grammars.compile(&source).map_err(|error| refused(&format!("tools: {}", tool.name), &error))?;
        }
        let declared: Vec<_> = tools.iter().map(Tool::schema).collect();
        let loose = tools.iter().zip(&declared).filter(|(tool, _)| !tool.is_strict);
        let loose: Vec<&Value> = loose.map(|(_, schema)| schema.as_ref()).collect();
        let mut loosened = self.grammars.loosen(&loose).map_err(|error| refused("tools", &error))?.into_iter();
        let schema = |(tool, declared): (&Tool, &Value)| {
            let loosened = if tool.is_strict { None } else { loosened.next() };
            of_object(loosened.map_or_else(|| declared.clone(), |Loosened { schema, .. }| schema))
        };
        Ok(tools.iter().zip(declared.iter().map(AsRef::as_ref)).map(schema).collect())
    }
}

/// Makes a schema of arguments say that they are an object, where it does not say so itself.
fn of_object(schema: Value) -> Value {
    const SAY_WHAT: &[&str] = &["type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"];
    match schema {
        Value::Object(mut members) if !SAY_WHAT.iter().any(|name| members.contains_key(*name)) => {
            members.insert("type".to_owned(), "object".into());
            Value::Object(members)
        }
        Value::Bool(true) => json!({"type": "object"}),
        schema => schema,
    }
}

fn refused(field: &str, error: &GrammarError) -> Error {
    Error::field(field, &error.to_string())
}
