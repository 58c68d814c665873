//! Is what was printed what the sample shows?

/// Behind a number that every run has its own of.
pub const UNITS: &[&str] = &["s", "ms", "tokens/s", "threads", "GB/s", "GOPS"];
const ANY: &str = "…";

/// Says what differs, unless what was printed is what the sample shows.
pub fn compare(shown: &str, printed: &str) -> Result<(), String> {
    let (pattern, text) = (plain(shown), plain(printed));
    if fits(&pattern, &text) { Ok(()) } else { Err(format!("shown:   {pattern}\nprinted: {text}")) }
}

/// One space for white space; `#` for what is measured.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_unit =
        |word: Option<&&str>| word.is_some_and(|word| UNITS.contains(&word.trim_end_matches([',', ';', ')', '.'])));
    let is_number = |word: &str| word.trim_start_matches('(').parse::<f64>().is_ok();
    let is_own = |i: usize| words.get(i).is_some_and(|word| is_number(word)) && is_unit(words.get(i + 1));
    let plain = |(i, word): (usize, &&str)| if is_own(i) { "#".to_owned() } else { (*word).to_owned() };
    words.iter().enumerate().map(plain).collect::<Vec<_>>().join(" ")
}

/// `pattern` is `text`, where `…` is anything.
fn fits(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split(ANY).map(str::trim).collect();
    let [first, between @ .., last] = parts.as_slice() else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in between {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_rule_names_may_differ() {
        let check = |shown: &str, printed: &str, is_same: bool| {
            assert_eq!(compare(shown, printed).is_ok(), is_same, "{shown:?} {printed:?}");
        };
        check("a b\n  c", "a  b c\n", true);
        check("a b", "a c", false);
        check("took 1.5 s, 20 tokens/s", "took 2.75 s, 7 tokens/s", true);
        check("took 1.5 kB", "took 2.5 kB", false);
        check("a … c", "a b b c", true);
        check("a … c", "a b b", false);
        check("a … b … c", "a c", false);
        check("…", "anything", true);
        check("", "anything", false);
    }
}
