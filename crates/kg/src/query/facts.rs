//! The facts as a query sees them: which graphs it reads, how many facts a pattern has, and their words.

use std::collections::BTreeSet;

use spargebra::algebra::QueryDataset;

use super::error::QueryError;
use super::limits::Meter;
use super::words::{UNBOUND, Word, Words};
use crate::order::Order;
use crate::quad::Pattern;
use crate::snapshot::Snapshot;
use crate::term::TermId;

/// The words of a fact: subject, predicate, object, graph.
pub(crate) type Fact = [Word; 4];

/// The graph that patterns are read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Active {
    /// The default graph of the query.
    Default,
    /// One named graph.
    Named(Word),
    /// Any named graph, which the pattern's fourth place then names.
    AnyNamed,
}

/// The order of the facts of a predicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Subject,
    Object,
}

/// The dataset of a query (SPARQL 1.1, 13.2).
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) snapshot: Snapshot,
    /// The graphs whose union is the default graph.
    default: Vec<Word>,
    /// The named graphs, if they are not all that have facts.
    named: Option<BTreeSet<Word>>,
}

impl Facts {
    pub(crate) fn new(words: &Words, dataset: Option<&QueryDataset>) -> Result<Self, QueryError> {
        let snapshot = words.snapshot.clone();
        let Some(dataset) = dataset else {
            return Ok(Self { snapshot, default: vec![TermId::DEFAULT_GRAPH.to_bits()], named: None });
        };
        let mut default = Vec::new();
        for graph in &dataset.default {
            default.push(words.word(graph.clone().into())?);
        }
        let mut named = BTreeSet::new();
        for graph in dataset.named.iter().flatten() {
            named.insert(words.word(graph.clone().into())?);
        }
        // An update's USING alone leaves all named graphs.
        let named = dataset.named.as_ref().map(|_| named);
        default.sort_unstable();
        default.dedup();
        Ok(Self { snapshot, default, named })
    }

    /// The graphs that `active` stands for, in whose union no fact may come twice; none if it is any named one.
    fn graphs(&self, active: Active) -> Option<&[Word]> {
        match active {
            Active::Default => Some(&self.default),
            Active::Named(_) | Active::AnyNamed => None,
        }
    }

    fn admits(&self, graph: Word) -> bool {
        graph != UNBOUND && self.named.as_ref().is_none_or(|named| named.contains(&graph))
    }

    /// How many facts have these terms in their places, roughly where graphs have to be looked at.
    pub(crate) fn count(&self, places: [Word; 3]) -> Result<u64, QueryError> {
        match pattern_of(places, None) {
            Some(pattern) => Ok(self.snapshot.estimate(pattern)?),
            None => Ok(0),
        }
    }

    /// How many facts of a graph have these terms in their places, without reading them; none where only reading tells.
    pub(crate) fn exact_count(&self, places: [Word; 3], active: Active) -> Result<Option<u64>, QueryError> {
        let is_all = active == Active::Default
            && self.default == [TermId::DEFAULT_GRAPH.to_bits()]
            && !self.snapshot.may_have_named();
        if is_all { self.count(places).map(Some) } else { Ok(None) }
    }

    /// How many different terms the facts of a predicate have in a place: 0 the subject, 2 the object.
    pub(crate) fn distinct(&self, predicate: Word, place: usize, count: u64) -> u64 {
        let statistics = self.snapshot.statistics();
        let of = Words::id(predicate).and_then(|id| statistics.predicates.get(&id));
        let known = match (of, place) {
            (Some(of), 0) => of.subjects,
            (Some(of), 2) => of.objects,
            (None, 0) if predicate == UNBOUND => statistics.subjects,
            (None, 2) if predicate == UNBOUND => statistics.objects,
            (None, 1) if predicate == UNBOUND => statistics.predicates.len() as u64,
            _ => 0,
        };
        // Changes since the last merge are in no statistics.
        if known == 0 { (count / 2).max(1) } else { known }
    }

    /// Reads facts in the order of their subjects, where only a predicate is given.
    pub(crate) fn read(
        &self,
        places: Fact,
        active: Active,
        batch: usize,
        meter: &Meter,
        each: &mut dyn FnMut(&[Fact]) -> Result<bool, QueryError>,
    ) -> Result<bool, QueryError> {
        self.read_by(By::Subject, places, active, batch, meter, each)
    }

    /// Calls `each` with the facts that have these terms in their places ([`UNBOUND`] is any), in batches of at most
    /// `batch`; it says whether to go on. The order of facts with nothing but a predicate given is `by`.
    pub(crate) fn read_by(
        &self,
        by: By,
        places: Fact,
        active: Active,
        batch: usize,
        meter: &Meter,
        each: &mut dyn FnMut(&[Fact]) -> Result<bool, QueryError>,
    ) -> Result<bool, QueryError> {
        let [s, p, o, graph] = places;
        match self.graphs(active) {
            Some([]) => Ok(true),
            Some([one]) => self.read_graph(by, [s, p, o], Some(*one), batch, meter, each),
            Some(many) => {
                let mut all: Vec<Fact> = Vec::new();
                for graph in many {
                    self.read_graph(by, [s, p, o], Some(*graph), batch, meter, &mut |facts| {
                        meter.hold(size_of_val(facts), "the union of graphs")?;
                        all.extend(facts.iter().map(|[s, p, o, _]| [*s, *p, *o, UNBOUND]));
                        Ok(true)
                    })?;
                }
                all.sort_unstable();
                all.dedup();
                for facts in all.chunks(batch) {
                    if !each(facts)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            None => {
                let graph = match active {
                    Active::Named(graph) => graph,
                    _ => graph,
                };
                if graph != UNBOUND {
                    return if self.admits(graph) {
                        self.read_graph(by, [s, p, o], Some(graph), batch, meter, each)
                    } else {
                        Ok(true)
                    };
                }
                let mut kept = Vec::new();
                self.read_graph(by, [s, p, o], None, batch, meter, &mut |facts| {
                    kept.clear();
                    kept.extend(facts.iter().filter(|fact| self.admits(fact[3])));
                    each(&kept)
                })
            }
        }
    }

    fn read_graph(
        &self,
        by: By,
        places: [Word; 3],
        graph: Option<Word>,
        batch: usize,
        meter: &Meter,
        each: &mut dyn FnMut(&[Fact]) -> Result<bool, QueryError>,
    ) -> Result<bool, QueryError> {
        let Some(pattern) = pattern_of(places, graph) else { return Ok(true) };
        let (order, n) = match self.snapshot.order_of(&pattern) {
            (Order::Psog, 1) if by == By::Object => (Order::Posg, 1),
            found => found,
        };
        let given = [pattern.subject, pattern.predicate, pattern.object, pattern.graph];
        let mut prefix = [TermId::DEFAULT_GRAPH; 4];
        for (place, term) in order.places().into_iter().zip(given) {
            if place < n {
                prefix[place] = term.unwrap_or(TermId::DEFAULT_GRAPH);
            }
        }
        let mut scan = self.snapshot.scan(order, &prefix[..n])?;
        let is_exact = given.iter().flatten().count() == n;
        let (mut rows, mut facts) = (Vec::new(), Vec::new());
        let [s, p, o, g] = order.places();
        loop {
            rows.clear();
            facts.clear();
            scan.read(batch, &mut rows)?;
            meter.rows(rows.len(), "a scan of facts")?;
            for row in &rows {
                if is_exact || pattern.admits(&order.quad(row)) {
                    facts.push([row[s].to_bits(), row[p].to_bits(), row[o].to_bits(), row[g].to_bits()]);
                }
            }
            if !facts.is_empty() && !each(&facts)? {
                return Ok(false);
            }
            if rows.len() < batch {
                return Ok(true);
            }
        }
    }

    /// The named graphs of the dataset that have facts.
    pub(crate) fn named_graphs(&self, meter: &Meter) -> Result<Vec<Word>, QueryError> {
        let mut graphs = Vec::new();
        if let Some(named) = &self.named {
            for &graph in named {
                if self.has_facts(graph)? {
                    graphs.push(graph);
                }
            }
            return Ok(graphs);
        }
        if self.snapshot.orders().any(|order| order == Order::Gspo) {
            let mut scan = self.snapshot.scan(Order::Gspo, &[])?;
            while let Some([graph, ..]) = scan.peek()? {
                meter.tick("the list of graphs")?;
                if graph != TermId::DEFAULT_GRAPH {
                    graphs.push(graph.to_bits());
                }
                let Some(next) = TermId::from_bits(graph.to_bits() + 1) else { break };
                scan.seek(&[next])?;
            }
            return Ok(graphs);
        }
        let mut found = BTreeSet::new();
        self.read_graph(By::Subject, [UNBOUND; 3], None, 1024, meter, &mut |facts| {
            found.extend(facts.iter().map(|fact| fact[3]).filter(|graph| *graph != UNBOUND));
            Ok(true)
        })?;
        Ok(found.into_iter().collect())
    }

    /// Whether the graph is a named one of the dataset.
    pub(crate) fn has_graph(&self, graph: Word) -> Result<bool, QueryError> {
        Ok(self.admits(graph) && (self.named.is_some() || self.has_facts(graph)?))
    }

    fn has_facts(&self, graph: Word) -> Result<bool, QueryError> {
        let Some(pattern) = pattern_of([UNBOUND; 3], Some(graph)) else { return Ok(false) };
        Ok(self.snapshot.matching(pattern).next().transpose()?.is_some())
    }
}

/// The pattern of these terms, or none if one of them is not in the store.
fn pattern_of([subject, predicate, object]: [Word; 3], graph: Option<Word>) -> Option<Pattern> {
    let place = |word: Word| match word {
        UNBOUND => Some(None),
        word => Words::id(word).map(Some),
    };
    let graph = match graph {
        None => None,
        Some(UNBOUND) => Some(TermId::DEFAULT_GRAPH),
        Some(graph) => Some(Words::id(graph)?),
    };
    Some(Pattern { subject: place(subject)?, predicate: place(predicate)?, object: place(object)?, graph })
}
