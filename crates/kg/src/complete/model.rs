//! What training leaves: entities as ternary rows (or floats), relations in 8 bits, and scores by the kernels.

use kernels::{Kernels, Matrix, Rows};
use quant::tri::{Packing, Span, TriRows};
use quant::{Format, ScaleType, StoredMatrix, TernaryEncoder, TernaryRows};

use super::compose::{compose, pair_codes, pair_scale, ternary_code, ternary_scale};
use super::settings::{EntityWeights, Scorer};
use super::triples::Question;

/// How ternary entities are stored: base-3 digits, five a byte, and an f32 scale for each row behind all rows.
pub(super) const TERNARY: Format =
    Format::TriRows(TriRows { packing: Packing::Base3, span: Span::Row, scale: ScaleType::F32 });

/// Entities and relations that score what was never said.
#[derive(Clone, PartialEq)]
pub struct Model {
    pub(super) scorer: Scorer,
    pub(super) weights: EntityWeights,
    pub(super) dim: usize,
    pub(super) n_entities: usize,
    pub(super) n_relations: usize,
    /// Entities `[N, D]` in the format of `weights`, of pairs `[N, 2 D]`.
    pub(super) entities: Vec<u8>,
    /// `[N]`; empty for floats.
    row_scales: Vec<f32>,
    /// Relations and then their reciprocals `[2 R, D]`, under one scale a row.
    pub(super) relations: Vec<i8>,
    pub(super) relation_scales: Vec<f32>,
}

/// Buffers of scoring, kept between calls.
#[derive(Default)]
pub struct ScoreScratch {
    rows: Rows,
    entity: Vec<f32>,
    relation: Vec<f32>,
}

impl EntityWeights {
    pub(super) fn format(self) -> Format {
        match self {
            Self::F32 => Format::F32,
            Self::Ternary | Self::TernaryPairs => TERNARY,
        }
    }

    /// Columns of a stored row of `dim` numbers. Of pairs the first trits of all numbers come first.
    pub(super) fn n_columns(self, dim: usize) -> usize {
        match self {
            Self::F32 | Self::Ternary => dim,
            Self::TernaryPairs => 2 * dim,
        }
    }
}

impl Model {
    /// Rounds trained rows.
    pub(super) fn of_rows(
        scorer: Scorer,
        weights: EntityWeights,
        dim: usize,
        n_relations: usize,
        entities: &[f32],
        relations: &[f32],
    ) -> Self {
        let n_entities = entities.len() / dim;
        let mut relation_scales = Vec::with_capacity(2 * n_relations);
        let mut codes = Vec::with_capacity(relations.len());
        for row in relations.chunks_exact(dim) {
            let largest = row.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            let scale = largest / 127.0;
            relation_scales.push(scale);
            codes.extend(row.iter().map(|x| if scale > 0.0 { (x / scale).round_ties_even() as i8 } else { 0 }));
        }
        let entities = match weights {
            EntityWeights::F32 => entities.iter().flat_map(|x| x.to_le_bytes()).collect(),
            EntityWeights::Ternary | EntityWeights::TernaryPairs => ternary_bytes(weights, entities, dim),
        };
        Self::new(scorer, weights, [dim, n_entities, n_relations], entities, codes, relation_scales)
    }

    /// A model of parts that fit each other, which [`super::file`] sees to.
    pub(super) fn new(
        scorer: Scorer,
        weights: EntityWeights,
        [dim, n_entities, n_relations]: [usize; 3],
        entities: Vec<u8>,
        relations: Vec<i8>,
        relation_scales: Vec<f32>,
    ) -> Self {
        let stored = StoredMatrix::new(weights.format(), n_entities, weights.n_columns(dim), &entities);
        let row_scales = stored.ok().and_then(|stored| stored.row_scales(0..n_entities)).unwrap_or_default();
        Self { scorer, weights, dim, n_entities, n_relations, entities, row_scales, relations, relation_scales }
    }

    /// Number of entities.
    pub fn n_entities(&self) -> usize {
        self.n_entities
    }

    /// Number of relations, their reciprocals not counted.
    pub fn n_relations(&self) -> usize {
        self.n_relations
    }

    /// Real numbers of an entity.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Bytes that an entity takes, its scale included, rounded up.
    pub fn entity_bytes(&self) -> usize {
        self.entities.len().div_ceil(self.n_entities.max(1))
    }

    /// `out` `[Q, N]` = the score of each entity as the answer of each question.
    ///
    /// # Panics
    /// If a question is out of range or `out` has another length.
    pub fn score(&self, kernels: &Kernels, questions: &[Question], scratch: &mut ScoreScratch, out: &mut [f32]) {
        let (dim, weights) = (self.dim, self.weights);
        let n_columns = weights.n_columns(dim);
        scratch.entity.resize(n_columns, 0.0);
        scratch.relation.resize(dim, 0.0);
        let queries = scratch.rows.room(questions.len(), n_columns);
        let format = weights.format();
        let row_bytes = format.row_bytes(n_columns).unwrap_or(0);
        for (question, query) in questions.iter().zip(queries.chunks_exact_mut(n_columns)) {
            let (e, r) = (question.entity as usize, question.relation as usize);
            let bytes = &self.entities[e * row_bytes..][..row_bytes];
            match weights {
                EntityWeights::F32 => format.decode(bytes, &mut scratch.entity),
                _ => format.decode_codes(bytes, self.row_scales[e], &mut scratch.entity),
            }
            let codes = &self.relations[r * dim..][..dim];
            let scale = self.relation_scales[r];
            scratch.relation.iter_mut().zip(codes).for_each(|(out, &code)| *out = f32::from(code) * scale);
            if weights == EntityWeights::TernaryPairs {
                let (threes, ones) = scratch.entity.split_at_mut(dim);
                threes.iter_mut().zip(ones).for_each(|(three, one)| *three = 3.0 * *three + *one);
            }
            compose(self.scorer, &scratch.entity[..dim], &scratch.relation, &mut query[..dim]);
            if weights == EntityWeights::TernaryPairs {
                let (threes, ones) = query.split_at_mut(dim);
                ones.copy_from_slice(threes);
                threes.iter_mut().for_each(|x| *x *= 3.0);
            }
        }
        let rows = &self.entities[..self.n_entities * row_bytes];
        let mut matrix = Matrix::new(format, self.n_entities, n_columns, rows);
        matrix.row_scales = &self.row_scales;
        kernels.matmul(matrix, &mut scratch.rows, out);
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scorer, weights, dim, n_entities, n_relations, .. } = self;
        write!(f, "Model({scorer:?}, {weights:?}, dim {dim}, {n_entities} entities, {n_relations} relations)")
    }
}

/// The rows as ternary codes and scales.
#[allow(clippy::expect_used, reason = "codes of -1, 0, 1 under an f32 scale fit the format, whatever the row's length")]
fn ternary_bytes(weights: EntityWeights, rows: &[f32], dim: usize) -> Vec<u8> {
    let cols = weights.n_columns(dim);
    let codes = Vec::with_capacity(rows.len() / dim * cols);
    let mut ternary = TernaryRows { cols, span: cols, codes, scales: Vec::new() };
    for row in rows.chunks_exact(dim) {
        if weights == EntityWeights::TernaryPairs {
            let (scale, steps) = pair_scale(row);
            ternary.scales.push(scale);
            for trit in [0, 1] {
                ternary.codes.extend(row.iter().map(|&x| pair_codes(x, steps)[trit]));
            }
        } else {
            let (scale, threshold) = ternary_scale(row);
            ternary.scales.push(scale);
            ternary.codes.extend(row.iter().map(|&x| ternary_code(x, threshold)));
        }
    }
    let mut out = Vec::new();
    let mut encoder = TernaryEncoder::new(TERNARY, ternary.n_rows(), cols).expect("rows of any length");
    encoder.rows(&ternary, &mut out).expect("codes and scales of the format");
    encoder.finish(&mut out);
    out
}
