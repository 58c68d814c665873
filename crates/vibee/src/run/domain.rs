//! How many values a type has, each of them by a number, and whether a value is one of them.

use std::rc::Rc;

use super::Definition;
use crate::{
    limits::EXHAUSTED_MAX,
    typed::Program,
    types::{Shape, Type, TypeId},
    value::Value,
};

/// Counts the values of a type, those included that a condition of a constrained type refuses; `None` where they are
/// more than [`EXHAUSTED_MAX`].
pub fn count(program: &Program, ty: &Type) -> Option<u64> {
    Counter { program, within: Vec::new() }.count(ty)
}

struct Counter<'p> {
    program: &'p Program,
    /// Types around: one that contains itself has no end.
    within: Vec<TypeId>,
}

impl Counter<'_> {
    fn count(&mut self, ty: &Type) -> Option<u64> {
        let n = match ty {
            Type::Bool => 2,
            Type::Trit => 3,
            Type::Tryte(width) => 3u64.checked_pow(u32::from(*width))?,
            Type::IntIn(lo, hi) => u64::try_from(i128::from(*hi) - i128::from(*lo) + 1).ok()?,
            Type::Set(of) => 2u64.checked_pow(u32::try_from(self.count(of)?).ok()?)?,
            Type::Map(key, of) => {
                let each = self.count(of)? + 1;
                each.checked_pow(u32::try_from(self.count(key)?).ok()?)?
            }
            Type::Option(of) => self.count(of)? + 1,
            Type::Result(of, err) => self.count(of)? + self.count(err)?,
            Type::Tuple(of) => self.product(of.iter())?,
            Type::Named(id) => {
                if self.within.contains(id) {
                    return None;
                }
                self.within.push(*id);
                let n = match &self.program.type_def(*id).shape {
                    Shape::Record(fields) => self.product(fields.iter().map(|field| &field.ty)),
                    Shape::Enum { cases, .. } => cases.iter().try_fold(0u64, |sum, case| {
                        Some(sum + self.product(case.fields.iter().map(|field| &field.ty))?)
                    }),
                    Shape::Constrained { base, .. } | Shape::Alias(base) => self.count(base),
                };
                self.within.pop();
                n?
            }
            _ => return None,
        };
        (n <= EXHAUSTED_MAX).then_some(n)
    }

    fn product<'t>(&mut self, mut types: impl Iterator<Item = &'t Type>) -> Option<u64> {
        types.try_fold(1u64, |n, ty| {
            let n = n.checked_mul(self.count(ty)?)?;
            (n <= EXHAUSTED_MAX).then_some(n)
        })
    }
}

/// Gives the value of a type by a number below [`count`]; simple ones come first.
pub fn nth(program: &Program, ty: &Type, at: u64) -> Value {
    match ty {
        Type::Bool => Value::Bool(at == 1),
        Type::Trit => Value::Trit(by_distance(-1, 1, at) as i8),
        Type::Tryte(width) => {
            let max = ((3i128.pow(u32::from(*width)) - 1) / 2) as i64;
            Value::Tryte(by_distance(-max, max, at))
        }
        Type::IntIn(lo, hi) => Value::Int(by_distance(*lo, *hi, at)),
        Type::Set(of) => {
            let members = (0..count(program, of).unwrap_or(0).min(64)).filter(|member| at >> member & 1 == 1);
            Value::Set(Rc::new(members.map(|member| nth(program, of, member)).collect()))
        }
        Type::Map(key, of) => {
            let each = count(program, of).unwrap_or(0) + 1;
            let mut rest = at;
            let mut entries = std::collections::BTreeMap::new();
            for k in 0..count(program, key).unwrap_or(0) {
                let digit = rest % each;
                rest /= each;
                if digit > 0 {
                    entries.insert(nth(program, key, k), nth(program, of, digit - 1));
                }
            }
            Value::Map(Rc::new(entries))
        }
        Type::Option(of) => Value::Option(at.checked_sub(1).map(|at| Rc::new(nth(program, of, at)))),
        Type::Result(of, err) => {
            let n = count(program, of).unwrap_or(0);
            Value::Result(match at.checked_sub(n) {
                None => Ok(Rc::new(nth(program, of, at))),
                Some(at) => Err(Rc::new(nth(program, err, at))),
            })
        }
        Type::Tuple(of) => Value::Tuple(nth_of_all(program, of.iter(), at).into()),
        Type::Named(id) => match &program.type_def(*id).shape {
            Shape::Record(fields) => {
                Value::Record(*id, nth_of_all(program, fields.iter().map(|field| &field.ty), at).into())
            }
            Shape::Enum { cases, .. } => {
                let mut rest = at;
                for (case, fields) in cases.iter().map(|case| &case.fields).enumerate() {
                    let types = || fields.iter().map(|field| &field.ty);
                    let n: u64 = types().filter_map(|ty| count(program, ty)).product();
                    if rest < n {
                        return Value::Enum(*id, case as u16, nth_of_all(program, types(), rest).into());
                    }
                    rest -= n;
                }
                Value::Enum(*id, 0, Vec::new().into())
            }
            Shape::Constrained { base, .. } | Shape::Alias(base) => nth(program, base, at),
        },
        _ => Value::Bool(false),
    }
}

/// Gives one value of each type; the first type's changes fastest.
pub fn nth_of_all<'t>(program: &Program, types: impl Iterator<Item = &'t Type>, at: u64) -> Vec<Value> {
    let mut rest = at;
    types
        .map(|ty| {
            let n = count(program, ty).unwrap_or(1).max(1);
            let value = nth(program, ty, rest % n);
            rest /= n;
            value
        })
        .collect()
}

/// The number of a range that comes `at`-th when the ones nearest to 0 come first, and 1 before −1.
pub(super) fn by_distance(lo: i64, hi: i64, at: u64) -> i64 {
    let (lo, hi, at) = (i128::from(lo), i128::from(hi), i128::from(at));
    let origin = 0i128.clamp(lo, hi);
    // Both sides as far as the shorter one goes, then the longer one alone.
    let both = (hi - origin).min(origin - lo);
    let number = if at <= 2 * both {
        if at % 2 == 1 { origin + (at + 1) / 2 } else { origin - at / 2 }
    } else if hi - origin > both {
        origin + at - both
    } else {
        origin - (at - both)
    };
    number.clamp(lo, hi) as i64
}

/// Whether a value is within the ranges and conditions of a declared type; a condition that faults refuses.
pub(crate) fn enters(definition: &mut Definition<'_, '_>, ty: &Type, value: &Value) -> bool {
    let program = definition.program;
    match (ty, value) {
        (Type::IntIn(lo, hi), Value::Int(i)) => (*lo..=*hi).contains(i),
        (Type::List(of), Value::List(items)) => all_enter(definition, items.iter().map(|item| (&**of, item))),
        (Type::Set(of), Value::Set(members)) => all_enter(definition, members.iter().map(|member| (&**of, member))),
        (Type::Map(key, of), Value::Map(entries)) => {
            all_enter(definition, entries.iter().flat_map(|(k, v)| [(&**key, k), (&**of, v)]))
        }
        (Type::Option(of), Value::Option(Some(inner))) | (Type::Result(of, _), Value::Result(Ok(inner))) => {
            enters(definition, of, inner)
        }
        (Type::Result(_, err), Value::Result(Err(inner))) => enters(definition, err, inner),
        (Type::Tuple(of), Value::Tuple(parts)) => all_enter(definition, of.iter().zip(parts.iter())),
        (Type::Named(id), _) => match (&program.type_def(*id).shape, value) {
            (Shape::Record(fields), Value::Record(_, parts)) => {
                all_enter(definition, fields.iter().map(|field| &field.ty).zip(parts.iter()))
            }
            (Shape::Enum { cases, .. }, Value::Enum(_, case, parts)) => cases
                .get(usize::from(*case))
                .is_some_and(|case| all_enter(definition, case.fields.iter().map(|field| &field.ty).zip(parts.iter()))),
            (Shape::Constrained { base, holds }, _) => {
                enters(definition, base, value) && definition.holds(*holds, std::slice::from_ref(value))
            }
            (Shape::Alias(base), _) => enters(definition, base, value),
            _ => false,
        },
        _ => true,
    }
}

fn all_enter<'v>(definition: &mut Definition<'_, '_>, mut parts: impl Iterator<Item = (&'v Type, &'v Value)>) -> bool {
    parts.all(|(ty, part)| enters(definition, ty, part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::programs;

    #[test]
    fn the_nearest_to_zero_come_first() {
        let all = |lo, hi, n| (0..n).map(|at| by_distance(lo, hi, at)).collect::<Vec<_>>();
        assert_eq!(all(-2, 2, 5), [0, 1, -1, 2, -2]);
        assert_eq!(all(-1, 4, 6), [0, 1, -1, 2, 3, 4]);
        assert_eq!(all(-4, 1, 6), [0, 1, -1, -2, -3, -4]);
        assert_eq!(all(5, 7, 3), [5, 6, 7]);
        assert_eq!(all(-7, -5, 3), [-5, -6, -7]);
        assert_eq!(all(i64::MIN, i64::MAX, 3), [0, 1, -1]);
        assert_eq!(by_distance(i64::MIN, i64::MAX, u64::MAX), i64::MIN);
    }

    /// Numbers below the count give distinct values, as many as there are.
    #[test]
    fn each_value_has_one_number() {
        let program = programs::program(0, 1);
        let boxed = Box::new;
        for (ty, expected) in [
            (Type::Bool, Some(2)),
            (Type::Tryte(3), Some(27)),
            (Type::Tryte(10), Some(59_049)),
            (Type::Tryte(11), None),
            (Type::IntIn(-3, 10), Some(14)),
            (Type::IntIn(i64::MIN, i64::MAX), None),
            (Type::Int, None),
            (Type::String, None),
            (Type::Set(boxed(Type::Trit)), Some(8)),
            (Type::Map(boxed(Type::Bool), boxed(Type::Trit)), Some(16)),
            (Type::Option(boxed(Type::Option(boxed(Type::Bool)))), Some(4)),
            (Type::Result(boxed(Type::Trit), boxed(Type::Named(TypeId(1)))), Some(6)),
            (Type::Tuple(vec![Type::Trit, Type::Bool, Type::Trit]), Some(18)),
            (Type::Named(TypeId(1)), Some(3)),
            (Type::Named(TypeId(2)), None),
            (Type::Set(boxed(Type::IntIn(1, 16))), Some(65_536)),
            (Type::Set(boxed(Type::IntIn(1, 17))), None),
        ] {
            let n = count(&program, &ty);
            assert_eq!(n, expected, "{ty:?}");
            let values: std::collections::BTreeSet<_> = (0..n.unwrap_or(0)).map(|at| nth(&program, &ty, at)).collect();
            assert_eq!(values.len() as u64, n.unwrap_or(0), "{ty:?}");
        }
    }
}
