//! What is kept of the blocks and pages in memory, to find the right one without reading another.

use super::Strings;
use super::spelling::Class;
use crate::block;
use crate::order::Row;
use crate::term::TermId;

/// The first row of each block of an order, and how many rows are before it.
#[derive(Debug, Default)]
pub(crate) struct RowFences {
    pub(crate) first: Vec<Row>,
    /// One more than there are blocks; the last is the number of rows.
    pub(crate) starts: Vec<u64>,
}

const ENDS_EARLY: &str = "it ends early";

impl RowFences {
    pub(crate) fn push(&mut self, first: Row, n_rows: usize) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.first.push(first);
        self.starts.push(self.n_rows() + n_rows as u64);
    }

    pub(crate) fn n_blocks(&self) -> usize {
        self.first.len()
    }

    pub(crate) fn n_rows(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The last block whose first row is not above `row`: the one that holds it, if any does.
    pub(crate) fn block_of(&self, row: &Row) -> usize {
        self.first.partition_point(|first| first <= row).saturating_sub(1)
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = (self.n_blocks() as u64).to_le_bytes().to_vec();
        for pair in self.starts.windows(2) {
            out.extend_from_slice(&((pair[1] - pair[0]) as u16).to_le_bytes());
        }
        for first in self.first.chunks(block::ROWS_MAX) {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            block::encode(first, &mut out);
            let n_bytes = (out.len() - start - 4) as u32;
            out[start..start + 4].copy_from_slice(&n_bytes.to_le_bytes());
        }
        sealed(out)
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut rest = unsealed(bytes)?;
        let n = take_u64(&mut rest)?;
        let counts = usize::try_from(n).ok().and_then(|n| n.checked_mul(2)).and_then(|n| rest.split_at_checked(n));
        let (counts, mut rest) = counts.ok_or(ENDS_EARLY)?;
        let mut first = Vec::new();
        while let Some((n_bytes, more)) = rest.split_first_chunk::<4>() {
            let (block, more) = more.split_at_checked(u32::from_le_bytes(*n_bytes) as usize).ok_or(ENDS_EARLY)?;
            first.append(&mut block::decode(block)?);
            rest = more;
        }
        let mut fences = Self::default();
        for (first, count) in first.iter().zip(counts.chunks_exact(2)) {
            fences.push(*first, usize::from(u16::from_le_bytes([count[0], count[1]])));
        }
        if fences.n_blocks() as u64 != n || first.len() as u64 != n {
            return Err("more or fewer first rows than blocks");
        }
        Ok(fences)
    }
}

/// What is needed to find the page of a spelling or of a rank.
#[derive(Debug, Default)]
pub(crate) struct TermFences {
    /// For each page a string that is above all spellings before it and not above its first.
    from: Strings,
    /// The place of each page's first spelling among all; one more than there are pages.
    starts: Vec<u64>,
    /// The number of spellings of each class.
    counts: [u64; Class::ALL.len()],
}

impl TermFences {
    /// A page of `n` spellings, all above those pushed before.
    pub(crate) fn push(&mut self, from: &[u8], n: usize) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        self.from.push(from);
        self.starts.push(self.n_terms() + n as u64);
    }

    /// One more spelling of a class; its rank.
    pub(crate) fn count(&mut self, class: Class) -> u64 {
        let count = &mut self.counts[class as usize - 1];
        *count += 1;
        *count - 1
    }

    pub(crate) fn n_pages(&self) -> usize {
        self.from.len()
    }

    pub(crate) fn n_terms(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The page that holds a spelling, if any does, and the place of the page's first spelling.
    pub(crate) fn page_of(&self, spelling: &[u8]) -> Option<(usize, u64)> {
        let (mut low, mut high) = (0, self.n_pages());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.from.get(middle) <= spelling { low = middle + 1 } else { high = middle }
        }
        let page = low.checked_sub(1)?;
        Some((page, self.starts[page]))
    }

    /// The page that holds the spelling of a rank, and its place in the page.
    pub(crate) fn page_at(&self, class: Class, rank: u64) -> Option<(usize, usize)> {
        if rank >= self.counts[class as usize - 1] {
            return None;
        }
        let place = self.before(class) + rank;
        let page = self.starts.partition_point(|&start| start <= place).checked_sub(1)?;
        (page < self.n_pages()).then(|| (page, (place - self.starts[page]) as usize))
    }

    /// The id of the spelling at a place among all.
    pub(crate) fn id(&self, class: Class, place: u64) -> Option<TermId> {
        Some(TermId::in_dictionary(class, place.checked_sub(self.before(class))?))
    }

    /// The number of spellings of the classes before.
    pub(crate) fn before(&self, class: Class) -> u64 {
        self.counts[..class as usize - 1].iter().sum()
    }

    pub(crate) fn starts(&self) -> &[u64] {
        &self.starts
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for count in self.counts.iter().chain([&(self.n_pages() as u64)]) {
            out.extend_from_slice(&count.to_le_bytes());
        }
        for (from, start) in self.from.iter().zip(&self.starts) {
            out.extend_from_slice(&start.to_le_bytes());
            out.extend_from_slice(&(from.len() as u32).to_le_bytes());
            out.extend_from_slice(from);
        }
        sealed(out)
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut rest = unsealed(bytes)?;
        let mut fences = Self::default();
        for count in &mut fences.counts {
            *count = take_u64(&mut rest)?;
        }
        let n_terms = fences.counts.iter().try_fold(0_u64, |sum, &n| sum.checked_add(n)).ok_or("too many terms")?;
        for _ in 0..take_u64(&mut rest)? {
            fences.starts.push(take_u64(&mut rest)?);
            let (n_bytes, more) = rest.split_first_chunk::<4>().ok_or(ENDS_EARLY)?;
            let (from, more) = more.split_at_checked(u32::from_le_bytes(*n_bytes) as usize).ok_or(ENDS_EARLY)?;
            fences.from.push(from);
            rest = more;
        }
        fences.starts.push(n_terms);
        if !rest.is_empty() || !fences.starts.is_sorted() || fences.starts[0] != 0 {
            return Err("pages that do not follow each other");
        }
        Ok(fences)
    }
}

/// The bytes with their CRC-32 behind them.
pub(crate) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// The bytes before their CRC-32, if that is right.
pub(crate) fn unsealed(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or("shorter than its checksum")?;
    let is_right = crc32fast::hash(body) == u32::from_le_bytes(*sum);
    is_right.then_some(body).ok_or("its checksum is of other bytes")
}

pub(crate) fn take_u64(rest: &mut &[u8]) -> Result<u64, &'static str> {
    let (value, more) = rest.split_first_chunk::<8>().ok_or(ENDS_EARLY)?;
    *rest = more;
    Ok(u64::from_le_bytes(*value))
}
