//! `trinity kg`: a knowledge graph in one file, which keeps what it is told.

mod change;
mod export;
mod keep;
mod likely;
mod load;
mod query;
mod repl;
mod serve;
mod show;
mod words;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use kg::{
    Prefixes, Store,
    query::{Limits, Options, Stop},
};

use crate::{
    cli::group,
    commands::serve::{LIMIT_MIB, LIMIT_SECONDS},
    failure::{Failure, Kind},
    terminal,
};

/// MiB that a query or update may hold where --limit-memory says nothing.
const LIMIT_MEMORY: u32 = 4096;

/// Arguments of `kg`.
#[derive(Args)]
#[command(next_help_heading = group::KNOWLEDGE)]
pub(crate) struct KgArgs {
    /// The file of the graph; add, load and update make it
    #[arg(long, value_name = "FILE", global = true, env = "TRINITY_KG")]
    db: Option<PathBuf>,
    #[arg(help = format!("Seconds after which a query or update ends [default: no limit; of serve {LIMIT_SECONDS}]"), long, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..))]
    limit_time: Option<u32>,
    #[arg(help = format!("MiB that a query or update may hold [default: {LIMIT_MEMORY}; of serve {LIMIT_MIB}]"), long, value_name = "MIB", global = true, value_parser = clap::value_parser!(u32).range(1..))]
    limit_memory: Option<u32>,
    /// As JSON
    #[arg(help_heading = group::OUTPUT, long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<KgCommand>,
}

#[derive(Subcommand)]
enum KgCommand {
    /// Add a fact: subject, predicate, object
    Add(change::AddArgs),
    /// Ask in SPARQL, or in patterns such as '?x capitalOf France'
    Query(query::QueryArgs),
    /// Change facts by a SPARQL update
    Update(change::UpdateArgs),
    /// Load documents: N-Triples, N-Quads, Turtle, TriG, JSON-LD, RDF/XML, CSV, TSV, JSON lines; also compressed
    Load(load::LoadArgs),
    /// Write facts into a file, or to standard output
    Export(export::ExportArgs),
    /// Remove the facts that a pattern names, or that come from one source
    Rm(change::RemoveArgs),
    /// Say where a fact comes from
    Why(change::WhyArgs),
    /// Find the shortest ways from one thing to another
    Path(query::PathArgs),
    /// Tell what is alike: what shares its neighbours
    Similar(likely::SimilarArgs),
    /// Train a model of the graph, for complete
    Train(likely::TrainArgs),
    /// Predict what is likely though nobody said it; ? is the place to fill
    Complete(likely::CompleteArgs),
    /// Say what the graph has: facts, terms, predicates
    Stats(keep::StatsArgs),
    /// Read every block of the file and compare its checksums and orders
    Verify,
    /// Put what changed since the last merge into blocks
    Merge(keep::MergeArgs),
    /// Write a copy of the last commit into a new file
    Backup(keep::BackupArgs),
    /// Answer SPARQL over HTTP: /kg/NAME/sparql and /kg/NAME/data
    Serve(Box<serve::ServeArgs>),
    /// Type queries, one after the other
    Repl,
}

/// What all commands know.
struct Context<'a> {
    args: &'a KgArgs,
}

/// Runs the command that was asked for.
pub(crate) fn run(args: &KgArgs) -> Result<(), Failure> {
    let context = Context { args };
    if let Some(KgCommand::Serve(args)) = &args.command {
        // It stops by signals of its own.
        return serve::run(&context, args);
    }
    terminal::catch_interrupt()?;
    match &args.command {
        Some(KgCommand::Add(args)) => change::add(&context, args),
        Some(KgCommand::Query(args)) => query::run(&context, args),
        Some(KgCommand::Update(args)) => change::update(&context, args),
        Some(KgCommand::Load(args)) => load::run(&context, args),
        Some(KgCommand::Export(args)) => export::run(&context, args),
        Some(KgCommand::Rm(args)) => change::remove(&context, args),
        Some(KgCommand::Why(args)) => change::why(&context, args),
        Some(KgCommand::Path(args)) => query::path(&context, args),
        Some(KgCommand::Similar(args)) => likely::similar(&context, args),
        Some(KgCommand::Train(args)) => likely::train(&context, args),
        Some(KgCommand::Complete(args)) => likely::complete(&context, args),
        Some(KgCommand::Stats(args)) => keep::stats(&context, args),
        Some(KgCommand::Verify) => keep::verify(&context),
        Some(KgCommand::Merge(args)) => keep::merge(&context, args),
        Some(KgCommand::Backup(args)) => keep::backup(&context, args),
        Some(KgCommand::Serve(args)) => serve::run(&context, args),
        Some(KgCommand::Repl) | None => repl::run(&context),
    }
}

impl Context<'_> {
    fn path(&self) -> Result<&PathBuf, Failure> {
        self.args.db.as_ref().ok_or_else(|| {
            Failure::usage("no graph is named").with_hint("--db FILE, or the environment variable TRINITY_KG")
        })
    }

    /// The graph, which must be there.
    fn open(&self) -> Result<Store, Failure> {
        super::serve::open_graph(self.path()?)
    }

    /// The graph, which is made if it is not there.
    fn open_or_make(&self) -> Result<Store, Failure> {
        Ok(Store::open(self.path()?, kg::store::Options::default())?)
    }

    /// How queries run: Ctrl-C and the limits end them.
    fn options(&self, prefixes: &Prefixes) -> Options {
        let end = self.args.limit_time.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
        let stop = Stop::when(move || terminal::is_interrupted() || end.is_some_and(|end| Instant::now() >= end));
        Options {
            limits: Limits {
                stop,
                memory_max: u64::from(self.args.limit_memory.unwrap_or(LIMIT_MEMORY)) << 20,
                ..Limits::default()
            },
            prefixes: prefixes.iter().map(|(name, iri)| (name.to_owned(), iri.to_owned())).collect(),
            ..Options::default()
        }
    }
}

impl From<kg::Error> for Failure {
    fn from(error: kg::Error) -> Self {
        let kind = match &error {
            kg::Error::Busy | kg::Error::Locked { .. } => Kind::Busy,
            _ => Kind::Failure,
        };
        Self::new(kind, crate::failure::chain(&error))
    }
}

impl From<kg::source::SourceError> for Failure {
    fn from(error: kg::source::SourceError) -> Self {
        match error {
            kg::source::SourceError::Store(error) => error.into(),
            error => Self::new(Kind::Failure, crate::failure::chain(&error)),
        }
    }
}

impl From<kg::query::QueryError> for Failure {
    fn from(error: kg::query::QueryError) -> Self {
        match error {
            kg::query::QueryError::Store(error) => error.into(),
            _ if terminal::is_interrupted() => Self::interrupted(),
            error => Self::new(Kind::Failure, crate::failure::chain(&error)),
        }
    }
}
