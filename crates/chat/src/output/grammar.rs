//! Grammars under which a model can only write well-formed calls, in the Lark dialect of the `llguidance` crate.
//!
//! A call is written as the template would write it, and its arguments are held to the tool's schema.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{
    OutputFormat, Start, Tool, ToolChoice, literals,
    syntax::{Body, NamedCalls, TaggedCalls},
    tool,
};
use crate::limits::MORE_CALLS_MAX;

/// Markers that end a reply: the model's own end says the same, and a grammar must not ask for it.
const ENDS: [&str; 3] = ["<|call|>", "<|calls|>", "<|message_sep|>"];

/// The name of the rule that [`CallRules::answer`] defines.
pub const ANSWER_RULE: &str = "answer";

/// What replies with calls must look like.
#[derive(Clone, Copy)]
pub struct CallRules<'a> {
    /// Whether there may or must be a call.
    pub choice: &'a ToolChoice,
    /// Whether there may be more than one.
    pub parallel: bool,
    /// The schema that the arguments of a tool are held to.
    pub schema: &'a dyn Fn(&Tool) -> Value,
    /// Lark rules, one of which is [`ANSWER_RULE`], of what a reply without a call is; any text if there are none.
    pub answer: Option<&'a str>,
}

impl OutputFormat {
    /// The Lark grammar of replies that obey `rules`: at least one call for [`ToolChoice::Required`] and
    /// [`ToolChoice::Named`]; for [`ToolChoice::Auto`] calls or the answer, or, where that may be any text, text in
    /// which a call that was begun is well formed. Reasoning may come first where the model knows it.
    ///
    /// `control_token` gives the id of the control token that is spelled so; a spelling without one is text.
    ///
    /// None where nothing is to be enforced, or where this format cannot be: its calls are no JSON and have no tags, or
    /// (for `Auto` with any text) nothing tells the beginning of a call from text.
    pub fn tool_grammar(
        &self,
        tools: &[Tool],
        rules: &CallRules<'_>,
        control_token: &dyn Fn(&str) -> Option<u32>,
    ) -> Option<String> {
        let is_forced = matches!(rules.choice, ToolChoice::Required | ToolChoice::Named(_));
        let answer = rules.answer.filter(|_| !is_forced);
        let tools: Vec<&Tool> = match rules.choice {
            ToolChoice::None => return None,
            ToolChoice::Named(name) => tools.iter().filter(|tool| tool.name == *name).collect(),
            ToolChoice::Auto | ToolChoice::Required => tools.iter().collect(),
        };
        if tools.is_empty() {
            return None;
        }
        let mut grammar = Grammar::new(self, control_token);
        let is_bare = matches!(&self.syntax.body, Body::Json(json) if json.bare);
        let is_wrapped = self.syntax.wrappers.iter().any(|wrapper| grammar.has_control(wrapper));
        let is_free = !is_forced && answer.is_none();
        if is_free && (is_bare || is_wrapped || self.start == Start::Call) {
            return None;
        }
        let open = self.syntax.opens.first().copied().unwrap_or_default();
        let (rest, between) = match self.section(&mut grammar, &tools, rules) {
            Some(section) => section,
            // Calls of another language: where they begin and end is all that is enforced.
            None if answer.is_some() => (grammar.until(self.syntax.closes.first()?), None),
            None => return None,
        };
        let more = match between {
            Some(between) if rules.parallel => {
                format!(" ({between} {} section){{0,{MORE_CALLS_MAX}}}", grammar.literal(open))
            }
            _ => String::new(),
        };
        grammar.rule("section", &rest);
        let thoughts = self.thoughts(&mut grammar, !is_free);
        let first = if is_bare || self.start == Start::Call { String::new() } else { grammar.literal(open) };
        if let Some(answer) = answer {
            let answer = self.answer(&mut grammar, answer);
            grammar.rule("start", &format!("{thoughts} ({first} section{more} | {answer})"));
        } else if is_forced {
            grammar.rule("start", &format!("{thoughts} {first} section{more}"));
        } else {
            let until = grammar.until(open);
            grammar.rule("start", &format!("{thoughts} reply"));
            grammar.rule("reply", &format!("TEXT | {until} section{more} space?"));
        }
        Some(grammar.finish())
    }

    /// The Lark grammar of replies whose text is the [`ANSWER_RULE`] of `answer`, after what the model thinks. None
    /// where the model is not known to think: then the answer alone is the grammar. `control_token` as in
    /// [`Self::tool_grammar`].
    pub fn answer_grammar(&self, answer: &str, control_token: &dyn Fn(&str) -> Option<u32>) -> Option<String> {
        self.reasoning?;
        let mut grammar = Grammar::new(self, control_token);
        let thoughts = self.thoughts(&mut grammar, true);
        grammar.rules.push_str(answer);
        grammar.rule("start", &format!("{thoughts} {ANSWER_RULE}"));
        Some(grammar.finish())
    }

    /// Adds the rules of an answer; how it is spelled where the prompt began what is a call or not.
    fn answer(&self, grammar: &mut Grammar, rules: &str) -> String {
        grammar.rules.push_str(rules);
        match &self.syntax.body {
            Body::Named(named) if self.start == Start::Call && !named.text_name.is_empty() => {
                format!("{} {ANSWER_RULE}", grammar.literal(&format!("{}{}", named.text_name, named.arguments_open)))
            }
            _ => ANSWER_RULE.to_owned(),
        }
    }

    /// What may, or must, come before the answer.
    fn thoughts(&self, grammar: &mut Grammar, is_forced: bool) -> String {
        let Some(reasoning) = self.reasoning else { return String::new() };
        if self.start == Start::Reasoning {
            let until = grammar.until(reasoning.close);
            return format!("{until} {} space?", grammar.literal(reasoning.then));
        }
        // Where text may follow anyway, thoughts between markers that are text are text.
        if !is_forced && !grammar.has_control(reasoning.open) {
            return String::new();
        }
        let (open, until) = (grammar.literal(reasoning.open), grammar.until(reasoning.close));
        format!("({open} {until} {} space?)?", grammar.literal(reasoning.then))
    }

    /// What follows the opening marker, and what stands before the next one if there may be more.
    fn section(
        &self,
        grammar: &mut Grammar,
        tools: &[&Tool],
        rules: &CallRules<'_>,
    ) -> Option<(String, Option<String>)> {
        let CallRules { parallel, schema, .. } = *rules;
        let close = self.syntax.closes.first().copied().filter(|close| !ENDS.contains(close)).unwrap_or_default();
        let close = grammar.literal(close);
        let line = "\"\\n\"".to_owned();
        Some(match &self.syntax.body {
            Body::Json(calls) => {
                for (i, tool) in tools.iter().enumerate() {
                    let head = grammar.literal(&calls.head(&tool.name));
                    let arguments = grammar.json(&schema(tool));
                    grammar.rule(&format!("call_{i}"), &format!("{head} {arguments} \"}}\""));
                }
                grammar.alternatives(tools.len());
                if calls.list {
                    let more = if parallel { format!(" (\", \" call){{0,{MORE_CALLS_MAX}}}") } else { String::new() };
                    (format!("\"[\" call{more} \"]\" {close}"), None)
                } else if calls.bare {
                    ("call".to_owned(), None)
                } else if close.is_empty() {
                    (format!("{line}? call"), None)
                } else {
                    (format!("{line} call {line} {close}"), Some(line))
                }
            }
            Body::Named(named) => {
                for (i, tool) in tools.iter().enumerate() {
                    let text = named_call(grammar, named, tool, &schema(tool));
                    grammar.rule(&format!("call_{i}"), &text);
                }
                grammar.alternatives(tools.len());
                if named.call_open.is_empty() {
                    (
                        "call".to_owned(),
                        Some(String::new()).filter(|_| named.text_name.is_empty() && !self.ends_with_call()),
                    )
                } else {
                    {
                        let more = if parallel { format!(" call{{0,{MORE_CALLS_MAX}}}") } else { String::new() };
                        (format!("call{more} {close}"), None)
                    }
                }
            }
            Body::Tagged(tagged) => {
                for (i, tool) in tools.iter().enumerate() {
                    let text = tagged_call(grammar, tagged, tool, &schema(tool));
                    grammar.rule(&format!("call_{i}"), &text);
                }
                grammar.alternatives(tools.len());
                if tagged.call_open.is_empty() {
                    ("call".to_owned(), Some(format!("{line}?")))
                } else {
                    (format!("{line} call {line} {close}"), Some(line))
                }
            }
            Body::Whole(whole) if whole.is_python => {
                for (i, tool) in tools.iter().enumerate() {
                    let text = python_call(grammar, tool, &schema(tool));
                    grammar.rule(&format!("call_{i}"), &text);
                }
                grammar.alternatives(tools.len());
                let more = if parallel { format!(" (\", \" call){{0,{MORE_CALLS_MAX}}}") } else { String::new() };
                (format!("\"[\" call{more} \"]\" {close}"), None)
            }
            Body::Whole(_) => return None,
        })
    }

    /// A call ends the reply.
    fn ends_with_call(&self) -> bool {
        matches!(&self.syntax.body, Body::Named(named) if ENDS.contains(&named.call_close))
    }
}

fn named_call(grammar: &mut Grammar, named: &NamedCalls, tool: &Tool, schema: &Value) -> String {
    let after = named.after_name.first().copied().unwrap_or_default();
    let head = format!("{}{}{}{after}{}", named.call_open, named.before_name, tool.name, named.arguments_open);
    let close = if ENDS.contains(&named.call_close) { "" } else { named.call_close };
    let (head, arguments) = (grammar.literal(&head), grammar.json(schema));
    format!("{head} {arguments} {}", grammar.literal(close))
}

/// `name(key=value, …)`, what is required first, values as JSON, which the parser reads among Python's literals.
fn python_call(grammar: &mut Grammar, tool: &Tool, schema: &Value) -> String {
    let Some(parameters) = Parameters::of(tool, schema) else {
        let value = grammar.json(&json!({}));
        return format!(
            "{} (KEY \"=\" {value} (\", \" KEY \"=\" {value})*)? \")\"",
            grammar.literal(&format!("{}(", tool.name))
        );
    };
    let (mut required, mut optional) = (Vec::new(), Vec::new());
    for parameter in parameters.list() {
        let key = parameter.key;
        let argument = format!("{} {}", grammar.literal(&format!("{key}=")), grammar.json(&parameter.schema));
        if parameter.is_required { required.push(argument) } else { optional.push(argument) }
    }
    let comma = "\", \"";
    let after = |arguments: &[String]| arguments.iter().map(|a| format!(" ({comma} {a})?")).collect::<String>();
    // Where none is required, any of the optional ones may come first, without a comma before it.
    let arguments = if required.is_empty() {
        let firsts = optional
            .iter()
            .enumerate()
            .map(|(i, a)| format!("{a}{}", after(optional.get(i + 1..).unwrap_or_default())));
        let firsts = firsts.collect::<Vec<_>>().join(" | ");
        if firsts.is_empty() { firsts } else { format!("({firsts})?") }
    } else {
        format!("{}{}", required.join(&format!(" {comma} ")), after(&optional))
    };
    format!("{} {arguments} \")\"", grammar.literal(&format!("{}(", tool.name)))
}

/// The parameters of a tool, for formats that write each on its own.
struct Parameters<'a> {
    tool: &'a Tool,
    schema: &'a Value,
}

struct Parameter<'a> {
    key: &'a str,
    /// That of its value, with the definitions that it may refer to.
    schema: Value,
    /// The parser, which reads what the tool declares, takes the value as bare text.
    is_text: bool,
    is_required: bool,
}

impl<'a> Parameters<'a> {
    /// None where the tool does not list them, but allows some: its schema is a reference or a choice of others, say.
    fn of(tool: &'a Tool, schema: &'a Value) -> Option<Self> {
        let declared = tool.parameters.as_object();
        let is_listed = declared.is_none_or(|d| d.get("properties").is_some_and(Value::is_object));
        let has_none = declared.is_some_and(|d| {
            let allows =
                ["$ref", "anyOf", "oneOf", "allOf", "patternProperties", "additionalProperties", "propertyNames"];
            !allows.iter().any(|name| d.get(*name).is_some_and(|value| value != &Value::Bool(false)))
        });
        (is_listed || has_none).then_some(Self { tool, schema })
    }

    fn list(&self) -> impl Iterator<Item = Parameter<'a>> {
        let Self { tool, schema } = *self;
        let declared = tool.parameters.get("properties").and_then(Value::as_object).into_iter().flatten();
        let required = schema.get("required").and_then(Value::as_array);
        declared.map(move |(key, property)| Parameter {
            key,
            schema: schema
                .get("properties")
                .and_then(|properties| properties.get(key))
                .filter(|part| part.is_object())
                .map_or_else(|| json!({}), |part| with_definitions(part, schema)),
            is_text: tool::is_text(property),
            is_required: required.is_some_and(|required| required.iter().any(|r| r == key)),
        })
    }
}

/// A part of `schema` that may refer to the definitions of the whole.
fn with_definitions(part: &Value, schema: &Value) -> Value {
    let mut part = part.clone();
    for definitions in ["$defs", "definitions"] {
        if let (Some(own), Some(shared)) = (part.as_object_mut(), schema.get(definitions)) {
            own.insert(definitions.to_owned(), shared.clone());
        }
    }
    part
}

fn tagged_call(grammar: &mut Grammar, tagged: &TaggedCalls, tool: &Tool, schema: &Value) -> String {
    let end = tagged.end_of_value();
    // A text ends where the parser sees its end, which is the tag without the line's end before it.
    let after = end.split_once(tagged.value_close).map_or("", |(_, after)| after);
    let mut text = grammar.literal(&tagged.head(&tool.name));
    let Some(parameters) = Parameters::of(tool, schema) else {
        let (open, head) = (grammar.literal(tagged.key_open), grammar.literal(&tagged.after_key(true)));
        let value = format!("{} {}", grammar.until(tagged.value_close), grammar.literal(after));
        return format!("{text} ({open} KEY {head} {value})* {}", grammar.literal(tagged.call_close));
    };
    for parameter in parameters.list() {
        let Parameter { key, is_text, .. } = parameter;
        let head = grammar.literal(&tagged.key(key, is_text));
        let choices = parameter.schema.get("enum").and_then(Value::as_array).filter(|_| is_text);
        let value = if let Some(choices) = choices {
            let choices: Vec<String> = choices.iter().filter(|c| c.is_string()).map(Value::to_string).collect();
            format!("({}) {}", choices.join(" | "), grammar.literal(&end))
        } else if is_text {
            format!("{} {}", grammar.until(tagged.value_close), grammar.literal(after))
        } else {
            format!("{} {}", grammar.json(&parameter.schema), grammar.literal(&end))
        };
        let _ = write!(text, " ({head} {value}){}", if parameter.is_required { "" } else { "?" });
    }
    format!("{text} {}", grammar.literal(tagged.call_close))
}

/// A grammar that is being written.
struct Grammar {
    rules: String,
    n_rules: usize,
    /// Spellings that are control tokens here, longest first.
    control: Vec<(&'static str, u32)>,
}

impl Grammar {
    fn new(format: &OutputFormat, control_token: &dyn Fn(&str) -> Option<u32>) -> Self {
        let ids = format.control_markers.iter().filter_map(|marker| Some((*marker, control_token(marker)?)));
        let mut control: Vec<(&'static str, u32)> = ids.collect();
        control.sort_by_key(|(marker, _)| std::cmp::Reverse(marker.len()));
        let rules = "TEXT: /(.|\\n)*/\nKEY: /[A-Za-z_][A-Za-z0-9_.-]*/\nspace: /[ \\n]{1,4}/\n".to_owned();
        Self { rules, n_rules: 0, control }
    }

    fn finish(self) -> String {
        self.rules
    }

    fn rule(&mut self, name: &str, body: &str) {
        let _ = writeln!(self.rules, "{name}: {}", body.trim());
    }

    fn alternatives(&mut self, n_calls: usize) {
        let calls: Vec<String> = (0..n_calls).map(|i| format!("call_{i}")).collect();
        self.rule("call", &calls.join(" | "));
    }

    fn new_name(&mut self, kind: &str) -> String {
        self.n_rules += 1;
        format!("{kind}_{}", self.n_rules)
    }

    /// The first control token in `text`: where it is, its length, its id.
    fn next_control(&self, text: &str) -> Option<(usize, usize, u32)> {
        let found = self.control.iter().filter_map(|(marker, id)| Some((text.find(marker)?, marker.len(), *id)));
        found.min_by_key(|(at, length, _)| (*at, std::cmp::Reverse(*length)))
    }

    fn has_control(&self, text: &str) -> bool {
        self.next_control(text).is_some()
    }

    /// `text`, its control tokens by id.
    fn literal(&self, text: &str) -> String {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (plain, tail) = match self.next_control(rest) {
                Some((at, length, id)) => {
                    let (plain, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
                    (plain, Some((tail.get(length..).unwrap_or_default(), id)))
                }
                None => (rest, None),
            };
            if !plain.is_empty() {
                parts.push(Value::from(plain).to_string());
            }
            rest = tail.map_or("", |(tail, _)| tail);
            parts.extend(tail.map(|(_, id)| format!("<[{id}]>")));
        }
        parts.join(" ")
    }

    /// Any text up to `marker`, and the marker.
    fn until(&mut self, marker: &str) -> String {
        let plain = self.next_control(marker).map_or(marker.len(), |(at, ..)| at);
        let (plain, rest) = marker.split_at_checked(plain).unwrap_or((marker, ""));
        let rest = self.literal(rest);
        if plain.is_empty() {
            return format!("TEXT {rest}");
        }
        let name = self.new_name("until");
        self.rule(&format!("{name}[lazy]"), &format!("TEXT {}", Value::from(plain)));
        format!("{name} {rest}")
    }

    /// A value of `schema`; how it may be spaced is for the compiler of the grammar to say.
    fn json(&mut self, schema: &Value) -> String {
        let name = self.new_name("value");
        self.rule(&name, &format!("%json {}", literals::spaced(schema)));
        name
    }
}
