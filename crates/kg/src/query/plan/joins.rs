//! The order of patterns, paths and filters.
//!
//! Up to [`EXACT_MAX`] of them are ordered by dynamic programming over sets, more greedily. The counts of facts are
//! exact; how many of them a bound variable leaves is the count over the number of different terms in its place.

use spargebra::algebra::{Expression, GraphPattern, PropertyPathExpression};
use spargebra::term::{NamedNodePattern, TermPattern};

use super::atoms::{Path, PathAtom, Place, Step, StepKind, Triple};
use super::scope::{Scope, Unsupported};
use super::{Node, Op, algebra};
use crate::query::expression::{self, Expr};
use crate::query::words::UNBOUND;

/// The most steps that are ordered by trying every set of them.
const EXACT_MAX: usize = 12;
/// How much more a look-up in the store costs than a row that is read in order.
const LOOKUP: f64 = 16.0;
/// How much a path costs for each row, and how many rows it finds from a bound end.
const PATH: f64 = 64.0;

/// Where filters stand among steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filters {
    /// As early as what they read is bound; they read what is bound by their own group alone.
    Early,
    /// Behind everything, where they also read the row that the steps began with.
    AtTheEnd,
}

/// The parts of a group.
#[derive(Default)]
struct Parts<'p> {
    atoms: Vec<StepKind>,
    others: Vec<&'p GraphPattern>,
    filters: Vec<&'p Expression>,
}

/// Plans a group: joins and filters of patterns, paths and anything else. In `graph` is the variable of the graph, if
/// one names it.
pub(crate) fn group(pattern: &GraphPattern, scope: &mut Scope<'_>, graph: Option<usize>) -> Result<Node, Unsupported> {
    let mut parts = Parts::default();
    let mut rest = pattern;
    while let GraphPattern::Filter { expr, inner } = rest {
        conjuncts(expr, &mut parts.filters);
        rest = inner;
    }
    flatten(rest, scope, graph, &mut parts)?;
    let mut input: Option<Node> = None;
    for other in &parts.others {
        let other = algebra::node(other, scope)?;
        input = Some(match input {
            None => other,
            Some(input) => algebra::join(input, other),
        });
    }
    let (bound, rows) = input.as_ref().map_or((0, 1.0), |input| (input.certain, input.estimate));
    let possible = input.as_ref().map_or(0, |input| input.possible);
    let bound_in_all = parts.atoms.iter().fold(bound, |slots, atom| slots | atom.binds());
    let mut filters = Vec::new();
    for filter in &parts.filters {
        filters.push(expression::compile(filter, scope, bound_in_all)?);
    }
    let steps = ordered(parts.atoms, filters, bound, rows, scope)?;
    let estimate = steps.last().map_or(rows, |step| step.estimate);
    if steps.is_empty()
        && let Some(input) = input
    {
        return Ok(input);
    }
    Ok(Node::new(Op::Steps { input: input.map(Box::new), steps }, estimate, bound_in_all, possible | bound_in_all))
}

/// The steps of a group that is nothing but patterns, paths and filters, from rows that bind `bound`; none of another.
pub(crate) fn steps_of(
    pattern: &GraphPattern,
    scope: &mut Scope<'_>,
    bound: u128,
    place: Filters,
) -> Result<Option<Vec<Step>>, Unsupported> {
    let mut parts = Parts::default();
    let mut rest = pattern;
    while let GraphPattern::Filter { expr, inner } = rest {
        conjuncts(expr, &mut parts.filters);
        rest = inner;
    }
    flatten(rest, scope, None, &mut parts)?;
    if !parts.others.is_empty() {
        return Ok(None);
    }
    let own = parts.atoms.iter().fold(0, |slots, atom| slots | atom.binds());
    let mut filters = Vec::new();
    for filter in &parts.filters {
        let filter = expression::compile(filter, scope, own | bound)?;
        if place == Filters::Early && filter.slots() & !own != 0 {
            return Ok(None);
        }
        filters.push(filter);
    }
    let (early, late) = if place == Filters::Early { (filters, Vec::new()) } else { (Vec::new(), filters) };
    let mut steps = ordered(parts.atoms, early, bound, 1.0, scope)?;
    let estimate = steps.last().map_or(1.0, |step| step.estimate);
    steps.extend(late.into_iter().map(|filter| Step::new(StepKind::Filter(filter), estimate / 2.0)));
    Ok(Some(steps))
}

fn conjuncts<'p>(expr: &'p Expression, out: &mut Vec<&'p Expression>) {
    if let Expression::And(a, b) = expr {
        conjuncts(a, out);
        conjuncts(b, out);
    } else {
        out.push(expr);
    }
}

fn flatten<'p>(
    pattern: &'p GraphPattern,
    scope: &mut Scope<'_>,
    graph: Option<usize>,
    parts: &mut Parts<'p>,
) -> Result<(), Unsupported> {
    match pattern {
        GraphPattern::Join { left, right } => {
            flatten(left, scope, graph, parts)?;
            flatten(right, scope, graph, parts)
        }
        GraphPattern::Bgp { patterns } => {
            for triple in patterns {
                let predicate = match &triple.predicate {
                    NamedNodePattern::NamedNode(node) => Place::Const(scope.word(node.clone().into())?),
                    NamedNodePattern::Variable(variable) => Place::Slot(scope.slot(variable)?),
                };
                let places = [place(&triple.subject, scope)?, predicate, place(&triple.object, scope)?];
                let constants = places.map(|place| if let Place::Const(word) = place { word } else { UNBOUND });
                let count = scope.facts.count(constants)?;
                parts.atoms.push(StepKind::Triple(Triple::new(places, graph, count)));
            }
            Ok(())
        }
        GraphPattern::Path { subject, path, object } if graph.is_none() => {
            let (subject, object) = (place(subject, scope)?, place(object, scope)?);
            let path = path_of(path, scope)?;
            parts.atoms.push(StepKind::Path(PathAtom { subject, path, object }));
            Ok(())
        }
        other => {
            parts.others.push(other);
            Ok(())
        }
    }
}

fn place(term: &TermPattern, scope: &mut Scope<'_>) -> Result<Place, Unsupported> {
    Ok(match term {
        TermPattern::NamedNode(node) => Place::Const(scope.word(node.clone().into())?),
        TermPattern::Literal(literal) => Place::Const(scope.word(literal.clone().into())?),
        TermPattern::BlankNode(node) => Place::Slot(scope.blank(node.as_str())?),
        TermPattern::Variable(variable) => Place::Slot(scope.slot(variable)?),
    })
}

fn path_of(path: &PropertyPathExpression, scope: &Scope<'_>) -> Result<Path, Unsupported> {
    use PropertyPathExpression as P;
    let one = |path| path_of(path, scope).map(Box::new);
    Ok(match path {
        P::NamedNode(node) => Path::Predicate(scope.word(node.clone().into())?),
        P::Reverse(path) => Path::Reverse(one(path)?),
        P::Sequence(a, b) => Path::Sequence(one(a)?, one(b)?),
        P::Alternative(a, b) => Path::Alternative(one(a)?, one(b)?),
        P::ZeroOrMore(path) => Path::ZeroOrMore(one(path)?),
        P::OneOrMore(path) => Path::OneOrMore(one(path)?),
        P::ZeroOrOne(path) => Path::ZeroOrOne(one(path)?),
        P::NegatedPropertySet(nodes) => {
            let words = nodes.iter().map(|node| scope.word(node.clone().into()));
            Path::NoneOf(words.collect::<Result<_, _>>()?)
        }
    })
}

/// Cost so far and rows after a step.
fn after(atom: &StepKind, bound: u128, rows: f64, scope: &Scope<'_>) -> (f64, f64) {
    match atom {
        StepKind::Triple(triple) => {
            let predicate = match triple.places[1] {
                Place::Const(word) => word,
                Place::Slot(_) => UNBOUND,
            };
            let count = triple.count as f64;
            let (mut found, mut is_bound) = (count, false);
            for (n, place) in triple.places.iter().enumerate() {
                if place.slots() & bound != 0 {
                    found /= scope.facts.distinct(predicate, n, triple.count) as f64;
                    is_bound = true;
                }
            }
            let out = rows * found;
            let read = if is_bound { (rows * LOOKUP).min(count + rows * 2.0) } else { rows * count };
            (read + out, out)
        }
        StepKind::Path(path) => {
            let is_bound = |place: Place| matches!(place, Place::Const(_)) || place.slots() & bound != 0;
            let found = match (is_bound(path.subject), is_bound(path.object)) {
                (true, true) => 0.5,
                (false, false) => scope.facts.snapshot.len() as f64 * 4.0,
                _ => 8.0,
            };
            (rows * (PATH + found * 4.0), rows * found)
        }
        StepKind::Filter(_) => (0.0, rows),
    }
}

/// The atoms in the order of least cost, each filter as soon as what it reads is bound.
fn ordered(
    atoms: Vec<StepKind>,
    filters: Vec<Expr>,
    bound: u128,
    rows: f64,
    scope: &Scope<'_>,
) -> Result<Vec<Step>, Unsupported> {
    let order =
        if atoms.len() <= EXACT_MAX { exact(&atoms, bound, rows, scope)? } else { greedy(&atoms, bound, rows, scope)? };
    let mut atoms: Vec<Option<StepKind>> = atoms.into_iter().map(Some).collect();
    let mut filters: Vec<Option<Expr>> = filters.into_iter().map(Some).collect();
    let (mut bound, mut rows, mut steps) = (bound, rows, Vec::new());
    let mut place_filters = |bound: u128, rows: &mut f64, is_end: bool, steps: &mut Vec<Step>| {
        for filter in &mut filters {
            if filter.as_ref().is_some_and(|filter| is_end || filter.slots() & !bound == 0)
                && let Some(filter) = filter.take()
            {
                *rows /= 2.0;
                steps.push(Step::new(StepKind::Filter(filter), *rows));
            }
        }
    };
    place_filters(bound, &mut rows, false, &mut steps);
    for n in order {
        let Some(atom) = atoms[n].take() else { continue };
        let expected = rows;
        rows = after(&atom, bound, rows, scope).1;
        bound |= atom.binds();
        steps.push(Step { expected, ..Step::new(atom, rows) });
        place_filters(bound, &mut rows, false, &mut steps);
    }
    place_filters(bound, &mut rows, true, &mut steps);
    Ok(steps)
}

/// The best order of each set of atoms, from the best orders of those with one less.
fn exact(atoms: &[StepKind], bound: u128, rows: f64, scope: &Scope<'_>) -> Result<Vec<usize>, Unsupported> {
    #[derive(Clone, Copy)]
    struct Best {
        cost: f64,
        rows: f64,
        bound: u128,
        last: usize,
    }
    let mut best: Vec<Option<Best>> = vec![None; 1 << atoms.len()];
    best[0] = Some(Best { cost: 0.0, rows, bound, last: usize::MAX });
    for set in 0..best.len() {
        scope.words.meter.ticks(atoms.len(), "the planner")?;
        let Some(from) = best[set] else { continue };
        for (n, atom) in atoms.iter().enumerate().filter(|(n, _)| set & 1 << n == 0) {
            let (cost, rows) = after(atom, from.bound, from.rows, scope);
            let cost = from.cost + cost;
            let to = &mut best[set | 1 << n];
            if to.is_none_or(|known| cost < known.cost) {
                *to = Some(Best { cost, rows, bound: from.bound | atom.binds(), last: n });
            }
        }
    }
    let (mut set, mut order) = (best.len() - 1, Vec::new());
    while set != 0 {
        let last = best[set].map_or(0, |best| best.last);
        order.push(last);
        set &= !(1 << last);
    }
    order.reverse();
    Ok(order)
}

/// Always the atom that costs least next.
fn greedy(atoms: &[StepKind], bound: u128, rows: f64, scope: &Scope<'_>) -> Result<Vec<usize>, Unsupported> {
    let (mut bound, mut rows, mut order) = (bound, rows, Vec::new());
    let mut left: Vec<usize> = (0..atoms.len()).collect();
    while !left.is_empty() {
        scope.words.meter.ticks(left.len(), "the planner")?;
        let costs = left.iter().map(|&n| after(&atoms[n], bound, rows, scope));
        let next = costs.enumerate().min_by(|a, b| a.1.0.total_cmp(&b.1.0));
        let Some((at, (_, next_rows))) = next else { break };
        let n = left.remove(at);
        bound |= atoms[n].binds();
        rows = next_rows;
        order.push(n);
    }
    Ok(order)
}
