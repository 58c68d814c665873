//! Training: cross-entropy of answers against entities, a batch of questions at a time.
//!
//! A question that has several answers is scored once and counts once for each, which is what training triple by
//! triple would add up to. All products are [`kernels::Kernels::matmul`], whose bytes depend on no thread; the rest
//! runs in one order. Start reading at [`Trainer::epoch`].

mod batch;
mod table;

use std::ops::ControlFlow;

use kernels::Kernels;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

use self::batch::{Batch, Scratch};
use self::table::Table;
use super::compose::{add_gradient, add_n3_gradient};
use super::model::Model;
use super::settings::{EntityWeights, Settings, SettingsError};
use super::triples::{Answers, Split, Triples};

/// Where training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Epochs that are over.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
    /// Questions of this epoch that are done.
    pub questions: usize,
    /// Questions of an epoch.
    pub questions_all: usize,
    /// Mean cross-entropy of this epoch's answers so far, in nats.
    pub loss: f64,
}

/// Training ended because its observer said so; nothing of it is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("training was cancelled in epoch {epoch} of {epochs}")]
pub struct Stopped {
    /// The epoch in which it ended, from 1.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum TrainError {
    /// The settings are refused.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The observer said stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A training that stands between two epochs.
pub struct Trainer {
    settings: Settings,
    n_relations: usize,
    known: Answers,
    entities: Table,
    relations: Table,
    chance: Xoshiro256PlusPlus,
    epoch: u32,
    scratch: Scratch,
}

/// Trains to the end and tells `observe` after each batch where it stands; a break ends it.
///
/// # Errors
/// Settings that cannot be, more memory than `memory_max` bytes, and the observer's break.
pub fn train(
    kernels: &Kernels,
    triples: &Triples,
    settings: &Settings,
    memory_max: u64,
    observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Model, TrainError> {
    let mut trainer = Trainer::new(triples, settings, memory_max)?;
    while !trainer.is_done() {
        trainer.epoch(kernels, observe)?;
    }
    Ok(trainer.model())
}

impl Trainer {
    /// A training before its first epoch.
    ///
    /// # Errors
    /// Settings that cannot be, and more memory than `memory_max` bytes.
    pub fn new(triples: &Triples, settings: &Settings, memory_max: u64) -> Result<Self, SettingsError> {
        settings.check()?;
        let known = Answers::of(triples, &[Split::Train]);
        let (n_entities, n_relations) = (triples.n_entities(), triples.n_relations());
        let need = settings.memory_bytes(n_entities, n_relations, &known);
        if need > memory_max {
            return Err(SettingsError::Memory { need, max: memory_max });
        }
        let mut chance = Xoshiro256PlusPlus::seed_from_u64(settings.seed);
        let entities = Table::new(settings, n_entities, &mut chance);
        let relations = Table::new(settings, 2 * n_relations, &mut chance);
        let scratch = Scratch::new(n_entities, 2 * n_relations);
        Ok(Self { settings: *settings, n_relations, known, entities, relations, chance, epoch: 0, scratch })
    }

    /// Whether all epochs are over.
    pub fn is_done(&self) -> bool {
        self.epoch >= self.settings.epochs
    }

    /// The model as it is now, rounded as it is stored.
    pub fn model(&self) -> Model {
        Model::of_rows(
            self.settings.scorer,
            self.settings.entities,
            self.settings.dim,
            self.n_relations,
            self.entities.rows(),
            self.relations.rows(),
        )
    }

    /// One pass over all questions in a new order; its mean cross-entropy.
    ///
    /// # Errors
    /// The observer's break, after which the epoch is half done.
    pub fn epoch(
        &mut self,
        kernels: &Kernels,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<f64, Stopped> {
        let mut order: Vec<u32> = (0..self.known.len() as u32).collect();
        shuffle(&mut order, &mut self.chance);
        let epochs = self.settings.epochs;
        let is_full = self.epoch + self.settings.full_epochs >= epochs;
        let sample = if is_full { None } else { self.settings.sample };
        let (mut loss, mut n_answers) = (0.0, 0);
        let mut done = 0;
        for questions in order.chunks(self.settings.batch) {
            let share = (f64::from(self.epoch) + done as f64 / order.len() as f64) / f64::from(epochs);
            let rate = self.settings.learning_rate * (1.0 - 0.99 * share as f32);
            let (batch_loss, batch_answers) = self.step(kernels, questions, sample, rate);
            loss += batch_loss;
            n_answers += batch_answers;
            done += questions.len();
            let progress = Progress {
                epoch: self.epoch,
                epochs,
                questions: done,
                questions_all: order.len(),
                loss: loss / n_answers as f64,
            };
            if observe(progress).is_break() {
                return Err(Stopped { epoch: self.epoch + 1, epochs });
            }
        }
        self.epoch += 1;
        Ok(loss / n_answers.max(1) as f64)
    }

    /// One step: the sum of the cross-entropies of the batch, and the number of its answers.
    fn step(&mut self, kernels: &Kernels, questions: &[u32], sample: Option<usize>, rate: f32) -> (f64, usize) {
        let Self { settings, known, entities, relations, scratch, chance, epoch, .. } = self;
        let (scorer, dim) = (settings.scorer, settings.dim);
        let weights = if *epoch < settings.plain_epochs { EntityWeights::F32 } else { settings.entities };
        let batch = Batch::new(known, questions, sample, entities.n_rows(), chance, scratch);
        entities.gather(weights, &batch.entities, &mut scratch.entities);
        relations.gather(EntityWeights::F32, &batch.relations, &mut scratch.relations);
        batch.drop_out(settings, chance, scratch);
        let loss = batch.forward_and_back(kernels, scorer, dim, scratch);
        let per_answer = 1.0 / batch.n_answers as f32;
        scratch.d_relations.clear();
        scratch.d_relations.resize(batch.relations.len() * dim, 0.0);
        let n3 = settings.n3 * per_answer;
        for (i, question) in batch.questions.iter().enumerate() {
            let d_out = &scratch.d_queries[i * dim..][..dim];
            let (e, r) = (question.entity * dim..(question.entity + 1) * dim, question.relation * dim);
            let r = r..r + dim;
            let (entity, relation) = (&scratch.entities[e.clone()], &scratch.relations[r.clone()]);
            add_gradient(scorer, d_out, relation, &mut scratch.d_entities[e.clone()]);
            add_gradient(scorer, d_out, entity, &mut scratch.d_relations[r.clone()]);
            if settings.n3 > 0.0 {
                let weight = n3 * question.answers.len() as f32;
                add_n3_gradient(scorer, weight, entity, &mut scratch.d_entities[e]);
                add_n3_gradient(scorer, weight, relation, &mut scratch.d_relations[r]);
                for &answer in &batch.answers[question.answers.clone()] {
                    let a = answer * dim..(answer + 1) * dim;
                    add_n3_gradient(scorer, n3, &scratch.entities[a.clone()], &mut scratch.d_entities[a]);
                }
            }
        }
        entities.apply(settings, rate, &batch.entities, &scratch.d_entities);
        relations.apply(settings, rate, &batch.relations, &scratch.d_relations);
        (loss, batch.n_answers)
    }
}

/// A number below `n`, evenly but for one part in 2³².
pub(super) fn below(n: u32, chance: &mut Xoshiro256PlusPlus) -> u32 {
    ((u64::from(chance.next_u32()) * u64::from(n)) >> 32) as u32
}

/// Any order, as likely as any other.
fn shuffle(items: &mut [u32], chance: &mut Xoshiro256PlusPlus) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(i as u32 + 1, chance) as usize);
    }
}

#[cfg(test)]
mod tests;
