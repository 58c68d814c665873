//! `trinity eval compare A B`: are these the same model?

use std::path::{Path, PathBuf};

use clap::Args;
use eval::compare::{self, Comparison, LogitsComparison, Outcome, TensorComparison};
use gguf::Container;
use serde::Serialize;

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

/// Windows over which logits are compared where the user does not say.
const CHUNKS: usize = 1;

/// Tensors that are listed without `--all`.
const LISTED: usize = 10;

/// Arguments of `eval compare`.
#[derive(Args)]
#[command(mut_arg("context", |arg| arg.help(WINDOW_HELP)))]
#[command(
    after_help = "Exits with 0 if every weight has the same value and the metadata that matter agree, else with 1."
)]
#[command(next_help_heading = group::MEASUREMENT)]
pub(super) struct CompareArgs {
    /// The first model, by name or path
    #[arg(value_name = "A")]
    first: String,
    /// The second
    #[arg(value_name = "B")]
    second: String,
    /// List every tensor, not only the ten that differ most
    #[arg(help_heading = group::OUTPUT, long)]
    all: bool,
    /// Compare what both compute on a text, too
    #[arg(long, requires = "file")]
    logits: bool,
    /// The text
    #[arg(short, long, value_name = "FILE", requires = "logits")]
    file: Option<PathBuf>,
    /// Windows of the text [default: 1]
    #[arg(long, value_name = "N", requires = "logits", value_parser = count)]
    chunks: Option<usize>,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
    #[command(flatten)]
    receipt: ReceiptArgs,
    #[command(flatten)]
    load: ModelArgs,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    comparison: Comparison,
    #[serde(skip_serializing_if = "Option::is_none")]
    logits: Option<LogitsComparison>,
}

/// Compares, prints, answers by the exit code.
pub(super) fn run(args: &CompareArgs, global: &Global) -> Result<(), Failure> {
    let receipt = args.receipt.begin()?;
    let first = args.load.open(Some(&args.first), global)?;
    let second = args.load.open(Some(&args.second), global)?;
    let bar = terminal::progress("compare", first.tensors().iter().map(|t| t.n_bytes).sum(), true);
    let comparison = compare::files(&first, &second, &mut |n_bytes| {
        bar.set_position(n_bytes);
        go_on()
    })?;
    bar.finish_and_clear();
    let (logits, n_threads) = match &args.file {
        Some(text) => {
            let (logits, n_threads) = compare_logits(args, text, &first, &second)?;
            (Some(logits), n_threads)
        }
        None => (None, 1),
    };
    let report = Report { comparison, logits };
    let files: Vec<&Path> = args.file.as_deref().into_iter().collect();
    receipt.write(&Evidence { models: &[&first, &second], files: &files, n_threads }, &report)?;
    if args.json {
        terminal::put_json(&report)?;
    } else {
        terminal::put(&to_text(&report, args.all))?;
    }
    if report.comparison.verdict.is_same() { Ok(()) } else { Err(Failure::answered_no()) }
}

fn compare_logits(
    args: &CompareArgs,
    text: &Path,
    first: &Container,
    second: &Container,
) -> Result<(LogitsComparison, usize), Failure> {
    let text = read(text)?;
    let tokenizer = opened::tokenizer(first)?;
    let tokens = encode(&tokenizer, &text);
    let n_chunks = args.chunks.unwrap_or(CHUNKS);
    let options = windows(&args.load, Some(n_chunks), &tokenizer);
    let (mut first, n_threads) = args.load.load(first, ContextPlan::to_measure(first, options.window_len)?)?;
    let (mut second, _) = args.load.load(second, ContextPlan::to_measure(second, options.window_len)?)?;
    let bar = terminal::progress("logits", n_chunks as u64, false);
    let logits = compare::logits(&mut first, &mut second, &tokens, &options, &mut |n_done| {
        bar.set_position(n_done as u64);
        go_on()
    })?;
    bar.finish_and_clear();
    Ok((logits, n_threads))
}

fn to_text(report: &Report, all: bool) -> String {
    let Comparison { verdict, metadata, tensors } = &report.comparison;
    let mut text = String::new();
    for difference in metadata {
        let value = |value: &Option<String>| value.as_deref().map_or("absent".to_owned(), terminal::escape);
        let kind = if difference.matters { "metadata" } else { "description" };
        let (first, second) = (value(&difference.first), value(&difference.second));
        text += &format!("{kind:<12} {}: {first} | {second}\n", terminal::escape(&difference.key));
    }
    let mut differing: Vec<&TensorComparison> = tensors.iter().filter(|t| all || !is_same(t)).collect();
    if !all {
        differing.sort_by(|a, b| distance(b).total_cmp(&distance(a)));
    }
    let n_differing = tensors.iter().filter(|t| !is_same(t)).count();
    for tensor in differing.iter().take(if all { usize::MAX } else { LISTED }) {
        text += &line(tensor);
    }
    if !all && n_differing > LISTED {
        text += &format!("… and {} more tensors that differ; --all lists them\n", n_differing - LISTED);
    }
    let n_bytes = tensors.iter().filter(|t| t.outcome == Outcome::SameBytes).count();
    let n_values = tensors.iter().filter(|t| t.outcome == Outcome::SameValues).count();
    text += &format!(
        "{} tensors: {n_bytes} with the same bytes, {n_values} with the same values in another type, {n_differing} differ\n",
        tensors.len()
    );
    if let Some(logits) = &report.logits {
        text += &format!(
            "logits of {} positions: {}NMSE {:.3e}, largest difference {:.3e}, same top token {:.3} % ± {:.3}\n",
            logits.n_rows,
            if logits.is_identical { "the same bit for bit, " } else { "" },
            logits.nmse,
            logits.max_abs_error,
            100.0 * logits.top1_agreement,
            100.0 * logits.top1_error
        );
    }
    text + &format!("{verdict}\n")
}

fn is_same(tensor: &TensorComparison) -> bool {
    matches!(tensor.outcome, Outcome::SameBytes | Outcome::SameValues)
}

/// How far a tensor is from the other one, to sort by; infinite where the two cannot be compared.
fn distance(tensor: &TensorComparison) -> f64 {
    match tensor.outcome {
        Outcome::Differs(distance) => distance.relative_rmse,
        Outcome::SameBytes | Outcome::SameValues => 0.0,
        Outcome::OnlyInFirst | Outcome::OnlyInSecond | Outcome::OtherShape | Outcome::Undecodable => f64::INFINITY,
    }
}

fn line(tensor: &TensorComparison) -> String {
    let type_name = |stored: &Option<compare::Stored>| stored.as_ref().map_or("-", |stored| stored.type_name);
    let shape = |stored: &Option<compare::Stored>| stored.as_ref().map_or(String::new(), |s| format!("{:?}", s.shape));
    let outcome = match tensor.outcome {
        Outcome::SameBytes => "same bytes".to_owned(),
        Outcome::SameValues => "same values".to_owned(),
        Outcome::Differs(d) => {
            format!("max error {:.3e}, relative RMSE {:.3e}, cosine {:.6}", d.max_abs_error, d.relative_rmse, d.cosine)
        }
        Outcome::OnlyInFirst => "only in the first".to_owned(),
        Outcome::OnlyInSecond => "only in the second".to_owned(),
        Outcome::OtherShape => format!("{} | {}", shape(&tensor.first), shape(&tensor.second)),
        Outcome::Undecodable => "other bytes that cannot be decoded".to_owned(),
    };
    let types = format!("{} | {}", type_name(&tensor.first), type_name(&tensor.second));
    format!("{:<32} {types:<18} {outcome}\n", terminal::escape(&tensor.name))
}
