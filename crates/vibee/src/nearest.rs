//! The name that one probably meant.

/// Letters that a name has at least for its beginning to say anything.
const BEGINNING_MIN: usize = 3;

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

/// Finds the longest name that a name begins with, such as `min` for `minimum`, or else the shortest that begins with
/// it; of names with fewer than three letters any other may begin with them.
pub(crate) fn beginning<'n>(name: &str, names: impl Iterator<Item = &'n str> + Clone) -> Option<&'n str> {
    let is_long = |name: &str| name.len() >= BEGINNING_MIN;
    let within = names.clone().filter(|other| is_long(other) && *other != name && name.starts_with(other));
    let beyond = names.filter(|other| is_long(name) && *other != name && other.starts_with(name));
    within.max_by_key(|other| other.len()).or_else(|| beyond.min_by_key(|other| other.len()))
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
    use super::{beginning, nearest};

    #[test]
    fn finds_what_was_meant() {
        let near = |name: &str| nearest(name, ["*", "n", "Int", "functions", "say", "returns"].into_iter());
        assert_eq!(near("fuctions"), Some("functions"));
        assert_eq!(near("retunrs"), Some("returns"));
        assert_eq!(near("N"), Some("n"));
        assert_eq!(near("x"), None);
        assert_eq!(near("nothing"), None);
        let begins = |name: &str| beginning(name, ["mi", "min", "minus", "take_while", "len"].into_iter());
        assert_eq!(begins("minimum"), Some("min"));
        assert_eq!(begins("length"), Some("len"));
        assert_eq!(begins("take"), Some("take_while"));
        assert_eq!((begins("le"), begins("mix")), (None, None));
    }
}
