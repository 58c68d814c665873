//! Options that hold keys, values, embeddings and norms in fewer bits, and the table that measures them.

use std::{fs, path::PathBuf};

use crate::program::trinity;

fn stories() -> String {
    testkit::data("tiny-models/stories260K-f32.gguf").to_str().unwrap().to_owned()
}

/// A text of this program's own, so that perplexity means something to the model of stories.
fn text() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ternary-options.txt");
    let story = trinity(["run", "Once upon a time", "--seed", "3", "-n", "200"]).ok().text();
    fs::write(&path, format!("Once upon a time{story}").repeat(3)).unwrap();
    path
}

fn run(arguments: &[&str]) -> String {
    let model = stories();
    let mut all = vec!["run", &model, "Once upon a time", "--temperature", "0", "-n", "24"];
    all.extend(arguments);
    trinity(all).ok().text()
}

#[test]
fn keys_and_values_are_chosen_separately() {
    let default = run(&[]);
    assert_eq!(run(&["--kv-type", "f16", "--k-type", "f16", "--v-type", "f16"]), default);
    assert_eq!(run(&["--kv-type", "f32", "--kv-rotate"]), default, "a rotation changes nothing that is seen");
    let both = run(&["--kv-type", "t2"]);
    assert_eq!(run(&["--kv-type", "t2-lsq"]), both, "t2 is t2-lsq");
    assert_eq!(run(&["--k-type", "t2", "--v-type", "t2"]), both);
    assert_eq!(run(&["--kv-type", "t2", "--k-type", "f16"]), run(&["--v-type", "t2"]), "the other side keeps its type");
    let texts =
        [default, both, run(&["--v-type", "t2-max"]), run(&["--k-type", "t2-rms"]), run(&["--v-type", "t2-rms"])];
    for (i, text) in texts.iter().enumerate() {
        assert!(!texts[..i].contains(text), "two options give one text: {text}");
    }
    // Heads of 8 elements.
    let refused = ["run", &stories(), "Once", "--k-type", "q4_0"];
    trinity(refused).fails(1, &["key heads of 8", "q4_0", "multiple of 32"]);
}

#[test]
fn embeddings_and_norms_say_what_they_save() {
    let model = stories();
    for (option, words) in [
        (["--embedding-type", "t2-rms"], ["embedding: 9.2 kB in place of 131.1 kB", "stays mapped"]),
        (["--embedding-type", "q8_0"], ["embedding: 34.8 kB in place of 131.1 kB", "stays mapped"]),
        (["--norm-type", "ternary"], ["norms: ternary, 220 B in place of 2.8 kB", "computed with in f32"]),
    ] {
        let outcome = trinity(["run", &model, "Once upon a time", "-n", "8", option[0], option[1]]).ok();
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing in: {}", outcome.stderr);
        }
    }
}

#[test]
fn the_table_has_every_option_and_its_quality() {
    let (model, text) = (stories(), text());
    let receipt = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("ternary-options.json");
    let arguments = ["eval", "ternary-options", &model, "--file", text.to_str().unwrap(), "-c", "64", "--chunks", "3"];
    let small = ["--generate", "4", "--rounds", "1", "--threads", "1"];
    let json = trinity(arguments.into_iter().chain(small).chain(["--json", "--receipt", receipt.to_str().unwrap()]));
    let table = json.ok().json();
    let row = |name: &str| {
        let rows = table["rows"].as_array().unwrap().iter();
        rows.clone().find(|row| row["option"] == name).unwrap_or_else(|| panic!("no {name:?} in {table}")).clone()
    };
    let kl = |name: &str| row(name)["quality"]["mean"].as_f64().unwrap();
    assert!(kl("kv f32") < 1e-6, "the base against itself");
    assert!(kl("kv f16") < 1e-4 && kl("v t2-lsq") > 1e-3, "{} and {}", kl("kv f16"), kl("v t2-lsq"));
    assert!(kl("kv t2-lsq") > kl("v t2-lsq") && kl("kv t2-max") > kl("kv t2-lsq"));
    assert!(kl("embedding t2-lsq") > kl("embedding q8_0") && kl("norms ternary") > 0.01);
    // 5 layers of 4 heads of 8 elements: 16 bytes in f16; 2 bytes of codes and 2 of scale.
    assert_eq!(row("kv f16")["bytes"], 5 * 4 * 2 * 16);
    assert_eq!(row("kv t2-rms rotated")["bytes"], 5 * 4 * 2 * 4);
    assert_eq!(row("k t2-rms")["kv_bytes_per_token"], 5 * 4 * (16 + 4));
    assert!(row("embedding q4_0")["speed"]["ratio"].as_f64().unwrap() > 0.0);
    let refused = table["refused"].as_array().unwrap();
    assert!(refused.iter().any(|r| r["option"] == "kv q8_0" && r["reason"].as_str().unwrap().contains("32")));
    let receipt: serde_json::Value = serde_json::from_slice(&fs::read(receipt).unwrap()).unwrap();
    assert_eq!(receipt["result"]["rows"], table["rows"]);
    let one = trinity(arguments.into_iter().chain(small).chain(["--only", "v t2-rms"])).ok().text();
    let rows: Vec<&str> = one.lines().filter(|line| line.starts_with("| v t2-rms")).collect();
    assert_eq!(rows.len(), 2, "rotated and not: {one}");
    assert!(one.contains("| 400 B a token | 37.5 % |"), "{one}");
    trinity(arguments.into_iter().chain(["--only", "q9"])).fails(2, &["q9"]);
    trinity(arguments.into_iter().chain(["--generate", "64"])).fails(2, &["--generate 64"]);
}
