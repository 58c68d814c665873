//! Known values: literals, and initialisers of constants.

use super::{
    C,
    terms::{Printed, Shape},
};
use crate::{
    decimal::{show_f32, show_float},
    generate::{
        reach::{field_types, parts},
        writer::text,
    },
    types::{Type, TypeId},
    value::Value,
};

impl C<'_> {
    /// A known value; arrays that it points at stand before the functions.
    pub(super) fn value(&self, ty: &Type, value: &Value) -> Printed {
        match value {
            Value::String(string) => {
                self.need("text_literal");
                (text(format!("VIBEE_TEXT({})", string_literal(string))), Shape::Atom)
            }
            _ if matches!(ty, Type::Named(id) if self.types.is_bare(*id)) => {
                (text(self.initial(ty, value)), Shape::Atom)
            }
            Value::Bool(_) | Value::U64(_) => (text(self.initial(ty, value)), Shape::Atom),
            Value::Trit(n) => (text(format!("(vibee_trit){n}")), Shape::Other),
            Value::Tryte(_) | Value::Int(_) | Value::Float(_) | Value::F32(_) => {
                let literal = self.initial(ty, value);
                let shape = if literal.starts_with(['-', '(']) { Shape::Other } else { Shape::Atom };
                (text(literal), shape)
            }
            _ => {
                let initial = self.initial(ty, value);
                let mut constants = self.constants.borrow_mut();
                let key = format!("{} {initial}", self.types.name(ty));
                let at = constants.iter().position(|(of, _)| *of == key).unwrap_or_else(|| {
                    let n = constants.len();
                    constants
                        .push((key, format!("static const {} vibee_constant_{n} = {initial};", self.types.name(ty))));
                    n
                });
                (text(format!("vibee_constant_{at}")), Shape::Atom)
            }
        }
    }

    /// A constant's initialiser.
    pub(super) fn initial(&self, ty: &Type, value: &Value) -> String {
        let inner = |i: usize| parts(ty).get(i).map_or(Type::Poison, |ty| (*ty).clone());
        let array =
            |ty: &Type, items: Vec<String>| format!("(const {}[]){{{}}}", self.types.name(ty), items.join(", "));
        match value {
            Value::Bool(value) => value.to_string(),
            Value::Trit(n) => n.to_string(),
            Value::Tryte(n) | Value::Int(n) => int_literal(*n),
            Value::U64(n) if *n < 1 << 32 => format!("UINT64_C({n})"),
            Value::U64(n) => format!("UINT64_C(0x{n:x})"),
            Value::Float(x) if x.is_nan() => "(double)NAN".to_owned(),
            Value::Float(x) if x.is_infinite() => {
                (if *x > 0.0 { "(double)INFINITY" } else { "-(double)INFINITY" }).to_owned()
            }
            Value::Float(x) => show_float(*x),
            Value::F32(x) if x.is_nan() => "NAN".to_owned(),
            Value::F32(x) if x.is_infinite() => (if *x > 0.0 { "INFINITY" } else { "-INFINITY" }).to_owned(),
            Value::F32(x) => format!("{}f", show_f32(*x)),
            Value::String(string) => octets(string.len(), &string_literal(string)),
            Value::Bytes(bytes) => octets(bytes.len(), &bytes_literal(bytes)),
            Value::List(items) if items.is_empty() => "{0}".to_owned(),
            Value::List(items) => {
                let of = inner(0);
                let values = items.iter().map(|item| self.initial(&of, item)).collect();
                format!("{{{}, {}, NULL}}", array(&of, values), items.len())
            }
            Value::Set(items) if items.is_empty() => "{0}".to_owned(),
            Value::Set(items) => {
                let of = inner(0);
                let values = items.iter().map(|item| self.initial(&of, item)).collect();
                format!("{{{}, {}, NULL}}", array(&of, values), items.len())
            }
            Value::Map(entries) if entries.is_empty() => "{0}".to_owned(),
            Value::Map(entries) => {
                let keys = entries.keys().map(|key| self.initial(&inner(0), key)).collect();
                let values = entries.values().map(|value| self.initial(&inner(1), value)).collect();
                format!("{{{}, {}, {}}}", array(&inner(0), keys), array(&inner(1), values), entries.len())
            }
            Value::Option(None) => "{0}".to_owned(),
            Value::Option(Some(value)) => format!("{{true, {}}}", self.initial(&inner(0), value)),
            Value::Result(Ok(value)) => format!("{{true, {{.ok = {}}}}}", self.initial(&inner(0), value)),
            Value::Result(Err(value)) => format!("{{false, {{.err = {}}}}}", self.initial(&inner(1), value)),
            Value::Tuple(items) => {
                let values: Vec<String> =
                    items.iter().enumerate().map(|(i, item)| self.initial(&inner(i), item)).collect();
                format!("{{{}}}", values.join(", "))
            }
            Value::Record(id, items) => self.initial_fields((*id, 0), items),
            Value::Enum(id, case, items) => {
                let name = self.types.cases.get(&(*id, *case)).cloned().unwrap_or_default();
                if self.types.is_bare(*id) {
                    return name;
                }
                if items.is_empty() {
                    return format!("{{.which = {name}}}");
                }
                let member = self.types.members.get(&(*id, *case)).cloned().unwrap_or_default();
                format!("{{{name}, {{.{member} = {}}}}}", self.initial_fields((*id, *case), items))
            }
        }
    }

    fn initial_fields(&self, case: (TypeId, u16), items: &[Value]) -> String {
        let types = field_types(self.input.program, case);
        let values = items.iter().zip(&types).map(|(item, ty)| {
            let value = self.initial(ty, item);
            if !self.types.is_boxed(case.0, ty) {
                value
            } else if value.starts_with('{') {
                format!("&(const {}){value}", self.types.name(ty))
            } else {
                format!("&(const {}){{{value}}}", self.types.name(ty))
            }
        });
        let values: Vec<String> = values.collect();
        if values.is_empty() { "{0}".to_owned() } else { format!("{{{}}}", values.join(", ")) }
    }
}

fn octets(length: usize, literal: &str) -> String {
    if length == 0 { "{0}".to_owned() } else { format!("{{(const uint8_t *){literal}, {length}, NULL}}") }
}

/// A literal in double quotes; what is no letter, digit or ASCII is escaped, and no trigraph can come of it.
pub(super) fn string_literal(string: &str) -> String {
    let mut literal = String::from("\"");
    for c in string.chars() {
        match c {
            '"' | '\\' | '?' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            ' '..='~' => literal.push(c),
            _ if c.is_alphanumeric() && !c.is_ascii() => literal.push(c),
            _ => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| literal.push_str(&format!("\\{byte:03o}"))),
        }
    }
    literal.push('"');
    literal
}

fn bytes_literal(bytes: &[u8]) -> String {
    let mut literal = String::from("\"");
    for byte in bytes {
        match byte {
            b'"' | b'\\' | b'?' => literal.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => literal.push(char::from(*byte)),
            _ => literal.push_str(&format!("\\{byte:03o}")),
        }
    }
    literal.push('"');
    literal
}

/// A literal of an Int.
pub(super) fn int_literal(n: i64) -> String {
    match n {
        i64::MIN => "INT64_MIN".to_owned(),
        i64::MAX => "INT64_MAX".to_owned(),
        _ if i32::try_from(n).is_ok() => n.to_string(),
        _ => format!("INT64_C({n})"),
    }
}
