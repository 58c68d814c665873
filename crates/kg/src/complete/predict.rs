//! What is likely to stand at the other end: `S P ?` and `? P O`, each answer with rank, score, probability and paths.
//!
//! Answers are *predicted*: none of them is a fact, and those that are facts are listed apart.

use kernels::Kernels;

use super::calibrate::{Calibration, Sample};
use super::model::{Model, ScoreScratch};
use super::names::Vocabulary;
use super::rules::{Body, Rule, Rules};
use super::triples::{Answers, Question, Split, Triples};
use crate::store::Seq;

/// A model with what its numbers stand for.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// Scores of numbers.
    pub model: Model,
    /// Names of entities: terms as N-Triples has them, where it was trained on a store.
    pub entities: Vocabulary,
    /// Names of relations.
    pub relations: Vocabulary,
    /// The commit that it was trained at.
    pub seq: Seq,
    /// What a score means as a probability.
    pub calibration: Calibration,
    /// What is shown beside a prediction.
    pub rules: Rules,
}

/// A question in names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask<'a> {
    /// `S P ?`
    Objects {
        /// Name of the entity.
        subject: &'a str,
        /// Name of the relation.
        relation: &'a str,
    },
    /// `? P O`
    Subjects {
        /// Name of the relation.
        relation: &'a str,
        /// Name of the entity.
        object: &'a str,
    },
}

/// A step along a relation, forwards or backwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Name of the relation.
    pub relation: String,
    /// Whether it is walked from object to subject.
    pub is_backwards: bool,
}

/// Facts that speak for an answer, and the rule by which they do.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// From the entity of the question to the answer.
    pub steps: Vec<Step>,
    /// Name of the entity between two steps.
    pub between: Option<String>,
    /// The rule's confidence.
    pub confidence: f32,
}

/// An entity that is likely an answer, and no fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Name of the entity.
    pub name: String,
    /// Its place among entities that are no fact, from 1; equals share the mean.
    pub rank: f64,
    /// The model's score.
    pub score: f32,
    /// The calibrated probability that it is a fact that was not told, if there were triples to calibrate with.
    pub probability: Option<f32>,
    /// What speaks for it, the surest rule first.
    pub paths: Vec<Path>,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// The commit that the model was trained at.
    pub trained_at: Seq,
    /// Names of the answers that are facts.
    pub facts: Vec<String>,
    /// Entities that are likely and no facts, the likeliest first.
    pub predictions: Vec<Prediction>,
    /// How far the calibrated probabilities are off in the mean.
    pub calibration_error: f32,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum PredictError {
    /// A name that training did not see.
    #[error("{what} {name} is not in the model (trained at seq {})", .seq.0)]
    NotInModel { what: &'static str, name: String, seq: Seq },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::Error),
}

/// The answers that are facts now, of a question in numbers.
pub type Facts<'a> = &'a mut dyn FnMut(Question) -> Result<Vec<u32>, crate::Error>;

/// Most paths that are shown beside a prediction.
const PATHS_MAX: usize = 3;

/// Steps out of one entity that a search for paths follows.
const FAN_OUT_MAX: usize = 1_000;

/// Predictions of each validation question that calibration sees.
const CALIBRATED: usize = 10;

impl Trained {
    /// The `k` likeliest answers that are no facts.
    ///
    /// # Errors
    /// Names that training did not see, and what `facts` fails with.
    pub fn complete(
        &self,
        kernels: &Kernels,
        ask: Ask<'_>,
        k: usize,
        facts: Facts<'_>,
    ) -> Result<Predicted, PredictError> {
        let question = self.question(ask)?;
        let known = sorted(facts(question)?);
        let n_entities = self.model.n_entities();
        let mut scores = vec![0.0; n_entities];
        self.model.score(kernels, &[question], &mut ScoreScratch::default(), &mut scores);
        let shares = Shares::new(&scores, &known);
        let order = best(&scores, &known, k);
        let mut predictions = Vec::with_capacity(order.len());
        for entity in order {
            let score = scores[entity as usize];
            predictions.push(Prediction {
                name: self.entity(entity),
                rank: super::evaluate::rank(&scores, entity, &known),
                score,
                probability: self.calibration.of(shares.of(score)),
                paths: self.paths(question, entity, facts)?,
            });
        }
        let facts = known.iter().map(|&entity| self.entity(entity)).collect();
        let calibration_error = self.calibration.error();
        Ok(Predicted { trained_at: self.seq, facts, predictions, calibration_error })
    }

    /// The question in numbers.
    ///
    /// # Errors
    /// Names that training did not see.
    pub fn question(&self, ask: Ask<'_>) -> Result<Question, PredictError> {
        let (entity, relation, is_reciprocal) = match ask {
            Ask::Objects { subject, relation } => (subject, relation, false),
            Ask::Subjects { relation, object } => (object, relation, true),
        };
        let missing = |what, name: &str| PredictError::NotInModel { what, name: name.to_owned(), seq: self.seq };
        let entity = self.entities.number(entity).ok_or_else(|| missing("entity", entity))?;
        let number = self.relations.number(relation).ok_or_else(|| missing("relation", relation))?;
        let offset = if is_reciprocal { self.model.n_relations() as u32 } else { 0 };
        Ok(Question { entity, relation: number + offset })
    }

    fn entity(&self, number: u32) -> String {
        self.entities.name(number).unwrap_or_default().to_owned()
    }

    fn step(&self, relation: u32) -> Step {
        let n = self.model.n_relations() as u32;
        let is_backwards = relation >= n;
        let forwards = if is_backwards { relation - n } else { relation };
        Step { relation: self.relations.name(forwards).unwrap_or_default().to_owned(), is_backwards }
    }

    /// Paths of facts from the question's entity to `answer` that rules go by.
    fn paths(&self, question: Question, answer: u32, facts: Facts<'_>) -> Result<Vec<Path>, crate::Error> {
        let mut paths = Vec::new();
        for rule in self.rules.of(question.relation) {
            if paths.len() == PATHS_MAX {
                break;
            }
            if let Some(between) = walk(question.entity, rule, answer, facts)? {
                let relations = match rule.body {
                    Body::One(first) => vec![first],
                    Body::Two(first, second) => vec![first, second],
                };
                let steps = relations.into_iter().map(|relation| self.step(relation)).collect();
                let between = between.over().map(|entity| self.entity(entity));
                paths.push(Path { steps, between, confidence: rule.confidence() });
            }
        }
        Ok(paths)
    }
}

/// How facts lead from one entity to another.
enum Walk {
    Straight,
    Over(u32),
}

impl Walk {
    fn over(self) -> Option<u32> {
        match self {
            Self::Straight => None,
            Self::Over(entity) => Some(entity),
        }
    }
}

/// How facts lead from `entity` along the rule's body to `answer`, if they do.
fn walk(entity: u32, rule: &Rule, answer: u32, facts: Facts<'_>) -> Result<Option<Walk>, crate::Error> {
    match rule.body {
        Body::One(relation) => Ok(facts(Question { entity, relation })?.contains(&answer).then_some(Walk::Straight)),
        Body::Two(relation, second) => {
            for between in facts(Question { entity, relation })?.into_iter().take(FAN_OUT_MAX) {
                if between != entity
                    && between != answer
                    && facts(Question { entity: between, relation: second })?.contains(&answer)
                {
                    return Ok(Some(Walk::Over(between)));
                }
            }
            Ok(None)
        }
    }
}

/// Fits probabilities to what the model says of validation triples: of each question the best answers that training
/// did not see, and whether they are validation triples.
pub fn calibrate(kernels: &Kernels, model: &Model, triples: &Triples) -> Calibration {
    let known = Answers::of(triples, &[Split::Train]);
    let held_out = Answers::of(triples, &[Split::Valid]);
    let mut scratch = ScoreScratch::default();
    let mut scores = vec![0.0; model.n_entities()];
    let mut samples: Vec<Sample> = Vec::new();
    for i in 0..held_out.len() {
        let (question, answers) = held_out.at(i);
        model.score(kernels, &[question], &mut scratch, &mut scores);
        let known = known.to(question);
        let shares = Shares::new(&scores, known);
        let best = best(&scores, known, CALIBRATED);
        samples.extend(
            best.into_iter().map(|entity| (shares.of(scores[entity as usize]), answers.binary_search(&entity).is_ok())),
        );
    }
    Calibration::fit(&samples)
}

/// The entities that are not `known`, the best `k` of them, equals by number.
fn best(scores: &[f32], known: &[u32], k: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..scores.len() as u32).filter(|entity| known.binary_search(entity).is_err()).collect();
    let by_score = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
    if k < order.len() {
        order.select_nth_unstable_by(k, by_score);
        order.truncate(k);
    }
    order.sort_unstable_by(by_score);
    order
}

/// Softmax over entities that are no facts.
struct Shares {
    max: f32,
    sum: f32,
}

impl Shares {
    fn new(scores: &[f32], known: &[u32]) -> Self {
        let others = || scores.iter().zip(0u32..).filter(|(_, entity)| known.binary_search(entity).is_err());
        let max = others().map(|(score, _)| *score).fold(f32::NEG_INFINITY, f32::max);
        Self { max, sum: others().map(|(score, _)| (score - max).exp()).sum() }
    }

    fn of(&self, score: f32) -> f32 {
        ((score - self.max).exp() / self.sum).clamp(0.0, 1.0)
    }
}

fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests;
