//! `trinity eval choice`.

use std::{fs, path::PathBuf};

use crate::program::trinity;

/// The first two items of HellaSwag's validation set as llama.cpp's tool reads them.
const HELLASWAG: &str = "Roof shingle removal: A man is sitting on a roof. he
3
is using wrap to wrap a pair of skis.
is ripping level tiles off.
is holding a rubik's cube.
starts pulling up roofing on a roof.
Clean and jerk: A lady walks to a barbell. She bends down and grabs the pole. the lady
3
swings and lands in her arms.
pulls the barbell forward.
pulls a rope attached to the barbell.
stands and lifts the weight over her head.
";

fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("eval-choice");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

fn data(name: &str) -> String {
    testkit::data(name).to_str().unwrap().to_owned()
}

#[test]
fn a_real_model_knows_grammar() {
    let model = testkit::smollm2_path();
    let file = data("eval-text/blimp/anaphor_gender_agreement.jsonl");
    let rows =
        trinity(["eval", "choice", model.to_str().unwrap(), "--file", &file, "--tasks", "30", "--json"]).ok().json();
    let accuracy = rows[0]["accuracy"]["value"].as_f64().unwrap();
    assert!(accuracy > 0.75, "{rows}");
    assert_eq!(
        (&rows[0]["format"], &rows[0]["n_items"], &rows[0]["chance"]),
        (&"blimp".into(), &30.into(), &0.5.into())
    );
}

#[test]
fn each_format_is_scored() {
    let hellaswag = scratch("hellaswag.txt");
    fs::write(&hellaswag, HELLASWAG).unwrap();
    let (lambada, piqa) = (data("eval-text/lambada-openai-test.jsonl"), data("eval-text/piqa-form.jsonl"));
    let files = [&lambada, &piqa, hellaswag.to_str().unwrap()];
    let run = |arguments: &[&str]| {
        let fixed = ["eval", "choice", "stories260k", "--tasks", "12", "--file"];
        trinity(fixed.iter().chain(&files).chain(arguments)).ok()
    };
    let rows = run(&["--json"]).json();
    let expected = [("lambada", 12, None), ("piqa", 12, Some(0.5)), ("hellaswag", 2, Some(0.25))];
    assert_eq!(rows.as_array().unwrap().len(), 3, "no sum over different formats");
    for (row, (format, n_items, chance)) in rows.as_array().unwrap().iter().zip(expected) {
        assert_eq!((row["format"].as_str(), row["n_items"].as_u64()), (Some(format), Some(n_items)));
        assert_eq!(row["chance"].as_f64(), chance, "{row}");
        assert_eq!(row["accuracy_per_byte"].is_null(), format == "lambada", "{row}");
        assert_eq!(row["perplexity"]["value"].as_f64().is_some_and(|p| p > 100.0), format == "lambada", "{row}");
    }
    let text = run(&[]).text();
    assert!(text.contains("| piqa-form (piqa) | 12 |") && text.contains("| 25 % |"), "{text}");
}

#[test]
fn a_run_that_was_broken_off_goes_on() {
    let (journal, receipt) = (scratch("journal.jsonl"), scratch("receipt.json"));
    let _ = fs::remove_file(&journal);
    let blimp = ["adjunct_island", "causative"].map(|name| data(&format!("eval-text/blimp/{name}.jsonl")));
    let run = |model: &str, arguments: &[&str]| {
        let fixed = ["eval", "choice", model, "--file", &blimp[0], &blimp[1], "--tasks", "10", "--json"];
        trinity(fixed.iter().chain(arguments))
    };
    let without = run("stories260k", &[]).ok().json();
    assert_eq!(without[2]["name"], "all");
    assert_eq!(without[2]["n_items"], 20);
    let resumed = ["--resume", journal.to_str().unwrap(), "--receipt", receipt.to_str().unwrap()];
    assert_eq!(run("stories260k", &resumed).ok().json(), without);
    let whole = fs::read_to_string(&journal).unwrap();
    assert_eq!(whole.lines().count(), 21);
    // Cut in the middle of a line, as a crash might.
    fs::write(&journal, &whole.as_bytes()[..whole.len() / 2]).unwrap();
    assert_eq!(run("stories260k", &resumed).ok().json(), without);
    assert_eq!(fs::read_to_string(&journal).unwrap(), whole);
    // What is in the journal is believed: nothing is computed again.
    fs::write(&journal, whole.replace("\"log_probability\":-", "\"log_probability\":-1")).unwrap();
    assert_ne!(run("stories260k", &resumed).ok().json(), without);
    let evidence: serde_json::Value = serde_json::from_slice(&fs::read(&receipt).unwrap()).unwrap();
    assert_eq!(evidence["models"][0]["path"], "stories260k");

    fs::write(&journal, &whole).unwrap();
    let other = data("tiny-models/stories260K-q8_0.gguf");
    run(&other, &resumed).fails(1, &["journal.jsonl", "SHA-256 of the model"]);
    run("stories260k", &["--resume", journal.to_str().unwrap(), "--v-type", "f32"])
        .fails(1, &["values: F16", "values: F32"]);
    run("stories260k", &["--resume", journal.to_str().unwrap(), "--attention-window", "9"])
        .fails(1, &["AttentionWindow { len: 9, sinks: 4 }"]);
    let one = ["eval", "choice", "stories260k", "--file", &blimp[1], "--resume", journal.to_str().unwrap()];
    trinity(one).fails(1, &["files of questions"]);
    fs::write(&journal, "{}\n").unwrap();
    run("stories260k", &resumed).fails(1, &["journal.jsonl: line 1"]);
    assert_eq!(fs::read_to_string(&journal).unwrap(), "{}\n", "a refused file is left alone");
}

#[test]
fn a_question_that_does_not_fit_is_left_out_and_named() {
    let file = |name: &str| testkit::data("regressions/choice-too-long").join(name).to_str().unwrap().to_owned();
    let (questions, labels) = (file("long.jsonl"), file("long.lst"));
    let run = |more: &[&str]| {
        let fixed = ["eval", "choice", "stories260k", "--file", &questions, "--labels", &labels];
        trinity(fixed.iter().chain(more))
    };
    let outcome = run(&["--json"]).ok();
    let row = &outcome.json()[0];
    assert_eq!((&row["n_items"], &row["left_out"][0]["line"]), (&5.into(), &4.into()), "{row}");
    assert_eq!(row["left_out"].as_array().unwrap().len(), 1);
    let said: Vec<&str> = outcome.stderr.lines().filter(|l| l.starts_with("left out: ")).collect();
    assert!(said.len() == 1 && said[0].contains("long.jsonl: line 4: ") && said[0].contains("holds 512"), "{said:?}");
    // A shorter context leaves out more; one in which nothing fits is an error.
    run(&["-c", "4"]).fails(1, &["long.jsonl", "none of its questions", "4 tokens"]);
}

#[test]
fn what_holds_no_questions_is_refused() {
    let packed = data("eval-text/hellaswag-val-20.txt.bz2");
    trinity(["eval", "choice", "stories260k", "--file", &packed]).fails(1, &["bzip2", "bunzip2"]);
    let gsm8k = data("eval-text/gsm8k-test-20.jsonl");
    trinity(["eval", "choice", "stories260k", "--file", &gsm8k]).fails(1, &["gsm8k-test-20.jsonl: line 1", "question"]);
    let lonely = scratch("lonely.jsonl");
    fs::write(&lonely, "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\"}\n").unwrap();
    let lonely = lonely.to_str().unwrap();
    trinity(["eval", "choice", "stories260k", "--file", lonely]).fails(1, &["lonely-labels.lst"]);
    trinity(["eval", "choice", "stories260k", "--file", lonely, "--format", "blimp"]).fails(1, &["sentence_good"]);
}
