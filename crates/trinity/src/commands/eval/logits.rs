//! `trinity eval logits`: what a model computes, for others to check.

use std::path::PathBuf;

use clap::Args;
use eval::logits;
use serde::Serialize;

use super::{check_output, go_on, read};
use crate::{
    cli::{Global, group},
    commands::{
        adapter_args::AdapterArgs,
        context_plan::ContextPlan,
        model_args::{self, I2sArgs, KvTypeName, ModelArgs, StorageArgs},
        receipt::{Evidence, ReceiptArgs},
        storage_args::ActivationRuleName,
        tokenize,
    },
    failure::Failure,
    terminal,
};

/// Arguments of `eval logits`.
#[derive(Args)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct LogitsArgs {
    /// The model, by name or path
    #[arg(value_name = "MODEL")]
    model: String,
    /// Token ids, separated by white space or commas
    #[arg(long, value_name = "FILE")]
    tokens: PathBuf,
    /// Where the logits go
    #[arg(help_heading = group::OUTPUT, short, long, value_name = "FILE")]
    out: PathBuf,
    /// Longest context in tokens, on which LongRoPE's factors depend [default: the model's own, at most 8192 or what
    /// the ids need]
    #[arg(help_heading = group::CONTEXT, short, long, value_name = "TOKENS")]
    context: Option<usize>,
    /// Threads; by default as many as affinity and the cgroup quota allow
    #[arg(help_heading = group::MACHINE, short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Type of cached keys and values
    #[arg(help_heading = group::CONTEXT, long, value_enum, value_name = "TYPE", default_value = "f32")]
    kv_type: KvTypeName,
    /// How activations are quantised to int8 for ternary matrices
    #[arg(help_heading = group::RESEARCH, long, value_enum, value_name = "RULE", default_value = "per-group")]
    activations: ActivationRuleName,
    #[command(flatten)]
    i2s: I2sArgs,
    #[command(flatten)]
    receipt: ReceiptArgs,
}

/// What a receipt says of the file of logits.
#[derive(Serialize)]
struct Written {
    n_rows: usize,
    n_vocab: usize,
}

/// Computes and writes.
pub(super) fn run(args: &LogitsArgs, global: &Global) -> Result<(), Failure> {
    let receipt = args.receipt.begin()?;
    let text = read(&args.tokens)?;
    let load = ModelArgs {
        pack_max: 1024,
        threads: args.threads,
        no_pin: false,
        context: args.context,
        attention_window: None,
        sinks: 0,
        kv_type: args.kv_type,
        storage: StorageArgs { activations: args.activations, ..StorageArgs::default() },
        adapters: AdapterArgs::default(),
        i2s: args.i2s,
        head_shortcut: model_args::HeadShortcutName::Off,
    };
    let container = load.open(Some(&args.model), global)?;
    check_output(&args.out, &container, &args.tokens)?;
    let n_vocab = model::n_vocab(&container)?;
    let tokens = tokenize::parse_ids(&text, n_vocab)?;
    let (mut model, n_threads) = load.load(&container, ContextPlan::to_answer(&load, &container, tokens.len())?)?;
    let bar = terminal::progress("logits", tokens.len() as u64, false);
    logits::write(&mut model, &tokens, &args.out, &mut |n_rows| {
        bar.set_position(n_rows as u64);
        go_on()
    })?;
    bar.finish_and_clear();
    let evidence = Evidence { models: &[&container], files: &[&args.tokens, &args.out], n_threads };
    receipt.write(&evidence, &Written { n_rows: tokens.len(), n_vocab })?;
    terminal::say(&format!("{} rows of {n_vocab} logits in {}\n", tokens.len(), args.out.display()));
    Ok(())
}
