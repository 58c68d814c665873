//! [`StopFilter`]: ends a text before a stop string, and holds back what may still become one.

/// A filter that watches a stream of text for stop strings.
pub struct StopFilter {
    /// Stop strings, with their indices in the request.
    stops: Vec<(usize, String)>,
    held: String,
}

impl StopFilter {
    /// Makes a filter; empty strings are left out: they would stop everything.
    pub fn new(stops: &[String]) -> Self {
        let stops = stops.iter().cloned().enumerate().filter(|(_, s)| !s.is_empty());
        Self { stops: stops.collect(), held: String::new() }
    }

    /// Takes more text and appends to `out` what is certain. If a stop string was found, `out` ends before it, the
    /// stream is over, and its index is returned.
    pub fn push(&mut self, text: &str, out: &mut String) -> Option<usize> {
        self.held.push_str(text);
        // The first to end wins; of those that end at one place, the first to begin.
        let ends = self.stops.iter().filter_map(|(i, s)| self.held.find(s.as_str()).map(|at| (at + s.len(), at, *i)));
        if let Some((_, at, index)) = ends.min() {
            out.extend(self.held.chars().scan(0, |i, c| {
                *i += c.len_utf8();
                (*i <= at).then_some(c)
            }));
            self.held.clear();
            return Some(index);
        }
        let keep = self.stops.iter().map(|(_, s)| overlap(&self.held, s)).max().unwrap_or(0);
        out.extend(self.held.drain(..self.held.len() - keep));
        None
    }

    /// Ends the stream without a stop string: what was held back is certain now.
    pub fn finish(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.held.clear();
    }
}

/// Number of bytes of the longest end of `text` that `stop` begins with, but is longer than.
fn overlap(text: &str, stop: &str) -> usize {
    let lengths = stop.char_indices().map(|(i, _)| i).rev();
    lengths.into_iter().find(|&n| stop.get(..n).is_some_and(|start| text.ends_with(start))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(text: &str, stops: &[&str], cuts: &[usize]) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|&s| s.to_owned()).collect();
        let mut filter = StopFilter::new(&stops);
        let (mut out, mut piece) = (String::new(), String::new());
        for (i, c) in text.chars().enumerate() {
            if cuts.contains(&i) {
                if filter.push(&piece, &mut out).is_some() {
                    return (out, true);
                }
                piece.clear();
            }
            piece.push(c);
        }
        if filter.push(&piece, &mut out).is_some() {
            return (out, true);
        }
        filter.finish(&mut out);
        (out, false)
    }

    #[test]
    fn text_ends_before_the_stop_string() {
        assert_eq!(stream("one two three", &["two"], &[]), ("one ".into(), true));
        assert_eq!(stream("one two three", &["four", ""], &[]), ("one two three".into(), false));
        assert_eq!(stream("aab", &["ab"], &[1, 2]), ("a".into(), true));
        assert_eq!(stream("naïve", &["ï"], &[2]), ("na".into(), true));
    }

    #[test]
    fn only_what_may_become_a_stop_string_is_held_back() {
        let mut filter = StopFilter::new(&["</s>".to_owned()]);
        let mut out = String::new();
        assert_eq!(filter.push("a < b </", &mut out), None);
        assert_eq!(out, "a < b ");
        assert_eq!(filter.push("b", &mut out), None);
        assert_eq!(out, "a < b </b");
    }

    #[test]
    fn the_string_that_was_found_is_named() {
        let stops = [String::new(), "x".to_owned(), "two".to_owned()];
        assert_eq!(StopFilter::new(&stops).push("one two", &mut String::new()), Some(2));
    }

    proptest! {
        #[test]
        fn a_stream_gives_what_the_whole_gives(text in "[abé]{0,30}", stops in proptest::collection::vec("[abé]{1,4}", 0..3), cuts in proptest::collection::vec(0usize..30, 0..8)) {
            let stops: Vec<&str> = stops.iter().map(String::as_str).collect();
            // Character by character is the finest stream; every other one must agree with it.
            let finest: Vec<usize> = (0..text.len()).collect();
            let expected = stream(&text, &stops, &finest);
            let first_end = stops.iter().filter_map(|s| text.find(s).map(|at| (at + s.len(), at))).min();
            let (before, _) = text.split_at(first_end.map_or(text.len(), |(_, at)| at));
            prop_assert_eq!(&expected, &(before.to_owned(), first_end.is_some()));
            prop_assert_eq!(stream(&text, &stops, &cuts), expected);
        }
    }
}
