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
    chat(&[], "/fly\n").fails(2, &["/fly"]);
    chat(&[], "/load /nowhere/x.json\n").fails(1, &["/nowhere/x.json"]);
    trinity_with_input(["chat"], b"Hello\n").fails(1, &["chat template"]);
    trinity_with_input(["chat", "--template", "no-such"], b"Hello\n").fails(2, &["no-such"]);
}
