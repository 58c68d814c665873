//! Tests of `trinity metadata`.

use std::{fs, path::PathBuf};

use gguf::{Array, Container, Value};

use crate::program::{trinity, trinity_with_input};

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

/// A file of the case with this name, changed by `changes` into a new one.
fn changed(name: &str, changes: &[&str]) -> String {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).to_str().unwrap().to_owned();
    let plain = testkit::data("regressions/raw-control-tokens/plain.gguf");
    let mut words = vec!["metadata", plain.to_str().unwrap(), "--out", &out, "--force"];
    words.extend(changes);
    trinity(words).ok();
    out
}

fn typed(path: &str, key: &str) -> Option<Value> {
    Container::open(path.as_ref()).unwrap().metadata().get(key).cloned()
}

/// The case of `testdata/regressions/metadata-new-key-type`.
#[test]
fn a_new_key_has_the_type_that_gguf_documents() {
    let a = changed("new-key-a.gguf", &["--remove", "llama.rope.freq_base"]);
    trinity(["metadata", &a, "--set", "llama.rope.freq_base=1e6"]).ok();
    assert_eq!(typed(&a, "llama.rope.freq_base"), Some(Value::F32(1e6)));
    trinity(["run", "-m", &a, "--raw", "x", "-n", "1"]).ok();
    let add_bos = "tokenizer.ggml.add_bos_token";
    let b = changed("new-key-b.gguf", &["--remove", add_bos, "--set", "tokenizer.ggml.add_bos_token=false"]);
    assert_eq!(typed(&b, add_bos), Some(Value::Bool(false)));
    let bos = typed(&b, "tokenizer.ggml.bos_token_id").and_then(|id| id.to_i128()).unwrap().to_string();
    let ids = trinity_with_input(["tokenize", "--ids", &b], b"x").ok().text();
    assert!(!ids.split_whitespace().any(|id| id == bos), "{ids}");
    let check = |set: &str, expected: Value| {
        let (key, _) = set.split_once('=').unwrap();
        let path = changed("new-key.gguf", &["--remove", "llama.context_length", "--set", "llama.context_length=64"]);
        trinity(["metadata", &path, "--set", set]).ok();
        assert_eq!(typed(&path, key), Some(expected), "{set}");
    };
    let string = |text: &str| Value::String(text.to_owned());
    let strings = |texts: &[&str]| Value::Array(Array::String(texts.iter().map(ToString::to_string).collect()));
    check("llama.context_length=128", Value::U32(128));
    check("llama.attention.sliding_window=64", Value::U32(64));
    check("llama.rope.scaling.type=linear", string("linear"));
    check("general.version=1.0", string("1.0"));
    check("general.description=u8: an integer", string("u8: an integer"));
    check("general.description=string:@you", string("@you"));
    check("general.parameter_count=5000000000", Value::U64(5_000_000_000));
    // Lists.
    check("general.tags=[\"a\", \"b\"]", strings(&["a", "b"]));
    check("qwen2.feed_forward_length=[1, 2, 3]", Value::Array(Array::I32(vec![1, 2, 3])));
    check("my.list=f32[]:[1, 2.5]", Value::Array(Array::F32(vec![1.0, 2.5])));
    check("my.flags=bool[]:[true,false]", Value::Array(Array::Bool(vec![true, false])));
    check("my.list=string[]:[]", strings(&[]));
    // What no document knows: a text, or what is said of it.
    check("my.note=hello", string("hello"));
    check("my.number=u64:5", Value::U64(5));
    check("my.number=string:5", string("5"));
}

#[test]
fn a_value_of_another_type_is_refused_with_the_way_to_spell_it() {
    let path = changed("refused.gguf", &["--set", "my.number=u32:5", "--set", "my.list=u8[]:[1,2]"]);
    let before = fs::read(&path).unwrap();
    let check = |set: &str, words: &[&str]| drop(trinity(["metadata", &path, "--set", set]).fails(2, words));
    check("my.freq=1e6", &["my.freq", "hint: my.freq=f32:1e6, or my.freq=string:1e6"]);
    check("my.count=7", &["hint: my.count=u32:7"]);
    check("my.count=-7", &["hint: my.count=i32:-7"]);
    check("my.flag=true", &["hint: my.flag=bool:true"]);
    check("my.texts=[\"a\"]", &["hint: my.texts=string[]:[\"a\"]"]);
    check("my.texts=[1,2,3]", &["hint: my.texts=i32[]:[1,2,3]"]);
    check("llama.rope.freq_base_swa=u32:5", &["llama.rope.freq_base_swa", "type u32", "f32"]);
    check("llama.rope.freq_base_swa=1e39", &["\"1e39\" is no f32"]);
    check("llama.rope.freq_base_swa=many", &["\"many\" is no f32"]);
    check("tokenizer.ggml.add_eos_token=1", &["\"1\" is no bool"]);
    check("my.number=i64:5", &["type i64", "the key is u32", "--remove my.number"]);
    check("my.list=[1,300]", &["element 1 is no u8"]);
    check("my.list=[1,\"2\"]", &["element 1: \"2\" is no u8"]);
    check("my.list=1,2", &["JSON list of u8"]);
    check("general.tags=[1]", &["element 0: \"1\" is no string"]);
    check(
        "tokenizer.chat_template=@/no/such/file",
        &["/no/such/file", "hint: tokenizer.chat_template=string:@/no/such/file"],
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn values_come_from_files_and_ids_from_texts() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).to_str().unwrap().to_owned()
    };
    let (template, tags) = (file("template.jinja", "{{ messages }}\n"), file("tags.json", "[\"a=b\"]\n"));
    let path = changed(
        "from-file.gguf",
        &[
            "--set",
            &format!("tokenizer.chat_template=@{template}"),
            "--set",
            &format!("general.tags=@{tags}"),
            "--set",
            "tokenizer.ggml.eot_token_id=<|assistant|>",
            "--set",
            "tokenizer.ggml.eos_token_ids=[\"<|user|>\", 2]",
        ],
    );
    assert_eq!(typed(&path, "tokenizer.chat_template"), Some(Value::String("{{ messages }}\n".into())));
    assert_eq!(typed(&path, "general.tags"), Some(Value::Array(Array::String(vec!["a=b".into()]))));
    let container = Container::open(path.as_ref()).unwrap();
    let tokens = container.metadata().strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let id = |text: &str| tokens.iter().position(|t| t == text).unwrap() as u32;
    assert_eq!(typed(&path, "tokenizer.ggml.eot_token_id"), Some(Value::U32(id("<|assistant|>"))));
    assert_eq!(typed(&path, "tokenizer.ggml.eos_token_ids"), Some(Value::Array(Array::U32(vec![id("<|user|>"), 2]))));
    // A key that is there is no other.
    trinity(["metadata", &path, "--set", "tokenizer.ggml.eot_token_id=<|user|>"]).ok();
    assert_eq!(typed(&path, "tokenizer.ggml.eot_token_id"), Some(Value::U32(id("<|user|>"))));
    let unknown = "tokenizer.ggml.eot_token_id=<|nobody|>";
    trinity(["metadata", &path, "--set", unknown]).fails(2, &["eot_token_id", "\"<|nobody|>\"", "tokens"]);
}

/// What llama.cpp's converter wrote, and what this program writes, has the types that `metadata` gives to new keys.
#[test]
fn files_have_the_types_that_are_documented() {
    let mut n_known = 0;
    let synth = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("documented-types.gguf");
    trinity(["dev", "synth", synth.to_str().unwrap(), "--force"]).ok();
    let folder_of = |file: &str| testkit::data(file).parent().unwrap().to_owned();
    let folders = ["golden/phi3.gguf", "tokenizer-vectors/ggml-vocab-qwen2.gguf", "tiny-models/stories260K-q8_0.gguf"];
    let entries = folders.iter().flat_map(|file| fs::read_dir(folder_of(file)).unwrap().map(|e| e.unwrap().path()));
    let files = entries.filter(|path| path.extension().is_some_and(|e| e == "gguf")).chain([synth]);
    for file in files {
        let Ok(container) = Container::open(&file) else { continue };
        for (key, value) in container.metadata().iter() {
            let Some(types) = gguf::documented_types(key) else { continue };
            let is_documented = types.iter().any(|t| t.is_like(value.value_type()));
            assert!(is_documented, "{}: {key} is {}, but {types:?}", file.display(), value.value_type());
            n_known += 1;
        }
    }
    assert!(n_known > 500, "{n_known}");
}

/// The case of `testdata/regressions/metadata-mode`.
#[cfg(unix)]
#[test]
fn a_changed_file_keeps_its_mode_and_a_link_stays() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::copy(testkit::data("regressions/raw-control-tokens/plain.gguf"), path("a.gguf")).unwrap();
    fs::set_permissions(path("a.gguf"), fs::Permissions::from_mode(0o640)).unwrap();
    let mode = |name: &str| fs::metadata(path(name)).unwrap().mode() & 0o7777;
    trinity(["metadata", &path("a.gguf"), "--set", "general.name=x"]).ok();
    assert_eq!(mode("a.gguf"), 0o640);
    symlink("a.gguf", path("link.gguf")).unwrap();
    fs::hard_link(path("a.gguf"), path("hard.gguf")).unwrap();
    trinity(["metadata", &path("link.gguf"), "--set", "general.name=y"]).ok();
    assert!(fs::symlink_metadata(path("link.gguf")).unwrap().is_symlink());
    assert_eq!((value(&path("a.gguf"), "general.name"), mode("a.gguf")), ("y".into(), 0o640));
    // Another hard link has what was there, as the help says.
    assert_eq!(value(&path("hard.gguf"), "general.name"), "x");
    fs::write(path("plain"), "").unwrap();
    trinity(["metadata", &path("a.gguf"), "--set", "general.name=z", "--out", &path("new.gguf")]).ok();
    assert_eq!(mode("new.gguf"), mode("plain"));
    for command in [
        &["convert", &path("a.gguf"), &path("link.gguf"), "--force"][..],
        &["quantize", &path("a.gguf"), &path("link.gguf"), "--force", "--type", "q8_0"],
    ] {
        trinity(command).fails(1, &["is the source itself"]);
    }
    trinity(["convert", &path("new.gguf"), &path("link.gguf"), "--force"]).ok();
    assert!(fs::symlink_metadata(path("link.gguf")).unwrap().is_symlink());
    assert_eq!((value(&path("a.gguf"), "general.name"), mode("a.gguf")), ("z".into(), 0o640));
    // Results of measurements are files like others.
    fs::write(path("ids"), "1 3").unwrap();
    trinity(["eval", "logits", &path("a.gguf"), "--tokens", &path("ids"), "--out", &path("logits")]).ok();
    assert_eq!(mode("logits"), mode("plain"));
    assert!(!fs::read_dir(dir.path()).unwrap().any(|e| e.unwrap().path().to_string_lossy().ends_with(".part")));
}
