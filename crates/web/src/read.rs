//! JSON of a page → a type, or an error that names the field.

use serde::de::DeserializeOwned;

use crate::Error;

/// Largest number of bytes of the JSON of one call: the server's limit of a body.
pub(crate) const JSON_BYTES_MAX: usize = 8 << 20;

/// Reads `text`; an empty one is an empty object.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    if text.len() > JSON_BYTES_MAX {
        return Err(Error::input(format!("{} bytes of JSON, at most {JSON_BYTES_MAX} are read", text.len())));
    }
    let text = if text.is_empty() { b"{}" } else { text };
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, message) = (error.path().to_string(), error.inner().to_string());
        // The list of all that could stand there instead helps nobody.
        let is_unknown = message.starts_with("unknown field");
        let message = message.split(", expected one of").next().filter(|_| is_unknown).unwrap_or(&message);
        match path.as_str() {
            "." | "?" => Error::input(format!("the JSON: {message}")),
            _ => Error::field(path.clone(), message),
        }
    })?;
    json.end().map_err(|error| Error::input(format!("the JSON: {error}")))?;
    Ok(value)
}
