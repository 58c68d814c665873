//! `trinity eval imatrix`: the importance of each column of each weight matrix, for quantising.

use std::{
    io::BufWriter,
    path::{Path, PathBuf},
};

use clap::Args;
use eval::imatrix::{self, Collect};
use gguf::{ImportanceMatrix, NewFile};
use serde::Serialize;

use super::{WINDOW_HELP, check_output, count, encode, go_on, read, windows};
use crate::{
    cli::{Global, group},
    commands::{
        context_plan::ContextPlan,
        model_args::ModelArgs,
        opened,
        receipt::{Evidence, ReceiptArgs},
    },
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `eval imatrix`.
#[derive(Args)]
#[command(mut_arg("context", |arg| arg.help(WINDOW_HELP)))]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct ImatrixArgs {
    /// The model, by name or path
    #[arg(value_name = "MODEL")]
    model: String,
    /// The text
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Where the importance matrix goes: GGUF, as llama.cpp reads it
    #[arg(help_heading = group::OUTPUT, short, long, value_name = "FILE")]
    out: PathBuf,
    /// Most windows
    #[arg(long, value_name = "N", value_parser = count)]
    chunks: Option<usize>,
    /// Also of the vocabulary head (under a tied head: of the embedding)
    #[arg(long)]
    process_output: bool,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
    #[command(flatten)]
    receipt: ReceiptArgs,
    #[command(flatten)]
    load: ModelArgs,
}

/// Result of a collection, as it is printed.
#[derive(Serialize)]
struct Collected {
    n_tensors: usize,
    n_chunks: u32,
    window_len: u32,
    /// Matrices that saw no token: experts that were never chosen.
    n_unseen: usize,
}

/// Collects and writes.
pub(super) fn run(args: &ImatrixArgs, global: &Global) -> Result<(), Failure> {
    let receipt = args.receipt.begin()?;
    let text = read(&args.file)?;
    let container = args.load.open(Some(&args.model), global)?;
    check_output(&args.out, &container, &args.file)?;
    let tokenizer = opened::tokenizer(&container)?;
    let options = windows(&args.load, args.chunks, &tokenizer);
    let tokens = encode(&tokenizer, &text);
    let n_windows = options.n_windows(tokens.len())?;
    let (mut model, n_threads) =
        args.load.load(&container, ContextPlan::to_measure(&container, options.window_len)?)?;
    let bar = terminal::progress("imatrix", n_windows as u64, false);
    let dataset = args.file.display().to_string();
    let what = Collect { tokens: &tokens, dataset: &dataset, options, with_head: args.process_output };
    let matrix = imatrix::collect(&mut model, &what, &mut |n_done| {
        bar.set_position(n_done as u64);
        go_on()
    })?;
    bar.finish_and_clear();
    write(&matrix, &args.out)?;
    let n_unseen = |i: &gguf::Importance| (0..i.n_matrices()).filter(|m| i.mean_squares(*m).is_none()).count();
    let collected = Collected {
        n_tensors: matrix.tensors.len(),
        n_chunks: matrix.chunk_count,
        window_len: matrix.chunk_size,
        n_unseen: matrix.tensors.values().map(n_unseen).sum(),
    };
    receipt.write(&Evidence { models: &[&container], files: &[&args.file, &args.out], n_threads }, &collected)?;
    if args.json {
        return terminal::put_json(&collected);
    }
    let unseen = match collected.n_unseen {
        0 => String::new(),
        n => format!("; {n} matrices of experts saw no token"),
    };
    terminal::put(&format!(
        "importance of {} tensors over {} windows of {} tokens in {}{unseen}\n",
        collected.n_tensors,
        collected.n_chunks,
        collected.window_len,
        args.out.display()
    ))
}

fn write(matrix: &ImportanceMatrix, out: &Path) -> Result<(), Failure> {
    let write = || {
        let mut new = NewFile::create(out)?;
        matrix.write(BufWriter::new(new.file()?))?;
        new.commit()
    };
    write().map_err(|e| Failure::new(Kind::Failure, format!("{}: {e}", out.display())))
}
