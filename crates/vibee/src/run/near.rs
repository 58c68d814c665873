//! Whether a result is near enough to the expected one.

use std::rc::Rc;

use crate::{
    order::same,
    typed::Tolerance,
    value::{Payload, Value},
};

/// Whether two values of one type are the same but for Floats and F32s, and these are as near as `tolerance` says. NaN
/// is near NaN alone, an infinity near itself alone.
pub fn is_near(a: &Value, b: &Value, tolerance: Tolerance) -> bool {
    if tolerance == Tolerance::Exact {
        return same(a, b);
    }
    let mut todo = vec![(a.clone(), b.clone())];
    while let Some((a, b)) = todo.pop() {
        let is_near = match (&a, &b) {
            (Value::Float(x), Value::Float(y)) => {
                same(&a, &b) || are_near(*x, *y, tolerance, |x| ordered(x.to_bits(), 64))
            }
            (Value::F32(x), Value::F32(y)) => {
                let place = |x: f64| ordered(u64::from((x as f32).to_bits()), 32);
                same(&a, &b) || are_near(f64::from(*x), f64::from(*y), tolerance, place)
            }
            (Value::List(a), Value::List(b)) => both(&mut todo, a, b),
            (Value::Tuple(a), Value::Tuple(b)) => both(&mut todo, a, b),
            (Value::Record(a_id, a), Value::Record(b_id, b)) => a_id == b_id && both(&mut todo, a, b),
            (Value::Enum(a_id, a_case, a), Value::Enum(b_id, b_case, b)) => {
                (a_id, a_case) == (b_id, b_case) && payloads(&mut todo, a, b)
            }
            (Value::Option(Some(a)), Value::Option(Some(b)))
            | (Value::Result(Ok(a)), Value::Result(Ok(b)))
            | (Value::Result(Err(a)), Value::Result(Err(b))) => one(&mut todo, a, b),
            (Value::Map(a), Value::Map(b)) => {
                todo.extend(a.values().cloned().zip(b.values().cloned()));
                a.len() == b.len() && a.keys().zip(b.keys()).all(|(a, b)| same(a, b))
            }
            _ => same(&a, &b),
        };
        if !is_near {
            return false;
        }
    }
    true
}

fn both(todo: &mut Vec<(Value, Value)>, a: &[Value], b: &[Value]) -> bool {
    todo.extend(a.iter().cloned().zip(b.iter().cloned()));
    a.len() == b.len()
}

fn payloads(todo: &mut Vec<(Value, Value)>, a: &Payload, b: &Payload) -> bool {
    both(todo, a, b)
}

fn one(todo: &mut Vec<(Value, Value)>, a: &Rc<Value>, b: &Rc<Value>) -> bool {
    todo.push(((**a).clone(), (**b).clone()));
    true
}

fn are_near(x: f64, y: f64, tolerance: Tolerance, place: impl Fn(f64) -> i128) -> bool {
    if !x.is_finite() || !y.is_finite() {
        return false;
    }
    match tolerance {
        Tolerance::Exact => false,
        Tolerance::Ulp(n) => (place(x) - place(y)).unsigned_abs() <= u128::from(n),
        Tolerance::Absolute(d) => (x - y).abs() <= d,
    }
}

/// A float's place among all of its width, both zeros in one.
fn ordered(bits: u64, width: u32) -> i128 {
    let sign = 1u64 << (width - 1);
    let magnitude = i128::from(bits & (sign - 1));
    if bits & sign == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_counted_in_ulps_or_as_a_difference() {
        let next = |x: f64, n: i64| f64::from_bits((x.to_bits() as i64 + n) as u64);
        let check = |x: f64, y: f64, tolerance, expected| {
            assert_eq!(is_near(&Value::Float(x), &Value::Float(y), tolerance), expected, "{x} {y} {tolerance:?}");
            let deep = |x| Value::Option(Some(Rc::new(Value::List(Rc::new(vec![Value::Float(x)])))));
            assert_eq!(is_near(&deep(x), &deep(y), tolerance), expected, "{x} {y} {tolerance:?}");
        };
        check(1.0, next(1.0, 2), Tolerance::Ulp(2), true);
        check(1.0, next(1.0, 3), Tolerance::Ulp(2), false);
        check(5e-324, -5e-324, Tolerance::Ulp(2), true);
        check(5e-324, -5e-324, Tolerance::Ulp(1), false);
        check(0.0, -0.0, Tolerance::Ulp(1), true);
        check(0.0, -0.0, Tolerance::Exact, false);
        check(f64::NAN, f64::NAN, Tolerance::Ulp(1), true);
        check(f64::NAN, 1.0, Tolerance::Absolute(1e300), false);
        check(f64::INFINITY, f64::MAX, Tolerance::Ulp(1), false);
        check(1.0, 1.0 + 1e-10, Tolerance::Absolute(1e-9), true);
        check(1.0, 1.0 + 1e-8, Tolerance::Absolute(1e-9), false);
        let near = f32::from_bits(1f32.to_bits() + 1);
        assert!(is_near(&Value::F32(1.0), &Value::F32(near), Tolerance::Ulp(1)), "in ulps of F32");
        let lists = |n: usize| Value::List(Rc::new(vec![Value::Float(0.0); n]));
        assert!(!is_near(&lists(1), &lists(2), Tolerance::Ulp(1)));
        assert!(!is_near(&Value::Int(1), &Value::Int(2), Tolerance::Ulp(9)), "whole numbers have no tolerance");
    }
}
