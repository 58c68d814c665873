//! Tools on every API: schemas as clients write them, calls beside an output format, how many calls.

use serde_json::{Value, json};

use crate::{
    anthropic, ollama,
    openai::support::{SMOLLM2, smollm2, with},
};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

/// The APIs that have tools, and what they call them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Api {
    Chat,
    Responses,
    Anthropic,
    Ollama,
}

const APIS: [Api; 4] = [Api::Chat, Api::Responses, Api::Anthropic, Api::Ollama];

/// The content of an answer, whatever the API.
#[derive(PartialEq, Debug)]
struct Said {
    text: String,
    /// Names and arguments of the calls.
    calls: Vec<(String, Value)>,
}

impl Api {
    fn path(self) -> &'static str {
        match self {
            Self::Chat => CHAT,
            Self::Responses => RESPONSES,
            Self::Anthropic => anthropic::support::PATH,
            Self::Ollama => ollama::support::CHAT,
        }
    }

    fn base(self, text: &str) -> Value {
        let messages = json!([{"role": "user", "content": text}]);
        match self {
            Self::Chat => json!({"messages": messages, "max_tokens": 100, "temperature": 0}),
            Self::Responses => json!({"input": text, "max_output_tokens": 100, "temperature": 0}),
            Self::Anthropic => json!({"model": SMOLLM2, "messages": messages, "max_tokens": 100, "temperature": 0}),
            Self::Ollama => json!({
                "model": SMOLLM2, "messages": messages,
                "options": {"temperature": 0, "num_predict": 100, "repeat_penalty": 1},
            }),
        }
    }

    fn tool(self, name: &str, schema: &Value, is_strict: bool) -> Value {
        let function = json!({"name": name, "description": "Does it.", "parameters": schema, "strict": is_strict});
        match self {
            Self::Chat | Self::Ollama => json!({"type": "function", "function": function}),
            Self::Responses => with(&function, &json!({"type": "function"})),
            Self::Anthropic => {
                json!({"name": name, "description": "Does it.", "input_schema": schema, "strict": is_strict})
            }
        }
    }

    /// Returns the field that forces a call; Ollama has no word for it.
    fn required(self) -> Option<Value> {
        match self {
            Self::Chat | Self::Responses => Some(json!("required")),
            Self::Anthropic => Some(json!({"type": "any"})),
            Self::Ollama => None,
        }
    }

    fn format(self, schema: &Value) -> Value {
        let named = json!({"type": "json_schema", "name": "answer", "schema": schema});
        match self {
            Self::Chat => {
                json!({"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}})
            }
            Self::Responses => json!({"text": {"format": named}}),
            Self::Anthropic => json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
            Self::Ollama => json!({"format": schema}),
        }
    }

    fn ask(self, body: &Value) -> Said {
        self.said(&smollm2().ok(self.path(), &with(body, &json!({"stream": false}))))
    }

    fn said(self, answer: &Value) -> Said {
        let parsed = |text: &Value| {
            // A call that the end of the tokens cut off is none of these.
            serde_json::from_str(text.as_str().unwrap()).unwrap_or_default()
        };
        let name = |call: &Value| call["name"].as_str().unwrap().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        match self {
            Self::Chat => {
                let message = &answer["choices"][0]["message"];
                let calls = list(&message["tool_calls"]);
                let calls = calls.iter().map(|c| (name(&c["function"]), parsed(&c["function"]["arguments"])));
                Said { text: message["content"].as_str().unwrap_or_default().to_owned(), calls: calls.collect() }
            }
            Self::Ollama => {
                let calls = list(&answer["message"]["tool_calls"]);
                let calls = calls.iter().map(|c| (name(&c["function"]), c["function"]["arguments"].clone()));
                Said { text: answer["message"]["content"].as_str().unwrap().to_owned(), calls: calls.collect() }
            }
            Self::Responses => {
                let items = list(&answer["output"]);
                let of = |kind: &str| items.iter().filter(|i| i["type"] == kind).cloned().collect::<Vec<_>>();
                let calls = of("function_call").iter().map(|c| (name(c), parsed(&c["arguments"]))).collect();
                let text = of("message").iter().map(|m| m["content"][0]["text"].as_str().unwrap().to_owned()).collect();
                Said { text, calls }
            }
            Self::Anthropic => {
                let blocks = list(&answer["content"]);
                let of = |kind: &str| blocks.iter().filter(|b| b["type"] == kind).cloned().collect::<Vec<_>>();
                let calls = of("tool_use").iter().map(|c| (name(c), c["input"].clone())).collect();
                let text = of("text").iter().map(|b| b["text"].as_str().unwrap().to_owned()).collect();
                Said { text, calls }
            }
        }
    }
}

/// Returns a schema as servers of tools write them: what no grammar can hold, beside what one can.
fn wild() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
        "required": ["n"], "x-origin": "generator 3",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 3, "default": 1, "examples": [2], "deprecated": true},
            "metadata": {"type": "object", "propertyNames": {"maxLength": 9, "type": "string"}, "additionalProperties": {}},
            "tags": {"type": "array", "items": {"type": "string", "pattern": "^(?!-)[a-z]+$"}, "uniqueItems": true},
            "data": {"type": "string", "contentEncoding": "base64", "format": "byte", "nullable": true},
            "node": {"$ref": "#/$defs/node"}, "made_up": {"type": "any", "madeUp": [1]},
        },
        "if": {"required": ["tags"]}, "then": {"required": ["node"]}, "else": {"not": {"required": ["node"]}},
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "dependentRequired": {"a": ["b"]}}},
    })
}

/// Returns a short schema of what no grammar can hold, beside what one can.
fn wild_and_short() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["n", "tags"], "if": {"required": ["tags"]}, "then": {},
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 3, "not": {"const": 4}},
            "tags": {"type": "array", "uniqueItems": true, "maxItems": 2, "items": {"enum": ["a", "b"], "madeUp": 1}},
        },
    })
}

#[test]
fn schemas_that_no_grammar_holds_are_described_and_enforced_as_far_as_possible() {
    for api in APIS {
        let body = with(&api.base("Do it."), &json!({"tools": [api.tool("do_it", &wild(), false)]}));
        api.ask(&body);
        let Some(required) = api.required() else { continue };
        let tools = json!([api.tool("do_it", &wild_and_short(), false)]);
        let said = api.ask(&with(&body, &json!({"tools": tools, "tool_choice": required})));
        assert_eq!((said.calls.len(), said.calls[0].0.as_str()), (1, "do_it"), "{api:?}: {said:?}");
        let arguments = &said.calls[0].1;
        assert!((1..=3).contains(&arguments["n"].as_i64().unwrap()), "{api:?}: {arguments}");
        assert!(arguments["tags"].as_array().unwrap().iter().all(|tag| tag == "a" || tag == "b"), "{arguments}");
    }
    let tools = json!([Api::Chat.tool("do_it", &wild(), false)]);
    let rendered = smollm2().ok(&format!("{CHAT}/render"), &with(&Api::Chat.base("Do it."), &json!({"tools": tools})));
    let prompt = rendered["prompt"].as_str().unwrap();
    for part in ["\"propertyNames\": {\"maxLength\": 9", "^(?!-)[a-z]+$", "\"madeUp\": [1]", "dependentRequired"] {
        assert!(prompt.contains(part), "{part} in {prompt}");
    }
}

#[test]
fn strict_schemas_are_enforced_in_full_or_refused_with_their_path() {
    for api in APIS {
        let tools = json!([api.tool("fine", &json!({"type": "object"}), true), api.tool("do_it", &wild(), true)]);
        let answer = smollm2().post_json(api.path(), &with(&api.base("Do it."), &json!({"tools": tools})));
        let text = answer.text();
        assert_eq!(answer.status, 400, "{api:?}: {text}");
        assert!(
            text.contains("tools: do_it: schema.properties.metadata.propertyNames: supported are"),
            "{api:?}: {text}"
        );
    }
}

/// Tools are more than a grammar may be together; each alone is not.
#[test]
fn tools_that_are_too_much_together_are_no_reason_to_refuse() {
    let field = |i: usize| (format!("field_{i}"), json!({"type": "string", "enum": vec!["x".repeat(60); 4]}));
    let properties: serde_json::Map<String, Value> = (0..20).map(field).collect();
    let schema = json!({"type": "object", "properties": properties});
    let ask = |is_strict: bool| {
        let tools: Vec<Value> = (0..16).map(|i| Api::Chat.tool(&format!("tool_{i}"), &schema, is_strict)).collect();
        let body = with(&Api::Chat.base("Do it."), &json!({"tools": tools, "max_tokens": 4}));
        smollm2().post_json(CHAT, &body).json()["error"].clone()
    };
    // They are described, so the prompt is longer than this context: what is refused is that.
    assert_eq!(ask(false)["code"], "context_length_exceeded");
    let error = ask(true);
    assert!(error["message"].as_str().unwrap().starts_with("tools: lark: bytes"), "{error}");
}

fn answer_schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["is_done"], "properties": {"is_done": {"type": "boolean"}},
    })
}

fn call_schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["city"], "properties": {"city": {"enum": ["Oslo", "Rome"]}},
    })
}

/// Checks that an answer is a text or a call; returns whether it is a call.
#[track_caller]
fn is_call(said: &Said) -> bool {
    if said.calls.is_empty() {
        let value: Value = serde_json::from_str(&said.text).unwrap_or_else(|e| panic!("{e}: {said:?}"));
        assert!(value["is_done"].is_boolean() && value.as_object().unwrap().len() == 1, "{said:?}");
        return false;
    }
    assert_eq!((said.text.as_str(), said.calls.len()), ("", 1), "{said:?}");
    assert!(["Oslo", "Rome"].contains(&said.calls[0].1["city"].as_str().unwrap()), "{said:?}");
    true
}

#[test]
fn beside_tools_an_output_format_holds_what_is_no_call() {
    for api in APIS {
        let tools = json!({"tools": [api.tool("get_weather", &call_schema(), false)]});
        let body = with(&with(&api.base("The weather in Oslo?"), &api.format(&answer_schema())), &tools);
        is_call(&api.ask(&body));
        let none = match api {
            Api::Anthropic => json!({"tool_choice": {"type": "none"}}),
            Api::Ollama => json!({"tools": []}),
            Api::Chat | Api::Responses => json!({"tool_choice": "none"}),
        };
        assert!(!is_call(&api.ask(&with(&body, &none))), "{api:?}");
        if let Some(required) = api.required() {
            assert!(is_call(&api.ask(&with(&body, &json!({"tool_choice": required})))), "{api:?}");
        }
        let unknown = with(&body, &api.format(&json!({"type": "object", "not": {}})));
        let answer = smollm2().post_json(api.path(), &unknown);
        assert!(answer.status == 400 && answer.text().contains("schema.not: unsupported keyword"), "{}", answer.text());
    }
}

/// Makes a bias that decides the first token, which decides what follows.
fn leaning_to(text: &str) -> Value {
    let ids = smollm2().ok("/tokenize", &json!({"content": text}))["tokens"].clone();
    json!({"logit_bias": {ids[0].to_string(): 100}})
}

#[test]
fn both_branches_stream_as_what_they_are() {
    let tools = |api: Api| json!({"tools": [api.tool("get_weather", &call_schema(), false)]});
    let chat = with(&with(&Api::Chat.base("Well?"), &Api::Chat.format(&answer_schema())), &tools(Api::Chat));
    for (text, calls) in [("<tool_call>", true), ("{", false)] {
        let body = with(&chat, &leaning_to(text));
        let whole = Api::Chat.ask(&body);
        assert_eq!(is_call(&whole), calls, "{whole:?}");
        let chunks = smollm2().stream(CHAT, &body);
        let deltas = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]);
        let (mut content, mut arguments) = (String::new(), String::new());
        for delta in deltas {
            content += delta["content"].as_str().unwrap_or_default();
            arguments += delta["tool_calls"][0]["function"]["arguments"].as_str().unwrap_or_default();
        }
        assert_eq!(content, whole.text);
        assert_eq!(arguments.is_empty(), !calls, "{arguments}");
        let finish = if calls { "tool_calls" } else { "stop" };
        assert!(chunks.iter().any(|chunk| chunk["choices"][0]["finish_reason"] == finish), "{chunks:?}");
        // After a result the same holds.
        let call = json!({"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\": \"Oslo\"}"}});
        let messages = json!([
            {"role": "user", "content": "Well?"}, {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Rain."},
        ]);
        assert_eq!(is_call(&Api::Chat.ask(&with(&body, &json!({"messages": messages})))), calls);
    }
    let responses =
        with(&with(&Api::Responses.base("Well?"), &Api::Responses.format(&answer_schema())), &tools(Api::Responses));
    for (text, calls) in [("<tool_call>", true), ("{", false)] {
        assert_eq!(is_call(&Api::Responses.ask(&with(&responses, &leaning_to(text)))), calls);
    }
    anthropic::support::both(
        smollm2(),
        &with(&with(&Api::Anthropic.base("Well?"), &Api::Anthropic.format(&answer_schema())), &tools(Api::Anthropic)),
    );
    ollama::support::both(
        smollm2(),
        ollama::support::CHAT,
        &with(&with(&Api::Ollama.base("Well?"), &Api::Ollama.format(&answer_schema())), &tools(Api::Ollama)),
    );
}

#[test]
fn expressions_and_choices_hold_what_is_no_call() {
    let body =
        with(&Api::Chat.base("Well?"), &json!({"tools": [Api::Chat.tool("get_weather", &call_schema(), false)]}));
    for more in [json!({"guided_regex": "[xy]{3}"}), json!({"guided_choice": ["xyx", "yyy"]})] {
        let said = Api::Chat.ask(&with(&with(&body, &more), &leaning_to("x")));
        assert!(said.calls.is_empty() && said.text.len() == 3 && said.text.starts_with('x'), "{more}: {said:?}");
    }
    let server = smollm2();
    for field in ["grammar", "guided_grammar"] {
        let text = if field == "grammar" { "root ::= \"a\"" } else { "start: \"a\"" };
        let error = server.refused(CHAT, &with(&body, &json!({field: text})), field);
        assert_eq!(error["code"], "unsupported_parameter");
        server.ok(CHAT, &with(&body, &json!({field: text, "tool_choice": "none"})));
    }
}

#[test]
fn a_forced_call_is_one_unless_the_request_says_otherwise() {
    let empty = json!({"type": "object", "additionalProperties": false});
    // Greedy, this model makes the same call again and again.
    let n_calls = |api: Api, more: Value| {
        let text = "What is the weather in San Francisco?";
        let body = with(&api.base(text), &json!({"tools": [api.tool("get", &empty, false)]}));
        let answer = smollm2().ok(api.path(), &with(&body, &more));
        if api == Api::Responses {
            let asked = more.get("parallel_tool_calls").and_then(Value::as_bool);
            assert_eq!(answer["parallel_tool_calls"], asked.unwrap_or(false));
        }
        api.said(&answer).calls.len()
    };
    for api in [Api::Chat, Api::Responses] {
        let required = json!({"tool_choice": "required"});
        assert_eq!(n_calls(api, required.clone()), 1, "{api:?}");
        assert_eq!(n_calls(api, with(&required, &json!({"parallel_tool_calls": false}))), 1, "{api:?}");
        assert!(n_calls(api, with(&required, &json!({"parallel_tool_calls": true}))) > 1, "{api:?}");
    }
    let any = |more: Value| json!({"tool_choice": with(&json!({"type": "any"}), &more)});
    assert_eq!(n_calls(Api::Anthropic, any(json!({}))), 1);
    assert_eq!(n_calls(Api::Anthropic, any(json!({"disable_parallel_tool_use": true}))), 1);
    assert!(n_calls(Api::Anthropic, any(json!({"disable_parallel_tool_use": false}))) > 1);
}
