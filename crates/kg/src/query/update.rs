//! SPARQL 1.1 Update: a whole request is committed, or nothing of it.

use std::collections::HashMap;

use oxrdf::{GraphName, GraphNameRef, NamedOrBlankNode, Quad, Term, Variable};
use spargebra::algebra::{GraphPattern, GraphTarget, QueryDataset};
use spargebra::term::{
    GraphNamePattern, GroundQuadPattern, GroundTermPattern, NamedNodePattern, QuadPattern, TermPattern,
};
use spargebra::{GraphUpdateOperation, Query};

use super::error::QueryError;
use super::limits::Meter;
use super::results::Answer;
use super::template::{Bound, Fresh};
use super::{Options, answer_parsed, text};
use crate::quad::Pattern;
use crate::snapshot::Snapshot;
use crate::store::{Seq, Store};
use crate::term::TermId;
use crate::transaction::Transaction;

/// What an update has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpdateReport {
    /// How many operations there were.
    pub operations: u64,
    /// How many facts an operation added that were none before it.
    pub added: u64,
    /// How many facts an operation removed.
    pub removed: u64,
    /// The commit, where the update was committed.
    pub seq: Option<Seq>,
}

/// The update is committed to the store as one commit.
///
/// # Errors
/// Those of [`update_in`], and a store that somebody else writes to. Nothing is changed then.
pub fn update(store: &Store, text: &str, options: &Options) -> Result<UpdateReport, QueryError> {
    let mut transaction = store.begin()?;
    let mut report = update_in(&mut transaction, text, options)?;
    report.seq = Some(transaction.commit()?);
    Ok(report)
}

/// The update happens in the transaction: each operation reads what the ones before it left.
///
/// # Errors
/// Text that is no update, what a store refuses, limits, and failures of the store. The transaction must be dropped
/// then: a part of the update may be in it.
pub fn update_in(transaction: &mut Transaction<'_>, text: &str, options: &Options) -> Result<UpdateReport, QueryError> {
    let update = text::update(text, options)?;
    for operation in &update.operations {
        match operation {
            GraphUpdateOperation::Load { source, silent: false, .. } => {
                return Err(QueryError::Refused { what: "LOAD", target: source.as_str().to_owned() });
            }
            GraphUpdateOperation::DeleteInsert { pattern, .. } => super::refuse_services(pattern)?,
            _ => {}
        }
    }
    let mut writer = Writer {
        meter: Meter::new(options.limits.clone()),
        fresh: Fresh::new('u', &transaction.snapshot()?),
        report: UpdateReport::default(),
        base: update.base_iri.clone(),
        options,
        transaction,
    };
    for operation in update.operations {
        writer.operation(operation)?;
        writer.report.operations += 1;
    }
    Ok(writer.report)
}

struct Writer<'a, 's> {
    transaction: &'a mut Transaction<'s>,
    options: &'a Options,
    base: Option<oxiri::Iri<String>>,
    meter: Meter,
    fresh: Fresh,
    report: UpdateReport,
}

impl Writer<'_, '_> {
    fn operation(&mut self, operation: GraphUpdateOperation) -> Result<(), QueryError> {
        match operation {
            GraphUpdateOperation::InsertData { data } => {
                let snapshot = self.transaction.snapshot()?;
                let mut blanks = HashMap::new();
                for mut quad in data {
                    if let NamedOrBlankNode::BlankNode(node) = &mut quad.subject {
                        *node = self.fresh.of(node, &mut blanks, &snapshot)?;
                    }
                    if let Term::BlankNode(node) = &mut quad.object {
                        *node = self.fresh.of(node, &mut blanks, &snapshot)?;
                    }
                    let graph_name = match quad.graph_name {
                        spargebra::term::GraphName::NamedNode(node) => GraphName::NamedNode(node),
                        spargebra::term::GraphName::DefaultGraph => GraphName::DefaultGraph,
                    };
                    self.add(&Quad::new(quad.subject, quad.predicate, quad.object, graph_name))?;
                }
                Ok(())
            }
            GraphUpdateOperation::DeleteData { data } => data.into_iter().try_for_each(|quad| {
                let graph_name = match quad.graph_name {
                    spargebra::term::GraphName::NamedNode(node) => GraphName::NamedNode(node),
                    spargebra::term::GraphName::DefaultGraph => GraphName::DefaultGraph,
                };
                self.remove(&Quad::new(quad.subject, quad.predicate, Term::from(quad.object), graph_name))
            }),
            GraphUpdateOperation::DeleteInsert { delete, insert, using, pattern } => {
                self.delete_insert(&delete, &insert, using, *pattern)
            }
            GraphUpdateOperation::Clear { graph, .. } | GraphUpdateOperation::Drop { graph, .. } => self.clear(&graph),
            GraphUpdateOperation::Create { silent, graph } => {
                if !silent && has_facts(&self.transaction.snapshot()?, graph.as_ref().into())? {
                    return Err(QueryError::Update(format!("CREATE GRAPH {graph}: it has facts already")));
                }
                Ok(())
            }
            // Refused before any operation, unless its failure is to be silent.
            GraphUpdateOperation::Load { .. } => Ok(()),
        }
    }

    fn add(&mut self, quad: &Quad) -> Result<(), QueryError> {
        self.meter.rows(1, "the update")?;
        self.report.added += u64::from(self.transaction.add(quad.as_ref())?);
        Ok(())
    }

    fn remove(&mut self, quad: &Quad) -> Result<(), QueryError> {
        self.meter.rows(1, "the update")?;
        self.report.removed += u64::from(self.transaction.remove(quad.as_ref())?);
        Ok(())
    }

    /// A store keeps no empty graph, so a graph that is not there is as empty as one that was cleared.
    fn clear(&mut self, target: &GraphTarget) -> Result<(), QueryError> {
        let snapshot = self.transaction.snapshot()?;
        let graph = match target {
            GraphTarget::NamedNode(node) => match snapshot.id(node.as_ref().into())? {
                Some(id) => Some(id),
                None => return Ok(()),
            },
            GraphTarget::DefaultGraph => Some(TermId::DEFAULT_GRAPH),
            GraphTarget::NamedGraphs | GraphTarget::AllGraphs => None,
        };
        let keeps_default = matches!(target, GraphTarget::NamedGraphs);
        for quad in snapshot.matching(Pattern { graph, ..Pattern::all() }) {
            let quad = quad?;
            if !(keeps_default && quad.graph == TermId::DEFAULT_GRAPH) {
                self.remove(&snapshot.quad(quad)?)?;
            }
        }
        Ok(())
    }

    /// All rows are read before anything is written, and all of `delete` goes before `insert`.
    fn delete_insert(
        &mut self,
        delete: &[GroundQuadPattern],
        insert: &[QuadPattern],
        using: Option<QueryDataset>,
        pattern: GraphPattern,
    ) -> Result<(), QueryError> {
        let variables = variables_of(delete, insert);
        let pattern = GraphPattern::Project { inner: Box::new(pattern), variables: variables.clone() };
        let query = Query::Select { dataset: using, pattern, base_iri: self.base.clone() };
        let snapshot = self.transaction.snapshot()?;
        let Answer::Rows(rows) = answer_parsed(&snapshot, &query, self.options)? else { return Ok(()) };
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for row in rows {
            let row = Bound { variables: &variables, row: &row? };
            for quad in delete {
                if let Some(quad) = row.ground_quad(quad) {
                    self.meter.hold(quad_bytes(&quad), "the update")?;
                    removed.push(quad);
                }
            }
            let mut blanks = HashMap::new();
            for quad in insert {
                if let Some(quad) = row.quad(quad, &mut |node| self.fresh.of(node, &mut blanks, &snapshot))? {
                    self.meter.hold(quad_bytes(&quad), "the update")?;
                    added.push(quad);
                }
            }
        }
        removed.iter().try_for_each(|quad| self.remove(quad))?;
        added.iter().try_for_each(|quad| self.add(quad))
    }
}

fn quad_bytes(quad: &Quad) -> usize {
    size_of::<Quad>() + super::complete::text_len(&quad.object)
}

fn variables_of(delete: &[GroundQuadPattern], insert: &[QuadPattern]) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    let mut also = |variable: &Variable| {
        if !variables.contains(variable) {
            variables.push(variable.clone());
        }
    };
    for quad in delete {
        for term in [&quad.subject, &quad.object] {
            if let GroundTermPattern::Variable(variable) = term {
                also(variable);
            }
        }
    }
    for quad in insert {
        for term in [&quad.subject, &quad.object] {
            if let TermPattern::Variable(variable) = term {
                also(variable);
            }
        }
    }
    let places = delete.iter().map(|quad| (&quad.predicate, &quad.graph_name));
    for (predicate, graph) in places.chain(insert.iter().map(|quad| (&quad.predicate, &quad.graph_name))) {
        if let NamedNodePattern::Variable(variable) = predicate {
            also(variable);
        }
        if let GraphNamePattern::Variable(variable) = graph {
            also(variable);
        }
    }
    variables
}

/// Whether the graph has a fact.
fn has_facts(snapshot: &Snapshot, graph: GraphNameRef<'_>) -> Result<bool, QueryError> {
    let Some(id) = snapshot.graph_id(graph)? else { return Ok(false) };
    let pattern = Pattern { graph: Some(id), ..Pattern::all() };
    Ok(snapshot.matching(pattern).next().transpose()?.is_some())
}
