//! Operations on texts, lists, sets and maps, and comparisons: what costs fuel and memory by its size.

use std::{cmp::Ordering, collections::BTreeMap, rc::Rc};

use super::{Run, bug, int};
use crate::{
    decimal,
    intrinsic::Intrinsic as Op,
    order,
    value::{Fault, Outcome, Value},
};

impl Run<'_, '_> {
    /// Computes an operation that is none of numbers alone.
    pub(super) fn data(&mut self, op: Op, operands: Vec<Value>) -> Outcome {
        let mut operands = operands.into_iter();
        let mut next = || operands.next().unwrap_or_else(|| bug("an operand"));
        let a = next();
        match op {
            Op::Eq => self.equal(&a, &next()).map(Value::Bool),
            Op::Ne => self.equal(&a, &next()).map(|is_equal| Value::Bool(!is_equal)),
            Op::Lt => self.less(&a, &next()).map(Value::Bool),
            Op::Le => self.less_or_equal(&a, &next()).map(Value::Bool),
            Op::Gt => self.less(&next(), &a).map(Value::Bool),
            Op::Ge => self.less_or_equal(&next(), &a).map(Value::Bool),
            Op::Same => Ok(Value::Bool(self.compare(&a, &next())? == Ordering::Equal)),
            Op::Compare => Ok(Value::Int(self.compare(&a, &next())? as i64)),
            Op::OptionUnwrap => match a {
                Value::Option(inner) => inner.map(|inner| (*inner).clone()).ok_or(Fault::Unwrap),
                _ => bug("an Option"),
            },
            Op::ResultUnwrap => match a {
                Value::Result(inner) => inner.map(|inner| (*inner).clone()).map_err(|_| Fault::Unwrap),
                _ => bug("a Result"),
            },
            Op::ListRange => self.list_range(int(&a), int(&next())),
            Op::BytesFromList | Op::SetOf | Op::MapOf | Op::StringJoin => {
                let Value::List(items) = a else { bug("a List") };
                self.charge_bulk(items.len())?;
                match op {
                    Op::BytesFromList => self.bytes_of(&items),
                    Op::SetOf => self.set_of(&items),
                    Op::MapOf => self.map_of(&items),
                    _ => self.join(&items, &text(&next())),
                }
            }
            _ => match a {
                Value::List(items) => self.list(op, items, next),
                Value::Set(_) => self.set_op(op, a, next),
                Value::Map(_) => self.map_op(op, a, next),
                Value::String(text) => self.text(op, &text, next),
                Value::Bytes(bytes) => self.bytes(op, &bytes, next),
                a => self.shown(op, &a),
            },
        }
    }

    fn made(&mut self, value: Value) -> Outcome {
        self.charge_bulk((value.own_bytes() / 16) as usize)?;
        self.allocated(&value)?;
        Ok(value)
    }

    /// Lets a comparison look at eight parts for each unit of fuel.
    fn budgeted<T>(&mut self, compare: impl FnOnce(&mut u64) -> Option<T>) -> Result<T, Fault> {
        let whole = self.fuel.saturating_mul(8);
        let mut budget = whole;
        let result = compare(&mut budget);
        self.charge((whole - budget) / 8)?;
        result.ok_or(Fault::Fuel)
    }

    fn compare(&mut self, a: &Value, b: &Value) -> Result<Ordering, Fault> {
        self.budgeted(|budget| order::compare_within(a, b, budget))
    }

    fn equal(&mut self, a: &Value, b: &Value) -> Result<bool, Fault> {
        self.budgeted(|budget| order::equal_within(a, b, budget))
    }

    fn less(&mut self, a: &Value, b: &Value) -> Result<bool, Fault> {
        match (a, b) {
            (Value::Float(_) | Value::F32(_), _) => Ok(order::less(a, b)),
            _ => Ok(self.compare(a, b)? == Ordering::Less),
        }
    }

    fn less_or_equal(&mut self, a: &Value, b: &Value) -> Result<bool, Fault> {
        match (a, b) {
            (Value::Float(_) | Value::F32(_), _) => Ok(order::less_or_equal(a, b)),
            _ => Ok(self.compare(a, b)? != Ordering::Greater),
        }
    }

    /// Charges what comparing a value with about `times` others costs at most.
    fn weigh(&mut self, value: &Value, times: u32) -> Result<(), Fault> {
        let parts = self.budgeted(|budget| {
            let whole = *budget;
            order::compare_within(value, value, budget).map(|_| whole - *budget)
        })?;
        self.charge((parts / 8).saturating_mul(u64::from(times)))
    }

    fn list_range(&mut self, first: i64, last: i64) -> Outcome {
        let n = i128::from(last) - i128::from(first) + 1;
        let n = u64::try_from(n.max(0)).unwrap_or(u64::MAX);
        self.charge(n / 8)?;
        self.allocated_bytes(n.saturating_mul(16), &Value::Bool(false))?;
        Ok(Value::List(Rc::new((first..=last).map(Value::Int).collect())))
    }

    fn bytes_of(&mut self, items: &[Value]) -> Outcome {
        let bytes: Result<Rc<[u8]>, _> = items.iter().map(|item| u8::try_from(int(item))).collect();
        let value = Value::Bytes(bytes.or(Err(Fault::Range))?);
        self.allocated(&value)?;
        Ok(value)
    }

    fn set_of(&mut self, items: &[Value]) -> Outcome {
        for item in items {
            self.weigh(item, items.len().ilog2())?;
        }
        self.made(Value::Set(Rc::new(items.iter().cloned().collect())))
    }

    fn map_of(&mut self, items: &[Value]) -> Outcome {
        let mut entries = BTreeMap::new();
        for item in items {
            let Value::Tuple(pair) = item else { bug("a pair") };
            let [key, of] = &**pair else { bug("a pair") };
            self.weigh(key, items.len().ilog2())?;
            entries.insert(key.clone(), of.clone());
        }
        self.made(Value::Map(Rc::new(entries)))
    }

    fn join(&mut self, items: &[Value], between: &str) -> Outcome {
        let texts: Vec<Rc<str>> = items.iter().map(text).collect();
        let bytes = texts.iter().map(|text| text.len()).sum::<usize>();
        let bytes = bytes.saturating_add(between.len().saturating_mul(texts.len().saturating_sub(1)));
        self.charge_bulk(bytes)?;
        self.allocated_bytes(16 + bytes as u64, &Value::Bool(false))?;
        Ok(Value::String(texts.join(between).into()))
    }

    fn list(&mut self, op: Op, mut items: Rc<Vec<Value>>, mut next: impl FnMut() -> Value) -> Outcome {
        match op {
            Op::ListLen => Ok(Value::Int(items.len() as i64)),
            Op::ListAt => {
                let at = index(&next(), items.len())?;
                Ok(items[at].clone())
            }
            Op::ListPush => {
                self.copied(&mut items, 16)?;
                Rc::make_mut(&mut items).push(next());
                Ok(Value::List(items))
            }
            Op::ListSet => {
                let at = index(&next(), items.len())?;
                self.copied(&mut items, 0)?;
                Rc::make_mut(&mut items)[at] = next();
                Ok(Value::List(items))
            }
            Op::ListConcat => {
                let Value::List(more) = next() else { bug("a List") };
                self.charge_bulk(more.len())?;
                self.copied(&mut items, 16 * more.len() as u64)?;
                Rc::make_mut(&mut items).extend_from_slice(&more);
                Ok(Value::List(items))
            }
            Op::ListSlice => {
                let range = slice(&next(), &next(), items.len())?;
                self.made(Value::List(Rc::new(items[range].to_vec())))
            }
            Op::ListSort => {
                for item in items.iter() {
                    self.weigh(item, items.len().ilog2())?;
                }
                self.copied(&mut items, 0)?;
                Rc::make_mut(&mut items).sort();
                Ok(Value::List(items))
            }
            _ => bug("an operation of a List"),
        }
    }

    /// Charges for the copy that a change makes where others hold the list, else for what is added.
    fn copied(&mut self, items: &mut Rc<Vec<Value>>, added_bytes: u64) -> Result<(), Fault> {
        let mut bytes = added_bytes;
        if Rc::get_mut(items).is_none() {
            self.charge_bulk(items.len())?;
            bytes += 16 + 16 * items.len() as u64;
        }
        self.allocated_bytes(bytes, &Value::List(items.clone()))
    }

    fn set_op(&mut self, op: Op, set: Value, mut next: impl FnMut() -> Value) -> Outcome {
        let bytes = set.own_bytes();
        let Value::Set(mut members) = set else { bug("a Set") };
        if matches!(op, Op::SetLen) {
            return Ok(Value::Int(members.len() as i64));
        }
        if matches!(op, Op::SetItems) {
            return self.made(Value::List(Rc::new(members.iter().cloned().collect())));
        }
        let member = next();
        self.weigh(&member, members.len().max(1).ilog2() + 1)?;
        if matches!(op, Op::SetHas) {
            return Ok(Value::Bool(members.contains(&member)));
        }
        self.changed(Rc::get_mut(&mut members).is_some(), bytes, 32)?;
        match op {
            Op::SetPut => Rc::make_mut(&mut members).insert(member),
            Op::SetDelete => Rc::make_mut(&mut members).remove(&member),
            _ => bug("an operation of a Set"),
        };
        Ok(Value::Set(members))
    }

    fn map_op(&mut self, op: Op, map: Value, mut next: impl FnMut() -> Value) -> Outcome {
        let bytes = map.own_bytes();
        let Value::Map(mut entries) = map else { bug("a Map") };
        if matches!(op, Op::MapLen) {
            return Ok(Value::Int(entries.len() as i64));
        }
        if matches!(op, Op::MapKeys) {
            return self.made(Value::List(Rc::new(entries.keys().cloned().collect())));
        }
        let key = next();
        self.weigh(&key, entries.len().max(1).ilog2() + 1)?;
        match op {
            Op::MapHas => return Ok(Value::Bool(entries.contains_key(&key))),
            Op::MapGet => return self.made(Value::Option(entries.get(&key).cloned().map(Rc::new))),
            Op::MapAt => return entries.get(&key).cloned().ok_or(Fault::Key),
            _ => {}
        }
        self.changed(Rc::get_mut(&mut entries).is_some(), bytes, 48)?;
        match op {
            Op::MapPut => Rc::make_mut(&mut entries).insert(key, next()),
            Op::MapDelete => Rc::make_mut(&mut entries).remove(&key),
            _ => bug("an operation of a Map"),
        };
        Ok(Value::Map(entries))
    }

    /// Charges for a change of a set or map: for one entry where nobody else holds it, else for a copy.
    fn changed(&mut self, is_unique: bool, bytes: u64, each: u64) -> Result<(), Fault> {
        if !is_unique {
            self.charge(bytes / each / 8)?;
        }
        self.allocated_bytes(if is_unique { each } else { bytes + each }, &Value::Bool(false))
    }

    fn text(&mut self, op: Op, whole: &Rc<str>, mut next: impl FnMut() -> Value) -> Outcome {
        if !matches!(op, Op::StringAt | Op::StringConcat | Op::StringStartsWith | Op::StringEndsWith | Op::StringCode) {
            self.charge_bulk(whole.len())?;
        }
        match op {
            Op::StringLen => Ok(Value::Int(whole.chars().count() as i64)),
            Op::StringAt => {
                let at = usize::try_from(int(&next())).or(Err(Fault::Index))?;
                self.charge_bulk(at.min(whole.len()))?;
                let c = whole.chars().nth(at).ok_or(Fault::Index)?;
                self.made(Value::String(c.encode_utf8(&mut [0; 4]).into()))
            }
            Op::StringConcat => {
                let more = text(&next());
                self.charge_bulk(whole.len().saturating_add(more.len()))?;
                self.made(Value::String(format!("{whole}{more}").into()))
            }
            Op::StringSlice => {
                let range = slice(&next(), &next(), whole.chars().count())?;
                let part: String = whole.chars().skip(range.start).take(range.len()).collect();
                self.made(Value::String(part.into()))
            }
            Op::StringFind => {
                let found = whole.find(&*text(&next()));
                let at = found.map(|at| Value::Int(whole.char_indices().take_while(|(i, _)| *i < at).count() as i64));
                self.made(Value::Option(at.map(Rc::new)))
            }
            Op::StringStartsWith => Ok(Value::Bool(whole.starts_with(&*text(&next())))),
            Op::StringEndsWith => Ok(Value::Bool(whole.ends_with(&*text(&next())))),
            Op::StringSplit => {
                let between = text(&next());
                if between.is_empty() {
                    return Err(Fault::Range);
                }
                self.texts(whole.split(&*between).map(Into::into).collect())
            }
            Op::StringChars => self.texts(whole.chars().map(|c| Rc::from(&*c.encode_utf8(&mut [0; 4]))).collect()),
            Op::StringCode => {
                let mut chars = whole.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => Ok(Value::Int(i64::from(u32::from(c)))),
                    _ => Err(Fault::Index),
                }
            }
            Op::StringParseInt => self.made(Value::Option(parse_int(whole).map(|i| Rc::new(Value::Int(i))))),
            Op::StringParseFloat => self.made(Value::Option(parse_float(whole).map(|x| Rc::new(Value::Float(x))))),
            Op::BytesUtf8 => self.made(Value::Bytes(whole.as_bytes().into())),
            _ => bug("an operation of a String"),
        }
    }

    /// A list of new texts.
    fn texts(&mut self, texts: Vec<Rc<str>>) -> Outcome {
        let bytes = texts.iter().map(|text| 16 + text.len() as u64).sum();
        self.allocated_bytes(bytes, &Value::Bool(false))?;
        self.made(Value::List(Rc::new(texts.into_iter().map(Value::String).collect())))
    }

    fn bytes(&mut self, op: Op, bytes: &Rc<[u8]>, mut next: impl FnMut() -> Value) -> Outcome {
        match op {
            Op::BytesLen => Ok(Value::Int(bytes.len() as i64)),
            Op::BytesAt => Ok(Value::Int(i64::from(bytes[index(&next(), bytes.len())?]))),
            Op::BytesConcat => {
                let Value::Bytes(more) = next() else { bug("Bytes") };
                self.charge_bulk(bytes.len().saturating_add(more.len()))?;
                self.made(Value::Bytes([&**bytes, &*more].concat().into()))
            }
            Op::BytesSlice => {
                let range = slice(&next(), &next(), bytes.len())?;
                self.made(Value::Bytes(bytes[range].into()))
            }
            Op::BytesDecodeUtf8 => {
                self.charge_bulk(bytes.len())?;
                let Ok(decoded) = std::str::from_utf8(bytes) else { return Ok(Value::Option(None)) };
                let decoded = self.made(Value::String(decoded.into()))?;
                self.made(Value::Option(Some(Rc::new(decoded))))
            }
            _ => bug("an operation of Bytes"),
        }
    }

    /// Texts of numbers.
    fn shown(&mut self, op: Op, a: &Value) -> Outcome {
        let shown = match (op, a) {
            (Op::StringShowInt, Value::Int(i)) => i.to_string(),
            (Op::StringShowU64, Value::U64(i)) => i.to_string(),
            (Op::StringShowFloat, Value::Float(x)) => decimal::show_float(*x),
            (Op::StringShowF32, Value::F32(x)) => decimal::show_f32(*x),
            (Op::StringFromCode, Value::Int(i)) => {
                u32::try_from(*i).ok().and_then(char::from_u32).ok_or(Fault::Range)?.to_string()
            }
            _ => bug("an operation of these types"),
        };
        self.made(Value::String(shown.into()))
    }
}

/// `from_digits`, which needs the width that the expression's type has.
pub(super) fn tryte_of(operands: &[Value], width: u8) -> Outcome {
    let [Value::List(digits)] = operands else { bug("a List") };
    if digits.len() != usize::from(width) {
        return Err(Fault::Range);
    }
    let number = digits.iter().fold(0i128, |number, digit| {
        let Value::Trit(digit) = digit else { bug("a Trit") };
        number * 3 + i128::from(*digit)
    });
    Ok(Value::Tryte(number as i64))
}

fn text(value: &Value) -> Rc<str> {
    let Value::String(text) = value else { bug("a String") };
    text.clone()
}

fn index(at: &Value, len: usize) -> Result<usize, Fault> {
    usize::try_from(int(at)).ok().filter(|at| *at < len).ok_or(Fault::Index)
}

fn slice(first: &Value, second: &Value, len: usize) -> Result<std::ops::Range<usize>, Fault> {
    let place = |at: &Value| usize::try_from(int(at)).or(Err(Fault::Index));
    let (first, second) = (place(first)?, place(second)?);
    if first <= second && second <= len { Ok(first..second) } else { Err(Fault::Index) }
}

/// `[+-]?[0-9]+` within Int's range.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_one = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if is_one { text.parse().ok() } else { None }
}

/// Parses what matches `[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?`.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Rust reads this form and beside it only `inf`, `infinity` and `nan`.
    let is_one = unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    let is_one = is_one && unsigned.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'.');
    if is_one { text.parse().ok() } else { None }
}
