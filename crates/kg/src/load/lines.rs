//! N-Triples and N-Quads: pieces of whole lines, each line read by the scanner or else by `oxttl`.

use std::io::Read;

use memchr::{memchr, memchr_iter, memrchr};
use oxrdf::{GraphName, Quad, Term};
use oxttl::{NQuadsParser, NTriplesParser, TurtleSyntaxError};

use super::out::{Halt, Out, Step, Take, fault_under};
use super::problem::{Problem, Reason};
use super::scan::{Line, Scanner};
use super::tags::Tags;
use super::{IriRule, LoadError};

/// The most bytes of a piece: so much is read before its lines are.
pub(super) const PIECE_BYTES: usize = 16 << 20;
/// The longest line: four terms at their limit.
pub const LINE_BYTES_MAX: usize = 4 * super::TERM_BYTES_MAX;

/// What the lines of a document have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines<'d> {
    pub(super) document: &'d str,
    pub(super) with_graphs: bool,
    pub(super) iri: IriRule,
}

/// Whole lines, and the number of the first of them.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) first_line: u64,
    /// The line is too long, and its rest is passed over.
    pub(super) is_cut: bool,
}

/// Cuts a document into pieces.
pub(super) struct Pieces<R> {
    reader: R,
    rest: Vec<u8>,
    next_line: u64,
    is_over: bool,
    piece_bytes: usize,
    line_bytes_max: usize,
}

impl<R: Read> Pieces<R> {
    pub(super) fn new(reader: R, piece_bytes: usize) -> Self {
        let line_bytes_max = LINE_BYTES_MAX;
        Self { reader, rest: Vec::new(), next_line: 1, is_over: false, piece_bytes, line_bytes_max }
    }

    /// The next piece, or none behind the last line.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Piece>> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut wanted = self.piece_bytes;
        loop {
            let missing = wanted.saturating_sub(bytes.len()) as u64;
            if !self.is_over && missing > 0 {
                self.is_over = (self.reader.by_ref().take(missing).read_to_end(&mut bytes)? as u64) < missing;
            }
            if let Some(end) = memrchr(b'\n', &bytes).filter(|_| !self.is_over) {
                self.rest = bytes.split_off(end + 1);
            } else if !self.is_over && bytes.len() <= self.line_bytes_max {
                wanted = bytes.len() + self.piece_bytes;
                continue;
            }
            break;
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let first_line = self.next_line;
        let is_cut = !self.is_over && bytes.last() != Some(&b'\n');
        self.next_line += memchr_iter(b'\n', &bytes).count() as u64;
        if is_cut {
            self.pass_over()?;
        }
        Ok(Some(Piece { bytes, first_line, is_cut }))
    }

    /// Reads to the end of a line without keeping it.
    fn pass_over(&mut self) -> std::io::Result<()> {
        self.next_line += 1;
        let mut chunk = vec![0; 1 << 16];
        loop {
            let n = self.reader.read(&mut chunk)?;
            let read = chunk.get(..n).unwrap_or_default();
            if let Some(end) = memchr(b'\n', read) {
                self.rest = read[end + 1..].to_vec();
                return Ok(());
            }
            if n == 0 {
                self.is_over = true;
                return Ok(());
            }
        }
    }
}

impl Lines<'_> {
    /// Reads every line of the piece; `boundary` is told the number of each line that is done.
    pub(super) fn read<T: Take>(
        &self,
        piece: &Piece,
        scanner: &mut Scanner,
        take: &mut T,
        mut boundary: impl FnMut(&mut T, u64) -> Step,
    ) -> Step {
        if piece.is_cut {
            return take.fault(too_long(self.document, piece), &[]);
        }
        let mut rest = piece.bytes.as_slice();
        let mut number = piece.first_line;
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            match std::str::from_utf8(line).map(|text| scanner.line(text, self.with_graphs)) {
                Ok(Line::Quad(quad)) => take.quad(quad)?,
                Ok(Line::Nothing) => {}
                Ok(Line::Other) | Err(_) => self.in_full(line, number, take)?,
            }
            boundary(take, number)?;
            number += 1;
        }
        Ok(())
    }

    /// Reads a line with the full parser.
    fn in_full(&self, line: &[u8], number: u64, take: &mut impl Take) -> Step {
        match self.parse(line, false) {
            Ok(quads) => give(&quads, take),
            Err(error) => {
                if self.iri == IriRule::Keep
                    && let Ok(quads) = self.parse(line, true)
                {
                    return match quads.iter().find_map(|quad| fault_under(IriRule::Keep, quad.as_ref())) {
                        None => give(&quads, take),
                        Some((reason, message)) => {
                            take.fault(Problem::in_line(self.document, number, line, reason, message), line)
                        }
                    };
                }
                take.fault(self.problem(line, number, &error), line)
            }
        }
    }

    fn parse(&self, line: &[u8], is_lenient: bool) -> Result<Vec<Quad>, Fault> {
        let mut bytes = line.to_vec();
        bytes.push(b'\n');
        let mut tags = Tags::default();
        tags.follow(&bytes);
        let mut spell = |mut quad: Quad| {
            quad.object = tags.spell(quad.object).map_err(|(parsed, spelled)| Fault::Tags(parsed, spelled))?;
            Ok(quad)
        };
        if self.with_graphs {
            let parser = NQuadsParser::new();
            let parser = if is_lenient { parser.lenient() } else { parser };
            parser.for_slice(&bytes).map(|quad| spell(quad?)).collect()
        } else {
            let parser = NTriplesParser::new();
            let parser = if is_lenient { parser.lenient() } else { parser };
            parser.for_slice(&bytes).map(|triple| spell(triple?.in_graph(GraphName::DefaultGraph))).collect()
        }
    }

    fn problem(&self, line: &[u8], number: u64, fault: &Fault) -> Problem {
        match fault {
            Fault::Tags(parsed, spelled) => {
                let message = format!("the parser reads the language tag {parsed:?}, the text says {spelled:?}");
                Problem::in_line(self.document, number, line, Reason::Language, message)
            }
            Fault::Syntax(error) => {
                let place = error.location();
                let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(line.len());
                let (start, end) = (at(place.start.offset), at(place.end.offset));
                let term = line.get(start..end).filter(|term| !term.is_empty()).unwrap_or(line);
                let reason = Reason::of_message(error.message());
                let mut problem = Problem::in_line(self.document, number, term, reason, error.message());
                let before = String::from_utf8_lossy(line.get(..start).unwrap_or_default());
                problem.column = before.chars().count() as u64 + 1;
                if reason == Reason::Iri {
                    problem.hint = Some("iri keep accepts IRIs that are not valid, if they have a scheme".to_owned());
                }
                problem
            }
        }
    }
}

enum Fault {
    Syntax(TurtleSyntaxError),
    Tags(String, String),
}

impl From<TurtleSyntaxError> for Fault {
    fn from(error: TurtleSyntaxError) -> Self {
        Self::Syntax(error)
    }
}

fn give(quads: &[Quad], take: &mut impl Take) -> Step {
    quads.iter().try_for_each(|quad| take.quad(quad.as_ref()))
}

/// The fault of a line beyond the limit, whose text is not kept.
pub(super) fn too_long(document: &str, piece: &Piece) -> Problem {
    let message = format!("the line is longer than {LINE_BYTES_MAX} bytes (LINE_BYTES_MAX)");
    let start = piece.bytes.get(..1024).unwrap_or(&piece.bytes);
    Problem::in_line(document, piece.first_line, start, Reason::TooLong, message)
}

/// The term that a text is, as the object of a line of N-Triples.
pub(super) fn object(text: &str, iri: IriRule) -> Result<Term, String> {
    let lines = Lines { document: "", with_graphs: false, iri };
    let line = format!("<x:s> <x:p> {text} .");
    let quads = match (lines.parse(line.as_bytes(), false), iri) {
        (Err(_), IriRule::Keep) => lines.parse(line.as_bytes(), true),
        (parsed, _) => parsed,
    };
    match quads.as_deref() {
        Ok([quad]) if iri == IriRule::Keep => match fault_under(IriRule::Keep, quad.as_ref()) {
            Some((_, message)) => Err(message),
            None => Ok(quad.object.clone()),
        },
        Ok([quad]) => Ok(quad.object.clone()),
        Ok(_) => Err("it is not one term".to_owned()),
        Err(Fault::Syntax(e)) => Err(e.message().to_owned()),
        Err(Fault::Tags(parsed, spelled)) => Err(format!("the language tag {spelled:?} is read as {parsed:?}")),
    }
}

/// Reads a document line by line on this thread, from the line `from_line` on.
pub(super) fn read(
    reader: impl Read,
    with_graphs: bool,
    from_line: u64,
    out: &mut Out<'_, '_>,
    broken: impl Fn(std::io::Error) -> LoadError,
) -> Step {
    let lines = Lines { document: out.document, with_graphs, iri: out.iri };
    let mut pieces = Pieces::new(reader, PIECE_BYTES);
    let mut scanner = Scanner::default();
    while let Some(mut piece) = pieces.next().map_err(|e| Halt::Error(broken(e)))? {
        pass_over(&mut piece, from_line);
        lines.read(&piece, &mut scanner, out, Out::boundary)?;
        out.tell();
        out.check_cancelled()?;
    }
    Ok(())
}

/// Removes the lines before `from_line`.
pub(super) fn pass_over(piece: &mut Piece, from_line: u64) {
    while piece.first_line < from_line && !piece.bytes.is_empty() {
        let n_lines = usize::try_from(from_line - piece.first_line).unwrap_or(usize::MAX);
        let end = memchr_iter(b'\n', &piece.bytes).nth(n_lines - 1).map_or(piece.bytes.len(), |end| end + 1);
        let n_passed = memchr_iter(b'\n', &piece.bytes[..end]).count() as u64;
        piece.bytes.drain(..end);
        piece.first_line += n_passed.max(1);
        piece.is_cut = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_with_their_numbers_and_lines_beyond_the_limit_are_passed_over() -> std::io::Result<()> {
        let text = b"a\nbb\n\nccccccccccccccccccccccccccccc\nd\ne";
        for piece_bytes in 1..50 {
            let mut pieces = Pieces::new(text.as_slice(), piece_bytes);
            pieces.line_bytes_max = 12;
            let mut seen = Vec::new();
            while let Some(piece) = pieces.next()? {
                for (i, line) in piece.bytes.split_inclusive(|&b| b == b'\n').enumerate() {
                    seen.push((piece.first_line + i as u64, String::from_utf8_lossy(line).into_owned(), piece.is_cut));
                }
            }
            let mut short: Vec<_> = seen.iter().filter(|(n, ..)| *n != 4).cloned().collect();
            short.dedup();
            let expected = [(1, "a\n"), (2, "bb\n"), (3, "\n"), (5, "d\n"), (6, "e")];
            assert_eq!(short, expected.map(|(n, line)| (n, line.to_owned(), false)), "{piece_bytes}");
            assert_eq!(seen.iter().filter(|(n, ..)| *n == 4).count(), 1, "{piece_bytes}");
        }
        Ok(())
    }
}
