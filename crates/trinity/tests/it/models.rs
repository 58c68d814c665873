//! pull, list, show, rm: with a catalogue of the test's own and a server on this machine.

use std::{fs, path::Path};

use tempfile::TempDir;
use testkit::{Answer, Loopback};

use crate::program::{Outcome, command, finish};

pub(crate) const ETAG: &str = "\"1\"";

/// The small stories model, under another name and from elsewhere.
pub(crate) fn story_model() -> Vec<u8> {
    fs::read(testkit::data("tiny-models/stories260K-q8_0.gguf")).unwrap()
}

const SHA256: &str = "28161b85ebb47456eba1af66a135fa1416be9e725fdf62e4d552d7c0b977d3f1";

pub(crate) fn home_with(url: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let catalogue = format!(
        "[[model]]\nname = 'story:q8'\nabout = 'Stories'\nfile = 'stories.gguf'\nbytes = 344256\nsha256 = '{SHA256}'\n\
         licence = 'MIT'\nterms = \"Tell good stories.\\n\"\n[[model.source]]\nkind = 'url'\nurl = '{url}'\n"
    );
    fs::write(home.path().join("catalogue.toml"), catalogue).unwrap();
    home
}

fn at(home: &Path, arguments: &[&str]) -> Outcome {
    finish(command(arguments).env("TRINITY_HOME", home))
}

#[test]
fn a_model_is_pulled_listed_shown_run_and_removed() {
    let bytes = story_model();
    let server = Loopback::start(move |request| Answer::file(request, &bytes, ETAG));
    let home = home_with(&server.url("/stories.gguf"));
    let home = home.path();

    at(home, &["run", "story:q8", "Once upon a time"]).fails(1, &["story:q8", "hint: trinity pull story:q8"]);
    at(home, &["run", "-m", "story:q8", "x"]).fails(1, &["story:q8", "hint: trinity pull story:q8"]);
    assert!(at(home, &["show", "story:q8"]).ok().text().contains("not here: trinity pull story:q8"));
    at(home, &["--offline", "pull", "story:q8"]).fails(1, &["offline"]);
    assert!(server.requests().is_empty());
    let pulled = at(home, &["pull", "story:q8"]).ok();
    assert_eq!(pulled.stderr.matches("Tell good stories.").count(), 1, "{}", pulled.stderr);
    assert!(pulled.stdout.is_empty() && pulled.stderr.contains("stories.gguf"), "{}", pulled.stderr);
    let again = at(home, &["pull", "story:q8"]).ok();
    assert!(!again.stderr.contains("Tell good stories.") && server.requests().len() == 1, "{}", again.stderr);

    let list = at(home, &["list", "--json"]).ok().json();
    let rows = list.as_array().unwrap();
    assert_eq!((&rows[0]["name"], &rows[1]["name"]), (&"stories260k".into(), &"story:q8".into()));
    assert_eq!(rows[1]["bytes"], 344256);
    assert!(rows[1]["modified"].as_u64().unwrap() > 1_600_000_000);
    let path = rows[1]["path"].as_str().unwrap();
    assert_eq!(at(home, &["show", "story:q8", "--path"]).ok().text().trim(), path);
    assert!(at(home, &["list"]).ok().text().lines().any(|l| l.starts_with("story:q8") && l.contains("344.3 kB")));
    assert!(at(home, &["list", "--all"]).ok().text().contains("smollm2:135m"));
    let shown = at(home, &["show", "story"]).ok().text();
    for fact in ["story:q8", "MIT", SHA256, path, "Tell good stories."] {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }

    let story = at(home, &["run", "story:q8", "Once upon a time", "--temperature", "0", "-n", "20"]).ok().text();
    assert!(story.contains("there was a little girl named L"), "{story}");

    at(home, &["rm", "story:q8"]).ok();
    assert!(!Path::new(path).exists());
    at(home, &["rm", "story:q8"]).fails(1, &["story:q8"]);
    assert!(at(home, &["pull", "stories260k"]).ok().stderr.contains("part of the program"));
    at(home, &["rm", "stories260k"]).fails(1, &["part of the program"]);
}

/// Whatever reads a model file takes the name of one that is here.
#[test]
fn names_stand_for_files_wherever_models_are_read() {
    let bytes = story_model();
    let server = Loopback::start(move |request| Answer::file(request, &bytes, ETAG));
    let home = home_with(&server.url("/stories.gguf"));
    let home = home.path();
    let out = |name: &str| home.join(name).to_str().unwrap().to_owned();
    let (name, file) = ("story:q8", out("out.gguf"));
    at(home, &["convert", name, &file]).fails(1, &["story:q8", "hint: trinity pull story:q8"]);
    at(home, &["pull", name]).ok();
    let pulled = at(home, &["show", name, "--path"]).ok().text();

    at(home, &["convert", name, &file]).ok();
    assert!(at(home, &["convert", "stories260k", &out("embedded.gguf")]).ok().text().contains("what it was"));
    let text = out("text.txt");
    fs::write(&text, "Once upon a time there was a little dog. ".repeat(120)).unwrap();
    let small = out("small.gguf");
    let quantize = ["quantize", name, &small, "--type", "q4_0", "--eval", &text, "--eval-chunks", "1"];
    assert!(at(home, &quantize).ok().text().contains("perplexity"));
    at(home, &["quantize", "stories260k", "--type", "q4_0", "--dry-run"]).ok();
    let imatrix = ["eval", "imatrix", name, "--file", &text, "--out", &out("im.gguf"), "-c", "64", "--chunks", "1"];
    at(home, &imatrix).ok();

    let set = ["metadata", name, "--set", "general.name=Mine"];
    at(home, &set).fails(2, &["story:q8: a model that was pulled stays as it is", "--out"]);
    let (edited, out) = (out("edited.gguf"), "--out");
    at(home, &set.iter().copied().chain([out, edited.as_str()]).collect::<Vec<_>>()).ok();
    assert!(at(home, &["inspect", &edited]).ok().text().contains("Mine"));
    assert!(fs::read(pulled.trim()).unwrap() == story_model());
    at(home, &["metadata", "stories260k", "--set", "a=b"]).fails(2, &["part of the program", "trinity convert"]);
}

#[test]
fn a_broken_download_is_one_line_and_goes_on_later() {
    let (bytes, good) = (story_model(), story_model());
    let broken = Loopback::start(move |_| Answer::ok(&bytes[..]).with("ETag", ETAG).cut_after(100_000));
    let home = home_with(&broken.url("/stories.gguf"));
    at(home.path(), &["pull", "story:q8"]).fails(1, &["hint: pull again"]);
    assert!(at(home.path(), &["list"]).ok().text().lines().all(|l| !l.starts_with("story")));
    let server = Loopback::start(move |request| Answer::file(request, &good, ETAG));
    let other = home_with(&server.url("/stories.gguf"));
    fs::copy(other.path().join("catalogue.toml"), home.path().join("catalogue.toml")).unwrap();
    at(home.path(), &["pull", "story:q8"]).ok();
}

#[test]
fn wrong_names_are_one_line_with_a_hint() {
    let home = tempfile::tempdir().unwrap();
    at(home.path(), &["pull", "smolm2:135m"]).fails(1, &["did you mean smollm2:135m", "hint: "]);
    at(home.path(), &["pull", "hf:org/../x.gguf"]).fails(1, &["hf:org/../x.gguf"]);
    at(home.path(), &["pull", "a\nb"]).fails(1, &["a\\nb"]);
    at(home.path(), &["show", "no-such-model"]).fails(1, &["no-such-model"]);
    at(home.path(), &["show", "/nowhere/m.gguf"]).fails(1, &["/nowhere/m.gguf"]);
    fs::write(home.path().join("catalogue.toml"), "[[model]]\n").unwrap();
    at(home.path(), &["list"]).fails(78, &["catalogue.toml"]);
}
