//! SPARQL's algebra to operators.

use spargebra::algebra::{AggregateExpression, AggregateFunction, GraphPattern, OrderExpression};
use spargebra::term::{GroundTerm, NamedNodePattern};

use super::atoms::{Place, StepKind};
use super::joins::{self, Filters};
use super::scope::{Scope, Unsupported};
use super::{Aggregate, AggregateKind, Node, Of, Op};
use crate::query::expression;

/// The operators of a pattern.
pub(crate) fn node(pattern: &GraphPattern, scope: &mut Scope<'_>) -> Result<Node, Unsupported> {
    match pattern {
        GraphPattern::Bgp { .. }
        | GraphPattern::Path { .. }
        | GraphPattern::Join { .. }
        | GraphPattern::Filter { .. } => match pattern {
            GraphPattern::Filter { expr, inner } if !is_group(inner) => {
                let inner = node(inner, scope)?;
                let expr = expression::compile(expr, scope, inner.certain)?;
                let (estimate, certain, possible) = (inner.estimate / 2.0, inner.certain, inner.possible);
                Ok(Node::new(Op::Filter { inner: Box::new(inner), expr }, estimate, certain, possible))
            }
            _ => joins::group(pattern, scope, None),
        },
        GraphPattern::LeftJoin { left, right, expression } => left_join(left, right, expression.as_ref(), scope),
        GraphPattern::Union { .. } => {
            let mut parts = Vec::new();
            union(pattern, scope, &mut parts)?;
            let certain = parts.iter().fold(u128::MAX, |slots, part| slots & part.certain);
            let possible = parts.iter().fold(0, |slots, part| slots | part.possible);
            let estimate = parts.iter().map(|part| part.estimate).sum();
            Ok(Node::new(Op::Union(parts), estimate, certain, possible))
        }
        GraphPattern::Graph { name, inner } => graph(name, inner, scope),
        GraphPattern::Extend { inner, variable, expression } => {
            let inner = node(inner, scope)?;
            let expr = expression::compile(expression, scope, inner.certain)?;
            let slot = scope.slot(variable)?;
            let (estimate, certain, possible) = (inner.estimate, inner.certain, inner.possible | 1 << slot);
            Ok(Node::new(Op::Extend { inner: Box::new(inner), slot, expr }, estimate, certain, possible))
        }
        GraphPattern::Minus { left, right } => {
            let (left, right) = (node(left, scope)?, node(right, scope)?);
            let keys = slots_of(left.certain & right.certain);
            let shared = left.possible & right.possible;
            let (estimate, certain, possible) = (left.estimate, left.certain, left.possible);
            let (left, right) = (Box::new(left), Box::new(right));
            Ok(Node::new(Op::Minus { left, right, keys, shared }, estimate, certain, possible))
        }
        GraphPattern::Values { variables, bindings } => values(variables, bindings, scope),
        GraphPattern::OrderBy { inner, expression } => {
            let inner = node(inner, scope)?;
            let mut keys = Vec::new();
            for key in expression {
                let (key, is_descending) = match key {
                    OrderExpression::Asc(key) => (key, false),
                    OrderExpression::Desc(key) => (key, true),
                };
                keys.push((expression::compile(key, scope, inner.certain)?, is_descending));
            }
            let (estimate, certain, possible) = (inner.estimate, inner.certain, inner.possible);
            Ok(Node::new(Op::Order { inner: Box::new(inner), keys, keep: None }, estimate, certain, possible))
        }
        GraphPattern::Project { inner, variables } => {
            let mut inner = scope.inside(variables, |scope| node(inner, scope))?;
            let mut shown = 0;
            for variable in variables {
                shown |= 1 << scope.slot(variable)?;
            }
            inner.certain &= shown;
            inner.possible &= shown;
            Ok(inner)
        }
        GraphPattern::Distinct { inner } => Ok(distinct(node(inner, scope)?)),
        // Any number of equal rows between one and all may be given: all.
        GraphPattern::Reduced { inner } => node(inner, scope),
        GraphPattern::Slice { inner, start, length } => {
            let mut inner = node(inner, scope)?;
            if let (Op::Order { keep, .. }, Some(length)) = (&mut inner.op, length) {
                *keep = start.checked_add(*length);
            }
            let estimate = length.map_or(inner.estimate, |length| inner.estimate.min(length as f64));
            let (certain, possible) = (inner.certain, inner.possible);
            let op = Op::Slice { inner: Box::new(inner), start: *start, length: *length };
            Ok(Node::new(op, estimate, certain, possible))
        }
        GraphPattern::Group { inner, variables, aggregates } => {
            let inner = node(inner, scope)?;
            let mut keys = Vec::new();
            for variable in variables {
                keys.push(scope.slot(variable)?);
            }
            let mut compiled = Vec::new();
            for (variable, aggregate) in aggregates {
                let aggregate = self::aggregate(aggregate, scope, &inner)?;
                compiled.push((scope.slot(variable)?, aggregate));
            }
            let mask = |slots: &[usize]| slots.iter().fold(0_u128, |mask, slot| mask | 1 << slot);
            let keyed = mask(&keys);
            let made = compiled.iter().fold(0_u128, |mask, (slot, _)| mask | 1 << slot);
            let estimate = if keys.is_empty() { 1.0 } else { inner.estimate.sqrt() };
            let (certain, possible) = (inner.certain & keyed, inner.possible & keyed | made);
            let op = Op::Group { inner: Box::new(inner), keys, aggregates: compiled };
            Ok(Node::new(op, estimate, certain, possible))
        }
        GraphPattern::Service { .. } => Err(Unsupported::new("SERVICE")),
    }
}

/// Whether a filter of the pattern can stand among its steps.
fn is_group(pattern: &GraphPattern) -> bool {
    match pattern {
        GraphPattern::Bgp { .. } | GraphPattern::Path { .. } | GraphPattern::Join { .. } => true,
        GraphPattern::Filter { inner, .. } => is_group(inner),
        _ => false,
    }
}

/// The slots of a set, in order.
pub(crate) fn slots_of(set: u128) -> Vec<usize> {
    (0..128).filter(|slot| set >> slot & 1 == 1).collect()
}

/// Rows of both that agree; the right side is held.
pub(crate) fn join(left: Node, right: Node) -> Node {
    let (left, right) = if left.estimate < right.estimate { (right, left) } else { (left, right) };
    let keys = slots_of(left.certain & right.certain);
    let found = if keys.is_empty() { left.estimate * right.estimate } else { left.estimate.max(right.estimate) };
    let (certain, possible) = (left.certain | right.certain, left.possible | right.possible);
    Node::new(Op::Join { left: Box::new(left), right: Box::new(right), keys }, found, certain, possible)
}

fn left_join(
    left: &GraphPattern,
    right: &GraphPattern,
    condition: Option<&spargebra::algebra::Expression>,
    scope: &mut Scope<'_>,
) -> Result<Node, Unsupported> {
    let left = node(left, scope)?;
    if let Some(mut steps) = joins::steps_of(right, scope, left.certain, Filters::Early)? {
        let own = steps.iter().fold(0, |slots, step| slots | step.kind.binds());
        if let Some(condition) = condition {
            let filter = expression::compile(condition, scope, left.certain | own)?;
            let estimate = steps.last().map_or(1.0, |step| step.estimate) / 2.0;
            steps.push(super::Step::new(StepKind::Filter(filter), estimate));
        }
        let tag = scope.fresh("(tag)")?;
        let each = steps.last().map_or(1.0, |step| step.estimate).max(1.0);
        let (estimate, certain, possible) = (left.estimate * each, left.certain, left.possible | own);
        return Ok(Node::new(Op::LeftSteps { left: Box::new(left), steps, tag }, estimate, certain, possible));
    }
    let right = node(right, scope)?;
    let filter = match condition {
        Some(condition) => Some(expression::compile(condition, scope, left.certain | right.certain)?),
        None => None,
    };
    let keys = slots_of(left.certain & right.certain);
    let (estimate, certain, possible) =
        (left.estimate.max(right.estimate), left.certain, left.possible | right.possible);
    let (left, right) = (Box::new(left), Box::new(right));
    Ok(Node::new(Op::LeftJoin { left, right, keys, filter }, estimate, certain, possible))
}

fn union(pattern: &GraphPattern, scope: &mut Scope<'_>, parts: &mut Vec<Node>) -> Result<(), Unsupported> {
    if let GraphPattern::Union { left, right } = pattern {
        union(left, scope, parts)?;
        union(right, scope, parts)
    } else {
        parts.push(node(pattern, scope)?);
        Ok(())
    }
}

fn graph(name: &NamedNodePattern, inner: &GraphPattern, scope: &mut Scope<'_>) -> Result<Node, Unsupported> {
    let name = match name {
        NamedNodePattern::NamedNode(node) => Place::Const(scope.word(node.clone().into())?),
        NamedNodePattern::Variable(variable) => Place::Slot(scope.slot(variable)?),
    };
    // A pattern names its graph itself; anything else is asked graph by graph.
    if let (Place::Slot(slot), GraphPattern::Bgp { patterns }) = (name, inner)
        && !patterns.is_empty()
    {
        let inner = joins::group(inner, scope, Some(slot))?;
        let (estimate, certain, possible) = (inner.estimate, inner.certain, inner.possible);
        return Ok(Node::new(Op::AnyGraph { inner: Box::new(inner) }, estimate, certain, possible));
    }
    let inner = node(inner, scope)?;
    let (estimate, own) = (inner.estimate, name.slots());
    let (certain, possible) = (inner.certain | own, inner.possible | own);
    Ok(Node::new(Op::Graph { name, inner: Box::new(inner) }, estimate, certain, possible))
}

fn values(
    variables: &[oxrdf::Variable],
    bindings: &[Vec<Option<GroundTerm>>],
    scope: &mut Scope<'_>,
) -> Result<Node, Unsupported> {
    let mut slots = Vec::new();
    for variable in variables {
        slots.push(scope.slot(variable)?);
    }
    let mut rows = Vec::new();
    let possible = slots.iter().fold(0_u128, |mask, slot| mask | 1 << slot);
    let mut certain = possible;
    for binding in bindings {
        let mut row = Vec::new();
        for (slot, term) in slots.iter().zip(binding) {
            match term {
                Some(GroundTerm::NamedNode(node)) => row.push((*slot, scope.word(node.clone().into())?)),
                Some(GroundTerm::Literal(literal)) => row.push((*slot, scope.word(literal.clone().into())?)),
                None => certain &= !(1 << slot),
            }
        }
        rows.push(row);
    }
    let estimate = rows.len() as f64;
    Ok(Node::new(Op::Values(rows), estimate, certain, possible))
}

fn distinct(inner: Node) -> Node {
    let slots = slots_of(inner.possible);
    let (estimate, certain, possible) = (inner.estimate / 2.0, inner.certain, inner.possible);
    Node::new(Op::Distinct { inner: Box::new(inner), slots }, estimate, certain, possible)
}

/// An aggregate of the rows of `inner`.
fn aggregate(aggregate: &AggregateExpression, scope: &mut Scope<'_>, inner: &Node) -> Result<Aggregate, Unsupported> {
    match aggregate {
        AggregateExpression::CountSolutions { distinct } => {
            // A path of two steps meets in a variable that no one names, which counts as well (SPARQL 1.1, 18.2.2.4).
            let whole =
                || scope.named_of(inner.possible).ok_or_else(|| Unsupported::new("COUNT(DISTINCT *) over steps"));
            let of = if *distinct { Of::Row(whole()?) } else { Of::Nothing };
            Ok(Aggregate { kind: AggregateKind::Count, of, is_distinct: *distinct })
        }
        AggregateExpression::FunctionCall { name, expr, distinct } => {
            let kind = match name {
                AggregateFunction::Count => AggregateKind::Count,
                AggregateFunction::Sum => AggregateKind::Sum,
                AggregateFunction::Avg => AggregateKind::Average,
                AggregateFunction::Min => AggregateKind::Min,
                AggregateFunction::Max => AggregateKind::Max,
                AggregateFunction::Sample => AggregateKind::Sample,
                AggregateFunction::GroupConcat { separator } => {
                    AggregateKind::Concat(separator.clone().unwrap_or_else(|| " ".to_owned()))
                }
                AggregateFunction::Custom(name) => return Err(Unsupported::new(format!("the aggregate {name}"))),
            };
            let of = Of::Value(expression::compile(expr, scope, inner.certain)?);
            Ok(Aggregate { kind, of, is_distinct: *distinct })
        }
    }
}
