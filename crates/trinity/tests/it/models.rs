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
    let phases = [
        "story:q8: 344.3 kB, licence MIT\n",
        "Tell good stories.\n",
        "downloading stories.gguf from http://127.0.0.1:",
        "verified stories.gguf: ",
        "story:q8 is here: /",
        "next: trinity run story:q8 \"Once upon a time\"\n",
    ];
    let places: Vec<_> = phases
        .iter()
        .map(|phase| pulled.stderr.find(phase).unwrap_or_else(|| panic!("no {phase}: {}", pulled.stderr)))
        .collect();
    assert!(places.is_sorted(), "{}", pulled.stderr);
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
    let headings = |arguments: &[&str]| {
        let text = at(home, arguments).ok().text();
        text.lines().next().unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(headings(&["list"]), ["NAME", "SIZE", "PULLED", "FROM"]);
    assert_eq!(at(home, &["list", "STORY"]).ok().text().lines().count(), 2, "only the names with this in them");
    let all = at(home, &["list", "--all"]).ok().text();
    for name in ["smollm2:135m ", "qwen3:0.6b ", "llama3.2:1b ", "bitnet:2b "] {
        assert!(
            all.lines()
                .any(|l| l.starts_with(name) && l.contains("licence") && (l.contains(" MB ") || l.contains(" GB "))),
            "{all}"
        );
    }
    let shown = at(home, &["show", "story"]).ok().text();
    for fact in ["story:q8", "MIT", SHA256, path, "Tell good stories."] {
        assert!(shown.contains(fact), "{fact}: {shown}");
    }

    let story = at(home, &["run", "story:q8", "Once upon a time", "--temperature", "0", "-n", "20"]).ok().text();
    assert!(story.contains("there was a little girl named L"), "{story}");

    at(home, &["rm", "story:q8"]).ok();
    assert!(!Path::new(path).exists());
    at(home, &["rm", "story:q8"]).fails(1, &["story:q8"]);
    at(home, &["cp", "stories260k", "story:q8"]).fails(1, &["story:q8 is taken", "catalogue"]);
    assert!(at(home, &["cp", "stories260k", "Mine"]).ok().stderr.contains("next: trinity run mine"));
    let copied = at(home, &["run", "mine", "Once upon a time", "--temperature", "0", "-n", "20"]).ok().text();
    assert!(copied.contains("there was a little girl named L"), "{copied}");
    at(home, &["cp", "stories260k", "mine"]).fails(1, &["mine is taken", "trinity rm"]);
    at(home, &["rm", "mine"]).ok();
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
    // Where nothing came nothing is kept, and one source's failure is said once.
    let none = home_with("http://127.0.0.1:1/stories.gguf");
    let failed =
        at(none.path(), &["pull", "story:q8"]).fails(1, &["127.0.0.1:1", "hint: see that this machine reaches"]);
    assert_eq!(failed.stderr.matches("refused").count(), 1, "{}", failed.stderr);
    let server = Loopback::start(move |request| Answer::file(request, &good, ETAG));
    let other = home_with(&server.url("/stories.gguf"));
    fs::copy(other.path().join("catalogue.toml"), home.path().join("catalogue.toml")).unwrap();
    at(home.path(), &["pull", "story:q8"]).ok();
}

/// What a repository of Hugging Face has is listed with its sizes, and pulled by its quantisation.
#[test]
fn repositories_are_listed_and_pulled_from() {
    let (bytes, other) = (story_model(), b"GGUF, but no model".to_vec());
    let server = Loopback::start(move |request| {
        let sibling = |name: &str, bytes: &[u8], hash: &str| {
            format!(r#"{{"rfilename":"{name}","lfs":{{"sha256":"{hash}","size":{}}}}}"#, bytes.len())
        };
        let files = [sibling("s-Q2_K.gguf", &other, &"0".repeat(64)), sibling("s-Q8_0.gguf", &bytes, SHA256)];
        match request.target.split('?').next().unwrap() {
            "/api/models/org/stories/revision/main" => {
                Answer::ok(format!(r#"{{"id":"org/stories","siblings":[{}]}}"#, files.join(",")))
            }
            "/org/stories/resolve/main/s-Q8_0.gguf" => Answer::file(request, &bytes, ETAG),
            _ => Answer::status(404),
        }
    });
    let home = tempfile::tempdir().unwrap();
    let at = |arguments: &[&str]| {
        finish(command(arguments).env("TRINITY_HOME", home.path()).env("HF_ENDPOINT", server.url("")))
    };
    let list = at(&["list", "hf:org/stories"]).ok().text();
    let rows: Vec<Vec<&str>> = list.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(
        rows,
        [
            vec!["QUANT", "SIZE", "FILE"],
            vec!["Q2_K", "18", "B", "s-Q2_K.gguf"],
            vec!["Q8_0", "344.3", "kB", "s-Q8_0.gguf"]
        ]
    );
    at(&["pull", "hf:org/stories"]).fails(1, &["several models: Q2_K, Q8_0", "hint: trinity pull hf:org/stories:Q2_K"]);
    at(&["run", "hf:org/stories:q8_0", "Once"]).fails(1, &["hint: trinity pull hf:org/stories:q8_0"]);
    let pulled = at(&["pull", "hf:org/stories:q8_0"]).ok().stderr;
    for phase in [
        "looking up org/stories",
        "hf:org/stories/s-Q8_0.gguf: 344.3 kB",
        "verified",
        "next: trinity run hf:org/stories:q8_0",
    ] {
        assert!(pulled.contains(phase), "{phase}: {pulled}");
    }
    let shown = at(&["show", "hf:ORG/stories"]).ok().text();
    assert!(shown.contains(SHA256) && shown.contains("Hugging Face org/stories/s-Q8_0.gguf"), "{shown}");
    let n_requests = server.requests().len();
    let story = at(&["run", "HF.co/org/Stories", "Once upon a time", "--temperature", "0", "-n", "20"]).ok().text();
    assert!(story.contains("there was a little girl named L") && server.requests().len() == n_requests, "{story}");
    at(&["rm", "hf:org/stories"]).ok();
    at(&["pull", "hf:org/no"]).fails(1, &["org/no", "HF_TOKEN"]);
}

#[test]
fn wrong_names_are_one_line_with_a_hint() {
    let home = tempfile::tempdir().unwrap();
    let ways_out = ["did you mean smollm2:135m", "hint: trinity pull smollm2:135m", "list --all", "hf:", "path"];
    at(home.path(), &["pull", "smolm2:135m"]).fails(1, &ways_out);
    at(home.path(), &["pull", "hf:org/../x.gguf"]).fails(1, &["hf:org/../x.gguf"]);
    at(home.path(), &["pull", "a\nb"]).fails(1, &["a\\nb"]);
    at(home.path(), &["show", "no-such-model"]).fails(1, &["no-such-model"]);
    at(home.path(), &["show", "/nowhere/m.gguf"]).fails(1, &["/nowhere/m.gguf"]);
    fs::write(home.path().join("catalogue.toml"), "[[model]]\n").unwrap();
    at(home.path(), &["list"]).fails(78, &["catalogue.toml"]);
}
