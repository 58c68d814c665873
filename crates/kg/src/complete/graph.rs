//! Triples of a snapshot, and its facts as answers to questions in a model's numbers.
//!
//! Entities are the IRIs and blank nodes that stand as subject or object, relations the predicates between them, in
//! whatever graph. Literals are no entities: facts that end in one are counted and passed over.

use std::collections::HashMap;

use oxrdf::{NamedNode, Term};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng as _;

use super::names::{NamedTriples, Vocabulary};
use super::predict::Trained;
use super::trainer::below;
use super::triples::{Question, Triple, Triples, TriplesError};
use crate::error::Error;
use crate::quad::Pattern;
use crate::snapshot::Snapshot;
use crate::store::Seq;
use crate::term::{TermId, TermKind};

/// What a snapshot has to learn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphTriples {
    /// The triples, some of them held out for calibration.
    pub named: NamedTriples,
    /// The commit that they were read at.
    pub seq: Seq,
    /// Facts whose object is a literal, which are not learnt from.
    pub n_literals: u64,
}

/// Why a snapshot is not learnt from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// There is too little, or too much.
    #[error(transparent)]
    Triples(#[from] TriplesError),
}

/// One of how many triples is held out for calibration.
const HELD_OUT: usize = 20;

/// Most triples that are held out.
const HELD_OUT_MAX: usize = 10_000;

impl GraphTriples {
    /// Reads all facts between entities; one in twenty whose entities and relation have others is held out, drawn by
    /// `seed`.
    ///
    /// # Errors
    /// What the store fails with; fewer than [`Triples::TRAIN_MIN`] triples.
    pub fn read(snapshot: &Snapshot, seed: u64) -> Result<Self, GraphError> {
        let Graph { triples, entities, relations, n_literals } = read_graph(snapshot)?;
        let (train, valid) = hold_out(triples, entities.len(), relations.len(), seed);
        let triples = Triples::new(entities.len(), relations.len(), train, valid, Vec::new())?;
        let named = NamedTriples { triples, entities, relations };
        Ok(Self { named, seq: snapshot.seq(), n_literals })
    }
}

/// The facts of a snapshot that are between entities.
pub(crate) struct Graph {
    /// Ascending, each once.
    pub(crate) triples: Vec<Triple>,
    pub(crate) entities: Vocabulary,
    pub(crate) relations: Vocabulary,
    n_literals: u64,
}

/// Reads all facts between entities.
pub(crate) fn read_graph(snapshot: &Snapshot) -> Result<Graph, GraphError> {
    let (mut entities, mut relations) = (Numbers::default(), Numbers::default());
    let mut n_literals = 0;
    let mut triples = Vec::new();
    for quad in snapshot.matching(Pattern::all()) {
        let quad = quad?;
        if quad.object.kind() == TermKind::Literal {
            n_literals += 1;
            continue;
        }
        triples.push(Triple {
            subject: entities.number(snapshot, quad.subject, "entities")?,
            relation: relations.number(snapshot, quad.predicate, "relations")?,
            object: entities.number(snapshot, quad.object, "entities")?,
        });
    }
    // The same fact in two graphs is one.
    triples.sort_unstable();
    triples.dedup();
    Ok(Graph { triples, entities: entities.names, relations: relations.names, n_literals })
}

/// The other ends of an entity's facts now, each after its relation (or reciprocal); who has no number is passed over.
pub(crate) fn facts_of(
    entities: &Vocabulary,
    relations: &Vocabulary,
    snapshot: &Snapshot,
    entity: u32,
) -> Result<Vec<(u32, u32)>, Error> {
    let Some(name) = entities.name(entity).and_then(term) else { return Ok(Vec::new()) };
    let Some(id) = snapshot.id(name.as_ref())? else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for is_reciprocal in [false, true] {
        let (subject, object) = if is_reciprocal { (None, Some(id)) } else { (Some(id), None) };
        for quad in snapshot.matching(Pattern { subject, object, ..Pattern::all() }) {
            let quad = quad?;
            let other = if is_reciprocal { quad.subject } else { quad.object };
            if other.kind() == TermKind::Literal {
                continue;
            }
            let relation = relations.number(&snapshot.term(quad.predicate)?.to_string());
            let other = entities.number(&snapshot.term(other)?.to_string());
            let offset = if is_reciprocal { relations.len() as u32 } else { 0 };
            out.extend(relation.zip(other).map(|(relation, other)| (relation + offset, other)));
        }
    }
    Ok(out)
}

/// Numbers of terms.
#[derive(Default)]
struct Numbers {
    names: Vocabulary,
    of_ids: HashMap<TermId, u32>,
}

impl Numbers {
    fn number(&mut self, snapshot: &Snapshot, id: TermId, what: &'static str) -> Result<u32, GraphError> {
        if let Some(&number) = self.of_ids.get(&id) {
            return Ok(number);
        }
        let name = snapshot.term(id)?.to_string();
        let too_many = TriplesError::TooMany { what, got: self.names.len() + 1, max: Triples::NUMBERS_MAX };
        let number = self.names.number_or_new(&name).ok_or(too_many)?;
        self.of_ids.insert(id, number);
        Ok(number)
    }
}

/// Triples to train on, and those held out.
fn hold_out(all: Vec<Triple>, n_entities: usize, n_relations: usize, seed: u64) -> (Vec<Triple>, Vec<Triple>) {
    let n = (all.len() / HELD_OUT).min(HELD_OUT_MAX).min(all.len().saturating_sub(Triples::TRAIN_MIN));
    let (mut of_entity, mut of_relation) = (vec![0u32; n_entities], vec![0u32; n_relations]);
    for triple in &all {
        of_entity[triple.subject as usize] += 1;
        of_entity[triple.object as usize] += 1;
        of_relation[triple.relation as usize] += 1;
    }
    let mut chance = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut is_held_out = vec![false; all.len()];
    let mut n_held_out = 0;
    // Twice as many tries as triples are wanted: where most have no others, fewer are held out.
    for _ in 0..2 * n {
        let at = below(all.len() as u32, &mut chance) as usize;
        let Triple { subject, relation, object } = all[at];
        let (subject, relation, object) = (subject as usize, relation as usize, object as usize);
        // A triple of an entity with itself counts twice.
        let has_others = of_entity[subject] > 2 && of_entity[object] > 2 && of_relation[relation] > 1;
        if n_held_out < n && !is_held_out[at] && has_others {
            is_held_out[at] = true;
            n_held_out += 1;
            of_entity[subject] -= 1;
            of_entity[object] -= 1;
            of_relation[relation] -= 1;
        }
    }
    let (mut train, mut valid) = (Vec::with_capacity(all.len()), Vec::new());
    for (triple, is_held_out) in all.into_iter().zip(is_held_out) {
        if is_held_out { valid.push(triple) } else { train.push(triple) }
    }
    (train, valid)
}

/// The answers of a question that are facts of the snapshot now, for [`Trained::complete`]: entities that the model
/// does not know are passed over.
///
/// # Errors
/// What the store fails with.
pub fn facts(trained: &Trained, snapshot: &Snapshot, question: Question) -> Result<Vec<u32>, Error> {
    let n_relations = trained.model.n_relations() as u32;
    let is_reciprocal = question.relation >= n_relations;
    let relation = if is_reciprocal { question.relation - n_relations } else { question.relation };
    let (Some(entity), Some(relation)) = (trained.entities.name(question.entity), trained.relations.name(relation))
    else {
        return Ok(Vec::new());
    };
    let id = |name: &str| match term(name) {
        Some(term) => snapshot.id(term.as_ref()),
        None => Ok(None),
    };
    let (Some(entity), Some(predicate)) = (id(entity)?, id(relation)?) else { return Ok(Vec::new()) };
    let (subject, object) = if is_reciprocal { (None, Some(entity)) } else { (Some(entity), None) };
    let pattern = Pattern { subject, predicate: Some(predicate), object, graph: None };
    let mut out = Vec::new();
    for quad in snapshot.matching(pattern) {
        let quad = quad?;
        let other = if is_reciprocal { quad.subject } else { quad.object };
        if other.kind() != TermKind::Literal {
            out.extend(trained.entities.number(&snapshot.term(other)?.to_string()));
        }
    }
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

/// The term of a name that [`GraphTriples::read`] gave: an IRI in angle brackets, or a blank node.
fn term(name: &str) -> Option<Term> {
    if let Some(iri) = name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
        return Some(NamedNode::new_unchecked(iri).into());
    }
    let blank = name.strip_prefix("_:")?;
    Some(oxrdf::BlankNode::new(blank).ok()?.into())
}

#[cfg(test)]
mod tests;
