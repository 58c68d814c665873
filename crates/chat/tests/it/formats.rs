//! The built-in formats, content parts, extra variables, and what a template supports.

use chat::{BUILTIN_NAMES, Content, DateTime, Error, Inputs, Message, OutputFormat, OwnTemplate, Part, Role, Template};
use serde_json::json;

const NOW: DateTime = DateTime::constant(2026, 1, 15, 12, 0, 0, 0);

fn rendered(template: &Template, messages: &[Message]) -> String {
    let inputs = Inputs { bos_token: Some("<s>"), eos_token: Some("</s>"), ..Inputs::new(messages, NOW) };
    template.render(&inputs).unwrap()
}

#[test]
fn each_builtin_is_its_format() {
    let messages =
        [Message::system("Be brief."), Message::user("Hi"), Message::assistant("Hello"), Message::user("Bye")];
    for (name, expected) in [
        (
            "alpaca",
            "<s>Be brief.\n\n### Instruction:\nHi\n\n### Response:\nHello</s>\n\n### Instruction:\nBye\n\n### Response:\n",
        ),
        (
            "bitnet",
            "<s>System: Be brief.<|eot_id|>User: Hi<|eot_id|>Assistant: Hello<|eot_id|>User: Bye<|eot_id|>Assistant: ",
        ),
        (
            "chatml",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
        ),
        ("falcon3", "<|system|>\nBe brief.\n<|user|>\nHi\n<|assistant|>\nHello</s>\n<|user|>\nBye\n<|assistant|>\n"),
        (
            "gemma",
            "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n",
        ),
        (
            "granite",
            "<|start_of_role|>system<|end_of_role|>Be brief.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Hi<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>Hello<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Bye<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
        ),
        ("llama2", "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello </s><s>[INST] Bye [/INST]"),
        (
            "llama3",
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        ("mistral", "<s>[INST] Be brief.\n\nHi [/INST] Hello</s>[INST] Bye [/INST]"),
        (
            "phi3",
            "<|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\nHello<|end|>\n<|user|>\nBye<|end|>\n<|assistant|>\n",
        ),
        ("rwkv-world", "System: Be brief.\n\nUser: Hi\n\nAssistant: Hello\n\nUser: Bye\n\nAssistant:"),
        ("vicuna", "<s>Be brief.\n\nUSER: Hi\nASSISTANT: Hello</s>USER: Bye\nASSISTANT:"),
        (
            "zephyr",
            "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHello</s>\n<|user|>\nBye</s>\n<|assistant|>\n",
        ),
    ] {
        assert!(BUILTIN_NAMES.contains(&name));
        assert_eq!(rendered(&Template::builtin(name).unwrap(), &messages), expected, "{name}");
    }
    for name in BUILTIN_NAMES {
        assert!(Template::builtin(name).unwrap().support().system, "{name}");
    }
    // As llama.cpp's converter writes files of RWKV.
    let mut metadata = gguf::Metadata::default();
    metadata.set("tokenizer.chat_template", gguf::Value::String("rwkv-world".to_owned()));
    let own = OwnTemplate::read(&metadata).unwrap().template.unwrap();
    assert_eq!(rendered(&own, &messages), rendered(&Template::builtin("rwkv-world").unwrap(), &messages));
    let error = Template::builtin("nope").unwrap_err();
    assert!(matches!(&error, Error::UnknownBuiltin { name } if name == "nope"));
    assert!(error.to_string().ends_with(&BUILTIN_NAMES.join(", ")));
}

#[test]
fn a_builtin_without_special_tokens_or_prompt() {
    let messages = [Message::user("Hi")];
    let inputs = Inputs { add_generation_prompt: false, ..Inputs::new(&messages, NOW) };
    let text = Template::builtin("llama3").unwrap().render(&inputs).unwrap();
    assert_eq!(text, "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>");
}

#[test]
fn generation_blocks_render_their_body() {
    let source = "{% for m in messages %}{% generation %}\n{{ m.content }}\n{% endgeneration %}\n{% endfor %}|";
    assert_eq!(rendered(&Template::new(source).unwrap(), &[Message::user("a"), Message::user("b")]), "a\nb\n|");
    assert!(matches!(Template::plain_jinja(source), Err(Error::Syntax { line: 1, .. })));
}

#[test]
fn typed_and_json_messages_are_the_same() {
    let parts = Message { role: Role::User, content: Content::Parts(vec![Part::Text { text: "a<b".into() }]) };
    let template = Template::new("{% for m in messages %}{{ m.content[0].text }}{{ m | tojson }}{% endfor %}").unwrap();
    let json = [json!({"role": "user", "content": [{"type": "text", "text": "a<b"}]})];
    let expected = r#"a<b{"role": "user", "content": [{"type": "text", "text": "a<b"}]}"#;
    assert_eq!(rendered(&template, &[parts]), expected);
    assert_eq!(template.render(&Inputs::new(&json, NOW)).unwrap(), expected);
}

#[test]
fn extra_variables_reach_the_template_and_replace_its_own() {
    let template =
        Template::new("{{ enable_thinking }} {{ bos_token }} {{ add_generation_prompt }} {{ x is defined }}").unwrap();
    let extra = json!({"enable_thinking": false, "bos_token": "B"});
    let messages = [Message::user("")];
    let inputs = Inputs { extra: extra.as_object(), bos_token: Some("A"), ..Inputs::new(&messages, NOW) };
    assert_eq!(template.render(&inputs).unwrap(), "False B True False");
}

#[test]
fn the_time_is_the_callers() {
    let template = Template::new("{{ strftime_now('%d %B %Y, %A %H:%M') }}").unwrap();
    assert_eq!(rendered(&template, &[]), "15 January 2026, Thursday 12:00");
}

#[test]
fn a_template_for_tools_takes_the_others_place_where_there_are_some() {
    let hermes = testkit::read_text("chat-templates/jinja/Qwen-Qwen3-0.6B.jinja");
    let template = Template::new("{{ messages[0].content }} plain").unwrap();
    assert!(!template.support().tools && template.tool_use_source().is_none());
    let template = template.with_tool_use(Template::new(&hermes).unwrap());
    assert!(template.support().tools && template.tool_use_source() == Some(&*hermes));
    let messages = [Message::user("Hi")];
    let tools = [json!({"type": "function", "function": {"name": "look", "description": "", "parameters": {}}})];
    let inputs = Inputs::new(&messages, NOW);
    assert_eq!(template.render(&inputs).unwrap(), "Hi plain");
    let with_tools = template.render(&Inputs { tools: Some(&tools), ..inputs }).unwrap();
    assert!(with_tools.contains("<tools>") && with_tools.contains("\"look\""), "{with_tools}");
    // What replies are read by is what the model is shown with tools.
    let format = OutputFormat::detect(Some(&template));
    assert!(format.declares_tools() && format.has_reasoning());
}

#[test]
fn what_is_picked_at_random_is_the_same_each_time() {
    let template = Template::new("{{ range(1000)|random }} {{ range(1000)|random }}").unwrap();
    let begin = [Message::system("S"), Message::user("Hi")];
    let more = [&begin[..], &[Message::assistant("Hello"), Message::user("Bye")]].concat();
    let first = rendered(&template, &begin);
    assert_eq!(first, rendered(&template, &begin));
    assert_eq!(first, rendered(&template, &more), "earlier turns stay as they were");
    assert_ne!(first, rendered(&template, &[Message::system("S"), Message::user("Ho")]));
    let (one, other) = first.split_once(' ').unwrap();
    assert_ne!(one, other);
}

#[test]
fn support_is_found_by_trying() {
    let support = |name: &str| {
        Template::new(&testkit::read_text(&format!("chat-templates/jinja/{name}.jinja"))).unwrap().support()
    };
    let qwen = support("Qwen-Qwen3-0.6B");
    assert!(qwen.system && qwen.tools && qwen.tool_calls);
    let gemma = support("google-gemma-2-2b-it");
    assert!(!gemma.system && !gemma.tools && !gemma.tool_calls);
    let phi = support("microsoft-Phi-3.5-mini-instruct");
    assert!(phi.system && !phi.tools);
    assert!(support("meta-llama-Llama-3.1-8B-Instruct").tools);
    // The template in this set has no place for tools.
    assert!(!support("HuggingFaceTB-SmolLM3-3B").tools);
    assert!(support("Mistral-Small-3.2-24B-Instruct-2506").parts);
    assert!(!phi.parts);
}
