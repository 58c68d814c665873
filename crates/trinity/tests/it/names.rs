//! What `run`, `chat` and `serve` make of names, and of none.

use std::{fs, io::Write, path::Path, process::Stdio};

use tempfile::TempDir;

use crate::{
    models::{home_with, story_model},
    program::{Outcome, command, finish, trinity, trinity_with_input},
    server_process::{Server, get, post},
};

/// A template of which the prompt is the message.
const TEMPLATE: &str = "{{ messages[-1].content }}";

/// `trinity arguments…` in a home.
pub(crate) fn at(home: &Path, arguments: &[&str]) -> Outcome {
    finish(command(arguments).env("TRINITY_HOME", home))
}

/// A home with `plain`, which has no template, and `chatty`, which came later and has one.
pub(crate) fn home_with_models() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let (plain, chatty) = (home.path().join("p.gguf"), home.path().join("c.gguf"));
    fs::write(&plain, story_model()).unwrap();
    let set = format!("tokenizer.chat_template={TEMPLATE}");
    let (from, to) = (plain.to_str().unwrap(), chatty.to_str().unwrap());
    trinity(["metadata", from, "--set", &set, "--out", to]).ok();
    at(home.path(), &["cp", to, "chatty"]).ok();
    at(home.path(), &["cp", from, "plain"]).ok();
    home
}

#[test]
fn a_lone_word_is_a_model_if_it_names_one_and_else_the_prompt() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let run = |word: &str| at(home, &["run", word, "-n", "2", "--temperature", "0"]);
    for prompt in ["Hello", "Once upon a time", "and/or", "Why?", "12:30 is late", "https://example.com is a page"] {
        run(prompt).ok();
    }
    // What is not here is not a prompt, and nobody is asked where nobody is.
    for name in ["llama3.2:1b", "QWEN3", "hf:org/repo", "hf.co/org/repo:Q8_0", "https://example.com/m.gguf"] {
        run(name).fails(1, &[&format!("{name} is not on this machine"), &format!("hint: trinity pull {name}")]);
    }
    // Nor is what was meant to be a name.
    run("smolm2:135m")
        .fails(1, &["did you mean smollm2:135m", "trinity pull smollm2:135m", "list --all", "hf:", "path"]);
    run("llama9:1b").fails(1, &["llama9:1b", "list --all", "-m MODEL"]);
    run("./nothing").fails(1, &["./nothing: no such file"]);
    run("nothing.gguf").fails(1, &["nothing.gguf: no such file"]);
    run("hf:repo").fails(1, &["hf:ORGANISATION"]);
    at(home, &["run", "Why", "is", "the", "sky", "blue"]).fails(1, &["Why", "in quotes"]);
    // A file that is no model may be called as a prompt is.
    fs::write(home.join("notes"), "text").unwrap();
    finish(command(["run", "notes", "-n", "2"]).current_dir(home)).ok();
}

#[test]
fn what_follows_a_model_is_the_prompt_with_quotes_or_without() {
    let greedy = ["--temperature", "0", "-n", "20"];
    let quoted = trinity(["run", "stories260k", "Once upon a time"].iter().chain(&greedy)).ok().text();
    let words = ["run", "stories260k", "Once", "upon", "a", "time"];
    assert_eq!(trinity(words.iter().chain(&greedy)).ok().text(), quoted);
    let named = ["run", "-m", "stories260k", "Once", "upon", "a", "time"];
    assert_eq!(trinity(named.iter().chain(&greedy)).ok().text(), quoted);
    let piped = trinity_with_input(["run", "stories260k"].iter().chain(&greedy), b"Once upon a time").ok();
    assert_eq!((piped.text(), piped.stderr.as_str()), (quoted, ""));
    trinity(["run", "-m", "stories260k", "stories260k", "x"]).fails(2, &["a model twice"]);
}

#[test]
fn who_names_nobody_talks_to_one_that_can_be_talked_to() {
    let home = home_with_models();
    let chat = |arguments: &[&str]| {
        let mut command = command(["chat", "-n", "2", "-v"].iter().chain(arguments));
        command.env("TRINITY_HOME", home.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"/show\n").unwrap();
        child.wait().unwrap().success()
    };
    assert!(chat(&[]), "chatty answers, though plain came later");
    at(home.path(), &["rm", "chatty"]).ok();
    at(home.path(), &["chat"]).fails(1, &["no model on this machine has a chat template", "trinity pull smollm2:135m"]);
    assert!(chat(&["--chat-template", "chatml"]), "with a format anybody can be talked to");
}

#[test]
fn serve_without_a_model_serves_all_and_loads_what_is_asked_for() {
    let home = home_with_models();
    // Spoilt since it came: the others are served all the same.
    at(home.path(), &["cp", "stories260k", "broken"]).ok();
    let broken = at(home.path(), &["show", "broken", "--path"]).ok().text();
    fs::write(broken.trim(), b"GGUF").unwrap();
    let mut serve = command(["serve", "--port", "0"]);
    serve.env("TRINITY_HOME", home.path());
    let mut server = Server::spawn(serve);
    let address = server.address();
    assert!(server.said.iter().any(|l| l.starts_with("warning: broken is left out")), "{:?}", server.said);
    let json =
        |text: String| -> serde_json::Value { serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap() };
    let names = |path: &str, list: &str, name: &str| -> Vec<String> {
        let answer = json(get(&address, path, ""));
        answer[list].as_array().unwrap().iter().map(|m| m[name].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("/v1/models", "data", "id"), ["chatty", "plain", "stories260k"]);
    assert_eq!(names("/api/ps", "models", "name"), [""; 0], "nothing was asked for yet");
    let body = r#"{"model":"plain","prompt":"Once","max_tokens":1}"#;
    assert!(post(&address, "/v1/completions", body).starts_with("HTTP/1.1 200"));
    assert_eq!(names("/api/ps", "models", "name"), ["plain"]);
    let body = r#"{"messages":[{"role":"user","content":"Once"}],"max_tokens":1}"#;
    assert!(post(&address, "/v1/chat/completions", body).starts_with("HTTP/1.1 200"), "no name means the first");
    assert_eq!(names("/api/ps", "models", "name"), ["chatty", "plain"]);
    // Where there is none the one in the program is served, and is ready at once.
    let empty = tempfile::tempdir().unwrap();
    let mut serve = command(["serve", "--port", "0"]);
    serve.env("TRINITY_HOME", empty.path());
    let mut server = Server::spawn(serve);
    let address = server.address();
    assert_eq!(json(get(&address, "/api/ps", ""))["models"][0]["name"], "stories260k");
}

#[test]
fn names_of_the_catalogue_are_not_dialled_for() {
    let home = home_with("http://127.0.0.1:1/stories.gguf");
    at(home.path(), &["chat", "story:q8"]).fails(1, &["story:q8 is not on this machine", "trinity pull story:q8"]);
}
