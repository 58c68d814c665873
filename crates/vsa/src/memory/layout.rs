//! Where rows lie: chunk by chunk, each chunk a stream of some dimensions of all rows.

use super::ItemId;
use crate::{Dim, Error};
use kernels::bits::{Bits, Element, LINE_BITS, Line, reserve};

/// Rows of one kind of vectors.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) dim: Dim,
    pub(super) element: Element,
    /// Lines of a plane at which chunks begin, and at last the end: 0, 1, 4, 8, 12, …
    pub(super) bounds: Vec<usize>,
    /// `[chunk][row, line, plane]`
    chunks: Vec<Vec<Line>>,
    /// `[row, bound]`: nonzero positions of a row from a bound on; empty where all positions are nonzero.
    rest: Vec<u32>,
    present: Vec<bool>,
    pub(super) n_present: usize,
}

impl Layout {
    pub(super) fn new(dim: Dim, element: Element) -> Self {
        let end = dim.n_lines();
        let mut bounds = vec![0];
        bounds.extend([1].into_iter().chain((4..).step_by(4)).take_while(|line| *line < end));
        bounds.push(end);
        let chunks = vec![Vec::new(); bounds.len() - 1];
        Self { dim, element, bounds, chunks, rest: Vec::new(), present: Vec::new(), n_present: 0 }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.present.len()
    }

    pub(super) fn n_chunks(&self) -> usize {
        self.chunks.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| size_of_val(chunk.as_slice()) as u64).sum()
    }

    /// Lines of a row in a chunk, over all planes.
    pub(super) fn row_lines(&self, chunk: usize) -> usize {
        (self.bounds[chunk + 1] - self.bounds[chunk]) * self.element.n_planes()
    }

    /// Lines of a vector that a chunk's rows meet.
    pub(super) fn part<'a>(&self, chunk: usize, lines: &'a [Line]) -> &'a [Line] {
        let planes = self.element.n_planes();
        &lines[self.bounds[chunk] * planes..self.bounds[chunk + 1] * planes]
    }

    /// Lines of some rows in a chunk.
    pub(super) fn rows(&self, chunk: usize, rows: std::ops::Range<usize>) -> &[Line] {
        let n = self.row_lines(chunk);
        &self.chunks[chunk][rows.start * n..rows.end * n]
    }

    /// Positions in front of a bound.
    pub(super) fn dims_before(&self, bound: usize) -> u32 {
        (self.bounds[bound] * LINE_BITS).min(self.dim.to_usize()) as u32
    }

    pub(super) fn push(&mut self, lines: &[Line]) -> Result<ItemId, Error> {
        let n_rows = self.n_rows();
        let id = u32::try_from(n_rows).map_err(|_| Error::Items { n: n_rows })?;
        if self.element == Element::Ternary {
            let rest = self.rest_of(lines);
            self.rest.extend(rest);
        }
        for chunk in 0..self.n_chunks() {
            let part = self.part(chunk, lines);
            reserve(&mut self.chunks[chunk], part.len());
            self.chunks[chunk].extend_from_slice(part);
        }
        self.present.push(true);
        self.n_present += 1;
        Ok(ItemId(id))
    }

    /// Nonzero positions of a vector from each bound on.
    pub(super) fn rest_of(&self, lines: &[Line]) -> Vec<u32> {
        let from = |bound: usize| match self.element {
            Element::Bipolar => self.dim.to_u32() - self.dims_before(bound),
            Element::Ternary => {
                let rest = &lines[self.bounds[bound] * self.element.n_planes()..];
                Bits::current().dot(Element::Ternary, rest, rest).cast_unsigned()
            }
        };
        (0..self.bounds.len()).map(from).collect()
    }

    /// Nonzero positions of a row from a bound on.
    pub(super) fn rest(&self, row: usize, bound: usize) -> u32 {
        match self.element {
            Element::Bipolar => self.dim.to_u32() - self.dims_before(bound),
            Element::Ternary => self.rest[row * self.bounds.len() + bound],
        }
    }

    /// Nonzero positions of an item.
    pub(super) fn nonzero(&self, id: ItemId) -> u32 {
        self.rest(id.0 as usize, 0)
    }

    pub(super) fn is_present(&self, row: usize) -> bool {
        self.present[row]
    }

    pub(super) fn remove(&mut self, id: ItemId) -> bool {
        let was = self.present.get_mut(id.0 as usize).is_some_and(std::mem::take);
        self.n_present -= usize::from(was);
        was
    }

    pub(super) fn row(&self, id: ItemId) -> Option<Vec<Line>> {
        let row = id.0 as usize;
        self.present.get(row).filter(|present| **present)?;
        Some((0..self.n_chunks()).flat_map(|chunk| self.rows(chunk, row..row + 1)).copied().collect())
    }
}
