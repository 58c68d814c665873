//! From what a request asks of its output to the grammar that enforces it.

use chat::{ANSWER_RULE, CallRules, Tool, ToolChoice};
use engine::grammar::{Grammar, GrammarCompiler, GrammarError, GrammarSource, Loosened};
use serde_json::{Value, json};
use tokenizer::Tokenizer;

use super::{ChatOutput, GenerationRequest, Output, request::control_id};
use crate::{App, blocking, error::ApiError, models::Lease, notices::Notices, wire::unsupported};

/// Compiles the grammar of a request's output, on a thread for long work; `None` where nothing is to be enforced.
pub(super) async fn compile(
    app: &App,
    lease: &Lease,
    request: &GenerationRequest,
) -> Result<Option<Grammar>, ApiError> {
    let is_needed = match &request.output {
        Output::Text => request.grammar.is_some(),
        Output::Chat(output) => request.grammar.is_some() || !output.callable().is_empty(),
    };
    if !is_needed {
        return Ok(None);
    }
    let (asked, output, lease, told) = (request.grammar.clone(), request.output.clone(), lease.clone(), app.clone());
    let compile = move || {
        let (grammars, tokenizer) = (&lease.grammars, lease.handle.tokenizer());
        Compiler { grammars, tokenizer, notices: told.notices() }.output(asked.as_ref(), &output)
    };
    blocking::run(app, compile).await
}

/// The grammar that the client wrote, and the field that it wrote it in.
type Asked = (GrammarSource, &'static str);

struct Compiler<'a> {
    grammars: &'a GrammarCompiler,
    tokenizer: &'a Tokenizer,
    notices: &'a Notices,
}

impl Compiler<'_> {
    fn output(&self, asked: Option<&Asked>, output: &Output) -> Result<Option<Grammar>, ApiError> {
        // Alone first, for its refusals, which are about what the client wrote.
        let alone = asked.map(|(source, param)| self.compile(source, param)).transpose()?;
        match output {
            Output::Text => Ok(alone),
            Output::Chat(chat) if chat.callable().is_empty() => self.after_thoughts(alone, asked, chat),
            Output::Chat(chat) => self.with_calls(asked, chat),
        }
    }

    fn compile(&self, source: &GrammarSource, param: &str) -> Result<Grammar, ApiError> {
        self.grammars.compile(source).map_err(|error| refused(param, &error))
    }

    fn control_token(&self, spelling: &str) -> Option<u32> {
        control_id(self.tokenizer, spelling).map(|id| id.0)
    }

    /// The grammar of an answer without calls, before which a model that thinks may think.
    fn after_thoughts(
        &self,
        alone: Option<Grammar>,
        asked: Option<&Asked>,
        chat: &ChatOutput,
    ) -> Result<Option<Grammar>, ApiError> {
        let Some((source, param)) = asked else { return Ok(alone) };
        let rules = source.as_rules(ANSWER_RULE).map_err(|error| refused(param, &error))?;
        let lark = rules.and_then(|rules| chat.format.answer_grammar(&rules, &|s| self.control_token(s)));
        lark.map_or(Ok(alone), |lark| self.compile(&GrammarSource::Lark(lark), param).map(Some))
    }

    /// The grammar of calls, or (where none is forced) of the text that is asked for. Tools that are not strict are
    /// held to what of their schemas can be enforced; where even that is too much together, to any object, and at last
    /// to nothing.
    fn with_calls(&self, asked: Option<&Asked>, chat: &ChatOutput) -> Result<Option<Grammar>, ApiError> {
        let answer = match asked {
            None => None,
            Some((source, param)) => {
                let rules = source.as_rules(ANSWER_RULE).map_err(|error| refused(param, &error))?;
                let why = "a grammar, together with tools only where tool_choice is none";
                Some(rules.ok_or_else(|| unsupported(param, why))?)
            }
        };
        let schemas = self.schemas(&chat.tools)?;
        let is_forced = matches!(chat.choice, ToolChoice::Required | ToolChoice::Named(_));
        let mut last = None;
        for arguments in [Arguments::Enforced, Arguments::AnyObject] {
            let schema = |tool: &Tool| arguments.schema(tool, &chat.tools, &schemas);
            let rules = CallRules {
                choice: &chat.choice,
                parallel: chat.parallel.unwrap_or(false),
                schema: &schema,
                answer: answer.as_deref(),
            };
            let Some(lark) = chat.format.tool_grammar(&chat.tools, &rules, &|s| self.control_token(s)) else { break };
            match self.grammars.compile(&GrammarSource::Lark(lark)) {
                Ok(grammar) => return Ok(Some(grammar)),
                Err(error) => {
                    let names: Vec<&str> = chat.tools.iter().map(|tool| tool.name.as_str()).collect();
                    self.notices.not_enforced(&names.join(", "), &error.to_string());
                    last = Some(error);
                }
            }
        }
        match last {
            None if is_forced => {
                let message = "tool_choice: this model has no format of tool calls that could be forced";
                Err(ApiError::invalid("tool_choice", message).with_code("unsupported_parameter"))
            }
            Some(error) if is_forced || answer.is_some() || chat.tools.iter().any(|tool| tool.is_strict) => {
                Err(refused("tools", &error))
            }
            _ => Ok(None),
        }
    }

    /// The schema that the arguments of each tool are held to.
    fn schemas(&self, tools: &[Tool]) -> Result<Vec<Value>, ApiError> {
        for tool in tools.iter().filter(|tool| tool.is_strict) {
            let source = GrammarSource::JsonSchema(tool.schema().into_owned());
            let compiled = self.grammars.compile(&source);
            compiled.map_err(|error| ApiError {
                param: Some("tools".to_owned()),
                ..refused(&format!("tools: {}", tool.name), &error)
            })?;
        }
        let declared: Vec<_> = tools.iter().map(Tool::schema).collect();
        let loose: Vec<&Value> = tools
            .iter()
            .zip(&declared)
            .filter(|(tool, _)| !tool.is_strict)
            .map(|(_, schema)| schema.as_ref())
            .collect();
        let mut loosened = self.grammars.loosen(&loose).map_err(|error| refused("tools", &error))?.into_iter();
        let schema = |(tool, declared): (&Tool, &Value)| {
            let loosened = if tool.is_strict { None } else { loosened.next() };
            let Some(Loosened { schema, left_out }) = loosened else { return of_object(declared.clone()) };
            for error in left_out {
                self.notices.not_enforced(&tool.name, &error.to_string());
            }
            of_object(schema)
        };
        Ok(tools.iter().zip(declared.iter().map(AsRef::as_ref)).map(schema).collect())
    }
}

/// How tightly the arguments of calls are held to their tools' schemas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Arguments {
    /// Arguments are held to what of the schema can be enforced.
    Enforced,
    /// Arguments are held to be an object; those of strict tools as tightly as ever.
    AnyObject,
}

impl Arguments {
    fn schema(self, tool: &Tool, tools: &[Tool], schemas: &[Value]) -> Value {
        let enforced = tools.iter().zip(schemas).find(|(known, _)| known.name == tool.name);
        match enforced {
            Some((_, schema)) if self == Self::Enforced || tool.is_strict => schema.clone(),
            _ => json!({"type": "object"}),
        }
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

fn refused(param: &str, error: &GrammarError) -> ApiError {
    ApiError::invalid(param, format!("{param}: {error}")).with_code("invalid_grammar")
}
