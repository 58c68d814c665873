//! Documents in: their formats, their faults, and what became of them.
//!
//! [`load()`] puts a document into a store, whole or (with `commit_every`) up to a line that the report names.
//! [`read()`] hands its facts to any [`Sink`], [`preview`] shows the first of them. Readers and names are
//! arguments: nothing here
//! opens a file. Lines of N-Triples and N-Quads are read in [`lines`](self), the other formats by the oxrdf family.
//!
//! What came in comes out: lexical forms, IRIs and language tags keep their spelling (but for the case of language tags
//! in RDF/XML, which its parser lowers). Blank nodes are scoped to their
//! document ([`Blanks`]).

use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use oxrdf::{GraphName, QuadRef};

use crate::bulk::{BulkOptions, Piece, TERM_BYTES_MAX};
use crate::error::Error;
use crate::prefixes::{Learnt, NAMESPACE, Prefixes};
use crate::source::{Source, SourceError};
use crate::store::{Seq, Store};

mod blanks;
mod cells;
mod documents;
mod format;
mod lines;
mod out;
mod parallel;
mod problem;
mod records;
mod scan;
mod sinks;
mod stream;
mod table;
mod tags;
mod terse;

pub use blanks::{Digest, Scope};
pub use format::Format;
pub use lines::LINE_BYTES_MAX;
pub use problem::{Problem, Reason, Rejected};
pub use records::{Broken, Record, Records};
pub use stream::digest;
pub(crate) use table::FACT;

use cells::Naming;
use out::{Halt, Out, Place};
use sinks::{Changing, Filling};
use stream::{Refused, Stream};

/// What happens to a line or row that is at fault. A document of another format stops at its first fault.
#[derive(Default)]
pub enum Bad<'a> {
    /// The load ends, and nothing of it is kept.
    #[default]
    Stop,
    /// The line is left out and counted.
    Skip,
    /// The line is written here behind a comment with the reason, left out, and counted.
    Quarantine(&'a mut dyn Write),
}

/// Which IRIs are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IriRule {
    /// Those of RFC 3987.
    #[default]
    Strict,
    /// All that have a scheme and no control character, `<` or `>`: `http://a/#b#c`, `http://a/[1]`, `http://a/5%`.
    Keep,
}

/// How blank nodes are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blanks {
    /// By this load: the same document loaded twice has its blank nodes twice, as the standard says.
    #[default]
    Fresh,
    /// By the scope of an earlier load, which this one goes on with.
    Within(Scope),
    /// By the document's content, so that loading it again adds nothing; [`digest`] reads it beforehand.
    Stable(Digest),
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "bytes as the reader gave them, quads as they went on")]
pub struct Progress {
    pub bytes: u64,
    pub quads: u64,
}

/// A context that JSON-LD documents may name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the IRI that documents say, and the JSON that stands for it")]
pub struct Context {
    pub iri: String,
    pub json: Vec<u8>,
}

/// How a document is read.
#[allow(missing_docs, reason = "fields without a comment are named after their types")]
pub struct LoadOptions<'a> {
    /// The format, if neither the document's name nor its first bytes shall decide.
    pub format: Option<Format>,
    /// The IRI that relative ones are resolved against.
    pub base: Option<String>,
    /// The graph of facts that name none.
    pub graph: GraphName,
    /// Whether that graph's facts are removed first, in the same commit.
    pub replace: bool,
    /// Whether a document that names another graph is at fault.
    pub one_graph: bool,
    pub bad: Bad<'a>,
    pub iri: IriRule,
    pub blanks: Blanks,
    /// Commits after so many facts, at the end of a line; what is committed stays when a later line fails.
    pub commit_every: Option<u64>,
    /// The first line that is read, to go on with an earlier load of a format with lines.
    pub from_line: u64,
    pub contexts: Vec<Context>,
    /// Where the facts come from; those of a load with a source go through transactions, which bound their number.
    pub source: Option<Source>,
    /// Prefixes that are known beside the store's: for names in tables, for hints, to tell conflicts.
    pub prefixes: Prefixes,
    /// What stands before a name in a table that is neither an IRI nor has a known prefix.
    pub namespace: String,
    /// How many times its size a compressed document may unpack to, beyond the first MiB.
    pub gzip_ratio_max: u32,
    /// Memory for what is read and not yet written, in bytes.
    pub memory_max: usize,
    /// Threads that read lines, the caller's among them.
    pub threads: usize,
    pub progress: Option<&'a mut dyn FnMut(Progress)>,
    /// Set from anywhere, it ends the load with [`LoadError::Cancelled`].
    pub cancel: Option<&'a AtomicBool>,
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self {
            format: None,
            base: None,
            graph: GraphName::DefaultGraph,
            replace: false,
            one_graph: false,
            bad: Bad::Stop,
            iri: IriRule::Strict,
            blanks: Blanks::Fresh,
            commit_every: None,
            from_line: 1,
            contexts: Vec::new(),
            source: None,
            prefixes: Prefixes::common(),
            namespace: NAMESPACE.to_owned(),
            gzip_ratio_max: 200,
            memory_max: BulkOptions::default().memory_max,
            threads: 1,
            progress: None,
            cancel: None,
        }
    }
}

/// Takes the facts of a document, in its order.
pub trait Sink {
    /// The fact, with its blank nodes named; whether more are wanted.
    fn add(&mut self, quad: QuadRef<'_>) -> Result<ControlFlow<()>, Error>;

    /// Whether [`Self::add_piece`] takes facts that several threads have put into pieces.
    fn takes_pieces(&self) -> bool {
        false
    }

    /// Facts of a piece, in their order.
    fn add_piece(&mut self, _piece: &Piece) -> Result<(), Error> {
        Ok(())
    }

    /// All facts so far may be kept.
    fn commit(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadReport {
    /// The name of the document, as it was given.
    pub document: String,
    /// The format in which it was read.
    pub format: Format,
    /// Facts that it holds, repeated ones counted as often as they stand there.
    pub quads: u64,
    /// Facts with a blank node.
    pub with_blanks: u64,
    /// Bytes as the reader gave them.
    pub bytes: u64,
    /// Lines and rows that were left out.
    pub rejected: Rejected,
    /// Prefixes that it declares, in the order of their names, and whether they were known.
    pub prefixes: Vec<(String, String, Learnt)>,
    /// Where its blank nodes have their names, to go on later.
    pub scope: Scope,
}

/// What became of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadReport {
    /// What was read.
    pub read: ReadReport,
    /// The last commit of facts.
    pub seq: Seq,
    /// Facts that are new.
    pub added: u64,
    /// Facts that the store had, or that the document repeats.
    pub already: u64,
    /// Facts that were removed from the graph that was replaced.
    pub removed: u64,
    /// Whether the blank nodes would be doubled by loading the document again.
    pub doubles_blanks: bool,
}

/// Why a document was not loaded, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A fault of the document.
    #[error("{0}")]
    Invalid(Box<Problem>),
    /// The reader failed, or what it gave is no whole archive.
    #[error("{document}: {source}")]
    Read {
        /// The name of the document.
        document: String,
        /// What the reader said.
        source: io::Error,
    },
    /// A format that nothing tells.
    #[error("{document}: neither its name nor its first line tells the format; it may be {}", formats())]
    UnknownFormat {
        /// The name of the document.
        document: String,
    },
    /// A base that is no IRI.
    #[error("the base {base:?} is no IRI: {why}")]
    Base {
        /// The base, as it was given.
        base: String,
        /// What is wrong with it.
        why: String,
    },
    /// Options that contradict each other.
    #[error("{0}")]
    Options(&'static str),
    /// A document whose content is not the one that names its blank nodes.
    #[error("{document}: the content changed since its digest was taken; nothing was loaded")]
    Changed {
        /// The name of the document.
        document: String,
    },
    /// The caller's flag was set.
    #[error("{document}: cancelled; nothing was loaded")]
    Cancelled {
        /// The name of the document.
        document: String,
    },
    /// Rejected lines that could not be written.
    #[error("rejected lines cannot be written: {0}")]
    Quarantine(#[source] io::Error),
    /// What the store says.
    #[error(transparent)]
    Store(#[from] Error),
    /// A source that cannot be kept.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A load with `commit_every` that ended early; its first facts are kept.
    #[error("{cause}; {quads} facts up to {} are committed (blank nodes within {})", place(*line), scope.to_hex())]
    Partly {
        /// Why it ended.
        cause: Box<LoadError>,
        /// Facts that are committed.
        quads: u64,
        /// The last line that is committed: `from_line` is the next; 0 where the format has no lines.
        line: u64,
        /// Where blank nodes have their names: `blanks` of a load that goes on.
        scope: Scope,
    },
}

fn formats() -> String {
    let named = Format::all().map(|format| format!("{format} (.{})", format.extensions()[0]));
    named.collect::<Vec<_>>().join(", ")
}

fn place(line: u64) -> String {
    if line == 0 { "there".to_owned() } else { format!("line {line}") }
}

/// Loads a document into the store: all of it in one commit, or nothing. New prefixes follow in a commit of their own.
///
/// # Errors
/// The first fault that the options do not allow; with `commit_every` as [`LoadError::Partly`] once something is kept.
pub fn load(
    store: &Store,
    document: &str,
    reader: &mut dyn Read,
    mut options: LoadOptions<'_>,
) -> Result<LoadReport, LoadError> {
    if options.replace && options.commit_every.is_some() {
        return Err(LoadError::Options("a graph is replaced in one commit; commit_every would make it several"));
    }
    let snapshot = store.snapshot()?;
    let scope = scope(&options, snapshot.seq(), document);
    let mut known = Prefixes::of(&snapshot)?;
    options.prefixes.declared().for_each(|(name, iri)| drop(known.learn(name, iri)));
    options.prefixes = known;
    drop(snapshot);
    let doubles = options.blanks == Blanks::Fresh;
    let (read, seq, added, already, removed) = if options.replace || options.source.is_some() {
        let replaced = options.replace.then_some(&options.graph);
        let cancel = options.cancel;
        let go_on = || match cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => {
                Err(LoadError::Cancelled { document: document.to_owned() })
            }
            _ => Ok(()),
        };
        let mut sink = Changing::begin(store, replaced, options.source.take(), &go_on)?;
        let read = run(document, reader, options, scope, &mut sink)?;
        let (added, already, removed) = (sink.added, sink.already, sink.removed);
        (read, sink.finish()?, added, already, removed)
    } else {
        let mut sink = Filling::begin(store, options.memory_max)?;
        let read = run(document, reader, options, scope, &mut sink)?;
        let report = sink.finish()?;
        (read, report.seq, report.added, report.already, 0)
    };
    let is_new = |prefix: &&(String, String, Learnt)| prefix.2 == Learnt::New;
    if read.prefixes.iter().any(|prefix| is_new(&prefix)) {
        let mut writer = store.begin()?;
        read.prefixes.iter().filter(is_new).for_each(|(name, iri, _)| Prefixes::keep(&mut writer, name, Some(iri)));
        writer.commit()?;
    }
    let doubles_blanks = doubles && read.with_blanks > 0;
    Ok(LoadReport { read, seq, added, already, removed, doubles_blanks })
}

/// Reads a document and hands its facts on; `load` names it among all loads, for its blank nodes.
///
/// # Errors
/// The first fault that the options do not allow.
pub fn read(
    document: &str,
    reader: &mut dyn Read,
    options: LoadOptions<'_>,
    load: Seq,
    sink: &mut dyn Sink,
) -> Result<ReadReport, LoadError> {
    let scope = scope(&options, load, document);
    run(document, reader, options, scope, sink)
}

/// The first facts of a document, for a look before it is loaded; what follows them is not read.
///
/// # Errors
/// A fault before the last of them that the options do not allow.
pub fn preview(
    document: &str,
    reader: &mut dyn Read,
    options: LoadOptions<'_>,
    n_quads: usize,
) -> Result<Vec<oxrdf::Quad>, LoadError> {
    struct First(Vec<oxrdf::Quad>, usize);
    impl Sink for First {
        fn add(&mut self, quad: QuadRef<'_>) -> Result<ControlFlow<()>, Error> {
            if self.0.len() < self.1 {
                self.0.push(quad.into_owned());
            }
            Ok(if self.0.len() < self.1 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        }
    }
    let mut first = First(Vec::new(), n_quads);
    read(document, reader, LoadOptions { commit_every: None, ..options }, Seq(0), &mut first)?;
    Ok(first.0)
}

fn scope(options: &LoadOptions<'_>, seq: Seq, document: &str) -> Scope {
    match options.blanks {
        Blanks::Fresh => Scope::of_load(&format!("{} {document}", seq.0)),
        Blanks::Within(scope) => scope,
        Blanks::Stable(digest) => Scope::of_content(digest),
    }
}

/// What a failure of a stream means.
fn broken(document: &str, error: io::Error) -> LoadError {
    let document = document.to_owned();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Refused>()) {
        Some(Refused::Cancelled) => LoadError::Cancelled { document },
        _ => LoadError::Read { document, source: error },
    }
}

fn run(
    document: &str,
    reader: &mut dyn Read,
    mut options: LoadOptions<'_>,
    scope: Scope,
    sink: &mut dyn Sink,
) -> Result<ReadReport, LoadError> {
    let is_stable = matches!(options.blanks, Blanks::Stable(_));
    let ratio_max = u64::from(options.gzip_ratio_max.max(1));
    let mut stream = Stream::open(reader, options.cancel, ratio_max, is_stable).map_err(|e| broken(document, e))?;
    let unknown = || LoadError::UnknownFormat { document: document.to_owned() };
    let told = options.format.or_else(|| Format::from_name(document));
    let format = match told.or_else(|| Format::from_content(stream.start())).ok_or_else(unknown)? {
        // A fourth term is a fault of its line then.
        Format::NQuads if options.one_graph => Format::NTriples,
        format => format,
    };
    let mut out = Out {
        document,
        sink,
        bad: &mut options.bad,
        iri: options.iri,
        one_graph: options.one_graph,
        place: Place::new(scope, options.graph),
        commit_every: options.commit_every,
        progress: &mut options.progress,
        cancel: options.cancel,
        bytes: stream.count(),
        n_quads: 0,
        n_with_blanks: 0,
        rejected: Rejected::default(),
        n_committed: 0,
        line_committed: 0,
    };
    let mut declared = Vec::new();
    let base = options.base.as_deref();
    let broken = |e| broken(document, e);
    let naming = Naming { prefixes: &options.prefixes, namespace: &options.namespace, rule: options.iri };
    let ended = match format {
        Format::NTriples | Format::NQuads
            if options.threads > 1 && options.commit_every.is_none() && out.sink.takes_pieces() =>
        {
            let size = (options.threads, parallel::piece_bytes(options.threads, options.memory_max));
            parallel::read(&mut stream, format.has_graphs(), options.from_line, size, &mut out, broken)
        }
        Format::NTriples | Format::NQuads => {
            lines::read(&mut stream, format.has_graphs(), options.from_line, &mut out, broken)
        }
        Format::Turtle | Format::TriG => {
            let terse = terse::Terse { with_graphs: format.has_graphs(), base, known: &options.prefixes };
            terse.read(&mut stream, &mut out, &mut declared, broken)
        }
        Format::JsonLd => documents::read_json(&mut stream, base, &options.contexts, &mut out, &mut declared, broken),
        Format::RdfXml => documents::read_xml(&mut stream, base, &mut out, broken),
        Format::Csv => table::read(&mut stream, b',', options.from_line, naming, &mut out, broken),
        Format::Tsv => table::read(&mut stream, b'\t', options.from_line, naming, &mut out, broken),
        Format::JsonLines => table::read_json(&mut stream, options.from_line, naming, &mut out, broken),
    };
    out.tell();
    let (n_committed, line_committed) = (out.n_committed, out.line_committed);
    let (quads, with_blanks, rejected) = (out.n_quads, out.n_with_blanks, std::mem::take(&mut out.rejected));
    let ended = match ended {
        Ok(()) => check_content(&mut stream, document, options.blanks),
        Err(Halt::Enough) => Ok(()),
        Err(Halt::Error(e)) => Err(e),
    };
    if let Err(cause) = ended {
        return Err(match n_committed {
            0 => cause,
            quads => LoadError::Partly { cause: Box::new(cause), quads, line: line_committed, scope },
        });
    }
    declared.sort();
    let mut known = options.prefixes;
    let learn = |(name, iri): (String, String)| {
        let learnt = known.learn(&name, &iri);
        (name, iri, learnt)
    };
    let prefixes = declared.into_iter().map(learn).collect();
    let (document, bytes) = (document.to_owned(), stream.count().n_bytes());
    Ok(ReadReport { document, format, quads, with_blanks, bytes, rejected, prefixes, scope })
}

/// Refuses a document that is not the one whose digest names its blank nodes.
fn check_content(stream: &mut Stream<'_>, document: &str, blanks: Blanks) -> Result<(), LoadError> {
    io::copy(stream, &mut io::sink()).map_err(|e| broken(document, e))?;
    match blanks {
        Blanks::Stable(expected) if stream::digest_of(stream.hash()) != expected => {
            Err(LoadError::Changed { document: document.to_owned() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
