//! Known values as Rust writes them.

use std::borrow::Cow;

use super::{
    super::writer::{Doc, list, many, text},
    Rust,
};
use crate::{
    types::{FieldDef, Shape, Type, TypeId},
    value::Value,
};

impl Rust<'_> {
    /// A value where a parameter takes it: texts and lists borrowed.
    pub(super) fn argument(&self, value: &Value, ty: &Type) -> Doc {
        let ty = self.input.program.erased(ty);
        match value {
            Value::String(chars) => text(string(chars)),
            Value::Bytes(_) | Value::List(_) => {
                let items = match self.items(value, &ty) {
                    items if items.is_empty() => return text("&[]"),
                    items => items,
                };
                list("&[", items, "]", ",")
            }
            _ if self.is_copy(&ty) => self.owned_value(value, &ty),
            _ => many([text("&"), self.owned_value(value, &ty)]),
        }
    }

    fn items(&self, value: &Value, ty: &Type) -> Vec<Doc> {
        match (value, ty) {
            (Value::Bytes(bytes), _) => bytes.iter().map(|byte| text(byte.to_string())).collect(),
            (Value::List(items), Type::List(of)) => items.iter().map(|item| self.owned_value(item, of)).collect(),
            (Value::Set(items), Type::Set(of)) => items.iter().map(|item| self.owned_value(item, of)).collect(),
            (Value::Map(items), Type::Map(key, of)) => {
                let pair = |(k, v): (&Value, &Value)| {
                    list("(", vec![self.owned_value(k, key), self.owned_value(v, of)], ")", ",")
                };
                items.iter().map(pair).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A value that is owned.
    pub(super) fn owned_value(&self, value: &Value, ty: &Type) -> Doc {
        let ty = self.input.program.erased(ty);
        let inner = |value: &Value, place: usize| {
            let ty = super::super::reach::parts(&ty).get(place).map_or(Type::Poison, |ty| (*ty).clone());
            self.owned_value(value, &ty)
        };
        match value {
            Value::Bool(value) => text(value.to_string()),
            Value::Trit(digit) => text(match digit {
                1 => "Trit::Plus",
                0 => "Trit::Zero",
                _ => "Trit::Minus",
            }),
            Value::Int(i64::MIN) | Value::Tryte(i64::MIN) => text("i64::MIN"),
            Value::Int(n) | Value::Tryte(n) => text(n.to_string()),
            Value::U64(n) => text(n.to_string()),
            Value::Float(x) => text(float(*x, "f64")),
            Value::F32(x) => text(float32(*x)),
            Value::String(chars) if chars.is_empty() => text("String::new()"),
            Value::String(chars) => text(format!("String::from({})", string(chars))),
            Value::Bytes(_) | Value::List(_) => match self.items(value, &ty) {
                items if items.is_empty() => text("Vec::new()"),
                items => list("Vec::from([", items, "])", ","),
            },
            Value::Set(_) => match self.items(value, &ty) {
                items if items.is_empty() => text("BTreeSet::new()"),
                items => list("BTreeSet::from([", items, "])", ","),
            },
            Value::Map(_) => match self.items(value, &ty) {
                items if items.is_empty() => text("BTreeMap::new()"),
                items => list("BTreeMap::from([", items, "])", ","),
            },
            Value::Option(None) => text("None"),
            Value::Option(Some(value)) => many([text("Some("), inner(value, 0), text(")")]),
            Value::Result(Ok(value)) => many([text("Ok("), inner(value, 0), text(")")]),
            Value::Result(Err(value)) => many([text("Err("), inner(value, 1), text(")")]),
            Value::Tuple(items) => {
                list("(", items.iter().enumerate().map(|(i, item)| inner(item, i)).collect(), ")", ",")
            }
            Value::Record(id, items) => self.made(*id, 0, self.field_values(*id, 0, items)),
            Value::Enum(id, case, items) => self.made(*id, *case, self.field_values(*id, *case, items)),
        }
    }

    fn field_values(&self, id: TypeId, case: u16, values: &[Value]) -> Vec<Doc> {
        let defs = self.field_defs(id, case);
        defs.iter().zip(values).map(|(field, value)| self.owned_value(value, &field.ty)).collect()
    }

    /// The fields of a record, or of a case.
    pub(super) fn field_defs(&self, id: TypeId, case: u16) -> &[FieldDef] {
        match &self.input.program.type_def(id).shape {
            Shape::Record(fields) => fields,
            Shape::Enum { cases, .. } => cases.get(case as usize).map_or(&[], |case| &case.fields),
            _ => &[],
        }
    }

    /// `Type { … }` or `Type::Case { … }` of fields that are owned.
    pub(super) fn made(&self, id: TypeId, case: u16, fields: Vec<Doc>) -> Doc {
        let name = self.made_name(id, case);
        let is_record = matches!(self.input.program.type_def(id).shape, Shape::Record(_));
        if fields.is_empty() {
            return text(if is_record { format!("{name} {{}}") } else { name });
        }
        let field = |(i, value): (u16, Doc)| {
            let field = self.naming.field(id, case, i);
            let value =
                if self.boxed.contains(&(id, case, i)) { many([text("Box::new("), value, text(")")]) } else { value };
            if value.is(field) { value } else { many([text(format!("{field}: ")), value]) }
        };
        spaced(format!("{name} {{"), (0..).zip(fields).map(field).collect(), "}")
    }

    /// `Type` or `Type::Case`.
    pub(super) fn made_name(&self, id: TypeId, case: u16) -> String {
        match &self.input.program.type_def(id).shape {
            Shape::Enum { .. } => format!("{}::{}", self.naming.ty(id), self.naming.case(id, case)),
            _ => self.naming.ty(id).to_owned(),
        }
    }
}

/// A list between braces, with spaces inside where it stands on one line.
pub(in super::super) fn spaced(open: impl Into<Cow<'static, str>>, items: Vec<Doc>, close: &'static str) -> Doc {
    let mut inner = vec![Doc::Line];
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            inner.extend([text(","), Doc::Line]);
        }
        inner.push(item);
    }
    inner.push(Doc::IfBroken(","));
    Doc::Group(Box::new(many([text(open), Doc::Nest(Box::new(many(inner))), Doc::Line, text(close)])))
}

/// A text literal.
pub(super) fn string(chars: &str) -> String {
    let mut literal = String::from("\"");
    for c in chars.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            // Letters stand as they are; what cannot be seen, or turns the direction of a line, does not.
            c if c.is_alphanumeric() || (c.is_ascii() && !c.is_ascii_control()) => literal.push(c),
            c => literal.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    literal.push('"');
    literal
}

fn float(x: f64, ty: &str) -> String {
    match x {
        _ if x.is_nan() => format!("{ty}::NAN"),
        f64::INFINITY => format!("{ty}::INFINITY"),
        f64::NEG_INFINITY => format!("{ty}::NEG_INFINITY"),
        _ => format!("{x:?}"),
    }
}

fn float32(x: f32) -> String {
    if x.is_finite() { format!("{x:?}") } else { float(f64::from(x), "f32") }
}
