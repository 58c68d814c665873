//! Which entities have neighbourhoods like another one's.
//!
//! A *feature* of an entity is a fact without it: relation, direction, other end. Features weigh what they are rare
//! ([`weight`]), and two entities are as like as the cosine of their weighted features. Two searches find the likest:
//!
//! - by *sketch*: the sum of `weight · item(relation) ⊗ ρ(relation, direction) item(other)` as signs (Charikar 2002),
//!   so that the share of equal signs estimates the angle, with a standard error of at most π / (2 √D), where no few
//!   features outweigh the rest (signs follow the heaviest, so small neighbourhoods look more alike than they are); the
//!   best [`CANDIDATES`] are ranked again by their features;
//! - by *lists*: each feature's entities, added up. Exact; dear where features are shared by many.

mod sketch;

use super::neighbours::sketch::Sketches;
use crate::complete::graph::{GraphError, facts_of, read_graph};
use crate::complete::names::Vocabulary;
use crate::complete::triples::{Answers, Question, Triple};
use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::store::Seq;

/// Candidates of a sketch that are ranked again by their features.
pub const CANDIDATES: usize = 100;

/// The largest weight: what one entity of more than 10⁸ has.
pub const WEIGHT_MAX: u32 = 32;

/// How the likest are found. Lists are exact, and on FB15k-237 the faster way by far (`docs/lab-notes.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Search {
    /// By the lists of features, exactly.
    #[default]
    Lists,
    /// By sketches, then exactly among the best of them.
    Sketch,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum SimilarError {
    /// A name that the index does not have.
    #[error("entity {name} is not in the index (made at seq {})", .seq.0)]
    NotInIndex { name: String, seq: Seq },
    /// Facts that are not indexed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// Dimensions that sketches cannot have.
    #[error(transparent)]
    Vector(#[from] vsa::Error),
}

/// An entity and how like it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Like {
    /// Name of the entity.
    pub name: String,
    /// Cosine of the weighted features, from the facts of the store now.
    pub cosine: f64,
    /// What the sketch said, if it was asked.
    pub estimate: Option<f64>,
}

/// The answer of [`Neighbours::similar`].
#[derive(Debug, Clone, PartialEq)]
pub struct Similar {
    /// The commit that the index stands at.
    pub index_at: Seq,
    /// The commit that the answer was checked at.
    pub checked_at: Seq,
    /// Standard error, at most, of the angles that sketches estimate, in radians.
    pub angle_error: f64,
    /// The likest, falling.
    pub likes: Vec<Like>,
}

/// Features of entities by number, with lists and sketches.
pub struct Features {
    n_relations: u32,
    known: Answers,
    /// Features of each entity: `(relation or reciprocal, other end, weight)`, and where they begin.
    all: Vec<(u32, u32, u32)>,
    starts: Vec<usize>,
    /// Lengths of the weighted features.
    lengths: Vec<f64>,
    sketches: Sketches,
}

/// An index of a snapshot.
pub struct Neighbours {
    seq: Seq,
    entities: Vocabulary,
    relations: Vocabulary,
    features: Features,
}

/// The weight of a feature that `n_with` of `n` entities have: twice the binary logarithm of `n / n_with`, rounded
/// down, from 1 to [`WEIGHT_MAX`].
pub fn weight(n: usize, n_with: usize) -> u32 {
    let square = |x: usize| (x as u128).pow(2);
    let quotient = square(n) / square(n_with.max(1));
    quotient.checked_ilog2().unwrap_or(0).clamp(1, WEIGHT_MAX)
}

impl Features {
    /// The features of entities below `n_entities`, with sketches of `dim` signs whose vectors `seed` gives.
    ///
    /// # Errors
    /// Dimensions that vectors cannot have or that do not rotate.
    pub fn of(
        triples: &[Triple],
        n_entities: usize,
        n_relations: usize,
        dim: vsa::Dim,
        seed: vsa::Seed,
    ) -> Result<Self, vsa::Error> {
        let known = Answers::of_triples(triples.iter().copied(), n_relations as u32);
        let n = n_relations as u32;
        let mut out = Self {
            n_relations: n,
            all: Vec::new(),
            starts: vec![0],
            lengths: Vec::with_capacity(n_entities),
            sketches: Sketches::new(dim, seed, n_entities, n_relations)?,
            known,
        };
        let mut at = 0;
        for entity in 0..n_entities as u32 {
            let first = out.all.len();
            while at < out.known.len() && out.known.at(at).0.entity == entity {
                let (question, others) = out.known.at(at);
                for &other in others {
                    let weight = weight(n_entities, out.entities_with(question.relation, other).len());
                    out.all.push((question.relation, other, weight));
                }
                at += 1;
            }
            let features = &out.all[first..];
            out.lengths.push(squares(features.iter().map(|feature| feature.2)).sqrt());
            out.sketches.push(features)?;
            out.starts.push(out.all.len());
        }
        Ok(out)
    }

    /// The entities that have a feature, ascending.
    fn entities_with(&self, relation: u32, other: u32) -> &[u32] {
        let n = self.n_relations;
        let back = if relation < n { relation + n } else { relation - n };
        self.known.to(Question { entity: other, relation: back })
    }

    fn features(&self, entity: u32) -> &[(u32, u32, u32)] {
        &self.all[self.starts[entity as usize]..self.starts[entity as usize + 1]]
    }

    /// Bytes of the sketches.
    pub fn sketch_bytes(&self) -> u64 {
        self.sketches.bytes()
    }

    /// Standard error, at most, of the angle that two sketches estimate.
    pub fn angle_error(&self) -> f64 {
        self.sketches.angle_error()
    }

    /// Cosine of the weighted features of two entities, feature by feature.
    pub fn cosine(&self, a: u32, b: u32) -> f64 {
        let (mut of_a, mut of_b) = (self.features(a).iter().peekable(), self.features(b).iter().peekable());
        let mut shared = 0.0;
        while let (Some(x), Some(y)) = (of_a.peek(), of_b.peek()) {
            match (x.0, x.1).cmp(&(y.0, y.1)) {
                std::cmp::Ordering::Less => drop(of_a.next()),
                std::cmp::Ordering::Greater => drop(of_b.next()),
                std::cmp::Ordering::Equal => {
                    shared += f64::from(x.2 * y.2);
                    of_a.next();
                    of_b.next();
                }
            }
        }
        over(shared, self.lengths[a as usize] * self.lengths[b as usize])
    }

    /// The `k` likest other entities and their cosines, by lists: exact.
    pub fn by_lists(&self, entity: u32, k: usize) -> Vec<(u32, f64)> {
        let mut shared = vec![0u64; self.lengths.len()];
        for &(relation, other, weight) in self.features(entity) {
            for &with in self.entities_with(relation, other) {
                shared[with as usize] += u64::from(weight * weight);
            }
        }
        let length = self.lengths[entity as usize];
        let others = shared.iter().zip(0u32..).filter(|&(_, other)| other != entity);
        let likes = others.map(|(&shared, other)| (other, over(shared as f64, length * self.lengths[other as usize])));
        best(likes.filter(|like| like.1 > 0.0).collect(), k)
    }

    /// The `k` likest other entities among the [`CANDIDATES`] best sketches, each with its cosine and the sketches'
    /// estimate of it.
    ///
    /// # Errors
    /// None that a whole index has.
    pub fn by_sketch(&self, entity: u32, k: usize) -> Result<Vec<(u32, f64, f64)>, vsa::Error> {
        let candidates = self.sketches.best(entity, CANDIDATES.max(k))?;
        let likes: Vec<(u32, f64)> = candidates.iter().map(|&(other, _)| (other, self.cosine(entity, other))).collect();
        let estimate = |entity| candidates.iter().find(|candidate| candidate.0 == entity).map_or(0.0, |found| found.1);
        let likes = best(likes.into_iter().filter(|like| like.1 > 0.0).collect(), k);
        Ok(likes.into_iter().map(|(other, cosine)| (other, cosine, estimate(other))).collect())
    }
}

impl Neighbours {
    /// The dimensions of sketches that suit most graphs: 512 bytes an entity.
    pub const DIM: u32 = 4096;

    /// An index of all facts between entities; facts that end in a literal are no features.
    ///
    /// # Errors
    /// What the store fails with, and dimensions that vectors cannot have.
    pub fn of(snapshot: &Snapshot, dim: vsa::Dim, seed: vsa::Seed) -> Result<Self, SimilarError> {
        let graph = read_graph(snapshot)?;
        let (n_entities, n_relations) = (graph.entities.len(), graph.relations.len());
        let features = Features::of(&graph.triples, n_entities, n_relations, dim, seed)?;
        Ok(Self { seq: snapshot.seq(), entities: graph.entities, relations: graph.relations, features })
    }

    /// The commit that the index stands at.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Features and searches by number.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The `k` entities likest to one, their cosines from the facts of `snapshot`; who shares nothing any more is
    /// left out.
    ///
    /// # Errors
    /// A name that the index does not have, and what the store fails with.
    pub fn similar(&self, snapshot: &Snapshot, name: &str, k: usize, how: Search) -> Result<Similar, SimilarError> {
        let missing = || SimilarError::NotInIndex { name: name.to_owned(), seq: self.seq };
        let entity = self.entities.number(name).ok_or_else(missing)?;
        let found: Vec<(u32, Option<f64>)> = match how {
            Search::Lists => self.features.by_lists(entity, k).into_iter().map(|like| (like.0, None)).collect(),
            Search::Sketch => {
                let likes = self.features.by_sketch(entity, k)?;
                likes.into_iter().map(|(other, _, estimate)| (other, Some(estimate))).collect()
            }
        };
        let own = self.features_now(snapshot, entity)?;
        let mut likes = Vec::with_capacity(found.len());
        for (other, estimate) in found {
            let others = self.features_now(snapshot, other)?;
            let shared = own.iter().filter(|feature| others.binary_search(feature).is_ok());
            let length = |features: &[(u32, u32, u32)]| squares(features.iter().map(|feature| feature.2)).sqrt();
            let cosine = over(squares(shared.map(|feature| feature.2)), length(&own) * length(&others));
            if cosine > 0.0 {
                likes.push(Like { name: self.entities.name(other).unwrap_or_default().to_owned(), cosine, estimate });
            }
        }
        likes.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
        let angle_error = self.features.angle_error();
        Ok(Similar { index_at: self.seq, checked_at: snapshot.seq(), angle_error, likes })
    }

    /// Features of an entity in the store now, ascending, under the index's weights.
    fn features_now(&self, snapshot: &Snapshot, entity: u32) -> Result<Vec<(u32, u32, u32)>, Error> {
        let mut out = Vec::new();
        for (relation, other) in facts_of(&self.entities, &self.relations, snapshot, entity)? {
            let n_with = self.features.entities_with(relation, other).len();
            out.push((relation, other, weight(self.entities.len(), n_with)));
        }
        out.sort_unstable();
        out.dedup();
        Ok(out)
    }
}

fn squares(weights: impl Iterator<Item = u32>) -> f64 {
    weights.map(|weight| f64::from(weight * weight)).sum()
}

fn over(shared: f64, lengths: f64) -> f64 {
    if lengths > 0.0 { shared / lengths } else { 0.0 }
}

/// The `k` of the highest cosine, equals by number.
fn best(mut likes: Vec<(u32, f64)>, k: usize) -> Vec<(u32, f64)> {
    let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if k < likes.len() {
        likes.select_nth_unstable_by(k, order);
        likes.truncate(k);
    }
    likes.sort_unstable_by(order);
    likes
}

#[cfg(test)]
mod tests;
