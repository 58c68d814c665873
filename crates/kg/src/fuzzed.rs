//! What must hold for every input, called by the fuzz targets and by tests.

#![allow(clippy::expect_used, reason = "an oracle panics where what must hold does not")]

use std::cell::OnceCell;

use crate::block;
use crate::dictionary::fences::sealed;
use crate::dictionary::page::Page;
use crate::dictionary::spelling::Parts;
use crate::export::{ExportOptions, export};
use crate::load::{Bad, Blanks, Digest, Format, IriRule, LoadOptions, load};
use crate::prefixes::Prefixes;
use crate::query::{self, Answer, Engine, Limits, Options, QueryError, Stop};
use crate::simple::Names;
use crate::store::Store;

/// Reads the bytes behind a right checksum as a block of rows and as a page of terms, as a store does with what a file
/// holds: rows that are read are what their own block says, and each spelling is where the page says it is.
///
/// # Panics
///
/// If that does not hold.
pub fn stored(data: &[u8]) {
    let bytes = sealed(data.to_vec());
    if let Ok(rows) = block::decode(&bytes) {
        let mut again = Vec::new();
        block::encode(&rows, &mut again);
        assert_eq!(block::decode(&again).as_deref(), Ok(&rows[..]), "rows changed");
    }
    let Ok(page) = Page::read(&bytes) else { return };
    let mut spellings = Vec::new();
    let whole = page.each(|spelling| spellings.push(spelling.to_vec()));
    for (i, spelling) in spellings.iter().enumerate() {
        assert_eq!(page.get(i).as_ref(), Ok(spelling), "spelling {i}");
        if let Some(parts) = Parts::read(spelling) {
            let mut written = Vec::new();
            if parts.write(&mut written).is_ok() {
                assert_eq!(Parts::read(&written).map(Parts::to_term), Some(parts.to_term()), "the term changed");
            }
        }
    }
    if whole.is_ok() && spellings.is_sorted_by(|a, b| a < b) {
        assert_eq!(spellings.len(), page.len(), "all spellings were read");
        for (i, spelling) in spellings.iter().enumerate() {
            assert_eq!(page.find(spelling), Ok(Some(i)), "the place of spelling {i}");
        }
    }
}

/// Loads a document: what is refused leaves nothing, what is accepted is the same facts when faulty lines are skipped,
/// and as many when it is exported and loaded again. A control character in front names the format; without one the
/// text decides.
///
/// # Panics
///
/// If that does not hold.
pub fn document(data: &[u8]) {
    let (format, document) = match data.split_first() {
        Some((&first @ ..b' ', rest)) => (Format::all().nth(usize::from(first) % Format::all().count()), rest),
        _ => (None, data),
    };
    let Some(facts) = loaded(document, format, Bad::Stop) else {
        let _ = loaded(document, format, Bad::Skip);
        return;
    };
    assert_eq!(loaded(document, format, Bad::Skip).as_ref(), Some(&facts), "skipping changed what has no fault");
    let again = loaded(&facts, Some(Format::NQuads), Bad::Stop);
    assert_eq!(again.map(|again| again.len()), Some(facts.len()), "the length of what was exported");
}

/// The facts of a document as N-Quads, or none if it is refused.
fn loaded(mut document: &[u8], format: Option<Format>, bad: Bad<'_>) -> Option<Vec<u8>> {
    let store = Store::in_memory();
    let blanks = Blanks::Stable(Digest([0; 32]));
    let options = LoadOptions { format, bad, blanks, iri: IriRule::Keep, ..LoadOptions::default() };
    let report = load(&store, "fuzz", &mut document, options);
    let snapshot = store.snapshot().expect("a snapshot in memory");
    let mut facts = Vec::new();
    let written = export(&snapshot, &mut facts, ExportOptions::new(Format::NQuads)).expect("N-Quads say everything");
    match report {
        Ok(report) => {
            assert_eq!(report.added, written, "facts that are new in an empty store");
            Some(facts)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty(), "a reason");
            assert_eq!(written, 0, "a refused document left facts");
            None
        }
    }
}

/// Asks a small graph, in SPARQL and in the simple language: each evaluator answers or says why not, and what the
/// simple language makes of a question is SPARQL.
///
/// # Panics
///
/// If that does not hold.
pub fn question(data: &[u8]) {
    thread_local! {
        static GRAPH: OnceCell<(Store, Prefixes)> = const { OnceCell::new() };
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    GRAPH.with(|graph| {
        let (store, prefixes) = graph.get_or_init(graph_of_questions);
        let snapshot = store.snapshot().expect("a snapshot in memory");
        for engine in [Engine::Own, Engine::Complete] {
            if let Err(error) = query::answer(&snapshot, text, &limited(engine)).and_then(count) {
                assert!(!error.to_string().is_empty(), "a reason");
            }
        }
        let names = Names::of(&snapshot, &Limits::default()).expect("few names");
        if let Ok(question) = names.question(text, prefixes, &snapshot) {
            match query::answer(&snapshot, &question.sparql, &limited(Engine::Any)).and_then(count) {
                Ok(_) | Err(QueryError::Limit { .. }) => {}
                Err(error) => panic!("{error}:\n{}", question.sparql),
            }
        }
    });
}

fn graph_of_questions() -> (Store, Prefixes) {
    const FACTS: &str = "@prefix : <http://a/> .
        :a :p :b , :c ; :q 1 , 2.5 , \"x\" , \"y\"@en . :b :p :c ; :q 1 . :c :p :a ; :name \"Cee\" . :d :q true , \"1\" .";
    let store = Store::in_memory();
    load(&store, "facts.ttl", &mut FACTS.as_bytes(), LoadOptions::default()).expect("a right document");
    let prefixes = Prefixes::of(&store.snapshot().expect("a snapshot in memory")).expect("prefixes");
    (store, prefixes)
}

fn limited(engine: Engine) -> Options {
    /// How many times a query may ask whether it must stop.
    const ASKS_MAX: u32 = 20;
    let asked = std::sync::atomic::AtomicU32::new(0);
    let stop = Stop::when(move || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= ASKS_MAX);
    let limits = Limits { stop, rows_max: 20_000, memory_max: 16 << 20, path_steps_max: 10_000 };
    Options { limits, engine, ..Options::default() }
}

/// How many rows or triples an answer has, once the last of them was computed.
fn count(answer: Answer) -> Result<usize, QueryError> {
    match answer {
        Answer::Truth(_) => Ok(1),
        Answer::Rows(rows) => rows.map(|row| row.map(drop)).collect::<Result<Vec<()>, _>>().map(|rows| rows.len()),
        Answer::Triples(triples) => {
            triples.map(|triple| triple.map(drop)).collect::<Result<Vec<()>, _>>().map(|triples| triples.len())
        }
    }
}
