//! From the text of `--set KEY=VALUE` to a value of the type that the key has, or should have.

use std::{fs::File, str::FromStr};

use gguf::{Array, Metadata, Scalar, Value, ValueType, documented_types, is_token_key};
use serde_json::Value as Json;

use crate::{failure::Failure, terminal};

const TOKENS: &str = "tokenizer.ggml.tokens";

/// The value that `text` spells for `key` of a file with `metadata`.
pub(super) fn read(metadata: &Metadata, key: &str, text: &str) -> Result<Value, Failure> {
    let there = metadata.get(key).map(Value::value_type);
    let known = there.as_ref().map(std::slice::from_ref).or_else(|| documented_types(key)).unwrap_or_default();
    if let Some((value_type, text)) = stated_type(known, text) {
        let fits = |known: &ValueType| if there.is_some() { *known == value_type } else { known.is_like(value_type) };
        if let Some(usual) = known.first().filter(|_| !known.iter().any(fits)) {
            let why = if there.is_some() { "but the key is" } else { "but GGUF documents the key as" };
            let failure = Failure::usage(format!("{key}: a value of type {value_type}, {why} {usual}"));
            let hint = format!("--remove {key} --set {key}={value_type}:… gives it another type");
            return Err(if there.is_some() { failure.with_hint(hint) } else { failure });
        }
        return parse(metadata, key, value_type, text);
    }
    let usual = known.first().copied().unwrap_or(ValueType::One(Scalar::String));
    let content = text.strip_prefix('@').map(|file| content(key, usual, file)).transpose()?;
    let text = content.as_deref().unwrap_or(text);
    match known {
        [] if content.is_some() => Ok(Value::String(text.to_owned())),
        [] => guess(key, text),
        [only] => parse(metadata, key, *only, text),
        [usual, ..] => {
            let is_list = text.trim_start().starts_with('[');
            let list = known.iter().find(|known| is_list && matches!(known, ValueType::List(_)));
            parse(metadata, key, *list.unwrap_or(usual), text)
        }
    }
}

/// The type before the colon, and what stands behind it. A key that holds text has only its own type: other words
/// before a colon belong to the text.
fn stated_type<'a>(known: &[ValueType], text: &'a str) -> Option<(ValueType, &'a str)> {
    let (name, rest) = text.split_once(':')?;
    let stated = ValueType::from_name(name)?;
    let string = ValueType::One(Scalar::String);
    (known.first() != Some(&string) || stated == string).then_some((stated, rest))
}

/// Reads the value of `key` from the file called `file`.
fn content(key: &str, value_type: ValueType, file: &str) -> Result<String, Failure> {
    let open = File::open(file).map_err(|e| {
        Failure::usage(format!("{key}: {file}: {e}"))
            .with_hint(format!("{key}={value_type}:@{file} takes it as it stands"))
    })?;
    terminal::read_text(file, open)
}

/// A new key of which no document says the type: text, if it cannot be anything else.
fn guess(key: &str, text: &str) -> Result<Value, Failure> {
    let value_type = match serde_json::from_str::<Json>(text) {
        Ok(Json::Bool(_)) => "bool",
        Ok(Json::Array(list)) => match list.first() {
            Some(Json::String(_)) => "string[]",
            Some(Json::Bool(_)) => "bool[]",
            _ if list.iter().any(Json::is_f64) => "f32[]",
            _ => "i32[]",
        },
        _ if text.parse::<u32>().is_ok() => "u32",
        _ if text.parse::<i32>().is_ok() => "i32",
        _ if text.parse::<i64>().is_ok() => "i64",
        _ if text.parse::<u64>().is_ok() => "u64",
        // inf and nan are words.
        _ if text.parse().is_ok_and(f64::is_finite) => "f32",
        _ => return Ok(Value::String(text.to_owned())),
    };
    let what = format!("{key}: a new key that no document knows, so the type of {text:?} is not known");
    Err(Failure::usage(what).with_hint(format!("{key}={value_type}:{text}, or {key}=string:{text}")))
}

fn parse(metadata: &Metadata, key: &str, value_type: ValueType, text: &str) -> Result<Value, Failure> {
    let wrong = |text: &str, value_type: ValueType| Failure::usage(format!("{key}: {text:?} is no {value_type}"));
    match value_type {
        ValueType::One(scalar) => {
            let id = token_id(metadata, key, scalar, text)?;
            one(scalar, id.as_deref().unwrap_or(text)).ok_or_else(|| wrong(text, value_type))
        }
        ValueType::List(element) => {
            let json: Vec<Json> = serde_json::from_str(text)
                .map_err(|e| Failure::usage(format!("{key}: expected a JSON list of {}: {e}", element.name())))?;
            let mut texts = Vec::with_capacity(json.len());
            for (i, value) in json.into_iter().enumerate() {
                let is_text = value.is_string();
                let text = if let Json::String(text) = value { text } else { value.to_string() };
                let id = if is_text { token_id(metadata, key, element, &text)? } else { None };
                if is_text != (element == Scalar::String) && id.is_none() {
                    return Err(Failure::usage(format!("{key}: element {i}: {text:?} is no {}", element.name())));
                }
                texts.push(id.unwrap_or(text));
            }
            array(element, texts)
                .map(Value::Array)
                .map_err(|i| Failure::usage(format!("{key}: element {i} is no {}", element.name())))
        }
    }
}

/// The id, in digits, of the token that `text` spells, where `key` holds one and the text is no number.
fn token_id(metadata: &Metadata, key: &str, scalar: Scalar, text: &str) -> Result<Option<String>, Failure> {
    if !is_token_key(key) || !scalar.is_integer() || text.parse::<i128>().is_ok() {
        return Ok(None);
    }
    let tokens = metadata.strings(TOKENS)?.unwrap_or_default();
    let unknown = || Failure::usage(format!("{key}: {text:?} is none of the {} tokens of {TOKENS}", tokens.len()));
    let id = tokens.iter().position(|token| token == text).ok_or_else(unknown)?;
    Ok(Some(id.to_string()))
}

fn one(scalar: Scalar, text: &str) -> Option<Value> {
    if scalar == Scalar::String {
        return Some(Value::String(text.to_owned()));
    }
    // What comes from a file ends in a newline.
    let text = text.trim();
    Some(match scalar {
        Scalar::U8 => Value::U8(text.parse().ok()?),
        Scalar::I8 => Value::I8(text.parse().ok()?),
        Scalar::U16 => Value::U16(text.parse().ok()?),
        Scalar::I16 => Value::I16(text.parse().ok()?),
        Scalar::U32 => Value::U32(text.parse().ok()?),
        Scalar::I32 => Value::I32(text.parse().ok()?),
        // A number that is too large would be read as infinite.
        Scalar::F32 => Value::F32(text.parse().ok().filter(|x: &f32| x.is_finite())?),
        Scalar::Bool => Value::Bool(text.parse().ok()?),
        Scalar::String => Value::String(text.to_owned()),
        Scalar::U64 => Value::U64(text.parse().ok()?),
        Scalar::I64 => Value::I64(text.parse().ok()?),
        Scalar::F64 => Value::F64(text.parse().ok().filter(|x: &f64| x.is_finite())?),
    })
}

/// An array of `element`; an error is the place of the first text that is none.
fn array(element: Scalar, texts: Vec<String>) -> Result<Array, usize> {
    Ok(match element {
        Scalar::U8 => Array::U8(all(&texts)?),
        Scalar::I8 => Array::I8(all(&texts)?),
        Scalar::U16 => Array::U16(all(&texts)?),
        Scalar::I16 => Array::I16(all(&texts)?),
        Scalar::U32 => Array::U32(all(&texts)?),
        Scalar::I32 => Array::I32(all(&texts)?),
        Scalar::F32 => Array::F32(finite(all(&texts)?, |x: &f32| x.is_finite())?),
        Scalar::Bool => Array::Bool(all(&texts)?),
        Scalar::String => Array::String(texts),
        Scalar::U64 => Array::U64(all(&texts)?),
        Scalar::I64 => Array::I64(all(&texts)?),
        Scalar::F64 => Array::F64(finite(all(&texts)?, |x: &f64| x.is_finite())?),
    })
}

fn all<T: FromStr>(texts: &[String]) -> Result<Vec<T>, usize> {
    texts.iter().enumerate().map(|(i, text)| text.parse().map_err(|_| i)).collect()
}

fn finite<T>(values: Vec<T>, is_finite: impl Fn(&T) -> bool) -> Result<Vec<T>, usize> {
    values.iter().position(|x| !is_finite(x)).map_or(Ok(values), Err)
}
