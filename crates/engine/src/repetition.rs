//! Texts that go round in circles: the same tokens, over and over, to the end of the context.
//!
//! Small models fall into such a cycle and never leave it. People repeat themselves, too: rules of `====`, tables of
//! equal rows, arrays of zeros, a hundred lines for punishment. So the program's own bounds lie far beyond those; a
//! request may have narrower ones.

use model::TokenId;

use crate::{Error, limits::PATTERN_LEN_MAX};

/// The bounds beyond which a completion has repeated itself for too long; the first three are vLLM's
/// `repetition_detection`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RepetitionBounds {
    /// Shortest pattern, in tokens.
    pub pattern_len_min: usize,
    /// Longest pattern, in tokens.
    pub pattern_len_max: usize,
    /// Least number of times that the pattern stands there, one behind the other.
    pub count_min: usize,
    /// Least number of tokens of all repetitions together.
    pub tokens_min: usize,
}

impl RepetitionBounds {
    /// Bounds of the program's own chat and page: at least 1,024 tokens, and at least 12 times the same. 256 zeros with
    /// their commas are 768 tokens at most, a line of nine tokens a hundred times is 900.
    pub const OWN: Self = Self { pattern_len_min: 1, pattern_len_max: 256, count_min: 12, tokens_min: 1024 };

    /// Checks that each bound is within its range.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refuse = |value: usize, expected: String| {
            Err(Error::Parameter { parameter: "repetition_detection", value: value.to_string(), expected })
        };
        if !(1..=PATTERN_LEN_MAX).contains(&self.pattern_len_max) {
            return refuse(self.pattern_len_max, format!("a max_pattern_size of 1 to {PATTERN_LEN_MAX}"));
        }
        if !(1..=self.pattern_len_max).contains(&self.pattern_len_min) {
            return refuse(self.pattern_len_min, "a min_pattern_size of 1 to max_pattern_size".to_owned());
        }
        if self.count_min < 2 {
            return refuse(self.count_min, "a min_count of at least 2".to_owned());
        }
        Ok(())
    }
}

/// A watch over one completion. After construction nothing allocates; a token costs one comparison for each length of a
/// pattern.
pub(crate) struct Repetition {
    bounds: RepetitionBounds,
    /// The last tokens, the oldest of them at `n % len`.
    last: Vec<TokenId>,
    /// Number of tokens that came.
    n: usize,
    /// Numbers of the last tokens that are, without a break, those of `i + 1` tokens before.
    runs: Vec<usize>,
}

impl Repetition {
    pub(crate) fn new(bounds: RepetitionBounds) -> Self {
        let len = bounds.pattern_len_max;
        Self { bounds, last: vec![TokenId(0); len], n: 0, runs: vec![0; len] }
    }

    /// Takes the next token; returns whether it is one too many.
    pub(crate) fn push(&mut self, token: TokenId) -> bool {
        let Self { bounds, last, n, runs } = self;
        let len = last.len();
        let mut is_too_much = false;
        for (i, run) in runs.iter_mut().enumerate().take(*n) {
            let period = i + 1;
            *run = if last[(*n - period) % len] == token { *run + 1 } else { 0 };
            let is_pattern = (bounds.pattern_len_min..=bounds.pattern_len_max).contains(&period);
            let bound = bounds.tokens_min.max(bounds.count_min.saturating_mul(period));
            is_too_much |= is_pattern && *run + period >= bound;
        }
        last[*n % len] = token;
        *n += 1;
        is_too_much
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns at which token it is too much.
    fn end_of(bounds: RepetitionBounds, tokens: impl IntoIterator<Item = u32>) -> Option<usize> {
        let mut repetition = Repetition::new(bounds);
        tokens.into_iter().position(|token| repetition.push(TokenId(token)))
    }

    /// Makes `lead` other tokens, then `pattern` tokens again and again.
    fn cycle(lead: u32, pattern: u32, n: usize) -> impl Iterator<Item = u32> {
        (1000..1000 + lead).chain((0..pattern).cycle().take(n))
    }

    #[test]
    fn cycles_of_every_length_end_where_they_should() {
        let own = RepetitionBounds::OWN;
        for (pattern, n) in [(1, 1024), (2, 1024), (7, 1024), (85, 1024), (86, 86 * 12), (256, 256 * 12)] {
            for lead in [0, 1, 300] {
                let end = end_of(own, cycle(lead, pattern, n + 500));
                assert_eq!(end, Some(lead as usize + n - 1), "a pattern of {pattern} behind {lead}");
                assert_eq!(end_of(own, cycle(lead, pattern, n - 1)), None, "a pattern of {pattern} behind {lead}");
            }
        }
        assert_eq!(end_of(own, cycle(0, 257, 10_000)), None, "longer than what is looked for");
    }

    #[test]
    fn a_break_begins_anew() {
        let broken = cycle(0, 3, 1000).chain([77]).chain(cycle(0, 3, 1000));
        assert_eq!(end_of(RepetitionBounds::OWN, broken), None);
    }

    /// Texts that people write on purpose are no repetition.
    #[test]
    fn lists_tables_rules_and_arrays_go_through() {
        let own = RepetitionBounds::OWN;
        let row = |i: u32| [1, 2 + i, 3, 4, 5, 3, 4, 5, 6];
        let counted: Vec<u32> = (0..5000).flat_map(row).collect();
        assert_eq!(end_of(own, counted), None, "a table whose rows are counted");
        for (what, pattern, times) in [
            ("a rule of 80 columns, a token each column", 1, 80),
            ("80 rules of 12 tokens", 12, 80),
            ("a table of 60 empty rows", 14, 60),
            ("256 zeros with commas", 3, 256),
            ("a line a hundred times", 9, 100),
            ("six equal records of JSON", 150, 6),
        ] {
            assert_eq!(end_of(own, cycle(20, pattern, (pattern * times) as usize)), None, "{what}");
        }
    }

    #[test]
    fn bounds_of_a_request_are_vllms() {
        let bounds = RepetitionBounds { pattern_len_min: 2, pattern_len_max: 4, count_min: 3, tokens_min: 0 };
        assert_eq!(end_of(bounds, [1, 2, 1, 2, 1, 2, 9]), Some(5));
        assert_eq!(end_of(bounds, [1, 2, 3, 1, 2, 3, 1, 2, 4]), None);
        assert_eq!(end_of(bounds, (0..5).cycle().take(100)), None);
        let bad = |bounds: RepetitionBounds| bounds.check().unwrap_err().to_string();
        assert!(bad(RepetitionBounds { pattern_len_max: 1025, ..bounds }).contains("1025"));
        assert!(bad(RepetitionBounds { pattern_len_min: 5, ..bounds }).contains('5'));
        assert!(bad(RepetitionBounds { count_min: 1, ..bounds }).contains('1'));
        bounds.check().unwrap();
    }
}
