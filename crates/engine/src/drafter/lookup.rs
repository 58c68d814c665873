//! [`Index`]: where the last tokens of a sequence stood before.

use std::collections::HashMap;

use model::TokenId;

/// Number of tokens that must agree before what followed them is proposed.
const GRAM: usize = 3;

/// An index of the earlier occurrences of a sequence's tokens.
#[derive(Default)]
pub(crate) struct Index {
    /// End of the latest occurrence of each gram, of those that end before `n_indexed`.
    ends: HashMap<[TokenId; GRAM], usize>,
    n_indexed: usize,
}

impl Index {
    /// Proposes what followed the last tokens when they stood there before, at most `n_max`.
    pub(crate) fn draft(&mut self, tokens: &[TokenId], n_max: usize, drafts: &mut Vec<TokenId>) {
        // The newest gram is looked up before it is entered.
        for end in self.n_indexed.max(GRAM)..tokens.len() {
            if let Some(gram) = gram_before(tokens, end) {
                self.ends.insert(gram, end);
            }
        }
        self.n_indexed = self.n_indexed.max(tokens.len());
        let Some(gram) = gram_before(tokens, tokens.len()) else { return };
        if let Some(&end) = self.ends.get(&gram) {
            // Where the text has run into itself the guess goes round.
            let period = tokens.len() - end;
            let guess = (0..n_max).filter_map(|i| tokens.get(end + i % period));
            drafts.extend(guess);
        }
    }
}

fn gram_before(tokens: &[TokenId], end: usize) -> Option<[TokenId; GRAM]> {
    tokens.get(end.checked_sub(GRAM)?..end)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tokens: &[u32], n_max: usize, expected: &[u32]) {
        let ids = |ids: &[u32]| ids.iter().map(|id| TokenId(*id)).collect::<Vec<_>>();
        let mut whole = Vec::new();
        Index::default().draft(&ids(tokens), n_max, &mut whole);
        assert_eq!(whole, ids(expected), "after {tokens:?}");
        // Token by token gives the same.
        let (mut index, mut last) = (Index::default(), Vec::new());
        for n in 1..=tokens.len() {
            last.clear();
            index.draft(&ids(&tokens[..n]), n_max, &mut last);
        }
        assert_eq!(last, ids(expected), "token by token, after {tokens:?}");
    }

    #[test]
    fn what_followed_before_is_proposed() {
        check(&[1, 2, 3, 4, 5, 6, 1, 2, 3], 4, &[4, 5, 6, 1]);
        check(&[1, 2, 3, 4, 5, 1, 2, 3, 9, 1, 2, 3], 2, &[9, 1]);
        check(&[7, 7, 7, 7], 3, &[7, 7, 7]);
        check(&[1, 2, 3, 4, 1, 2], 4, &[]);
        check(&[1, 2], 4, &[]);
    }
}
