//! `trinity eval perplexity`: how well a model predicts a text.

use std::path::PathBuf;

use clap::Args;
use eval::perplexity;

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

/// Arguments of `eval perplexity`.
#[derive(Args)]
#[command(mut_arg("context", |arg| arg.help(WINDOW_HELP)))]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct PerplexityArgs {
    /// The model, by name or path
    #[arg(value_name = "MODEL")]
    model: String,
    /// The text
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
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

/// Measures and prints.
pub(super) fn run(args: &PerplexityArgs, global: &Global) -> Result<(), Failure> {
    let receipt = args.receipt.begin()?;
    let text = read(&args.file)?;
    let container = args.load.open(Some(&args.model), global)?;
    let tokenizer = opened::tokenizer(&container)?;
    let options = windows(&args.load, args.chunks, &tokenizer);
    let tokens = encode(&tokenizer, &text);
    let n_windows = options.n_windows(tokens.len())?;
    let (mut model, n_threads) =
        args.load.load(&container, ContextPlan::to_measure(&container, options.window_len)?)?;
    let bar = terminal::progress("perplexity", n_windows as u64, false);
    let result = perplexity::measure(&mut model, &tokens, &options, &mut |n_done, so_far| {
        bar.set_position(n_done as u64);
        bar.set_message(format!("{so_far:.4}"));
        go_on()
    })?;
    bar.finish_and_clear();
    receipt.write(&Evidence { models: &[&container], files: &[&args.file], n_threads }, &result)?;
    if args.json {
        return terminal::put_json(&result);
    }
    terminal::put(&format!(
        "perplexity {:.4} ± {:.4} over {} windows of {} tokens, {} tokens scored\n",
        result.perplexity, result.error, result.n_chunks, result.window_len, result.n_scored
    ))
}
