//! `trinity kg load`: documents into the graph.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use clap::{Args, ValueEnum};
use kg::{
    LoadOptions, LoadReport,
    load::{self, Bad, Blanks, Format, IriRule},
    prefixes::Learnt,
};
use oxrdf::{GraphName, NamedNode};
use serde_json::json;

use super::{Context, change, words};
use crate::{cli::group, failure::Failure, terminal};

/// A load of so many facts leaves enough of the file free that giving it back pays.
const COMPACT_FACTS_MIN: u64 = 100_000;

/// Arguments of `kg load`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(super) struct LoadArgs {
    /// Documents; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Their format, if their names do not tell it: nt, nq, ttl, trig, jsonld, rdf, csv, tsv, jsonl
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// The graph of facts that name none [default: the default graph]
    #[arg(long, value_name = "IRI")]
    graph: Option<String>,
    /// Remove that graph's facts first, in the same commit
    #[arg(long)]
    replace: bool,
    /// The IRI that relative ones are resolved against
    #[arg(long, value_name = "IRI")]
    base: Option<String>,
    /// What happens to a line or row at fault: stop, skip it, or write it to FILE.rejected
    #[arg(long, value_name = "WHAT", default_value = "stop")]
    bad: BadArg,
    /// Which IRIs are accepted: strict, or keep all that can be told apart
    #[arg(long, value_name = "RULE", default_value = "strict")]
    iri: IriArg,
    /// Blank nodes: fresh ones in each load, or stable by the document's content
    #[arg(long, value_name = "HOW", default_value = "fresh")]
    bnodes: BlanksArg,
    /// Say of each fact that it comes from here: a document, a person
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Print the first ten facts and load nothing
    #[arg(long)]
    dry_run: bool,
    /// Commit after so many facts, so that a load that ends early can go on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    commit_every: Option<u64>,
    /// The first line that is read, to go on with a load
    #[arg(long, value_name = "LINE", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from_line: u64,
    /// MiB for what is read and not yet written; more goes to files beside the graph
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..))]
    memory: u32,
    /// Contexts that JSON-LD documents may name: IRI=FILE
    #[arg(long, value_name = "IRI=FILE")]
    context: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum BadArg {
    Stop,
    Skip,
    Quarantine,
}

#[derive(Clone, Copy, ValueEnum)]
enum IriArg {
    Strict,
    Keep,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum BlanksArg {
    Fresh,
    Stable,
}

/// Facts that a dry run prints.
const DRY_FACTS: usize = 10;

/// Loads the documents, one after the other.
pub(super) fn run(context: &Context<'_>, args: &LoadArgs) -> Result<(), Failure> {
    if args.replace && args.files.len() > 1 {
        return Err(Failure::usage("--replace with several files would keep only the last; load them one by one"));
    }
    if args.dry_run {
        return args.files.iter().try_for_each(|path| dry_run(args, path));
    }
    let store = context.open_or_make()?;
    let mut reports = Vec::new();
    let (mut rejected, mut loaded) = (0, 0);
    for path in &args.files {
        let report = one(&store, args, path)?;
        rejected += report.read.rejected.total();
        if context.args.json {
            reports.push(as_json(&report));
        } else {
            terminal::say(&text(&report));
        }
        loaded += report.read.quads;
        if store.wants_merge() {
            store.merge()?;
        }
    }
    if loaded >= COMPACT_FACTS_MIN {
        store.compact()?;
    }
    if context.args.json {
        terminal::put_json(&reports)?;
    }
    // What is left out was allowed to be, so the load has succeeded; what was put aside is told once more.
    if rejected > 0 && !matches!(args.bad, BadArg::Skip) {
        terminal::warn(&format!("{rejected} lines were rejected"));
    }
    Ok(())
}

fn one(store: &kg::Store, args: &LoadArgs, path: &Path) -> Result<LoadReport, Failure> {
    let name = path.display().to_string();
    let (mut reader, length) = opened(path)?;
    let mut options = options(args)?;
    let snapshot = store.snapshot()?;
    options.prefixes = words::prefixes(&snapshot)?;
    if args.bnodes == BlanksArg::Stable {
        if is_stdin(path) {
            return Err(Failure::usage("--bnodes stable reads a document twice, which standard input cannot be"));
        }
        let (mut first, _) = opened(path)?;
        options.blanks = Blanks::Stable(load::digest(&mut first, options.gzip_ratio_max)?);
    }
    let mut quarantine = match args.bad {
        BadArg::Quarantine => Some(BufWriter::new(File::create(rejected_path(path))?)),
        _ => None,
    };
    options.bad = match (&mut quarantine, args.bad) {
        (Some(writer), _) => Bad::Quarantine(writer),
        (None, BadArg::Skip) => Bad::Skip,
        (None, _) => Bad::Stop,
    };
    let bar = terminal::progress(&name, length.unwrap_or(0), true);
    let cancel = AtomicBool::new(false);
    let mut progress = |so_far: load::Progress| {
        bar.set_position(so_far.bytes);
        bar.set_message(format!("{} facts", so_far.quads));
        if terminal::is_interrupted() {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    options.progress = Some(&mut progress);
    options.cancel = Some(&cancel);
    let loaded = load::load(store, &name, &mut reader, options);
    bar.finish_and_clear();
    let report = loaded.map_err(failure)?;
    if let Some(mut writer) = quarantine {
        writer.flush()?;
        drop(writer);
        if report.read.rejected.total() == 0 {
            std::fs::remove_file(rejected_path(path))?;
        }
    }
    Ok(report)
}

fn failure(error: load::LoadError) -> Failure {
    match error {
        load::LoadError::Store(error) => error.into(),
        load::LoadError::Cancelled { .. } => Failure::interrupted(),
        error => Failure::new(crate::failure::Kind::Failure, crate::failure::chain(&error)),
    }
}

fn options<'a>(args: &LoadArgs) -> Result<LoadOptions<'a>, Failure> {
    let format = match &args.format {
        None => None,
        Some(name) => {
            let format = Format::from_name(name).or_else(|| Format::from_extension(name));
            Some(format.ok_or_else(|| {
                let known: Vec<&str> = Format::all().map(|format| format.extensions()[0]).collect();
                Failure::usage(format!("there is no format {name}; there are {}", known.join(", ")))
            })?)
        }
    };
    let graph = match &args.graph {
        None => GraphName::DefaultGraph,
        Some(iri) => NamedNode::new(iri).map_err(|why| Failure::usage(format!("--graph {iri}: {why}")))?.into(),
    };
    let mut contexts = Vec::new();
    for text in &args.context {
        let (iri, path) =
            text.rsplit_once('=').ok_or_else(|| Failure::usage(format!("--context {text}: expected IRI=FILE")))?;
        let json = std::fs::read(path).map_err(|why| Failure::usage(format!("{path}: {why}")))?;
        contexts.push(load::Context { iri: iri.to_owned(), json });
    }
    Ok(LoadOptions {
        format,
        graph,
        contexts,
        base: args.base.clone(),
        source: args.source.as_deref().map(change::source),
        replace: args.replace,
        iri: match args.iri {
            IriArg::Strict => IriRule::Strict,
            IriArg::Keep => IriRule::Keep,
        },
        commit_every: args.commit_every,
        from_line: args.from_line,
        memory_max: (args.memory as usize) << 20,
        threads: kernels::default_threads(),
        ..LoadOptions::default()
    })
}

fn dry_run(args: &LoadArgs, path: &Path) -> Result<(), Failure> {
    let (mut reader, _) = opened(path)?;
    let name = path.display().to_string();
    let quads = load::preview(&name, &mut reader, options(args)?, DRY_FACTS).map_err(failure)?;
    terminal::put(&quads.iter().map(|quad| format!("{quad} .\n")).collect::<String>())
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A document, and its length if that is known.
fn opened(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if is_stdin(path) {
        return Ok((Box::new(io::stdin().lock()), None));
    }
    let failed = |why: io::Error| Failure::usage(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    Ok((Box::new(file), Some(length)))
}

fn rejected_path(path: &Path) -> PathBuf {
    let mut name = if is_stdin(path) { "stdin".into() } else { path.as_os_str().to_owned() };
    name.push(".rejected");
    PathBuf::from(name)
}

fn text(report: &LoadReport) -> String {
    let read = &report.read;
    let mut text = format!(
        "{}: {} facts in {}, {} of them new",
        terminal::escape(&read.document),
        read.quads,
        read.format,
        report.added
    );
    if report.already > 0 {
        text += &format!(", {} known", report.already);
    }
    if report.removed > 0 {
        text += &format!(", {} removed", report.removed);
    }
    for (reason, count) in read.rejected.counts() {
        text += &format!("\n  {count} rejected: {}", reason.name());
    }
    for problem in read.rejected.first().iter().take(3) {
        text += &format!("\n  {}", terminal::escape(&problem.to_string()));
    }
    for (name, _, learnt) in &read.prefixes {
        if let Learnt::Conflict { kept } = learnt {
            text += &format!("\n  {name}: stays the prefix of {kept}");
        }
    }
    if report.doubles_blanks {
        text += "\n  loading it again would double its blank nodes; --bnodes stable would not";
    }
    text + "\n"
}

fn as_json(report: &LoadReport) -> serde_json::Value {
    let read = &report.read;
    let rejected: serde_json::Map<String, serde_json::Value> =
        read.rejected.counts().map(|(reason, count)| (reason.name().to_owned(), count.into())).collect();
    json!({
        "document": read.document, "format": read.format.to_string(), "facts": read.quads, "added": report.added,
        "known": report.already, "removed": report.removed, "rejected": rejected, "seq": report.seq.0,
    })
}
