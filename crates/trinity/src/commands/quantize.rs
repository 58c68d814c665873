//! `trinity quantize SRC DST --type T`: a model in fewer bits, and how far its weights are then from what they were.

mod quality;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Args;
use convert::{
    Action, Freedom, Plan, Source, Stored,
    quantise::{self, MIXES, Mix, Options, Rule},
};
use gguf::ImportanceMatrix;
use hub::Resolved;
use quant::{Format, ternarise::Mode};
use serde_json::json;

use super::{
    conversion::{self, OutputArgs},
    convert::SourceArgs,
    i2s_order::I2sArgs,
};
use crate::{
    cli::{Global, group},
    failure::Failure,
    terminal::{self, bytes_text},
};

/// Arguments of `quantize`.
#[derive(Args)]
#[command(next_help_heading = group::INPUT)]
pub(crate) struct QuantizeArgs {
    /// A GGUF file (of several parts the first), the name of a model on this machine, or a Hugging Face folder; best in
    /// f16, bf16 or f32
    #[arg(value_name = "SRC")]
    source: String,
    /// The new file, NAME.gguf
    #[arg(help_heading = group::OUTPUT, value_name = "DST", required_unless_present = "dry_run")]
    destination: Option<PathBuf>,
    /// Type of most matrices, or a mix of types (q4_k_m)
    #[arg(help_heading = group::OUTPUT, long = "type", value_name = "TYPE")]
    mix: String,
    /// Type of the tensors of some names, * for any text; may be given several times, the last that matches counts
    #[arg(help_heading = group::OUTPUT, long = "tensor", value_name = "PATTERN=TYPE")]
    rules: Vec<String>,
    /// The same type for every matrix, embeddings and head included
    #[arg(help_heading = group::OUTPUT, long)]
    pure: bool,
    /// Importance of columns, as trinity eval imatrix or llama.cpp collected it: GGUF, or llama.cpp's older .dat
    #[arg(long, value_name = "FILE")]
    imatrix: Option<PathBuf>,
    /// Let matrices that are not ternary become so
    #[arg(help_heading = group::OUTPUT, long)]
    lossy: bool,
    /// How they do, block by block: absmean, max, rms, lsq [default: least squares, weighed by importance]
    #[arg(help_heading = group::OUTPUT, long, value_name = "MODE", requires = "lossy")]
    ternarise: Option<String>,
    /// A text: also print the perplexity of both models on it
    #[arg(help_heading = group::MEASUREMENT, long, value_name = "FILE", conflicts_with = "dry_run")]
    eval: Option<PathBuf>,
    /// Windows of 512 tokens of that text
    #[arg(help_heading = group::MEASUREMENT, long, value_name = "N", default_value_t = 8, value_parser = super::eval::count, requires = "eval")]
    eval_chunks: usize,
    /// Only say what would become of the tensors
    #[arg(help_heading = group::MEASUREMENT, long)]
    dry_run: bool,
    #[command(flatten)]
    origin: SourceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Plans; writes and proves unless it is a dry run.
pub(crate) fn run(args: &QuantizeArgs, global: &Global) -> Result<(), Failure> {
    if let Some(destination) = &args.destination {
        conversion::check_extension(destination)?;
    }
    let found = super::convert::locate(&args.source, global)?;
    if args.eval.is_some() && !is_gguf(&found) {
        return Err(Failure::usage("--eval measures the source as well, which must be a GGUF file")
            .with_hint("trinity convert makes one of a folder"));
    }
    let mix = mix(&args.mix)?;
    let rules = args.rules.iter().map(|rule| Rule::parse(rule)).collect::<Result<Vec<_>, _>>()?;
    let ternary = freedom(args)?;
    let source = super::convert::open(&found, &args.origin, &args.output)?;
    let importance = args.imatrix.as_ref().map(|path| read_importance(path)).transpose()?;
    let options = Options {
        mix,
        is_pure: args.pure,
        rules: &rules,
        importance: importance.as_ref().map(|(matrix, file)| (matrix, file.as_str())),
        ternary,
    };
    let plan = quantise::plan(&*source, &options)?;
    if args.ternarise.is_some() && !becomes_ternary(&plan) {
        return Err(Failure::usage("--ternarise: no tensor becomes ternary by --type and --tensor"));
    }
    let mut notes = notes(&*source, &plan, importance.is_some());
    if let Some((tensor, format)) = quantise::first_without_importance(&*source, &plan, &options) {
        let tensor = terminal::escape(tensor);
        let what = format!("tensor {tensor}: {} needs --imatrix with the importance of its columns", format.name());
        if !args.dry_run {
            return Err(Failure::usage(what).with_hint("trinity eval imatrix collects it"));
        }
        notes.push(what);
    }
    let totals = conversion::totals_text(&*source, &plan)?;
    let (Some(destination), false) = (&args.destination, args.dry_run) else {
        if args.output.json {
            let types = conversion::totals_json(&*source, &plan)?;
            return terminal::put_json(
                &json!({"types": types, "tensors": planned_json(&*source, &plan)?, "notes": notes}),
            );
        }
        return terminal::put(&(totals + &size_line(&*source, &plan)? + &lines(&notes)));
    };
    if let Some(text) = &args.eval {
        quality::check(&found, text)?;
    }
    let proof = args.output.write(&*source, &plan, destination)?;
    let written = proof.files.first().unwrap_or(destination);
    let perplexity = args.eval.as_ref().map(|text| both_perplexities(args, &found, text, written)).transpose()?;
    if args.output.json {
        let mut object = json!({"types": conversion::totals_json(&*source, &plan)?, "notes": notes});
        object["proof"] = conversion::proof_json(&proof);
        if let Some((before, after)) = perplexity {
            object["perplexity"] = json!({"before": before, "after": after});
        }
        return terminal::put_json(&object);
    }
    let perplexity = perplexity.map(|(before, after)| {
        format!("perplexity {before:.4} → {after:.4} ({:+.2} %)\n", 100.0 * (after / before - 1.0))
    });
    let text = totals + &lines(&notes) + "\n" + &conversion::proof_text(&proof);
    terminal::put(&(text + &perplexity.unwrap_or_default()))
}

/// Returns whether a tensor is written in a ternary format.
fn becomes_ternary(plan: &Plan) -> bool {
    let is_ternary = |action: &Action| matches!(action, Action::Encode { format, .. } if format.is_ternary());
    plan.tensors.iter().any(|planned| is_ternary(&planned.action))
}

/// Perplexities of the source and of what it became.
fn both_perplexities(
    args: &QuantizeArgs,
    source: &Resolved,
    text: &Path,
    destination: &Path,
) -> Result<(f64, f64), Failure> {
    let measure = |model: &Resolved, i2s| quality::measure(model, text, args, i2s);
    // The new file says in which order its weights are.
    Ok((measure(source, args.origin.i2s)?, measure(&Resolved::File(destination.to_owned()), I2sArgs::default())?))
}

/// Returns whether a source can be run as it is.
fn is_gguf(found: &Resolved) -> bool {
    match found {
        Resolved::Embedded => true,
        Resolved::File(path) => path.extension().is_some_and(|e| e == "gguf" || e == "tri"),
    }
}

/// The mix of that name.
fn mix(name: &str) -> Result<Mix, Failure> {
    let ternary = Format::ALL.iter().filter(|f| f.is_ternary() && **f != Format::I2_S_ARM).map(|f| f.name());
    let names = MIXES.iter().map(|mix| mix.name);
    let known =
        || names.clone().chain(ternary.filter(|name| names.clone().all(|n| n != *name))).collect::<Vec<_>>().join(" ");
    Mix::from_name(name).ok_or_else(|| Failure::usage(format!("unknown type {name:?}")).with_hint(known()))
}

fn freedom(args: &QuantizeArgs) -> Result<Freedom, Failure> {
    Ok(match args.ternarise.as_deref() {
        None if args.lossy => Freedom::Nearest,
        None => Freedom::Exact,
        Some(name) => Freedom::Ternarise(Mode::from_name(name).ok_or_else(|| {
            let known = Mode::ALL.map(Mode::name).join(" ");
            Failure::usage(format!("unknown way to ternarise {name:?}")).with_hint(known)
        })?),
    })
}

fn read_importance(path: &Path) -> Result<(ImportanceMatrix, String), Failure> {
    Ok((ImportanceMatrix::open(path)?, path.display().to_string()))
}

/// What a reader of the result should know about how it came to be.
fn notes(source: &dyn Source, plan: &Plan, has_importance: bool) -> Vec<String> {
    let mut fallbacks = BTreeMap::new();
    let mut requantised = BTreeMap::new();
    let mut n_without = 0;
    for (tensor, planned) in source.tensors().iter().zip(&plan.tensors) {
        let Action::Encode { format, .. } = planned.action else { continue };
        if let Some(wanted) = planned.wanted {
            *fallbacks.entry((wanted.name(), format.name(), tensor.cols())).or_insert(0) += 1;
        }
        if let Stored::As(from) = tensor.stored
            && !from.is_float()
        {
            *requantised.entry(from.name()).or_insert(0) += 1;
        }
        n_without += usize::from(planned.importance.is_none());
    }
    let fallback = |((wanted, given, cols), n): ((&str, &str, usize), i32)| {
        format!("{n} tensors are {given} instead of {wanted}, which rows of {cols} do not divide into")
    };
    let requantise = |(from, n): (&str, i32)| {
        format!("{n} tensors were {from} already and are rounded a second time: a float source would be better")
    };
    let mut notes: Vec<String> = fallbacks.into_iter().map(fallback).collect();
    notes.extend(requantised.into_iter().map(requantise));
    if has_importance && n_without > 0 {
        notes.push(format!("{n_without} tensors have no importance in the file"));
    }
    notes
}

fn lines(notes: &[String]) -> String {
    notes.iter().map(|note| format!("note: {note}\n")).collect()
}

/// `98.4 MB in 272 tensors, 5.85 bits per weight`
fn size_line(source: &dyn Source, plan: &Plan) -> Result<String, Failure> {
    let totals = plan.totals(source)?;
    let n_bytes: u64 = totals.values().map(|t| t.n_bytes).sum();
    let n_weights: u64 = totals.values().map(|t| t.n_weights).sum();
    let bits = 8.0 * n_bytes as f64 / n_weights.max(1) as f64;
    Ok(format!("{} in {} tensors, {bits:.2} bits per weight\n", bytes_text(n_bytes), source.tensors().len()))
}

fn planned_json(source: &dyn Source, plan: &Plan) -> Result<serde_json::Value, Failure> {
    let mut list = Vec::with_capacity(plan.tensors.len());
    for (i, (tensor, planned)) in source.tensors().iter().zip(&plan.tensors).enumerate() {
        list.push(json!({
            "name": tensor.name,
            "from": convert::stored_name(source, i),
            "to": planned.action.type_id()?.name().to_ascii_lowercase(),
            "instead_of": planned.wanted.map(Format::name),
        }));
    }
    Ok(list.into())
}
