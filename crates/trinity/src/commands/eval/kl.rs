//! `trinity eval kl`: KL divergence of a model from saved log-probabilities of another.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use eval::kl::{self, Base, KlResult, Origin};
use gguf::Container;
use serde::Serialize;
use tokenizer::Tokenizer;

use super::{WINDOW_HELP, check_output, count, encode, go_on, read, windows};
use crate::{
    cli::{Global, group},
    commands::{
        context_plan::ContextPlan,
        digest,
        model_args::ModelArgs,
        opened,
        receipt::{Evidence, Receipt, ReceiptArgs},
    },
    failure::Failure,
    terminal,
};

/// Arguments of `eval kl`.
#[derive(Args)]
#[command(mut_arg("context", |arg| arg.help(WINDOW_HELP)))]
#[command(group = ArgGroup::new("what").required(true).args(["save_base", "base"]))]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct KlArgs {
    /// The model, by name or path
    #[arg(value_name = "MODEL")]
    model: String,
    /// Save this model's log-probabilities of the text: what others are compared with
    #[arg(long, value_name = "FILE", requires = "file")]
    save_base: Option<PathBuf>,
    /// Compare this model with saved log-probabilities
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
    /// The text; with --base it need not be given, and is checked against the saved one if it is
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Most windows to save
    #[arg(long, value_name = "N", conflicts_with = "base", value_parser = count)]
    chunks: Option<usize>,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
    #[command(flatten)]
    receipt: ReceiptArgs,
    #[command(flatten)]
    load: ModelArgs,
}

/// Result of saving a base, as it is printed.
#[derive(Serialize)]
struct Saved {
    perplexity: f64,
    n_chunks: usize,
    window_len: usize,
    file_bytes: u64,
}

/// Saves or compares.
pub(super) fn run(args: &KlArgs, global: &Global) -> Result<(), Failure> {
    let receipt = args.receipt.begin()?;
    let container = args.load.open(Some(&args.model), global)?;
    let tokenizer = opened::tokenizer(&container)?;
    match (&args.base, &args.save_base, &args.file) {
        (Some(base), _, _) => compare(args, base, &container, &tokenizer, receipt),
        (None, Some(out), Some(text)) => save(args, out, text, &container, &tokenizer, receipt),
        _ => Err(Failure::usage("--save-base FILE needs --file TEXT")),
    }
}

fn save(
    args: &KlArgs,
    out: &Path,
    text_path: &Path,
    container: &Container,
    tokenizer: &Tokenizer,
    receipt: Receipt,
) -> Result<(), Failure> {
    check_output(out, container, text_path)?;
    let text = read(text_path)?;
    let options = windows(&args.load, args.chunks, tokenizer);
    let window_len = options.window_len;
    let tokens = encode(tokenizer, &text);
    let n_chunks = options.n_windows(tokens.len())?;
    let origin = Origin {
        model: container.name().to_owned(),
        text_sha256: digest::of_bytes(text.as_bytes()),
        vocabulary_sha256: digest::of_vocabulary(tokenizer),
    };
    let (mut model, n_threads) = args.load.load(container, ContextPlan::to_measure(container, window_len)?)?;
    let bar = terminal::progress("base", n_chunks as u64, false);
    let perplexity = Base::save(&mut model, &tokens, &options, origin, out, &mut |n_done, so_far| {
        bar.set_position(n_done as u64);
        bar.set_message(format!("{so_far:.4}"));
        go_on()
    })?;
    bar.finish_and_clear();
    let saved = Saved { perplexity, n_chunks, window_len, file_bytes: out.metadata()?.len() };
    receipt.write(&Evidence { models: &[container], files: &[text_path, out], n_threads }, &saved)?;
    if args.json {
        return terminal::put_json(&saved);
    }
    terminal::put(&format!(
        "perplexity {perplexity:.4} over {n_chunks} windows of {window_len} tokens; {} in {}\n",
        terminal::bytes_text(saved.file_bytes),
        out.display()
    ))
}

fn compare(
    args: &KlArgs,
    base_path: &Path,
    container: &Container,
    tokenizer: &Tokenizer,
    receipt: Receipt,
) -> Result<(), Failure> {
    let base = Base::open(base_path)?;
    let window_len = base.options().window_len;
    base.check_vocabulary(model::n_vocab(container)?)?;
    base.check_origin(
        &digest::of_vocabulary(tokenizer),
        args.load.context.unwrap_or(window_len),
        tokenizer.added_first(),
    )?;
    let tokens = match &args.file {
        Some(text) => encode(tokenizer, &read(text)?),
        None => base.tokens().to_vec(),
    };
    let (mut model, n_threads) = args.load.load(container, ContextPlan::to_measure(container, window_len)?)?;
    let bar = terminal::progress("kl", (base.tokens().len() / window_len.max(1)) as u64, false);
    let result = kl::measure(&mut model, &tokens, &base, &mut |n_done, so_far| {
        bar.set_position(n_done as u64);
        bar.set_message(format!("{so_far:.6}"));
        go_on()
    })?;
    bar.finish_and_clear();
    let files: Vec<&Path> = [base_path].into_iter().chain(args.file.as_deref()).collect();
    receipt.write(&Evidence { models: &[container], files: &files, n_threads }, &result)?;
    if args.json { terminal::put_json(&result) } else { terminal::put(&to_text(&result, &base.origin().model)) }
}

fn to_text(result: &KlResult, base: &str) -> String {
    let mut text = format!(
        "against {}, {} windows of {} tokens, {} positions\n",
        terminal::escape(base),
        result.n_chunks,
        result.window_len,
        result.n_scored
    );
    let mut line = |name: &str, value: String| text += &format!("{name:<20} {value}\n");
    line("mean KL divergence", format!("{:.6} ± {:.6}", result.mean, result.error));
    line("median", format!("{:.6}", result.median));
    line("90 % below", format!("{:.6}", result.percentile_90));
    line("99 % below", format!("{:.6}", result.percentile_99));
    line("max", format!("{:.6}", result.max));
    line("same top token", format!("{:.3} % ± {:.3}", 100.0 * result.top1_agreement, 100.0 * result.top1_error));
    line("perplexity", format!("{:.4}, base {:.4}", result.perplexity, result.base_perplexity));
    line("ln of their ratio", format!("{:.6} ± {:.6}", result.ln_ratio, result.ln_ratio_error));
    text
}
