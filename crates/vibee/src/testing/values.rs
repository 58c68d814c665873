//! Random values of a type, often at its edges.

use std::rc::Rc;

use crate::{
    order::canonical_f32,
    random::SplitMix64,
    typed::Program,
    types::{Shape, Type},
    value::Value,
};

const INTS: [i64; 11] = [0, 1, -1, 7, 64, 255, 256, i64::MAX, i64::MIN, i64::MAX - 1, (1 << 53) + 1];
const FLOATS: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1.5,
    2.5,
    0.1,
    1e16,
    1e-7,
    5e-324,
    f64::MAX,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    9_223_372_036_854_775_808.0,
];
const TEXTS: [&str; 12] = ["", "a", "b", "ab", "é", "😀", "\u{ffff}", "12", "-7", "1.5e3", "a,b", "\"\\\n"];

/// Draws a value of a type, its depth at most `depth` where the type allows it. Constraints of named types are not
/// asked.
pub fn value(program: &Program, ty: &Type, depth: u32, random: &mut SplitMix64) -> Value {
    let few = if depth == 0 { 1 } else { 4 };
    let inner = |ty: &Type, random: &mut SplitMix64| value(program, ty, depth.saturating_sub(1), random);
    match ty {
        Type::Bool => Value::Bool(random.once_in(2)),
        Type::Trit => Value::Trit(random.below(3) as i8 - 1),
        Type::Tryte(width) => {
            let max = (3i128.pow(u32::from(*width)) - 1) / 2;
            let number = match random.below(4) {
                0 => max,
                1 => -max,
                _ => i128::from(random.next_u64()) % (2 * max + 1) - max,
            };
            Value::Tryte(number as i64)
        }
        Type::Int => Value::Int(if random.once_in(6) { *random.pick(&INTS) } else { random.below(21) as i64 - 10 }),
        Type::IntIn(lo, hi) => {
            let n = (i128::from(*hi) - i128::from(*lo) + 1).max(1);
            Value::Int((i128::from(*lo) + i128::from(random.next_u64()) % n) as i64)
        }
        Type::U64 => Value::U64(if random.once_in(2) { random.below(100) } else { random.next_u64() }),
        Type::Float => Value::Float(match random.below(4) {
            0 | 1 => *random.pick(&FLOATS),
            2 => random.below(2000) as f64 / 16.0 - 60.0,
            _ => crate::order::canonical(f64::from_bits(random.next_u64())),
        }),
        Type::F32 => Value::F32(canonical_f32(match random.below(3) {
            0 => *random.pick(&FLOATS) as f32,
            1 => random.below(2000) as f32 / 16.0 - 60.0,
            _ => f32::from_bits(random.next_u64() as u32),
        })),
        Type::String => Value::String((*random.pick(&TEXTS)).into()),
        Type::Bytes => Value::Bytes((0..random.below(4)).map(|_| random.next_u64() as u8).collect()),
        Type::List(of) => Value::List(Rc::new((0..random.below(few)).map(|_| inner(of, random)).collect())),
        Type::Set(of) => Value::Set(Rc::new((0..random.below(few)).map(|_| inner(of, random)).collect())),
        Type::Map(key, of) => {
            Value::Map(Rc::new((0..random.below(few)).map(|_| (inner(key, random), inner(of, random))).collect()))
        }
        Type::Option(of) => Value::Option((!random.once_in(3)).then(|| Rc::new(inner(of, random)))),
        Type::Result(of, err) => {
            Value::Result(if random.once_in(3) { Err(inner(err, random).into()) } else { Ok(inner(of, random).into()) })
        }
        Type::Tuple(of) => Value::Tuple(of.iter().map(|ty| inner(ty, random)).collect()),
        Type::Named(id) => match &program.type_def(*id).shape {
            Shape::Record(fields) => Value::Record(*id, fields.iter().map(|field| inner(&field.ty, random)).collect()),
            Shape::Enum { cases, .. } => {
                // The cases that carry nothing end what could go on for ever.
                let bare: Vec<usize> = (0..cases.len()).filter(|at| cases[*at].fields.is_empty()).collect();
                let at = if depth == 0 && !bare.is_empty() {
                    *random.pick(&bare)
                } else {
                    random.below(cases.len() as u64) as usize
                };
                let fields = cases[at].fields.iter();
                Value::Enum(*id, at as u16, fields.map(|field| inner(&field.ty, random)).collect())
            }
            Shape::Constrained { base, .. } | Shape::Alias(base) => value(program, base, depth, random),
        },
        Type::Param(_) | Type::Var(_) | Type::Poison => Value::Bool(false),
    }
}
