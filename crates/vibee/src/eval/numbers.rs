//! Operations on numbers and truth values: of a bounded size, so without fuel or memory of their own.

use std::rc::Rc;

use super::bug;
use crate::{
    intrinsic::Intrinsic as Op,
    order::{canonical, canonical_f32},
    value::{Fault, Outcome, Value},
};

/// Computes an operation; `None` where it is not of this kind. `width` is that of the Tryte in the row, if there is
/// one.
pub(super) fn apply(op: Op, operands: &[Value], width: u8) -> Option<Outcome> {
    Some(match operands {
        [Value::Int(a)] => return one_int(op, *a, width),
        [Value::Int(a), Value::Int(b)] => return two_ints(op, *a, *b),
        [Value::U64(a)] => return one_u64(op, *a),
        [Value::U64(a), Value::U64(b)] => return two_u64s(op, *a, *b),
        [Value::U64(a), Value::Int(n)] => shift(op, *a, *n),
        [Value::Float(a)] => return one_float(op, *a),
        [Value::Float(a), Value::Float(b)] => return two_floats(op, *a, *b),
        [Value::F32(a)] => return one_f32(op, *a),
        [Value::F32(a), Value::F32(b)] => return two_f32s(op, *a, *b),
        [Value::Bool(a)] => match op {
            Op::Not => Ok(Value::Bool(!a)),
            Op::TritFromBool => Ok(Value::Trit(if *a { 1 } else { -1 })),
            _ => return None,
        },
        [Value::Trit(a)] => match op {
            Op::TritNot => Ok(Value::Trit(-a)),
            Op::TritToInt => Ok(Value::Int(i64::from(*a))),
            _ => return None,
        },
        [Value::Trit(a), Value::Trit(b)] => return two_trits(op, *a, *b),
        [Value::Tryte(a)] => match op {
            Op::TryteNeg => Ok(Value::Tryte(-a)),
            Op::TryteToInt => Ok(Value::Int(*a)),
            Op::TryteDigits => Ok(Value::List(Rc::new(digits(*a, width)))),
            _ => return None,
        },
        [Value::Tryte(a), Value::Tryte(b)] => return two_trytes(op, i128::from(*a), i128::from(*b), width),
        _ => return None,
    })
}

/// The greatest Tryte of a width: (3ⁿ − 1) / 2.
pub(super) fn tryte_max(width: u8) -> i64 {
    let max = (3i128.pow(u32::from(width.min(40))) - 1) / 2;
    max as i64
}

fn one_int(op: Op, a: i64, width: u8) -> Option<Outcome> {
    Some(match op {
        Op::IntNeg => a.checked_neg().map(Value::Int).ok_or(Fault::Overflow),
        Op::U64FromInt => u64::try_from(a).map(Value::U64).or(Err(Fault::Range)),
        Op::U64FromBits => Ok(Value::U64(a as u64)),
        Op::FloatFromInt => {
            let nearest = a as f64;
            if nearest as i128 == i128::from(a) { Ok(Value::Float(nearest)) } else { Err(Fault::Inexact) }
        }
        Op::FloatRoundInt => Ok(Value::Float(a as f64)),
        Op::TritFromInt => match a {
            -1..=1 => Ok(Value::Trit(a as i8)),
            _ => Err(Fault::Range),
        },
        Op::TryteFromInt => {
            if a.unsigned_abs() <= tryte_max(width).unsigned_abs() {
                Ok(Value::Tryte(a))
            } else {
                Err(Fault::Range)
            }
        }
        _ => return None,
    })
}

fn two_ints(op: Op, a: i64, b: i64) -> Option<Outcome> {
    let checked = |value: Option<i64>| value.map(Value::Int).ok_or(Fault::Overflow);
    let divided = |value: Option<i64>| if b == 0 { Err(Fault::DivZero) } else { checked(value) };
    Some(match op {
        Op::IntAdd => checked(a.checked_add(b)),
        Op::IntSub => checked(a.checked_sub(b)),
        Op::IntMul => checked(a.checked_mul(b)),
        Op::IntDiv => divided(a.checked_div_euclid(b)),
        Op::IntQuo => divided(a.checked_div(b)),
        // MIN by −1 leaves 0, whatever the quotient.
        Op::IntMod => divided(Some(if b == 0 { 0 } else { a.wrapping_rem_euclid(b) })),
        Op::IntRem => divided(Some(if b == 0 { 0 } else { a.wrapping_rem(b) })),
        Op::IntWrappingAdd => Ok(Value::Int(a.wrapping_add(b))),
        Op::IntWrappingSub => Ok(Value::Int(a.wrapping_sub(b))),
        Op::IntWrappingMul => Ok(Value::Int(a.wrapping_mul(b))),
        Op::IntSaturatingAdd => Ok(Value::Int(a.saturating_add(b))),
        Op::IntSaturatingSub => Ok(Value::Int(a.saturating_sub(b))),
        Op::IntSaturatingMul => Ok(Value::Int(a.saturating_mul(b))),
        _ => return None,
    })
}

fn one_u64(op: Op, a: u64) -> Option<Outcome> {
    Some(match op {
        Op::U64Not => Ok(Value::U64(!a)),
        Op::U64Popcount => Ok(Value::Int(i64::from(a.count_ones()))),
        Op::U64ToInt => i64::try_from(a).map(Value::Int).or(Err(Fault::Range)),
        Op::U64ToBits => Ok(Value::Int(a as i64)),
        Op::FloatFromBits => Ok(Value::Float(canonical(f64::from_bits(a)))),
        Op::F32FromBits => match u32::try_from(a) {
            Ok(bits) => Ok(Value::F32(canonical_f32(f32::from_bits(bits)))),
            Err(_) => Err(Fault::Range),
        },
        _ => return None,
    })
}

fn two_u64s(op: Op, a: u64, b: u64) -> Option<Outcome> {
    Some(match op {
        Op::U64Add => Ok(Value::U64(a.wrapping_add(b))),
        Op::U64Sub => Ok(Value::U64(a.wrapping_sub(b))),
        Op::U64Mul => Ok(Value::U64(a.wrapping_mul(b))),
        Op::U64Div => a.checked_div(b).map(Value::U64).ok_or(Fault::DivZero),
        Op::U64Mod => a.checked_rem(b).map(Value::U64).ok_or(Fault::DivZero),
        Op::U64And => Ok(Value::U64(a & b)),
        Op::U64Or => Ok(Value::U64(a | b)),
        Op::U64Xor => Ok(Value::U64(a ^ b)),
        _ => return None,
    })
}

fn shift(op: Op, a: u64, n: i64) -> Outcome {
    let by = u32::try_from(n.min(64)).ok();
    match op {
        Op::U64Shl => by.map(|by| Value::U64(a.checked_shl(by).unwrap_or(0))).ok_or(Fault::Range),
        Op::U64Shr => by.map(|by| Value::U64(a.checked_shr(by).unwrap_or(0))).ok_or(Fault::Range),
        Op::U64Rotl => Ok(Value::U64(a.rotate_left(n.rem_euclid(64) as u32))),
        _ => bug("a shift of a U64 by an Int"),
    }
}

fn one_float(op: Op, a: f64) -> Option<Outcome> {
    // Every f64 from −2⁶³ to below 2⁶³ that is whole is an i64.
    let whole = |x: f64| {
        if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) {
            Ok(Value::Int(x as i64))
        } else {
            Err(Fault::Range)
        }
    };
    Some(match op {
        Op::FloatNeg => Ok(Value::Float(canonical(-a))),
        Op::FloatAbs => Ok(Value::Float(canonical(a.abs()))),
        Op::FloatSqrt => Ok(Value::Float(canonical(a.sqrt()))),
        Op::FloatFloor => whole(a.floor()),
        Op::FloatCeil => whole(a.ceil()),
        Op::FloatTrunc => whole(a.trunc()),
        Op::FloatRoundEven => whole(a.round_ties_even()),
        Op::FloatBits => Ok(Value::U64(canonical(a).to_bits())),
        Op::F32FromFloat => Ok(Value::F32(canonical_f32(a as f32))),
        _ => return None,
    })
}

fn two_floats(op: Op, a: f64, b: f64) -> Option<Outcome> {
    let value = match op {
        Op::FloatAdd => a + b,
        Op::FloatSub => a - b,
        Op::FloatMul => a * b,
        Op::FloatDiv => a / b,
        _ => return None,
    };
    Some(Ok(Value::Float(canonical(value))))
}

fn one_f32(op: Op, a: f32) -> Option<Outcome> {
    Some(match op {
        Op::F32Neg => Ok(Value::F32(canonical_f32(-a))),
        Op::F32Abs => Ok(Value::F32(canonical_f32(a.abs()))),
        Op::F32Sqrt => Ok(Value::F32(canonical_f32(a.sqrt()))),
        Op::F32ToFloat => Ok(Value::Float(canonical(f64::from(a)))),
        Op::F32Bits => Ok(Value::U64(u64::from(canonical_f32(a).to_bits()))),
        _ => return None,
    })
}

fn two_f32s(op: Op, a: f32, b: f32) -> Option<Outcome> {
    let value = match op {
        Op::F32Add => a + b,
        Op::F32Sub => a - b,
        Op::F32Mul => a * b,
        Op::F32Div => a / b,
        _ => return None,
    };
    Some(Ok(Value::F32(canonical_f32(value))))
}

fn two_trits(op: Op, a: i8, b: i8) -> Option<Outcome> {
    let value = match op {
        Op::TritAnd => a.min(b),
        Op::TritOr => a.max(b),
        Op::TritImplies => (-a).max(b),
        Op::TritXor => a.max(b).min(-a.min(b)),
        Op::TritMul => a * b,
        Op::TritConsensus => {
            if a == b {
                a
            } else {
                0
            }
        }
        Op::TritAdd => {
            let (digit, carry) = match a + b {
                2 => (-1, 1),
                -2 => (1, -1),
                sum => (sum, 0),
            };
            return Some(Ok(Value::Tuple(Rc::new([Value::Trit(digit), Value::Trit(carry)]))));
        }
        _ => return None,
    };
    Some(Ok(Value::Trit(value)))
}

fn two_trytes(op: Op, a: i128, b: i128, width: u8) -> Option<Outcome> {
    let max = i128::from(tryte_max(width));
    let within = |value: i128| {
        if (-max..=max).contains(&value) { Ok(Value::Tryte(value as i64)) } else { Err(Fault::Overflow) }
    };
    Some(match op {
        Op::TryteAdd => within(a + b),
        Op::TryteSub => within(a - b),
        Op::TryteWrapAdd => within((a + b + max).rem_euclid(2 * max + 1) - max),
        _ => return None,
    })
}

/// The digits of a number, the most significant first.
fn digits(number: i64, width: u8) -> Vec<Value> {
    let mut rest = i128::from(number);
    let mut digits: Vec<Value> = (0..width)
        .map(|_| {
            let digit = (rest + 1).rem_euclid(3) - 1;
            rest = (rest - digit) / 3;
            Value::Trit(digit as i8)
        })
        .collect();
    digits.reverse();
    digits
}
