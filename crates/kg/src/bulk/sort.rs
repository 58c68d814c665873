//! Sorting of spellings, which have long beginnings in common.
//!
//! Eight bytes of each are compared at a time; only spellings that are equal in them are looked at again.

/// Sorts the numbers of some strings by the strings, which are all different.
pub(super) fn sort<'a>(numbers: &mut [u32], string: impl Fn(u32) -> &'a [u8]) {
    let mut keyed: Vec<(u64, u32)> = numbers.iter().map(|&number| (0, number)).collect();
    let mut open = vec![(0, keyed.len(), 0)];
    while let Some((start, end, depth)) = open.pop() {
        let part = &mut keyed[start..end];
        for (key, number) in part.iter_mut() {
            *key = eight_bytes(string(*number), depth);
        }
        part.sort_unstable_by_key(|(key, _)| *key);
        let mut at = start;
        for equal in keyed[start..end].chunk_by_mut(|a, b| a.0 == b.0) {
            let n = equal.len();
            // Those that end within these bytes differ only in zeros.
            let all_end = || equal.iter().all(|(_, number)| string(*number).len() <= depth + 8);
            if n > 1 && (n <= 8 || all_end()) {
                equal.sort_unstable_by(|a, b| string(a.1).cmp(string(b.1)));
            } else if n > 1 {
                open.push((at, at + n, depth + 8));
            }
            at += n;
        }
    }
    for (number, (_, sorted)) in numbers.iter_mut().zip(keyed) {
        *number = sorted;
    }
}

/// Eight bytes from a depth on, so that they compare as the strings do; bytes beyond the end are zeros.
///
/// A string that ends is below one that goes on with zeros, which these eight bytes do not tell; groups of equal keys
/// do.
fn eight_bytes(string: &[u8], depth: usize) -> u64 {
    let rest = string.get(depth..).unwrap_or_default();
    if let Some(bytes) = rest.first_chunk::<8>() {
        return u64::from_be_bytes(*bytes);
    }
    let mut bytes = [0; 8];
    bytes[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sorted_spellings_are_in_the_order_of_their_bytes(
            strings in prop::collection::btree_set(prop::collection::vec(0..3_u8, 0..40), 0..300),
            turn: prop::sample::Index,
        ) {
            let strings: Vec<Vec<u8>> = BTreeSet::into_iter(strings).collect();
            let mut numbers: Vec<u32> = (0..strings.len() as u32).collect();
            if !numbers.is_empty() {
                let at = turn.index(numbers.len());
                numbers.rotate_left(at);
                numbers.reverse();
            }
            sort(&mut numbers, |number| &strings[number as usize]);
            prop_assert_eq!(numbers, (0..strings.len() as u32).collect::<Vec<_>>());
        }
    }
}
