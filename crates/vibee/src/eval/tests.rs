use std::rc::Rc;

use super::*;
use crate::{
    intrinsic::{Intrinsic as Op, TABLE},
    source::FileId,
    typed::{Local, LoopForm, Role},
    types::TypeId,
};

fn expr(ty: Type, kind: Kind) -> Expr {
    Expr { kind, ty, span: Span::new(FileId(0), 0, 0) }
}

fn constant(value: Value, ty: Type) -> Expr {
    expr(ty, Kind::Const(value))
}

fn num(i: i64) -> Expr {
    constant(Value::Int(i), Type::Int)
}

fn local(at: u32, ty: Type) -> Expr {
    expr(ty, Kind::Local(LocalId(at)))
}

fn op(op: Op, ty: Type, args: Vec<Expr>) -> Expr {
    expr(ty, Kind::Intrinsic { op, args })
}

fn call(function: u32, args: Vec<Expr>, is_tail: bool) -> Expr {
    expr(Type::Int, Kind::Call { function: FunctionId(function), args, is_tail })
}

fn function(n_params: usize, types: &[Type], body: Expr) -> Function {
    let local = |(at, ty): (usize, &Type)| Local { name: format!("x{at}"), ty: ty.clone(), declared: ty.clone() };
    Function {
        module: "test".to_owned(),
        name: "f".to_owned(),
        role: Role::Function,
        say: None,
        span: body.span,
        locals: types.iter().enumerate().map(local).collect(),
        n_params,
        returns: body.ty.clone(),
        body: Some(body),
        given: None,
        then: Vec::new(),
        raises: Vec::new(),
        prose: Vec::new(),
    }
}

fn program(functions: Vec<Function>) -> Program {
    Program { functions, ..Program::default() }
}

fn outcome(program: &Program, args: &[Value], limits: Limits) -> Outcome {
    Evaluator::new(program, limits).call(FunctionId(0), args)
}

/// Evaluates an operation on constants.
fn apply(which: Op, args: &[Value], width: u8) -> Outcome {
    let ty = |value: &Value| if matches!(value, Value::Tryte(_)) { Type::Tryte(width) } else { Type::Bool };
    let returns = if TABLE[which as usize].returns == "Tryte" { Type::Tryte(width) } else { Type::Bool };
    let args = args.iter().map(|value| constant(value.clone(), ty(value))).collect();
    outcome(&program(vec![function(0, &[], op(which, returns, args))]), &[], Limits::default())
}

fn i(x: i64) -> Value {
    Value::Int(x)
}
fn u(x: u64) -> Value {
    Value::U64(x)
}
fn f(x: f64) -> Value {
    Value::Float(x)
}
fn g(x: f32) -> Value {
    Value::F32(x)
}
fn b(x: bool) -> Value {
    Value::Bool(x)
}
fn t(x: i8) -> Value {
    Value::Trit(x)
}
fn y(x: i64) -> Value {
    Value::Tryte(x)
}
fn s(x: &str) -> Value {
    Value::String(x.into())
}
fn by(x: &[u8]) -> Value {
    Value::Bytes(x.into())
}
fn list(x: &[Value]) -> Value {
    Value::List(Rc::new(x.to_vec()))
}
fn ints(x: &[i64]) -> Value {
    list(&x.iter().map(|x| i(*x)).collect::<Vec<_>>())
}
fn set(x: &[i64]) -> Value {
    Value::Set(Rc::new(x.iter().map(|x| i(*x)).collect()))
}
fn pair(a: Value, b: Value) -> Value {
    Value::Tuple(Rc::new([a, b]))
}
fn map(x: &[(i64, i64)]) -> Value {
    Value::Map(Rc::new(x.iter().map(|(k, v)| (i(*k), i(*v))).collect()))
}
fn some(x: Value) -> Value {
    Value::Option(Some(Rc::new(x)))
}
fn none() -> Value {
    Value::Option(None)
}

const MIN: i64 = i64::MIN;
const MAX: i64 = i64::MAX;

/// Every operation at its edges: the sentences of the table, by hand.
// tidy: long function, a table
#[expect(clippy::too_many_lines, reason = "one row for each case")]
fn rows() -> Vec<(Op, Vec<Value>, Outcome)> {
    use Fault::{DivZero, Index, Inexact, Key, Overflow, Range, Unwrap};
    let nan = f64::NAN;
    vec![
        (Op::IntAdd, vec![i(MAX), i(0)], Ok(i(MAX))),
        (Op::IntAdd, vec![i(MAX), i(1)], Err(Overflow)),
        (Op::IntSub, vec![i(MIN), i(1)], Err(Overflow)),
        (Op::IntSub, vec![i(-1), i(MAX)], Ok(i(MIN))),
        (Op::IntMul, vec![i(1 << 62), i(2)], Err(Overflow)),
        (Op::IntMul, vec![i(1 << 62), i(-2)], Ok(i(MIN))),
        (Op::IntNeg, vec![i(MIN)], Err(Overflow)),
        (Op::IntNeg, vec![i(MAX)], Ok(i(-MAX))),
        (Op::IntDiv, vec![i(-7), i(2)], Ok(i(-4))),
        (Op::IntDiv, vec![i(-7), i(-2)], Ok(i(4))),
        (Op::IntDiv, vec![i(7), i(-2)], Ok(i(-3))),
        (Op::IntDiv, vec![i(MIN), i(-1)], Err(Overflow)),
        (Op::IntDiv, vec![i(1), i(0)], Err(DivZero)),
        (Op::IntMod, vec![i(-7), i(2)], Ok(i(1))),
        (Op::IntMod, vec![i(-7), i(-2)], Ok(i(1))),
        (Op::IntMod, vec![i(MIN), i(-1)], Ok(i(0))),
        (Op::IntMod, vec![i(1), i(0)], Err(DivZero)),
        (Op::IntQuo, vec![i(-7), i(2)], Ok(i(-3))),
        (Op::IntQuo, vec![i(MIN), i(-1)], Err(Overflow)),
        (Op::IntQuo, vec![i(0), i(0)], Err(DivZero)),
        (Op::IntRem, vec![i(-7), i(2)], Ok(i(-1))),
        (Op::IntRem, vec![i(7), i(-2)], Ok(i(1))),
        (Op::IntRem, vec![i(MIN), i(-1)], Ok(i(0))),
        (Op::IntRem, vec![i(7), i(0)], Err(DivZero)),
        (Op::IntWrappingAdd, vec![i(MAX), i(1)], Ok(i(MIN))),
        (Op::IntWrappingSub, vec![i(MIN), i(1)], Ok(i(MAX))),
        (Op::IntWrappingMul, vec![i(MAX), i(2)], Ok(i(-2))),
        (Op::IntSaturatingAdd, vec![i(MAX), i(1)], Ok(i(MAX))),
        (Op::IntSaturatingSub, vec![i(MIN), i(1)], Ok(i(MIN))),
        (Op::IntSaturatingMul, vec![i(MIN), i(2)], Ok(i(MIN))),
        (Op::U64Add, vec![u(u64::MAX), u(2)], Ok(u(1))),
        (Op::U64Sub, vec![u(0), u(1)], Ok(u(u64::MAX))),
        (Op::U64Mul, vec![u(1 << 63), u(3)], Ok(u(1 << 63))),
        (Op::U64Div, vec![u(u64::MAX), u(2)], Ok(u(u64::MAX / 2))),
        (Op::U64Div, vec![u(1), u(0)], Err(DivZero)),
        (Op::U64Mod, vec![u(7), u(4)], Ok(u(3))),
        (Op::U64Mod, vec![u(7), u(0)], Err(DivZero)),
        (Op::U64And, vec![u(12), u(10)], Ok(u(8))),
        (Op::U64Or, vec![u(12), u(10)], Ok(u(14))),
        (Op::U64Xor, vec![u(12), u(10)], Ok(u(6))),
        (Op::U64Not, vec![u(0)], Ok(u(u64::MAX))),
        (Op::U64Shl, vec![u(3), i(63)], Ok(u(1 << 63))),
        (Op::U64Shl, vec![u(3), i(64)], Ok(u(0))),
        (Op::U64Shl, vec![u(3), i(MAX)], Ok(u(0))),
        (Op::U64Shl, vec![u(3), i(-1)], Err(Range)),
        (Op::U64Shr, vec![u(u64::MAX), i(63)], Ok(u(1))),
        (Op::U64Shr, vec![u(u64::MAX), i(64)], Ok(u(0))),
        (Op::U64Shr, vec![u(1), i(MIN)], Err(Range)),
        (Op::U64Rotl, vec![u(1), i(65)], Ok(u(2))),
        (Op::U64Rotl, vec![u(1), i(-1)], Ok(u(1 << 63))),
        (Op::U64Popcount, vec![u(u64::MAX)], Ok(i(64))),
        (Op::U64FromInt, vec![i(-1)], Err(Range)),
        (Op::U64FromInt, vec![i(MAX)], Ok(u(MAX as u64))),
        (Op::U64ToInt, vec![u(1 << 63)], Err(Range)),
        (Op::U64ToInt, vec![u(5)], Ok(i(5))),
        (Op::U64FromBits, vec![i(-1)], Ok(u(u64::MAX))),
        (Op::U64ToBits, vec![u(1 << 63)], Ok(i(MIN))),
        (Op::FloatAdd, vec![f(0.1), f(0.2)], Ok(f(0.300_000_000_000_000_04))),
        (Op::FloatSub, vec![f(f64::INFINITY), f(f64::INFINITY)], Ok(f(nan))),
        (Op::FloatSub, vec![f(0.0), f(0.0)], Ok(f(0.0))),
        (Op::FloatMul, vec![f(1e308), f(10.0)], Ok(f(f64::INFINITY))),
        (Op::FloatMul, vec![f(0.0), f(-1.0)], Ok(f(-0.0))),
        (Op::FloatDiv, vec![f(-1.0), f(0.0)], Ok(f(f64::NEG_INFINITY))),
        (Op::FloatDiv, vec![f(0.0), f(0.0)], Ok(f(nan))),
        (Op::FloatNeg, vec![f(0.0)], Ok(f(-0.0))),
        (Op::FloatNeg, vec![f(nan)], Ok(f(nan))),
        (Op::FloatAbs, vec![f(-0.0)], Ok(f(0.0))),
        (Op::FloatSqrt, vec![f(2.0)], Ok(f(std::f64::consts::SQRT_2))),
        (Op::FloatSqrt, vec![f(-0.0)], Ok(f(-0.0))),
        (Op::FloatSqrt, vec![f(-1.0)], Ok(f(nan))),
        (Op::F32Add, vec![g(16_777_216.0), g(1.0)], Ok(g(16_777_216.0))),
        (Op::F32Sub, vec![g(1.0), g(3.0)], Ok(g(-2.0))),
        (Op::F32Mul, vec![g(1e38), g(10.0)], Ok(g(f32::INFINITY))),
        (Op::F32Div, vec![g(1.0), g(3.0)], Ok(g(0.333_333_34))),
        (Op::F32Neg, vec![g(f32::NAN)], Ok(g(f32::NAN))),
        (Op::F32Abs, vec![g(-2.0)], Ok(g(2.0))),
        (Op::F32Sqrt, vec![g(2.0)], Ok(g(std::f32::consts::SQRT_2))),
        (Op::FloatFloor, vec![f(-0.5)], Ok(i(-1))),
        (Op::FloatFloor, vec![f(-9_223_372_036_854_775_808.0)], Ok(i(MIN))),
        (Op::FloatFloor, vec![f(9_223_372_036_854_775_808.0)], Err(Range)),
        (Op::FloatFloor, vec![f(nan)], Err(Range)),
        (Op::FloatCeil, vec![f(0.5)], Ok(i(1))),
        (Op::FloatCeil, vec![f(f64::INFINITY)], Err(Range)),
        (Op::FloatTrunc, vec![f(-1.9)], Ok(i(-1))),
        (Op::FloatTrunc, vec![f(-1e19)], Err(Range)),
        (Op::FloatRoundEven, vec![f(2.5)], Ok(i(2))),
        (Op::FloatRoundEven, vec![f(-3.5)], Ok(i(-4))),
        (Op::FloatRoundEven, vec![f(1e300)], Err(Range)),
        (Op::FloatFromInt, vec![i((1 << 53) + 1)], Err(Inexact)),
        (Op::FloatFromInt, vec![i(MAX)], Err(Inexact)),
        (Op::FloatFromInt, vec![i(MIN)], Ok(f(-9_223_372_036_854_775_808.0))),
        (Op::FloatRoundInt, vec![i((1 << 53) + 1)], Ok(f(9_007_199_254_740_992.0))),
        (Op::FloatBits, vec![f(-0.0)], Ok(u(1 << 63))),
        (Op::FloatBits, vec![f(-nan)], Ok(u(0x7ff8_0000_0000_0000))),
        (Op::FloatFromBits, vec![u(0xffff_ffff_ffff_ffff)], Ok(f(nan))),
        (Op::FloatFromBits, vec![u(1)], Ok(f(5e-324))),
        (Op::F32FromFloat, vec![f(1e300)], Ok(g(f32::INFINITY))),
        (Op::F32FromFloat, vec![f(16_777_217.0)], Ok(g(16_777_216.0))),
        (Op::F32ToFloat, vec![g(0.1)], Ok(f(0.100_000_001_490_116_12))),
        (Op::F32Bits, vec![g(-f32::NAN)], Ok(u(0x7fc0_0000))),
        (Op::F32FromBits, vec![u(0x3f80_0000)], Ok(g(1.0))),
        (Op::F32FromBits, vec![u(1 << 32)], Err(Range)),
        (Op::Eq, vec![f(nan), f(nan)], Ok(b(false))),
        (Op::Eq, vec![list(&[f(0.0)]), list(&[f(-0.0)])], Ok(b(true))),
        (Op::Ne, vec![f(nan), f(nan)], Ok(b(true))),
        (Op::Lt, vec![f(nan), f(1.0)], Ok(b(false))),
        (Op::Lt, vec![f(-0.0), f(0.0)], Ok(b(false))),
        (Op::Lt, vec![s("Z"), s("a")], Ok(b(true))),
        (Op::Lt, vec![y(-1), y(1)], Ok(b(true))),
        (Op::Le, vec![f(-0.0), f(0.0)], Ok(b(true))),
        (Op::Le, vec![f(nan), f(nan)], Ok(b(false))),
        (Op::Gt, vec![i(2), i(1)], Ok(b(true))),
        (Op::Gt, vec![f(nan), f(1.0)], Ok(b(false))),
        (Op::Ge, vec![u(1), u(1)], Ok(b(true))),
        (Op::Same, vec![f(nan), f(nan)], Ok(b(true))),
        (Op::Same, vec![f(0.0), f(-0.0)], Ok(b(false))),
        (Op::Compare, vec![f(nan), f(f64::INFINITY)], Ok(i(1))),
        (Op::Compare, vec![f(-0.0), f(0.0)], Ok(i(-1))),
        (Op::Compare, vec![ints(&[1]), ints(&[1])], Ok(i(0))),
        (Op::Not, vec![b(true)], Ok(b(false))),
        (Op::TritNot, vec![t(0)], Ok(t(0))),
        (Op::TritAnd, vec![t(1), t(0)], Ok(t(0))),
        (Op::TritOr, vec![t(-1), t(0)], Ok(t(0))),
        (Op::TritImplies, vec![t(0), t(0)], Ok(t(0))),
        (Op::TritImplies, vec![t(-1), t(-1)], Ok(t(1))),
        (Op::TritXor, vec![t(1), t(1)], Ok(t(-1))),
        (Op::TritXor, vec![t(1), t(-1)], Ok(t(1))),
        (Op::TritXor, vec![t(1), t(0)], Ok(t(0))),
        (Op::TritMul, vec![t(-1), t(-1)], Ok(t(1))),
        (Op::TritAdd, vec![t(1), t(1)], Ok(pair(t(-1), t(1)))),
        (Op::TritAdd, vec![t(-1), t(-1)], Ok(pair(t(1), t(-1)))),
        (Op::TritAdd, vec![t(-1), t(1)], Ok(pair(t(0), t(0)))),
        (Op::TritConsensus, vec![t(1), t(-1)], Ok(t(0))),
        (Op::TritConsensus, vec![t(-1), t(-1)], Ok(t(-1))),
        (Op::TritFromBool, vec![b(false)], Ok(t(-1))),
        (Op::TritFromInt, vec![i(2)], Err(Range)),
        (Op::TritToInt, vec![t(-1)], Ok(i(-1))),
        (Op::TryteAdd, vec![y(13), y(1)], Err(Overflow)),
        (Op::TryteAdd, vec![y(12), y(1)], Ok(y(13))),
        (Op::TryteSub, vec![y(-13), y(1)], Err(Overflow)),
        (Op::TryteNeg, vec![y(13)], Ok(y(-13))),
        (Op::TryteWrapAdd, vec![y(13), y(1)], Ok(y(-13))),
        (Op::TryteWrapAdd, vec![y(-13), y(-13)], Ok(y(1))),
        (Op::TryteDigits, vec![y(6)], Ok(list(&[t(1), t(-1), t(0)]))),
        (Op::TryteDigits, vec![y(-13)], Ok(list(&[t(-1), t(-1), t(-1)]))),
        (Op::TryteToInt, vec![y(-13)], Ok(i(-13))),
        (Op::TryteFromInt, vec![i(14)], Err(Range)),
        (Op::TryteFromInt, vec![i(-13)], Ok(y(-13))),
        (Op::TryteFromInt, vec![i(MIN)], Err(Range)),
        (Op::TryteFromDigits, vec![list(&[t(1), t(-1), t(0)])], Ok(y(6))),
        (Op::TryteFromDigits, vec![list(&[t(1), t(-1)])], Err(Range)),
        (Op::OptionUnwrap, vec![some(i(1))], Ok(i(1))),
        (Op::OptionUnwrap, vec![none()], Err(Unwrap)),
        (Op::ResultUnwrap, vec![Value::Result(Ok(Rc::new(i(1))))], Ok(i(1))),
        (Op::ResultUnwrap, vec![Value::Result(Err(Rc::new(i(1))))], Err(Unwrap)),
        (Op::ListLen, vec![ints(&[4, 5])], Ok(i(2))),
        (Op::ListAt, vec![ints(&[4, 5]), i(1)], Ok(i(5))),
        (Op::ListAt, vec![ints(&[4, 5]), i(2)], Err(Index)),
        (Op::ListAt, vec![ints(&[4, 5]), i(-1)], Err(Index)),
        (Op::ListPush, vec![ints(&[4]), i(5)], Ok(ints(&[4, 5]))),
        (Op::ListSet, vec![ints(&[4, 5]), i(0), i(6)], Ok(ints(&[6, 5]))),
        (Op::ListSet, vec![ints(&[]), i(0), i(6)], Err(Index)),
        (Op::ListConcat, vec![ints(&[4]), ints(&[5, 6])], Ok(ints(&[4, 5, 6]))),
        (Op::ListSlice, vec![ints(&[4, 5, 6]), i(1), i(3)], Ok(ints(&[5, 6]))),
        (Op::ListSlice, vec![ints(&[4]), i(1), i(1)], Ok(ints(&[]))),
        (Op::ListSlice, vec![ints(&[4]), i(1), i(0)], Err(Index)),
        (Op::ListSlice, vec![ints(&[4]), i(0), i(2)], Err(Index)),
        (Op::ListSlice, vec![ints(&[4]), i(-1), i(1)], Err(Index)),
        (Op::ListSort, vec![list(&[f(nan), f(0.0), f(-0.0)])], Ok(list(&[f(-0.0), f(0.0), f(nan)]))),
        (Op::ListRange, vec![i(-1), i(1)], Ok(ints(&[-1, 0, 1]))),
        (Op::ListRange, vec![i(1), i(0)], Ok(ints(&[]))),
        (Op::ListRange, vec![i(MAX), i(MAX)], Ok(ints(&[MAX]))),
        (Op::ListRange, vec![i(MIN), i(MAX)], Err(Fault::Fuel)),
        (Op::SetOf, vec![ints(&[3, 1, 3])], Ok(set(&[1, 3]))),
        (Op::SetLen, vec![set(&[1, 3])], Ok(i(2))),
        (Op::SetHas, vec![set(&[1, 3]), i(2)], Ok(b(false))),
        (Op::SetPut, vec![set(&[1]), i(0)], Ok(set(&[0, 1]))),
        (Op::SetDelete, vec![set(&[1]), i(1)], Ok(set(&[]))),
        (Op::SetItems, vec![set(&[3, 1])], Ok(ints(&[1, 3]))),
        (Op::MapOf, vec![list(&[pair(i(1), i(2)), pair(i(1), i(3))])], Ok(map(&[(1, 3)]))),
        (Op::MapLen, vec![map(&[(1, 3)])], Ok(i(1))),
        (Op::MapHas, vec![map(&[(1, 3)]), i(1)], Ok(b(true))),
        (Op::MapGet, vec![map(&[(1, 3)]), i(1)], Ok(some(i(3)))),
        (Op::MapGet, vec![map(&[(1, 3)]), i(2)], Ok(none())),
        (Op::MapAt, vec![map(&[(1, 3)]), i(1)], Ok(i(3))),
        (Op::MapAt, vec![map(&[(1, 3)]), i(3)], Err(Key)),
        (Op::MapPut, vec![map(&[(1, 3)]), i(1), i(4)], Ok(map(&[(1, 4)]))),
        (Op::MapDelete, vec![map(&[(1, 3)]), i(2)], Ok(map(&[(1, 3)]))),
        (Op::MapKeys, vec![map(&[(2, 0), (1, 3)])], Ok(ints(&[1, 2]))),
        (Op::StringLen, vec![s("aé😀")], Ok(i(3))),
        (Op::StringAt, vec![s("aé😀"), i(2)], Ok(s("😀"))),
        (Op::StringAt, vec![s("aé😀"), i(3)], Err(Index)),
        (Op::StringAt, vec![s("a"), i(-1)], Err(Index)),
        (Op::StringConcat, vec![s("a"), s("é")], Ok(s("aé"))),
        (Op::StringSlice, vec![s("aé😀"), i(1), i(3)], Ok(s("é😀"))),
        (Op::StringSlice, vec![s("aé"), i(0), i(3)], Err(Index)),
        (Op::StringFind, vec![s("éaéb"), s("éb")], Ok(some(i(2)))),
        (Op::StringFind, vec![s("a"), s("")], Ok(some(i(0)))),
        (Op::StringFind, vec![s("a"), s("b")], Ok(none())),
        (Op::StringStartsWith, vec![s("ab"), s("a")], Ok(b(true))),
        (Op::StringEndsWith, vec![s("ab"), s("a")], Ok(b(false))),
        (Op::StringSplit, vec![s("a,,b"), s(",")], Ok(list(&[s("a"), s(""), s("b")]))),
        (Op::StringSplit, vec![s(""), s(",")], Ok(list(&[s("")]))),
        (Op::StringSplit, vec![s("a"), s("")], Err(Range)),
        (Op::StringJoin, vec![list(&[s("a"), s("b")]), s(", ")], Ok(s("a, b"))),
        (Op::StringJoin, vec![list(&[]), s(", ")], Ok(s(""))),
        (Op::StringChars, vec![s("é😀")], Ok(list(&[s("é"), s("😀")]))),
        (Op::StringCode, vec![s("😀")], Ok(i(0x1f600))),
        (Op::StringCode, vec![s("ab")], Err(Index)),
        (Op::StringCode, vec![s("")], Err(Index)),
        (Op::StringFromCode, vec![i(0x1f600)], Ok(s("😀"))),
        (Op::StringFromCode, vec![i(0xd800)], Err(Range)),
        (Op::StringFromCode, vec![i(-1)], Err(Range)),
        (Op::StringParseInt, vec![s("-9223372036854775808")], Ok(some(i(MIN)))),
        (Op::StringParseInt, vec![s("+007")], Ok(some(i(7)))),
        (Op::StringParseInt, vec![s("9223372036854775808")], Ok(none())),
        (Op::StringParseInt, vec![s("-")], Ok(none())),
        (Op::StringParseInt, vec![s("1_0")], Ok(none())),
        (Op::StringParseFloat, vec![s("-.5e1")], Ok(some(f(-5.0)))),
        (Op::StringParseFloat, vec![s("5.")], Ok(some(f(5.0)))),
        (Op::StringParseFloat, vec![s("1e999")], Ok(some(f(f64::INFINITY)))),
        (Op::StringParseFloat, vec![s("-0")], Ok(some(f(-0.0)))),
        (Op::StringParseFloat, vec![s("inf")], Ok(none())),
        (Op::StringParseFloat, vec![s("e5")], Ok(none())),
        (Op::StringParseFloat, vec![s("1e")], Ok(none())),
        (Op::StringParseFloat, vec![s(".")], Ok(none())),
        (Op::StringParseFloat, vec![s("")], Ok(none())),
        (Op::StringShowInt, vec![i(MIN)], Ok(s("-9223372036854775808"))),
        (Op::StringShowU64, vec![u(u64::MAX)], Ok(s("18446744073709551615"))),
        (Op::StringShowFloat, vec![f(-0.0)], Ok(s("-0.0"))),
        (Op::StringShowFloat, vec![f(1e-5)], Ok(s("0.00001"))),
        (Op::StringShowF32, vec![g(0.1)], Ok(s("0.1"))),
        (Op::BytesLen, vec![by(&[1, 2])], Ok(i(2))),
        (Op::BytesAt, vec![by(&[1, 255]), i(1)], Ok(i(255))),
        (Op::BytesAt, vec![by(&[1]), i(1)], Err(Index)),
        (Op::BytesConcat, vec![by(&[1]), by(&[2])], Ok(by(&[1, 2]))),
        (Op::BytesSlice, vec![by(&[1, 2]), i(0), i(1)], Ok(by(&[1]))),
        (Op::BytesSlice, vec![by(&[1, 2]), i(2), i(1)], Err(Index)),
        (Op::BytesFromList, vec![ints(&[0, 255])], Ok(by(&[0, 255]))),
        (Op::BytesFromList, vec![ints(&[256])], Err(Range)),
        (Op::BytesUtf8, vec![s("é")], Ok(by(&[0xc3, 0xa9]))),
        (Op::BytesDecodeUtf8, vec![by(&[0xc3, 0xa9])], Ok(some(s("é")))),
        (Op::BytesDecodeUtf8, vec![by(&[0xed, 0xa0, 0x80])], Ok(none())),
    ]
}

#[test]
fn operations_at_their_edges() {
    let rows = rows();
    for (which, args, expected) in &rows {
        let found = apply(*which, args, 3);
        assert_eq!(found, *expected, "{} of {args:?}", which.row().name);
    }
    for row in TABLE {
        assert!(rows.iter().any(|(op, ..)| *op == row.op), "no row of {:?}", row.op);
    }
}

#[test]
fn forty_digits_fit() {
    let max = numbers::tryte_max(40);
    assert_eq!(max, 6_078_832_729_528_464_400);
    assert_eq!(apply(Op::TryteAdd, &[y(max), y(1)], 40), Err(Fault::Overflow));
    assert_eq!(apply(Op::TryteWrapAdd, &[y(max), y(max)], 40), Ok(y(-1)));
    let digits = apply(Op::TryteDigits, &[y(-max)], 40).unwrap();
    assert_eq!(digits, list(&[const { Value::Trit(-1) }; 40].map(|x| x)));
    assert_eq!(apply(Op::TryteFromDigits, &[digits], 40), Ok(y(-max)));
}

/// sum of 1 to n by `f(n) = if n == 0 { 0 } else { n + f(n - 1) }`
fn recursion() -> Program {
    let n = || local(0, Type::Int);
    let less = op(Op::IntSub, Type::Int, vec![n(), num(1)]);
    let body = Kind::If {
        condition: Box::new(op(Op::Eq, Type::Bool, vec![n(), num(0)])),
        then: Box::new(num(0)),
        otherwise: Box::new(op(Op::IntAdd, Type::Int, vec![n(), call(0, vec![less], false)])),
    };
    program(vec![function(1, &[Type::Int], expr(Type::Int, body))])
}

#[test]
fn depth_is_limited_and_the_stack_of_the_host_is_not_used() {
    let program = recursion();
    assert_eq!(outcome(&program, &[i(999)], Limits::default()), Ok(i(499_500)), "1,000 calls under way");
    assert_eq!(outcome(&program, &[i(1_000)], Limits::default()), Err(Fault::Depth));
    let deep = Limits { depth: 300_000, ..Limits::default() };
    assert_eq!(outcome(&program, &[i(250_000)], deep), Ok(i(31_250_125_000)));
    let mut evaluator = Evaluator::new(&program, Limits::default());
    assert_eq!(evaluator.call(FunctionId(0), &[i(5_000)]), Err(Fault::Depth));
    let trace = evaluator.trace().unwrap();
    assert_eq!((trace.fault, trace.calls.len(), trace.fuel.len()), (Fault::Depth, 1_000, 1));
    assert_eq!(trace.fuel[0], (FunctionId(0), evaluator.fuel_used()));
}

#[test]
fn calls_at_the_end_add_no_depth() {
    let (n, sum) = (|| local(0, Type::Int), || local(1, Type::Int));
    let args = vec![op(Op::IntSub, Type::Int, vec![n(), num(1)]), op(Op::IntAdd, Type::Int, vec![sum(), n()])];
    let body = Kind::If {
        condition: Box::new(op(Op::Eq, Type::Bool, vec![n(), num(0)])),
        then: Box::new(sum()),
        otherwise: Box::new(call(0, args, true)),
    };
    let program = program(vec![function(2, &[Type::Int, Type::Int], expr(Type::Int, body))]);
    assert_eq!(outcome(&program, &[i(100_000), i(0)], Limits::default()), Ok(i(5_000_050_000)));
}

/// Gathers `step` of `$item` (local 0) and `$acc` (local 1) over a range.
fn looped(first: i64, last: i64, acc: &Type, init: Expr, until: Option<Expr>, step: Expr) -> Program {
    let of = Loop {
        form: LoopForm::Fold,
        over: Over::Range(num(first), num(last)),
        item: LocalId(0),
        acc: LocalId(1),
        init,
        until,
        step,
    };
    program(vec![function(0, &[Type::Int, acc.clone()], expr(acc.clone(), Kind::Loop(Box::new(of))))])
}

fn empty_list() -> (Type, Expr) {
    let ty = Type::List(Box::new(Type::Int));
    (ty.clone(), expr(ty, Kind::List(vec![])))
}

#[test]
fn loops_go_in_order_and_end_where_until_holds() {
    let (ty, init) = empty_list();
    let push = op(Op::ListPush, ty.clone(), vec![local(1, ty.clone()), local(0, Type::Int)]);
    let program = looped(3, 6, &ty, init.clone(), None, push.clone());
    assert_eq!(outcome(&program, &[], Limits::default()), Ok(ints(&[3, 4, 5, 6])));
    let len = op(Op::ListLen, Type::Int, vec![local(1, ty.clone())]);
    let until = op(Op::Eq, Type::Bool, vec![len, num(2)]);
    let program = looped(3, 6, &ty, init.clone(), Some(until.clone()), push.clone());
    assert_eq!(outcome(&program, &[], Limits::default()), Ok(ints(&[3, 4])));
    let program = looped(6, 3, &ty, init.clone(), None, push.clone());
    assert_eq!(outcome(&program, &[], Limits::default()), Ok(ints(&[])));
    let program = looped(MAX, MAX, &ty, init, None, push);
    assert_eq!(outcome(&program, &[], Limits::default()), Ok(ints(&[MAX])));
}

#[test]
fn what_a_loop_gathers_is_not_copied() {
    let (ty, init) = empty_list();
    let push = op(Op::ListPush, ty.clone(), vec![local(1, ty.clone()), local(0, Type::Int)]);
    let program = looped(1, 200_000, &ty, init, None, push);
    let Ok(Value::List(items)) = outcome(&program, &[], Limits::default()) else { panic!("fuel for linear work only") };
    assert_eq!(items.len(), 200_000);
}

#[test]
fn fuel_ends_what_does_not_end() {
    let program = looped(0, MAX, &Type::Int, num(0), None, local(0, Type::Int));
    let mut evaluator = Evaluator::new(&program, Limits { fuel: 1_000, ..Limits::default() });
    assert_eq!(evaluator.call(FunctionId(0), &[]), Err(Fault::Fuel));
    assert_eq!(evaluator.fuel_used(), 1_000);
}

#[test]
fn memory_counts_what_is_alive() {
    // Each step makes a list of 1,000: alive together they would be 32 MB.
    let limits = Limits { memory_bytes: 100_000, ..Limits::default() };
    let range = op(Op::ListRange, Type::List(Box::new(Type::Int)), vec![num(1), num(1_000)]);
    let len = op(Op::ListLen, Type::Int, vec![range.clone()]);
    let sum = op(Op::IntAdd, Type::Int, vec![local(1, Type::Int), len]);
    let program = looped(1, 2_000, &Type::Int, num(0), None, sum);
    assert_eq!(outcome(&program, &[], limits), Ok(i(2_000_000)));
    let (ty, init) = empty_list();
    let lists = Type::List(Box::new(ty));
    let push = op(Op::ListPush, lists.clone(), vec![local(1, lists.clone()), range]);
    let program = looped(1, 2_000, &lists, init, None, push);
    assert_eq!(outcome(&program, &[], limits), Err(Fault::Memory));
    // The same list many times is there once.
    let push =
        op(Op::ListPush, lists.clone(), vec![local(1, lists.clone()), constant(ints(&[0; 1_000]), lists.clone())]);
    let program = looped(1, 2_000, &lists, expr(lists.clone(), Kind::List(vec![])), None, push);
    assert!(outcome(&program, &[], limits).is_ok());
}

#[test]
fn small_values_that_look_large_cost_fuel() {
    let little = Limits { fuel: 100_000, ..Limits::default() };
    // t = node(t, t), 100 times: 2^100 leaves.
    let tree = Type::Named(TypeId(0));
    let leaf = || expr(tree.clone(), Kind::Variant(TypeId(0), 0, vec![]));
    let node = expr(tree.clone(), Kind::Variant(TypeId(0), 1, vec![local(1, tree.clone()), local(1, tree.clone())]));
    let mut bomb = looped(1, 100, &tree, leaf(), None, node.clone());
    let whole = bomb.functions[0].body.clone().unwrap();
    for which in [Op::Eq, Op::Same, Op::Compare, Op::Le] {
        bomb.functions[0].body = Some(op(which, Type::Bool, vec![whole.clone(), whole.clone()]));
        assert_eq!(outcome(&bomb, &[], little), Err(Fault::Fuel), "{which:?}");
    }
    let items = expr(Type::List(Box::new(tree.clone())), Kind::List(vec![whole.clone(), whole]));
    for which in [Op::SetOf, Op::ListSort] {
        bomb.functions[0].body = Some(op(which, Type::Bool, vec![items.clone()]));
        assert_eq!(outcome(&bomb, &[], little), Err(Fault::Fuel), "{which:?}");
    }
}

#[test]
fn arms_are_tried_in_order() {
    let option = Type::Option(Box::new(Type::Int));
    let arm = |pattern, guard, body| Arm { pattern, guard, body };
    let arms = vec![
        arm(Pattern::None, None, num(-1)),
        arm(
            Pattern::Some(Box::new(Pattern::Bind(LocalId(1)))),
            Some(op(Op::Gt, Type::Bool, vec![local(1, Type::Int), num(10)])),
            local(1, Type::Int),
        ),
        arm(Pattern::Some(Box::new(Pattern::Or(vec![Pattern::Literal(i(1)), Pattern::IntIn(3, 5)]))), None, num(100)),
        arm(Pattern::Any, None, expr(Type::Int, Kind::Cover(0, Box::new(num(200))))),
    ];
    let body = expr(Type::Int, Kind::Match { subject: Box::new(local(0, option.clone())), arms });
    let mut program = program(vec![function(1, &[option, Type::Int], body)]);
    let at = crate::typed::CoverPoint { span: Span::new(FileId(0), 0, 0), function: FunctionId(0), what: "arm".into() };
    program.cover.push(at);
    let mut evaluator = Evaluator::new(&program, Limits::default());
    for (arg, expected) in [(none(), -1), (some(i(11)), 11), (some(i(1)), 100), (some(i(4)), 100), (some(i(2)), 200)] {
        assert_eq!(evaluator.call(FunctionId(0), &[arg]), Ok(i(expected)));
    }
    assert_eq!(evaluator.hits(), [1]);
}

#[test]
fn contracts_fault() {
    let n = || local(0, Type::Int);
    let body = Kind::Assert {
        condition: Box::new(op(Op::Ge, Type::Bool, vec![n(), num(0)])),
        fault: Fault::Given,
        body: Box::new(expr(Type::Int, Kind::InRange { value: Box::new(n()), lo: 0, hi: 9 })),
    };
    let program = program(vec![function(1, &[Type::Int], expr(Type::Int, body))]);
    for (arg, expected) in [(-1, Err(Fault::Given)), (0, Ok(i(0))), (9, Ok(i(9))), (10, Err(Fault::Range))] {
        assert_eq!(outcome(&program, &[i(arg)], Limits::default()), expected);
    }
}

#[test]
fn calls_can_be_answered_from_outside() {
    let program = recursion();
    let mut evaluator = Evaluator::new(&program, Limits::default());
    let mut asked = Vec::new();
    let answer = evaluator.call_with(FunctionId(0), &[i(5)], &mut |function, args| {
        asked.push((function, args.to_vec()));
        Some(Ok(i(1_000)))
    });
    assert_eq!(answer, Ok(i(1_005)));
    assert_eq!(asked, [(FunctionId(0), vec![i(4)])]);
}
