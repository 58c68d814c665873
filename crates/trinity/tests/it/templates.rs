//! Which chat template a model is talked to with.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{
    program::{command, trinity, trinity_with_input},
    server_process::{Server, post},
};

fn data(name: &str) -> String {
    testkit::data(&format!("regressions/{name}")).to_str().unwrap().to_owned()
}

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("templates");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// The JSON of an answer.
fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|e| panic!("{e}: {answer}"))
}

#[test]
fn a_template_that_does_not_parse_stops_chats_only() {
    let model = data("template-unparsable/bad-template.gguf");
    let warning = ["warning: ", "bad-template", "line 1", "unknown tag"];
    let warns = |stderr: &str| assert!(warning.iter().all(|word| stderr.contains(word)), "{stderr}");
    warns(&trinity(["run", "-m", &model, "--raw", "x", "-n", "2"]).ok().stderr);
    trinity(["run", "-m", &model, "x", "-n", "2"]).fails(1, &["line 1", "hint: ", "--raw", "--chat-template"]);
    warns(&trinity_with_input(["chat", &model, "--template", "chatml", "-n", "2"], b"hi\n").ok().stderr);
    trinity_with_input(["chat", &model, "-n", "2"], b"hi\n").fails(1, &["line 1", "--chat-template chatml"]);

    let mut server = Server::spawn(command(["serve", "--port", "0", &model]));
    let address = server.address();
    warns(&server.said.join("\n"));
    assert!(body(&post(&address, "/completion", "{\"prompt\": \"x\", \"n_predict\": 2}"))["content"].is_string());
    let chat = "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}";
    let refused = post(&address, "/v1/chat/completions", chat);
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("unknown tag"), "{refused}");
}

#[test]
fn a_template_by_name_from_a_file_or_written_out() {
    let model = data("raw-control-tokens/plain.gguf");
    let file = scratch("shout.jinja");
    fs::write(&file, "{{ messages[0].content | upper }}{{ messages[0].content }}").unwrap();
    let n_prompt = |flag: &str, value: &str| {
        let stderr = trinity(["run", "-m", &model, "hello", "-n", "1", "-v", flag, value]).ok().stderr;
        stderr.strip_prefix("prompt ").and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok()).unwrap()
    };
    let plain = n_prompt("--chat-template", "{{ messages[0].content }}");
    let doubled = n_prompt("--chat-template-file", file.to_str().unwrap());
    assert_eq!(doubled, n_prompt("--chat-template", "{{ messages[0].content | upper }}{{ messages[0].content }}"));
    assert!(plain < doubled && doubled < n_prompt("--template", "chatml"));
    trinity(["run", "-m", &model, "x", "--chat-template", "no-such"]).fails(2, &["no-such", "chatml"]);
    trinity(["run", "-m", &model, "x", "--chat-template-file", "/nowhere/t.jinja"]).fails(1, &["/nowhere/t.jinja"]);
    fs::write(&file, "{% if %}").unwrap();
    trinity(["run", "-m", &model, "x", "--chat-template-file", file.to_str().unwrap()])
        .fails(1, &["shout.jinja", "line 1"]);
}

#[test]
fn a_server_takes_the_template_that_is_named() {
    let model = data("raw-control-tokens/plain.gguf");
    let file = scratch("served.jinja");
    fs::write(&file, "<{{ messages[0].content }}>").unwrap();
    let request = "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}";
    for (flag, value, expected) in [
        ("--chat-template", "chatml", "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n"),
        ("--chat-template-file", file.to_str().unwrap(), "<x>"),
    ] {
        let (_server, address) = Server::start(&[&model, flag, value]);
        assert_eq!(body(&post(&address, "/apply-template", request))["prompt"], expected, "{flag}");
    }
    trinity(["serve", "--port", "0", &model, "--chat-template", "no-such"]).fails(1, &["no-such", "chatml"]);
}

#[test]
fn a_template_of_the_model_by_its_name_and_the_one_for_tools() {
    let model = scratch("named.gguf");
    let model = model.to_str().unwrap();
    let plain = data("raw-control-tokens/plain.gguf");
    let templates = [
        "tokenizer.chat_template={{ messages[0].content }} plain",
        "tokenizer.chat_template.tool_use={{ tools[0].function.name }} <tool_call> for {{ messages[0].content }}",
        "tokenizer.chat_template.rag={{ messages[0].content * 9 }}",
    ];
    let mut arguments = vec!["metadata", plain.as_str(), "-o", model];
    arguments.extend(templates.iter().flat_map(|template| ["--set", template]));
    let _ = fs::remove_file(model);
    trinity(arguments).ok();

    let (_server, address) = Server::start(&[model]);
    let prompt = |more: &str| {
        let request = format!("{{\"messages\": [{{\"role\": \"user\", \"content\": \"x\"}}]{more}}}");
        body(&post(&address, "/apply-template", &request))["prompt"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(prompt(""), "x plain");
    let tools = ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"look\", \"parameters\": {}}}]";
    assert_eq!(prompt(tools), "look <tool_call> for x");
    let rag = trinity(["run", "-m", model, "y", "-n", "1", "-v", "--chat-template", "rag"]).ok().stderr;
    let own = trinity(["run", "-m", model, "y", "-n", "1", "-v"]).ok().stderr;
    assert_ne!(rag.split(" tokens").next(), own.split(" tokens").next());
}

#[test]
fn templates_tell_the_time_of_the_zone_that_is_set() {
    let model = data("tz-name/hour.gguf");
    for zone in ["Pacific/Kiritimati", ":Pacific/Kiritimati", "<+14>-14", "UTC-14"] {
        let mut command = command(["serve", "--port", "0", &model]);
        command.env("TZ", zone).env("TZDIR", testkit::data("zoneinfo"));
        let mut server = Server::spawn(command);
        let address = server.address();
        let there = || {
            let now = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(14);
            now.strftime("%Y-%m-%d %H").to_string()
        };
        let before = there();
        let request = "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}";
        let answer = body(&post(&address, "/apply-template", request));
        let told = answer["prompt"].as_str().unwrap();
        assert!(told == before || told == there(), "{zone}: {told}, not {before}");
    }
}
