//! How a model is trained.

use super::triples::Answers;

/// How two entities and a relation make a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scorer {
    /// `Re Σ s · r · conj(o)` over complex numbers (Trouillon et al. 2016, arXiv 1606.06357), whose real parts are the
    /// first half of a row.
    ComplEx,
    /// `Σ s · r · o` over real numbers (Yang et al. 2015, arXiv 1412.6575): ComplEx without imaginary parts.
    DistMult,
}

/// As what entities are trained and stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityWeights {
    /// 32-bit floats: what ternary rows are compared with.
    F32,
    /// −1, 0 and 1 under one scale a row, rounded so in every step of the training.
    Ternary,
    /// Two trits a number, which is three times the first and once the second: −4 to 4 under one scale a row.
    TernaryPairs,
}

/// How gradients become steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimiser {
    /// Duchi et al. 2011.
    Adagrad,
    /// Kingma and Ba 2015 (arXiv 1412.6980), with 0.9 and 0.999.
    Adam,
}

/// How a model is trained. Loss: cross-entropy of each answer against all entities (or a sample of them), plus
/// N3 (Lacroix et al. 2018, arXiv 1806.07297).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How entities and relations make a score.
    pub scorer: Scorer,
    /// As what entities are trained and stored.
    pub entities: EntityWeights,
    /// Real numbers of an entity: twice the complex dimension.
    pub dim: usize,
    /// Passes over all questions.
    pub epochs: u32,
    /// Questions of one step.
    pub batch: usize,
    /// How gradients become steps.
    pub optimiser: Optimiser,
    /// Length of the first step; it falls linearly to a hundredth of this.
    pub learning_rate: f32,
    /// Weight of the cubed absolute values of the rows that a triple touches.
    pub n3: f32,
    /// Share of the numbers of a question's row that a step leaves out (Srivastava et al. 2014), to 1/256.
    pub dropout: f32,
    /// Rows begin evenly spread between minus and plus this.
    pub spread: f32,
    /// Entities that a step compares with, drawn anew each step; all of them if `None`.
    pub sample: Option<usize>,
    /// First epochs that round no entity, whatever [`Self::entities`] says.
    pub plain_epochs: u32,
    /// Last epochs that compare with all entities whatever [`Self::sample`] says.
    pub full_epochs: u32,
    /// Seed of the first rows, the order of questions and the samples.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scorer: Scorer::ComplEx,
            entities: EntityWeights::Ternary,
            dim: 512,
            epochs: 40,
            batch: 128,
            optimiser: Optimiser::Adagrad,
            learning_rate: 0.1,
            n3: 0.01,
            dropout: 0.25,
            spread: 0.1,
            sample: None,
            plain_epochs: 0,
            full_epochs: 0,
            seed: 1,
        }
    }
}

/// Why settings are refused.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum SettingsError {
    /// A number out of its range.
    #[error("{name} is {got}, but must be {must}")]
    Range { name: &'static str, got: f64, must: &'static str },
    /// More memory than the caller allows.
    #[error("training would take {need} bytes, but {max} are allowed: a smaller dim or batch, or a sample, takes less")]
    Memory { need: u64, max: u64 },
}

impl Settings {
    /// The largest row.
    pub const DIM_MAX: usize = 1 << 14;

    /// Settings with as many trits, put together in pairs, which are rounded in the last quarter of the epochs.
    #[must_use]
    pub const fn in_pairs(self) -> Self {
        let plain_epochs = self.epochs - self.epochs / 4;
        Self { entities: EntityWeights::TernaryPairs, dim: self.dim / 2, plain_epochs, ..self }
    }

    /// Refuses what cannot be trained.
    ///
    /// # Errors
    /// [`SettingsError`], naming the field.
    pub fn check(&self) -> Result<(), SettingsError> {
        let is_whole = self.scorer == Scorer::DistMult || self.dim.is_multiple_of(2);
        let positive = |x: f32| x.is_finite() && x > 0.0;
        let dim_ok = (4..=Self::DIM_MAX).contains(&self.dim) && is_whole;
        let rows = [
            ("dim", self.dim as f64, "4 to 16384, and even for ComplEx", dim_ok),
            ("epochs", f64::from(self.epochs), "1 to 100000", (1..=100_000).contains(&self.epochs)),
            ("batch", self.batch as f64, "1 to 65536", (1..=65_536).contains(&self.batch)),
            ("learning rate", f64::from(self.learning_rate), "above 0", positive(self.learning_rate)),
            ("n3", f64::from(self.n3), "0 or above", self.n3 == 0.0 || positive(self.n3)),
            ("dropout", f64::from(self.dropout), "0 to 0.95", (0.0..=0.95).contains(&self.dropout)),
            ("spread", f64::from(self.spread), "above 0", positive(self.spread)),
            ("sample", self.sample.unwrap_or(1) as f64, "1 or above", self.sample != Some(0)),
        ];
        match rows.into_iter().find(|row| !row.3) {
            Some((name, got, must, _)) => Err(SettingsError::Range { name, got, must }),
            None => Ok(()),
        }
    }

    /// Bytes that training takes at most, of which all but the answers are floats.
    pub(super) fn memory_bytes(&self, n_entities: usize, n_relations: usize, known: &Answers) -> u64 {
        let (n, dim, batch) = (n_entities as u64, self.dim as u64, self.batch as u64);
        let rows = n + 2 * n_relations as u64;
        let states = match self.optimiser {
            Optimiser::Adagrad => 2,
            Optimiser::Adam => 3,
        };
        let mut n_answers: Vec<usize> = (0..known.len()).map(|i| known.at(i).1.len()).collect();
        n_answers.sort_unstable_by(|a, b| b.cmp(a));
        let most_answers: usize = n_answers.iter().take(self.batch).sum();
        let met = match self.sample {
            Some(sample) if self.full_epochs == 0 => n.min((sample + self.batch + most_answers) as u64),
            _ => n,
        };
        4 * (states * rows * dim + 4 * met * dim + 3 * met * batch) + 64 * n_answers.iter().sum::<usize>() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_is_refused_by_name() {
        let message = |settings: Settings| settings.check().err().map(|e| e.to_string());
        assert_eq!(message(Settings::default()), None);
        let dim = Settings { dim: 129, ..Settings::default() };
        assert_eq!(message(dim).as_deref(), Some("dim is 129, but must be 4 to 16384, and even for ComplEx"));
        assert_eq!(message(Settings { scorer: Scorer::DistMult, ..dim }), None);
        let rate = Settings { learning_rate: f32::NAN, ..Settings::default() };
        assert_eq!(message(rate).as_deref(), Some("learning rate is NaN, but must be above 0"));
        let batch = Settings { batch: 0, ..Settings::default() };
        assert_eq!(message(batch).as_deref(), Some("batch is 0, but must be 1 to 65536"));
    }
}
