//! Values as JSON, by their declared type: what implementations get and give.
//!
//! | type | JSON |
//! | --- | --- |
//! | Bool, String | the same |
//! | Int | a number up to 2⁵³ − 1 on either side, else decimal text; either is read |
//! | Trit, Tryte | a number, as Int |
//! | U64 | 16 hexadecimal digits as text; 1 to 16 are read |
//! | Float, F32 | a number, or `"NaN"`, `"Infinity"`, `"-Infinity"`, `"-0"`; a number read as F32 is rounded to it |
//! | Bytes | two hexadecimal digits a byte, as text |
//! | List, tuple | a list |
//! | Set | a list in order; read in any, each member once |
//! | Map | a list of lists of key and value, in the keys' order; read in any, each key once |
//! | Option | `null` or `{"some": value}` |
//! | Result | `{"ok": value}` or `{"err": value}` |
//! | record | an object of all fields |
//! | enum | `"case"`, or `{"case": {…}}` with all fields where it carries some |
//!
//! Ranges of Int are kept to; conditions of constrained types are not asked here, for that takes an evaluator.

use std::rc::Rc;

use serde_json::{Map, Number, Value as Json};

use crate::{
    order::{canonical, canonical_f32},
    show::show_type,
    typed::Program,
    types::{FieldDef, Shape, Type},
    value::Value,
};

/// Levels of nesting: what readers of JSON take.
pub const DEPTH_MAX: usize = 120;
/// Numbers, texts, lists and objects of one value.
pub const PARTS_MAX: usize = 1 << 20;

const SAFE: i64 = (1 << 53) - 1;

/// A value that is not of the type, or no value of JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: expected {expected}, found {found}")]
pub struct JsonError {
    /// Where, such as `value.parts[2].seconds`.
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What stands there, cut to 60 characters.
    pub found: String,
}

/// Gives a value as JSON; an error where it nests deeper than [`DEPTH_MAX`] or has more than [`PARTS_MAX`] parts.
pub fn to_json(program: &Program, ty: &Type, value: &Value) -> Result<Json, JsonError> {
    Writer { program, parts: 0 }.value(ty, value, 0)
}

/// Reads a value of a type.
pub fn from_json(program: &Program, ty: &Type, json: &Json) -> Result<Value, JsonError> {
    Reader { program, path: "value".to_owned() }.value(ty, json)
}

struct Writer<'p> {
    program: &'p Program,
    parts: usize,
}

impl Writer<'_> {
    fn value(&mut self, ty: &Type, value: &Value, depth: usize) -> Result<Json, JsonError> {
        self.parts += 1;
        if depth > DEPTH_MAX || self.parts > PARTS_MAX {
            return Err(JsonError {
                path: "value".to_owned(),
                expected: format!("at most {DEPTH_MAX} levels and {PARTS_MAX} parts"),
                found: "more".to_owned(),
            });
        }
        let depth = depth + 1;
        Ok(match (ty, value) {
            (Type::Named(id), _)
                if let Shape::Constrained { base, .. } | Shape::Alias(base) = &self.program.type_def(*id).shape =>
            {
                self.value(base, value, depth)?
            }
            (_, Value::Bool(is_true)) => Json::Bool(*is_true),
            (_, Value::Trit(trit)) => Json::from(*trit),
            (_, Value::Int(number) | Value::Tryte(number)) => int(*number),
            (_, Value::U64(number)) => Json::from(format!("{number:016x}")),
            (_, Value::Float(x)) => float(*x),
            (_, Value::F32(x)) => float(f64::from(*x)),
            (_, Value::String(text)) => Json::from(&**text),
            (_, Value::Bytes(bytes)) => Json::from(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
            (Type::List(of), Value::List(items)) => self.list(items.iter(), of, depth)?,
            (Type::Set(of), Value::Set(members)) => self.list(members.iter(), of, depth)?,
            (Type::Map(key, of), Value::Map(entries)) => {
                let pair = |(k, v)| Ok(Json::from(vec![self.value(key, k, depth + 1)?, self.value(of, v, depth + 1)?]));
                Json::from(entries.iter().map(pair).collect::<Result<Vec<_>, JsonError>>()?)
            }
            (_, Value::Option(None)) => Json::Null,
            (Type::Option(of), Value::Option(Some(inner))) => object("some", self.value(of, inner, depth)?),
            (Type::Result(of, _), Value::Result(Ok(inner))) => object("ok", self.value(of, inner, depth)?),
            (Type::Result(_, err), Value::Result(Err(inner))) => object("err", self.value(err, inner, depth)?),
            (Type::Tuple(of), Value::Tuple(parts)) => {
                let parts = of.iter().zip(parts.iter()).map(|(ty, part)| self.value(ty, part, depth));
                Json::from(parts.collect::<Result<Vec<_>, JsonError>>()?)
            }
            (_, Value::Record(id, parts)) => match &self.program.type_def(*id).shape {
                Shape::Record(fields) => self.fields(fields, parts, depth)?,
                _ => return Err(wrong(self.program, ty)),
            },
            (_, Value::Enum(id, case, parts)) => match &self.program.type_def(*id).shape {
                Shape::Enum { cases, .. } => match cases.get(usize::from(*case)) {
                    Some(case) if case.fields.is_empty() => Json::from(case.name.as_str()),
                    Some(case) => object(&case.name, self.fields(&case.fields, parts, depth + 1)?),
                    None => return Err(wrong(self.program, ty)),
                },
                _ => return Err(wrong(self.program, ty)),
            },
            _ => return Err(wrong(self.program, ty)),
        })
    }

    fn list<'v>(&mut self, items: impl Iterator<Item = &'v Value>, of: &Type, depth: usize) -> Result<Json, JsonError> {
        Ok(Json::from(items.map(|item| self.value(of, item, depth)).collect::<Result<Vec<_>, _>>()?))
    }

    fn fields(&mut self, fields: &[FieldDef], parts: &[Value], depth: usize) -> Result<Json, JsonError> {
        let mut object = Map::new();
        for (field, part) in fields.iter().zip(parts) {
            object.insert(field.name.clone(), self.value(&field.ty, part, depth)?);
        }
        Ok(Json::Object(object))
    }
}

fn wrong(program: &Program, ty: &Type) -> JsonError {
    JsonError {
        path: "value".to_owned(),
        expected: show_type(program, ty),
        found: "a value of another type".to_owned(),
    }
}

fn int(number: i64) -> Json {
    if (-SAFE..=SAFE).contains(&number) { Json::from(number) } else { Json::from(number.to_string()) }
}

fn float(x: f64) -> Json {
    let name = if x.is_nan() {
        "NaN"
    } else if x == f64::INFINITY {
        "Infinity"
    } else if x == f64::NEG_INFINITY {
        "-Infinity"
    } else {
        "-0"
    };
    match Number::from_f64(x) {
        Some(number) if x != 0.0 || x.is_sign_positive() => Json::Number(number),
        _ => Json::from(name),
    }
}

fn object(key: &str, value: Json) -> Json {
    Json::Object([(key.to_owned(), value)].into_iter().collect())
}

struct Reader<'p> {
    program: &'p Program,
    path: String,
}

impl Reader<'_> {
    fn refuse(&self, expected: impl Into<String>, found: &Json) -> JsonError {
        let text = found.to_string();
        let mut found: String = text.chars().take(60).collect();
        if found.len() < text.len() {
            found.push('…');
        }
        JsonError { path: self.path.clone(), expected: expected.into(), found }
    }

    /// Reads with more of a path.
    fn at(&mut self, step: &str, ty: &Type, json: &Json) -> Result<Value, JsonError> {
        let before = self.path.len();
        self.path.push_str(step);
        let value = self.value(ty, json)?;
        self.path.truncate(before);
        Ok(value)
    }

    fn value(&mut self, ty: &Type, json: &Json) -> Result<Value, JsonError> {
        let named = || show_type(self.program, ty);
        match ty {
            Type::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| self.refuse(named(), json)),
            Type::Trit => {
                let trit = self.int(ty, json, -1, 1)?;
                Ok(Value::Trit(trit as i8))
            }
            Type::Tryte(width) => {
                let max = ((3i128.pow(u32::from((*width).min(40))) - 1) / 2) as i64;
                self.int(ty, json, -max, max).map(Value::Tryte)
            }
            Type::Int => self.int(ty, json, i64::MIN, i64::MAX).map(Value::Int),
            Type::IntIn(lo, hi) => self.int(ty, json, *lo, *hi).map(Value::Int),
            Type::U64 => {
                let digits = json.as_str().filter(|text| (1..=16).contains(&text.len()) && is_hex(text));
                let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
                number.map(Value::U64).ok_or_else(|| self.refuse("U64 as 1 to 16 hexadecimal digits", json))
            }
            Type::Float => self.float(ty, json).map(Value::Float),
            Type::F32 => self.float(ty, json).map(|x| Value::F32(canonical_f32(x as f32))),
            Type::String => {
                json.as_str().map(|text| Value::String(text.into())).ok_or_else(|| self.refuse(named(), json))
            }
            Type::Bytes => {
                let digits = json.as_str().filter(|text| text.len() % 2 == 0 && is_hex(text));
                let digits = digits.ok_or_else(|| self.refuse("Bytes as hexadecimal digits", json))?;
                let byte =
                    |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
                Ok(Value::Bytes(digits.as_bytes().chunks(2).filter_map(byte).collect()))
            }
            Type::List(of) => {
                let items = json.as_array().ok_or_else(|| self.refuse(named(), json))?;
                Ok(Value::List(Rc::new(self.items(items, of)?)))
            }
            Type::Set(of) => {
                let items = json.as_array().ok_or_else(|| self.refuse(named(), json))?;
                let members: std::collections::BTreeSet<_> = self.items(items, of)?.into_iter().collect();
                if members.len() < items.len() {
                    return Err(self.refuse("each member once", json));
                }
                Ok(Value::Set(Rc::new(members)))
            }
            Type::Map(key, of) => self.map(key, of, json, &named()),
            Type::Option(of) => match (json, only(json, "some")) {
                (Json::Null, _) => Ok(Value::Option(None)),
                (_, Some(inner)) => Ok(Value::Option(Some(Rc::new(self.at(".some", of, inner)?)))),
                _ => Err(self.refuse(format!("{} as null or {{\"some\": …}}", named()), json)),
            },
            Type::Result(of, err) => match (only(json, "ok"), only(json, "err")) {
                (Some(inner), _) => Ok(Value::Result(Ok(Rc::new(self.at(".ok", of, inner)?)))),
                (_, Some(inner)) => Ok(Value::Result(Err(Rc::new(self.at(".err", err, inner)?)))),
                _ => Err(self.refuse(format!("{} as {{\"ok\": …}} or {{\"err\": …}}", named()), json)),
            },
            Type::Tuple(of) => {
                let parts = json.as_array().filter(|parts| parts.len() == of.len());
                let parts = parts.ok_or_else(|| self.refuse(named(), json))?;
                let parts = of.iter().zip(parts).enumerate();
                let parts = parts.map(|(at, (ty, part))| self.at(&format!("[{at}]"), ty, part));
                Ok(Value::Tuple(parts.collect::<Result<Vec<_>, _>>()?.into()))
            }
            Type::Named(id) => match &self.program.type_def(*id).shape {
                Shape::Constrained { base, .. } | Shape::Alias(base) => self.value(base, json),
                Shape::Record(fields) => {
                    let parts = self.fields(fields, json, &named())?;
                    Ok(Value::Record(*id, parts.into()))
                }
                Shape::Enum { cases, .. } => {
                    let (name, inner) = match json {
                        Json::String(name) => (name, None),
                        Json::Object(object) if object.len() == 1 => match object.iter().next() {
                            Some((name, inner)) => (name, Some(inner)),
                            None => return Err(self.refuse(named(), json)),
                        },
                        _ => return Err(self.refuse(named(), json)),
                    };
                    let Some(at) = cases.iter().position(|case| case.name == *name) else {
                        return Err(self.refuse(format!("a case of {}", named()), json));
                    };
                    let fields = &cases[at].fields;
                    let parts = match inner {
                        None if fields.is_empty() => Vec::new(),
                        Some(inner) if !fields.is_empty() => {
                            let before = self.path.len();
                            self.path.push_str(&format!(".{name}"));
                            let parts = self.fields(fields, inner, &format!("what {name} carries"))?;
                            self.path.truncate(before);
                            parts
                        }
                        None => return Err(self.refuse(format!("{{\"{name}\": {{…}}}}"), json)),
                        Some(_) => return Err(self.refuse(format!("\"{name}\""), json)),
                    };
                    Ok(Value::Enum(*id, at as u16, parts.into()))
                }
            },
            Type::Param(_) | Type::Var(_) | Type::Poison => Err(self.refuse("a type that is known", json)),
        }
    }

    fn int(&self, ty: &Type, json: &Json, lo: i64, hi: i64) -> Result<i64, JsonError> {
        let number = match json {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.parse().ok().filter(|number: &i64| number.to_string() == *text),
            _ => None,
        };
        let number = number.filter(|number| (lo..=hi).contains(number));
        number.ok_or_else(|| self.refuse(show_type(self.program, ty), json))
    }

    fn float(&self, ty: &Type, json: &Json) -> Result<f64, JsonError> {
        let x = match json {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                "-0" => Some(-0.0),
                _ => None,
            },
            _ => None,
        };
        let named =
            || format!("{} as a number, \"NaN\", \"Infinity\", \"-Infinity\" or \"-0\"", show_type(self.program, ty));
        x.map(canonical).ok_or_else(|| self.refuse(named(), json))
    }

    fn items(&mut self, items: &[Json], of: &Type) -> Result<Vec<Value>, JsonError> {
        items.iter().enumerate().map(|(at, item)| self.at(&format!("[{at}]"), of, item)).collect()
    }

    fn map(&mut self, key: &Type, of: &Type, json: &Json, named: &str) -> Result<Value, JsonError> {
        let expected = || format!("{named} as a list of [key, value]");
        let items = json.as_array().ok_or_else(|| self.refuse(expected(), json))?;
        let mut entries = std::collections::BTreeMap::new();
        for (at, item) in items.iter().enumerate() {
            let Some([k, v]) = item.as_array().map(Vec::as_slice) else {
                return Err(self.refuse(expected(), json));
            };
            let k = self.at(&format!("[{at}][0]"), key, k)?;
            let v = self.at(&format!("[{at}][1]"), of, v)?;
            entries.insert(k, v);
        }
        if entries.len() < items.len() {
            return Err(self.refuse("each key once", json));
        }
        Ok(Value::Map(Rc::new(entries)))
    }

    fn fields(&mut self, fields: &[FieldDef], json: &Json, named: &str) -> Result<Vec<Value>, JsonError> {
        let object = json.as_object().ok_or_else(|| self.refuse(format!("{named} as an object"), json))?;
        if let Some(unknown) = object.keys().find(|key| !fields.iter().any(|field| field.name == **key)) {
            let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
            let expected = format!("no key but {}", names.join(", "));
            return Err(self.refuse(expected, &Json::from(unknown.as_str())));
        }
        let mut parts = Vec::new();
        for field in fields {
            let part = object.get(&field.name);
            let part = part.ok_or_else(|| self.refuse(format!("the key \"{}\"", field.name), json))?;
            parts.push(self.at(&format!(".{}", field.name), &field.ty, part)?);
        }
        Ok(parts)
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What an object has under its one key.
fn only<'j>(json: &'j Json, key: &str) -> Option<&'j Json> {
    json.as_object().filter(|object| object.len() == 1)?.get(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        random::SplitMix64,
        testing::{programs, values},
        types::TypeId,
    };

    #[test]
    fn values_come_back() {
        let program = programs::program(1, 1);
        let mut random = SplitMix64::new(7);
        let option = |of| Type::Option(Box::new(of));
        let mut types = vec![
            Type::IntIn(-3, 3),
            option(option(Type::Int)),
            Type::Result(Box::new(Type::Float), Box::new(Type::F32)),
            Type::Map(Box::new(Type::Tryte(40)), Box::new(Type::Bytes)),
            Type::Set(Box::new(Type::U64)),
            Type::List(Box::new(Type::Tuple(vec![Type::Trit, Type::Bool, Type::String]))),
        ];
        types.extend((0..4).map(|id| Type::Named(TypeId(id))));
        for ty in &types {
            for _ in 0..300 {
                let value = values::value(&program, ty, 4, &mut random);
                let text = to_json(&program, ty, &value).unwrap().to_string();
                let back = from_json(&program, ty, &serde_json::from_str(&text).unwrap());
                assert_eq!(back, Ok(value), "{text}");
            }
        }
        for _ in 0..20_000 {
            let value = Value::Float(canonical(f64::from_bits(random.next_u64())));
            let text = to_json(&program, &Type::Float, &value).unwrap().to_string();
            assert_eq!(from_json(&program, &Type::Float, &serde_json::from_str(&text).unwrap()), Ok(value), "{text}");
        }
    }

    #[test]
    fn forms_are_those_of_the_protocol() {
        let program = programs::program(1, 1);
        let check = |ty: &Type, value: Value, expected: &str| {
            assert_eq!(to_json(&program, ty, &value).unwrap().to_string(), expected);
        };
        check(&Type::Int, Value::Int(SAFE), "9007199254740991");
        check(&Type::Int, Value::Int(SAFE + 1), "\"9007199254740992\"");
        check(&Type::Float, Value::Float(0.1), "0.1");
        check(&Type::Float, Value::Float(-0.0), "\"-0\"");
        check(&Type::Float, Value::Float(f64::NAN), "\"NaN\"");
        check(&Type::Float, Value::Float(f64::NEG_INFINITY), "\"-Infinity\"");
        check(&Type::U64, Value::U64(255), "\"00000000000000ff\"");
        check(&Type::Bytes, Value::Bytes([1, 255].into()), "\"01ff\"");
        check(&Type::Tryte(3), Value::Tryte(-13), "-13");
        let circle = Value::Enum(TypeId(3), 1, vec![Value::Float(1.5)].into());
        check(&Type::Named(TypeId(3)), circle, "{\"circle\":{\"radius\":1.5}}");
        check(&Type::Named(TypeId(1)), Value::Enum(TypeId(1), 0, vec![].into()), "\"red\"");
    }

    #[test]
    fn what_is_refused_names_path_expected_and_found() {
        let program = programs::program(1, 1);
        let check = |ty: &Type, json: &str, expected: &str| {
            let error = from_json(&program, ty, &serde_json::from_str(json).unwrap()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        let ints = Type::List(Box::new(Type::IntIn(0, 9)));
        check(&ints, "[1, 10]", "value[1]: expected Int(0..9), found 10");
        check(&ints, "[1.0]", "value[0]: expected Int(0..9), found 1.0");
        check(&Type::Int, "\"007\"", "value: expected Int, found \"007\"");
        check(&Type::U64, "\"0x1\"", "value: expected U64 as 1 to 16 hexadecimal digits, found \"0x1\"");
        check(&Type::Bytes, "\"abc\"", "value: expected Bytes as hexadecimal digits, found \"abc\"");
        check(&Type::Trit, "2", "value: expected Trit, found 2");
        let form = Type::Named(TypeId(3));
        check(
            &form,
            "{\"circle\":{\"radius\":\"x\"}}",
            "value.circle.radius: expected Float as a number, \"NaN\", \"Infinity\", \"-Infinity\" or \"-0\", found \"x\"",
        );
        check(&form, "\"square\"", "value: expected a case of Form, found \"square\"");
        check(&form, "\"circle\"", "value: expected {\"circle\": {…}}, found \"circle\"");
        check(&form, "{\"none\":{}}", "value: expected \"none\", found {\"none\":{}}");
        let pair = Type::Named(TypeId(0));
        check(&pair, "{\"number\":1}", "value: expected the key \"text\", found {\"number\":1}");
        check(&pair, "{\"number\":1,\"text\":\"\",\"x\":0}", "value: expected no key but number, text, found \"x\"");
        let option = Type::Option(Box::new(Type::Int));
        check(&option, "5", "value: expected Option<Int> as null or {\"some\": …}, found 5");
        let set = Type::Set(Box::new(Type::Int));
        check(&set, "[1,1]", "value: expected each member once, found [1,1]");
        let map = Type::Map(Box::new(Type::Int), Box::new(Type::Int));
        check(&map, "[[1,2],[1,3]]", "value: expected each key once, found [[1,2],[1,3]]");
        check(&map, "[[1]]", "value: expected Map<Int, Int> as a list of [key, value], found [[1]]");
        let long = format!("{:?}", "é".repeat(100));
        check(&Type::Bool, &long, &format!("value: expected Bool, found \"{}…", "é".repeat(59)));
    }

    #[test]
    fn what_is_deep_or_looks_huge_is_refused() {
        let program = programs::program(1, 1);
        let tree = Type::Named(TypeId(2));
        for (levels, has_two) in [(100_000, false), (60, true)] {
            let leaf = || Value::Enum(TypeId(2), 0, vec![].into());
            let deep = (0..levels).fold(leaf(), |inner, _| {
                let other = if has_two { inner.clone() } else { leaf() };
                Value::Enum(TypeId(2), 1, vec![inner, Value::Int(0), other].into())
            });
            assert!(to_json(&program, &tree, &deep).is_err());
        }
    }
}
