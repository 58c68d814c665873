//! As many facts as memory holds at a time: terms sorted, facts of ranks.

use std::path::Path;

use super::piece::{DEFAULT_GRAPH, Piece};
use super::sort::sort;
use super::spill::{Reader, Spilled, Writer};
use super::terms::Spellings;
use crate::dictionary::spelling::Parts;
use crate::error::Error;
use crate::term::{TermId, inline};

/// Facts whose terms are ranks: 0 is the default graph, then come the terms of the dictionary as their spellings sort,
/// then those that an id holds as the ids sort. So ranks sort as the ids will.
#[derive(Debug)]
pub(super) struct Chunk {
    n_terms: usize,
    inline: Vec<TermId>,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    InMemory { piece: Piece, sorted: Vec<u32> },
    InFiles { terms: Spilled, quads: Spilled, n_quads: usize },
}

impl Chunk {
    pub(super) fn new(piece: Piece) -> Self {
        let mut piece = piece.without_numbers();
        let (mut sorted, mut inline) = (Vec::new(), Vec::new());
        for number in 0..piece.n_terms() as u32 {
            match Parts::read(piece.spelling(number)).and_then(inline::encode) {
                Some(id) => inline.push((id, number)),
                None => sorted.push(number),
            }
        }
        sort(&mut sorted, |number| piece.spelling(number));
        inline.sort_unstable();
        let mut ranks = vec![0; piece.n_terms()];
        let inline_numbers = inline.iter().map(|(_, number)| number);
        for (rank, &number) in (1..).zip(sorted.iter().chain(inline_numbers)) {
            ranks[number as usize] = rank;
        }
        for quad in &mut piece.quads {
            *quad = quad.map(|number| if number == DEFAULT_GRAPH { 0 } else { ranks[number as usize] });
        }
        let inline = inline.into_iter().map(|(id, _)| id).collect();
        Self { n_terms: sorted.len(), inline, kept: Kept::InMemory { piece, sorted } }
    }

    pub(super) fn is_spilled(&self) -> bool {
        matches!(self.kept, Kept::InFiles { .. })
    }

    /// The chunk, with its terms and facts in files.
    pub(super) fn spill(self, folder: &Path) -> Result<Self, Error> {
        let Kept::InMemory { piece, sorted } = self.kept else { return Ok(self) };
        let mut terms = Writer::new(folder)?;
        for &number in &sorted {
            terms.write_counted(piece.spelling(number))?;
        }
        let mut quads = Writer::new(folder)?;
        for term in piece.quads.iter().flatten() {
            quads.write(&term.to_le_bytes())?;
        }
        let n_quads = piece.quads.len();
        Ok(Self { kept: Kept::InFiles { terms: terms.finish()?, quads: quads.finish()?, n_quads }, ..self })
    }

    /// The number of terms that the dictionary must hold.
    pub(super) fn n_terms(&self) -> usize {
        self.n_terms
    }

    /// The spellings of the terms that the dictionary must hold, sorted.
    pub(super) fn spellings(&self) -> Result<Box<dyn Spellings + '_>, Error> {
        Ok(match &self.kept {
            Kept::InMemory { piece, sorted } => Box::new(InMemory { piece, sorted: sorted.iter(), current: None }),
            Kept::InFiles { terms, .. } => {
                Box::new(InFile { reader: terms.reader()?, left: self.n_terms, current: Vec::new() })
            }
        })
    }

    /// The facts, for the ids that the terms of the dictionary have got.
    pub(super) fn quads(self, ids: Vec<TermId>) -> Result<Quads, Error> {
        let mut all = vec![TermId::DEFAULT_GRAPH];
        all.extend(ids);
        all.extend(self.inline);
        let quads = match self.kept {
            Kept::InMemory { piece, .. } => piece.quads,
            Kept::InFiles { quads, n_quads, .. } => {
                let mut reader = quads.reader()?;
                let mut quads = Vec::with_capacity(n_quads);
                for _ in 0..n_quads {
                    quads.push([reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?]);
                }
                quads
            }
        };
        Ok(Quads::new(quads, all))
    }
}

struct InMemory<'a> {
    piece: &'a Piece,
    sorted: std::slice::Iter<'a, u32>,
    current: Option<u32>,
}

impl Spellings for InMemory<'_> {
    fn advance(&mut self) -> Result<bool, Error> {
        self.current = self.sorted.next().copied();
        Ok(self.current.is_some())
    }

    fn current(&self) -> &[u8] {
        self.current.map_or(&[], |number| self.piece.spelling(number))
    }
}

struct InFile {
    reader: Reader,
    left: usize,
    current: Vec<u8>,
}

impl Spellings for InFile {
    fn advance(&mut self) -> Result<bool, Error> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        self.reader.counted(&mut self.current)?;
        Ok(true)
    }

    fn current(&self) -> &[u8] {
        &self.current
    }
}

/// Facts of ranks, and the ids of the ranks. Predicates and graphs, which are few, are numbered among themselves.
#[derive(Debug)]
pub(super) struct Quads {
    pub(super) facts: Vec<[u32; 4]>,
    ids: Vec<TermId>,
    predicates: Vec<u32>,
    graphs: Vec<u32>,
}

impl Quads {
    fn new(mut quads: Vec<[u32; 4]>, ids: Vec<TermId>) -> Self {
        let mut numbers = vec![0; ids.len()];
        let mut renumber = |place: usize| {
            numbers.fill(0);
            quads.iter().for_each(|quad| numbers[quad[place] as usize] = 1);
            let mut used = Vec::new();
            for (rank, number) in (0..).zip(&mut numbers) {
                if std::mem::replace(number, used.len() as u32) == 1 {
                    used.push(rank);
                }
            }
            quads.iter_mut().for_each(|quad| quad[place] = numbers[quad[place] as usize]);
            used
        };
        let (predicates, graphs) = (renumber(1), renumber(3));
        Self { facts: quads, ids, predicates, graphs }
    }

    /// The bits of subject, predicate, object and graph.
    pub(super) fn bits(&self) -> [u32; 4] {
        let bits = |n: usize| usize::BITS - n.saturating_sub(1).leading_zeros();
        [bits(self.ids.len()), bits(self.predicates.len()), bits(self.ids.len()), bits(self.graphs.len())]
    }

    /// The id of a number at the place of subject (0), predicate, object or graph.
    pub(super) fn id(&self, place: usize, number: u32) -> TermId {
        let rank = match place {
            1 => self.predicates[number as usize],
            3 => self.graphs[number as usize],
            _ => number,
        };
        self.ids[rank as usize]
    }

    /// The number of facts in named graphs, repeated ones counted as often as they were given.
    pub(super) fn n_named(&self) -> u64 {
        let is_named = |quad: &&[u32; 4]| self.id(3, quad[3]) != TermId::DEFAULT_GRAPH;
        self.facts.iter().filter(is_named).count() as u64
    }
}
