//! `trinity eval noise`: how much of a ternary model's quality survives when a part of its trits is wrong.

use std::path::PathBuf;

use clap::Args;
use eval::{
    noise::{self, Flips},
    perplexity::{self, Options, Perplexity},
};
use gguf::Container;
use serde::Serialize;
use tokenizer::TokenId;

use super::{WINDOW_HELP, count, encode, go_on, read, windows};
use crate::{
    cli::{Global, group},
    commands::{
        context_plan::ContextPlan,
        model_args::ModelArgs,
        opened,
        receipt::{Evidence, ReceiptArgs},
    },
    failure::Failure,
    terminal,
};

/// Arguments of `eval noise`.
#[derive(Args)]
#[command(mut_arg("context", |arg| arg.help(WINDOW_HELP)))]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct NoiseArgs {
    /// The model, by name or path: ternary matrices of it are changed in memory
    #[arg(value_name = "MODEL")]
    model: String,
    /// The text
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Parts of the trits that are changed to a different value
    #[arg(long, value_name = "PART", value_delimiter = ',', default_value = "0.001,0.01,0.05", value_parser = parse_rate)]
    rates: Vec<f64>,
    /// Seed of the changes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Most windows
    #[arg(long, value_name = "N", value_parser = count)]
    chunks: Option<usize>,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
    #[command(flatten)]
    receipt: ReceiptArgs,
    #[command(flatten)]
    load: ModelArgs,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

/// Perplexity at one rate.
#[derive(Serialize)]
struct Row {
    rate: f64,
    #[serde(flatten)]
    flips: Flips,
    perplexity: f64,
    error: f64,
    /// Perplexity divided by that without changes.
    ratio: f64,
}

/// Perplexity at each rate of noise, as it is printed.
#[derive(Serialize)]
struct Table {
    seed: u64,
    n_chunks: usize,
    window_len: usize,
    rows: Vec<Row>,
}

/// Measures without changes and at each rate.
pub(super) fn run(args: &NoiseArgs, global: &Global) -> Result<(), Failure> {
    let receipt = args.receipt.begin()?;
    let text = read(&args.file)?;
    let container = args.load.open(Some(&args.model), global)?;
    let tokenizer = opened::tokenizer(&container)?;
    let options = windows(&args.load, args.chunks, &tokenizer);
    let tokens = encode(&tokenizer, &text);
    let n_windows = options.n_windows(tokens.len())?;
    let bar = terminal::progress("noise", (n_windows * (args.rates.len() + 1)) as u64, false);
    let mut table = Table { seed: args.seed, n_chunks: n_windows, window_len: options.window_len, rows: Vec::new() };
    let mut n_threads = 0;
    for rate in std::iter::once(0.0).chain(args.rates.iter().copied()) {
        bar.set_message(format!("{rate}"));
        let (changed, flips) = noise::flip(&container, rate, args.seed)?;
        let (result, threads) = measure(args, &changed, &tokens, &options, &bar)?;
        n_threads = threads;
        let Perplexity { perplexity, error, .. } = result;
        let ratio = perplexity / table.rows.first().map_or(perplexity, |row| row.perplexity);
        table.rows.push(Row { rate, flips, perplexity, error, ratio });
    }
    bar.finish_and_clear();
    receipt.write(&Evidence { models: &[&container], files: &[&args.file], n_threads }, &table)?;
    if args.json { terminal::put_json(&table) } else { terminal::put(&to_text(&table)) }
}

fn measure(
    args: &NoiseArgs,
    container: &Container,
    tokens: &[TokenId],
    options: &Options,
    bar: &indicatif::ProgressBar,
) -> Result<(Perplexity, usize), Failure> {
    let (mut model, n_threads) = args.load.load(container, ContextPlan::to_measure(container, options.window_len)?)?;
    let result = perplexity::measure(&mut model, tokens, options, &mut |_, _| {
        bar.inc(1);
        go_on()
    })?;
    Ok((result, n_threads))
}

fn to_text(table: &Table) -> String {
    let mut text = format!(
        "{} windows of {} tokens, seed {}\n| trits changed | of | perplexity | ratio |\n| ---: | ---: | ---: | ---: |\n",
        table.n_chunks, table.window_len, table.seed
    );
    for Row { rate, flips, perplexity, error, ratio } in &table.rows {
        text += &format!(
            "| {} ({:.3} %) | {} | {perplexity:.4} ± {error:.4} | {ratio:.4} |\n",
            flips.n_flipped,
            100.0 * rate,
            flips.n_trits
        );
    }
    text
}
