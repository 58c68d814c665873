//! `trinity pull`, `list`, `show`, `rm`.

use std::{fs, path::PathBuf};

use crate::program::{command, finish};

/// A home whose own catalogue names a local file.
fn home() -> PathBuf {
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("models-home");
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home).unwrap();
    let file = testkit::shared("tiny-models/stories260K-f32.gguf").canonicalize().unwrap();
    let entry = format!(
        "[[model]]\nname = \"local:story\"\nabout = \"a story\"\nfile = \"s.gguf\"\nbytes = 1054272\n\
         sha256 = \"488136ccd5400c3d88634064b8dbdaf34f4ab8608ed0270dd4c39766f009c44d\"\nlicence = \"MIT\"\nterms = \"Be kind.\"\n\
         [[model.source]]\nkind = \"path\"\npath = '{}'\n",
        file.display()
    );
    fs::write(home.join("catalogue.toml"), entry).unwrap();
    home
}

#[test]
fn a_model_comes_is_listed_shown_run_and_goes() {
    let home = home();
    let trinity = |arguments: &[&str]| finish(command(arguments).env("TRINITY_HOME", &home));
    trinity(&["run", "-m", "local:story", "x"]).fails(1, &["local:story", "hint: trinity pull local:story"]);
    assert!(trinity(&["list", "--all"]).ok().text().contains("local:story"));
    let pulled = trinity(&["pull", "local:story"]).ok();
    assert!(pulled.stderr.contains("Be kind."), "terms are shown before the download: {}", pulled.stderr);
    assert!(!trinity(&["pull", "local:story"]).ok().stderr.contains("Be kind."), "and once");
    let listed = trinity(&["list", "--json"]).ok().json();
    assert!(
        listed.as_array().unwrap().iter().any(|m| m["name"] == "local:story" && m["bytes"] == 1_054_272),
        "{listed}"
    );
    let path = trinity(&["show", "local:story", "--path"]).ok().text();
    assert!(fs::metadata(path.trim()).unwrap().is_file());
    let story = trinity(&["run", "local:story", "Once upon a time", "--temperature", "0", "-n", "8"]).ok().text();
    assert!(story.starts_with(", there was a little girl"), "{story}");
    trinity(&["rm", "local:story"]).ok();
    assert!(trinity(&["show", "local:story"]).ok().text().contains("not here"));
    trinity(&["rm", "local:story"]).fails(1, &["local:story"]);
}

#[test]
fn offline_and_unknown_names_are_said() {
    let home = home();
    let trinity = |arguments: &[&str]| finish(command(arguments).env("TRINITY_HOME", &home));
    trinity(&["--offline", "pull", "smollm2:135m"]).fails(1, &["smollm2:135m", "offline"]);
    trinity(&["pull", "smolm2:135m"]).fails(1, &["did you mean smollm2:135m"]);
    trinity(&["pull", "hf:../../x"]).fails(1, &["no model name"]);
    assert!(trinity(&["pull", "stories260k"]).ok().stderr.contains("part of the program"));
}
