//! The shortest ways from one term to another, over facts in either direction.

use std::collections::HashMap;

use oxrdf::{Quad as Fact, Term};

use crate::quad::{Pattern, Quad};
use crate::query::{LimitKind, Limits, QueryError};
use crate::snapshot::Snapshot;
use crate::term::{TermId, TermKind};

/// The most ways that are told, of those that are equally short.
pub const WAYS_MAX: usize = 20;
/// Facts that are read between two questions to [`Limits::stop`].
const FACTS_PER_QUESTION: u64 = 1024;

/// The shortest ways from one term to another, each the facts on it in their order, at most [`WAYS_MAX`] of them.
///
/// A way may go through a fact from its object to its subject. It does not go through literals, nor through the
/// predicates. There is one way without a fact from a term to itself, and none to a term that the store does not know.
///
/// # Errors
/// Failures of the store; [`Limits::stop`], and [`Limits::path_steps_max`] for the terms that are visited.
pub fn shortest(
    snapshot: &Snapshot,
    from: &Term,
    to: &Term,
    hops_max: usize,
    limits: &Limits,
) -> Result<Vec<Vec<Fact>>, QueryError> {
    let (Some(from), Some(to)) = (snapshot.id(from.as_ref())?, snapshot.id(to.as_ref())?) else {
        return Ok(Vec::new());
    };
    let mut search = Search { snapshot, limits, rows: 0, visited: 0 };
    let mut sides = [Side::new(from), Side::new(to)];
    while sides.iter().map(|side| side.hops).sum::<usize>() < hops_max && !meet(&sides) {
        // The side with fewer ends goes on: that keeps both small.
        let next = usize::from(sides[1].front.len() < sides[0].front.len());
        if sides[next].front.is_empty() {
            return Ok(Vec::new());
        }
        search.go_on(&mut sides[next])?;
    }
    search.ways(&sides)
}

/// What was reached from one end.
struct Side {
    hops: usize,
    front: Vec<TermId>,
    /// For each term that was reached, after how many facts, and by which of them.
    reached: HashMap<TermId, (usize, Vec<(TermId, Quad)>)>,
}

impl Side {
    fn new(start: TermId) -> Self {
        Self { hops: 0, front: vec![start], reached: HashMap::from([(start, (0, Vec::new()))]) }
    }
}

fn meet([a, b]: &[Side; 2]) -> bool {
    let (few, many) = if a.front.len() < b.front.len() { (a, b) } else { (b, a) };
    few.front.iter().any(|id| many.reached.contains_key(id))
}

struct Search<'a> {
    snapshot: &'a Snapshot,
    limits: &'a Limits,
    rows: u64,
    visited: u64,
}

impl Search<'_> {
    fn limit(&self, limit: LimitKind) -> QueryError {
        QueryError::Limit { limit, operator: "path", rows: self.rows }
    }

    /// Takes one more fact from all ends of a side.
    fn go_on(&mut self, side: &mut Side) -> Result<(), QueryError> {
        side.hops += 1;
        let mut front = Vec::new();
        for end in std::mem::take(&mut side.front) {
            if end.kind() == TermKind::Literal && side.hops > 1 {
                continue;
            }
            let forward = Pattern { subject: Some(end), ..Pattern::all() };
            let backward = Pattern { object: Some(end), ..Pattern::all() };
            for quad in self.snapshot.matching(forward).chain(self.snapshot.matching(backward)) {
                let quad = quad?;
                self.rows += 1;
                if self.rows.is_multiple_of(FACTS_PER_QUESTION) && self.limits.stop.is_now() {
                    return Err(self.limit(LimitKind::Stopped));
                }
                let other = if quad.subject == end { quad.object } else { quad.subject };
                let (hops, facts) = side.reached.entry(other).or_insert_with(|| {
                    front.push(other);
                    self.visited += 1;
                    (side.hops, Vec::new())
                });
                if *hops == side.hops {
                    facts.push((end, quad));
                }
                if self.visited > self.limits.path_steps_max {
                    return Err(self.limit(LimitKind::PathSteps(self.limits.path_steps_max)));
                }
            }
        }
        side.front = front;
        Ok(())
    }

    /// The ways through the terms in which the sides meet.
    fn ways(&self, [from, to]: &[Side; 2]) -> Result<Vec<Vec<Fact>>, QueryError> {
        let total = |id: &TermId| Some(from.reached.get(id)?.0 + to.reached.get(id)?.0);
        let Some(least) = from.reached.keys().filter_map(total).min() else { return Ok(Vec::new()) };
        // Of the meeting points of a way only the one that each side reached in its own share of hops.
        let share = from.hops.min(least);
        let mut middles: Vec<TermId> = from
            .reached
            .iter()
            .filter(|(id, (hops, _))| *hops == share && total(id) == Some(least))
            .map(|(id, _)| *id)
            .collect();
        middles.sort_unstable();
        let mut ways = Vec::new();
        for middle in middles {
            let (mut heads, mut tails) = (Vec::new(), Vec::new());
            back(from, middle, &mut Vec::new(), &mut heads);
            back(to, middle, &mut Vec::new(), &mut tails);
            for head in &heads {
                for tail in &tails {
                    if ways.len() < WAYS_MAX {
                        ways.push(head.iter().rev().chain(tail).copied().collect::<Vec<Quad>>());
                    }
                }
            }
        }
        let told = |way: Vec<Quad>| way.into_iter().map(|quad| Ok(self.snapshot.quad(quad)?)).collect();
        ways.into_iter().map(told).collect()
    }
}

/// All ways from a term back to where the side began, the fact next to the term first.
fn back(side: &Side, at: TermId, way: &mut Vec<Quad>, ways: &mut Vec<Vec<Quad>>) {
    if ways.len() >= WAYS_MAX {
        return;
    }
    let Some((_, facts)) = side.reached.get(&at) else { return };
    if facts.is_empty() {
        ways.push(way.clone());
        return;
    }
    for (before, quad) in facts {
        way.push(*quad);
        back(side, *before, way, ways);
        way.pop();
    }
}

#[cfg(test)]
mod tests {
    use oxrdf::{GraphNameRef, Literal, NamedNode, QuadRef};

    use super::*;
    use crate::query::Stop;
    use crate::store::Store;

    fn node(name: &str) -> NamedNode {
        NamedNode::new_unchecked(format!("http://a/{name}"))
    }

    fn store(facts: &[&str]) -> Store {
        let store = Store::in_memory();
        let mut writer = store.begin().expect("no other writer");
        for fact in facts {
            let words: Vec<NamedNode> = fact.split(' ').map(node).collect();
            let quad = QuadRef::new(&words[0], &words[1], &words[2], GraphNameRef::DefaultGraph);
            writer.add(quad).expect("room");
        }
        let red = Literal::new_simple_literal("a red thing, and a long word for it");
        for name in ["a", "z"] {
            let (subject, colour) = (node(name), node("colour"));
            writer.add(QuadRef::new(&subject, &colour, &red, GraphNameRef::DefaultGraph)).expect("room");
        }
        writer.commit().expect("room");
        store
    }

    fn ways(store: &Store, from: &str, to: &str, hops: usize) -> Vec<String> {
        let snapshot = store.snapshot().expect("a snapshot");
        let found = shortest(&snapshot, &node(from).into(), &node(to).into(), hops, &Limits::default());
        let local = |text: String| text.replace("http://a/", "").replace(['<', '>'], "");
        let mut told: Vec<String> = found
            .expect("within limits")
            .iter()
            .map(|way| way.iter().map(|fact| local(fact.to_string())).collect::<Vec<_>>().join(", "))
            .collect();
        told.sort();
        told
    }

    #[test]
    fn the_shortest_ways_are_found_in_either_direction() {
        let store = store(&["a p b", "b p c", "c p d", "x q a", "x q d", "d r e", "e r f"]);
        assert_eq!(ways(&store, "a", "b", 4), ["a p b"]);
        assert_eq!(ways(&store, "b", "a", 4), ["a p b"]);
        assert_eq!(ways(&store, "a", "d", 4), ["x q a, x q d"]);
        assert_eq!(ways(&store, "b", "d", 4), ["b p c, c p d"]);
        assert_eq!(ways(&store, "b", "f", 4), ["b p c, c p d, d r e, e r f"]);
        assert_eq!(ways(&store, "b", "f", 3), Vec::<String>::new());
        assert_eq!(ways(&store, "a", "a", 4), [""]);
        assert_eq!(ways(&store, "a", "nowhere", 4), Vec::<String>::new());
    }

    #[test]
    fn all_of_several_equally_short_ways_are_told_up_to_the_most() {
        let names: Vec<String> = (0..30).flat_map(|i| [format!("s p m{i}"), format!("m{i} q t")]).collect();
        let facts: Vec<&str> = names.iter().map(String::as_str).collect();
        let store = store(&facts);
        let found = ways(&store, "s", "t", 2);
        assert_eq!(found.len(), WAYS_MAX);
        assert!(found.iter().all(|way| way.starts_with("s p m") && way.ends_with(" q t")), "{found:?}");
    }

    #[test]
    fn no_way_goes_through_a_literal() {
        let store = store(&["z p y"]);
        assert_eq!(ways(&store, "a", "y", 6), Vec::<String>::new());
    }

    #[test]
    fn limits_end_the_search() {
        let names: Vec<String> = (0..3_000).map(|i| format!("hub p n{i}")).collect();
        let facts: Vec<&str> = names.iter().map(String::as_str).collect();
        let snapshot = store(&facts).snapshot().expect("a snapshot");
        let end = |limits: Limits| {
            shortest(&snapshot, &node("hub").into(), &node("z").into(), 4, &limits).expect_err("a limit").to_string()
        };
        assert!(end(Limits { path_steps_max: 100, ..Limits::default() }).contains("path_steps_max of 100"));
        assert!(end(Limits { stop: Stop::when(|| true), ..Limits::default() }).contains("stopped"));
    }
}
