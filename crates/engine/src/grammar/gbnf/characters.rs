//! Sets of characters.

/// Ranges of Unicode scalar values, sorted, neither touching nor overlapping.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Characters(Vec<(u32, u32)>);

/// Ranges of all characters that UTF-8 can spell.
const ALL: [(u32, u32); 2] = [(0, 0xD7FF), (0xE000, 0x10FFFF)];

impl Characters {
    pub(super) fn all() -> Self {
        Self(ALL.to_vec())
    }

    pub(super) fn one(character: char) -> Self {
        Self(vec![(character.into(), character.into())])
    }

    pub(super) fn from_ranges(mut ranges: Vec<(char, char)>) -> Self {
        ranges.sort_unstable();
        let mut out: Vec<(u32, u32)> = Vec::new();
        for (first, last) in ranges {
            push(&mut out, (first.into(), last.into()));
        }
        // A range across the surrogates means the scalar values on both sides.
        Self(intersect(&out, &ALL))
    }

    pub(super) fn negated(&self) -> Self {
        let mut out = Vec::new();
        let mut next = 0;
        for &(first, last) in &self.0 {
            if first > next {
                out.push((next, first - 1));
            }
            next = last + 1;
        }
        out.push((next, 0x10FFFF));
        out.retain(|(first, last)| first <= last);
        Self(intersect(&out, &ALL))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            if a.1 < b.0 {
                left.next();
            } else if b.1 < a.0 {
                right.next();
            } else {
                return true;
            }
        }
        false
    }

    /// Adds the characters of `other`; returns whether any of them were not there yet.
    pub(super) fn add(&mut self, other: &Self) -> bool {
        if other.0.is_empty() {
            return false;
        }
        let mut ranges: Vec<(u32, u32)> = self.0.iter().chain(&other.0).copied().collect();
        ranges.sort_unstable();
        let mut out = Vec::with_capacity(ranges.len());
        ranges.into_iter().for_each(|range| push(&mut out, range));
        let has_grown = out != self.0;
        self.0 = out;
        has_grown
    }

    /// Writes the set as a regular expression.
    pub(super) fn write(&self, out: &mut String) {
        if let [(first, last)] = self.0.as_slice()
            && first == last
        {
            return write_one(*first, out);
        }
        out.push('[');
        for &(first, last) in &self.0 {
            write_one(first, out);
            if last > first {
                out.push('-');
                write_one(last, out);
            }
        }
        out.push(']');
    }
}

fn push(out: &mut Vec<(u32, u32)>, (first, last): (u32, u32)) {
    match out.last_mut() {
        Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
        _ => out.push((first, last)),
    }
}

fn intersect(left: &[(u32, u32)], right: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut out = Vec::new();
    for &(a, b) in left {
        for &(c, d) in right {
            if a.max(c) <= b.min(d) {
                out.push((a.max(c), b.min(d)));
            }
        }
    }
    out
}

fn write_one(character: u32, out: &mut String) {
    match char::from_u32(character).filter(char::is_ascii_alphanumeric) {
        Some(plain) => out.push(plain),
        None => out.push_str(&format!("\\x{{{character:x}}}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ranges: &[(char, char)], expected: &str) {
        let mut out = String::new();
        Characters::from_ranges(ranges.to_vec()).write(&mut out);
        assert_eq!(out, expected, "{ranges:?}");
    }

    #[test]
    fn ranges_are_joined_and_written() {
        check(&[('a', 'a')], "a");
        check(&[('/', '/')], "\\x{2f}");
        check(&[('a', 'c'), ('b', 'z')], "[a-z]");
        check(&[('d', 'f'), ('a', 'c')], "[a-f]");
        check(&[('x', 'z'), ('a', 'a')], "[ax-z]");
        check(&[('\u{1000}', '\u{e001}')], "[\\x{1000}-\\x{d7ff}\\x{e000}-\\x{e001}]");
    }

    #[test]
    fn sets_obey_the_laws() {
        let some = [
            Characters::default(),
            Characters::all(),
            Characters::one('a'),
            Characters::from_ranges(vec![('\0', '\u{1f}'), ('b', 'y'), ('\u{10000}', '\u{10ffff}')]),
        ];
        for set in &some {
            assert_eq!(&set.negated().negated(), set);
            assert!(!set.overlaps(&set.negated()), "{set:?}");
            let mut all = set.clone();
            all.add(&set.negated());
            assert_eq!(all, Characters::all());
            assert!(!all.add(set), "nothing new");
            assert_eq!(set.overlaps(set), !set.is_empty());
        }
    }
}
