//! `trinity chat` before a person.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{program::command, terminal::Terminal};

/// What the person said, as `/save` wrote it.
fn user_messages(file: &str) -> Vec<String> {
    let saved: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let messages = saved["messages"].as_array().unwrap();
    messages.iter().filter(|m| m["role"] == "user").map(|m| m["content"].as_str().unwrap().to_owned()).collect()
}

/// Types `text` in one go, then saves; gives the messages and what was shown.
fn typed(name: &str, model: &Path, text: &str) -> (Vec<String>, String) {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("typed-{name}.json"));
    let _ = fs::remove_file(&file);
    let file = file.to_str().unwrap();
    let arguments = ["chat", model.to_str().unwrap(), "--template", "chatml", "-n", "2", "--temperature", "0"];
    let mut terminal = Terminal::start(command(arguments));
    terminal.wait_for(">>> ");
    terminal.type_text(text);
    terminal.type_text(&format!("/save {file}\n"));
    terminal.wait_for("saved ");
    terminal.type_text("/exit\n");
    assert!(terminal.wait().success(), "{}", terminal.shown);
    (user_messages(file), terminal.shown.clone())
}

fn small() -> PathBuf {
    testkit::data("regressions/raw-control-tokens/plain.gguf")
}

#[test]
fn lines_that_arrive_at_once_are_messages_each() {
    let (messages, _) = typed("burst", &small(), "one\ntwo\nthree\n");
    assert_eq!(messages, ["one", "two", "three"]);
    // More than any buffer of one reading, and all of it within the context.
    let many: Vec<String> = (0..40).map(|i| format!("line {i} {}", "x".repeat(60))).collect();
    let (messages, _) = typed("many", &testkit::smollm2_path(), &(many.join("\n") + "\n"));
    assert_eq!(messages, many);
}

#[test]
fn what_is_no_command_is_text() {
    let (messages, shown) = typed("slash", &small(), "/usr/bin is full\n/fly\n\"\"\"/exit\n/clear\n\"\"\"\n");
    assert_eq!(messages, ["/usr/bin is full", "/fly", "/exit\n/clear"]);
    assert_eq!(shown.matches("hint: there is no command /usr/bin").count(), 1, "{shown}");
    assert_eq!(shown.matches("hint:").count(), 1, "{shown}");
}
