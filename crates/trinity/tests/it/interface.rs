//! Help, completions, man page, tokenize, bench.

use crate::program::{trinity, trinity_with_input};

const COMMANDS: &[&str] = &[
    "run",
    "chat",
    "inspect",
    "limits",
    "metadata",
    "pull",
    "list",
    "show",
    "cp",
    "rm",
    "ps",
    "stop",
    "help",
    "serve",
    "eval",
    "tokenize",
    "bench",
    "doctor",
    "completions",
    "man",
];

#[test]
fn help_completions_and_man_page_name_every_command() {
    let help = trinity(["--help"]).ok().text();
    let man = trinity(["man"]).ok().text();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = trinity(["completions", shell]).ok().text();
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    for command in COMMANDS {
        assert!(help.contains(command), "help: {command}");
        assert!(man.contains(&format!("trinity\\-{command}")), "man: {command}");
    }
}

#[test]
fn help_is_a_command_too() {
    assert_eq!(trinity(["help"]).ok().text(), trinity(["--help"]).ok().text());
    assert_eq!(trinity(["help", "run"]).ok().text(), trinity(["run", "--help"]).ok().text());
    assert_eq!(trinity(["help", "frobnicate"]).code, 2);
}

#[test]
fn the_first_page_says_what_the_program_is_and_what_to_do_first() {
    let page = trinity(["--help"]).ok().text();
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines[0], "Trinity: the CPU inference server for ternary and quantised language models");
    assert_eq!(lines[1], "");
    let examples: Vec<&str> =
        lines[2..].iter().take_while(|line| !line.is_empty()).map(|line| line.trim_start()).collect();
    assert_eq!(examples.len(), 3, "{page}");
    let commands = examples.iter().map(|line| line.split("  ").next().unwrap());
    assert!(commands.clone().all(|line| line.starts_with("trinity ")), "{page}");
    // The first needs nothing but the program.
    let (_, prompt) = examples[0].split_once("trinity run \"").unwrap();
    let (prompt, _) = prompt.split_once('"').unwrap();
    assert!(!trinity(["run", prompt, "-n", "8"]).ok().text().is_empty());
    let rows = lines.iter().skip_while(|line| !line.starts_with("Usage")).skip(2).take_while(|line| !line.is_empty());
    let tasks: Vec<&str> = rows.filter_map(|line| line.split(' ').next().filter(|task| !task.is_empty())).collect();
    assert_eq!(tasks, ["Talk", "Serve", "Models", "Measure", "Make", "Facts", "Itself"], "{page}");
    assert_eq!(trinity(["-h"]).ok().text(), page);
    assert!(trinity::<&str>([]).stderr.starts_with(lines[0]), "without a command it is shown, too");
}

#[test]
fn short_help_is_short_and_names_the_long_one() {
    for command in ["run", "chat", "serve"] {
        let short = trinity([command, "-h"]).ok().text();
        let long = trinity([command, "--help"]).ok().text();
        assert!(short.lines().count() <= 40, "{short}");
        assert!(short.contains("--help has all ") && long.lines().count() > 2 * short.lines().count(), "{short}");
        assert!(long.contains("llama.cpp, Ollama, LM Studio and vLLM"), "{long}");
    }
}

#[test]
fn a_line_that_was_typed_for_llama_cli_does_the_same() {
    let own = trinity(["run", "Once upon a time", "--max-tokens", "8", "--temperature", "0", "--context", "64"]).ok();
    let line = ["run", "-p", "Once upon a time", "--n-predict", "8", "--temp", "0", "--ctx-size", "64", "-ngl", "99"];
    let theirs = trinity(line).ok();
    assert_eq!(theirs.text(), own.text());
    assert_eq!(theirs.stderr, "ignored, since they change nothing here: -ngl 99\n");
    trinity(["run", "x", "--mirostat", "2"]).fails(2, &["--mirostat"]);
    trinity(["chat", "-hf", "a/b"]).fails(1, &["a/b"]);
}

#[test]
fn limits_are_printed_with_their_values() {
    let text = trinity(["limits"]).ok().text();
    for (name, value) in [
        ("gguf tensor name bytes", "64"),
        ("gguf keys", "65536"),
        ("tokens", "4194304"),
        ("schema nodes", "4096"),
        ("template instructions", "1000000"),
        ("request body", "8388608 bytes"),
        ("stop strings", "16"),
    ] {
        assert!(text.lines().any(|l| l.starts_with(name) && l.ends_with(value)), "{name}: {text}");
    }
}

#[test]
fn limits_of_requests_are_printed_by_serve_too() {
    let all = trinity(["limits"]).ok().text();
    let requests = trinity(["serve", "--limits"]).ok().text();
    assert!(requests.lines().count() > 15 && all.ends_with(&requests), "{requests}");
    assert!(requests.lines().any(|l| l.starts_with("head read timeout") && l.ends_with(" 30 seconds")), "{requests}");
}

#[test]
fn usage_errors_exit_with_2() {
    assert_eq!(trinity(["frobnicate"]).code, 2);
    assert_eq!(trinity(["run", "--no-such-flag"]).code, 2);
}

#[test]
fn tokens_go_there_and_back() {
    let text = "Once upon a time, Zoë ate 3 🍎s.\n";
    let ids = trinity_with_input(["tokenize", "stories260k"], text.as_bytes()).ok().text();
    let back = trinity_with_input(["tokenize", "stories260k", "--decode"], ids.as_bytes()).ok().text();
    assert_eq!(back, text);
    let expected = testkit::read_json("tiny-models/tok512-llamacpp-tokens.json");
    let case = &expected.as_array().unwrap()[0];
    let ids =
        trinity_with_input(["tokenize", "stories260k", "--ids"], case["text"].as_str().unwrap().as_bytes()).ok().text();
    let ids: Vec<u64> = ids.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert_eq!(serde_json::json!(ids), case["with_special"]);
}

#[test]
fn bench_measures_named_rows() {
    let json = trinity(["bench", "stories260k", "-p", "32", "-n", "8", "-r", "2", "-t", "1", "--json"]).ok().json();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.iter().map(|r| r["test"].as_str().unwrap()).collect::<Vec<_>>(), ["pp32", "tg8"]);
    for row in rows {
        let samples = row["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 2);
        let mean = samples.iter().map(|s| s.as_f64().unwrap()).sum::<f64>() / 2.0;
        assert!((row["tokens_per_second"].as_f64().unwrap() / mean - 1.0).abs() < 1e-6, "{row}");
    }
    let deep = trinity(["bench", "-p", "0", "-n", "8", "-r", "1", "-d", "0,40", "-b", "1,3", "--json"]).ok().json();
    let names: Vec<_> = deep.as_array().unwrap().iter().map(|r| r["test"].as_str().unwrap()).collect();
    assert_eq!(names, ["tg8", "tg8 x3", "tg8 @ d40", "tg8 @ d40 x3"]);
    let table = trinity(["bench", "stories260k", "-p", "32", "-n", "8", "-r", "2"]).ok().text();
    assert!(table.contains("pp32") && table.contains("tg8") && table.contains('±'), "{table}");
}
