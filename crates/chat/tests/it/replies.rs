//! Replies as models write them, whole and cut everywhere.

use chat::{OutputFormat, OutputPiece, Template, Tool, parser_oracle};
use proptest::prelude::*;

use crate::round_trip::{Reply, templates, tools};

fn format(template: &str) -> OutputFormat {
    OutputFormat::detect(Some(
        &Template::new(&testkit::read_text(&format!("chat-templates/jinja/{template}"))).unwrap(),
    ))
}

/// Reads `text` whole and by single characters, and compares content, reasoning and calls.
fn check_with(
    format: &OutputFormat,
    tools: &[Tool],
    text: &str,
    content: &str,
    reasoning: &str,
    calls: &[(&str, &str)],
) {
    let calls = calls.iter().map(|(name, arguments)| ((*name).to_owned(), (*arguments).to_owned())).collect();
    let expected = Reply { content: content.to_owned(), reasoning: reasoning.to_owned(), calls };
    assert_eq!(Reply::read(format, tools, text), expected, "{text:?}");
    let mut pieces = Vec::new();
    let mut parser = format.parser(tools);
    for c in text.chars() {
        parser.push(c.encode_utf8(&mut [0; 4]), &mut pieces);
    }
    parser.finish(&mut pieces);
    assert_eq!(Reply::of(&pieces), expected, "{text:?} by characters");
}

fn check(format: &OutputFormat, text: &str, content: &str, reasoning: &str, calls: &[(&str, &str)]) {
    check_with(format, &tools(), text, content, reasoning, calls);
}

const CALL: &str = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\":  \"Paris\"}}\n</tool_call>";
const WEATHER: (&str, &str) = ("get_weather", "{\"city\":  \"Paris\"}");

#[test]
fn text_calls_and_reasoning_of_qwen() {
    let qwen = format("Qwen-Qwen3-0.6B.jinja");
    check(&qwen, "Hello\n", "Hello\n", "", &[]);
    check(&qwen, CALL, "", "", &[WEATHER]);
    check(&qwen, &format!("Let me see.\n\n{CALL}\n{CALL}\n"), "Let me see.", "", &[WEATHER, WEATHER]);
    check(&qwen, &format!("<think>\nWhich <city>?\n</think>\n\nOk.\n{CALL}"), "Ok.", "Which <city>?", &[WEATHER]);
    check(&qwen, "<think>\n\n</think>\n\nHi", "Hi", "", &[]);
    check(&qwen, "Say <think> and </think>", "Say <think> and </think>", "", &[]);
    check(&qwen, "<think>never ends", "", "never ends", &[]);
    // Without tools a call is text.
    check_with(&qwen, &[], CALL, CALL, "", &[]);
    // Cut off by a limit.
    check(&qwen, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"ci", "", "", &[("get_weather", "{\"ci")]);
    check(&qwen, "a <tool_ca", "a <tool_ca", "", &[]);
    check(&qwen, CALL.strip_suffix("ll>").unwrap(), "", "", &[WEATHER]);
}

#[test]
fn malformed_calls_are_content() {
    let hermes = OutputFormat::detect(None);
    for text in [
        "<tool_call>",
        "<tool_call>\n",
        "<tool_call>nonsense</tool_call>",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": [1]}\n</tool_call>",
        "<tool_call>{'name': 'f'}</tool_call>",
        "<tool_call>{\"arguments\": {}}</tool_call>",
        "<tool_call>{\"name\": \"f\"",
        "x < y <tool <tool_call",
    ] {
        check(&hermes, text, text, "", &[]);
    }
    // A real call after a false start.
    check(&hermes, &format!("<tool_call>oops {CALL}"), "<tool_call>oops", "", &[WEATHER]);
    check(&hermes, &format!("<tool_call><tool_call>{CALL}"), "<tool_call><tool_call>", "", &[WEATHER]);
    // Arguments that break off: what was passed on stays, the rest is text.
    check(
        &hermes,
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": oops}}</tool_call>",
        "oops}}</tool_call>",
        "",
        &[("f", "{\"a\": ")],
    );
}

#[test]
fn arguments_in_every_shape() {
    let hermes = OutputFormat::detect(None);
    let call = |text: &str| format!("<tool_call>{text}</tool_call>");
    check(&hermes, &call(r#"{"arguments": {"a": 1}, "name": "f"}"#), "", "", &[("f", r#"{"a": 1}"#)]);
    check(&hermes, &call(r#"{"name": "f", "arguments": "{\"a\": 1}"}"#), "", "", &[("f", r#"{"a": 1}"#)]);
    check(&hermes, &call(r#"{"name": "f"}"#), "", "", &[("f", "{}")]);
    check(&hermes, &call(r#"[{"name": "f", "parameters": {}}, {"name": "g"}]"#), "", "", &[("f", "{}"), ("g", "{}")]);
    let unclosed = r#"<tool_call>{"name": "f"} <tool_call>{"name": "g"}"#;
    check(&hermes, unclosed, "", "", &[("f", "{}"), ("g", "{}")]);
}

#[test]
fn arguments_come_as_they_are_written() {
    let mut pieces = Vec::new();
    let mut parser = OutputFormat::detect(None).parser(&tools());
    parser.push("<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"ci", &mut pieces);
    assert_eq!(
        pieces,
        [
            OutputPiece::ToolCallStart { index: 0, name: "get_weather".into() },
            OutputPiece::ToolCallArguments { index: 0, text: "{\"ci".into() },
        ]
    );
    pieces.clear();
    parser.push("ty", &mut pieces);
    assert_eq!(pieces, [OutputPiece::ToolCallArguments { index: 0, text: "ty".into() }]);
}

/// Only what may become a marker is held back.
#[test]
fn text_comes_at_once() {
    let mut parser = OutputFormat::detect(None).parser(&tools());
    let mut pushed = |text: &str| {
        let mut pieces = Vec::new();
        parser.push(text, &mut pieces);
        Reply::of(&pieces).content
    };
    assert_eq!(pushed("Hello"), "Hello");
    assert_eq!(pushed(" <b>"), " <b>");
    assert_eq!(pushed(" <tool"), "");
    assert_eq!(pushed("s>"), " <tools>");
}

#[test]
fn bare_calls_of_llama() {
    let llama = format("meta-llama-Llama-3.2-3B-Instruct.jinja");
    let call = r#"{"name": "get_weather", "parameters": {"city": "Paris"}}"#;
    let expected = ("get_weather", r#"{"city": "Paris"}"#);
    check(&llama, call, "", "", &[expected]);
    check(&llama, &format!("\n{call}; {call}"), "", "", &[expected, expected]);
    check(&llama, &format!("<|python_tag|>{call}"), "", "", &[expected]);
    for text in [
        r#"{"name": "unknown", "parameters": {}}"#,
        r#"{"name": "get_weather"}"#,
        r#"{"city": "Paris"}"#,
        &format!("It is {call}"),
        "<|python_tag|>print(1)",
    ] {
        check(&llama, text, text, "", &[]);
    }
    check_with(&llama, &[], call, call, "", &[]);
    assert!(llama.control_markers().contains(&"<|python_tag|>"));
}

#[test]
fn calls_of_mistral() {
    let nemo = format("mistralai-Mistral-Nemo-Instruct-2407.jinja");
    check(
        &nemo,
        r#"[TOOL_CALLS][{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}, "id": "x"}]"#,
        "",
        "",
        &[("f", r#"{"a": 1}"#), ("g", "{}")],
    );
    let small = format("Mistral-Small-3.2-24B-Instruct-2506.jinja");
    check(
        &small,
        r#"Ok. [TOOL_CALLS]f[ARGS]{"a": 1}[TOOL_CALLS]g[CALL_ID]123456789[ARGS]{}"#,
        "Ok.",
        "",
        &[("f", r#"{"a": 1}"#), ("g", "{}")],
    );
    check(&small, "[TOOL_CALLS]no name[ARGS]{}", "[TOOL_CALLS]no name[ARGS]{}", "", &[]);
    assert!(small.control_markers().contains(&"[TOOL_CALLS]") && small.control_markers().contains(&"[ARGS]"));
}

#[test]
fn values_in_tags_get_the_type_of_the_schema() {
    let coder = format("Qwen3-Coder.jinja");
    let call = |value: &str| {
        format!(
            "<tool_call>\n<function=get_weather>\n<parameter=city>\n{value}\n</parameter>\n</function>\n</tool_call>"
        )
    };
    check(&coder, &call("12"), "", "", &[("get_weather", r#"{"city": "12"}"#)]);
    check(&coder, &call("a\n\"b\"\n<c>\n"), "", "", &[("get_weather", r#"{"city": "a\n\"b\"\n<c>\n"}"#)]);
    check(&coder, &call("").replace("city", "days"), "", "", &[("get_weather", r#"{"days": ""}"#)]);
    check(&coder, &call("12").replace("city", "days"), "", "", &[("get_weather", r#"{"days": 12}"#)]);
    check(&coder, &call("True").replace("city", "days"), "", "", &[("get_weather", r#"{"days": true}"#)]);
    check(&coder, &call("False").replace("city", "days"), "", "", &[("get_weather", r#"{"days": false}"#)]);
    check(&coder, &call("None").replace("city", "days"), "", "", &[("get_weather", r#"{"days": null}"#)]);
    check(&coder, &call("None"), "", "", &[("get_weather", r#"{"city": "None"}"#)]);
    check(&coder, &call("[None, 'a']").replace("city", "days"), "", "", &[("get_weather", r#"{"days": [null, "a"]}"#)]);
    check(&coder, &call("Nothing").replace("city", "days"), "", "", &[("get_weather", r#"{"days": "Nothing"}"#)]);
    check(&coder, &call("a b").replace("city", "days"), "", "", &[("get_weather", r#"{"days": "a b"}"#)]);
    let unfinished = "<tool_call>\n<function=get_weather>\n<parameter=city>\nx\n</parameter>\n oops";
    check(&coder, unfinished, "oops", "", &[("get_weather", r#"{"city": "x"}"#)]);
}

#[test]
fn channels_of_gpt_oss() {
    let format = format("openai-gpt-oss-120b.jinja");
    check(
        &format,
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hi.<|return|>",
        "Hi.",
        "Hm.",
        &[],
    );
    let call = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.f \
                <|constrain|>json<|message|>{\"a\": 1}<|call|>";
    check(&format, call, "", "Hm.", &[("f", "{\"a\": 1}")]);
}

#[test]
fn a_prompt_may_open_the_reasoning() {
    let qwen = format("Qwen3.5-4B.jinja");
    assert!(qwen.starts_in_reasoning());
    check(&qwen, "I think.\n</think>\n\nHi", "Hi", "I think.", &[]);
    let closed = qwen.after_prompt("<|im_start|>assistant\n<think>\n\n</think>\n\n");
    check(&closed, "Hi </think>", "Hi </think>", "", &[]);
}

/// Texts made of what the formats look for.
fn reply() -> impl Strategy<Value = String> {
    let words =
        templates().flat_map(|(_, t)| OutputFormat::detect(Some(&t)).control_markers().to_vec()).collect::<Vec<_>>();
    let more = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\n",
        " ",
        "x",
        "é",
        "<",
        "|",
        "1",
        ";",
        "name",
        "\"name\": \"get_weather\"",
        "\"arguments\": ",
        "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"x\"}}",
        "get_weather",
        "city",
        "\">",
        "null",
        "<function=",
        "(city='x')",
        "call:get_weather{",
        "all\n",
    ];
    let words: Vec<&'static str> = words.into_iter().chain(more).collect();
    prop::collection::vec(prop::sample::select(words), 0..30).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn pieces_do_not_depend_on_the_cuts(text in reply(), choice in 0u8..64, cut in any::<u8>()) {
        parser_oracle(&[&[choice, cut], text.as_bytes()].concat());
    }
}

/// Each spelling, cut at every place.
#[test]
fn every_cut_of_every_spelling() {
    let (mut n_templates, mut n_with_calls) = (0, 0);
    for (name, template) in templates() {
        let format = OutputFormat::detect(Some(&template));
        let call = serde_json::json!({"role": "assistant", "content": "Ok.", "tool_calls": [
            {"function": {"name": "get_weather", "arguments": "{\"city\": \"Pa}r<is\", \"days\": 3}"}}]});
        let rendered = {
            let conversation =
                format.conversation(&[serde_json::json!({"role": "user", "content": "Hi"}), call], &tools(), &[]);
            let inputs = chat::Inputs {
                tools: conversation.tools.as_deref(),
                add_generation_prompt: false,
                ..chat::Inputs::new(&conversation.messages, chat::DateTime::constant(2026, 1, 15, 12, 0, 0, 0))
            };
            template.render(&inputs)
        };
        let Ok(rendered) = rendered else { continue };
        let text = rendered.rsplit_once("Hi").map_or(rendered.as_str(), |(_, reply)| reply);
        let whole = Reply::read(&format, &tools(), text);
        for (at, _) in text.char_indices() {
            let (first, second) = text.split_at(at);
            let mut pieces = Vec::new();
            let mut parser = format.parser(&tools());
            parser.push(first, &mut pieces);
            parser.push(second, &mut pieces);
            parser.finish(&mut pieces);
            assert_eq!(Reply::of(&pieces), whole, "{name} cut at {at}");
        }
        n_templates += 1;
        n_with_calls += usize::from(!whole.calls.is_empty());
    }
    assert_eq!((n_templates, n_with_calls), (61, 53));
}

#[test]
fn limits_turn_calls_into_text() {
    let hermes = OutputFormat::detect(None);
    let long = format!("<tool_call>{{\"x\": \"{}\"", "a".repeat(chat::limits::CALL_HELD_BYTES_MAX + 10));
    check(&hermes, &long, &long, "", &[]);
    let one = "<tool_call>{\"name\": \"f\"}</tool_call>";
    let reply = Reply::read(&hermes, &tools(), &one.repeat(chat::limits::CALLS_MAX + 2));
    assert_eq!(reply.calls.len(), chat::limits::CALLS_MAX);
    assert_eq!(reply.content, one.repeat(2));
    let deep = format!("<tool_call>{{\"name\": \"f\", \"arguments\": {{\"a\": {}", "[".repeat(1000));
    let reply = Reply::read(&hermes, &tools(), &deep);
    assert_eq!(reply.calls[0].1.matches('[').count() + 1, chat::limits::CALL_NESTING_MAX);
    assert_eq!(reply.content.len() + reply.calls[0].1.matches('[').count(), 1000);
}

/// What is passed on of `text` while the reply goes on.
fn so_far(format: &OutputFormat, text: &str) -> Reply {
    let mut pieces = Vec::new();
    format.parser(&tools()).push(text, &mut pieces);
    Reply::of(&pieces)
}

#[test]
fn long_names_and_values_in_tags_are_not_held_back() {
    let coder = format("Qwen3-Coder.jinja");
    let name_max = chat::limits::CALL_NAME_BYTES_MAX;
    let of_name = |n: usize| format!("<tool_call>\n<function={}", "f".repeat(n));
    let call = |n: usize| format!("{}>\n</function>\n</tool_call>", of_name(n));
    check(&coder, &call(name_max), "", "", &[("f".repeat(name_max).as_str(), "{}")]);
    check(&coder, &call(name_max + 1), &call(name_max + 1), "", &[]);
    // With room for space around it.
    assert_eq!(so_far(&coder, &of_name(2 * name_max)), Reply::default());
    assert_eq!(so_far(&coder, &of_name(2 * name_max + 1)).content, of_name(2 * name_max + 1));

    let of_key = |n: usize| format!("<tool_call>\n<function=get_weather>\n<parameter={}", "k".repeat(n));
    assert_eq!(so_far(&coder, &of_key(2 * name_max)).calls, [("get_weather".to_owned(), "{".to_owned())]);
    let over = so_far(&coder, &of_key(2 * name_max + 1));
    assert_eq!(over.calls, [("get_weather".to_owned(), "{}".to_owned())]);
    assert!(over.content.ends_with(&"k".repeat(2 * name_max + 1)), "{}", over.content);

    // A number that goes on past what is held back becomes text.
    let held_max = chat::limits::CALL_HELD_BYTES_MAX;
    let of_value = |n: usize| format!("{}>{}", of_key(0) + "days", "1".repeat(n));
    assert_eq!(so_far(&coder, &of_value(held_max)).calls[0].1, "{\"days\": ");
    let over = of_value(held_max + 1);
    assert_eq!(so_far(&coder, &over).calls[0].1, format!("{{\"days\": \"{}", "1".repeat(held_max + 1)));
    let whole = format!("{over}</parameter></function></tool_call>");
    check(
        &coder,
        &whole,
        "",
        "",
        &[("get_weather", format!("{{\"days\": \"{}\"}}", "1".repeat(held_max + 1)).as_str())],
    );

    // Text that `<![CDATA[…]]>` may wrap is held back until it ends, so it has the same limit.
    let minicpm = format("openbmb-MiniCPM5-1B.jinja");
    let of_value = |n: usize| format!("<function name=\"get_weather\"><param name=\"city\">{}", "x".repeat(n));
    assert_eq!(so_far(&minicpm, &of_value(held_max)).calls[0].1, "{\"city\": \"");
    let over = so_far(&minicpm, &of_value(held_max + 1));
    assert_eq!(over.calls[0].1, format!("{{\"city\": \"{}", "x".repeat(held_max + 1)));
}
