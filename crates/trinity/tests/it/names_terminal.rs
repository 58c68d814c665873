//! What `run`, `chat` and `pull` do before a person where a model is named, here or not.

use testkit::{Answer, Loopback};

use crate::{
    models::{ETAG, home_with, story_model},
    names::home_with_models,
    program::command,
    terminal::Terminal,
};

fn started(home: &std::path::Path, arguments: &[&str]) -> Terminal {
    let mut command = command(arguments);
    command.env("TRINITY_HOME", home);
    Terminal::start(command)
}

#[test]
fn a_model_that_can_be_talked_to_is() {
    let home = home_with_models();
    for arguments in [&["run", "chatty"][..], &["run", "-m", "chatty"], &["chat", "chatty"], &["chat"]] {
        let mut terminal = started(home.path(), arguments);
        terminal.wait_for("chatty: type a message");
        terminal.wait_for(">>> ");
        terminal.type_text("/exit\n");
        assert!(terminal.wait().success(), "{arguments:?}: {}", terminal.shown);
    }
    // One that cannot be completes what is typed, and so does one that is to be taken raw.
    for arguments in [&["run", "plain"][..], &["run", "chatty", "--raw"]] {
        let mut terminal = started(home.path(), &[arguments, &["-n", "20", "--temperature", "0"]].concat());
        terminal.wait_for("Ctrl-D");
        terminal.type_text("Once upon a time\n\u{4}");
        assert!(terminal.wait().success(), "{arguments:?}: {}", terminal.shown);
        assert!(terminal.shown.contains("there was"), "{arguments:?}: {}", terminal.shown);
    }
}

#[test]
fn a_model_that_is_not_here_is_asked_about() {
    let bytes = story_model();
    let server = Loopback::start(move |request| Answer::file(request, &bytes, ETAG));
    let home = home_with(&server.url("/stories.gguf"));
    let question = "trinity pull story:q8 downloads it (344.3 kB, licence MIT)";
    for no in ["n\n", "\n", "\u{4}"] {
        let mut terminal = started(home.path(), &["run", "story:q8"]);
        terminal.wait_for(question);
        terminal.wait_for("[y/N] ");
        terminal.type_text(no);
        assert_eq!(terminal.wait().code(), Some(1), "{}", terminal.shown);
        assert!(terminal.shown.contains("hint: trinity pull story:q8"), "{}", terminal.shown);
    }
    assert!(server.requests().is_empty());
    // What was typed ahead of the question's end is the prompt.
    let mut terminal = started(home.path(), &["run", "story:q8", "-n", "20", "--temperature", "0"]);
    terminal.wait_for("[y/N] ");
    terminal.type_text("y\nOnce upon a time\n\u{4}");
    assert!(terminal.wait().success(), "{}", terminal.shown);
    let shown = &terminal.shown;
    for text in ["Tell good stories.", "verified stories.gguf", "there was a little girl"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    // So it is with a server, which goes on as if the model had been there.
    let home = home_with(&server.url("/stories.gguf"));
    let mut terminal = started(home.path(), &["serve", "story:q8", "--port", "0"]);
    terminal.wait_for(question);
    terminal.type_text("y\n");
    terminal.wait_for("listening on ");
    terminal.interrupt();
    assert!(terminal.wait().success(), "{}", terminal.shown);
    // Offline nobody is asked.
    let home = home_with(&server.url("/stories.gguf"));
    let mut terminal = started(home.path(), &["--offline", "run", "story:q8", "x"]);
    assert_eq!(terminal.wait().code(), Some(1), "{}", terminal.shown);
    assert!(!terminal.shown.contains("[y/N]"), "{}", terminal.shown);
}

#[test]
fn who_has_nobody_to_talk_to_is_offered_a_model() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = started(home.path(), &["chat"]);
    terminal.wait_for("trinity pull smollm2:135m downloads it (98.4 MB, licence Apache-2.0)");
    terminal.wait_for("[y/N] ");
    terminal.type_text("n\n");
    assert_eq!(terminal.wait().code(), Some(1), "{}", terminal.shown);
}

#[test]
fn an_interrupted_pull_says_what_is_kept() {
    let (bytes, whole) = (story_model(), story_model());
    let stalled = Loopback::start(move |_| Answer::ok(&bytes[..]).with("ETag", ETAG).stall_after(100_000));
    let home = home_with(&stalled.url("/stories.gguf"));
    let mut terminal = started(home.path(), &["pull", "story:q8"]);
    // The bar counts in units of 1,024.
    terminal.wait_for("97.66 KiB");
    terminal.interrupt();
    assert_eq!(terminal.wait().code(), Some(130), "{}", terminal.shown);
    assert!(
        terminal.shown.contains("hint: 100.0 kB are kept: trinity pull story:q8 goes on from there"),
        "{}",
        terminal.shown
    );
    // Which is true, though the address is another.
    drop(stalled);
    let server = Loopback::start(move |request| Answer::file(request, &whole, ETAG));
    let other = home_with(&server.url("/stories.gguf"));
    std::fs::copy(other.path().join("catalogue.toml"), home.path().join("catalogue.toml")).unwrap();
    let mut terminal = started(home.path(), &["pull", "story:q8"]);
    assert!(terminal.wait().success(), "{}", terminal.shown);
}
