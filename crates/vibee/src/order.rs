//! Order and equality of values of one type.
//!
//! Three relations, and they differ in floats alone:
//!
//! | | NaN with itself | −0.0 with 0.0 | what for |
//! | --- | --- | --- | --- |
//! | [`equal`] | not equal | equal | `==` and `!=` |
//! | [`same`] | same | not the same | `same`, and results of examples |
//! | [`compare`] | equal | less | `compare`, `sort`, members of sets, keys of maps |
//!
//! Structure is compared from its first part to its last; a beginning of a list is less than the list. `false` is
//! before `true`, `None` before `Some`, `Ok` before `Err`, a case before those declared after it, and texts go by
//! scalar values, which is the order of their UTF-8. Nothing here recurses, so no value is too deep.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::value::Value;

/// Compares two values of one type by the total order of structure: floats from −inf to inf, −0.0 before 0.0, NaN last.
pub fn compare(a: &Value, b: &Value) -> Ordering {
    let mut budget = u64::MAX;
    walk(a, b, total, &mut budget).unwrap_or(Ordering::Equal)
}

/// Whether two values of one type have equal structure and floats of the same bits.
pub fn same(a: &Value, b: &Value) -> bool {
    compare(a, b) == Ordering::Equal
}

/// Whether two values of one type are equal in structure, floats by IEEE 754.
pub fn equal(a: &Value, b: &Value) -> bool {
    let mut budget = u64::MAX;
    walk(a, b, ieee, &mut budget) == Some(Ordering::Equal)
}

/// Compares like [`compare`] and takes one from `budget` for each part looked at and each 64 bytes of a text; `None`
/// where it does not suffice. A small value can look huge where it holds the same part many times.
pub fn compare_within(a: &Value, b: &Value, budget: &mut u64) -> Option<Ordering> {
    walk(a, b, total, budget)
}

/// Compares like [`equal`] within a budget: see [`compare_within`].
pub fn equal_within(a: &Value, b: &Value, budget: &mut u64) -> Option<bool> {
    walk(a, b, ieee, budget).map(|order| order == Ordering::Equal)
}

/// Whether `a < b` as the operator says: floats by IEEE 754, all else by [`compare`].
pub fn less(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a < b,
        (Value::F32(a), Value::F32(b)) => a < b,
        _ => compare(a, b) == Ordering::Less,
    }
}

/// Whether `a <= b` as the operator says: see [`less`].
pub fn less_or_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a <= b,
        (Value::F32(a), Value::F32(b)) => a <= b,
        _ => compare(a, b) != Ordering::Greater,
    }
}

/// The one NaN for every NaN, and any other float as it is.
#[inline]
pub fn canonical(x: f64) -> f64 {
    if x.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { x }
}

/// The one NaN of `F32` for every NaN, and any other as it is.
#[inline]
pub fn canonical_f32(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits(0x7fc0_0000) } else { x }
}

/// A comparison that is still to be made.
enum Todo<'a> {
    Pair(&'a Value, &'a Value),
    /// What decides where all parts before were equal.
    Else(Ordering),
}

/// Compares leaf by leaf, in order, without recursion. `float` compares two floats.
fn walk(a: &Value, b: &Value, float: fn(f64, f64) -> Ordering, budget: &mut u64) -> Option<Ordering> {
    let mut todo = Vec::new();
    let mut next = Todo::Pair(a, b);
    loop {
        *budget = budget.checked_sub(1)?;
        let order = match next {
            Todo::Else(order) => order,
            Todo::Pair(a, b) => part(a, b, float, budget, &mut todo)?,
        };
        if order != Ordering::Equal {
            return Some(order);
        }
        let Some(then) = todo.pop() else { return Some(Ordering::Equal) };
        next = then;
    }
}

/// Compares what two values show at once, and puts their parts on the list, the first one last.
fn part<'a>(
    a: &'a Value,
    b: &'a Value,
    float: fn(f64, f64) -> Ordering,
    budget: &mut u64,
    todo: &mut Vec<Todo<'a>>,
) -> Option<Ordering> {
    Some(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Trit(a), Value::Trit(b)) => a.cmp(b),
        (Value::Tryte(a), Value::Tryte(b)) | (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::U64(a), Value::U64(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => float(*a, *b),
        (Value::F32(a), Value::F32(b)) => float(f64::from(*a), f64::from(*b)),
        (Value::String(a), Value::String(b)) => {
            *budget = budget.checked_sub(a.len().min(b.len()) as u64 / 64)?;
            a.as_bytes().cmp(b.as_bytes())
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            *budget = budget.checked_sub(a.len().min(b.len()) as u64 / 64)?;
            a.cmp(b)
        }
        (Value::List(a), Value::List(b)) => parts(a.iter(), b.iter(), todo),
        (Value::Set(a), Value::Set(b)) => parts(a.iter(), b.iter(), todo),
        (Value::Map(a), Value::Map(b)) => parts(flat(a), flat(b), todo),
        (Value::Option(a), Value::Option(b)) => match (a, b) {
            (Some(a), Some(b)) => parts([&**a].into_iter(), [&**b].into_iter(), todo),
            _ => a.is_some().cmp(&b.is_some()),
        },
        (Value::Result(a), Value::Result(b)) => match (a, b) {
            (Ok(a), Ok(b)) | (Err(a), Err(b)) => parts([&**a].into_iter(), [&**b].into_iter(), todo),
            _ => a.is_err().cmp(&b.is_err()),
        },
        (Value::Tuple(a), Value::Tuple(b)) | (Value::Record(_, a), Value::Record(_, b)) => {
            parts(a.iter(), b.iter(), todo)
        }
        (Value::Enum(_, a_case, a), Value::Enum(_, b_case, b)) => match a_case.cmp(b_case) {
            Ordering::Equal => parts(a.iter(), b.iter(), todo),
            order => order,
        },
        _ => rank(a).cmp(&rank(b)),
    })
}

/// Puts pairs of parts on the list, behind them what decides where one side has more. Gives `Equal`: so far they are.
fn parts<'a>(
    mut a: impl Iterator<Item = &'a Value>,
    mut b: impl Iterator<Item = &'a Value>,
    todo: &mut Vec<Todo<'a>>,
) -> Ordering {
    let begin = todo.len();
    let longer = loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => todo.push(Todo::Pair(a, b)),
            (None, None) => break Ordering::Equal,
            (None, Some(_)) => break Ordering::Less,
            (Some(_), None) => break Ordering::Greater,
        }
    };
    if longer != Ordering::Equal {
        todo.push(Todo::Else(longer));
    }
    todo[begin..].reverse();
    Ordering::Equal
}

/// Keys and values in turn.
fn flat(entries: &BTreeMap<Value, Value>) -> impl Iterator<Item = &Value> {
    entries.iter().flat_map(|(key, of)| [key, of])
}

/// Values of different types are never compared; a number for each kind makes the order total all the same.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Trit(_) => 1,
        Value::Tryte(_) => 2,
        Value::Int(_) => 3,
        Value::U64(_) => 4,
        Value::Float(_) => 5,
        Value::F32(_) => 6,
        Value::String(_) => 7,
        Value::Bytes(_) => 8,
        Value::List(_) => 9,
        Value::Set(_) => 10,
        Value::Map(_) => 11,
        Value::Option(_) => 12,
        Value::Result(_) => 13,
        Value::Tuple(_) => 14,
        Value::Record(..) => 15,
        Value::Enum(..) => 16,
    }
}

fn total(a: f64, b: f64) -> Ordering {
    canonical(a).total_cmp(&canonical(b))
}

/// `Equal` where IEEE says so; else anything but that.
fn ieee(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Less)
}

impl PartialEq for Value {
    /// By [`same`]: what sets and maps need.
    fn eq(&self, other: &Self) -> bool {
        same(self, other)
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    /// Orders values by [`compare`].
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self, other)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::types::TypeId;

    fn list(items: &[f64]) -> Value {
        Value::List(Rc::new(items.iter().map(|x| Value::Float(*x)).collect()))
    }

    #[test]
    fn floats_have_three_relations() {
        let (nan, zero, minus_zero) = (Value::Float(f64::NAN), Value::Float(0.0), Value::Float(-0.0));
        assert!(!equal(&nan, &nan) && same(&nan, &nan));
        assert!(equal(&zero, &minus_zero) && !same(&zero, &minus_zero));
        assert!(!equal(&list(&[f64::NAN]), &list(&[f64::NAN])), "within structure, too");
        let ordered = [f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1.0, f64::INFINITY, f64::NAN];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(compare(&Value::Float(*a), &Value::Float(*b)), i.cmp(&j), "{a} {b}");
                assert_eq!(less(&Value::Float(*a), &Value::Float(*b)), a < b);
                assert_eq!(less_or_equal(&Value::Float(*a), &Value::Float(*b)), a <= b);
                assert_eq!(compare(&Value::F32(*a as f32), &Value::F32(*b as f32)), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(compare(&Value::Float(-f64::NAN), &Value::Float(f64::INFINITY)), Ordering::Greater);
    }

    #[test]
    fn structure_goes_from_first_to_last() {
        let text = |s: &str| Value::String(s.into());
        assert!(less(&list(&[1.0]), &list(&[1.0, 0.0])) && less(&list(&[1.0, 9.0]), &list(&[2.0])));
        assert!(less(&list(&[]), &list(&[0.0])));
        assert!(less(&text("\u{ffff}"), &text("\u{10000}")), "by scalar value, not by UTF-16");
        assert!(less(&Value::Option(None), &Value::Option(Some(Rc::new(Value::Int(i64::MIN))))));
        assert!(less(&Value::Result(Ok(Rc::new(Value::Int(9)))), &Value::Result(Err(Rc::new(Value::Int(0))))));
        let case = |n, x: i64| Value::Enum(TypeId(0), n, vec![Value::Int(x)].into());
        assert!(less(&case(0, 9), &case(1, 0)) && less(&case(1, 0), &case(1, 1)));
        let map = |entries: &[(i64, i64)]| {
            Value::Map(Rc::new(entries.iter().map(|(k, v)| (Value::Int(*k), Value::Int(*v))).collect()))
        };
        assert!(less(&map(&[(1, 5)]), &map(&[(1, 6)])) && less(&map(&[(1, 9)]), &map(&[(1, 9), (2, 0)])));
        assert!(less(&map(&[(1, 9), (5, 0)]), &map(&[(2, 0)])));
    }

    #[test]
    fn depth_and_sharing_do_no_harm() {
        let chain = || {
            (0..200_000).fold(Value::Enum(TypeId(0), 0, vec![].into()), |inner, _| {
                Value::Enum(TypeId(0), 1, vec![Value::List(Rc::new(vec![inner]))].into())
            })
        };
        assert!(same(&chain(), &chain()), "neither comparing nor dropping recurses");
        let bomb = |leaf| {
            (0..100).fold(Value::Enum(TypeId(0), 0, vec![Value::Int(leaf)].into()), |inner, _| {
                Value::Enum(TypeId(0), 1, vec![inner.clone(), inner].into())
            })
        };
        assert_eq!(compare_within(&bomb(1), &bomb(1), &mut 100_000), None);
        assert_eq!(equal_within(&bomb(1), &bomb(2), &mut 100_000), Some(false));
    }
}
