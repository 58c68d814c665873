//! `trinity eval perplexity`: how well a model predicts a text.

use std::path::PathBuf;

use clap::Args;
use eval::perplexity;
use tokenizer::{ControlTokens, Tokenizer};

use super::{WINDOW_LEN, go_on, read};
use crate::{
    cli::Global,
    commands::{
        model_args::ModelArgs,
        receipt::{Evidence, ReceiptArgs},
    },
    failure::Failure,
    terminal,
};

/// Arguments of `eval perplexity`.
#[derive(Args)]
pub(super) struct PerplexityArgs {
    /// The model, by name or path
    #[arg(value_name = "MODEL")]
    model: String,
    /// The text
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Most windows
    #[arg(long, value_name = "N")]
    chunks: Option<usize>,
    /// As JSON
    #[arg(long)]
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
    let tokenizer = Tokenizer::from_gguf(container.metadata())?;
    let window_len = args.load.context.unwrap_or(WINDOW_LEN);
    let (mut model, n_threads) = args.load.load_model(&container, Some(window_len))?;
    let mut tokens = Vec::new();
    tokenizer.encode(&text, ControlTokens::AsText, true, &mut tokens);
    let options = perplexity::Options { window_len, n_chunks: args.chunks, first: tokenizer.added_first() };
    let n_windows = args.chunks.unwrap_or(tokens.len().checked_div(window_len).unwrap_or(0));
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
