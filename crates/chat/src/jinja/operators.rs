//! Arithmetic, concatenation, subscripts and slices.

use super::{
    Result,
    ast::BinaryOp,
    filters,
    machine::Machine,
    number, printf, repr,
    value::{Range, Seq, Str, Value},
};
use crate::error::Error;

/// The error of an operand that does not exist.
pub(crate) fn require(value: &Value) -> Result<()> {
    match value {
        Value::Undefined(missing) => Err(Error::render(&missing.message)),
        _ => Ok(()),
    }
}

/// `left op right`.
pub(crate) fn binary(op: BinaryOp, left: &Value, right: &Value, machine: &Machine<'_>) -> Result<Value> {
    require(left)?;
    if op == BinaryOp::Mod
        && let Value::Str(format) = left
    {
        return printf::format(format, right, machine);
    }
    require(right)?;
    if let Some(result) = arithmetic(op, left, right) {
        return result;
    }
    match (op, left, right) {
        (BinaryOp::Add, Value::Str(a), Value::Str(b)) => add_text(a, b, machine),
        (BinaryOp::Add, Value::List(a), Value::List(b)) => Value::list(joined(a, b, machine)?, &machine.meter),
        (BinaryOp::Add, Value::Tuple(a), Value::Tuple(b)) => Value::tuple(joined(a, b, machine)?, &machine.meter),
        (BinaryOp::Mul, Value::Str(text), n) | (BinaryOp::Mul, n, Value::Str(text)) if n.as_int().is_some() => {
            let n = repetitions(n);
            machine.meter.bytes(text.text.len().saturating_mul(n))?;
            Ok(Value::text(text.text.repeat(n), text.safe))
        }
        (BinaryOp::Mul, Value::List(s), n) | (BinaryOp::Mul, n, Value::List(s)) if n.as_int().is_some() => {
            Value::list(repeated(s, repetitions(n), machine)?, &machine.meter)
        }
        (BinaryOp::Mul, Value::Tuple(s), n) | (BinaryOp::Mul, n, Value::Tuple(s)) if n.as_int().is_some() => {
            Value::tuple(repeated(s, repetitions(n), machine)?, &machine.meter)
        }
        (BinaryOp::Add, Value::Str(_), other) => {
            Err(Error::render(format!("can only concatenate str (not \"{}\") to str", other.type_name())))
        }
        _ => Err(Error::render(format!(
            "unsupported operand types for {}: '{}' and '{}'",
            op.sign(),
            left.type_name(),
            right.type_name()
        ))),
    }
}

fn repetitions(n: &Value) -> usize {
    usize::try_from(n.as_int().unwrap_or(0).max(0)).unwrap_or(usize::MAX)
}

fn joined(a: &Seq, b: &Seq, machine: &Machine<'_>) -> Result<Vec<Value>> {
    machine.meter.scan(a.items.len() + b.items.len())?;
    Ok([a.items.as_slice(), &b.items].concat())
}

fn repeated(s: &Seq, n: usize, machine: &Machine<'_>) -> Result<Vec<Value>> {
    machine.meter.slots(s.items.len().saturating_mul(n))?;
    let mut items = Vec::new();
    if !s.items.is_empty() {
        (0..n).for_each(|_| items.extend_from_slice(&s.items));
    }
    Ok(items)
}

/// `a + b`: where one side is `Markup`, the other is escaped.
fn add_text(a: &Str, b: &Str, machine: &Machine<'_>) -> Result<Value> {
    let (a, b, safe) = match (a.safe, b.safe) {
        (true, false) => (a.clone(), filters::escape_text(b, machine)?, true),
        (false, true) => (filters::escape_text(a, machine)?, b.clone(), true),
        (safe, _) => (a.clone(), b.clone(), safe),
    };
    machine.meter.bytes(a.text.len() + b.text.len())?;
    Ok(Value::text([&*a.text, &*b.text].concat(), safe))
}

/// The result on two numbers; none if one is no number.
fn arithmetic(op: BinaryOp, left: &Value, right: &Value) -> Option<Result<Value>> {
    let overflow = || Error::render(format!("the result of {} does not fit 128 bits", op.sign()));
    let zero = || Error::render("division by zero");
    if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
        let result = match op {
            BinaryOp::Add => a.checked_add(b),
            BinaryOp::Sub => a.checked_sub(b),
            BinaryOp::Mul => a.checked_mul(b),
            BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::Div if b == 0 => return Some(Err(zero())),
            BinaryOp::FloorDiv => floor_div(a, b),
            BinaryOp::Mod => floor_div(a, b).and_then(|q| q.checked_mul(b)).and_then(|p| a.checked_sub(p)),
            BinaryOp::Div => return Some(Ok(Value::Float(a as f64 / b as f64))),
            BinaryOp::Pow if b < 0 => return Some(float_power(a as f64, b as f64)),
            BinaryOp::Pow => u32::try_from(b).ok().and_then(|b| match a {
                0 | 1 => Some(if b == 0 { 1 } else { a }),
                -1 => Some(if b % 2 == 0 { 1 } else { -1 }),
                _ => a.checked_pow(b),
            }),
        };
        return Some(result.map(Value::Int).ok_or_else(overflow));
    }
    let (a, b) = (left.as_float()?, right.as_float()?);
    Some(match op {
        BinaryOp::Add => Ok(Value::Float(a + b)),
        BinaryOp::Sub => Ok(Value::Float(a - b)),
        BinaryOp::Mul => Ok(Value::Float(a * b)),
        BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod if b == 0.0 => Err(zero()),
        BinaryOp::Div => Ok(Value::Float(a / b)),
        BinaryOp::FloorDiv => Ok(Value::Float((a / b).floor())),
        BinaryOp::Mod => {
            let rest = a % b;
            Ok(Value::Float(if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }))
        }
        BinaryOp::Pow => float_power(a, b),
    })
}

fn floor_div(a: i128, b: i128) -> Option<i128> {
    let quotient = a.checked_div(b)?;
    Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

fn float_power(a: f64, b: f64) -> Result<Value> {
    if a == 0.0 && b < 0.0 {
        return Err(Error::render("0.0 cannot be raised to a negative power"));
    }
    if a < 0.0 && b.fract() != 0.0 {
        return Err(Error::render("a negative number to a fractional power is a complex number"));
    }
    Ok(Value::Float(a.powf(b)))
}

/// `-value` or `+value`.
pub(crate) fn sign(negative: bool, value: &Value) -> Result<Value> {
    require(value)?;
    if let Value::Float(f) = value {
        return Ok(Value::Float(if negative { -f } else { *f }));
    }
    let Some(i) = value.as_int() else {
        return Err(Error::render(format!("bad operand type for unary -: '{}'", value.type_name())));
    };
    let signed = if negative { i.checked_neg() } else { Some(i) };
    signed.map(Value::Int).ok_or_else(|| Error::render("a number that does not fit 128 bits"))
}

/// `a ~ b ~ …`: the texts of all, never `Markup`.
pub(crate) fn concat(values: &[Value], machine: &Machine<'_>) -> Result<Value> {
    let mut out = super::meter::Text::new(&machine.meter);
    for value in values {
        repr::write_str(value, machine, &mut out)?;
    }
    Ok(Value::str(out.into_string()))
}

/// Where Python's index `i` is in something of `len` items.
pub(crate) fn index(i: i128, len: usize) -> Option<usize> {
    let at = if i < 0 { i.checked_add(len as i128)? } else { i };
    usize::try_from(at).ok().filter(|at| *at < len)
}

/// Returns what `value[start:stop:step]` gives.
pub(crate) fn slice(value: &Value, parts: &[Value; 3], machine: &Machine<'_>) -> Result<Value> {
    require(value)?;
    let mut numbers = [None; 3];
    for (number, part) in numbers.iter_mut().zip(parts) {
        require(part)?;
        *number = part.as_int();
        if number.is_none() && !matches!(part, Value::None) {
            return Err(Error::render("slice indices must be integers or None"));
        }
    }
    let meter = &machine.meter;
    match value {
        Value::Str(s) => {
            meter.scan(s.text.len())?;
            if s.text.is_ascii() && numbers[2].is_none_or(|step| step == 1) {
                let picked = Picked::new(numbers, s.text.len())?;
                let from = usize::try_from(picked.start).unwrap_or(0);
                let part = s.text.get(from..from + picked.len).unwrap_or("");
                meter.bytes(part.len())?;
                return Ok(Value::text(part, s.safe));
            }
            meter.bytes(s.text.len().saturating_mul(4))?;
            let chars: Vec<char> = s.text.chars().collect();
            let picked = Picked::new(numbers, chars.len())?;
            let text: String = picked.positions().filter_map(|at| chars.get(at)).collect();
            meter.bytes(text.len())?;
            Ok(Value::text(text, s.safe))
        }
        Value::List(s) => Value::list(picked_items(&s.items, numbers)?, meter),
        Value::Tuple(s) => Value::tuple(picked_items(&s.items, numbers)?, meter),
        Value::Range(r) => {
            let picked = Picked::new(numbers, r.len)?;
            // A step that is never taken must not grow from slice to slice.
            let (start, step) = match picked.len {
                0 => (r.start, 1),
                1 => (r.start + r.step * picked.start, 1),
                _ => (r.start + r.step * picked.start, r.step * picked.step),
            };
            Ok(Value::Range(std::rc::Rc::new(Range { start, step, len: picked.len })))
        }
        _ => Err(Error::render(format!("'{}' object cannot be sliced", value.type_name()))),
    }
}

fn picked_items(items: &[Value], numbers: [Option<i128>; 3]) -> Result<Vec<Value>> {
    let picked = Picked::new(numbers, items.len())?;
    Ok(picked.positions().filter_map(|at| items.get(at)).cloned().collect())
}

/// The positions that a slice picks, by Python's rules.
struct Picked {
    start: i128,
    step: i128,
    len: usize,
}

impl Picked {
    fn new([start, stop, step]: [Option<i128>; 3], len: usize) -> Result<Self> {
        let n = len as i128;
        // No step beyond the length picks more than one item.
        let step = step.unwrap_or(1).clamp(-n - 1, n + 1);
        if step == 0 {
            return Err(Error::render("slice step cannot be zero"));
        }
        let (lowest, highest) = if step > 0 { (0, n) } else { (-1, n - 1) };
        let place = |at: Option<i128>, default: i128| match at {
            None => default,
            Some(at) if at < 0 => at.saturating_add(n).max(lowest),
            Some(at) => at.min(highest),
        };
        let (start, stop) = if step > 0 {
            (place(start, lowest), place(stop, highest))
        } else {
            (place(start, highest), place(stop, lowest))
        };
        let distance = if step > 0 { stop - start } else { start - stop };
        let len = if distance > 0 { (distance - 1) / step.abs() + 1 } else { 0 };
        Ok(Self { start, step, len: usize::try_from(len).unwrap_or(0) })
    }

    fn positions(&self) -> impl Iterator<Item = usize> {
        let (start, step) = (self.start, self.step);
        (0..self.len as i128).map(move |i| usize::try_from(start + step * i).unwrap_or(usize::MAX))
    }
}

/// The `abs` of a number.
pub(crate) fn abs(value: &Value) -> Result<Value> {
    require(value)?;
    match value {
        Value::Float(f) => Ok(Value::Float(f.abs())),
        _ => match value.as_int().and_then(i128::checked_abs) {
            Some(i) => Ok(Value::Int(i)),
            None => Err(Error::render(format!("bad operand type for abs(): '{}'", value.type_name()))),
        },
    }
}

/// Python's `int(value)` of a number.
pub(crate) fn truncate(value: &Value) -> Option<i128> {
    match value {
        Value::Float(f) => number::float_as_int(*f),
        _ => value.as_int(),
    }
}
