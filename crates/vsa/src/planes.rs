//! Lines of one vector: its planes take turns, and bits behind its end are zero.

use crate::{Dim, Error};
use kernels::bits::{Element, LINE_WORDS, Line};

/// The lines of a vector of `dim` dimensions, whatever its elements are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Planes {
    pub(crate) dim: Dim,
    pub(crate) lines: Box<[Line]>,
}

impl Planes {
    /// All bits 0.
    pub(crate) fn zeroed(dim: Dim, element: Element) -> Self {
        Self { dim, lines: vec![Line::default(); dim.n_lines() * element.n_planes()].into() }
    }

    /// Where word `word` of plane `plane` lies.
    const fn place(element: Element, plane: usize, word: usize) -> (usize, usize) {
        (word / LINE_WORDS * element.n_planes() + plane, word % LINE_WORDS)
    }

    /// Word `word` of plane `plane`.
    pub(crate) fn word(&self, element: Element, plane: usize, word: usize) -> u64 {
        let (line, word) = Self::place(element, plane, word);
        self.lines[line].0[word]
    }

    /// Sets word `word` of plane `plane`, but for bits behind the end.
    pub(crate) fn set_word(&mut self, element: Element, plane: usize, word: usize, to: u64) {
        let to = to & self.dim.mask(word);
        let (line, word) = Self::place(element, plane, word);
        self.lines[line].0[word] = to;
    }

    /// The words of a plane, without those behind the end.
    pub(crate) fn words(&self, element: Element, plane: usize) -> impl ExactSizeIterator<Item = u64> + '_ {
        (0..self.dim.n_words()).map(move |w| self.word(element, plane, w))
    }

    /// Lines from outside; refused are a wrong number of them and bits behind the end.
    pub(crate) fn from_lines(dim: Dim, element: Element, lines: Vec<Line>) -> Result<Self, Error> {
        let expected = dim.n_lines() * element.n_planes();
        if lines.len() != expected {
            return Err(Error::Lines { dim: dim.to_u32(), expected, got: lines.len() });
        }
        let planes = Self { dim, lines: lines.into() };
        for plane in 0..element.n_planes() {
            for word in 0..dim.n_lines() * LINE_WORDS {
                behind_end(dim, word, planes.word(element, plane, word))?;
            }
        }
        Ok(planes)
    }

    /// Fills plane `plane` with words from outside; refused are a wrong number of them and bits behind the end.
    pub(crate) fn fill(&mut self, element: Element, plane: usize, words: &[u64]) -> Result<(), Error> {
        let (dim, expected) = (self.dim, self.dim.n_words());
        if words.len() != expected {
            return Err(Error::Words { dim: dim.to_u32(), expected, got: words.len() });
        }
        for (w, word) in words.iter().enumerate() {
            behind_end(dim, w, *word)?;
            self.set_word(element, plane, w, *word);
        }
        Ok(())
    }
}

fn behind_end(dim: Dim, word: usize, bits: u64) -> Result<(), Error> {
    match bits & !dim.mask(word) {
        0 => Ok(()),
        wrong => Err(Error::BehindEnd { word, bit: wrong.trailing_zeros(), dim: dim.to_u32() }),
    }
}
