//! Finds keys in Sets and Maps, which are sorted words.
//!
//! Most keys that are asked for were asked for just before: `m.put(k, … m.get(k) …)` counts. So where a key was found
//! is kept, and looked at first. What stands there now decides; nothing has to be forgotten where a map changes.

use std::cmp::Ordering;

use super::{Body, Cell, Heap, INLINE, inline_len};
use crate::{
    value::Fault,
    vm::layout::{Kind, Layouts},
};

/// Places where keys were found: a power of two.
const FOUND: usize = 1 << 13;

/// Where keys were found lately, by object and key.
#[derive(Debug)]
pub(super) struct Found(Vec<u32>);

impl Found {
    pub(super) fn new() -> Self {
        Self(vec![0; FOUND])
    }

    /// Where what is kept of an object and a key stands. Numbers that follow each other stand side by side; all bits of
    /// a text take part.
    #[inline]
    fn place(of: u64, key: u64) -> usize {
        let folded = key ^ key >> 13;
        let folded = folded ^ folded >> 26 ^ key >> 48;
        folded.wrapping_add(of.wrapping_mul(0x9E37_79B9)) as usize % FOUND
    }

    /// Finds a key whose equals have its bits: `is_less` tells what stands before it.
    #[inline]
    fn find(
        &mut self,
        words: &[u64],
        (of, key): (u64, u64),
        stride: usize,
        is_less: impl Fn(u64) -> bool,
    ) -> Result<usize, usize> {
        let Some(found) = self.0.get_mut(Self::place(of, key)) else { return Err(0) };
        if words.get(*found as usize * stride) == Some(&key) {
            return Ok(*found as usize);
        }
        let at = match stride {
            2 => words.as_chunks::<2>().0.partition_point(|[there, _]| is_less(*there)),
            _ => words.partition_point(|there| is_less(*there)),
        };
        if words.get(at * stride) != Some(&key) {
            return Err(at);
        }
        *found = at as u32;
        Ok(at)
    }
}

/// A number by which texts are in order, but for two long ones. Of a long text it is what it begins with, and more than
/// any length: a short text that begins so stands before it.
fn text_rank(cells: &[Cell], word: u64) -> u64 {
    if word & INLINE != 0 {
        return word << 8 | inline_len(word) as u64;
    }
    match cells.get(word as usize).map(Cell::body_bytes) {
        Some(bytes) => bytes.iter().take(7).fold(0, |rank, byte| rank << 8 | u64::from(*byte)) << 8 | 0xFF,
        None => 0,
    }
}

impl Cell {
    fn body_bytes(&self) -> &[u8] {
        match &self.body {
            Body::Text(text) => text.as_bytes(),
            _ => &[],
        }
    }
}

impl Heap {
    /// Finds a key: where it is, or where it belongs. `stride` is 2 for a Map.
    #[inline]
    pub(in crate::vm) fn find(
        &mut self,
        of: u64,
        key: u64,
        key_type: u32,
        stride: usize,
        layouts: &Layouts,
    ) -> Result<Result<usize, usize>, Fault> {
        let kind = layouts.kind(key_type);
        let words = match self.cells.get(of as usize).map(|cell| &cell.body) {
            Some(Body::Words(words)) => words.as_slice(),
            _ => &[],
        };
        Ok(match kind {
            Kind::Signed => self.found.find(words, (of, key), stride, |there| (there as i64) < key as i64),
            Kind::Unsigned => self.found.find(words, (of, key), stride, |there| there < key),
            // No fuel: of two texts one of which is short, no more than 7 bytes are compared.
            Kind::Text if key & INLINE != 0 => {
                let rank = text_rank(&[], key);
                self.found.find(words, (of, key), stride, |there| text_rank(&self.cells, there) < rank)
            }
            _ => return self.find_deep(of, key, key_type, stride, layouts),
        })
    }

    /// The value of a key that was found before and is where it was, in a Map whose keys are the same where their bits
    /// are.
    #[inline]
    pub(in crate::vm) fn known(&self, map: u64, key: u64) -> Option<u64> {
        let at = 2 * *self.found.0.get(Found::place(map, key))? as usize;
        match *self.words(map).get(at..)?.first_chunk()? {
            [there, value] if there == key => Some(value),
            _ => None,
        }
    }

    /// Where the value of such a key is, of a Map that has one owner.
    #[inline]
    pub(in crate::vm) fn known_place(&mut self, map: u64, key: u64) -> Option<&mut u64> {
        let at = 2 * *self.found.0.get(Found::place(map, key))? as usize;
        match self.unique(map)?.get_mut(at..)?.first_chunk_mut()? {
            [there, value] if *there == key => Some(value),
            _ => None,
        }
    }

    /// Finds a key whose comparison goes over objects, and is charged for it.
    fn find_deep(
        &mut self,
        of: u64,
        key: u64,
        key_type: u32,
        stride: usize,
        layouts: &Layouts,
    ) -> Result<Result<usize, usize>, Fault> {
        let (mut low, mut high) = (0, self.words(of).len() / stride);
        while low < high {
            let middle = low.midpoint(high);
            let there = self.words(of).get(middle * stride).copied().unwrap_or(0);
            match self.compare(there, key, key_type, layouts, false)? {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(Ok(middle)),
                Ordering::Greater => high = middle,
            }
        }
        Ok(Err(low))
    }
}
