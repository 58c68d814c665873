//! From scores to accuracies.

use serde::Serialize;

use super::{Format, Question, Score};
use crate::mean::Mean;

/// A figure with its standard error: as a rule the part of the questions that were answered rightly.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
pub struct Accuracy {
    pub value: f64,
    pub error: f64,
}

impl Accuracy {
    fn of(mean: &Mean) -> Self {
        Self { value: mean.mean(), error: mean.error() }
    }
}

/// Counts of the questions answered so far.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    sum: Mean,
    per_token: Mean,
    per_byte: Mean,
    greedy: Mean,
    surprise: Mean,
    chance: Mean,
}

impl Tally {
    /// Adds the scores of the endings of `question`. Of equal ones the first is the answer.
    pub fn add(&mut self, question: &Question, scores: &[Score]) {
        let is_right = |value: &dyn Fn(&Score, &String) -> f64| {
            let values = scores.iter().zip(&question.endings).map(|(score, ending)| value(score, ending));
            let best = values.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
            f64::from(u8::from(best.is_some_and(|(i, _)| i == question.gold)))
        };
        let log_probability = |score: &Score| f64::from(score.log_probability);
        self.sum.add(is_right(&|score, _| log_probability(score)));
        self.per_token.add(is_right(&|score, _| log_probability(score) / f64::from(score.n_tokens.max(1))));
        self.per_byte.add(is_right(&|score, ending| log_probability(score) / ending.trim().len().max(1) as f64));
        self.chance.add(1.0 / question.endings.len().max(1) as f64);
        if let Some(gold) = scores.get(question.gold) {
            self.greedy.add(f64::from(u8::from(gold.is_greedy)));
            self.surprise.add(-log_probability(gold));
        }
    }

    /// Number of questions so far.
    pub fn n(&self) -> usize {
        self.sum.n()
    }

    /// Accuracy where the ending of the largest sum of log-probabilities is the answer; for LAMBADA the part of the
    /// words of which each token is the most probable one.
    pub fn accuracy(&self, format: Format) -> Accuracy {
        Accuracy::of(if format == Format::Lambada { &self.greedy } else { &self.sum })
    }

    /// Accuracy by log-probability a token, as llama.cpp computes it for HellaSwag; `None` for LAMBADA, which has no
    /// choice.
    pub fn accuracy_per_token(&self, format: Format) -> Option<Accuracy> {
        (format != Format::Lambada).then(|| Accuracy::of(&self.per_token))
    }

    /// Accuracy by log-probability a byte of the ending, as EleutherAI's harness computes it (`acc_norm`).
    pub fn accuracy_per_byte(&self, format: Format) -> Option<Accuracy> {
        (format != Format::Lambada).then(|| Accuracy::of(&self.per_byte))
    }

    /// Accuracy of guessing, where there is a choice.
    pub fn chance(&self, format: Format) -> Option<f64> {
        (format != Format::Lambada).then(|| self.chance.mean())
    }

    /// Perplexity of LAMBADA's words, `exp(mean of −ln p)`, and its error.
    pub fn perplexity(&self, format: Format) -> Option<Accuracy> {
        let value = self.surprise.mean().exp();
        (format == Format::Lambada).then(|| Accuracy { value, error: value * self.surprise.error() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_accuracy_chooses_its_own_answer() {
        let endings = vec![" a".to_owned(), " long ending".to_owned()];
        let question = Question { context: "c".to_owned(), endings, gold: 1, line: 1 };
        let score = |log_probability, n_tokens| Score { log_probability, n_tokens, is_greedy: false };
        let mut tally = Tally::default();
        // Less probable as a whole, more so a token and a byte.
        tally.add(&question, &[score(-2.0, 1), score(-3.0, 2)]);
        let value = |accuracy: Option<Accuracy>| accuracy.unwrap().value;
        assert_eq!(tally.accuracy(Format::Piqa).value, 0.0);
        assert_eq!(value(tally.accuracy_per_token(Format::Piqa)), 1.0);
        assert_eq!(value(tally.accuracy_per_byte(Format::Piqa)), 1.0);
        assert_eq!((tally.chance(Format::Piqa), tally.perplexity(Format::Piqa)), (Some(0.5), None));
        tally.add(&question, &[score(-4.0, 1), score(-3.0, 2)]);
        assert_eq!((tally.n(), tally.accuracy(Format::Piqa).value), (2, 0.5));
        // A coin thrown twice: deviation 1/2, its error over √(n − 1).
        assert_eq!(tally.accuracy(Format::Piqa).error, 0.5);
        assert_eq!((tally.accuracy(Format::Lambada).value, tally.chance(Format::Lambada)), (0.0, None));
        assert!((tally.perplexity(Format::Lambada).unwrap().value - 3f64.exp()).abs() < 1e-9);
    }
}
