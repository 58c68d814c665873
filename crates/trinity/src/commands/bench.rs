//! `trinity bench MODEL`: prompt processing and generation speed, rows named as llama-bench names them.

use std::ops::ControlFlow;

use clap::Args;
use eval::bench::{self, Test};

use super::model_args::{self, ModelArgs};
use crate::{cli::Global, failure::Failure, terminal};

/// Arguments of `bench`.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// The model, by name or path [default: the one in the program]
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// Prompt lengths in tokens, one row each; 0 for none
    #[arg(short = 'p', long, value_name = "TOKENS", value_delimiter = ',', default_value = "512")]
    n_prompt: Vec<usize>,
    /// Generation lengths in tokens, one row each; 0 for none
    #[arg(short = 'n', long, value_name = "TOKENS", value_delimiter = ',', default_value = "128")]
    n_gen: Vec<usize>,
    /// Measured repetitions of each row, after one that is not counted
    #[arg(short, long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    repetitions: u16,
    /// As JSON: a list of objects with test, tokens_per_second, samples
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    load: ModelArgs,
}

/// Measures and prints the table.
pub(crate) fn run(args: &BenchArgs, global: &Global) -> Result<(), Failure> {
    terminal::catch_interrupt()?;
    let tests: Vec<Test> =
        args.n_prompt.iter().map(|n| Test::Prompt(*n)).chain(args.n_gen.iter().map(|n| Test::Generation(*n))).collect();
    let tests: Vec<Test> = tests.into_iter().filter(|t| !matches!(t, Test::Prompt(0) | Test::Generation(0))).collect();
    let container = model_args::open(args.model.as_deref(), global)?;
    let longest = tests
        .iter()
        .map(|t| match t {
            Test::Prompt(n) | Test::Generation(n) => *n,
        })
        .max()
        .unwrap_or(1);
    let (mut model, n_threads) = args.load.load_model(&container, args.load.context.or(Some(longest)))?;
    let n_repetitions = usize::from(args.repetitions);
    let bar = terminal::progress("bench", (tests.len() * (n_repetitions + 1)) as u64, false);
    let mut rows = Vec::new();
    for test in tests {
        bar.set_message(test.name());
        rows.push(bench::measure(&mut model, test, n_repetitions, n_threads, &mut || {
            bar.inc(1);
            if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?);
    }
    bar.finish_and_clear();
    if args.json {
        return terminal::put_json(&rows);
    }
    let mut text =
        format!("{}\n| test | tokens/s | threads |\n| --- | ---: | ---: |\n", terminal::escape(container.name()));
    for row in &rows {
        text +=
            &format!("| {} | {:.2} ± {:.2} | {} |\n", row.test, row.tokens_per_second, row.deviation, row.n_threads);
    }
    terminal::put(&text)
}
