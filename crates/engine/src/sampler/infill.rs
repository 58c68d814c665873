//! Infill: for filling gaps in code, where a text that goes on too long is worse than one that ends. It stands behind
//! samplers that leave few candidates.
//!
//! 1. If ending is likely enough, only ends are left.
//! 2. Of tokens of which one begins as the other is spelled, the likelier stands for both: whichever is drawn, the text
//!    begins alike.
//! 3. Unlikely texts are dropped; where none is left, the text ends.
//!
//! Steps and bounds are those of llama.cpp's sampler of that name.

use std::borrow::Cow;

use model::TokenId;
use tokenizer::Tokenizer;

use super::{Candidates, candidates::Candidate};

/// Largest number of candidates that are looked at: every pair is compared.
const CANDIDATES_MAX: usize = 128;

/// Factor by which ends win: where their sum, times this and the number of candidates, is more than that of texts.
const END_FACTOR: f64 = 3.0;

/// Least probability of a text.
const TEXT_MIN: f64 = 0.2;

/// The spelling of a vocabulary, as far as the sampler must know it.
pub(super) trait Spelling {
    /// Whether the token ends a text.
    fn is_end(&self, id: TokenId) -> bool;
    /// Returns the bytes that the token spells; none if it is a control token.
    fn spelled(&self, id: TokenId) -> Cow<'_, [u8]>;
    /// Returns the token that ends texts.
    fn end(&self) -> Option<TokenId>;
}

impl Spelling for Tokenizer {
    fn is_end(&self, id: TokenId) -> bool {
        self.is_end_of_generation(id)
    }

    fn spelled(&self, id: TokenId) -> Cow<'_, [u8]> {
        if self.is_control(id) { Cow::Borrowed(&[]) } else { self.token_bytes(id) }
    }

    fn end(&self) -> Option<TokenId> {
        self.special().eot.or_else(|| self.eos())
    }
}

/// A candidate with its probability.
struct Weighed {
    id: TokenId,
    probability: f64,
    is_end: bool,
}

pub(super) fn apply(candidates: &mut Candidates, vocabulary: &impl Spelling) {
    candidates.keep_likeliest(CANDIDATES_MAX);
    let max = candidates.max();
    let total = candidates.total_weight(max);
    let weigh =
        |c: &Candidate| Weighed { id: c.id, probability: c.weight(max) / total, is_end: vocabulary.is_end(c.id) };
    let mut all: Vec<Weighed> = candidates.as_slice().iter().map(weigh).collect();
    let ends: f64 = all.iter().filter(|c| c.is_end).map(|c| c.probability).sum();
    let texts: f64 = all.iter().filter(|c| !c.is_end).map(|c| c.probability).sum();
    if END_FACTOR * ends * all.len() as f64 > texts {
        all.retain(|c| c.is_end);
    } else {
        merge(&mut all, vocabulary);
        all.retain(|c| c.is_end || c.probability >= TEXT_MIN);
        let n_texts = all.iter().filter(|c| !c.is_end).count();
        if n_texts == 0 {
            if let Some(id) = vocabulary.end() {
                all = vec![Weighed { id, probability: 1.0, is_end: true }];
            }
        } else {
            let left: f64 = all.iter().map(|c| c.probability).sum();
            let least = left / (n_texts + 1) as f64;
            all.retain(|c| c.is_end || c.probability >= least);
        }
    }
    if !all.is_empty() {
        candidates.replace(all.iter().map(|c| Candidate { logit: libm::log(c.probability) as f32, id: c.id }));
    }
}

/// Merges candidates, which stand in falling order: the likelier of two of which one's spelling begins with the other's
/// takes the other's probability.
fn merge(all: &mut Vec<Weighed>, vocabulary: &impl Spelling) {
    let spelled: Vec<Cow<'_, [u8]>> = all.iter().map(|c| vocabulary.spelled(c.id)).collect();
    let mut taken = vec![false; all.len()];
    for kept in 0..all.len() {
        for other in kept + 1..all.len() {
            let (a, b) = (&spelled[kept], &spelled[other]);
            let is_either_empty = a.is_empty() || b.is_empty();
            if taken[kept] || taken[other] || is_either_empty || !(a.starts_with(b) || b.starts_with(a)) {
                continue;
            }
            all[kept].probability += all[other].probability;
            taken[other] = true;
        }
    }
    let mut taken = taken.into_iter();
    all.retain(|_| !taken.next().unwrap_or(false));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vocabulary of spellings by id; those in angle brackets are ends.
    struct Words(&'static [&'static str]);

    impl Spelling for Words {
        fn is_end(&self, id: TokenId) -> bool {
            self.0[id.0 as usize].starts_with('<')
        }

        fn spelled(&self, id: TokenId) -> Cow<'_, [u8]> {
            let word = self.0[id.0 as usize];
            Cow::Borrowed(if word.starts_with('<') { b"" } else { word.as_bytes() })
        }

        fn end(&self) -> Option<TokenId> {
            self.0.iter().zip(0..).find(|(word, _)| word.starts_with('<')).map(|(_, id)| TokenId(id))
        }
    }

    /// Checks what is drawn from, given words with the probabilities that the model gives them.
    fn check(words: &'static [&'static str], probabilities: &[f64], expected: &[(&str, f64)]) {
        let logits: Vec<f32> = probabilities.iter().map(|p| p.ln() as f32).collect();
        let mut candidates = Candidates::with_capacity(logits.len());
        candidates.fill(&logits);
        apply(&mut candidates, &Words(words));
        let max = candidates.max();
        let total = candidates.total_weight(max);
        let got: Vec<(&str, f64)> =
            candidates.as_slice().iter().map(|c| (words[c.id.0 as usize], c.weight(max) / total)).collect();
        let is_same = got.len() == expected.len()
            && got.iter().zip(expected).all(|(g, e)| g.0 == e.0 && (g.1 - e.1).abs() < 1e-6);
        assert!(is_same, "got {got:?}, expected {expected:?}");
    }

    #[test]
    fn likely_ends_win() {
        // 3 · 0.1 · 4 is more than 0.9.
        check(&["a", "b", "c", "<end>"], &[0.4, 0.3, 0.2, 0.1], &[("<end>", 1.0)]);
        check(&["a", "<one>", "<two>"], &[0.4, 0.4, 0.2], &[("<one>", 2.0 / 3.0), ("<two>", 1.0 / 3.0)]);
    }

    #[test]
    fn the_likelier_stands_for_what_begins_alike() {
        // One of two texts is left: at least a half is needed.
        check(&["hel", "hell", "hello", "dummy"], &[0.5, 0.2, 0.1, 0.2], &[("hel", 1.0)]);
        check(&["he", "hello", "world"], &[0.2, 0.4, 0.4], &[("hello", 0.6), ("world", 0.4)]);
    }

    #[test]
    fn unlikely_texts_are_dropped_and_the_text_ends_where_none_is_left() {
        // An unlikely end stays beside them.
        check(&["a", "b", "<end>"], &[0.85, 0.145, 0.005], &[("a", 0.85 / 0.855), ("<end>", 0.005 / 0.855)]);
        check(
            &["a", "b", "c", "d", "e", "f", "<end>"],
            &[0.18, 0.17, 0.17, 0.16, 0.16, 0.159, 0.001],
            &[("<end>", 1.0)],
        );
        // Without an end what is likeliest by then is all there is to draw from.
        check(&["a", "b", "c"], &[0.15, 0.7, 0.15], &[("b", 1.0)]);
    }
}
