//! What `convert`, `quantize` and `dev synth` share: names of types, a bar, Ctrl-C, and the proof in print.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use clap::Args;
use convert::{ClassProof, Loss, Plan, Proof, Source, TensorProof, WriteOptions};
use quant::Format;
use serde_json::{Value as Json, json};

use crate::{
    cli::group,
    failure::{Failure, Kind, chain},
    terminal::{self, bytes_text, escape},
};

/// How the result is written and told.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = group::OUTPUT)]
pub(crate) struct OutputArgs {
    /// Replace the destination if it exists
    #[arg(long)]
    force: bool,
    /// Write several files, NAME-00001-of-00003.gguf and so on, with at most so many bytes of tensors each: a number,
    /// or one with K, M or G (1000 each); llama.cpp's programs read them
    #[arg(long, value_name = "BYTES", value_parser = split_bytes)]
    split_size: Option<u64>,
    /// Threads; by default as many as affinity and the cgroup quota allow
    #[arg(help_heading = group::MACHINE, short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl From<convert::Error> for Failure {
    fn from(error: convert::Error) -> Self {
        let kind = match error {
            convert::Error::Cancelled => return Self::interrupted(),
            convert::Error::Option(_) => Kind::Usage,
            _ => Kind::Failure,
        };
        let failure = Self::new(kind, chain(&error));
        match error {
            convert::Error::Lossy { .. } => failure.with_hint("--lossy lets weights change"),
            convert::Error::NotTernary { .. } => {
                failure.with_hint("trinity quantize --type TYPE --lossy makes floats ternary")
            }
            convert::Error::Exists { .. } => failure.with_hint("--force replaces it"),
            _ => failure,
        }
    }
}

/// The format of that name.
pub(crate) fn format(name: &str) -> Result<Format, Failure> {
    Format::from_name(name).map_err(|e| Failure::usage(e.to_string()).with_hint(known()))
}

fn known() -> String {
    let names = Format::ALL.iter().filter(|f| **f != Format::I2_S_ARM).map(|f| f.name());
    names.collect::<Vec<_>>().join(" ")
}

/// A size as in `--split-size` of llama.cpp's `gguf-split`: suffixes are decimal.
fn split_bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if text.ends_with('K') => (digits, 1_000),
        Some(digits) if text.ends_with('M') => (digits, 1_000_000),
        Some(digits) => (digits, 1_000_000_000),
        None => (text, 1),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).filter(|n| *n > 0);
    bytes.ok_or_else(|| "expected a number of bytes, 1 or more, or one with K, M or G behind it (2G)".to_owned())
}

/// Refuses a destination whose name ends in neither `.gguf` nor `.tri`.
pub(crate) fn check_extension(destination: &Path) -> Result<(), Failure> {
    match destination.extension().and_then(|e| e.to_str()) {
        Some("gguf" | "tri") => Ok(()),
        _ => Err(Failure::usage(format!("{}: expected a name in .gguf or .tri", destination.display()))),
    }
}

impl OutputArgs {
    pub(crate) fn n_threads(&self) -> usize {
        self.threads.map_or_else(kernels::default_threads, usize::from)
    }

    /// Writes and proves, with a bar.
    pub(crate) fn write(&self, source: &dyn Source, plan: &Plan, destination: &Path) -> Result<Proof, Failure> {
        terminal::catch_interrupt()?;
        let n_weights: u64 = source.tensors().iter().map(convert::SourceTensor::n_weights).sum();
        // Every weight is written, then read back.
        let bar = terminal::progress("weights", 2 * n_weights, false);
        let options =
            WriteOptions { n_threads: self.n_threads(), may_replace: self.force, split_bytes: self.split_size };
        let proof = convert::write(source, plan, destination, options, &|n| {
            bar.inc(n);
            if terminal::is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        bar.finish_and_clear();
        Ok(proof?)
    }
}

/// Tensors, weights and bytes by type.
pub(crate) fn totals_text(source: &dyn Source, plan: &Plan) -> Result<String, Failure> {
    let totals = plan.totals(source)?;
    let width = totals.keys().map(String::len).max().unwrap_or(0).max(10);
    let mut text = format!("{:<width$} {:>7} {:>14} {:>10} {:>6}\n", "type", "tensors", "weights", "bytes", "bits");
    for (name, total) in totals {
        let bits = 8.0 * total.n_bytes as f64 / total.n_weights.max(1) as f64;
        let (n, weights, bytes) = (total.n_tensors, total.n_weights, bytes_text(total.n_bytes));
        text += &format!("{name:<width$} {n:>7} {weights:>14} {bytes:>10} {bits:>6.2}\n");
    }
    Ok(text)
}

/// Tensors, weights and bytes of each type of an output, as a JSON list.
pub(crate) fn totals_json(source: &dyn Source, plan: &Plan) -> Result<Json, Failure> {
    let totals = plan.totals(source)?.into_iter().map(|(name, total)| {
        json!({"type": name, "tensors": total.n_tensors, "weights": total.n_weights, "bytes": total.n_bytes})
    });
    Ok(totals.collect())
}

/// The proof for people.
pub(crate) fn proof_text(proof: &Proof) -> String {
    let types = |class: &ClassProof| {
        if class.from == class.to { class.to.clone() } else { format!("{} → {}", class.from, class.to) }
    };
    let classes = proof.classes();
    let width = classes.iter().map(|class| types(class).chars().count()).max().unwrap_or(0).max(4);
    let shown = |class: &ClassProof| {
        format!(
            "{:<32} {:<width$} {:>9} {:>10.3e} {:>10.5}\n",
            escape(&class.class),
            types(class),
            format!("{}/{}", class.n_exact, class.n_tensors),
            class.loss.error_max,
            class.loss.relative_rmse()
        )
    };
    let header =
        format!("{:<32} {:<width$} {:>9} {:>10} {:>10}\n", "read back", "type", "exact", "max error", "rel. RMSE");
    let rows: String = classes.iter().map(shown).collect();
    let verdict = if proof.is_exact() && proof.changes.is_empty() {
        "every weight is what it was".to_owned()
    } else if proof.is_exact() {
        format!("every weight is what it was but for {}", proof.changes.join(" and "))
    } else {
        format!("largest error {:.3e}, relative RMSE {:.5}", proof.loss().error_max, proof.loss().relative_rmse())
    };
    format!(
        "{header}{rows}{}: {}, {} tensors, {} exact: {verdict}\n",
        escape(&files_text(&proof.files)),
        bytes_text(proof.file_bytes),
        proof.tensors.len(),
        proof.n_exact()
    )
}

/// The file, or the first of several and how many more there are.
fn files_text(files: &[PathBuf]) -> String {
    let first = files.first().map_or_else(String::new, |file| file.display().to_string());
    if files.len() > 1 { format!("{first} and {} more", files.len() - 1) } else { first }
}

fn loss_json(loss: &Loss) -> Json {
    json!({
        "weights": loss.n_weights,
        "changed": loss.n_changed,
        "error_max": loss.error_max,
        "relative_rmse": loss.relative_rmse(),
    })
}

/// The proof for programs.
pub(crate) fn proof_json(proof: &Proof) -> Json {
    let files: Vec<String> = proof.files.iter().map(|file| file.display().to_string()).collect();
    let tensor = |t: &TensorProof| json!({"name": t.name, "from": t.from, "to": t.to, "loss": loss_json(&t.loss)});
    let class = |class: &ClassProof| {
        json!({
            "class": class.class, "from": class.from, "to": class.to,
            "tensors": class.n_tensors, "exact": class.n_exact, "loss": loss_json(&class.loss),
        })
    };
    json!({
        "file": files.first(),
        "files": files,
        "bytes": proof.file_bytes,
        "n_tensors": proof.tensors.len(),
        "n_exact": proof.n_exact(),
        "loss": loss_json(&proof.loss()),
        "changes": proof.changes,
        "classes": proof.classes().iter().map(class).collect::<Vec<_>>(),
        "tensors": proof.tensors.iter().map(tensor).collect::<Vec<_>>(),
    })
}
