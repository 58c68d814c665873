//! `trinity eval perplexity | logits`: numbers by which the engine and its models are judged.

use std::{fs::File, ops::ControlFlow, path::PathBuf};

use clap::{Args, Subcommand};
use eval::{logits, perplexity};
use tokenizer::{ControlTokens, Tokenizer};

use super::{
    model_args::{self, KvTypeName, ModelArgs},
    tokenize,
};
use crate::{
    cli::Global,
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `eval`.
#[derive(Args)]
pub(crate) struct EvalArgs {
    #[command(subcommand)]
    command: EvalCommand,
}

#[derive(Subcommand)]
enum EvalCommand {
    /// How well the model predicts a text: windows as llama.cpp cuts them, second half of each scored
    Perplexity(PerplexityArgs),
    /// All logits of a list of token ids, as little-endian f32 [n_tokens, n_vocab]
    Logits(LogitsArgs),
}

#[derive(Args)]
struct PerplexityArgs {
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
    load: ModelArgs,
}

#[derive(Args)]
struct LogitsArgs {
    /// The model, by name or path
    #[arg(value_name = "MODEL")]
    model: String,
    /// Token ids, separated by white space or commas
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Where the logits go
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Threads; by default as many as affinity and the cgroup quota allow
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Type of cached keys and values
    #[arg(long, value_enum, value_name = "TYPE", default_value = "f32")]
    kv_type: KvTypeName,
}

/// Tokens of a window where the user does not say.
const WINDOW_LEN: usize = 512;

/// Runs the measurement that was asked for.
pub(crate) fn run(args: &EvalArgs, global: &Global) -> Result<(), Failure> {
    terminal::catch_interrupt()?;
    match &args.command {
        EvalCommand::Perplexity(args) => measure_perplexity(args, global),
        EvalCommand::Logits(args) => write_logits(args, global),
    }
}

fn go_on() -> ControlFlow<()> {
    if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn read(path: &std::path::Path) -> Result<String, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|e| Failure::new(Kind::Failure, format!("{name}: {e}")))?;
    terminal::read_text(&name, file)
}

fn measure_perplexity(args: &PerplexityArgs, global: &Global) -> Result<(), Failure> {
    let text = read(&args.file)?;
    let container = model_args::open(Some(&args.model), global)?;
    let tokenizer = Tokenizer::from_gguf(container.metadata())?;
    let window_len = args.load.context.unwrap_or(WINDOW_LEN);
    let (mut model, _) = args.load.load_model(&container, Some(window_len))?;
    let mut tokens = Vec::new();
    tokenizer.encode(&text, ControlTokens::AsText, true, &mut tokens);
    let options = perplexity::Options { window_len, n_chunks: args.chunks, first: tokenizer.added_first() };
    let n_windows = args.chunks.unwrap_or(tokens.len() / window_len);
    let bar = terminal::progress("perplexity", n_windows as u64, false);
    let result = perplexity::measure(&mut model, &tokens, &options, &mut |n_done, so_far| {
        bar.set_position(n_done as u64);
        bar.set_message(format!("{so_far:.4}"));
        go_on()
    })?;
    bar.finish_and_clear();
    if args.json {
        return terminal::put_json(&result);
    }
    terminal::put(&format!(
        "perplexity {:.4} ± {:.4} over {} windows of {} tokens, {} tokens scored\n",
        result.perplexity, result.error, result.n_chunks, result.window_len, result.n_scored
    ))
}

fn write_logits(args: &LogitsArgs, global: &Global) -> Result<(), Failure> {
    let text = read(&args.tokens)?;
    let container = model_args::open(Some(&args.model), global)?;
    let load = ModelArgs {
        threads: args.threads,
        no_pin: false,
        context: None,
        kv_type: args.kv_type,
        head_shortcut: model_args::HeadShortcutName::Off,
    };
    let n_vocab = model::n_vocab(&container)?;
    let tokens = tokenize::parse_ids(&text, n_vocab)?;
    let (mut model, _) = load.load_model(&container, Some(tokens.len().max(1)))?;
    let bar = terminal::progress("logits", tokens.len() as u64, false);
    logits::write(&mut model, &tokens, &args.out, &mut |n_rows| {
        bar.set_position(n_rows as u64);
        go_on()
    })?;
    bar.finish_and_clear();
    terminal::say(&format!("{} rows of {n_vocab} logits in {}\n", tokens.len(), args.out.display()));
    Ok(())
}
