//! `trinity chat` with its input piped in: one message or command a line.

use std::{fs, path::PathBuf};

use crate::program::trinity_with_input;

fn chat(arguments: &[&str], input: &str) -> crate::program::Outcome {
    let model = testkit::smollm2_path();
    let mut all = vec!["chat", model.to_str().unwrap(), "--temperature", "0", "-n", "12"];
    all.extend(arguments);
    trinity_with_input(all, input.as_bytes())
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn a_conversation_is_answered_saved_and_gone_on_with() {
    let file = scratch("conversation.json");
    let _ = fs::remove_file(&file);
    let name = file.to_str().unwrap();
    let first = chat(&[], &format!("Hello\n/save {name}\nWhat is your name?\n")).ok().text();
    let replies: Vec<&str> = first.lines().filter(|l| !l.is_empty()).collect();
    assert!(replies.len() >= 2, "{first}");
    let saved: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(saved["messages"][0]["content"], "Hello");
    assert_eq!(saved["messages"].as_array().unwrap().len(), 2);
    // Loaded, the conversation goes on as it would have; cleared, it does not know what came before.
    let loaded = chat(&[], &format!("/load {name}\nWhat is your name?\n")).ok().text();
    assert!(first.ends_with(&loaded), "{first:?} does not end in {loaded:?}");
    let cleared = chat(&[], &format!("/load {name}\n/clear\nWhat is your name?\n")).ok().text();
    let fresh = chat(&[], "What is your name?\n").ok().text();
    assert_eq!(cleared, fresh);
}

#[test]
fn later_turns_reuse_what_is_cached() {
    let outcome = chat(&["--verbose"], "Hello\nAgain\n").ok();
    let reports: Vec<&str> = outcome.stderr.lines().filter(|l| l.contains("cached")).collect();
    assert_eq!(reports.len(), 2, "{}", outcome.stderr);
    assert!(reports[0].contains("(0 cached)") && !reports[1].contains("(0 cached)"), "{reports:?}");
}

#[test]
fn messages_of_several_lines_and_settings() {
    let joined = chat(&["-v"], "\"\"\"Say\nhello\"\"\"\n").ok();
    let continued = chat(&["-v"], "Say\\\nhello\n").ok();
    assert_eq!(joined.text(), continued.text());
    let shown = chat(&[], "/set top_k 7\n/show\n/help\n").ok().stderr;
    assert!(shown.contains("top_k 7") && shown.contains("/clear"), "{shown}");
}

#[test]
fn what_cannot_be_done_is_said() {
    chat(&[], "/set top_p 3\n").fails(2, &["top_p", "3"]);
    chat(&[], "/load /nowhere/x.json\n").fails(1, &["/nowhere/x.json"]);
    trinity_with_input(["chat"], b"Hello\n").fails(1, &["chat template"]);
    trinity_with_input(["chat", "--template", "no-such"], b"Hello\n").fails(2, &["no-such"]);
}

#[test]
fn piped_input_is_answered_to_its_end() {
    let replies = |outcome: &crate::program::Outcome| outcome.text().lines().filter(|l| !l.is_empty()).count();
    let plain = chat(&[], "Hello\nAgain\n").ok();
    // What cannot be done is said and decides the exit code; the rest is answered all the same.
    let outcome = chat(&[], "Hello\n/set top_p 3\nAgain\n").fails(2, &["top_p", "3"]);
    assert_eq!(outcome.text(), plain.text());
    let outcome = trinity_with_input(
        ["chat", testkit::smollm2_path().to_str().unwrap(), "--temperature", "0", "-n", "12"],
        b"Hello\n\xff\nAgain",
    );
    assert_eq!(outcome.fails(1, &["line 2", "byte 0 is 0xff"]).text(), plain.text());
    // A message that does not fit is named; the next one fits. A reply that ends with the context says so.
    let long = format!("{}\nHi\n/clear\nHi\n", "word ".repeat(200));
    let model = testkit::smollm2_path();
    let arguments = ["chat", model.to_str().unwrap(), "--temperature", "0", "-c", "48", "--ignore-eos"];
    let outcome = trinity_with_input(arguments, long.as_bytes()).fails(1, &["context holds 48", "/clear"]);
    assert_eq!(outcome.stderr.matches("the context is full: /clear").count(), 2, "{}", outcome.stderr);
    assert!(replies(&outcome) >= 2, "{}", outcome.text());
}

#[test]
fn what_is_no_command_is_text_and_hinted_at_once() {
    let outcome = chat(&[], "/usr/bin/env is what?\n/fly\n").ok();
    assert_eq!(outcome.stderr.matches("hint: there is no command /usr/bin/env: taken as text").count(), 1);
    assert_eq!(outcome.stderr.matches("hint:").count(), 1, "{}", outcome.stderr);
    let block = chat(&[], "\"\"\"\n/exit\n\"\"\"\n").ok();
    assert!(!block.text().trim().is_empty() && block.stderr.is_empty(), "{}", block.stderr);
}

#[test]
fn thinking_is_switched() {
    let model = testkit::data("regressions/raw-control-tokens/plain.gguf");
    let template = "{% set on = enable_thinking | default('unsaid') %}{{ on }}{{ reasoning_effort | default('') }}{{ messages[-1].content }}<think></think>";
    let n_prompt = |arguments: &[&str], input: &str| {
        let fixed = ["chat", model.to_str().unwrap(), "--chat-template", template, "-n", "1", "-v"];
        let stderr = trinity_with_input(fixed.iter().chain(arguments), input.as_bytes()).ok().stderr;
        let reports =
            stderr.lines().filter_map(|l| l.strip_prefix("prompt ")?.split(' ').next()?.parse::<usize>().ok());
        reports.collect::<Vec<_>>()
    };
    // Most bytes are a token each: the words differ in length.
    let [unsaid, on, off, low] = [&[][..], &["--think", "on"], &["--think", "off"], &["--think", "low"]]
        .map(|arguments| n_prompt(arguments, "x\n")[0]);
    assert_eq!((on + 2, off + 1), (unsaid, unsaid), "unsaid, True, False");
    assert!(low > on, "Truelow has {low} tokens, True {on}");
    assert_eq!(n_prompt(&[], "x\n/set think off\nx\n/set think on\nx\n"), [unsaid, off, on]);
    let run = |arguments: &[&str]| {
        let fixed = ["run", "-m", model.to_str().unwrap(), "x", "--chat-template", template, "-n", "1", "-v"];
        crate::program::trinity(fixed.iter().chain(arguments)).ok().stderr
    };
    assert!(run(&["--think", "off"]).contains(&format!("prompt {off} tokens")));
    chat(&["--think", "on"], "Hello\n").fails(2, &["think on", "no thinking"]);
    chat(&[], "/set think maybe\n").fails(2, &["maybe", "on, off, low"]);
    assert!(chat(&["--think", "off"], "/show\n").ok().stderr.contains("think off"));
}
