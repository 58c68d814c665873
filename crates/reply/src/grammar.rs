//! From what a request asks of its output to the grammar that enforces it.

use std::fmt;

use chat::{ANSWER_RULE, CallRules, Tool, ToolChoice};
use engine::grammar::{Grammar, GrammarCompiler, GrammarError, GrammarSource, Loosened};
use serde_json::{Value, json};
use tokenizer::Tokenizer;

use crate::{Reply, control_id};

/// The grammar that a client wrote, and the field that it wrote it in.
pub type Asked = (GrammarSource, &'static str);

/// Why no grammar is made.
#[derive(Debug)]
pub enum Refusal {
    /// The field asks for what is no grammar, or cannot be enforced.
    Grammar(String, GrammarError),
    /// A strict tool of this name has a schema that cannot be enforced.
    Tool(String, GrammarError),
    /// The field asks for a grammar that does not go together with tools.
    WithTools(String),
    /// A call is to be forced, and the model has no format of calls that could be.
    NoCalls,
}

impl Refusal {
    /// The field of the request that is refused.
    pub fn field(&self) -> &str {
        match self {
            Self::Grammar(field, _) | Self::WithTools(field) => field,
            Self::Tool(..) => "tools",
            Self::NoCalls => "tool_choice",
        }
    }

    /// Whether a grammar is at fault, and not what was asked for together.
    pub fn is_of_grammar(&self) -> bool {
        matches!(self, Self::Grammar(..) | Self::Tool(..))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = self.field();
        match self {
            Self::Grammar(_, error) => write!(f, "{field}: {error}"),
            Self::Tool(name, error) => write!(f, "{field}: {name}: {error}"),
            Self::WithTools(_) => {
                write!(f, "{field}: a grammar, together with tools only where tool_choice is none")
            }
            Self::NoCalls => write!(f, "{field}: this model has no format of tool calls that could be forced"),
        }
    }
}

/// Compiles for one model.
pub struct Compiler<'a> {
    /// The compiler for the model's tokens.
    pub grammars: &'a GrammarCompiler,
    /// The model's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// What is told of a tool, or of several, whose arguments are not held to all of their schemas, and why.
    pub not_enforced: &'a dyn Fn(&str, &GrammarError),
}

impl Compiler<'_> {
    /// The grammar of plain text, or of a `reply`; `None` where nothing is to be enforced.
    pub fn output(&self, asked: Option<&Asked>, reply: Option<&Reply>) -> Result<Option<Grammar>, Refusal> {
        // Alone first, for its refusals, which are about what the client wrote.
        let alone = asked.map(|(source, field)| self.compile(source, field)).transpose()?;
        match reply {
            None => Ok(alone),
            Some(reply) if reply.callable().is_empty() => self.after_thoughts(alone, asked, reply),
            Some(reply) => self.with_calls(asked, reply),
        }
    }

    fn compile(&self, source: &GrammarSource, field: &str) -> Result<Grammar, Refusal> {
        self.grammars.compile(source).map_err(|error| refused(field, error))
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
    ) -> Result<Option<Grammar>, Refusal> {
        let Some((source, field)) = asked else { return Ok(alone) };
        let rules = source.as_rules(ANSWER_RULE).map_err(|error| refused(field, error))?;
        let lark = rules.and_then(|rules| reply.format.answer_grammar(&rules, &|s| self.control_token(s)));
        lark.map_or(Ok(alone), |lark| self.compile(&GrammarSource::Lark(lark), field).map(Some))
    }

    /// The grammar of calls, or (where none is forced) of the text that is asked for. Tools that are not strict are
    /// held to what of their schemas can be enforced; where even that is too much together, to any object, and at last
    /// to nothing.
    fn with_calls(&self, asked: Option<&Asked>, reply: &Reply) -> Result<Option<Grammar>, Refusal> {
        let answer = match asked {
            None => None,
            Some((source, field)) => {
                let rules = source.as_rules(ANSWER_RULE).map_err(|error| refused(field, error))?;
                Some(rules.ok_or_else(|| Refusal::WithTools((*field).to_owned()))?)
            }
        };
        let schemas = self.schemas(&reply.tools)?;
        let is_forced = matches!(reply.choice, ToolChoice::Required | ToolChoice::Named(_));
        let mut last = None;
        for arguments in [Arguments::Enforced, Arguments::AnyObject] {
            let schema = |tool: &Tool| arguments.schema(tool, &reply.tools, &schemas);
            let rules = CallRules {
                choice: &reply.choice,
                parallel: reply.parallel.unwrap_or(false),
                schema: &schema,
                answer: answer.as_deref(),
            };
            let Some(lark) = reply.format.tool_grammar(&reply.tools, &rules, &|s| self.control_token(s)) else { break };
            match self.grammars.compile(&GrammarSource::Lark(lark)) {
                Ok(grammar) => return Ok(Some(grammar)),
                Err(error) => {
                    let names: Vec<&str> = reply.tools.iter().map(|tool| tool.name.as_str()).collect();
                    (self.not_enforced)(&names.join(", "), &error);
                    last = Some(error);
                }
            }
        }
        match last {
            None if is_forced => Err(Refusal::NoCalls),
            Some(error) if is_forced || answer.is_some() || reply.tools.iter().any(|tool| tool.is_strict) => {
                Err(refused("tools", error))
            }
            _ => Ok(None),
        }
    }

    /// The schema that the arguments of each tool are held to.
    fn schemas(&self, tools: &[Tool]) -> Result<Vec<Value>, Refusal> {
        for tool in tools.iter().filter(|tool| tool.is_strict) {
            let source = GrammarSource::JsonSchema(tool.schema().into_owned());
            self.grammars.compile(&source).map_err(|error| Refusal::Tool(tool.name.clone(), error))?;
        }
        let declared: Vec<_> = tools.iter().map(Tool::schema).collect();
        let loose: Vec<&Value> = tools
            .iter()
            .zip(&declared)
            .filter(|(tool, _)| !tool.is_strict)
            .map(|(_, schema)| schema.as_ref())
            .collect();
        let mut loosened = self.grammars.loosen(&loose).map_err(|error| refused("tools", error))?.into_iter();
        let schema = |(tool, declared): (&Tool, &Value)| {
            let loosened = if tool.is_strict { None } else { loosened.next() };
            let Some(Loosened { schema, left_out }) = loosened else { return of_object(declared.clone()) };
            left_out.iter().for_each(|error| (self.not_enforced)(&tool.name, error));
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

fn refused(field: &str, error: GrammarError) -> Refusal {
    Refusal::Grammar(field.to_owned(), error)
}
