//! Values, faults, and what a value costs.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use crate::types::TypeId;

/// Why an evaluation ended without a value. Faults are compared like values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Fault {
    /// A result outside Int's range.
    Overflow,
    /// A division by zero.
    DivZero,
    /// A conversion that would not be exact.
    Inexact,
    /// A value outside the type that it enters.
    Range,
    /// An index outside a list, text or bytes.
    Index,
    /// A key that a map does not have.
    Key,
    /// `unwrap` of `None` or `Err`.
    Unwrap,
    /// A precondition that does not hold.
    Given,
    /// A postcondition that does not hold.
    Then,
    /// A recursive call whose measure did not get smaller.
    Decreases,
    /// The fuel is used up.
    Fuel,
    /// The memory is used up.
    Memory,
    /// Too many calls within calls.
    Depth,
}

impl Fault {
    /// All faults with the names that specifications and the runner protocol use.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::Overflow, "overflow"),
        (Self::DivZero, "div_zero"),
        (Self::Inexact, "inexact"),
        (Self::Range, "range"),
        (Self::Index, "index"),
        (Self::Key, "key"),
        (Self::Unwrap, "unwrap"),
        (Self::Given, "given"),
        (Self::Then, "then"),
        (Self::Decreases, "decreases"),
        (Self::Fuel, "fuel"),
        (Self::Memory, "memory"),
        (Self::Depth, "depth"),
    ];

    /// Gives the name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Finds a fault by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(fault, _)| *fault)
    }
}

/// A value. `==` between values in Rust is [`crate::order::same`], their order [`crate::order::compare`]; the
/// language's `==` is [`crate::order::equal`].
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug)]
pub enum Value {
    Bool(bool),
    /// Of `Trit`: −1, 0, 1.
    Trit(i8),
    /// Of `Tryte<n>`, by its number.
    Tryte(i64),
    /// Of `Int` and its ranges.
    Int(i64),
    U64(u64),
    /// Of `Float`; a NaN is always [`f64::NAN`] with the sign clear.
    Float(f64),
    /// Of `F32`; NaN likewise.
    F32(f32),
    String(Rc<str>),
    Bytes(Rc<[u8]>),
    List(Rc<Vec<Value>>),
    Set(Rc<BTreeSet<Value>>),
    Map(Rc<BTreeMap<Value, Value>>),
    Option(Option<Rc<Value>>),
    Result(Result<Rc<Value>, Rc<Value>>),
    /// Of a tuple.
    Tuple(Rc<[Value]>),
    /// Of a record: its fields in the order of declaration.
    Record(TypeId, Rc<[Value]>),
    /// Of an enum: the case's number and what it carries.
    Enum(TypeId, u16, Payload),
}

/// What a case of an enum carries, in the order of declaration.
///
/// Enums are the one type that may contain itself, so a chain of them can be longer than the stack is deep: they are
/// taken apart without recursion.
#[derive(Clone, Debug)]
pub struct Payload(Rc<[Value]>);

impl std::ops::Deref for Payload {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl From<Vec<Value>> for Payload {
    fn from(values: Vec<Value>) -> Self {
        Self(values.into())
    }
}

impl From<Rc<[Value]>> for Payload {
    fn from(values: Rc<[Value]>) -> Self {
        Self(values)
    }
}

impl FromIterator<Value> for Payload {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let mut rest = Vec::new();
        take_parts(&mut self.0, &mut rest);
        while let Some(mut value) = rest.pop() {
            match &mut value {
                Value::List(items) => rest.extend(Rc::get_mut(items).into_iter().flat_map(std::mem::take)),
                Value::Set(members) => rest.extend(Rc::get_mut(members).into_iter().flat_map(std::mem::take)),
                Value::Map(entries) => {
                    let entries = Rc::get_mut(entries).into_iter().flat_map(std::mem::take);
                    rest.extend(entries.flat_map(|(key, of)| [key, of]));
                }
                Value::Option(Some(inner)) | Value::Result(Ok(inner) | Err(inner)) => {
                    rest.extend(Rc::get_mut(inner).map(|inner| std::mem::replace(inner, Value::Bool(false))));
                }
                Value::Tuple(parts) | Value::Record(_, parts) => take_parts(parts, &mut rest),
                Value::Enum(_, _, payload) => take_parts(&mut payload.0, &mut rest),
                _ => {}
            }
        }
    }
}

/// Moves the parts that hold others to `rest`, if nobody else holds `parts`.
fn take_parts(parts: &mut Rc<[Value]>, rest: &mut Vec<Value>) {
    if !parts.iter().any(Value::has_parts) {
        return;
    }
    for part in Rc::get_mut(parts).into_iter().flatten() {
        if part.has_parts() {
            rest.push(std::mem::replace(part, Value::Bool(false)));
        }
    }
}

impl Value {
    /// Bytes that a value itself takes, its parts left out: the table that memory is counted by.
    ///
    /// | value | bytes |
    /// | --- | --- |
    /// | Bool, numbers, Trit, Tryte, `None`, a case that carries nothing | 0 |
    /// | String, Bytes of n bytes | 16 + n |
    /// | `Some`, `Ok`, `Err` | 32 |
    /// | List, tuple, record, case with n parts | 16 + 16 n |
    /// | Set of n members | 16 + 32 n |
    /// | Map of n entries | 16 + 48 n |
    pub fn own_bytes(&self) -> u64 {
        let table = |each: u64, n: usize| 16 + each * n as u64;
        match self {
            Self::String(text) => table(1, text.len()),
            Self::Bytes(bytes) => table(1, bytes.len()),
            Self::List(items) => table(16, items.len()),
            Self::Set(members) => table(32, members.len()),
            Self::Map(entries) => table(48, entries.len()),
            Self::Option(Some(_)) | Self::Result(_) => 32,
            Self::Tuple(parts) | Self::Record(_, parts) => table(16, parts.len()),
            Self::Enum(_, _, parts) if !parts.is_empty() => table(16, parts.len()),
            _ => 0,
        }
    }

    /// Whether it is of a kind that holds other values.
    fn has_parts(&self) -> bool {
        matches!(
            self,
            Self::List(_)
                | Self::Set(_)
                | Self::Map(..)
                | Self::Option(Some(_))
                | Self::Result(_)
                | Self::Tuple(_)
                | Self::Record(..)
                | Self::Enum(..)
        )
    }
}

/// What an evaluation gives.
pub type Outcome = Result<Value, Fault>;
