//! Grammars of calls against the engine that enforces them, over a tokenizer of single bytes.

use std::sync::Arc;

use chat::{CallRules, OutputFormat, Template, Tool, ToolChoice};
use llguidance::{
    Matcher, ParserFactory,
    api::TopLevelGrammar,
    toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie},
};

use crate::round_trip::{Reply, templates, tools};

/// Tokens: the bytes, these spellings, the end.
struct Bytes {
    control: Vec<&'static str>,
    environment: TokEnv,
}

impl Bytes {
    fn new(control: Vec<&'static str>) -> Self {
        let mut words: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        words.extend(control.iter().map(|spelling| [b"\xff", spelling.as_bytes()].concat()));
        words.push(b"\xff<end>".to_vec());
        let n_words = u32::try_from(words.len()).unwrap();
        let information = TokRxInfo {
            vocab_size: n_words,
            tok_eos: n_words - 1,
            tok_bos: None,
            tok_pad: None,
            tok_unk: None,
            tok_end_of_turn: None,
        };
        let environment = ApproximateTokEnv::new(TokTrie::from(&information, &words));
        Self { control, environment: Arc::new(environment) }
    }

    fn id(&self, spelling: &str) -> Option<u32> {
        self.control.iter().position(|c| *c == spelling).map(|at| 256 + u32::try_from(at).unwrap())
    }

    /// The tokens of a text in which control tokens are spelled.
    fn tokens(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        let mut rest = text.as_bytes();
        while let Some(first) = rest.first() {
            let spelling = self.control.iter().filter(|c| rest.starts_with(c.as_bytes())).max_by_key(|c| c.len());
            let length = spelling.map_or(1, |s| s.len());
            tokens.push(spelling.map_or(u32::from(*first), |s| self.id(s).unwrap()));
            rest = &rest[length..];
        }
        tokens
    }

    fn matcher(&self, lark: &str) -> Matcher {
        let mut factory = ParserFactory::new_simple(&self.environment).unwrap();
        factory.quiet();
        let mut matcher = Matcher::new(factory.create_parser(TopLevelGrammar::from_lark(lark.to_owned())));
        if let Some(error) = matcher.get_error() {
            panic!("{error}\n{lark}");
        }
        assert!(matcher.compute_mask().is_ok());
        matcher
    }

    /// Whether the grammar admits `text` as a whole reply.
    fn admits(&self, lark: &str, text: &str) -> bool {
        let mut matcher = self.matcher(lark);
        let tokens = self.tokens(text);
        matcher.try_consume_tokens(&tokens).unwrap() == tokens.len() && matcher.is_accepting().unwrap()
    }

    /// A reply that the grammar admits, chosen by `seed`, if it ends in time.
    fn walk(&self, lark: &str, markers: &[&str], mut seed: u64) -> Option<String> {
        let mut matcher = self.matcher(lark);
        let mut text = String::new();
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..700 {
            if matcher.is_stopped() || (matcher.is_accepting().unwrap() && random(3) == 0) {
                return Some(text);
            }
            // Now and then a marker, or no text would ever end.
            let marker = markers[random(markers.len())];
            let tokens = self.tokens(marker);
            if random(4) == 0 && matcher.validate_tokens(&tokens).unwrap() == tokens.len() {
                matcher.consume_tokens(&tokens).unwrap();
                text.push_str(marker);
                continue;
            }
            let mask = matcher.compute_mask_or_eos().unwrap();
            let end = u32::try_from(256 + self.control.len()).unwrap();
            let mut allowed: Vec<u32> =
                (0..end).filter(|&t| mask.is_allowed(t) && (t >= 256 || t == 10 || (32..127).contains(&t))).collect();
            // An exponent may exceed what a reader of numbers takes.
            if text.ends_with(|c: char| c.is_ascii_digit()) {
                allowed.retain(|t| *t != u32::from(b'e') && *t != u32::from(b'E'));
            }
            for quick in [b'"', b'}', b']'].map(u32::from) {
                if allowed.contains(&quick) && random(2) == 0 {
                    allowed = vec![quick];
                }
            }
            if allowed.is_empty() {
                return matcher.is_accepting().unwrap().then_some(text);
            }
            let token = allowed[random(allowed.len())];
            matcher.consume_token(token).unwrap();
            match u8::try_from(token) {
                Ok(byte) => text.push(char::from(byte)),
                Err(_) => text.push_str(self.control[usize::try_from(token).unwrap() - 256]),
            }
        }
        None
    }
}

/// The grammar in which calls are held to what the tools declare.
fn grammar(
    format: &OutputFormat,
    tools: &[Tool],
    choice: &ToolChoice,
    parallel: bool,
    control_token: &dyn Fn(&str) -> Option<u32>,
) -> Option<String> {
    let rules = CallRules { choice, parallel, schema: &|tool| tool.schema().into_owned(), answer: None };
    format.tool_grammar(tools, &rules, control_token)
}

fn looks_like_control(marker: &str) -> bool {
    ["<|", "<｜", "[TOOL", "[ARGS", "[CALL"].iter().any(|start| marker.starts_with(start))
        && marker.matches(['<', '[']).count() == 1
        && !marker.contains([' ', '\n'])
}

fn formats() -> Vec<(String, OutputFormat)> {
    let mut seen = Vec::new();
    let formats = templates().map(|(name, template)| (name, OutputFormat::detect(Some(&template))));
    formats
        .filter(|(_, format)| {
            let key = (format.name(), format.has_reasoning(), format.starts_in_reasoning());
            let is_new = !seen.contains(&key);
            seen.push(key);
            is_new
        })
        .collect()
}

fn assert_schema(name: &str, call: &(String, serde_json::Value)) {
    let arguments = call.1.as_object().unwrap();
    let is = |key: &str, check: fn(&serde_json::Value) -> bool, required: bool| {
        assert!(arguments.get(key).map_or(!required, check), "{name}: {call:?}");
    };
    match call.0.as_str() {
        "get_weather" => {
            is("city", serde_json::Value::is_string, true);
            is("days", serde_json::Value::is_number, false);
        }
        "add-numbers" => {
            is("x", serde_json::Value::is_number, true);
            is("exact", serde_json::Value::is_boolean, false);
        }
        other => panic!("{name}: {other} is no tool"),
    }
}

/// Whatever a grammar admits, the parser reads as calls that obey the choice and the schemas.
#[test]
fn the_parser_reads_what_the_grammar_admits() {
    let choices = [ToolChoice::Required, ToolChoice::Named("add-numbers".into()), ToolChoice::Auto];
    let (mut n_grammars, mut n_walks, mut n_calls, mut n_several) = (0, 0, 0, 0);
    for (name, format) in formats() {
        for all_text in [false, true] {
            let markers = format.control_markers();
            let control: Vec<_> = markers.iter().copied().filter(|m| !all_text && looks_like_control(m)).collect();
            let bytes = Bytes::new(control);
            for (choice, parallel) in choices.iter().flat_map(|c| [(c, false), (c, true)]) {
                if all_text && (*choice != ToolChoice::Required || !parallel) {
                    continue;
                }
                let Some(lark) = grammar(&format, &tools(), choice, parallel, &|s| bytes.id(s)) else {
                    let may_lack = *choice == ToolChoice::Auto || format.name() == "gemma4";
                    assert!(may_lack, "{name} {choice:?}");
                    continue;
                };
                n_grammars += 1;
                for seed in 0..3 {
                    let Some(text) = bytes.walk(&lark, markers, seed) else { continue };
                    n_walks += 1;
                    let reply = Reply::read(&format, &tools(), &text);
                    let calls = reply.parsed_calls();
                    let context = format!("{name} {choice:?} {parallel}\n{lark}\n{text:?}\n{reply:?}");
                    calls.iter().for_each(|call| assert_schema(&context, call));
                    n_calls += calls.len();
                    n_several += usize::from(calls.len() > 1);
                    if *choice != ToolChoice::Auto {
                        assert!(!calls.is_empty(), "no call: {context}");
                        assert_eq!(reply.content.trim(), "", "text beside a call: {context}");
                    }
                    if !parallel {
                        assert!(calls.len() < 2, "several calls: {context}");
                    }
                    if let ToolChoice::Named(tool) = choice {
                        assert!(calls.iter().all(|(name, _)| name == tool), "{context}");
                    }
                }
            }
        }
    }
    assert!(
        n_grammars > 200 && n_walks > n_grammars && n_calls > n_grammars && n_several > 20,
        "{n_grammars} grammars, {n_walks} replies, {n_calls} calls, {n_several} with several"
    );
}

#[test]
fn calls_of_qwen_are_held_to_the_schema() {
    let format = hermes();
    let bytes = Bytes::new(Vec::new());
    let call = |text: &str| format!("<tool_call>\n{text}\n</tool_call>");
    let weather = call(r#"{"name": "get_weather", "arguments": {"city": "Paris", "days": 3}}"#);
    let addition = call(r#"{"name": "add-numbers", "arguments": {"x": 1.5}}"#);
    let check = |choice: &ToolChoice, parallel, text: &str, expected: bool| {
        let lark = grammar(&format, &tools(), choice, parallel, &|s| bytes.id(s)).unwrap();
        assert_eq!(bytes.admits(&lark, text), expected, "{choice:?} {text:?}");
    };
    let required = ToolChoice::Required;
    check(&required, true, &weather, true);
    check(&required, true, &format!("{weather}\n{addition}"), true);
    check(&required, false, &format!("{weather}\n{addition}"), false);
    check(&required, true, "Hello", false);
    check(&required, true, &call(r#"{"name": "get_weather", "arguments": {"days": 3}}"#), false);
    check(&required, true, &call(r#"{"name": "get_weather", "arguments": {"city": 3}}"#), false);
    check(&required, true, &call(r#"{"name": "drop_tables", "arguments": {}}"#), false);
    let named = ToolChoice::Named("add-numbers".into());
    check(&named, true, &addition, true);
    check(&named, true, &weather, false);
    check(&ToolChoice::Auto, true, "Hello <b>you</b>", true);
    check(&ToolChoice::Auto, true, &format!("Let me see. {weather}\n{addition}"), true);
    check(&ToolChoice::Auto, false, &format!("Let me see. {weather}\n{addition}"), false);
    check(&ToolChoice::Auto, true, &format!("Let me see. {}", call("nonsense")), false);
    check(&ToolChoice::Auto, true, "Let me see. <tool_call>", false);
}

/// Schemas refer to their own definitions, which must not get lost inside the grammar.
#[test]
fn references_within_a_schema_hold() {
    let bytes = Bytes::new(Vec::new());
    let tools = [Tool {
        name: "f".into(),
        description: None,
        parameters: serde_json::json!({
            "type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"], "additionalProperties": false,
            "$defs": {"A": {"type": "integer"}},
        }),
        is_strict: false,
    }];
    let lark = grammar(&hermes(), &tools, &ToolChoice::Required, false, &|_| None).unwrap();
    let call = |a: &str| format!("<tool_call>\n{{\"name\": \"f\", \"arguments\": {{\"a\": {a}}}}}\n</tool_call>");
    assert!(bytes.admits(&lark, &call("7")));
    assert!(!bytes.admits(&lark, &call("\"x\"")));
    let coder = Template::new(&testkit::read_text("chat-templates/jinja/Qwen3-Coder.jinja")).unwrap();
    let coder = OutputFormat::detect(Some(&coder));
    let lark = grammar(&coder, &tools, &ToolChoice::Required, false, &|_| None).unwrap();
    let call =
        |a: &str| format!("<tool_call>\n<function=f>\n<parameter=a>\n{a}\n</parameter>\n</function>\n</tool_call>");
    assert!(bytes.admits(&lark, &call("7")));
    assert!(!bytes.admits(&lark, &call("x")));
}

/// Arguments in Python's order: what is required first, the rest in any number.
#[test]
fn calls_of_python_are_held_to_the_schema() {
    let template = Template::new(&testkit::read_text("chat-templates/jinja/LFM2-8B-A1B.jinja")).unwrap();
    let format = OutputFormat::detect(Some(&template));
    let bytes = Bytes::new(Vec::new());
    let check = |required: &[&str], call: &str, expected: bool| {
        let parameters = serde_json::json!({
            "type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"type": "boolean"}},
            "required": required,
        });
        let tools = [Tool { name: "f".into(), description: None, parameters, is_strict: false }];
        let lark = grammar(&format, &tools, &ToolChoice::Required, false, &|_| None).unwrap();
        let text = format!("<|tool_call_start|>[{call}]<|tool_call_end|>");
        assert_eq!(bytes.admits(&lark, &text), expected, "{required:?} {call}");
    };
    check(&[], "f()", true);
    check(&[], "f(b=1)", true);
    check(&[], "f(a=\"x\", c=true)", true);
    check(&[], "f(c=true, a=\"x\")", false);
    check(&["b"], "f(b=1, c=false)", true);
    check(&["b"], "f(a=\"x\")", false);
    check(&["b"], "f(b=\"x\")", false);
}

/// A model that thinks may think before JSON that a client asked for.
#[test]
fn json_may_come_after_thoughts() {
    let answer = "answer: %json {\"type\": \"integer\"}\n";
    let template = Template::new(&testkit::read_text("chat-templates/jinja/Qwen3.5-4B.jinja")).unwrap();
    let thinking = OutputFormat::detect(Some(&template));
    let bytes = Bytes::new(Vec::new());
    let check = |format: &OutputFormat, text: &str, expected: bool| {
        let lark = format.answer_grammar(answer, &|_| None).unwrap();
        assert_eq!(bytes.admits(&lark, text), expected, "{text:?}");
    };
    check(&thinking, "Hm.\n</think>\n\n17", true);
    check(&thinking, "17", false);
    check(&thinking, "Hm.</think>x", false);
    let closed = thinking.after_prompt("<think>\n\n</think>\n\n");
    check(&closed, "17", true);
    check(&closed, "<think>Hm.</think>\n17", true);
    check(&closed, "Hm. 17", false);
    assert_eq!(hermes().answer_grammar(answer, &|_| None), None);
}

/// Replies that are calls or JSON, by the grammars of all formats: the parser tells one from the other.
#[test]
fn calls_or_an_answer() {
    let answer = "answer: %json {\"type\": \"object\", \"properties\": {\"size\": {\"enum\": [\"<tool_call>\", \"S\"]}}, \
                  \"required\": [\"size\"], \"additionalProperties\": false}\n";
    let (mut n_calls, mut n_answers) = (0, 0);
    for (name, format) in formats() {
        let markers = format.control_markers();
        let bytes = Bytes::new(markers.iter().copied().filter(|m| looks_like_control(m)).collect());
        let rules = CallRules {
            choice: &ToolChoice::Auto,
            parallel: false,
            schema: &|tool| tool.schema().into_owned(),
            answer: Some(answer),
        };
        let lark = format.tool_grammar(&tools(), &rules, &|s| bytes.id(s)).unwrap_or_else(|| panic!("{name}"));
        for seed in 0..6 {
            let Some(text) = bytes.walk(&lark, markers, seed) else { continue };
            let reply = Reply::read_by(format.parser(&tools()).of_calls_or_answer(), &text);
            let context = format!("{name}\n{lark}\n{text:?}\n{reply:?}");
            if format.name() == "gemma4" && !reply.content.starts_with('{') {
                // What stands between its markers is not held to anything.
                continue;
            }
            if reply.calls.is_empty() {
                let value: serde_json::Value = serde_json::from_str(&reply.content).expect(&context);
                assert!(value["size"].is_string(), "{context}");
                n_answers += 1;
            } else {
                reply.parsed_calls().iter().for_each(|call| assert_schema(&context, call));
                assert!(reply.calls.len() == 1 && reply.content.trim().is_empty(), "{context}");
                n_calls += 1;
            }
        }
        let forced = CallRules { choice: &ToolChoice::Required, ..rules };
        if let Some(lark) = format.tool_grammar(&tools(), &forced, &|s| bytes.id(s)) {
            assert!(!bytes.admits(&lark, "{\"size\": \"S\"}"), "{name}: an answer where a call is forced");
        }
    }
    assert!(n_calls > 40 && n_answers > 40, "{n_calls} calls, {n_answers} answers");
}

#[test]
fn an_answer_may_hold_what_looks_like_a_call() {
    let call = r#"<tool_call>{"name": "get_weather", "arguments": {}}</tool_call>"#;
    let text = format!("{{\"a\": \"{call}");
    let reply = Reply::read_by(hermes().parser(&tools()).of_calls_or_answer(), &text);
    assert_eq!((reply.content.as_str(), reply.calls.len()), (text.as_str(), 0));
    assert_eq!(Reply::read(&hermes(), &tools(), &text).calls.len(), 1);
}

/// A tool whose parameters are not listed: references, choices, maps.
#[test]
fn parameters_that_are_not_listed_are_free() {
    let bytes = Bytes::new(Vec::new());
    let coder = Template::new(&testkit::read_text("chat-templates/jinja/Qwen3-Coder.jinja")).unwrap();
    let coder = OutputFormat::detect(Some(&coder));
    let call = |parameters: &str| format!("<tool_call>\n<function=f>\n{parameters}</function>\n</tool_call>");
    let (none, one) = (call(""), call("<parameter=any>\nx y\n</parameter>\n"));
    let check = |parameters: serde_json::Value, admits_one: bool| {
        let tools = [Tool { name: "f".into(), description: None, parameters, is_strict: false }];
        let lark = grammar(&coder, &tools, &ToolChoice::Required, false, &|_| None).unwrap();
        assert!(bytes.admits(&lark, &none), "{lark}");
        assert_eq!(bytes.admits(&lark, &one), admits_one, "{lark}");
    };
    check(serde_json::json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}), true);
    check(serde_json::json!({"type": "object", "additionalProperties": {"type": "string"}}), true);
    check(serde_json::json!({"anyOf": [{"type": "object"}]}), true);
    check(serde_json::json!({"type": "object", "additionalProperties": false}), false);
    check(serde_json::json!({"type": "object", "properties": {}}), false);
    check(serde_json::json!({}), false);
}

#[test]
fn nothing_is_enforced_where_nothing_is_asked() {
    let format = hermes();
    for (tools, choice) in
        [(tools(), ToolChoice::None), (Vec::new(), ToolChoice::Auto), (tools(), ToolChoice::Named("unknown".into()))]
    {
        assert_eq!(grammar(&format, &tools, &choice, true, &|_| None), None);
    }
}

fn hermes() -> OutputFormat {
    OutputFormat::detect(None)
}
