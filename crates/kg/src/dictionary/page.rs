//! A page of the sorted dictionary: front-coded groups of [`GROUP`] spellings.
//!
//! The number of spellings (u32), where each group begins (u32 each, counted from the page's start), the groups, the
//! CRC-32 of all before (u32). The first spelling of a group is its length and its bytes; each other is the number of
//! bytes that it shares with the one before, the number of those that follow, and these. Numbers are varints.

use std::cmp::Ordering;

use super::shared;
use crate::block::write_varint;

const GROUP: usize = 16;
/// The bytes of a page; a longer spelling has a page of its own.
pub(crate) const PAGE_BYTES_MAX: usize = 8192 - 64;

/// Spellings in their order, until a page is full.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    starts: Vec<u32>,
    groups: Vec<u8>,
    last: Vec<u8>,
    n: usize,
}

impl Writer {
    /// The spelling is in the page, unless the page is too full for it; an empty page takes any.
    pub(crate) fn push(&mut self, spelling: &[u8]) -> bool {
        let is_first = self.n.is_multiple_of(GROUP);
        let n_shared = if is_first { 0 } else { shared(&self.last, spelling) };
        let worst = spelling.len() - n_shared + 20;
        if self.n > 0 && 12 + 4 * self.starts.len() + self.groups.len() + worst > PAGE_BYTES_MAX {
            return false;
        }
        if is_first {
            self.starts.push(self.groups.len() as u32);
        } else {
            write_varint(n_shared as u64, &mut self.groups);
        }
        write_varint((spelling.len() - n_shared) as u64, &mut self.groups);
        self.groups.extend_from_slice(&spelling[n_shared..]);
        self.last.clear();
        self.last.extend_from_slice(spelling);
        self.n += 1;
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.n
    }

    /// The page, after which the writer is empty but for the last spelling, which [`Self::last`] still tells.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let head = 4 + 4 * self.starts.len();
        let mut page = Vec::with_capacity(head + self.groups.len() + 4);
        page.extend_from_slice(&(self.n as u32).to_le_bytes());
        for start in &self.starts {
            page.extend_from_slice(&(head as u32 + start).to_le_bytes());
        }
        page.append(&mut self.groups);
        let sum = crc32fast::hash(&page);
        page.extend_from_slice(&sum.to_le_bytes());
        self.starts.clear();
        self.n = 0;
        page
    }

    /// The spelling that was pushed last.
    pub(crate) fn last(&self) -> &[u8] {
        &self.last
    }
}

/// A page whose checksum was right.
#[derive(Debug)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    n: usize,
}

const CUT: &str = "it ends within a spelling";

impl Page {
    /// The page of these bytes, or what is wrong with them.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or("shorter than its checksum")?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return Err("its checksum is of other bytes");
        }
        let n = u32::from_le_bytes(*body.first_chunk().ok_or("shorter than its head")?) as usize;
        if n == 0 || n.div_ceil(GROUP) > body.len() / 4 {
            return Err("a number of spellings that no page has");
        }
        Ok(Self { bytes: body.to_vec(), n })
    }

    pub(crate) fn len(&self) -> usize {
        self.n
    }

    pub(crate) fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The spelling at a place of the page.
    pub(crate) fn get(&self, i: usize) -> Result<Vec<u8>, &'static str> {
        let mut group = self.group(i / GROUP)?;
        let mut spelling = Vec::new();
        for _ in 0..=i % GROUP {
            group.next(&mut spelling)?;
        }
        Ok(spelling)
    }

    /// The place of a spelling, or none.
    pub(crate) fn find(&self, wanted: &[u8]) -> Result<Option<usize>, &'static str> {
        let (mut low, mut high) = (0, self.n.div_ceil(GROUP));
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.group(middle)?.first()? <= wanted { low = middle + 1 } else { high = middle }
        }
        let Some(number) = low.checked_sub(1) else { return Ok(None) };
        let mut group = self.group(number)?;
        let mut spelling = Vec::new();
        for i in number * GROUP..self.n.min((number + 1) * GROUP) {
            group.next(&mut spelling)?;
            match spelling.as_slice().cmp(wanted) {
                Ordering::Less => {}
                Ordering::Equal => return Ok(Some(i)),
                Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Every spelling, in order.
    pub(crate) fn each(&self, mut each: impl FnMut(&[u8])) -> Result<(), &'static str> {
        let mut spelling = Vec::new();
        for number in 0..self.n.div_ceil(GROUP) {
            let mut group = self.group(number)?;
            for _ in number * GROUP..self.n.min((number + 1) * GROUP) {
                group.next(&mut spelling)?;
                each(&spelling);
            }
        }
        Ok(())
    }

    fn group(&self, number: usize) -> Result<Group<'_>, &'static str> {
        let start = self.bytes.get(4 + 4 * number..).and_then(|rest| rest.first_chunk()).ok_or(CUT)?;
        let rest = self.bytes.get(u32::from_le_bytes(*start) as usize..).ok_or("a group beyond its page")?;
        Ok(Group { rest, is_first: true })
    }
}

/// What is left of a group.
struct Group<'a> {
    rest: &'a [u8],
    is_first: bool,
}

impl<'a> Group<'a> {
    fn varint(&mut self) -> Result<usize, &'static str> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(CUT)?;
            self.rest = rest;
            value |= usize::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err("a length of more than five bytes")
    }

    fn take(&mut self) -> Result<&'a [u8], &'static str> {
        let n = self.varint()?;
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(CUT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn first(mut self) -> Result<&'a [u8], &'static str> {
        self.take()
    }

    fn next(&mut self, spelling: &mut Vec<u8>) -> Result<(), &'static str> {
        let n_shared = if self.is_first { 0 } else { self.varint()? };
        self.is_first = false;
        if n_shared > spelling.len() {
            return Err("more bytes shared than there are");
        }
        spelling.truncate(n_shared);
        spelling.extend_from_slice(self.take()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn page(spellings: &BTreeSet<Vec<u8>>) -> Vec<u8> {
        let mut writer = Writer::default();
        spellings.iter().for_each(|spelling| assert!(writer.push(spelling)));
        assert_eq!(writer.len(), spellings.len());
        writer.finish()
    }

    proptest! {
        #[test]
        fn a_page_finds_its_spellings_and_no_others(
            spellings in prop::collection::btree_set(prop::collection::vec(0..3_u8, 0..9), 1..200),
            other in prop::collection::vec(0..3_u8, 0..9),
        ) {
            let page = Page::read(&page(&spellings)).expect("a page");
            let mut all = BTreeSet::new();
            page.each(|spelling| { all.insert(spelling.to_vec()); }).expect("spellings");
            prop_assert_eq!(&all, &spellings);
            for (i, spelling) in spellings.iter().enumerate() {
                prop_assert_eq!(page.find(spelling), Ok(Some(i)));
                prop_assert_eq!(page.get(i), Ok(spelling.clone()));
            }
            prop_assert_eq!(page.find(&other).map(|found| found.is_some()), Ok(spellings.contains(&other)));
        }

        #[test]
        fn bytes_that_are_no_page_are_refused_or_read_and_never_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 4..300), n in 1..99_u32, i in 0..99_usize,
        ) {
            bytes[..4].copy_from_slice(&n.to_le_bytes());
            let refused = Page::read(&bytes).is_err();
            let sum = crc32fast::hash(&bytes);
            bytes.extend_from_slice(&sum.to_le_bytes());
            if let Ok(page) = Page::read(&bytes) {
                let _found = (page.get(i % page.len()), page.find(&[i as u8]), page.each(|_| {}));
            }
            prop_assert!(refused);
        }
    }

    #[test]
    fn a_full_page_takes_no_more_and_an_empty_one_takes_anything() {
        let mut writer = Writer::default();
        assert!(writer.push(&vec![7; 3 * PAGE_BYTES_MAX]));
        assert!(!writer.push(&[9; 100]));
        assert_eq!(writer.last().len(), 3 * PAGE_BYTES_MAX);
        assert!(writer.finish().len() > 3 * PAGE_BYTES_MAX);
        let n = (0..10_000_u32).take_while(|n| writer.push(&n.to_be_bytes())).count();
        let page = writer.finish();
        assert!((PAGE_BYTES_MAX - 64..=PAGE_BYTES_MAX).contains(&page.len()), "{} bytes of {n} spellings", page.len());
    }
}
