//! Lines of N-Triples and N-Quads on several threads, into a bulk in their order.
//!
//! In each round a piece per thread is scanned, while the caller's thread hands the pieces of the round before to the
//! bulk and reads the next ones. The facts, their order, and which fault ends the load are those of one thread.

use std::io::Read;
use std::{panic, thread};

use oxrdf::QuadRef;

use super::LoadError;
use super::lines::{Lines, Piece, Pieces, pass_over};
use super::out::{Halt, Out, Place, Step, Take};
use super::problem::Problem;
use super::scan::Scanner;
use super::sinks::fill;
use crate::bulk;

/// What one thread made of one piece.
struct Part {
    facts: bulk::Piece,
    place: Place,
    n_with_blanks: u64,
    faults: Vec<(Problem, Vec<u8>)>,
    /// Whether the first fault ends the load.
    is_strict: bool,
}

impl Take for Part {
    fn quad(&mut self, quad: QuadRef<'_>) -> Step {
        let (quad, has_blank) = self.place.put(quad);
        self.n_with_blanks += u64::from(has_blank);
        fill(&mut self.facts, quad).map_err(|e| Halt::Error(LoadError::Store(e)))
    }

    fn fault(&mut self, problem: Problem, raw: &[u8]) -> Step {
        self.faults.push((problem, raw.to_vec()));
        if self.is_strict { Err(Halt::Enough) } else { Ok(()) }
    }
}

/// Bytes of a piece for so many threads and so much memory: in a round each thread has a piece of text and one of
/// facts, and as many are on their way.
pub(super) fn piece_bytes(n_threads: usize, memory_max: usize) -> usize {
    (memory_max / (8 * n_threads.max(1))).clamp(1 << 16, super::lines::PIECE_BYTES)
}

/// Reads a document line by line on `n_threads` threads, into the sink of `out`.
pub(super) fn read(
    reader: impl Read,
    with_graphs: bool,
    from_line: u64,
    (n_threads, piece_bytes): (usize, usize),
    out: &mut Out<'_, '_>,
    broken: impl Fn(std::io::Error) -> LoadError,
) -> Step {
    let document = out.document.to_owned();
    let lines = Lines { document: &document, with_graphs, iri: out.iri };
    let (place, is_strict) = (out.place.clone(), out.is_strict());
    let scan = |piece: Piece| {
        let (facts, place) = (bulk::Piece::new(), place.clone());
        let mut part = Part { facts, place, n_with_blanks: 0, faults: Vec::new(), is_strict };
        let ended = lines.read(&piece, &mut Scanner::default(), &mut part, |_, _| Ok(()));
        (part, ended)
    };
    let mut pieces = Pieces::new(reader, piece_bytes);
    let mut next = || -> Result<Vec<Piece>, Halt> {
        let mut round = Vec::new();
        while round.len() < n_threads {
            let Some(mut piece) = pieces.next().map_err(|e| Halt::Error(broken(e)))? else { break };
            pass_over(&mut piece, from_line);
            round.push(piece);
        }
        Ok(round)
    };
    let mut round = next()?;
    let mut done: Vec<(Part, Step)> = Vec::new();
    while !round.is_empty() || !done.is_empty() {
        let (parts, behind) = thread::scope(|scope| {
            let scan = &scan;
            let threads: Vec<_> = round.drain(..).map(|piece| scope.spawn(move || scan(piece))).collect();
            let behind = done.drain(..).try_for_each(|part| push(part, out)).and_then(|()| next());
            let join = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
            };
            (threads.into_iter().map(join).collect(), behind)
        });
        done = parts;
        match behind {
            Ok(behind) => round = behind,
            // What was scanned before the reader failed comes first, as it does on one thread.
            Err(failed) => {
                done.drain(..).try_for_each(|part| push(part, out))?;
                return Err(failed);
            }
        }
        out.tell();
        out.check_cancelled()?;
    }
    Ok(())
}

/// Hands on what became of a piece; a fault that ends the load stands behind the facts before it.
fn push((part, ended): (Part, Step), out: &mut Out<'_, '_>) -> Step {
    for (problem, raw) in part.faults {
        out.fault(problem, &raw)?;
    }
    ended?;
    out.piece(&part.facts, part.n_with_blanks)
}
