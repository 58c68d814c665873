//! The bytes of a trained model: everything that answers need, under one digest.
//!
//! Little-endian, without gaps:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `trinkgm` and a zero |
//! | 4 | version: 1 |
//! | 4 × 2 | scorer (0 ComplEx, 1 DistMult), weights (0 f32, 1 ternary, 2 two trits a number) |
//! | 4 × 5 | dim D, entities N, relations R, rules, calibration steps |
//! | 8 | number of the commit that it was trained at |
//! | rest of `[N, D]` | entities: f32, or [`quant`]'s `tri1_row_f32`, of pairs of trits `[N, 2 D]` |
//! | 2 R · D | relations and reciprocals, int8 |
//! | 2 R · 4 | their scales, f32 |
//! | 8 a step | calibration: raw share, probability; then its error (f32) and number of samples (u32), 8 bytes |
//! | 20 a rule | head, first step, second step (2³² − 1 for none), support, ends |
//! | 4 + length each | names of entities, then of relations: length, UTF-8 |
//! | 32 | BLAKE3 of all before |

use std::io::{Read, Write};

use quant::StoredMatrix;

use super::calibrate::Calibration;
use super::model::Model;
use super::names::Vocabulary;
use super::predict::Trained;
use super::rules::{Body, Rule, Rules};
use super::settings::{EntityWeights, Scorer, Settings};
use super::triples::Triples;
use crate::store::Seq;

const MAGIC: &[u8; 8] = b"trinkgm\0";
const VERSION: u32 = 1;
const DIGEST_BYTES: usize = 32;
/// Weights by their numbers in the file.
const WEIGHTS: [EntityWeights; 3] = [EntityWeights::F32, EntityWeights::Ternary, EntityWeights::TernaryPairs];
const NO_STEP: u32 = u32::MAX;

/// Why bytes are no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ModelFileError {
    /// The source or the sink failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Another kind of file.
    #[error("this is no model of a knowledge graph: it does not begin with \"trinkgm\"")]
    OtherKind,
    /// A newer format.
    #[error("the model has format version {got}, but this program reads version {supported}")]
    Version { got: u32, supported: u32 },
    /// More than the caller reads.
    #[error("the model has more than {max} bytes, the most that is read")]
    TooLarge { max: u64 },
    /// Bytes that are not those that were written: cut off or changed.
    #[error("the model is damaged: its digest is {stored}, but that of its {n} bytes is {computed}")]
    Digest { stored: String, computed: String, n: usize },
    /// Bytes that no writer leaves.
    #[error("the model's {field} is {got}, but must be {must}")]
    Field { field: &'static str, got: u64, must: String },
}

/// Bytes of which parts are taken from the front.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, field: &'static str, n: usize) -> Result<&'a [u8], ModelFileError> {
        let Some((part, rest)) = self.0.split_at_checked(n) else {
            let must = format!("at most the {} bytes that are left", self.0.len());
            return Err(ModelFileError::Field { field, got: n as u64, must });
        };
        self.0 = rest;
        Ok(part)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ModelFileError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(field, N)?);
        Ok(out)
    }

    fn u32(&mut self, field: &'static str) -> Result<u32, ModelFileError> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    fn f32(&mut self, field: &'static str) -> Result<f32, ModelFileError> {
        Ok(f32::from_le_bytes(self.array(field)?))
    }

    fn number(&mut self, field: &'static str, must: std::ops::RangeInclusive<usize>) -> Result<usize, ModelFileError> {
        let got = self.u32(field)? as usize;
        if must.contains(&got) {
            return Ok(got);
        }
        Err(ModelFileError::Field { field, got: got as u64, must: format!("{} to {}", must.start(), must.end()) })
    }
}

impl Trained {
    /// Writes the model.
    ///
    /// # Errors
    /// When the sink fails.
    pub fn write(&self, out: &mut impl Write) -> Result<(), ModelFileError> {
        let model = &self.model;
        let mut bytes = MAGIC.to_vec();
        let number = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u32).to_le_bytes());
        number(&mut bytes, VERSION as usize);
        number(&mut bytes, usize::from(model.scorer == Scorer::DistMult));
        number(&mut bytes, WEIGHTS.iter().position(|weights| *weights == model.weights).unwrap_or(0));
        let steps = self.calibration.steps();
        for n in [model.dim, model.n_entities, model.n_relations, self.rules.all().len(), steps.len()] {
            number(&mut bytes, n);
        }
        bytes.extend(self.seq.0.to_le_bytes());
        bytes.extend(&model.entities);
        bytes.extend(model.relations.iter().map(|code| code.to_le_bytes()[0]));
        bytes.extend(model.relation_scales.iter().flat_map(|scale| scale.to_le_bytes()));
        bytes.extend(steps.iter().flat_map(|step| [step.0, step.1]).flat_map(f32::to_le_bytes));
        bytes.extend(self.calibration.error().to_le_bytes());
        bytes.extend(self.calibration.n_samples().to_le_bytes());
        for rule in self.rules.all() {
            let (first, second) = match rule.body {
                Body::One(first) => (first, NO_STEP),
                Body::Two(first, second) => (first, second),
            };
            bytes.extend([rule.head, first, second, rule.support, rule.ends].into_iter().flat_map(u32::to_le_bytes));
        }
        for name in self.entities.names().chain(self.relations.names()) {
            number(&mut bytes, name.len());
            bytes.extend(name.as_bytes());
        }
        out.write_all(&bytes)?;
        out.write_all(blake3::hash(&bytes).as_bytes())?;
        Ok(())
    }

    /// Reads a model of at most `bytes_max` bytes; everything in it fits together.
    ///
    /// # Errors
    /// [`ModelFileError`], which names what is wrong.
    pub fn read(source: &mut impl Read, bytes_max: u64) -> Result<Self, ModelFileError> {
        let mut bytes = Vec::new();
        source.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            return Err(ModelFileError::TooLarge { max: bytes_max });
        }
        if !bytes.starts_with(MAGIC) {
            return Err(ModelFileError::OtherKind);
        }
        let mut parts = Parts(&bytes[MAGIC.len()..]);
        let version = parts.u32("version")?;
        if version != VERSION {
            return Err(ModelFileError::Version { got: version, supported: VERSION });
        }
        let n = bytes.len().saturating_sub(DIGEST_BYTES);
        let (signed, digest) = bytes.split_at(n);
        let computed = blake3::hash(signed);
        if computed.as_bytes() != digest {
            let stored = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(ModelFileError::Digest { stored, computed: computed.to_hex().to_string(), n });
        }
        let mut parts = Parts(signed.get(MAGIC.len() + 4..).unwrap_or_default());
        let trained = read_parts(&mut parts)?;
        match parts.0.len() {
            0 => Ok(trained),
            left => Err(ModelFileError::Field { field: "rest", got: left as u64, must: "0 bytes".to_owned() }),
        }
    }
}

fn read_parts(parts: &mut Parts<'_>) -> Result<Trained, ModelFileError> {
    let scorer = [Scorer::ComplEx, Scorer::DistMult][parts.number("scorer", 0..=1)?];
    let weights = WEIGHTS[parts.number("weights", 0..=WEIGHTS.len() - 1)?];
    let dim = parts.number("dim", 1..=Settings::DIM_MAX)?;
    if scorer == Scorer::ComplEx && dim % 2 != 0 {
        return Err(ModelFileError::Field { field: "dim", got: dim as u64, must: "even for ComplEx".to_owned() });
    }
    let n_entities = parts.number("number of entities", 1..=Triples::NUMBERS_MAX)?;
    let n_relations = parts.number("number of relations", 1..=Triples::NUMBERS_MAX)?;
    let n_rules = parts.u32("number of rules")? as usize;
    let n_steps = parts.u32("number of calibration steps")? as usize;
    let seq = Seq(u64::from_le_bytes(parts.array("commit")?));
    let too_large = |field| ModelFileError::Field { field, got: u64::MAX, must: "fewer bytes".to_owned() };
    let n_bytes =
        weights.format().tensor_bytes(n_entities, weights.n_columns(dim)).ok_or_else(|| too_large("entities"))?;
    let entities = parts.take("entities", n_bytes)?.to_vec();
    check_entities(weights, n_entities, dim, &entities)?;
    let n_codes = (2 * n_relations).checked_mul(dim).ok_or_else(|| too_large("relations"))?;
    let relations = parts.take("relations", n_codes)?.iter().map(|&byte| i8::from_le_bytes([byte])).collect();
    let scales = parts.take("relation scales", 8 * n_relations)?;
    let scales: Vec<f32> = scales.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    finite("relation scale", &scales)?;
    let mut steps = Vec::new();
    for _ in 0..n_steps {
        steps.push((parts.f32("calibration step")?, parts.f32("calibration step")?));
    }
    let (error, n_samples) = (parts.f32("calibration error")?, parts.u32("number of samples")?);
    let calibration = Calibration::from_parts(steps, error, n_samples).ok_or_else(|| ModelFileError::Field {
        field: "calibration",
        got: n_steps as u64,
        must: "steps that rise within 0 and 1".to_owned(),
    })?;
    let mut rules = Vec::new();
    let relation = 0..=2 * n_relations - 1;
    for _ in 0..n_rules {
        let head = parts.number("head of a rule", relation.clone())? as u32;
        let first = parts.number("first step of a rule", relation.clone())? as u32;
        let body = match parts.u32("second step of a rule")? {
            NO_STEP => Body::One(first),
            second if (second as usize) < 2 * n_relations => Body::Two(first, second),
            second => {
                let must = format!("below {}", 2 * n_relations);
                return Err(ModelFileError::Field { field: "second step of a rule", got: second.into(), must });
            }
        };
        let (support, ends) = (parts.u32("support of a rule")?, parts.u32("ends of a rule")?);
        rules.push(Rule { head, body, support, ends });
    }
    let rules = Rules::sorted(rules, 2 * n_relations as u32);
    let entity_names = read_names(parts, "entity", n_entities)?;
    let relation_names = read_names(parts, "relation", n_relations)?;
    let model = Model::new(scorer, weights, [dim, n_entities, n_relations], entities, relations, scales);
    Ok(Trained { model, entities: entity_names, relations: relation_names, seq, calibration, rules })
}

fn check_entities(weights: EntityWeights, n: usize, dim: usize, bytes: &[u8]) -> Result<(), ModelFileError> {
    let bad = |got: usize, must: String| ModelFileError::Field { field: "entities", got: got as u64, must };
    match weights {
        EntityWeights::F32 => {
            let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            finite("entities", &values)
        }
        EntityWeights::Ternary | EntityWeights::TernaryPairs => {
            let stored = StoredMatrix::new(weights.format(), n, weights.n_columns(dim), bytes)
                .map_err(|e| bad(n, e.to_string()))?;
            stored.check_ternary(n).map_err(|e| bad(n, e.to_string()))
        }
    }
}

fn finite(field: &'static str, values: &[f32]) -> Result<(), ModelFileError> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(at) => {
            Err(ModelFileError::Field { field, got: at as u64, must: "the place of a finite number".to_owned() })
        }
    }
}

fn read_names(parts: &mut Parts<'_>, what: &'static str, n: usize) -> Result<Vocabulary, ModelFileError> {
    let mut names = Vocabulary::default();
    for i in 0..n {
        let len = parts.u32(what)? as usize;
        let bytes = parts.take(what, len)?;
        let bad = |must: &str| ModelFileError::Field { field: what, got: i as u64, must: must.to_owned() };
        let name = std::str::from_utf8(bytes).map_err(|_| bad("the place of a name in UTF-8"))?;
        if names.number_or_new(name) != Some(i as u32) {
            return Err(bad("the place of a name that stands once"));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
