//! `trinity inspect FILE`: what a model file is, what is in it, what it will need, who made it, who reads it, whether
//! it is what was written.

mod beside;
mod containers;
mod facts;
mod folder;
mod readers;
mod ternary;

use std::path::Path;

use clap::Args;
use convert::{GgufSource, Source};
use gguf::{Container, ImportanceMatrix, Metadata};
use hub::{Hub, Resolved};
use serde_json::{Value as Json, json};

use crate::{
    cli::{Global, group},
    commands::opened,
    failure::{Failure, Kind},
    terminal,
};
use beside::KindFacts;
use facts::Facts;
use folder::FolderFacts;
use ternary::TernaryFloats;

/// Arguments of `inspect`.
#[derive(Args)]
#[command(next_help_heading = group::INPUT)]
pub(crate) struct InspectArgs {
    /// The file, the name of a model on this machine, a Hugging Face folder, a .safetensors file or an importance
    /// matrix of either form
    #[arg(value_name = "FILE")]
    model: String,
    /// Read every weight: report the first that is not finite, count zeros, find floats that are ternary
    #[arg(long)]
    deep: bool,
    /// Compare every tensor of a .tri file with its hash
    #[arg(long)]
    verify: bool,
    /// List all tensors
    #[arg(help_heading = group::OUTPUT, long)]
    tensors: bool,
    /// List all metadata
    #[arg(help_heading = group::OUTPUT, long)]
    metadata: bool,
    /// Context length to compute the memory for; the model's own by default
    #[arg(short, long, value_name = "TOKENS")]
    context: Option<usize>,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long)]
    json: bool,
}

/// Opens, checks, describes.
pub(crate) fn run(args: &InspectArgs, global: &Global) -> Result<(), Failure> {
    let path = Path::new(&args.model);
    if folder::is_folder(path) { inspect_folder(args, path) } else { inspect_file(args, global) }
}

fn inspect_file(args: &InspectArgs, global: &Global) -> Result<(), Failure> {
    let found = Hub::from_environment(global.offline)?.resolve(&args.model)?;
    if let Resolved::File(path) = &found
        && let Some(matrix) = beside::older_importance(path)
    {
        return inspect_older_importance(args, path, &matrix);
    }
    let container = opened::container(&found)?;
    if args.verify {
        verify(&container)?;
    }
    let mut facts = Facts::of(&container, args.context);
    if args.deep {
        read_weights(&container, &mut facts)?;
        let source = GgufSource::from_container(opened::container(&found)?);
        facts.ternary_floats = TernaryFloats::of(&source, kernels::default_threads())?;
    }
    let n_tensors = container.tensors().len();
    if args.json {
        let mut object = facts.to_json();
        if args.tensors {
            object["tensors"] = container.tensors().iter().map(facts::tensor_json).collect();
        }
        if args.metadata {
            object["metadata"] = metadata_json(container.metadata());
        }
        if args.deep {
            object["weights_finite"] = json!(true);
        }
        if args.verify {
            object["n_tensors_verified"] = json!(n_tensors);
        }
        return terminal::put_json(&object);
    }
    let mut text = facts.to_text();
    if args.verify {
        text += &format!("  sealed: {n_tensors} tensors match their hashes\n");
    }
    if args.deep {
        text += "  all weights are finite\n";
    }
    if args.metadata {
        text += &metadata_text(container.metadata());
    }
    if args.tensors {
        text += "\ntensors\n";
        for tensor in container.tensors() {
            text += &tensor_line(&tensor.name, containers::name(tensor), &tensor.dims);
        }
    }
    terminal::put(&text)
}

/// Compares all data with the hashes of the file.
fn verify(container: &Container) -> Result<(), Failure> {
    let bar = terminal::progress("hashing", container.tensors().iter().map(|t| t.n_bytes).sum(), true);
    let has_hashes = container.verify(&mut |n_bytes| bar.set_position(n_bytes));
    bar.finish_and_clear();
    if has_hashes? {
        return Ok(());
    }
    let what = format!("{}: has no hashes to verify", container.name());
    Err(Failure::new(Kind::Failure, what).with_hint("trinity convert writes them into NAME.tri"))
}

/// Decodes every weight.
fn read_weights(container: &Container, facts: &mut Facts) -> Result<(), Failure> {
    let bar = terminal::progress("reading weights", container.file_bytes(), true);
    let found = model::scan_weights(container, &mut |n_bytes| bar.set_position(n_bytes))?;
    bar.finish_and_clear();
    if let Some(bad) = found {
        return Err(Failure::new(Kind::Failure, format!("{}: {bad}", container.name())));
    }
    if let Some(ternary) = &mut facts.ternary {
        let bar = terminal::progress("counting zeros", ternary.n_bytes(), true);
        let counted = ternary.count(container, &mut |n_bytes| bar.set_position(n_bytes));
        bar.finish_and_clear();
        counted?;
    }
    Ok(())
}

/// An importance matrix that is no GGUF file.
fn inspect_older_importance(args: &InspectArgs, path: &Path, matrix: &ImportanceMatrix) -> Result<(), Failure> {
    let context = args.context.is_some();
    let flags = [(args.deep, "--deep"), (args.verify, "--verify"), (context, "--context"), (args.tensors, "--tensors")];
    if let Some((_, flag)) = flags.into_iter().chain([(args.metadata, "--metadata")]).find(|(is_asked, _)| *is_asked) {
        return Err(Failure::usage(format!("{flag} is for GGUF and .tri files, not for {}", path.display())));
    }
    let (kind, verdicts) = (KindFacts::of_older(matrix), readers::verdicts_of_older_importance());
    if args.json {
        let mut object = json!({"file": path.display().to_string(), "kind": kind.name()});
        object[kind.name()] = json!(kind.to_json());
        object["readers"] = readers::to_json(&verdicts);
        return terminal::put_json(&object);
    }
    let name = terminal::escape(&path.display().to_string());
    let text = kind.to_text(&Metadata::default()).unwrap_or_default();
    terminal::put(&format!("{name}\n  {:<14}{}\n{}", "kind", terminal::escape(&text), readers::to_text(&verdicts)))
}

fn inspect_folder(args: &InspectArgs, path: &Path) -> Result<(), Failure> {
    for (is_asked, flag) in [(args.deep, "--deep"), (args.verify, "--verify"), (args.context.is_some(), "--context")] {
        if is_asked {
            return Err(Failure::usage(format!("{flag} is for GGUF and .tri files, not for {}", path.display()))
                .with_hint("trinity convert reads and proves every weight"));
        }
    }
    let facts = FolderFacts::of(path, kernels::default_threads())?;
    let source = facts.source();
    if args.json {
        let mut object = facts.to_json()?;
        if args.tensors {
            let tensor =
                |t: &convert::SourceTensor| json!({"name": t.name, "kept": folder::stored_text(t), "shape": t.dims});
            object["tensors"] = source.tensors().iter().map(tensor).collect();
        }
        if args.metadata {
            object["metadata"] = metadata_json(source.metadata());
        }
        return terminal::put_json(&object);
    }
    let mut text = facts.to_text()?;
    if args.metadata {
        text += &metadata_text(source.metadata());
    }
    if args.tensors {
        text += "\ntensors\n";
        for tensor in source.tensors() {
            text += &tensor_line(&tensor.name, folder::stored_text(tensor), &tensor.dims);
        }
    }
    terminal::put(&text)
}

fn tensor_line(name: &str, kind: &str, dims: &[u64]) -> String {
    format!("  {:<40} {kind:<15} {dims:?}\n", terminal::escape(name))
}

fn metadata_json(metadata: &Metadata) -> Json {
    metadata.iter().map(|(k, v)| json!({"key": k, "value": facts::value_json(v)})).collect()
}

fn metadata_text(metadata: &Metadata) -> String {
    let line = |(key, value): (&str, &gguf::Value)| {
        format!("  {} = {}\n", terminal::escape(key), terminal::escape(&facts::value_text(value)))
    };
    format!("\nmetadata\n{}", metadata.iter().map(line).collect::<String>())
}
