//! `trinity run`: the story, its determinism, its ways of taking a prompt.

use std::process::Stdio;

use crate::program::{command, finish, trinity, trinity_with_input};

/// What llama2.c and llama.cpp tell, too (testdata/tiny-models/README.md).
const STORY: &str = ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high.";

fn greedy(arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["run".to_owned(), "--temperature".to_owned(), "0".to_owned()];
    all.extend(arguments.iter().map(|&a| a.to_owned()));
    all
}

#[test]
fn the_embedded_model_tells_its_story_without_any_file() {
    let outcome = trinity(greedy(&["Once upon a time"])).ok();
    assert!(outcome.text().starts_with(STORY), "{}", outcome.text());
    assert!(outcome.text().ends_with("You are a good friend.\"\n"), "the story ends by itself: {}", outcome.text());
    assert_eq!(outcome.stderr, "", "nothing to say when piped");
}

/// Weights that were trained as −1, 0 and 1; the text is llama.cpp's, too (testdata/tiny-models/README.md).
#[test]
fn a_ternary_model_tells_its_story() {
    let model = testkit::data("tiny-models/stories-ternary-1.9M-tq2_0.gguf");
    let outcome = trinity(greedy(&[model.to_str().unwrap(), "Once upon a time", "-n", "80"])).ok();
    assert!(
        outcome.text().starts_with(
            ", there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, shiny \
             box. She wanted to show her mommy the box, but she"
        ),
        "{}",
        outcome.text()
    );
}

#[test]
fn a_piped_prompt_is_the_prompt() {
    let outcome = trinity_with_input(greedy(&["-n", "20"]), b"Once upon a time").ok();
    assert!(STORY.starts_with(outcome.text().trim_end()), "{}", outcome.text());
}

#[test]
fn a_model_by_path_and_by_name() {
    let path = testkit::data("tiny-models/stories260K-q8_0.gguf");
    let by_path = trinity(greedy(&[path.to_str().unwrap(), "Once upon a time", "-n", "20"])).ok();
    let by_name = trinity(greedy(&["stories260k", "Once upon a time", "-n", "20"])).ok();
    assert!(STORY.starts_with(by_path.text().trim_end()), "{}", by_path.text());
    assert_eq!(by_path.text(), by_name.text());
}

#[test]
fn one_seed_gives_one_text_on_any_number_of_threads_and_any_level() {
    let arguments = ["run", "Once upon a time", "--seed", "7", "-n", "60"];
    let reference = trinity(arguments).ok().text();
    let mut n_run = 0;
    for threads in ["1", "2", "3"] {
        for isa in ["scalar", "avx2", "avxvnni", "avx512"] {
            let outcome = finish(command(arguments).args(["--threads", threads]).env("TRINITY_ISA", isa));
            if outcome.code == 78 {
                assert!(outcome.stderr.contains(isa), "a level that this CPU lacks is named: {}", outcome.stderr);
                continue;
            }
            assert_eq!(outcome.ok().text(), reference, "{threads} threads, {isa}");
            n_run += 1;
        }
    }
    assert!(n_run >= 3, "every machine has the scalar level: {n_run} runs");
    for when in ["off", "on"] {
        assert_eq!(
            finish(command(arguments).args(["--head-shortcut", when])).ok().text(),
            reference,
            "shortcut {when}"
        );
    }
    assert_ne!(trinity(["run", "Once upon a time", "--seed", "8", "-n", "60"]).ok().text(), reference);
}

#[test]
fn a_stop_string_ends_the_text_before_it() {
    let outcome = trinity(greedy(&["Once upon a time", "--stop", " in the park"])).ok();
    assert_eq!(outcome.text().trim_end(), ", there was a little girl named Lily. She loved to play outside");
}

#[test]
fn verbose_reports_speed_on_standard_error() {
    let outcome = trinity(greedy(&["Once upon a time", "-n", "5", "--verbose"])).ok();
    assert!(outcome.stderr.contains("tokens/s"), "{}", outcome.stderr);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child =
        command(greedy(&["Once upon a time"])).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_130() {
    use std::io::Read;
    let mut child = command(["run", "Once upon a time", "--ignore-eos", "-n", "500", "--threads", "1"])
        .env("TRINITY_ISA", "scalar")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn control_tokens_are_read_where_asked_for() {
    let model = testkit::data("regressions/raw-control-tokens/plain.gguf");
    let model = model.to_str().unwrap();
    let prompt = "<|user|>Hi<|assistant|>";
    let report =
        |flags: &[&str]| trinity(["run", "-m", model, prompt, "-n", "1", "-v"].iter().chain(flags)).ok().stderr;
    let ids = trinity_with_input(["tokenize", "--ids", "--parse-control", model], prompt.as_bytes()).ok().text();
    assert_eq!(ids.split_whitespace().count(), 5);
    assert!(report(&["--special"]).contains("prompt 5 tokens"), "{}", report(&["--special"]));
    assert!(report(&["--raw", "--special"]).contains("prompt 5 tokens"));
    assert!(report(&["--raw"]).contains("prompt 21 tokens"), "{}", report(&["--raw"]));
    // Also where a template would write the prompt.
    assert!(report(&["--special", "--chat-template", "chatml"]).contains("prompt 5 tokens"));
    trinity(["run", "-m", model, prompt, "--special", "--system", "x"]).fails(2, &["--special", "--system"]);
}

/// llama.cpp's reply to the same question begins with the same welcome.
#[test]
fn the_real_model_answers() {
    let model = testkit::smollm2_path();
    let outcome = trinity(greedy(&[model.to_str().unwrap(), "Write a one-sentence greeting.", "-n", "24"])).ok();
    assert!(outcome.text().contains("welcome to my little corner of the world"), "{}", outcome.text());
}

/// A model that is made to say the same token for ever, behind a window that lets it.
#[test]
fn a_text_without_end_is_broken_off_with_a_note() {
    let model = testkit::data("regressions/raw-control-tokens/plain.gguf");
    let run = |more: &[&str]| {
        let fixed = ["run", "-v", "-m", model.to_str().unwrap(), "x", "--raw", "--temperature", "0", "--ignore-eos"];
        let endless = ["--logit-bias", "65=100", "--attention-window", "64"];
        trinity(fixed.iter().chain(&endless).chain(more)).ok()
    };
    let broken = run(&[]);
    assert!(broken.stderr.contains("broken off: the text repeated itself without end"), "{}", broken.stderr);
    assert!(broken.stderr.contains("completion 1024 tokens"), "{}", broken.stderr);
    for (more, n) in [(&["-n", "1000"][..], 1000), (&["-n", "1500", "--allow-repetition"], 1500)] {
        let whole = run(more);
        assert!(!whole.stderr.contains("broken off"), "{more:?}: {}", whole.stderr);
        assert!(whole.stderr.contains(&format!("completion {n} tokens")), "{more:?}: {}", whole.stderr);
    }
}
