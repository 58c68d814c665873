//! Sorted rows, found by the words they begin with.

use std::ops::Range;

use crate::query::error::QueryError;
use crate::query::limits::Meter;
use crate::query::words::Word;

/// Words that begin rows are looked up in a table if there are at most this many places in it for each row.
const PLACES_PER_ROW: u64 = 4;

/// So few rows are looked through one by one.
const FEW: usize = 16;

/// Rows in order. Where the words that begin them lie close together, as the ids of nodes do, a table says where the
/// rows of each begin; else they are looked for by galloping from the last place.
#[derive(Debug, Default)]
pub(crate) struct Sorted<const K: usize> {
    rows: Vec<[Word; K]>,
    first: Word,
    /// Where the rows that begin with `first + n` start; one more ends the last.
    starts: Vec<u32>,
}

impl<const K: usize> Sorted<K> {
    pub(crate) fn new(mut rows: Vec<[Word; K]>, meter: &Meter) -> Result<Self, QueryError> {
        if !rows.is_sorted() {
            rows.sort_unstable();
        }
        let (Some(first), Some(last)) = (rows.first().map(|row| row[0]), rows.last().map(|row| row[0])) else {
            return Ok(Self { rows, first: 0, starts: Vec::new() });
        };
        let places = last - first;
        if places > rows.len() as u64 * PLACES_PER_ROW || rows.len() >= u32::MAX as usize {
            return Ok(Self { rows, first, starts: Vec::new() });
        }
        meter.hold((places as usize + 2) * size_of::<u32>(), "a pattern")?;
        let mut starts = vec![0_u32; places as usize + 2];
        for row in &rows {
            starts[(row[0] - first) as usize + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Ok(Self { rows, first, starts })
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.rows[..]) + size_of_val(&self.starts[..])
    }

    pub(crate) fn rows(&self, range: Range<usize>) -> &[[Word; K]] {
        self.rows.get(range).unwrap_or_default()
    }

    /// The rows that begin with the key. Without a table they are looked for near `hint`, the last place found, and
    /// then everywhere.
    pub(crate) fn find(&self, key: &[Word], hint: &mut usize) -> Range<usize> {
        let (Some(&head), false) = (key.first(), self.starts.is_empty()) else {
            return gallop_from(&self.rows, key, hint);
        };
        let place = head.wrapping_sub(self.first) as usize;
        let (Some(&start), Some(&end)) = (self.starts.get(place), self.starts.get(place.wrapping_add(1))) else {
            return 0..0;
        };
        let (start, end) = (start as usize, end as usize);
        if key.len() == 1 {
            return start..end;
        }
        let rows = &self.rows[start..end];
        if let ([_, second], 2) = (key, K) {
            // Most nodes have few neighbours.
            let skipped = match rows {
                _ if rows.len() <= FEW => rows.iter().take_while(|row| row[1] < *second).count(),
                _ => rows.partition_point(|row| row[1] < *second),
            };
            let found = rows[skipped..].iter().take_while(|row| row[1] == *second).count();
            return start + skipped..start + skipped + found;
        }
        let skipped = rows.partition_point(|row| row[..key.len()] < *key);
        let found = gallop(&rows[skipped..], |row| row[..key.len()] == *key);
        start + skipped..start + skipped + found
    }
}

fn gallop_from<const K: usize>(rows: &[[Word; K]], key: &[Word], hint: &mut usize) -> Range<usize> {
    let n = key.len();
    let is_before = |row: &[Word; K]| row[..n] < *key;
    let is_past = *hint > 0 && rows.get(*hint - 1).is_none_or(|row| !is_before(row));
    let from = if is_past { 0 } else { *hint };
    let start = from + gallop(&rows[from..], is_before);
    let found = gallop(&rows[start..], |row| row[..n] == *key);
    *hint = start;
    start..start + found
}

/// How many rows at the start have the property, which no row has behind one that has it not.
fn gallop<T>(rows: &[T], has: impl Fn(&T) -> bool) -> usize {
    let mut reach = 1;
    while reach <= rows.len() && has(&rows[reach - 1]) {
        reach *= 2;
    }
    let start = reach / 2;
    start + rows[start..rows.len().min(reach)].partition_point(has)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::limits::Limits;

    proptest! {
        #[test]
        fn what_is_found_is_what_a_search_of_all_rows_finds(
            mut rows in proptest::collection::vec((0_u64..20, 0_u64..4), 0..80),
            keys in proptest::collection::vec((0_u64..22, 0_u64..5), 0..40),
            spread in prop_oneof![Just(1_u64), Just(1000)],
        ) {
            rows.iter_mut().for_each(|row| row.0 *= spread);
            let rows: Vec<[Word; 2]> = rows.into_iter().map(|(a, b)| [a, b]).collect();
            let sorted = Sorted::new(rows.clone(), &Meter::new(Limits::default())).unwrap();
            let mut hint = 0;
            for (a, b) in keys {
                for key in [&[a * spread][..], &[a * spread, b], &[]] {
                    let found = sorted.rows(sorted.find(key, &mut hint)).to_vec();
                    let mut expected: Vec<_> = rows.iter().filter(|row| row.starts_with(key)).copied().collect();
                    expected.sort_unstable();
                    prop_assert_eq!(found, expected, "{:?}", key);
                }
            }
        }
    }
}
