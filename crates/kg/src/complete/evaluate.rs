//! Filtered ranks: how high the missing answer stands among entities that are no known answer.
//!
//! Both directions of each triple are asked; equal scores share the mean of their ranks, since ternary scores tie and
//! optimistic ranks would flatter (Sun et al. 2020, arXiv 1911.03903).

use std::ops::ControlFlow;

use kernels::Kernels;

use super::model::{Model, ScoreScratch};
use super::triples::{Answers, Question, Split, Triples};

/// What ranks come to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Metrics {
    /// Mean of `1 / rank`.
    pub mrr: f64,
    /// Share of ranks of at most 1, 3, 10.
    pub hits: [f64; 3],
    /// Number of ranks: two a triple.
    pub n: usize,
}

/// Questions that are scored at once.
const QUESTIONS: usize = 64;

impl Metrics {
    /// The means over ranks, which begin at 1.
    pub fn of_ranks(ranks: &[f64]) -> Self {
        let mean =
            |of: &dyn Fn(f64) -> f64| ranks.iter().map(|&rank| of(rank)).sum::<f64>() / ranks.len().max(1) as f64;
        let hits = [1.0, 3.0, 10.0].map(|k| mean(&|rank| f64::from(u8::from(rank <= k))));
        Self { mrr: mean(&|rank| 1.0 / rank), hits, n: ranks.len() }
    }
}

/// Who gives each entity a score as the answer of questions.
pub trait Score {
    /// `out` `[Q, N]` = the score of each entity as the answer of each question.
    fn scores(&mut self, questions: &[Question], out: &mut [f32]);
}

/// A model with the kernels that multiply it.
pub struct ModelScore<'a> {
    model: &'a Model,
    kernels: &'a Kernels,
    scratch: ScoreScratch,
}

impl<'a> ModelScore<'a> {
    /// The model's own scores.
    pub fn new(model: &'a Model, kernels: &'a Kernels) -> Self {
        Self { model, kernels, scratch: ScoreScratch::default() }
    }
}

impl Score for ModelScore<'_> {
    fn scores(&mut self, questions: &[Question], out: &mut [f32]) {
        self.model.score(self.kernels, questions, &mut self.scratch, out);
    }
}

/// Ranks of the answers of a split, those of each triple in both directions one after the other; answers that `known`
/// has are passed over. `None` if `go_on` breaks.
pub fn ranks(
    score: &mut dyn Score,
    triples: &Triples,
    split: Split,
    known: &Answers,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Option<Vec<f64>> {
    let asked: Vec<(Question, u32)> =
        triples.split(split).iter().flat_map(|&triple| triples.questions(triple)).collect();
    let n_entities = triples.n_entities();
    let mut scores = vec![0.0; QUESTIONS.min(asked.len()) * n_entities];
    let mut out = Vec::with_capacity(asked.len());
    for asked in asked.chunks(QUESTIONS) {
        let questions: Vec<Question> = asked.iter().map(|(question, _)| *question).collect();
        let scores = &mut scores[..asked.len() * n_entities];
        score.scores(&questions, scores);
        for ((question, answer), scores) in asked.iter().zip(scores.chunks_exact(n_entities)) {
            out.push(rank(scores, *answer, known.to(*question)));
        }
        if go_on().is_break() {
            return None;
        }
    }
    Some(out)
}

/// Filtered metrics of a split against all known triples.
pub fn evaluate(kernels: &Kernels, model: &Model, triples: &Triples, split: Split) -> Metrics {
    let known = Answers::of(triples, &[Split::Train, Split::Valid, Split::Test]);
    let mut score = ModelScore::new(model, kernels);
    let ranks = ranks(&mut score, triples, split, &known, &mut || ControlFlow::Continue(()));
    Metrics::of_ranks(&ranks.unwrap_or_default())
}

/// The rank of `answer` among all entities but the other `known` ones; equals share the mean of their ranks, and a
/// score that is no number is last.
pub fn rank(scores: &[f32], answer: u32, known: &[u32]) -> f64 {
    let own = scores[answer as usize];
    if own.is_nan() {
        return scores.len() as f64;
    }
    let (mut above, mut equal) = (0i64, -1i64);
    for &score in scores {
        above += i64::from(score > own);
        equal += i64::from(score == own);
    }
    for &other in known {
        if other != answer {
            above -= i64::from(scores[other as usize] > own);
            equal -= i64::from(scores[other as usize] == own);
        }
    }
    1.0 + above as f64 + equal as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_share_the_mean_of_their_ranks_and_known_answers_are_passed_over() {
        let scores = [3.0, 2.0, 2.0, 2.0, 1.0, f32::NAN];
        let check = |answer, known: &[u32], expected: f64| assert_eq!(rank(&scores, answer, known), expected);
        check(0, &[0], 1.0);
        check(1, &[1], 3.0);
        check(1, &[0, 1], 2.0);
        check(1, &[1, 2], 2.5);
        check(4, &[0, 1, 2, 3, 4], 1.0);
        check(5, &[5], 6.0);
    }

    #[test]
    fn metrics_are_means_over_ranks() {
        let metrics = Metrics::of_ranks(&[1.0, 2.0, 4.0, 10.5]);
        assert_eq!(metrics.hits, [0.25, 0.5, 0.75]);
        assert!((metrics.mrr - (1.0 + 0.5 + 0.25 + 1.0 / 10.5) / 4.0).abs() < 1e-12);
        assert_eq!(Metrics::of_ranks(&[]), Metrics::default());
    }
}
