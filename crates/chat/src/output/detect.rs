//! Which spelling a template shows: a call is rendered, and read back by each of them.

use serde_json::{Value, json};

use super::{
    OutputFormat, OutputPiece, Start, Tool,
    reasoning::Reasoning,
    syntax,
    syntax::{Body, Syntax},
    table::SYNTAXES,
};
use crate::{DateTime, Inputs, Template};

const NAME: &str = "qzprobename";
const CITY: &str = "Paris \u{e9}";

impl OutputFormat {
    /// The format of a model with this template. A model without one, or whose template knows no tools or spells them
    /// in an unknown way, gets the spelling of Hermes, and is told about it by [`Self::conversation`].
    pub fn detect(template: Option<&Template>) -> Self {
        let Some(template) = template else {
            return Self::new(syntax::HERMES, None);
        };
        let with_tools = template.for_tools(true).source();
        let reasoning = Reasoning::detect(template.source()).or_else(|| Reasoning::detect(with_tools));
        let support = template.support();
        let tools = support.tools;
        let with_reasoning = |syntax| Self { has_system: support.system, ..Self::new(syntax, reasoning) };
        let mut has_unknown_spelling = false;
        for arguments_as_text in [false, true] {
            let Some(rendered) = rendered_call(template, arguments_as_text) else { continue };
            has_unknown_spelling = true;
            if let Some(syntax) = SYNTAXES.iter().find(|syntax| reads(syntax, &rendered)) {
                let format = Self { declares_tools: tools, renders_calls: true, ..with_reasoning(syntax) };
                let one_call_per_message = !renders_two_calls(template, arguments_as_text);
                return Self { renders_results: true, arguments_as_text, one_call_per_message, ..format }
                    .with_start(template);
            }
        }
        // A template may tell the model how to call without having a place for earlier calls.
        let tools = tools && !has_unknown_spelling;
        let mentioned = SYNTAXES.iter().find(|s| tools && s.opens.iter().any(|open| mentions(with_tools, open)));
        // LFM2's template leaves it to the model to know.
        let known = (tools && with_tools.contains("List of tools: "))
            .then(|| SYNTAXES.iter().find(|s| s.name == "lfm2"))
            .flatten();
        let format = match mentioned.or(known) {
            Some(syntax) => {
                let renders_results = renders_result(template);
                Self { declares_tools: true, renders_results, ..with_reasoning(syntax) }
            }
            None => with_reasoning(syntax::HERMES),
        };
        format.with_start(template)
    }

    pub(super) fn new(syntax: &'static Syntax, reasoning: Option<&'static Reasoning>) -> Self {
        let thoughts =
            reasoning.into_iter().flat_map(|r| [r.open, r.close].into_iter().chain(r.tokens.iter().copied()));
        let mut control_markers: Vec<&'static str> = Vec::new();
        for marker in syntax.markers().chain(thoughts).map(str::trim) {
            if !control_markers.contains(&marker) {
                control_markers.push(marker);
            }
        }
        Self {
            syntax,
            reasoning,
            start: Start::Text,
            declares_tools: false,
            renders_calls: false,
            renders_results: false,
            one_call_per_message: false,
            has_system: true,
            arguments_as_text: false,
            control_markers,
        }
    }

    fn with_start(self, template: &Template) -> Self {
        match render(template, &[user()], true) {
            Some(prompt) => self.after_prompt(&prompt),
            None => self,
        }
    }
}

/// Whether `source` has `marker` as a word of its own.
fn mentions(source: &str, marker: &str) -> bool {
    !marker.is_empty() && marker.len() >= 6 && source.contains(marker)
}

fn user() -> Value {
    json!({"role": "user", "content": "Hi"})
}

/// A tool, and a call of it, whose arguments could not come from anywhere else.
fn probe() -> (Tool, Value) {
    let parameters = json!({
        "type": "object",
        "properties": {
            "qzcity": {"type": "string", "description": "A."},
            "qzdays": {"type": "integer", "description": "B."},
        },
        "required": ["qzcity"],
        "additionalProperties": false,
    });
    let tool = Tool { name: NAME.to_owned(), description: Some("A probe.".to_owned()), parameters, is_strict: false };
    (tool, json!({"qzcity": CITY, "qzdays": 3}))
}

fn render(template: &Template, messages: &[Value], add_generation_prompt: bool) -> Option<String> {
    let tool = probe().0.to_json();
    let inputs = Inputs {
        tools: Some(std::slice::from_ref(&tool)),
        add_generation_prompt,
        bos_token: Some("<s>"),
        eos_token: Some("</s>"),
        ..Inputs::new(messages, DateTime::constant(2000, 1, 1, 0, 0, 0, 0))
    };
    template.render(&inputs).ok()
}

/// Whether the template has a place for the result of a call.
fn renders_result(template: &Template) -> bool {
    let asked = json!({"role": "assistant", "content": "Let me see."});
    let result = json!({"role": "tool", "tool_call_id": "abcdefghi", "name": "other", "content": NAME});
    let before = render(template, &[user(), asked.clone()], false);
    let after = render(template, &[user(), asked, result], false);
    let count = |text: Option<String>| text.map_or(0, |text| text.matches(NAME).count());
    count(after) > count(before)
}

/// Two calls in one message are both rendered.
fn renders_two_calls(template: &Template, arguments_as_text: bool) -> bool {
    let arguments = |value: &str| {
        let arguments = json!({"qzcity": value});
        if arguments_as_text { Value::from(arguments.to_string()) } else { arguments }
    };
    let call = |id: &str, value: &str| json!({"id": id, "type": "function", "function": {"name": NAME, "arguments": arguments(value)}});
    let calls = [call("abcdefghi", "qzfirst"), call("abcdefghj", "qzsecond")];
    let message = json!({"role": "assistant", "content": "", "tool_calls": calls});
    render(template, &[user(), message], false)
        .is_some_and(|text| text.contains("qzfirst") && text.contains("qzsecond"))
}

/// What the template makes of the call: the text after the user's message. Nothing if it drops or refuses it.
fn rendered_call(template: &Template, arguments_as_text: bool) -> Option<String> {
    let arguments = probe().1;
    let arguments = if arguments_as_text { Value::from(arguments.to_string()) } else { arguments };
    let call = json!({"role": "assistant", "content": "", "tool_calls": [
        {"id": "abcdefghi", "type": "function", "function": {"name": NAME, "arguments": arguments}},
    ]});
    let rendered = render(template, &[user(), call], false).filter(|text| text.contains(CITY))?;
    // With the prompt for a reply if it is the beginning, since a call without an opening stands right after it.
    let reply = [true, false].into_iter().find_map(|prompt| {
        let before = render(template, &[user()], prompt)?;
        rendered.strip_prefix(before.as_str()).map(str::to_owned)
    });
    Some(reply.unwrap_or(rendered))
}

/// Whether `syntax` finds in `rendered` the very call that was rendered.
fn reads(syntax: &'static Syntax, rendered: &str) -> bool {
    if let Body::Json(calls) = &syntax.body {
        // The parser takes lists and lone objects alike, but they are not written alike.
        let after = syntax.opens.iter().find_map(|open| rendered.split_once(open)).map(|(_, after)| after.trim_start());
        if after.is_some_and(|after| after.starts_with('[') != calls.list) {
            return false;
        }
    }
    let (tool, expected) = probe();
    let may_begin_in_call = matches!(syntax.body, Body::Named(_));
    [Start::Text, Start::Call].into_iter().filter(|start| *start == Start::Text || may_begin_in_call).any(|start| {
        let format = OutputFormat { start, ..OutputFormat::new(syntax, None) };
        let mut parser = format.parser(std::slice::from_ref(&tool));
        let mut pieces = Vec::new();
        parser.push(rendered, &mut pieces);
        parser.finish(&mut pieces);
        let arguments: String = pieces
            .iter()
            .filter_map(|piece| match piece {
                OutputPiece::ToolCallArguments { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        let names: Vec<&str> = pieces
            .iter()
            .filter_map(|piece| match piece {
                OutputPiece::ToolCallStart { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect();
        names == [NAME] && serde_json::from_str::<Value>(&arguments).is_ok_and(|found| found == expected)
    })
}
