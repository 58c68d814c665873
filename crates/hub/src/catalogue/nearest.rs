//! Names that look like one that nobody has.

/// Longest name, in characters, that is compared with others.
const NAME_CHARS_MAX: usize = 64;

/// Returns up to three of `names`, nearest first: few letters off, or one begins with the other's family.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    if name.chars().count() > NAME_CHARS_MAX {
        return Vec::new();
    }
    let family = |n: &'a str| n.split(':').next().unwrap_or_default();
    let mut scored: Vec<(usize, &str)> = names
        .filter_map(|candidate| {
            let begins = name.len() >= 3 && (candidate.starts_with(name) || name.starts_with(family(candidate)));
            let off = distance(name, candidate).min(distance(name, family(candidate)));
            let near = begins || off * 3 <= name.chars().count();
            near.then_some((off, candidate))
        })
        .collect();
    scored.sort_unstable();
    scored.into_iter().take(3).map(|(_, n)| n.to_owned()).collect()
}

/// Returns the number of letters to insert, delete or replace (Levenshtein 1965), computed row by row.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut row = vec![left];
        for (cb, pair) in b.iter().zip(previous.windows(2)) {
            if let [diagonal, above] = *pair {
                left = (diagonal + usize::from(ca != *cb)).min(above + 1).min(left + 1);
                row.push(left);
            }
        }
        previous = row;
    }
    previous.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances() {
        for (a, b, expected) in [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("kitten", "sitting", 3), ("añb", "anb", 1)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
