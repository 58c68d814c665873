//! The name that one probably meant.

/// Finds the name that one probably meant: few letters differ.
pub(crate) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    // Of one or two letters every other name of as many would be near: then only capitals may differ.
    let allowed = (name.chars().count() / 3).min(3);
    let is_word = |name: &str| name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    names
        .filter(|other| *other != name && is_word(other))
        .map(|other| (distance(name, other, allowed), other))
        .filter(|(far, _)| *far <= allowed)
        .min()
        .map(|(_, other)| other)
}

/// Letters to insert, remove, replace or swap with their neighbour; more than `most` is `most + 1`.
fn distance(a: &str, b: &str, most: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most || a.len() > 128 || b.len() > 128 {
        return most + 1;
    }
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let differs = usize::from(!a[i - 1].eq_ignore_ascii_case(&b[j - 1]));
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let near = |name: &str| nearest(name, ["*", "n", "Int", "functions", "say", "returns"].into_iter());
        assert_eq!(near("fuctions"), Some("functions"));
        assert_eq!(near("retunrs"), Some("returns"));
        assert_eq!(near("N"), Some("n"));
        assert_eq!(near("x"), None);
        assert_eq!(near("nothing"), None);
    }
}
