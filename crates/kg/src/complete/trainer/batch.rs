//! Some questions, the entities that they are compared with, and the products of one step.

use std::ops::Range;

use kernels::{Kernels, Matrix, Rows};
use quant::Format;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::Rng as _;

use super::below;
use crate::complete::compose::compose;
use crate::complete::settings::{Scorer, Settings};
use crate::complete::triples::Answers;

/// A question of a batch; numbers are places in the batch's lists.
pub(super) struct Question {
    pub(super) entity: usize,
    pub(super) relation: usize,
    pub(super) answers: Range<usize>,
}

/// Some questions with the rows that they meet.
pub(super) struct Batch {
    pub(super) questions: Vec<Question>,
    /// Places in [`Self::entities`] of all answers, question by question.
    pub(super) answers: Vec<usize>,
    /// Entities that are scored, ascending.
    pub(super) entities: Vec<u32>,
    /// Relations of the questions, ascending.
    pub(super) relations: Vec<u32>,
    /// Added to the score of each entity that is no answer of the question; empty if all entities are scored.
    bias: Vec<f32>,
    pub(super) n_answers: usize,
}

/// Buffers of a step, kept between steps.
pub(super) struct Scratch {
    /// Where an entity, or a relation, stands in the batch's lists.
    entity_places: Vec<u32>,
    relation_places: Vec<u32>,
    /// `[C, D]`: rows of the batch's entities as they are stored, and the gradient.
    pub(super) entities: Vec<f32>,
    pub(super) d_entities: Vec<f32>,
    /// `[R, D]`: rows of the batch's relations, and the gradient.
    pub(super) relations: Vec<f32>,
    pub(super) d_relations: Vec<f32>,
    /// `[B, D]`: the gradient of the queries.
    pub(super) d_queries: Vec<f32>,
    /// `[B, C]`, then their gradient.
    scores: Vec<f32>,
    transposed: Vec<f32>,
    /// `[B, D]`: what each number of a query is multiplied with; empty without dropout.
    kept: Vec<f32>,
    rows: Rows,
}

/// Stands for an entity that is not scored.
const NOWHERE: u32 = u32::MAX;

/// So little that its exponential is 0.
const NEVER: f32 = -1e30;

/// The least probability of an answer that the reported loss tells apart.
const PROBABILITY_MIN: f32 = 1e-30;

impl Scratch {
    pub(super) fn new(n_entities: usize, n_relations: usize) -> Self {
        Self {
            entity_places: vec![NOWHERE; n_entities],
            relation_places: vec![NOWHERE; n_relations],
            entities: Vec::new(),
            d_entities: Vec::new(),
            relations: Vec::new(),
            d_relations: Vec::new(),
            d_queries: Vec::new(),
            scores: Vec::new(),
            transposed: Vec::new(),
            kept: Vec::new(),
            rows: Rows::new(),
        }
    }
}

impl Batch {
    /// The questions with these numbers in `known`; they meet all entities, or `sample` of them and each other's.
    pub(super) fn new(
        known: &Answers,
        numbers: &[u32],
        sample: Option<usize>,
        n_entities: usize,
        chance: &mut Xoshiro256PlusPlus,
        scratch: &mut Scratch,
    ) -> Self {
        let places = &mut scratch.entity_places;
        let questions: Vec<_> = numbers.iter().map(|&i| known.at(i as usize)).collect();
        let sample = sample.filter(|&sample| sample < n_entities);
        let (entities, bias) = match sample {
            None => ((0..n_entities as u32).collect(), Vec::new()),
            Some(sample) => {
                let drawn: Vec<u32> = (0..sample).map(|_| below(n_entities as u32, chance)).collect();
                let of_questions = questions
                    .iter()
                    .flat_map(|(question, answers)| std::iter::once(question.entity).chain(answers.iter().copied()));
                let mut entities: Vec<u32> = drawn.iter().copied().chain(of_questions).collect();
                entities.sort_unstable();
                entities.dedup();
                // An entity that was drawn stands for as many as were not.
                let mut bias = vec![NEVER; entities.len()];
                let stands_for = (n_entities as f32 / sample as f32).ln();
                for entity in drawn {
                    if let Ok(place) = entities.binary_search(&entity) {
                        bias[place] = stands_for;
                    }
                }
                (entities, bias)
            }
        };
        entities.iter().zip(0..).for_each(|(&entity, place)| places[entity as usize] = place);
        let mut relations: Vec<u32> = questions.iter().map(|(question, _)| question.relation).collect();
        relations.sort_unstable();
        relations.dedup();
        relations.iter().zip(0..).for_each(|(&r, place)| scratch.relation_places[r as usize] = place);
        let mut answers = Vec::new();
        let questions = questions.into_iter().map(|(question, own)| {
            let first = answers.len();
            answers.extend(own.iter().map(|&answer| places[answer as usize] as usize));
            Question {
                entity: places[question.entity as usize] as usize,
                relation: scratch.relation_places[question.relation as usize] as usize,
                answers: first..answers.len(),
            }
        });
        let questions: Vec<_> = questions.collect();
        let n_answers = answers.len();
        Self { questions, answers, entities, relations, bias, n_answers }
    }

    /// Draws which numbers of the queries are left out; what is left is longer by as much.
    pub(super) fn drop_out(&self, settings: &Settings, chance: &mut Xoshiro256PlusPlus, scratch: &mut Scratch) {
        scratch.kept.clear();
        let dropped = (settings.dropout * 256.0) as u8;
        if dropped == 0 {
            return;
        }
        let kept = 256.0 / (256.0 - f32::from(dropped));
        let len = self.questions.len() * settings.dim;
        while scratch.kept.len() < len {
            let bytes = chance.next_u64().to_le_bytes();
            scratch.kept.extend(bytes.map(|byte| if byte < dropped { 0.0 } else { kept }));
        }
        scratch.kept.truncate(len);
    }

    /// Scores, loss, and the gradients of queries and of entities as answers; the sum of all cross-entropies.
    pub(super) fn forward_and_back(&self, kernels: &Kernels, scorer: Scorer, dim: usize, scratch: &mut Scratch) -> f64 {
        let (n_questions, n_entities) = (self.questions.len(), self.entities.len());
        let queries = scratch.rows.room(n_questions, dim);
        for (question, out) in self.questions.iter().zip(queries.chunks_exact_mut(dim)) {
            let entity = &scratch.entities[question.entity * dim..][..dim];
            compose(scorer, entity, &scratch.relations[question.relation * dim..][..dim], out);
        }
        queries.iter_mut().zip(&scratch.kept).for_each(|(x, kept)| *x *= kept);
        let mut queries_across = Vec::new();
        transpose(queries, dim, &mut queries_across);
        // scores [B, C] = queries [B, D] · entities [C, D]
        scratch.scores.resize(n_questions * n_entities, 0.0);
        kernels.matmul(matrix(&scratch.entities, dim), &mut scratch.rows, &mut scratch.scores);
        let loss = self.loss_gradient(kernels, &mut scratch.scores);
        // d_queries [B, D] = d_scores [B, C] · entities, by columns [D, C]
        transpose(&scratch.entities, dim, &mut scratch.transposed);
        scratch.rows.room(n_questions, n_entities).copy_from_slice(&scratch.scores);
        scratch.d_queries.resize(n_questions * dim, 0.0);
        kernels.matmul(matrix(&scratch.transposed, n_entities), &mut scratch.rows, &mut scratch.d_queries);
        scratch.d_queries.iter_mut().zip(&scratch.kept).for_each(|(d, kept)| *d *= kept);
        // d_entities [C, D] = d_scores, by columns [C, B], · queries, by columns [D, B]
        transpose_into(&scratch.scores, n_entities, scratch.rows.room(n_entities, n_questions));
        scratch.d_entities.resize(n_entities * dim, 0.0);
        kernels.matmul(matrix(&queries_across, n_questions), &mut scratch.rows, &mut scratch.d_entities);
        loss
    }

    /// `scores` become the gradient of the mean cross-entropy; the sum of all.
    fn loss_gradient(&self, kernels: &Kernels, scores: &mut [f32]) -> f64 {
        let n_entities = self.entities.len();
        let mut loss = 0.0;
        if !self.bias.is_empty() {
            let mut own = Vec::new();
            for (question, scores) in self.questions.iter().zip(scores.chunks_exact_mut(n_entities)) {
                let answers = &self.answers[question.answers.clone()];
                own.clear();
                own.extend(answers.iter().map(|&answer| scores[answer]));
                scores.iter_mut().zip(&self.bias).for_each(|(score, bias)| *score += bias);
                answers.iter().zip(&own).for_each(|(&answer, &score)| scores[answer] = score);
            }
        }
        kernels.softmax(scores, n_entities);
        let per_answer = 1.0 / self.n_answers as f32;
        for (question, scores) in self.questions.iter().zip(scores.chunks_exact_mut(n_entities)) {
            let answers = &self.answers[question.answers.clone()];
            for &answer in answers {
                loss -= f64::from(scores[answer].max(PROBABILITY_MIN).ln());
            }
            let weight = answers.len() as f32 * per_answer;
            scores.iter_mut().for_each(|p| *p *= weight);
            for &answer in answers {
                scores[answer] -= per_answer;
            }
        }
        loss
    }
}

/// Rows of `cols` floats as a matrix.
fn matrix(values: &[f32], cols: usize) -> Matrix<'_> {
    Matrix::new(Format::F32, values.len() / cols, cols, bytemuck::cast_slice(values))
}

/// `[R, cols]` → `[cols, R]`
fn transpose(values: &[f32], cols: usize, out: &mut Vec<f32>) {
    out.resize(values.len(), 0.0);
    transpose_into(values, cols, out);
}

fn transpose_into(values: &[f32], cols: usize, out: &mut [f32]) {
    /// Rows and columns of a piece that stays in the first-level cache.
    const PIECE: usize = 16;
    let rows = values.len() / cols;
    for row_first in (0..rows).step_by(PIECE) {
        let row_end = (row_first + PIECE).min(rows);
        for col_first in (0..cols).step_by(PIECE) {
            for col in col_first..(col_first + PIECE).min(cols) {
                for (row, out) in (row_first..row_end).zip(&mut out[col * rows + row_first..]) {
                    *out = values[row * cols + col];
                }
            }
        }
    }
}
