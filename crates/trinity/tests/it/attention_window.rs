//! `--attention-window` and `--sinks`: contexts longer than the model's own.

use crate::program::trinity;

/// Perplexity of the stories model, made for 512 tokens.
fn perplexity(arguments: &[&str]) -> f64 {
    let text = testkit::data("eval-text/wikitext2-raw-test.txt");
    let fixed = ["eval", "perplexity", "stories260k", "--file", text.to_str().unwrap(), "--json"];
    trinity([&fixed, arguments].concat()).ok().json()["perplexity"].as_f64().unwrap()
}

#[test]
fn a_window_that_nothing_outgrows_changes_nothing_and_a_short_one_does() {
    let full = perplexity(&["-c", "256", "--chunks", "1"]);
    assert_eq!(perplexity(&["-c", "256", "--chunks", "1", "--attention-window", "252"]).to_bits(), full.to_bits());
    assert_eq!(
        perplexity(&["-c", "256", "--chunks", "1", "--attention-window", "250", "--sinks", "6"]).to_bits(),
        full.to_bits()
    );
    let four = perplexity(&["-c", "256", "--chunks", "1", "--attention-window", "64"]);
    assert_ne!(four.to_bits(), full.to_bits());
    assert_eq!(
        perplexity(&["-c", "256", "--chunks", "1", "--attention-window", "64", "--sinks", "4"]).to_bits(),
        four.to_bits()
    );
    assert_ne!(
        perplexity(&["-c", "256", "--chunks", "1", "--attention-window", "64", "--sinks", "0"]).to_bits(),
        four.to_bits()
    );
}

#[test]
fn text_goes_on_past_the_context_of_the_model() {
    // The model still knows what it does at sixteen times the context that it was made for: the same text in one piece
    // and in sixteen.
    let within = perplexity(&["-c", "512", "--chunks", "16"]);
    let beyond = perplexity(&["-c", "8192", "--chunks", "1", "--attention-window", "256"]);
    assert!((beyond / within).ln().abs() < 0.3, "perplexity {beyond} beyond the context, {within} within");
    let run = ["run", "stories260k", "Once upon a time", "--temperature", "0", "--ignore-eos", "-n", "900"];
    trinity([&run[..], &["-c", "1000"]].concat()).fails(1, &["a context of 1000 tokens", "512"]);
    let text =
        |more: &[&str]| trinity([&run[..], &["-c", "1000", "--attention-window", "200"], more].concat()).ok().text();
    let words = text(&[]).split_whitespace().count();
    assert!(words > 300, "{words} words of 900 tokens");
    assert_eq!(text(&["--threads", "1"]), text(&["--threads", "3"]));
}

#[test]
fn what_cannot_be_is_said() {
    trinity(["run", "x", "--sinks", "2"]).fails(2, &["--attention-window"]);
    trinity(["run", "x", "--attention-window", "0"]).fails(2, &["--attention-window"]);
    trinity(["run", "x", "--attention-window", "510"])
        .fails(1, &["an attention window of 510 tokens and 4 sinks", "at most 512"]);
    trinity(["run", "x", "--attention-window", "100", "-c", "3000000000"])
        .fails(1, &["a context of 3000000000 tokens", "2147483648"]);
}
