//! `trinity metadata`.

use std::{fs, path::PathBuf};

use crate::program::trinity;

fn copy(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    fs::write(&path, fs::read(testkit::data("tiny-models/stories260K-q8_0.gguf")).unwrap()).unwrap();
    path
}

fn value(path: &str, key: &str) -> serde_json::Value {
    let json = trinity(["inspect", "--json", "--metadata", path]).ok().json();
    let entry = json["metadata"].as_array().unwrap().iter().find(|e| e["key"] == key).cloned();
    entry.map_or(serde_json::Value::Null, |e| e["value"].clone())
}

#[test]
fn keys_change_and_the_story_does_not() {
    let path = copy("metadata.gguf");
    let path = path.to_str().unwrap();
    let story = trinity(["run", path, "Once upon a time", "--temperature", "0", "-n", "20"]).ok().text();
    trinity([
        "metadata",
        path,
        "--set",
        "general.name=A new name",
        "--set",
        "my.number=u32:5",
        "--set",
        "llama.context_length=256",
    ])
    .ok();
    assert_eq!(value(path, "general.name"), "A new name");
    assert_eq!((value(path, "my.number"), value(path, "llama.context_length")), (5.into(), 256.into()));
    trinity(["metadata", path, "--remove", "my.number"]).ok();
    assert_eq!(value(path, "my.number"), serde_json::Value::Null);
    assert_eq!(trinity(["run", path, "Once upon a time", "--temperature", "0", "-n", "20"]).ok().text(), story);
}

#[test]
fn what_cannot_be_changed_leaves_the_file_as_it_was() {
    let file = copy("unchanged.gguf");
    let (path, before) = (file.to_str().unwrap(), fs::read(&file).unwrap());
    trinity(["metadata", path]).fails(2, &["nothing to change"]);
    trinity(["metadata", path, "--set", "llama.context_length=many"]).fails(2, &["llama.context_length", "many"]);
    trinity(["metadata", path, "--set", "general.name=x", "--remove", "no.such.key"]).fails(2, &["no.such.key"]);
    trinity(["metadata", path, "--set", "general.alignment=u32:64"]).fails(1, &["64", "32"]);
    trinity(["metadata", path, "--set", "my.number=u8:300"]).fails(2, &["my.number", "\"300\" is no u8"]);
    let other = copy("other.gguf");
    let out = ["metadata", path, "--set", "general.name=x", "--out", other.to_str().unwrap()];
    trinity(out).fails(1, &["other.gguf: exists already", "--force"]);
    assert_eq!(fs::read(&other).unwrap(), before);
    trinity(out.iter().chain(&["--force"])).ok();
    assert_ne!(fs::read(&other).unwrap(), before);
    assert_eq!(fs::read(&file).unwrap(), before);
    let bad = testkit::data("gguf-malformed/key-dup.gguf");
    trinity(["metadata", bad.to_str().unwrap(), "--set", "a=b"]).fails(1, &["key-dup.gguf"]);
}
