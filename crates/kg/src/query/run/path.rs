//! Property paths: breadth first, each node once.

use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::sorted::Sorted;
use super::{BATCH, Out, Runner};
use crate::query::error::QueryError;
use crate::query::facts::Active;
use crate::query::plan::atoms::{Path, PathAtom, Place};
use crate::query::words::{UNBOUND, Word};

/// How many facts are read in the time of one look-up in the store.
const FACTS_PER_LOOKUP: u64 = 32;

impl Runner {
    /// The rows that a path makes of one; false if their reader wants no more.
    pub(crate) fn path_step(&self, atom: &PathAtom, row: &[Word], out: &mut Out<'_>) -> Result<bool, QueryError> {
        let word = |place: Place| match place {
            Place::Const(word) => word,
            Place::Slot(slot) => row[slot],
        };
        let (subject, object) = (word(atom.subject), word(atom.object));
        let is_const = |place: Place| matches!(place, Place::Const(_));
        // A path without length leads from a term of the query to itself, wherever it is; from a variable it leads only
        // from what is in the graph.
        if !is_const(atom.subject) && !is_const(atom.object) {
            for end in [subject, object] {
                if end != UNBOUND && !self.is_node(end)? {
                    return Ok(true);
                }
            }
        }
        let mut emit = |from: Word, to: Word| -> Result<bool, QueryError> {
            let start = out.rows.words.len();
            out.rows.words.extend_from_slice(row);
            for (place, word) in [(atom.subject, from), (atom.object, to)] {
                if let Place::Slot(slot) = place {
                    let slot = &mut out.rows.words[start + slot];
                    if *slot != UNBOUND && *slot != word {
                        out.rows.words.truncate(start);
                        return Ok(true);
                    }
                    *slot = word;
                }
            }
            out.full()
        };
        let mut ends = Vec::new();
        match (subject, object) {
            (UNBOUND, UNBOUND) => {
                for from in self.starts(&atom.path)? {
                    ends.clear();
                    self.ends(&atom.path, from, false, &mut ends)?;
                    for &to in &ends {
                        if !emit(from, to)? {
                            return Ok(false);
                        }
                    }
                }
                Ok(true)
            }
            (UNBOUND, to) => {
                self.ends(&atom.path, to, true, &mut ends)?;
                for from in ends {
                    if !emit(from, to)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (from, to) => {
                self.ends(&atom.path, from, false, &mut ends)?;
                for end in ends {
                    if (to == UNBOUND || end == to) && !emit(from, end)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    /// Where the path leads from a node, or from where it leads there if `back`; as often as it does.
    fn ends(&self, path: &Path, from: Word, back: bool, out: &mut Vec<Word>) -> Result<(), QueryError> {
        match path {
            Path::Predicate(predicate) => self.neighbours(*predicate, from, back, out),
            Path::Reverse(path) => self.ends(path, from, !back, out),
            Path::Sequence(a, b) => {
                let (first, second) = if back { (b, a) } else { (a, b) };
                let mut middle = Vec::new();
                self.ends(first, from, back, &mut middle)?;
                middle.into_iter().try_for_each(|node| self.ends(second, node, back, out))
            }
            Path::Alternative(a, b) => {
                self.ends(a, from, back, out)?;
                self.ends(b, from, back, out)
            }
            Path::ZeroOrOne(path) => {
                let mut ends = vec![from];
                self.ends(path, from, back, &mut ends)?;
                let mut seen = FxHashSet::default();
                out.extend(ends.into_iter().filter(|end| seen.insert(*end)));
                Ok(())
            }
            Path::ZeroOrMore(path) => self.closure(path, vec![from], back, out),
            Path::OneOrMore(path) => {
                let mut first = Vec::new();
                self.ends(path, from, back, &mut first)?;
                self.closure(path, first, back, out)
            }
            Path::NoneOf(predicates) => {
                let places = if back { [UNBOUND, UNBOUND, from, UNBOUND] } else { [from, UNBOUND, UNBOUND, UNBOUND] };
                let end = if back { 0 } else { 2 };
                self.facts.read(places, self.active.get(), BATCH, &self.meter, &mut |facts| {
                    self.meter.holds(out.len() * size_of::<Word>(), "path")?;
                    out.extend(facts.iter().filter(|fact| !predicates.contains(&fact[1])).map(|fact| fact[end]));
                    Ok(true)
                })?;
                Ok(())
            }
        }
    }

    /// Every node that the path leads to by any number of steps from these, each once.
    fn closure(&self, path: &Path, from: Vec<Word>, back: bool, out: &mut Vec<Word>) -> Result<(), QueryError> {
        let mut seen = FxHashSet::default();
        let start = out.len();
        out.extend(from.into_iter().filter(|node| seen.insert(*node)));
        let (mut at, mut next) = (start, Vec::new());
        while let Some(&node) = out.get(at) {
            at += 1;
            self.meter.path_step()?;
            next.clear();
            self.ends(path, node, back, &mut next)?;
            self.meter.ticks(next.len(), "path")?;
            out.extend(next.iter().filter(|node| seen.insert(**node)));
        }
        let bytes = (out.len() - start) * 3 * size_of::<Word>();
        self.meter.hold(bytes, "path")?;
        self.meter.release(bytes);
        Ok(())
    }

    /// The objects of a predicate from a subject, or the other way round. Once they were looked up often enough, all
    /// facts of the predicate are held, sorted.
    fn neighbours(&self, predicate: Word, from: Word, back: bool, out: &mut Vec<Word>) -> Result<(), QueryError> {
        self.meter.path_step()?;
        self.meter.holds(out.len() * size_of::<Word>(), "path")?;
        let active = self.active.get();
        let graph = if let Active::Named(graph) = active { Some(graph) } else { None };
        let key = (predicate, back, graph);
        let held = {
            let mut known = self.neighbours.borrow_mut();
            let (lookups, held) = known.entry(key).or_default();
            *lookups += 1;
            if held.is_none()
                && lookups.saturating_mul(FACTS_PER_LOOKUP) >= self.facts.count([UNBOUND, predicate, UNBOUND])?
            {
                *held = Some(Rc::new(self.all_neighbours(predicate, back)?));
            }
            held.clone()
        };
        if let Some(held) = held {
            let found = held.find(&[from], &mut 0);
            self.meter.ticks(found.len(), "path")?;
            out.extend(held.rows(found).iter().map(|pair| pair[1]));
            return Ok(());
        }
        let (places, end) =
            if back { ([UNBOUND, predicate, from, UNBOUND], 0) } else { ([from, predicate, UNBOUND, UNBOUND], 2) };
        self.facts.read(places, active, BATCH, &self.meter, &mut |facts| {
            out.extend(facts.iter().map(|fact| fact[end]));
            Ok(true)
        })?;
        Ok(())
    }

    fn all_neighbours(&self, predicate: Word, back: bool) -> Result<Sorted<2>, QueryError> {
        let mut all = Vec::new();
        let (from, to) = if back { (2, 0) } else { (0, 2) };
        self.facts.read(
            [UNBOUND, predicate, UNBOUND, UNBOUND],
            self.active.get(),
            BATCH,
            &self.meter,
            &mut |facts| {
                self.meter.hold(facts.len() * size_of::<[Word; 2]>(), "path")?;
                all.extend(facts.iter().map(|fact| [fact[from], fact[to]]));
                Ok(true)
            },
        )?;
        Sorted::new(all, &self.meter)
    }

    /// Whether the graph has the node as a subject or an object.
    fn is_node(&self, node: Word) -> Result<bool, QueryError> {
        for places in [[node, UNBOUND, UNBOUND, UNBOUND], [UNBOUND, UNBOUND, node, UNBOUND]] {
            if !self.facts.read(places, self.active.get(), 1, &self.meter, &mut |_| Ok(false))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The nodes that a path can lead from, each once.
    fn starts(&self, path: &Path) -> Result<Vec<Word>, QueryError> {
        let mut nodes = FxHashSet::default();
        if !self.starts_of(path, false, &mut nodes)? {
            self.facts.read([UNBOUND; 4], self.active.get(), BATCH, &self.meter, &mut |facts| {
                nodes.extend(facts.iter().flat_map(|fact| [fact[0], fact[2]]));
                self.meter.holds(nodes.len() * 2 * size_of::<Word>(), "path")?;
                Ok(true)
            })?;
        }
        let mut nodes: Vec<Word> = nodes.into_iter().collect();
        nodes.sort_unstable();
        Ok(nodes)
    }

    /// Adds where the path can begin with a step; false if it need not take one.
    fn starts_of(&self, path: &Path, back: bool, nodes: &mut FxHashSet<Word>) -> Result<bool, QueryError> {
        match path {
            Path::Predicate(predicate) => {
                let end = if back { 2 } else { 0 };
                let places = [UNBOUND, *predicate, UNBOUND, UNBOUND];
                self.facts.read(places, self.active.get(), BATCH, &self.meter, &mut |facts| {
                    nodes.extend(facts.iter().map(|fact| fact[end]));
                    self.meter.holds(nodes.len() * 2 * size_of::<Word>(), "path")?;
                    Ok(true)
                })?;
                Ok(true)
            }
            Path::Reverse(path) => self.starts_of(path, !back, nodes),
            Path::Sequence(a, b) => self.starts_of(if back { b } else { a }, back, nodes),
            Path::Alternative(a, b) => Ok(self.starts_of(a, back, nodes)? && self.starts_of(b, back, nodes)?),
            Path::OneOrMore(path) => self.starts_of(path, back, nodes),
            Path::ZeroOrMore(_) | Path::ZeroOrOne(_) | Path::NoneOf(_) => Ok(false),
        }
    }
}
