//! `trinity embed`: one vector a line, the same that a server gives.

use std::fs;

use serde_json::{Value, json};

use crate::{
    models::story_model,
    program::{Outcome, trinity, trinity_with_input},
    server_process::{Server, post},
};

/// Width of the model in the program.
const WIDTH: usize = 64;

fn embed(arguments: &[&str], input: &str) -> Outcome {
    trinity_with_input(["embed"].iter().chain(arguments), input.as_bytes())
}

fn vectors(outcome: &Outcome) -> Vec<Vec<f32>> {
    outcome.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn lines() -> Vec<String> {
    (0..40).map(|i| format!("Story {i} {}", "about a small boat. ".repeat(i % 7))).collect()
}

#[test]
fn each_line_gives_the_vector_that_it_gives_alone_and_from_a_server() {
    let lines = lines();
    let together = vectors(&embed(&[], &lines.join("\n")).ok());
    assert_eq!(together.len(), lines.len());
    for vector in &together {
        let length: f32 = vector.iter().map(|x| x * x).sum();
        assert!(vector.len() == WIDTH && (length - 1.0).abs() < 1e-5);
    }
    for i in [0, 17, 39] {
        assert_eq!(vectors(&embed(&["-t", "1"], &format!("{}\n", lines[i])).ok()), together[i..=i], "line {i}");
    }
    let (_server, address) = Server::start(&["--pooling", "mean"]);
    let answer = post(&address, "/v1/embeddings", &json!({"input": lines}).to_string());
    let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let served = answer["data"].as_array().unwrap().iter().map(|one| one["embedding"].clone());
    let served: Vec<Vec<f32>> = served.map(|vector| serde_json::from_value(vector).unwrap()).collect();
    assert!(served == together, "a server gives other vectors");
}

#[test]
fn vectors_come_as_they_are_asked_for() {
    let text = "A dog.\nA cat that sleeps.\n";
    let whole = vectors(&embed(&[], text).ok());
    let raw = embed(&["--format", "raw"], text).ok().stdout;
    let floats: Vec<f32> = raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    assert_eq!(floats, whole.concat());
    let short = vectors(&embed(&["--dimensions", "8"], text).ok());
    assert!(short.iter().all(|vector| vector.len() == 8));
    assert!((short[0][0] / short[0][1] - whole[0][0] / whole[0][1]).abs() < 1e-4);
    let unscaled = vectors(&embed(&["--no-normalize"], text).ok());
    assert!(unscaled[0].iter().map(|x| x * x).sum::<f32>() > 2.0);
    let last = vectors(&embed(&["--pooling", "last"], text).ok());
    assert_ne!(last, whole);
    // A prefix is a part of the text.
    let prefixed = vectors(&embed(&["--prefix", "A "], "dog.\ncat that sleeps.").ok());
    assert_eq!(prefixed, whole);
    let folder = tempfile::tempdir().unwrap();
    let (texts, model) = (folder.path().join("texts"), folder.path().join("m.gguf"));
    fs::write(&texts, text).unwrap();
    fs::write(&model, story_model()).unwrap();
    // A model by its path: not the one in the program, which is kept in fewer bits.
    let model = model.to_str().unwrap();
    let of_file = vectors(&trinity(["embed", model, "--file", texts.to_str().unwrap()]).ok());
    assert_eq!(of_file, vectors(&embed(&[model], text).ok()));
    assert!(of_file.len() == 2 && of_file != whole);
    assert_eq!(embed(&[], "").ok().text(), "");
}

#[test]
fn what_has_no_vector_is_refused_by_its_line() {
    embed(&[], "a\n \nb\n").fails(1, &["standard input: line 2 has no text"]);
    let long = format!("short\n{}\n", "word ".repeat(600));
    embed(&["--context", "64"], &long).fails(1, &["line 2 has", "the context holds 64", "--truncate"]);
    assert_eq!(vectors(&embed(&["--context", "64", "--truncate"], &long).ok()).len(), 2);
    for n in ["0", "65"] {
        embed(&["--dimensions", n], "a\n").fails(2, &[&format!("--dimensions {n}"), "1 to 64"]);
    }
    embed(&["--pooling", "none"], "a\n").fails(1, &["pooling none gives no vector", "mean, cls or last"]);
    trinity(["embed", "--file", "/nowhere/texts"]).fails(1, &["/nowhere/texts"]);
}
