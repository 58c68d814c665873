//! One clear line, the right exit code, nothing half-written.

use std::{fs, path::PathBuf};

use crate::program::{command, finish, trinity, trinity_with_input};

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bad-input");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

/// The stories model with bytes replaced.
fn edited(name: &str, edit: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = fs::read(testkit::data("tiny-models/stories260K-f32.gguf")).unwrap();
    edit(&mut bytes);
    let path = scratch(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|w| w == from).expect("the pattern is in the file");
    bytes[at..at + to.len()].copy_from_slice(to);
}

#[test]
fn every_malformed_file_gets_its_verdict() {
    let manifest = testkit::read_json("gguf-malformed/manifest.json");
    let entries = manifest.as_array().unwrap();
    assert_eq!(entries.len(), 73);
    for entry in entries {
        let file = entry["file"].as_str().unwrap();
        let path = testkit::data("gguf-malformed").join(file);
        let outcome = trinity(["inspect", path.to_str().unwrap()]);
        match entry["expect"].as_str().unwrap() {
            "reject" => drop(outcome.fails(1, &[file])),
            "valid" => drop(outcome.ok()),
            _ => assert!([0, 1].contains(&outcome.code), "{file}: {}", outcome.stderr),
        }
        trinity(["run", path.to_str().unwrap(), "x"]).fails(1, &[]);
    }
}

#[test]
fn a_missing_model_is_named() {
    trinity(["run", "/nowhere/model.gguf", "x"]).fails(1, &["/nowhere/model.gguf"]);
    trinity(["run", "-m", "no-such-model", "x"]).fails(1, &["no-such-model"]);
}

#[test]
fn a_truncated_model_is_refused() {
    let path = edited("truncated.gguf", |bytes| bytes.truncate(bytes.len() - 1000));
    trinity(["run", &path, "x"]).fails(1, &["truncated.gguf"]);
}

#[test]
fn an_unknown_architecture_is_named() {
    // The first is the value of general.architecture.
    let path =
        edited("architecture.gguf", |bytes| replace(bytes, b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0lmama"));
    trinity(["run", &path, "x"]).fails(1, &["lmama", "architecture.gguf"]);
    trinity(["inspect", &path]).ok();
}

#[test]
fn nan_weights_are_found_and_refused() {
    let path = edited("nan.gguf", |bytes| {
        let at = bytes.len() - 4000;
        bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    trinity(["inspect", "--deep", &path]).fails(1, &["nan.gguf", "NaN"]);
    trinity(["run", &path, "Once upon a time"]).fails(1, &["nan.gguf"]);
}

#[test]
fn a_prompt_longer_than_the_context_names_both_numbers() {
    let prompt = "Once upon a time ".repeat(400);
    let outcome = trinity_with_input(["run"], prompt.as_bytes()).fails(1, &["512"]);
    let numbers = outcome.stderr.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).count();
    assert!(numbers >= 2, "{}", outcome.stderr);
}

#[test]
fn invalid_utf8_on_standard_input_is_named_by_its_place() {
    trinity_with_input(["run"], b"Once \xff").fails(1, &["byte 5", "0xff"]);
    trinity_with_input(["tokenize", "stories260k"], b"Once \xff").fails(1, &["byte 5"]);
}

#[test]
fn parameters_out_of_range_are_usage_errors() {
    for arguments in
        [["--top-p", "1.5"], ["--temperature", "-1"], ["--min-p", "2"], ["--repeat-penalty", "0"], ["--threads", "0"]]
    {
        let outcome = trinity(["run", "x"].iter().chain(&arguments));
        outcome.fails(2, &[arguments[0].trim_start_matches("--")]);
    }
    trinity(["run", "x", "--context", "100000"]).fails(1, &["100000", "512"]);
}

#[test]
fn an_unknown_level_is_a_configuration_error() {
    finish(command(["run", "x"]).env("TRINITY_ISA", "avx9000")).fails(78, &["TRINITY_ISA", "avx9000"]);
}

#[cfg(unix)]
#[test]
fn things_that_are_no_files_are_refused_at_once() {
    let fifo = scratch("fifo");
    let _ = fs::remove_file(&fifo);
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [fifo.to_str().unwrap(), "/", "/dev/zero"] {
        trinity(["inspect", path]).fails(1, &[path]);
    }
}

#[test]
fn an_unwritable_home_is_one_line() {
    let file = scratch("a-file");
    fs::write(&file, b"").unwrap();
    let home = file.join("home");
    finish(command(["pull", "smollm2:135m"]).env("TRINITY_HOME", &home)).fails(1, &["a-file"]);
}

/// A padding token that is none is no reason to refuse a file: it is said, and the ids are those of the file without
/// it.
#[test]
fn a_special_token_beyond_the_vocabulary_counts_as_absent() {
    let tokenize = |name: &str| {
        let file = testkit::data("regressions/special-id-out-of-range").join(name);
        trinity_with_input(["tokenize", "--ids", file.to_str().unwrap()], b"the end and on").ok()
    };
    let plain = tokenize("plain.gguf");
    assert_eq!(plain.stderr, "");
    for (name, id) in [("pad-max.gguf", "4294967295"), ("pad-n.gguf", "token ")] {
        let outcome = tokenize(name);
        assert_eq!(outcome.stdout, plain.stdout, "{name}");
        assert!(outcome.stderr.starts_with("warning: ") && outcome.stderr.contains(id), "{}", outcome.stderr);
        assert!(
            outcome.stderr.ends_with(": read as absent\n") && outcome.stderr.lines().count() == 1,
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn foreign_text_reaches_the_terminal_spelled_out() {
    let folder = scratch("foreign");
    fs::create_dir_all(&folder).unwrap();
    // A header of no tensors.
    fs::write(folder.join("model.safetensors"), b"\x02\0\0\0\0\0\0\0{}").unwrap();
    let path = folder.to_str().unwrap();
    for architectures in ["\u{202e}evil", "\u{1b}[2Jevil", "\u{2066}evil\u{feff}"] {
        for config in [serde_json::json!(architectures), serde_json::json!([architectures])] {
            let config = serde_json::json!({"architectures": config, "model_type": architectures});
            fs::write(folder.join("config.json"), config.to_string()).unwrap();
            let outcome = trinity(["convert", path, "/nowhere/out.gguf"]).fails(1, &["evil"]);
            let is_raw = |c: char| "\u{202e}\u{1b}\u{2066}\u{feff}".contains(c);
            assert!(!outcome.stderr.contains(is_raw), "{:?}", outcome.stderr);
        }
    }
}
