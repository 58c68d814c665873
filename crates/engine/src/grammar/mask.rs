//! Which tokens may come next.

use tokenizer::TokenId;

/// A set of tokens, one bit each; kept and refilled, it allocates once.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TokenMask {
    words: Vec<u32>,
}

impl TokenMask {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the token is in the set.
    pub fn allows(&self, token: TokenId) -> bool {
        self.words.get(token.0 as usize / 32).is_some_and(|word| word >> (token.0 % 32) & 1 == 1)
    }

    /// Sets the logits of all other tokens to minus infinity.
    pub fn apply(&self, logits: &mut [f32]) {
        for (word, logits) in self.words.iter().zip(logits.chunks_mut(32)) {
            if *word == u32::MAX {
                continue;
            }
            for (bit, logit) in logits.iter_mut().enumerate() {
                if word >> bit & 1 == 0 {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        // A head that is wider than the vocabulary: nothing is known of the rest.
        if let Some(rest) = logits.get_mut(self.words.len() * 32..) {
            rest.fill(f32::NEG_INFINITY);
        }
    }

    /// Number of tokens in the set.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no token is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Returns the only token of the set, if there is one only: it needs no sampling.
    pub fn single(&self) -> Option<TokenId> {
        let mut words = self.words.iter().enumerate().filter(|(_, word)| **word != 0);
        let (index, word) = words.next()?;
        (word.is_power_of_two() && words.next().is_none()).then(|| TokenId(index as u32 * 32 + word.trailing_zeros()))
    }

    /// Returns all tokens of the set, by id.
    pub fn iter(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            (0..32u32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| TokenId(index as u32 * 32 + bit))
        })
    }

    pub(super) fn for_vocabulary(n_vocab: usize) -> Self {
        Self { words: vec![0; n_vocab.div_ceil(32)] }
    }

    pub(super) fn fill_from(&mut self, words: &[u32], n_vocab: usize) {
        let n_words = n_vocab.div_ceil(32);
        self.words.clear();
        self.words.extend(words.iter().copied().take(n_words));
        self.words.resize(n_words, 0);
    }

    pub(super) fn insert(&mut self, token: TokenId) {
        if let Some(word) = self.words.get_mut(token.0 as usize / 32) {
            *word |= 1 << (token.0 % 32);
        }
    }

    /// Removes every token of `others`.
    pub(super) fn subtract(&mut self, others: &Self) {
        for (word, other) in self.words.iter_mut().zip(&others.words) {
            *word &= !other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applies_what_it_allows() {
        for n_vocab in [1, 31, 32, 33, 64, 100] {
            for n_logits in [n_vocab, n_vocab + 7, n_vocab + 40] {
                let mut mask = TokenMask::for_vocabulary(n_vocab);
                for id in (0..n_vocab as u32).step_by(3) {
                    mask.insert(TokenId(id));
                }
                let mut logits = vec![1.0; n_logits];
                mask.apply(&mut logits);
                for (id, logit) in logits.iter().enumerate() {
                    let allowed = id < n_vocab && id % 3 == 0;
                    assert_eq!(mask.allows(TokenId(id as u32)), allowed, "token {id} of {n_vocab}");
                    assert_eq!(logit.is_finite(), allowed, "logit {id} of {n_logits}, vocabulary {n_vocab}");
                }
                assert_eq!(mask.len(), mask.iter().count());
                assert_eq!(mask.single().is_some(), mask.len() == 1);
            }
        }
    }

    #[test]
    fn full_words_leave_logits_alone() {
        let mut mask = TokenMask::for_vocabulary(64);
        (0..64).for_each(|id| mask.insert(TokenId(id)));
        let mut logits = vec![0.5; 64];
        mask.apply(&mut logits);
        assert!(logits.iter().all(|logit| *logit == 0.5));
        let mut silent = TokenMask::for_vocabulary(64);
        silent.insert(TokenId(40));
        mask.subtract(&silent);
        assert!(!mask.allows(TokenId(40)) && mask.len() == 63);
        assert!(!mask.is_empty() && TokenMask::for_vocabulary(64).is_empty());
    }
}
