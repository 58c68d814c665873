//! Many short strings in one allocation.

/// Byte strings in one allocation, back to back; string `i` ends at `ends[i]`.
#[derive(Default)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Strings {
    pub(crate) fn with_capacity(n: usize, n_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(n_bytes), ends: Vec::with_capacity(n) }
    }

    /// Appends the string that `write` appends to the arena.
    ///
    /// # Panics
    /// Past 4 GiB in all: `load` limits the sum before.
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        assert!(u32::try_from(self.bytes.len()).is_ok(), "{} bytes of strings", self.bytes.len());
        self.ends.push(self.bytes.len() as u32);
    }

    pub(crate) fn push(&mut self, string: &[u8]) {
        self.push_with(|arena| arena.extend_from_slice(string));
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns string `i`, or the empty string past the end.
    #[inline]
    pub(crate) fn at(&self, i: usize) -> &[u8] {
        let end = self.ends.get(i).map_or(0, |&end| end as usize);
        let start = if i == 0 { 0 } else { self.ends.get(i - 1).map_or(0, |&end| end as usize) };
        self.bytes.get(start..end).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.at(i))
    }
}

/// Returns the first of `low..high` for which `is_before` fails.
pub(crate) fn partition(mut low: u32, mut high: u32, is_before: impl Fn(u32) -> bool) -> u32 {
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// A text to sort: with the number of its token, and its place in what it comes from.
pub(crate) type Sorted<'a> = (&'a [u8], u32, usize);

/// Sorts texts by their bytes, equal ones by the numbers of their tokens. It stands here once for all that sort:
/// sorting is much code, and the browser's module has to be small.
#[inline(never)]
pub(crate) fn sort(texts: &mut [Sorted<'_>]) {
    texts.sort_unstable();
}
