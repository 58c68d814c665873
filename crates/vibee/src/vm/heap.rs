//! Objects of the VM: counted, immutable while shared, changed in place where they have one owner.
//!
//! A word of a heap type is one of:
//!
//! | bits | is |
//! | --- | --- |
//! | 63 clear | the number of a cell |
//! | 63 set, String | up to 7 bytes of UTF-8: their number in bits 56–58, the bytes from bit 55 downwards |
//! | 63 set, 62 clear, enum | a case that carries nothing: its number |
//! | 63 and 62 set, enum | case 0 or 1 (bit 61) that carries one scalar of 61 bits |
//!
//! Whatever fits such a form has it, so equal words are equal values, but for floats. Memory is counted by what objects
//! hold, 16 bytes and 8 for each word or 1 for each byte, and not by what the allocator gives.

mod find;

use std::cmp::Ordering;

use super::layout::{Kind, Layouts};
use crate::value::Fault;

/// Bytes that an object costs beside what it holds.
pub(super) const OBJECT_BYTES: u64 = 16;
/// Marks a word that is no cell.
pub(super) const INLINE: u64 = 1 << 63;
const CARRIES: u64 = 1 << 62;
const CASE_1: u64 = 1 << 61;
const NO_CELL: u32 = u32::MAX;

/// What a cell holds.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing: the next free cell.
    Free(u32),
    /// Up to three words of a record, tuple or case.
    Few([u64; 3]),
    /// More words of these, or those of a List, Set or Map.
    Words(Vec<u64>),
    /// A text of more than 7 bytes.
    Text(String),
    Bytes(Vec<u8>),
}

/// An object: its references, and what its body is: the shape of words, the scalar values of a text.
#[derive(Debug)]
pub(super) struct Cell {
    count: u32,
    info: u32,
    body: Body,
}

/// All objects of a run.
#[derive(Debug)]
pub(super) struct Heap {
    cells: Vec<Cell>,
    free: u32,
    /// Bytes in use by the table of sizes, constants left out.
    pub used: u64,
    /// Bytes that may be in use.
    pub limit: u64,
    /// Fuel that bulk operations used since it was last taken.
    pub charge: u64,
    /// References of the constants' cells, which are the first.
    pinned: Vec<u32>,
    released: Vec<u32>,
    found: find::Found,
}

/// Packs up to 7 bytes; `None` for more.
pub(super) fn inline_text(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > 7 {
        return None;
    }
    let packed = bytes.iter().enumerate().fold(0, |word, (at, byte)| word | u64::from(*byte) << (48 - 8 * at));
    Some(INLINE | (bytes.len() as u64) << 56 | packed)
}

/// How many bytes an inline text has.
fn inline_len(word: u64) -> usize {
    (word >> 56 & 7) as usize
}

/// The one scalar that a case carries, inline where it fits.
#[inline]
pub(super) fn inline_case(case: u16, word: u64) -> Option<u64> {
    let fits = (word as i64) << 3 >> 3 == word as i64;
    let bits = word & (CASE_1 - 1);
    (fits && case < 2).then_some(INLINE | CARRIES | if case == 1 { CASE_1 } else { 0 } | bits)
}

/// The case of a word that is one without a cell.
#[inline]
pub(super) fn case_of_inline(word: u64) -> u16 {
    if word & CARRIES == 0 { word as u16 } else { u16::from(word & CASE_1 != 0) }
}

impl Heap {
    pub(super) fn new() -> Self {
        Self {
            cells: Vec::new(),
            free: NO_CELL,
            used: 0,
            limit: u64::MAX,
            charge: 0,
            pinned: Vec::new(),
            released: Vec::new(),
            found: find::Found::new(),
        }
    }

    /// Makes all objects there are constants, which stay.
    pub(super) fn pin(&mut self) {
        self.pinned = self.cells.iter().map(|cell| cell.count).collect();
        self.used = 0;
    }

    /// Ends all objects but the constants: after a fault, which leaves references behind.
    pub(super) fn reset(&mut self) {
        self.cells.truncate(self.pinned.len());
        for (cell, count) in self.cells.iter_mut().zip(&self.pinned) {
            cell.count = *count;
        }
        self.free = NO_CELL;
        self.used = 0;
        self.charge = 0;
    }

    /// Adds fuel for so many words, or bytes of text, that an operation went over.
    #[inline]
    pub(super) fn bulk(&mut self, n: usize) {
        self.charge += 1 + n as u64 / 8;
    }

    #[inline]
    fn count_bytes(&mut self, bytes: u64) -> Result<(), Fault> {
        self.used += bytes;
        if self.used > self.limit { Err(Fault::Memory) } else { Ok(()) }
    }

    #[inline]
    pub(super) fn alloc(&mut self, info: u32, body: Body, bytes: u64) -> Result<u64, Fault> {
        self.count_bytes(OBJECT_BYTES + bytes)?;
        let cell = Cell { count: 1, info, body };
        if let Some(place) = self.cells.get_mut(self.free as usize) {
            let at = self.free;
            if let Body::Free(next) = place.body {
                self.free = next;
            }
            *place = cell;
            return Ok(u64::from(at));
        }
        if self.cells.len() >= NO_CELL as usize {
            return Err(Fault::Memory);
        }
        self.cells.push(cell);
        Ok(self.cells.len() as u64 - 1)
    }

    /// Gives another reference.
    #[inline]
    pub(super) fn retain(&mut self, word: u64) {
        if word & INLINE == 0
            && let Some(cell) = self.cells.get_mut(word as usize)
        {
            cell.count = cell.count.wrapping_add(1);
        }
    }

    /// Ends a reference.
    #[inline]
    pub(super) fn release(&mut self, word: u64, layouts: &Layouts) {
        if word & INLINE == 0
            && let Some(cell) = self.cells.get_mut(word as usize)
        {
            cell.count = cell.count.wrapping_sub(1);
            if cell.count == 0 {
                self.end(word as u32, layouts);
            }
        }
    }

    /// Ends a reference that is not the last one to its object; tells whether it was one, and else does nothing.
    #[inline]
    pub(super) fn release_shared(&mut self, word: u64) -> bool {
        if word & INLINE != 0 {
            return true;
        }
        match self.cells.get_mut(word as usize) {
            Some(cell) if cell.count > 1 => {
                cell.count -= 1;
                true
            }
            _ => false,
        }
    }

    /// Ends an object and those that nothing else refers to, without recursion.
    fn end(&mut self, first: u32, layouts: &Layouts) {
        let mut next = Some(first);
        while let Some(at) = next {
            let Some(cell) = self.cells.get_mut(at as usize) else { break };
            let info = cell.info;
            let body = std::mem::replace(&mut cell.body, Body::Free(self.free));
            self.free = at;
            let bytes = match &body {
                Body::Free(_) => 0,
                Body::Few(words) => {
                    let n = layouts.n_words(info);
                    self.end_parts(words.get(..n).unwrap_or_default(), info, layouts);
                    8 * n as u64
                }
                Body::Words(words) => {
                    self.end_parts(words, info, layouts);
                    8 * words.len() as u64
                }
                Body::Text(text) => text.len() as u64,
                Body::Bytes(bytes) => bytes.len() as u64,
            };
            self.used = self.used.saturating_sub(OBJECT_BYTES + bytes);
            next = self.released.pop();
        }
    }

    #[inline]
    fn end_parts(&mut self, words: &[u64], info: u32, layouts: &Layouts) {
        let shape = layouts.shape(info);
        if !shape.has_heap {
            return;
        }
        for (at, word) in words.iter().enumerate() {
            if word & INLINE == 0
                && shape.is_heap(at)
                && let Some(cell) = self.cells.get_mut(*word as usize)
            {
                cell.count = cell.count.wrapping_sub(1);
                if cell.count == 0 {
                    self.released.push(*word as u32);
                }
            }
        }
    }

    /// Gives another reference to each part.
    pub(super) fn retain_parts(&mut self, words: &[u64], info: u32, layouts: &Layouts) {
        let shape = layouts.shape(info);
        if shape.has_heap {
            words.iter().enumerate().filter(|(at, _)| shape.is_heap(*at)).for_each(|(_, word)| self.retain(*word));
        }
    }

    /// The words of an object; none of what has no words.
    #[inline]
    pub(super) fn words(&self, word: u64) -> &[u64] {
        match self.cells.get(word as usize).map(|cell| &cell.body) {
            Some(Body::Words(words)) => words,
            Some(Body::Few(words)) => words,
            _ => &[],
        }
    }

    /// The words of an object and its shape, if it has one owner.
    #[inline]
    pub(super) fn unique(&mut self, word: u64) -> Option<&mut Vec<u64>> {
        match self.cells.get_mut(word as usize) {
            Some(Cell { count: 1, body: Body::Words(words), .. }) => Some(words),
            _ => None,
        }
    }

    /// Gives the words to one owner: the object itself, or a copy that takes the reference's place.
    pub(super) fn own(&mut self, word: u64, layouts: &Layouts) -> Result<u64, Fault> {
        if self.unique(word).is_some() {
            return Ok(word);
        }
        let words = self.words(word).to_vec();
        let info = self.cells.get(word as usize).map_or(0, |cell| cell.info);
        self.bulk(words.len());
        self.retain_parts(&words, info, layouts);
        let bytes = 8 * words.len() as u64;
        let copy = self.alloc(info, Body::Words(words), bytes)?;
        self.release(word, layouts);
        Ok(copy)
    }

    /// Counts words that an object got or lost in place.
    #[inline]
    pub(super) fn grew(&mut self, n: isize) -> Result<(), Fault> {
        if n < 0 {
            self.used = self.used.saturating_sub(8 * n.unsigned_abs() as u64);
            return Ok(());
        }
        self.count_bytes(8 * n as u64)
    }

    /// Makes a List, Set or Map of words that it takes.
    #[inline]
    pub(super) fn of_words(&mut self, shape: u32, words: Vec<u64>) -> Result<u64, Fault> {
        let bytes = 8 * words.len() as u64;
        self.alloc(shape, Body::Words(words), bytes)
    }

    /// Makes a record, tuple or case of words that it takes.
    #[inline]
    pub(super) fn of_parts(&mut self, shape: u32, layouts: &Layouts, words: &[u64]) -> Result<u64, Fault> {
        let row = layouts.shape(shape);
        if let Some(case) = row.case {
            match words {
                [] => return Ok(INLINE | u64::from(case)),
                [word] if !row.has_heap => {
                    if let Some(inline) = inline_case(case, *word) {
                        return Ok(inline);
                    }
                }
                _ => {}
            }
        }
        let body = match words {
            [] => Body::Few([0; 3]),
            [a] => Body::Few([*a, 0, 0]),
            [a, b] => Body::Few([*a, *b, 0]),
            [a, b, c] => Body::Few([*a, *b, *c]),
            more => Body::Words(more.to_vec()),
        };
        self.alloc(shape, body, 8 * words.len() as u64)
    }

    /// The case of an Option, Result or enum.
    #[inline]
    pub(super) fn case(&self, word: u64, layouts: &Layouts) -> u16 {
        if word & INLINE == 0 {
            let info = self.cells.get(word as usize).map_or(0, |cell| cell.info);
            return layouts.shape(info).case.unwrap_or(0);
        }
        case_of_inline(word)
    }

    /// What a case carries at a place.
    #[inline]
    pub(super) fn carried(&self, word: u64, place: usize) -> u64 {
        if word & INLINE == 0 {
            return self.words(word).get(place).copied().unwrap_or(0);
        }
        ((word << 3) as i64 >> 3) as u64
    }

    /// Makes a text.
    pub(super) fn text(&mut self, text: &str) -> Result<u64, Fault> {
        match inline_text(text.as_bytes()) {
            Some(word) => Ok(word),
            None => self.long_text(text.to_owned()),
        }
    }

    /// Makes a text of a string that it takes.
    pub(super) fn owned_text(&mut self, text: String) -> Result<u64, Fault> {
        match inline_text(text.as_bytes()) {
            Some(word) => Ok(word),
            None => self.long_text(text),
        }
    }

    fn long_text(&mut self, text: String) -> Result<u64, Fault> {
        let n = if text.is_ascii() { text.len() } else { text.chars().count() };
        let bytes = text.len() as u64;
        self.alloc(n as u32, Body::Text(text), bytes)
    }

    /// Appends to a text: in place where it is long and has one owner.
    pub(super) fn append(&mut self, word: u64, other: u64, layouts: &Layouts) -> Result<u64, Fault> {
        let mut buffer = [0; 8];
        let mut other_buffer = [0; 8];
        if other & INLINE != 0 && inline_len(other) == 0 {
            return Ok(word);
        }
        let n = self.n_scalars(other);
        if let Some(Cell { count: 1, body: Body::Text(text), .. }) = self.cells.get_mut(word as usize) {
            let mut text = std::mem::take(text);
            let part = self.str(other, &mut other_buffer);
            let n_bytes = part.len();
            text.push_str(part);
            if let Some(cell) = self.cells.get_mut(word as usize) {
                cell.info = cell.info.wrapping_add(n as u32);
                cell.body = Body::Text(text);
            }
            self.bulk(n_bytes);
            self.count_bytes(n_bytes as u64)?;
            return Ok(word);
        }
        let one = self.str(word, &mut buffer);
        let two = self.str(other, &mut other_buffer);
        let mut text = String::with_capacity(one.len() + two.len());
        text.push_str(one);
        text.push_str(two);
        self.bulk(text.len());
        let made = self.owned_text(text)?;
        self.release(word, layouts);
        Ok(made)
    }

    fn inline_str(word: u64, buffer: &mut [u8; 8]) -> &str {
        *buffer = (word << 8).to_be_bytes();
        buffer.get(..inline_len(word)).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The text, in place or unpacked into a buffer.
    #[inline]
    pub(super) fn str<'a>(&'a self, word: u64, buffer: &'a mut [u8; 8]) -> &'a str {
        if word & INLINE != 0 {
            return Self::inline_str(word, buffer);
        }
        match self.cells.get(word as usize).map(|cell| &cell.body) {
            Some(Body::Text(text)) => text,
            _ => "",
        }
    }

    /// How many scalar values a text has.
    #[inline]
    pub(super) fn n_scalars(&self, word: u64) -> usize {
        if word & INLINE != 0 {
            // Bytes that continue a scalar value are 10xxxxxx; the bytes behind the text are 0.
            let continued = (word >> 7) & !(word >> 6) & 0x0001_0101_0101_0101;
            return inline_len(word) - continued.count_ones() as usize;
        }
        self.cells.get(word as usize).map_or(0, |cell| cell.info as usize)
    }

    /// The bytes of a Bytes.
    #[inline]
    pub(super) fn bytes(&self, word: u64) -> &[u8] {
        match self.cells.get(word as usize).map(|cell| &cell.body) {
            Some(Body::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    /// Makes a Bytes.
    pub(super) fn of_bytes(&mut self, bytes: Vec<u8>) -> Result<u64, Fault> {
        let n = bytes.len() as u64;
        self.alloc(0, Body::Bytes(bytes), n)
    }

    /// Whether two texts are equal.
    #[inline]
    pub(super) fn texts_equal(&mut self, one: u64, other: u64) -> bool {
        if one == other {
            return true;
        }
        if (one | other) & INLINE != 0 {
            return false;
        }
        let (mut buffer, mut other_buffer) = ([0; 8], [0; 8]);
        let (one, other) = (self.str(one, &mut buffer), self.str(other, &mut other_buffer));
        let (n, equal) = (one.len(), one.len() == other.len() && one == other);
        self.charge += n as u64 / 8;
        equal
    }

    fn compare_texts(&self, one: u64, other: u64) -> (Ordering, usize) {
        if one & other & INLINE != 0 {
            let key = |word: u64| word << 8 | inline_len(word) as u64;
            return (key(one).cmp(&key(other)), 0);
        }
        let (mut buffer, mut other_buffer) = ([0; 8], [0; 8]);
        let (one, other) = (self.str(one, &mut buffer), self.str(other, &mut other_buffer));
        (one.as_bytes().cmp(other.as_bytes()), one.len().min(other.len()))
    }

    /// Compares two words of a type by the total order, or, where `is_ieee`, tells `Equal` from all else as `==` does.
    /// Fuel is charged for what it goes over.
    #[inline]
    pub(super) fn compare(
        &mut self,
        one: u64,
        other: u64,
        ty: u32,
        layouts: &Layouts,
        is_ieee: bool,
    ) -> Result<Ordering, Fault> {
        match layouts.kind(ty) {
            Kind::Signed => Ok((one as i64).cmp(&(other as i64))),
            Kind::Unsigned => Ok(one.cmp(&other)),
            Kind::Text => {
                let (order, n) = self.compare_texts(one, other);
                self.charge += n as u64 / 8;
                Ok(order)
            }
            _ => self.compare_deep(one, other, ty, layouts, is_ieee),
        }
    }

    fn compare_deep(
        &mut self,
        one: u64,
        other: u64,
        ty: u32,
        layouts: &Layouts,
        is_ieee: bool,
    ) -> Result<Ordering, Fault> {
        /// What is still to be compared; where all was equal, which side has more.
        enum Todo {
            Pair(u64, u64, u32),
            Else(Ordering),
        }
        let mut todo = vec![Todo::Pair(one, other, ty)];
        let mut steps = 0_usize;
        // No more than memory could hold without sharing is gone over: shared parts count each time.
        let steps_max = self.steps_max();
        let order = loop {
            let (one, other, ty) = match todo.pop() {
                None => break Ordering::Equal,
                Some(Todo::Else(order)) => break order,
                Some(Todo::Pair(one, other, ty)) => (one, other, ty),
            };
            steps += 1;
            if steps > steps_max {
                return Err(Fault::Fuel);
            }
            let kind = layouts.kind(ty);
            let order = match kind {
                Kind::Signed => (one as i64).cmp(&(other as i64)),
                Kind::Unsigned => one.cmp(&other),
                Kind::Float => float(f64::from_bits(one), f64::from_bits(other), is_ieee),
                Kind::F32 => {
                    let of = |word: u64| f64::from(f32::from_bits(word as u32));
                    float(of(one), of(other), is_ieee)
                }
                Kind::Text => {
                    let (order, n) = self.compare_texts(one, other);
                    steps += n;
                    order
                }
                Kind::Bytes => {
                    let (one, other) = (self.bytes(one), self.bytes(other));
                    steps += one.len().min(other.len());
                    one.cmp(other)
                }
                _ if one == other && !layouts.has_float(ty) => Ordering::Equal,
                Kind::Items | Kind::Places => {
                    let (ones, others) = (self.words(one), self.words(other));
                    let n = if kind == Kind::Places { layouts.n_places(ty) } else { ones.len().min(others.len()) };
                    if kind == Kind::Items && ones.len() != others.len() {
                        if is_ieee {
                            break Ordering::Less;
                        }
                        todo.push(Todo::Else(ones.len().cmp(&others.len())));
                    }
                    for at in (0..n).rev() {
                        if let (Some(one), Some(other)) = (ones.get(at), others.get(at)) {
                            todo.push(Todo::Pair(*one, *other, layouts.part(ty, at)));
                        }
                    }
                    Ordering::Equal
                }
                Kind::Cases => {
                    let (case, other_case) = (self.case(one, layouts), self.case(other, layouts));
                    if case == other_case {
                        for at in (0..layouts.n_carried(ty, case)).rev() {
                            let pair = (self.carried(one, at), self.carried(other, at));
                            todo.push(Todo::Pair(pair.0, pair.1, layouts.carried(ty, case, at)));
                        }
                    }
                    case.cmp(&other_case)
                }
            };
            if order != Ordering::Equal {
                break order;
            }
        };
        self.charge += steps as u64 / 8;
        Ok(order)
    }

    /// Steps of a comparison, at most: what fuel and memory of a usual case allow.
    fn steps_max(&self) -> usize {
        (self.limit / 8).min(1 << 26) as usize
    }
}

fn float(one: f64, other: f64, is_ieee: bool) -> Ordering {
    if is_ieee { one.partial_cmp(&other).unwrap_or(Ordering::Less) } else { one.total_cmp(&other) }
}
