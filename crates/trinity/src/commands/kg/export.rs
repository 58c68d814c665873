//! `trinity kg export`: facts out of the graph.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::Args;
use kg::{
    Snapshot,
    export::{ExportError, ExportOptions, export},
    load::Format,
    query::{self, QueryError},
};
use oxrdf::NamedNode;

use super::{Context, words};
use crate::{
    cli::group,
    commands::whole_file,
    failure::{Failure, Kind},
    terminal,
};

/// Arguments of `kg export`.
#[derive(Args)]
#[command(next_help_heading = group::OUTPUT)]
pub(super) struct ExportArgs {
    /// The new file, whose name tells the format [default: standard output, N-Quads]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Format: nt, nq, ttl, trig, jsonld, csv, tsv, jsonl
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// This graph alone, as if it were the default one
    #[arg(long, value_name = "IRI")]
    graph: Option<String>,
    /// Instead of the facts, where they come from, in the words of PROV-O
    #[arg(long, conflicts_with = "graph")]
    provenance: bool,
}

/// Writes the facts: a file appears whole or not at all.
pub(super) fn run(context: &Context<'_>, args: &ExportArgs) -> Result<(), Failure> {
    let snapshot = context.open()?.snapshot()?;
    let by_name = args.file.as_ref().and_then(|path| path.extension()?.to_str()).and_then(Format::from_extension);
    let format = match (&args.format, by_name, &args.file) {
        (Some(name), ..) => Format::from_name(name)
            .or_else(|| Format::from_extension(name))
            .ok_or_else(|| Failure::usage(format!("there is no format {name}")))?,
        (None, Some(format), _) => format,
        (None, None, None) => Format::NQuads,
        (None, None, Some(path)) => {
            let path = path.display();
            return Err(Failure::usage(format!("{path}: the name tells no format; --format does")));
        }
    };
    if args.provenance {
        return provenance(&snapshot, args, format);
    }
    let cancel = AtomicBool::new(false);
    let bar = terminal::progress("facts", snapshot.len(), false);
    let mut progress = |quads: u64| {
        bar.set_position(quads);
        cancel.store(terminal::is_interrupted(), Ordering::Relaxed);
    };
    let mut options = ExportOptions::new(format);
    options.prefixes = words::prefixes(&snapshot)?;
    options.graph = match &args.graph {
        None => None,
        Some(iri) => Some(NamedNode::new(iri).map_err(|why| Failure::usage(format!("--graph {iri}: {why}")))?.into()),
    };
    options.progress = Some(&mut progress);
    options.cancel = Some(&cancel);
    let written = match &args.file {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            export(&snapshot, &mut out, options).and_then(|n| flushed(&mut out, n)).map_err(Unwritten::Export)
        }
        Some(path) => whole_file::write(path, |out| {
            export(&snapshot, &mut *out, options).and_then(|n| flushed(out, n)).map_err(Unwritten::Export)
        }),
    };
    bar.finish_and_clear();
    let n = written.map_err(|why| match (why, &args.file) {
        (Unwritten::Export(why), _) => failure(why),
        (Unwritten::File(why), Some(path)) => Failure::new(Kind::Failure, format!("{}: {why}", path.display())),
        (Unwritten::File(why), None) => why.into(),
    })?;
    if args.file.is_some() {
        terminal::say(&format!("{n} facts in {format}\n"));
    }
    Ok(())
}

/// Writes where facts come from.
fn provenance(snapshot: &Snapshot, args: &ExportArgs, format: Format) -> Result<(), Failure> {
    let quads = kg::provenance::quads(snapshot)?;
    let mut quads = quads.map(|quad| quad.map_err(QueryError::from)).take_while(|_| !terminal::is_interrupted());
    let mut write = |out: &mut dyn Write| -> Result<u64, Failure> {
        let n = query::write_quads(&mut quads, out, format)?;
        out.flush()?;
        if terminal::is_interrupted() { Err(Failure::interrupted()) } else { Ok(n) }
    };
    match &args.file {
        None => write(&mut BufWriter::new(io::stdout().lock())).map(drop),
        Some(path) => {
            let n = whole_file::write(path, |out| write(out))?;
            terminal::say(&format!("{n} facts about sources in {format}\n"));
            Ok(())
        }
    }
}

/// Why there is no file.
enum Unwritten {
    Export(ExportError),
    File(io::Error),
}

impl From<io::Error> for Unwritten {
    fn from(why: io::Error) -> Self {
        Self::File(why)
    }
}

fn flushed(out: &mut impl Write, quads: u64) -> Result<u64, ExportError> {
    out.flush().map_err(|source| ExportError::Write { quads, source })?;
    Ok(quads)
}

fn failure(error: ExportError) -> Failure {
    match error {
        ExportError::Cancelled { .. } => Failure::interrupted(),
        ExportError::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => source.into(),
        error => Failure::new(Kind::Failure, crate::failure::chain(&error)),
    }
}
