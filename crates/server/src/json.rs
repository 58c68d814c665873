//! Reading of JSON bodies: what is not understood is refused by name, or skipped and told.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{ApiError, ErrorKind};

/// Deepest nesting of a body.
pub const JSON_DEPTH_MAX: usize = 64;

/// How a wire type's error begins where the field is known and this server has not what it asks for.
pub const UNSUPPORTED: &str = "unsupported by this server";

/// Reads a body into a wire type; the error names the field and what stands there.
///
/// Wire types of APIs that are strict say `#[serde(deny_unknown_fields)]`, so that a field that means nothing here is
/// refused; in others such a field is skipped, as their own servers do, and its path is given to `ignored`. A duplicate
/// field, a number that no double holds and a lone surrogate are errors of the reader.
pub fn decode_noting<T: DeserializeOwned>(body: &[u8], mut ignored: impl FnMut(String)) -> Result<T, ApiError> {
    check_depth(body)?;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| ignored(kind_of_place(&path)));
    let value = value.map_err(|error| refusal("", &track.path().to_string(), &error))?;
    reader.end().map_err(|e| ApiError::new(ErrorKind::Invalid, format!("the body: {e}")))?;
    Ok(value)
}

/// Reads a body into a wire type as [`decode_noting`] does, where nobody asks what was skipped.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    decode_noting(body, |_| ())
}

/// A path without its numbers, so that the same field of every message is one thing: `messages[].name`.
fn kind_of_place(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, .. } => kind_of_place(parent) + "[]",
        Path::Map { parent, key } => match kind_of_place(parent) {
            parent if parent.is_empty() => key.clone(),
            parent => format!("{parent}.{key}"),
        },
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            kind_of_place(parent)
        }
    }
}

/// Reads a part of a body that was kept as JSON until it was known what it has to be; `path` is where it stands.
pub(crate) fn from_value<T: DeserializeOwned>(value: Value, path: &str) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|e| refusal(path, &e.path().to_string(), e.inner()))
}

/// Reads a part of a body, which stands at `path`, into a type that skips what it does not know; what that is goes to
/// `skipped`, the places in lists without their numbers.
pub(crate) fn from_value_noting<T: DeserializeOwned>(
    value: Value,
    path: &str,
    skipped: &dyn Fn(&str),
) -> Result<T, ApiError> {
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let read = serde_ignored::deserialize(tracked, |field| {
        let place: String = path.chars().filter(|c| !c.is_ascii_digit()).collect();
        skipped(&format!("{place}.{}", kind_of_place(&field)));
    });
    read.map_err(|error| refusal(path, &track.path().to_string(), &error))
}

/// The error that the reader gave, with the whole path of the field.
fn refusal(base: &str, path: &str, error: &serde_json::Error) -> ApiError {
    let message = error.to_string();
    // The list of all that could stand there instead helps nobody.
    let is_unknown = message.starts_with("unknown field");
    let message = message.split(", expected one of").next().filter(|_| is_unknown).unwrap_or(&message);
    let path = match (base, path) {
        (base, "." | "?") => base.to_owned(),
        ("", path) => path.to_owned(),
        (base, path) if path.starts_with('[') => format!("{base}{path}"),
        (base, path) => format!("{base}.{path}"),
    };
    let error = if path.is_empty() {
        ApiError::new(ErrorKind::Invalid, format!("the body: {message}"))
    } else {
        ApiError::invalid(path.clone(), format!("{path}: {message}"))
    };
    let is_unsupported = is_unknown || message.starts_with(UNSUPPORTED);
    if is_unsupported { error.with_code("unsupported_parameter") } else { error }
}

/// Refuses nesting beyond [`JSON_DEPTH_MAX`] without recursion.
fn check_depth(body: &[u8]) -> Result<(), ApiError> {
    let (mut depth, mut is_string, mut is_escaped) = (0usize, false, false);
    for byte in body {
        if is_string {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => is_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => is_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            let message = format!("the body is nested deeper than {JSON_DEPTH_MAX} levels");
            return Err(ApiError::new(ErrorKind::Invalid, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Body {
        n: u32,
        #[serde(default)]
        list: Vec<Item>,
    }

    #[derive(serde::Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Item {
        text: String,
    }

    fn check(body: &str, param: Option<&str>, says: &str) {
        let error = decode::<Body>(body.as_bytes()).unwrap_err();
        assert_eq!(error.param.as_deref(), param, "{error}");
        assert!(error.message.contains(says), "{error}");
        assert_eq!(error.kind, ErrorKind::Invalid);
    }

    #[test]
    fn a_part_names_its_whole_path() {
        let item = |value| from_value::<Body>(value, "list[2]").unwrap_err().param;
        assert_eq!(item(serde_json::json!({"n": 1, "m": 2})).as_deref(), Some("list[2].m"));
        assert_eq!(item(serde_json::json!({"n": 1, "list": [{"text": 5}]})).as_deref(), Some("list[2].list[0].text"));
        assert_eq!(item(serde_json::json!({})).as_deref(), Some("list[2]"));
    }

    #[derive(serde::Deserialize, PartialEq, Debug)]
    struct Open {
        list: Option<Vec<Inner>>,
    }

    #[derive(serde::Deserialize, PartialEq, Debug)]
    struct Inner {
        n: u32,
    }

    #[test]
    fn what_an_open_type_skips_is_told_without_numbers() {
        let told = |body: &str| {
            let mut told = Vec::new();
            let read = decode_noting::<Open>(body.as_bytes(), |path| told.push(path));
            (read.map_err(|e| e.message), told)
        };
        let (read, skipped) = told(r#"{"x": {"y": 1}, "list": [{"n": 1}, {"m": [2], "n": 3}], "z": null}"#);
        assert_eq!(read, Ok(Open { list: Some(vec![Inner { n: 1 }, Inner { n: 3 }]) }));
        assert_eq!(skipped, ["x", "list[].m", "z"]);
        let (read, _) = told(r#"{"x": 1, "list": [{"m": 2, "n": "3"}]}"#);
        assert!(read.unwrap_err().starts_with("list[0].n: invalid type"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(decode::<Body>(br#" {"n": 3} "#), Ok(Body { n: 3, list: vec![] }));
        check("", None, "EOF");
        check("[]", None, "invalid length");
        check("{}", None, "missing field `n`");
        check(r#"{"n": -1}"#, Some("n"), "-1");
        check(r#"{"n": 1e400}"#, Some("n"), "out of range");
        check(r#"{"n": 1, "n": 2}"#, None, "duplicate field `n`");
        check(r#"{"n": 1, "m": 2}"#, Some("m"), "unknown field `m`");
        check(r#"{"n": 1, "list": [{"text": "a"}, {"text": 5}]}"#, Some("list[1].text"), "expected a string");
        check(r#"{"n": 1, "list": [{"text": "\ud800"}]}"#, Some("list[0].text"), "hex escape");
        check(r#"{"n": 1} x"#, None, "trailing characters");
        check(&"[".repeat(1000), None, "deeper than 64");
    }
}
