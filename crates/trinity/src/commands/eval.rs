//! `trinity eval …`: numbers by which the engine and its models are judged; a file for each of them in `eval/`.

mod choice;
mod compare;
mod imatrix;
mod kl;
mod logits;
mod noise;
mod perplexity;
mod ternary_options;

use std::{fs::File, ops::ControlFlow, path::Path};

use clap::{Args, Subcommand};
use eval::perplexity::Options;
use gguf::Container;
use tokenizer::{ControlTokens, TokenId, Tokenizer};

use crate::{
    cli::Global,
    commands::model_args::ModelArgs,
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
    Perplexity(perplexity::PerplexityArgs),
    /// How far the model's predictions are from those of a base model: save them once, compare others with them
    Kl(kl::KlArgs),
    /// Multiple choice by likelihood: BLiMP, LAMBADA, HellaSwag, PIQA
    Choice(choice::ChoiceArgs),
    /// How much each column of each weight matrix matters, on a text: what `quantize --imatrix` reads
    Imatrix(imatrix::ImatrixArgs),
    /// Perplexity of a ternary model when a part of its trits is changed to a different value
    Noise(noise::NoiseArgs),
    /// Are these the same model? Tensor by tensor, and by logits if asked
    Compare(compare::CompareArgs),
    /// What every option that holds keys, values, embeddings or norms in fewer bits saves and costs, in one table
    TernaryOptions(ternary_options::TernaryOptionsArgs),
    /// All logits of a list of token ids, as little-endian f32 [n_tokens, n_vocab]
    Logits(logits::LogitsArgs),
}

/// Tokens of a window where the user does not say.
const WINDOW_LEN: usize = 512;

/// What `--context` is to measurements over windows.
const WINDOW_HELP: &str = "Tokens of a window [default: 512]";

/// A number of windows.
pub(super) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected 1 or more".to_owned()),
        Ok(n) => Ok(n),
        Err(e) => Err(format!("{e}, expected 1 or more")),
    }
}

/// Runs the measurement that was asked for.
pub(crate) fn run(args: &EvalArgs, global: &Global) -> Result<(), Failure> {
    terminal::catch_interrupt()?;
    match &args.command {
        EvalCommand::Perplexity(args) => perplexity::run(args, global),
        EvalCommand::Kl(args) => kl::run(args, global),
        EvalCommand::Choice(args) => choice::run(args, global),
        EvalCommand::Imatrix(args) => imatrix::run(args, global),
        EvalCommand::Noise(args) => noise::run(args, global),
        EvalCommand::Compare(args) => compare::run(args, global),
        EvalCommand::TernaryOptions(args) => ternary_options::run(args, global),
        EvalCommand::Logits(args) => logits::run(args, global),
    }
}

fn go_on() -> ControlFlow<()> {
    if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Token ids of a text, what looks like a control token in it being text.
fn encode(tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    let mut tokens = Vec::new();
    tokenizer.encode(text, ControlTokens::AsText, true, &mut tokens);
    tokens
}

/// How a text is cut for a model that is loaded as `load` says; `n_chunks` is the most windows.
fn windows(load: &ModelArgs, n_chunks: Option<usize>, tokenizer: &Tokenizer) -> Options {
    Options { window_len: load.context.unwrap_or(WINDOW_LEN), n_chunks, first: tokenizer.added_first() }
}

fn read(path: &Path) -> Result<String, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|e| Failure::new(Kind::Failure, format!("{name}: {e}")))?;
    terminal::read_text(&name, file)
}

/// Refuses to write a result over what it is made from.
fn check_output(out: &Path, container: &Container, text: &Path) -> Result<(), Failure> {
    let Ok(place) = out.canonicalize() else { return Ok(()) };
    let is_input = [Path::new(container.name()), text].iter().any(|p| p.canonicalize().is_ok_and(|p| p == place));
    if is_input {
        return Err(Failure::usage(format!("{}: is an input of this command", out.display())));
    }
    Ok(())
}
