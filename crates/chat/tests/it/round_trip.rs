//! Calls rendered by real templates, read back.

use chat::{DateTime, Inputs, OutputFormat, OutputParser, OutputPiece, Template, Tool};
use serde_json::{Value, json};

/// How many templates show each spelling, and how many of them declare the tools themselves.
/// Hermes stands for the rest too: they know no tools, or spell them in a way that is not read.
const SPELLINGS: &[(&str, usize, usize)] = &[
    ("apertus", 1, 1),
    ("cohere", 2, 2),
    ("command_r", 1, 1),
    ("deepseek_r1", 1, 0),
    ("deepseek_v3_1", 1, 0),
    ("deepseek_v3_2", 1, 1),
    ("deepseek_v4", 2, 2),
    ("functionary_v3_1", 1, 1),
    ("functionary_v3_2", 1, 1),
    ("gemma4", 2, 2),
    ("gigachat3", 1, 1),
    ("gigachat3_1", 1, 1),
    ("glm", 7, 7),
    ("gpt_oss", 1, 1),
    ("granite3", 1, 1),
    ("hermes", 18, 10),
    ("hunyuan3", 1, 1),
    ("kimi_k2", 3, 3),
    ("kimi_k3", 1, 1),
    ("lfm2", 3, 3),
    ("llama3", 3, 3),
    ("minicpm5", 1, 1),
    ("minimax_m2", 1, 1),
    ("mistral_list", 1, 1),
    ("mistral_named", 3, 3),
    ("muse", 1, 1),
    ("nemotron", 1, 1),
    ("qwen3_coder", 4, 4),
    ("seed_oss", 1, 1),
    ("solar", 1, 1),
    ("tool_calls_lines", 1, 1),
    ("tool_calls_list", 2, 2),
];

/// A reply taken apart.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reply {
    pub(crate) content: String,
    pub(crate) reasoning: String,
    /// Name, and text of the arguments.
    pub(crate) calls: Vec<(String, String)>,
}

impl Reply {
    pub(crate) fn of(pieces: &[OutputPiece]) -> Self {
        let mut reply = Self::default();
        for piece in pieces {
            match piece {
                OutputPiece::Content(text) => reply.content.push_str(text),
                OutputPiece::Reasoning(text) => reply.reasoning.push_str(text),
                OutputPiece::ToolCallStart { index, name } => {
                    assert_eq!(*index, reply.calls.len());
                    reply.calls.push((name.clone(), String::new()));
                }
                OutputPiece::ToolCallArguments { index, text } => reply.calls[*index].1.push_str(text),
            }
        }
        reply
    }

    pub(crate) fn read(format: &OutputFormat, tools: &[Tool], text: &str) -> Self {
        Self::read_by(format.parser(tools), text)
    }

    pub(crate) fn read_by(mut parser: OutputParser, text: &str) -> Self {
        let mut pieces = Vec::new();
        parser.push(text, &mut pieces);
        parser.finish(&mut pieces);
        Self::of(&pieces)
    }

    pub(crate) fn parsed_calls(&self) -> Vec<(String, Value)> {
        let parse = |text: &str| serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text:?}"));
        self.calls.iter().map(|(name, text)| (name.clone(), parse(text))).collect()
    }
}

pub(crate) fn tools() -> Vec<Tool> {
    let tool = |name: &str, properties: Value, required: &[&str]| Tool {
        name: name.into(),
        description: Some(format!("Does {name}.")),
        parameters: json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        }),
        is_strict: false,
    };
    let described = |kind: &str| json!({"type": kind, "description": "A value."});
    vec![
        tool("get_weather", json!({"city": described("string"), "days": described("integer")}), &["city"]),
        tool("add-numbers", json!({"x": described("number"), "exact": described("boolean")}), &["x"]),
    ]
}

fn render(template: &Template, format: &OutputFormat, messages: &[Value], prompt: bool) -> Result<String, chat::Error> {
    let conversation = format.conversation(messages, &tools(), &[]);
    let inputs = Inputs {
        tools: conversation.tools.as_deref(),
        add_generation_prompt: prompt,
        bos_token: Some("<s>"),
        eos_token: Some("</s>"),
        ..Inputs::new(&conversation.messages, DateTime::constant(2026, 1, 15, 12, 0, 0, 0))
    };
    template.render(&inputs)
}

/// The calls that come back of `calls`, as clients send them: arguments are JSON text.
fn round_trip(template: &Template, format: &OutputFormat, calls: &[(&str, Value)]) -> Result<Reply, chat::Error> {
    let user = json!({"role": "user", "content": "Hi"});
    let calls: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(i, (name, arguments))| {
            json!({"id": format!("callnumb{i}"), "type": "function",
                "function": {"name": name, "arguments": arguments.to_string()}})
        })
        .collect();
    let call = json!({"role": "assistant", "content": null, "tool_calls": calls});
    let rendered = render(template, format, &[user.clone(), call], false)?;
    let prompts = [true, false].map(|prompt| render(template, format, std::slice::from_ref(&user), prompt));
    for prompt in prompts.into_iter().flatten() {
        if let Some(reply) = rendered.strip_prefix(prompt.as_str()) {
            return Ok(Reply::read(&format.after_prompt(&prompt), &tools(), reply));
        }
    }
    Ok(Reply::read(&format.after_prompt(""), &tools(), &rendered))
}

pub(crate) fn templates() -> impl Iterator<Item = (String, Template)> {
    let goldens = testkit::read_json("chat-templates/goldens.json");
    let names: Vec<String> = goldens["results"].as_object().unwrap().keys().cloned().collect();
    names.into_iter().map(|name| {
        let template = Template::new(&testkit::read_text(&format!("chat-templates/jinja/{name}"))).unwrap();
        (name, template)
    })
}

#[test]
fn calls_come_back_from_every_template() {
    let mut n_right = 0;
    let mut wrong = Vec::new();
    let first = ("get_weather", json!({"city": "Paris \"x\"\n<b>", "days": 3}));
    let second = ("add-numbers", json!({"x": -1.5, "exact": true}));
    for (name, template) in templates() {
        let format = OutputFormat::detect(Some(&template));
        for calls in [&[first.clone()][..], &[first.clone(), second.clone()]] {
            let mut expected: Vec<_> = calls.iter().map(|(n, a)| ((*n).to_owned(), a.clone())).collect();
            // Llama's calls are bare, so the second can only be a message of its own.
            if format.name() == "llama3" {
                expected.truncate(1);
            }
            match round_trip(&template, &format, calls) {
                Ok(reply) if reply.parsed_calls() == expected => n_right += 1,
                Ok(reply) => wrong.push(format!("{name} ({}): {reply:?}", format.name())),
                // It wants a variable of its own instead of tools.
                Err(error) if name.contains("firefunction") => {
                    assert!(error.to_string().contains("'functions' is undefined"));
                }
                Err(error) => wrong.push(format!("{name} ({}): {error}", format.name())),
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(n_right, 2 * 69);
}

#[test]
fn the_spelling_of_every_template_is_found() {
    let mut found: std::collections::BTreeMap<&str, (usize, usize)> = std::collections::BTreeMap::new();
    for (_, template) in templates() {
        let format = OutputFormat::detect(Some(&template));
        let (n, n_declare) = found.entry(format.name()).or_default();
        *n += 1;
        *n_declare += usize::from(format.declares_tools());
    }
    let found: Vec<_> = found.into_iter().map(|(name, (n, n_declare))| (name, n, n_declare)).collect();
    assert_eq!(found, SPELLINGS);
}

/// Text and thoughts that a template renders beside a call come back as such.
#[test]
fn reasoning_comes_back_where_the_template_renders_it() {
    let mut n_found = 0;
    for (name, template) in templates() {
        let format = OutputFormat::detect(Some(&template));
        let user = json!({"role": "user", "content": "Hi"});
        let answer = json!({"role": "assistant", "content": "The answer.", "reasoning_content": "A thought.",
            "reasoning": "A thought.", "thinking": "A thought."});
        let Ok(prompt) = render(&template, &format, std::slice::from_ref(&user), true) else { continue };
        let Ok(rendered) = render(&template, &format, &[user, answer], false) else { continue };
        let Some(reply) = rendered.strip_prefix(prompt.as_str()) else { continue };
        if !reply.contains("A thought.") {
            continue;
        }
        let reply = Reply::read(&format.after_prompt(&prompt), &tools(), reply);
        assert_eq!(reply.reasoning, "A thought.", "{name}");
        assert!(reply.content.starts_with("The answer."), "{name}: {:?}", reply.content);
        n_found += 1;
    }
    assert_eq!(n_found, 20);
}
